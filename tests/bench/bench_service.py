"""Load on the service, over loopback: latency of one client, of several, errors at twice what it sustains, memory.

    python -m tests.bench.bench_service --kc demo/kc

Clients are threads of a process of their own, each with one connection that stays open; queries are sentences of the
corpus. The sustained rate is what many clients get that each wait for their answer; then clients send at twice that
rate whether answers come or not, and every answer but 200 is counted. Then they come from eight addresses, so that not
one address is refused (429) but the service has no room (503): more requests than it takes at once, and more questions
than may wait. Memory is the resident set of the service.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import random
import threading
import time
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from urllib.parse import quote

from kc_schema.snapshot import open_snapshot
from tests.services.corpus_service import RunningService, running_service


def some_sentences(kc: Path, count: int = 500) -> list[str]:
    texts: list[str] = []
    for batch in open_snapshot(kc).batches("sentences", ["text"]):
        texts += batch["text"].to_pylist()
        if len(texts) > 50_000:
            break
    return [text[:200] for text in random.Random(0).sample(texts, min(count, len(texts)))]


def ask_for(
    port: int, queries: list[str], clients: int, seconds: float, rate: float | None, addresses: int = 1
) -> dict[str, Any]:
    """Asks with so many connections for so long, at a rate of all together or as fast as answers come."""
    times: dict[str, list[float]] = {}
    lock = threading.Lock()
    begun = time.perf_counter()
    turns = itertools.count()

    def client(number: int) -> None:
        draws = random.Random(number)
        source = (f"127.0.0.{1 + number % addresses}", 0)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60, source_address=source)
        while (now := time.perf_counter()) - begun < seconds:
            if rate is not None:
                due = begun + next(turns) / rate
                if due - begun > seconds:
                    break
                time.sleep(max(0.0, due - now))
            sent = time.perf_counter()
            try:
                connection.request("GET", f"/search?q={quote(draws.choice(queries))}&k=10")
                answer = connection.getresponse()
                answer.read()
                status = str(answer.status)
            except OSError as error:
                status = type(error).__name__
                connection.close()
            with lock:
                times.setdefault(status, []).append(time.perf_counter() - sent)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - begun
    return {
        "clients": clients,
        "rate": round(sum(map(len, times.values())) / took, 1),
        "statuses": {status: len(found) for status, found in sorted(times.items())},
        "p50 ms": {status: _milliseconds(found, 0.5) for status, found in sorted(times.items())},
        "p99 ms": {status: _milliseconds(found, 0.99) for status, found in sorted(times.items())},
    }


def _milliseconds(times: list[float], share: float) -> float:
    return round(1e3 * sorted(times)[int(share * (len(times) - 1))], 1)


def apart(*arguments: Any) -> dict[str, Any]:
    """Runs `ask_for` in a process of its own, so that clients and service share no interpreter."""
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(ask_for, arguments)


def megabytes(service: RunningService) -> float:
    status = Path(f"/proc/{service.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def page_times(service: RunningService, paths: list[str], times: int = 5) -> dict[str, float]:
    """Seconds that each page takes, the slowest of some times."""

    def once(path: str) -> float:
        begun = time.perf_counter()
        service.get(path)
        return time.perf_counter() - begun

    return {path: round(max(once(path) for _ in range(times)), 3) for path in paths}


def show(name: str, value: object) -> None:
    print(f"{name}: {json.dumps(value)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kc", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--clients", type=int, default=32)
    given = parser.parse_args()
    queries = some_sentences(given.kc)
    show_common_load(given.kc, queries, given.seconds, given.clients)
    with running_service("--kc", given.kc) as service:
        show("more at once than 256", apart(service.port, queries, 400, given.seconds, None, 8))
    with running_service("--kc", given.kc, "--waiting", 16) as service:
        show("more waiting than 16", apart(service.port, queries, 128, given.seconds, None, 8))
        show("one client behind it", apart(service.port, queries, 1, 2.0, None))


def show_common_load(kc: Path, queries: list[str], seconds: float, clients: int) -> None:
    with running_service("--kc", kc, module="pipelines.explore") as service:
        port = service.port
        show("seconds of the first request", page_times(service, [f"/search?q={quote(queries[0])}"], 1))
        apart(port, queries, 4, 2.0, None)
        before = megabytes(service)
        show("one client", apart(port, queries, 1, seconds, None))
        sustained = apart(port, queries, clients, seconds, None)
        show("many clients", sustained)
        show("twice that rate", apart(port, queries, 4 * clients, seconds, 2 * sustained["rate"]))
        show("memory in MB, before and after", [round(before, 1), round(megabytes(service), 1)])
        show("many clients again", apart(port, queries, clients, seconds, None))
        show("memory in MB, at the end", round(megabytes(service), 1))
        show("seconds a page", page_times(service, ["/", f"/look?q={quote(queries[0])}", "/random"]))


if __name__ == "__main__":
    main()
