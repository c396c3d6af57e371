"""The real service as a process of its own on loopback, and a client that asks it.

with running_service("--kc", kc) as service:
    service.get("/search?q=town")
"""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Reply:
    """An answer."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        return str(self.json["error"])


@dataclass
class RunningService:
    """A service that listens."""

    process: subprocess.Popen[str]
    port: int
    lines: list[str] = field(default_factory=list)
    """What it wrote to standard error."""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, dict(headers or {}))
            found = connection.getresponse()
            return Reply(found.status, found.read(), {k.lower(): v for k, v in found.getheaders()})
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Reply:
        return self.ask("GET", path, headers=headers)

    def post(self, path: str, value: object, **headers: str) -> Reply:
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        return self.ask("POST", path, body, {"Content-Type": "application/json", **headers})


def start_service(
    *arguments: object, module: str = "pipelines.serve", environment: Mapping[str, str] | None = None
) -> RunningService:
    """Starts a service on a free port, unless `--port` is given; returns when it listens."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    if "--port" not in arguments:
        command += ["--port", "0"]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})},
    )  # fmt: skip
    assert process.stderr is not None
    service = RunningService(process, 0)
    for line in process.stderr:
        service.lines.append(line)
        if found := re.search(r"http://[^ ]+?:(\d+)", line):
            service.port = int(found[1])
            break
    else:
        process.wait()
        raise AssertionError(f"no service: {''.join(service.lines)}")
    threading.Thread(target=lambda: service.lines.extend(process.stderr or ()), daemon=True).start()
    return service


@contextmanager
def running_service(
    *arguments: object, module: str = "pipelines.serve", environment: Mapping[str, str] | None = None
) -> Iterator[RunningService]:
    """A service that ends with the block."""
    service = start_service(*arguments, module=module, environment=environment)
    try:
        yield service
    finally:
        service.process.kill()
        service.process.wait()
