"""A dump server of the tests' own: both layouts of the public one, and every way to misbehave.

with dump_server() as server:
    server.add_classic("testwiki", "20260101", {"testwiki-20260101-pages-articles-multistream.xml.bz2": data})
    server.add_content("testwiki", "2026-01-01", {"testwiki-2026-01-01-p1p9.xml.bz2": data})
    server.cut_after = 1000
"""

from __future__ import annotations

import hashlib
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MULTISTREAM = "articlesmultistreamdump"
CONTENT = "other/mediawiki_content_current"


@dataclass
class ServedDumps:
    """The running server: what it serves, how it misbehaves, what it saw."""

    port: int
    files: dict[str, bytes] = field(default_factory=dict)
    """By path, without the leading slash."""
    prefix: str = ""
    """Folder of the address under which a mirror has the layout."""
    ranges: bool = True
    """Whether ranges are answered; else the whole file comes."""
    cut_after: int | None = None
    """Bytes of a dump file after which a connection is cut."""
    cuts: int = 1_000_000
    """How many connections are cut in all."""
    refusals: list[tuple[int, str | None]] = field(default_factory=list)
    """Statuses with their ``Retry-After``, one for each of the next requests of a dump file."""
    gone_after: int | None = None
    """Requests of dump files after which they are gone."""
    bytes_per_second: float | None = None
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)
    """Method, path and range of every request."""
    agents: set[str] = field(default_factory=set)
    most_connections: int = 0
    bytes_sent: Counter[str] = field(default_factory=Counter)
    _running: int = 0
    _asked: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.prefix}"

    def add_classic(
        self,
        wiki: str,
        day: str,
        files: Mapping[str, bytes],
        *,
        status: str = "done",
        job: str = MULTISTREAM,
        tables: Mapping[str, tuple[str, bytes]] | None = None,
        checksums: bool = True,
        sizes: bool = True,
    ) -> None:
        """Adds a run with one job that writes articles, and tables by the names of their jobs."""
        jobs: dict[str, Any] = {"namespaces": {"status": "done", "files": {}}}
        wanted = {job: (status, dict(files))}
        for table, (name, data) in (tables or {}).items():
            wanted[table] = ("done", {name: data})
        for name, (state, contents) in wanted.items():
            listed = {}
            for file, data in contents.items():
                self.files[f"{wiki}/{day}/{file}"] = data
                listed[file] = {"url": f"/{wiki}/{day}/{file}"}
                if sizes:
                    listed[file]["size"] = len(data)
                if checksums:
                    listed[file]["sha1"] = hashlib.sha1(data).hexdigest()
                    listed[file]["md5"] = hashlib.md5(data).hexdigest()
            jobs[name] = {"status": state, "updated": "2026-01-03 01:00:00", "files": listed}
        text = json.dumps({"version": "0.8", "jobs": jobs})
        self.files[f"{wiki}/{day}/dumpstatus.json"] = text.encode()

    def add_content(
        self, wiki: str, date: str, files: Mapping[str, bytes], *, success: bool = True, sums: bool = True
    ) -> None:
        """Adds a run of the content file exports."""
        folder = f"{CONTENT}/{wiki}/{date}/xml/bzip2"
        for name, data in files.items():
            self.files[f"{folder}/{name}"] = data
        if sums:
            lines = [f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in files.items()]
            self.files[f"{folder}/SHA256SUMS"] = "".join(lines).encode()
        if success:
            self.files[f"{folder}/_SUCCESS"] = b""

    def begin(self, method: str, path: str, wanted: str | None, agent: str) -> None:
        with self._lock:
            self.requests.append((method, path, wanted))
            self.agents.add(agent)
            self._running += 1
            self.most_connections = max(self.most_connections, self._running)

    def end(self) -> None:
        with self._lock:
            self._running -= 1

    def misbehaves(self) -> tuple[int, str | None] | None:
        """Gives the status with which the next request of a dump file is refused; None to serve it."""
        with self._lock:
            self._asked += 1
            if self.gone_after is not None and self._asked > self.gone_after:
                return 404, None
            return self.refusals.pop(0) if self.refusals else None

    def takes_cut(self) -> bool:
        with self._lock:
            self.cuts -= 1
            return self.cuts >= 0


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    served: ServedDumps

    def log_message(self, *arguments: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self._do("HEAD")

    def do_GET(self) -> None:
        self._do("GET")

    def _do(self, method: str) -> None:
        served = self.served
        wanted = self.headers.get("Range")
        served.begin(method, self.path, wanted, self.headers.get("User-Agent", ""))
        try:
            if not self.path.startswith(f"{served.prefix}/"):
                return self._send(method, 404)
            path = self.path.removeprefix(f"{served.prefix}/")
            if path.endswith("/"):
                return self._listing(method, path)
            data = served.files.get(path)
            if ".xml" in path or ".sql" in path:
                refusal = served.misbehaves() if method == "GET" else None
                if refusal is not None:
                    return self._send(method, refusal[0], retry=refusal[1])
                if data is not None:
                    return self._file(method, path, data, wanted)
            return self._send(method, 404 if data is None else 200, data or b"")
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            served.end()

    def _listing(self, method: str, path: str) -> None:
        """The names below a folder, as web servers list them."""
        names = {
            file.removeprefix(path).partition("/")[0] for file in self.served.files if file.startswith(path)
        }
        lines = "".join(f'<a href="{name}/">{name}/</a>   03-Jan-2026 01:00    -\n' for name in sorted(names))
        body = f'<html><body><h1>Index of /{path}</h1><pre><a href="../">../</a>\n{lines}</pre></body></html>'
        self._send(method, 200 if names else 404, body.encode())

    def _send(self, method: str, status: int, body: bytes = b"", retry: str | None = None) -> None:
        self.send_response(status)
        if retry is not None:
            self.send_header("Retry-After", retry)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if method == "GET":
            self.wfile.write(body)

    def _file(self, method: str, path: str, data: bytes, wanted: str | None) -> None:
        served = self.served
        first = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and served.ranges else 0
        if first >= len(data) and first:
            return self._send(method, 416)
        self.send_response(206 if first else 200)
        if first:
            self.send_header("Content-Range", f"bytes {first}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - first))
        self.end_headers()
        if method == "HEAD":
            return None
        rest = data[first:]
        if served.cut_after is not None and len(rest) > served.cut_after and served.takes_cut():
            self._drip(path, rest[: served.cut_after])
            self.wfile.flush()
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return None
        return self._drip(path, rest)

    def _drip(self, path: str, data: bytes) -> None:
        step = 1 << 14
        for start in range(0, len(data), step):
            piece = data[start : start + step]
            self.wfile.write(piece)
            self.served.bytes_sent[path] += len(piece)
            if self.served.bytes_per_second:
                time.sleep(len(piece) / self.served.bytes_per_second)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # connections that end early are part of the tests


@contextmanager
def dump_server() -> Iterator[ServedDumps]:
    """Runs the server on this machine until the block ends."""
    served = ServedDumps(0)
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"served": served}))
    served.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
