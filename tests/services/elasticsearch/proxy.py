"""Proxies that stand between client and node: one that asks for a password over TLS, one that spoils answers."""

from __future__ import annotations

import base64
import datetime
import http.client
import ipaddress
import json
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Fault = Callable[["Exchange"], None]
_NOT_PASSED = {"connection", "transfer-encoding", "content-length", "keep-alive", "host", "authorization"}


@dataclass
class Exchange:
    """One request on its way; a fault answers it in place of the node, or spoils the node's answer."""

    handler: Handler
    number: int
    body: bytes

    def forward(self) -> tuple[int, list[tuple[str, str]], bytes]:
        """Asks the node."""
        handler = self.handler
        target = urlsplit(handler.server.target)
        connection = http.client.HTTPConnection(target.hostname or "", target.port, timeout=120)
        try:
            headers = {
                name: value for name, value in handler.headers.items() if name.lower() not in _NOT_PASSED
            }
            connection.request(handler.command, handler.path, self.body, headers)
            answer = connection.getresponse()
            kept = [pair for pair in answer.getheaders() if pair[0].lower() not in _NOT_PASSED]
            return answer.status, kept, answer.read()
        finally:
            connection.close()

    def answer(
        self, status: int, headers: list[tuple[str, str]], body: bytes, *, length: int | None = None
    ) -> None:
        """Answers the client; `length` states another one than the body has."""
        self.handler.send_response(status)
        for name, value in headers:
            self.handler.send_header(name, value)
        self.handler.send_header("Content-Length", str(len(body) if length is None else length))
        self.handler.end_headers()
        if self.handler.command != "HEAD":
            self.handler.wfile.write(body)

    def cut(self) -> None:
        """Closes the connection without another word."""
        self.handler.close_connection = True
        self.handler.connection.close()


def refuse(status: int) -> Fault:
    """Answers with `status`; the node is not asked."""

    def fault(exchange: Exchange) -> None:
        headers = [("X-Elastic-Product", "Elasticsearch"), ("Content-Type", "application/json")]
        body = b'{"error":{"type":"test","reason":"refused by the proxy"},"status":%d}' % status
        exchange.answer(status, headers, body)

    return fault


def cut_before(exchange: Exchange) -> None:
    """The request is lost on its way."""
    exchange.cut()


def cut_after(exchange: Exchange) -> None:
    """The node does as it is told, its answer is lost."""
    exchange.forward()
    exchange.cut()


def truncate(exchange: Exchange) -> None:
    """The node does as it is told, half of its answer arrives."""
    status, headers, body = exchange.forward()
    exchange.answer(status, headers, body[: len(body) // 2], length=len(body))
    exchange.handler.wfile.flush()
    exchange.cut()


def garble(exchange: Exchange) -> None:
    """The node does as it is told, half of its answer arrives as if it were the whole."""
    status, headers, body = exchange.forward()
    exchange.answer(status, headers, body[: len(body) // 2])


def refuse_every_other_item(exchange: Exchange) -> None:
    """The node gets half of the documents of a bulk request, the rest is refused one by one."""
    lines = exchange.body.splitlines(keepends=True)
    pairs = [lines[start : start + 2] for start in range(0, len(lines), 2)]
    exchange.body = b"".join(line for pair in pairs[::2] for line in pair)
    status, headers, body = exchange.forward()
    taken = iter(json.loads(body)["items"])
    error = {"type": "es_rejected_execution_exception", "reason": "the queue is full"}
    refused = {"index": {"status": 429, "error": error}}
    items = [next(taken) if number % 2 == 0 else refused for number in range(len(pairs))]
    exchange.answer(status, headers, json.dumps({"errors": True, "items": items}).encode())


@dataclass
class Rules:
    """What a proxy does with which request."""

    faults: dict[int, Fault] = field(default_factory=dict)
    """By the number of the request, from 1, among those that `applies`."""
    applies: Callable[[str], bool] = lambda path: path.partition("?")[0].endswith("/_bulk")
    """Tells by its path whether a request counts."""
    credentials: frozenset[str] | None = None
    """Values of the Authorization header that are let through; None lets all."""


class Server(ThreadingHTTPServer):
    """Listens on a free port."""

    daemon_threads = True

    def __init__(self, target: str, rules: Rules) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.target = target
        self.rules = rules
        self.counted = 0
        self.lock = threading.Lock()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that gives up is what tests are made of."""


class Handler(BaseHTTPRequestHandler):
    """Passes requests on, but for those that a rule spoils."""

    protocol_version = "HTTP/1.1"
    server: Server

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        rules = self.server.rules
        exchange = Exchange(self, 0, body)
        if rules.credentials is not None and self.headers.get("Authorization") not in rules.credentials:
            refuse(401)(exchange)
            return
        fault = None
        if rules.applies(self.path):
            with self.server.lock:
                self.server.counted += 1
                exchange.number = self.server.counted
            fault = rules.faults.get(exchange.number)
        if fault is not None:
            fault(exchange)
            return
        exchange.answer(*exchange.forward())

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _handle  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        """Tests print enough."""


class Proxy:
    """Runs a server in a thread while it is entered."""

    def __init__(self, target: str, rules: Rules, *, certificate: Path | None = None) -> None:
        self._server = Server(target, rules)
        self._scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            self._scheme = "https"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{self._scheme}://127.0.0.1:{self._server.server_port}"

    @property
    def counted(self) -> int:
        """How many requests fell under the rules."""
        return self._server.counted

    def __enter__(self) -> Proxy:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


def basic(user: str, password: str) -> str:
    """Gives the Authorization header of a user."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def write_certificate(folder: Path) -> Path:
    """Writes a key and a certificate for 127.0.0.1 that signs itself, in one PEM file; also serves as CA file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path
