"""Builds, checks and reads a text corpus on a disk and in object storage on loopback, in one run.

    python -m tests.bench.bench_object_storage
    python -m tests.bench.bench_object_storage --megabytes 100 --delay 0.02

The dump is that of `tests.bench.bench_build`, grown to 40 MB of XML. Printed: CPU seconds of the command and all of its
processes and wall time, there over here; requests by kind; bytes that were sent. Then a root is refreshed, first from
nothing, then with the newest 1% of the pages changed. The server is moto's,
whose own time is in the wall time alone; `--delay` makes every request take so many seconds longer.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.bench.bench_build import build_command, default_dump, grow_dump
from tests.bench.bench_refresh import change_pages
from tests.bench.bench_refresh import command as refresh_command
from tests.services.object_storage import Fault, ObjectStorage, object_storage


@dataclass(frozen=True)
class Measured:
    """What a command and all processes that it started took."""

    cpu: float
    wall: float


def measure(command: list[str], environment: dict[str, str]) -> Measured:
    """Runs a command.

    Raises:
        SystemExit: it failed.
    """
    started = time.monotonic()
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, env=environment, stdout=said, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            raise SystemExit(f"{' '.join(command)} ended with {process.returncode}:\n{said.read()}")
    return Measured(used.ru_utime + used.ru_stime, time.monotonic() - started)


def compare(name: str, here: list[str], there: list[str], storage: ObjectStorage, cache: Path) -> None:
    """Runs a command on the disk and in object storage and prints both."""
    environment = {**os.environ, **storage.environment, "KC_STORAGE_CACHE": str(cache)}
    local = measure(here, environment)
    before = len(storage.requests)
    remote = measure(there, environment)
    requests = storage.requests[before:]
    kinds = sorted({request.method for request in requests})
    counted = ", ".join(f"{sum(r.method == kind for r in requests)} {kind}" for kind in kinds)
    locks = sum(request.key.endswith("/.lock") for request in requests)
    sent = sum(request.bytes for request in requests) / 1e6
    print(
        f"{name}: CPU {local.cpu:.1f} s here, {remote.cpu:.1f} s there ({remote.cpu / local.cpu:.2f});"
        f" wall {local.wall:.1f} s, {remote.wall:.1f} s ({remote.wall / local.wall:.2f});"
        f" {len(requests)} requests ({counted}; {locks} of them for the lock), {sent:.1f} MB sent",
        flush=True,
    )


def main() -> None:
    """Runs the benchmark and prints its figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--megabytes", type=float, default=40.0, help="XML of the grown dump")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds that every request takes longer")
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, object_storage() as storage:
        dump, kc = Path(folder, "enwiki-20220101-pages-articles-multistream.xml.bz2"), Path(folder, "kc")
        xml = grow_dump(default_dump(), dump, int(given.megabytes * 1e6))
        key = f"dumps/{dump.name}"
        storage.client().upload_file(str(dump), storage.bucket, key)
        print(
            f"{xml / 1e6:.0f} MB of XML in {dump.stat().st_size / 1e6:.1f} MB; {given.delay} s more a request"
        )
        if given.delay:
            storage.faults.append(Fault("wait", seconds=given.delay))
        cache = Path(folder, "copies")
        there = storage.address("kc")
        compare(
            "build",
            build_command(dump, kc, given.workers),
            [there if word == str(kc) else storage.address(key) if word == str(dump) else word
             for word in build_command(dump, kc, given.workers)],
            storage, cache,
        )  # fmt: skip
        verify = [sys.executable, "-m", "kc_schema.verify"]
        compare("verify, copies at hand", [*verify, str(kc)], [*verify, there], storage, cache)
        compare("verify, elsewhere", [*verify, str(kc)], [*verify, there], storage, Path(folder, "empty"))
        changed = dump.with_name(dump.name.replace("20220101", "20220201"))
        pages = change_pages(dump, changed, 0.01, newest=True)
        root = Path(folder, "root")
        for name, of in (
            ("first refresh", dump),
            (f"refresh, {pages[0]} of {pages[1]} pages changed", changed),
        ):
            key = f"dumps/{of.name}"
            storage.client().upload_file(str(of), storage.bucket, key)
            here = refresh_command(root, of, "tantivy")
            words = {str(root): storage.address("root"), str(of): storage.address(key)}
            compare(name, here, [words.get(word, word) for word in here], storage, cache)
        copied = [r for r in storage.requests if r.method == "PUT" and not r.bytes and "/snapshots/" in r.key]
        print(f"{len(copied)} objects copied by the server")


if __name__ == "__main__":
    main()
