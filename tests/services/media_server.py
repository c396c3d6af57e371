"""A media server of the tests' own: the public one's layout, generated images, and every way to misbehave.

The name of a file says what it does: ``Fine_...`` is served; ``Local_...`` only from the wiki's own folder;
``Small_...`` is too small for a thumbnail, so that only the file itself can be had; ``Narrow_...`` is drawn up to
250 pixels. The others are named in `BEHAVIOURS`. With one of `MODES` the server answers all requests alike.
"""

from __future__ import annotations

import gzip
import io
import re
import struct
import threading
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

import numpy as np
from PIL import Image

BEHAVIOURS = {
    "Missing": "404",
    "Forbidden": "403",
    "Broken": "500 always",
    "Shaky": "500 twice, then fine",
    "Busy": "429 with Retry-After once, then fine",
    "Stubborn": "429 always",
    "Short": "fewer bytes than announced",
    "Cut": "a JPEG without its second half, with the right length",
    "Html": "a page of text as image/jpeg",
    "Empty": "no bytes",
    "Away": "a redirect to another host",
    "Moved": "a redirect to the right place",
    "Circle": "a redirect to itself",
    "Bomb": "a small PNG of 30,000 x 30,000 pixels",
    "Huge": "more bytes than are allowed, announced",
    "Endless": "more bytes than are allowed, not announced",
    "Slow": "a body that drips",
    "Head": "a head that drips",
    "Continue": "100 Continue without end",
    "Extension": "a chunk whose size line drips",
    "Zipped": "compressed by gzip",
    "Zipbomb": "a few kilobytes of gzip that stand for a gigabyte",
    "Zipzip": "compressed twice, which stands for a terabyte",
    "Zipnothing": "gzip without end that holds nothing",
    "Zipbroken": "gzip that is none",
    "Zipcut": "gzip that ends early, with the right length",
    "Robots": "an image that is closed to machine learning",
    "Cookie": "an image with a cookie",
    "Odd": "a redirect to an address that is none",
}
MODES = {
    "429": "refuses without Retry-After",
    "503": "refuses without Retry-After",
    "400": "takes nothing for a request",
    "500": "is broken",
    "login": "shows a page for logging in",
    "elsewhere": "sends everybody to login.invalid",
}


def draw(seed: int, size: tuple[int, int] = (320, 240)) -> Image.Image:
    """Return a picture that looks like no other: smooth colours from a small random grid."""
    grid = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(grid).resize(size, Image.Resampling.BICUBIC)


def encode_as(image: Image.Image, kind: str) -> bytes:
    """Return an image as bytes of a format."""
    buffer = io.BytesIO()
    options: dict[str, Any] = {"quality": 90} if kind == "JPEG" else {}
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def bomb(side: int = 30_000) -> bytes:
    """Return a PNG of `side` x `side` grey pixels in a few kilobytes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    row = b"\0" + b"\0" * (side // 8)
    data = zlib.compress(row * side, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@dataclass
class MediaServer:
    """The running server, with what it saw."""

    port: int
    requests: list[str] = field(default_factory=list)
    """Paths that were asked for, in order."""
    agents: set[str] = field(default_factory=set)
    most_connections: int = 0
    """Requests that were being answered at one time, at most."""
    bytes_sent: int = 0
    delay: float = 0.0
    """Seconds before every answer."""
    mode: str = ""
    """One of `MODES`, or empty: every file does what its name says."""
    redirect: str = ""
    """Where ``Sent_...`` leads: an address, or a part of one behind this server's own."""
    headers: list[dict[str, str]] = field(default_factory=list)
    """Of every request, in order."""
    _running: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _seen: Counter[str] = field(default_factory=Counter)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def begin(self, path: str, headers: dict[str, str]) -> int:
        agent = headers.get("User-Agent", "")
        with self._lock:
            self.requests.append(path)
            self.headers.append(headers)
            self.agents.add(agent)
            self._running += 1
            self.most_connections = max(self.most_connections, self._running)
            self._seen[path] += 1
            return self._seen[path]

    def end(self, sent: int) -> None:
        with self._lock:
            self._running -= 1
            self.bytes_sent += sent


def content_of(name: str, thumbnail: bool) -> tuple[str, bytes]:
    """Return type and bytes of a file or of its thumbnail."""
    seed = zlib.crc32(name.encode())
    image = draw(seed)
    extension = name.rpartition(".")[2].lower()
    if extension in ("svg", "xcf", "png", "webp"):
        return "image/png", encode_as(image.convert("RGBA"), "PNG")
    if extension == "gif":
        return "image/gif", encode_as(image.convert("P"), "GIF")
    return "image/jpeg", encode_as(image, "JPEG")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_ref: MediaServer
    limit = 200_000

    def log_message(self, *arguments: Any) -> None:
        pass

    def do_GET(self) -> None:
        media = self.server_ref
        self.sent = 0
        count = media.begin(self.path, dict(self.headers.items()))
        try:
            time.sleep(media.delay)
            self._answer(unquote(self.path).strip("/").split("/"), count)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            media.end(self.sent)

    def _answer(self, parts: list[str], count: int) -> None:
        if self.server_ref.mode:
            return self._alike(self.server_ref.mode)
        repository, thumbnail = parts[1], parts[2] == "thumb"
        name = parts[5] if thumbnail else parts[4]
        behaviour = name.partition("_")[0]
        if (behaviour == "Local") != (repository != "commons"):
            return self._send(404)
        if behaviour == "Small" and thumbnail:
            return self._send(400)
        if behaviour == "Narrow" and thumbnail and not re.match(r"(?:.+-)?(?:120|250)px-", parts[6]):
            return self._send(400)
        if not thumbnail and name.rpartition(".")[2].lower() not in ("jpg", "png", "gif", "jpeg"):
            return self._send(404)
        act = getattr(self, f"_{behaviour.lower()}", None)
        if act is not None:
            return act(name, thumbnail, count)
        return self._fine(name, thumbnail, count)

    def _alike(self, mode: str) -> None:
        if mode == "login":
            return self._send(200, b"<html><body>Please log in</body></html>", Content_Type="text/html")
        if mode == "elsewhere":
            return self._send(302, Location=f"http://login.invalid{self.path}")
        return self._send(int(mode))

    def _send(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.sent += len(body)

    def _fine(self, name: str, thumbnail: bool, count: int) -> None:
        mime, body = content_of(name, thumbnail)
        self._send(200, body, Content_Type=mime)

    def _missing(self, *_: Any) -> None:
        self._send(404)

    def _forbidden(self, *_: Any) -> None:
        self._send(403)

    def _broken(self, *_: Any) -> None:
        self._send(502)

    def _shaky(self, name: str, thumbnail: bool, count: int) -> None:
        self._send(502) if count <= 2 else self._fine(name, thumbnail, count)

    def _busy(self, name: str, thumbnail: bool, count: int) -> None:
        self._send(429, Retry_After="1") if count == 1 else self._fine(name, thumbnail, count)

    def _stubborn(self, *_: Any) -> None:
        self._send(429, Retry_After="0")

    def _short(self, name: str, thumbnail: bool, count: int) -> None:
        body = content_of(name, thumbnail)[1]
        self._send(200, body, Content_Length=str(len(body) + 1000))
        self.close_connection = True

    def _cut(self, name: str, thumbnail: bool, count: int) -> None:
        body = content_of(name, thumbnail)[1]
        self._send(200, body[: len(body) // 2], Content_Type="image/jpeg")

    def _html(self, *_: Any) -> None:
        self._send(200, b"<html><body>Not here</body></html>", Content_Type="image/jpeg")

    def _empty(self, *_: Any) -> None:
        self._send(200, b"", Content_Type="image/jpeg")

    def _away(self, *_: Any) -> None:
        self._send(302, Location="http://elsewhere.invalid/x.jpg")

    def _moved(self, name: str, thumbnail: bool, count: int) -> None:
        if self.path.endswith("?again"):
            return self._fine(name, thumbnail, count)
        return self._send(302, Location=f"{self.path}?again")

    def _circle(self, *_: Any) -> None:
        self._send(302, Location=self.path)

    def _bomb(self, *_: Any) -> None:
        self._send(200, bomb(), Content_Type="image/png")

    def _huge(self, *_: Any) -> None:
        self._send(200, b"x" * (self.limit * 2), Content_Type="image/jpeg")

    def _endless(self, *_: Any) -> None:
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        for _ in range(1000):
            self.wfile.write(b"x" * 10_000)
            self.sent += 10_000

    def _slow(self, name: str, thumbnail: bool, count: int) -> None:
        body = content_of(name, thumbnail)[1]
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        for byte in body:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            self.sent += 1
            time.sleep(0.02)

    def _drip(self, text: bytes) -> None:
        for _ in range(2000):
            self.wfile.write(text)
            self.wfile.flush()
            time.sleep(0.02)

    def _head(self, *_: Any) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        self._drip(b"x")

    def _continue(self, *_: Any) -> None:
        self._drip(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _extension(self, *_: Any) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;")
        self._drip(b"x")

    def _zipped(self, name: str, thumbnail: bool, count: int) -> None:
        mime, body = content_of(name, thumbnail)
        self._send(200, gzip.compress(body), Content_Type=mime, Content_Encoding="gzip")

    def _zipbomb(self, *_: Any) -> None:
        self._send(200, gzip.compress(bytes(100_000_000)), Content_Encoding="gzip")

    def _zipzip(self, *_: Any) -> None:
        body = gzip.compress(gzip.compress(bytes(100_000_000)))
        self._send(200, body, Content_Encoding="gzip, gzip")

    def _zipnothing(self, *_: Any) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n")
        self.wfile.write(gzip.compress(b"")[:10])
        self.close_connection = True
        for _ in range(1000):
            self.wfile.write(b"\0\0\0\xff\xff" * 2000)  # stored blocks of no bytes
            self.sent += 10_000

    def _zipbroken(self, *_: Any) -> None:
        self._send(200, b"no gzip at all", Content_Encoding="gzip")

    def _zipcut(self, name: str, thumbnail: bool, count: int) -> None:
        body = gzip.compress(content_of(name, thumbnail)[1])
        self._send(200, body[: len(body) // 2], Content_Encoding="gzip")

    def _robots(self, name: str, thumbnail: bool, count: int) -> None:
        mime, body = content_of(name, thumbnail)
        self._send(200, body, Content_Type=mime, X_Robots_Tag="noindex, noai")

    def _cookie(self, name: str, thumbnail: bool, count: int) -> None:
        mime, body = content_of(name, thumbnail)
        self._send(200, body, Content_Type=mime, Set_Cookie="who=you; Path=/")

    def _odd(self, *_: Any) -> None:
        self._send(302, Location="http://[::1")

    def _sent(self, *_: Any) -> None:
        where = self.server_ref.redirect
        self._send(
            302, Location=where if "//" in where else f"http://{where}:{self.server_ref.port}{self.path}"
        )


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # clients that go away are part of the tests


@contextmanager
def media_server() -> Iterator[MediaServer]:
    """Run the server on this machine until the block ends."""
    media = MediaServer(0)
    handler = type("Handler", (_Handler,), {"server_ref": media})
    server = _Server(("127.0.0.1", 0), handler)
    media.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield media
    finally:
        server.shutdown()
        server.server_close()
