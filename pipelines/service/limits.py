"""What a request may take: bytes, time, places; and who may ask. Plain ASGI, around everything else."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipelines.service.metrics import Metrics

__all__ = ["Gatekeeper", "RequestError", "RequestLimits"]

OPEN = ("/healthz",)
"""Paths that need no key: whoever watches the process asks them."""
UPLOADS = ("/search/image", "/look")
"""Paths that take images."""


class RequestError(HTTPException):
    """A request that is refused: the status of HTTP and one line that says why."""


@dataclass(frozen=True)
class RequestLimits:
    """The most that one request may be, and that all of them may be together."""

    queries: int = 256
    """Sentences, images or vectors of a request."""
    characters: int = 10_000
    """Of a sentence."""
    k: int = 1_000
    """Hits of a query."""
    hits: int = 25_600
    """Queries times hits of a request."""
    body: int = 4 << 20
    """Bytes of a request's body."""
    upload: int = 20 << 20
    """Bytes of a request that brings an image."""
    seconds: float = 30.0
    """From the first byte of a request to the end of its answer."""
    together: int = 256
    """Questions that are answered in one batch."""
    waiting: int = 1_024
    """Questions that may wait; one more is refused with 503."""
    open: int = 256
    """Requests at work or waiting; one more is refused with 503."""
    open_by_client: int = 64
    """The same from one address; one more is refused with 429."""

    def check(self, queries: int, k: int, noun: str = "queries") -> None:
        """Refuse what is too much.

        Raises:
            RequestError: 422, which limit it is.
        """
        if not 1 <= queries <= self.queries:
            raise RequestError(422, f"{noun}: {queries:,} of them; give 1 to {self.queries}")
        if not 1 <= k <= self.k:
            raise RequestError(
                422, f"k: {k if abs(k) < 10**12 else 'it'} is out of bounds; ask for 1 to {self.k:,}"
            )
        if queries * k > self.hits:
            raise RequestError(
                422,
                f"k: {queries:,} {noun} for {k:,} hits each are more than {self.hits:,} hits; ask for fewer",
            )

    def check_text(self, text: str, place: str) -> None:
        """Refuse a sentence that is too long or no text.

        Raises:
            RequestError: 422, with the place.
        """
        if len(text) > self.characters:
            raise RequestError(
                422, f"{place}: {len(text):,} characters; a sentence may have {self.characters:,}"
            )
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise RequestError(422, f"{place}: offset {error.start} is not a character") from error


@dataclass
class _Guest:
    """What is going on for one address."""

    open: int = 0


@dataclass(eq=False)
class Gatekeeper:
    """Lets requests in, counts them, and ends those that take too long."""

    app: ASGIApp
    limits: RequestLimits
    metrics: Metrics
    api_key: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    """Set on every answer."""
    is_ready: Callable[[], bool] = lambda: True
    """Whether questions can be answered at once; until then nothing is."""
    _open: int = 0
    _guests: dict[str, _Guest] = field(default_factory=dict)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = time.perf_counter()
        answer = _Answer(send, self.headers)
        if scope["method"] == "HEAD":
            # The same as GET without the body (https://www.rfc-editor.org/rfc/rfc9110#name-head), which the server
            # leaves out.
            scope = {**scope, "method": "GET"}
        client = str((scope.get("client") or ("",))[0])
        guest = self._guests.setdefault(client, _Guest())
        self._open += 1
        guest.open += 1
        try:
            await self._answer(scope, receive, answer, guest)
        finally:
            self._open -= 1
            guest.open -= 1
            if not guest.open:
                self._guests.pop(client, None)
            # Only the routes that there are: a path that somebody makes up must not become a series of its own.
            route = getattr(scope.get("route"), "path", "other")
            self.metrics.requests.labels(route, str(answer.status or 499)).inc()
            self.metrics.seconds.labels(route).observe(time.perf_counter() - begun)

    async def _answer(self, scope: Scope, receive: Receive, answer: _Answer, guest: _Guest) -> None:
        try:
            if not self.is_ready():
                raise RequestError(503, "the service is starting; ask again in a second")
            if scope["path"] not in OPEN:
                self._admit(scope, guest)
            bounded = _Body(receive, self.limits.upload if scope["path"] in UPLOADS else self.limits.body)
            bounded.check_declared(scope)
            await asyncio.wait_for(self.app(scope, bounded, answer), self.limits.seconds)
        except RequestError as error:
            await answer.refuse(error.status_code, error.detail)
        except (asyncio.TimeoutError, TimeoutError):
            await answer.refuse(
                503, f"no answer within {self.limits.seconds:g} seconds; ask for less, or later"
            )

    def _admit(self, scope: Scope, guest: _Guest) -> None:
        """Refuse strangers, and everybody where there is no room.

        Raises:
            RequestError: 401, 429 or 503.
        """
        if self.api_key is not None and not _has_key(scope, self.api_key):
            raise RequestError(401, "an API key is needed: send the header Authorization: Bearer KEY")
        if guest.open > self.limits.open_by_client:
            raise RequestError(
                429,
                f"more than {self.limits.open_by_client} requests at once from your address; ask again later",
            )
        if self._open > self.limits.open:
            raise RequestError(503, "too many requests at once; ask again in a second")


def _has_key(scope: Scope, key: str) -> bool:
    """Tell whether a request carries the key: as bearer, as X-API-Key, or as the password that a browser asks for."""
    found = {name: value for name, value in scope["headers"] if name in (b"authorization", b"x-api-key")}
    given = found.get(b"x-api-key", b"")
    kind, _, value = found.get(b"authorization", b"").partition(b" ")
    if kind.lower() == b"bearer":
        given = value.strip()
    elif kind.lower() == b"basic":
        try:
            given = base64.b64decode(value.strip(), validate=True).partition(b":")[2]
        except binascii.Error:
            return False
    return hmac.compare_digest(given, key.encode())


class _Body:
    """A request's body up to a number of bytes."""

    def __init__(self, receive: Receive, most: int) -> None:
        self._receive = receive
        self._most = most
        self._seen = 0

    def check_declared(self, scope: Scope) -> None:
        for name, value in scope["headers"]:
            if name == b"content-length" and value.isdigit() and int(value[:20]) > self._most:
                raise self._too_long()

    async def __call__(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._seen += len(message.get("body", b""))
            if self._seen > self._most:
                raise self._too_long()
        return message

    def _too_long(self) -> RequestError:
        return RequestError(413, f"the request is longer than {self._most:,} bytes")


class _Answer:
    """What is sent, with the headers of every answer; knows whether it has begun."""

    def __init__(self, send: Send, headers: Mapping[str, str]) -> None:
        self._send = send
        self._headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            own = {name for name, _ in message.get("headers", ())}
            more = [pair for pair in self._headers if pair[0] not in own]
            message = {**message, "headers": [*message.get("headers", ()), *more]}
        await self._send(message)

    async def refuse(self, status: int, line: str) -> None:
        """Answer with an error, unless an answer has begun already."""
        if self.status:
            return
        body = json.dumps({"error": line}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        if status in (429, 503):
            headers.append((b"retry-after", b"1"))
        if status == 401:
            headers.append((b"www-authenticate", b'Basic realm="knowledge corpus"'))
        if status in (413, 503):
            # What the client is still sending is not read any more.
            headers.append((b"connection", b"close"))
        await self({"type": "http.response.start", "status": status, "headers": headers})
        await self({"type": "http.response.body", "body": body})
