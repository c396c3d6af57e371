"""A real S3 server on loopback, and a proxy before it that counts requests and spoils some of them.

The server is moto's, as a process of its own: what it gets and gives is HTTP. Clients speak to the proxy::

    with object_storage() as storage:
        storage.environment                      what a command needs in its environment
        storage.address("kc")                    s3://corpora-.../kc
        storage.faults.append(Fault("refuse", methods=("PUT",), times=3))
        storage.count("GET", "kc/pages/")        requests so far
"""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import socket
import struct
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlsplit

KEY, SECRET, REGION = "try-key", "try-secret", "us-east-1"
_NOT_PASSED = {"connection", "transfer-encoding", "content-length", "keep-alive"}
_SLOW_DOWN = (
    b'<?xml version="1.0" encoding="UTF-8"?>'
    b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
)

Act = Literal["refuse", "cut_request", "cut_reply", "lose_reply", "wait"]


@dataclass
class Fault:
    """A rule: what happens to some of the requests."""

    act: Act
    """
    refuse: 503 SlowDown, the server is not asked.
    cut_request: the connection is reset when half of the body has come, the server is not asked.
    cut_reply: the server does as it is told, the connection is reset behind half of its answer.
    lose_reply: the server does as it is told, the connection is reset without an answer.
    wait: `seconds` go by, then the request goes its way.
    """
    methods: Sequence[str] = ("GET", "PUT", "POST", "DELETE", "HEAD")
    key: str = ""
    """A pattern that is searched in the key; of a list of keys, in the prefix."""
    skip: int = 0
    """How many of the requests that fit are let through first."""
    every: int = 1
    """Which of the others it strikes: all, every second one, ..."""
    times: int = 1_000_000
    """How many it strikes at most."""
    seconds: float = 0.0
    then: Callable[[], object] = lambda: None
    """Is called whenever it strikes."""
    seen: int = 0
    struck: int = 0
    """How many requests it has struck."""

    def strikes(self, request: Request) -> bool:
        """Take note of a request; tell whether the fault happens to it."""
        if request.method not in self.methods or not re.search(self.key, request.key):
            return False
        self.seen += 1
        hit = (
            self.seen > self.skip
            and (self.seen - self.skip - 1) % self.every == 0
            and self.struck < self.times
        )
        self.struck += hit
        return hit


@dataclass(frozen=True)
class Request:
    """A request that came."""

    method: str
    """LIST where it asks for keys."""
    key: str
    """Of the object, without the bucket; the prefix of a list."""
    range: str
    conditional: bool
    """Whether it writes only where an object is missing, or is a certain one."""
    bytes: int
    """Of its body."""


@dataclass
class ObjectStorage:
    """The running server, and what came through the proxy."""

    server: str
    """The server's own address, behind the proxy."""
    url: str = ""
    """The proxy's address, which clients take for the server's."""
    bucket: str = ""
    faults: list[Fault] = field(default_factory=list)
    """The first that strikes a request decides."""
    requests: list[Request] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    _keys: dict[str, threading.Lock] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """What tells a process where the server is and who asks; nothing else is needed."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": REGION,
        }

    def address(self, key: str = "") -> str:
        """Return the address of a key, or of the bucket."""
        return f"s3://{self.bucket}/{key}" if key else f"s3://{self.bucket}"

    def count(self, method: str, key: str = "") -> int:
        """Return how many requests of a kind came whose key has the pattern `key`."""
        with self.lock:
            return sum(
                request.method == method and bool(re.search(key, request.key)) for request in self.requests
            )

    def counts(self) -> Counter[str]:
        """Return how many requests came, by kind."""
        with self.lock:
            return Counter(request.method for request in self.requests)

    def new_bucket(self) -> None:
        """Make an empty bucket and speak of it from now on."""
        self.bucket = f"corpora-{uuid.uuid4().hex[:8]}"
        self.client().create_bucket(Bucket=self.bucket)
        self.reset()

    def reset(self) -> None:
        """Forget the faults and the requests."""
        with self.lock:
            self.faults.clear()
            self.requests.clear()

    def objects(self, prefix: str = "") -> dict[str, bytes]:
        """Return key -> content of all objects below a prefix, read from the server itself, sorted."""
        client = self.client()
        found = {}
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix):
            for item in page.get("Contents", ()):
                found[item["Key"]] = client.get_object(Bucket=self.bucket, Key=item["Key"])["Body"].read()
        return dict(sorted(found.items()))

    def upload(self, folder: Path, key: str) -> str:
        """Bring a folder of this machine into the bucket; return its address."""
        client = self.client()
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            client.upload_file(str(path), self.bucket, f"{key}/{path.relative_to(folder).as_posix()}")
        return self.address(key)

    def client(self) -> Any:
        """Return boto3's client of the server itself, past the proxy."""
        import boto3

        return boto3.client(
            "s3",
            endpoint_url=self.server,
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            region_name=REGION,
        )

    def note(self, request: Request) -> Fault | None:
        """Take note of a request; return what happens to it."""
        with self.lock:
            self.requests.append(request)
            found = next((fault for fault in self.faults if fault.strikes(request)), None)
        if found is not None:
            found.then()
        return found

    def writes_to(self, key: str) -> threading.Lock:
        """Return the lock of a key: moto looks at a condition first and writes then, S3 does both at once."""
        with self.lock:
            return self._keys.setdefault(key, threading.Lock())


class Handler(BaseHTTPRequestHandler):
    """Answers one request after another of a connection."""

    protocol_version = "HTTP/1.1"
    storage: ObjectStorage

    def log_message(self, *arguments: Any) -> None:
        pass

    def _handle(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        request = self._request(length)
        fault = self.storage.note(request)
        if fault is not None and fault.act == "wait":
            time.sleep(fault.seconds)
            fault = None
        if fault is not None and fault.act == "cut_request":
            self.rfile.read(length // 2)
            return self._reset()
        body = self.rfile.read(length)
        if fault is not None and fault.act == "refuse":
            return self._answer(503, [("Content-Type", "application/xml")], _SLOW_DOWN)
        if self.command in ("PUT", "POST", "DELETE"):
            with self.storage.writes_to(request.key):
                status, headers, content = self._forward(body)
        else:
            status, headers, content = self._forward(body)
        if fault is not None and fault.act == "lose_reply":
            return self._reset()
        if fault is not None and fault.act == "cut_reply":
            self._answer(status, headers, content, send=len(content) // 2)
            return self._reset()
        return self._answer(status, headers, content)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _handle  # noqa: N815

    def _request(self, length: int) -> Request:
        address = urlsplit(self.path)
        asked = parse_qs(address.query, keep_blank_values=True)
        key = unquote(address.path).partition("/")[2].partition("/")[2]
        method = self.command
        if method == "GET" and not key and "list-type" in asked:
            method, key = "LIST", asked.get("prefix", [""])[0]
        conditional = bool(self.headers.get("If-None-Match") or self.headers.get("If-Match"))
        return Request(method, key, self.headers.get("Range") or "", conditional, length)

    def _forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        return self._ask(self.command, self.path, dict(self.headers.items()), body)

    def _ask(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """Return the server's own answer."""
        server = urlsplit(self.storage.server)
        connection = http.client.HTTPConnection(server.hostname or "", server.port, timeout=120)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in headers.items():
                if name.lower() not in _NOT_PASSED:
                    connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            kept = [pair for pair in answer.getheaders() if pair[0].lower() not in _NOT_PASSED]
            if method == "HEAD":
                kept.append(("Content-Length", answer.getheader("Content-Length") or "0"))
            return answer.status, kept, answer.read()
        finally:
            connection.close()

    def _answer(
        self, status: int, headers: list[tuple[str, str]], body: bytes, *, send: int | None = None
    ) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[:send])
            self.wfile.flush()

    def _reset(self) -> None:
        """Close the connection so that the other side sees an error, not an end."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # clients that are killed are part of the tests


@contextmanager
def object_storage(
    kind: type[ObjectStorage] = ObjectStorage, handler: type[Handler] = Handler
) -> Iterator[ObjectStorage]:
    """Run server and proxy on free ports of this machine until the block ends; the bucket is there."""
    with _moto() as address:
        storage = kind(address)
        server = _Server(("127.0.0.1", 0), type("OfStorage", (handler,), {"storage": storage}))
        storage.url = f"http://127.0.0.1:{server.server_port}"
        storage.new_bucket()
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield storage
        finally:
            server.shutdown()
            server.server_close()


@contextmanager
def _moto() -> Iterator[str]:
    """Run moto's server; give its address once it answers."""
    # Without a terminal's colours, and without credentials or proxies of whoever runs the tests.
    kept = {name: value for name, value in os.environ.items() if not re.match(r"(?i)AWS_|https?_proxy", name)}
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"],
        env=kept,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if (found := re.search(r"Running on (http://[\d.:]+)", line)) is not None:
                break
        else:
            raise RuntimeError(f"moto's server ended with status {process.wait()}: {''.join(said)}")
        threading.Thread(target=_drain, args=(process.stderr,), daemon=True).start()
        yield found[1]
    finally:
        process.kill()
        process.wait()


def _drain(lines: Iterator[str]) -> None:
    """Read on, or the server stands still when the pipe is full."""
    with contextlib.suppress(ValueError):
        for _ in lines:
            pass
