"""Requests that go where they may and take no more than they should.

Only the configured hosts are asked, redirects included. A name that leads to a private address is refused when the
connection stands, so no later change of the name can help it. Heads and bodies are bounded in bytes and time.
"""

from __future__ import annotations

import http.cookiejar
import ipaddress
import os
import socket
import threading
import zlib
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any
from urllib.parse import unquote, urljoin

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies
from urllib3.util import Url, parse_url

from pipelines.image_index.errors import FetchError
from pipelines.image_index.fetching.politeness import HostGate
from pipelines.image_index.fetching.sources import AGENT, Answer, TransportError
from pipelines.waiting import retry_after

__all__ = [
    "Credentials",
    "Transport",
    "forbids_learning",
    "host_of",
    "split_credentials",
]

CONNECT_SECONDS = 10.0
READ_SECONDS = 20.0
REDIRECTS = 5
_CHUNK = 1 << 14
_ENCODINGS = ("", "identity", "gzip", "x-gzip")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

Credentials = tuple[str, str]
"""A user's name and password."""


class Transport:
    """Asks hosts of a list, over pooled connections."""

    def __init__(
        self,
        gate: HostGate,
        hosts: Sequence[str],
        *,
        user_agent: str,
        max_bytes: int,
        max_seconds: float,
        private_addresses: bool,
        credentials: Credentials | None = None,
        accept: str = "image/*",
    ) -> None:
        """Prepare the connections.

        Args:
            hosts: those that may be asked, as `host_of` spells them; the first is the server.
            max_seconds: longest time that one answer may take, from the connection to its last byte.
            private_addresses: whether hosts in private networks, and this machine, may be asked.
            credentials: sent to the server, never to another host.
            accept: kinds of content that are wanted.
        """
        self.gate = gate
        self._server, self._hosts = hosts[0], frozenset(hosts)
        self._max_bytes = max_bytes
        self._max_seconds = max_seconds
        self._private_addresses = private_addresses
        self._credentials = credentials
        self._session = requests.Session()
        # The environment's proxies and certificates hold; its passwords (netrc) are sent nowhere, nor are cookies.
        self._session.trust_env = False
        self._session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or True
        self._session.cookies.set_policy(http.cookiejar.DefaultCookiePolicy(allowed_domains=[]))
        self._session.headers = requests.structures.CaseInsensitiveDict(
            {"User-Agent": user_agent, "Accept": accept, "Accept-Encoding": "identity"}
        )
        adapter = _Adapter(pool_connections=4, pool_maxsize=gate.limits.connections, max_retries=0)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)

    def get(self, url: str) -> Answer:
        """Ask for `url`, follow redirects within the configured hosts, and return the answer.

        Raises:
            TransportError: no usable answer.
            Stopped: the host is not to be asked any more.
        """
        secure = False
        url = _plain_address(url, "")
        for _ in range(REDIRECTS + 1):
            scheme = url.partition(":")[0]
            secure = secure or scheme == "https"
            if scheme not in (("https",) if secure else ("http", "https")) or host_of(url) not in self._hosts:
                raise TransportError("redirect elsewhere", transient=False, detail=host_of(url))
            with self.gate.connection():
                answer, location = self._ask(url)
            if location is None:
                return answer
            url = _plain_address(location, url)
        raise TransportError("too many redirects", transient=False)

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    def _ask(self, url: str) -> tuple[Answer, str | None]:
        """Return an answer, and where it leads if it is a redirect."""
        with _Watch(self._max_seconds, self._private_addresses) as watch:
            try:
                found = self._ask_once(url)
            except TransportError as error:
                if not watch.over:
                    raise
                raise TransportError("timeout", transient=True) from error
        if watch.over:  # what was cut off can look like an end
            raise TransportError("timeout", transient=True)
        return found

    def _ask_once(self, url: str) -> tuple[Answer, str | None]:
        known = self._credentials if host_of(url) == self._server else None
        try:
            with self._session.get(
                url,
                stream=True,
                allow_redirects=False,
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                proxies=get_environ_proxies(url),
                auth=known,
            ) as response:
                status = response.status_code
                wait = retry_after(response.headers.get("Retry-After"))
                if status in (301, 302, 303, 307, 308):
                    return Answer(status, url, b"", wait), response.headers.get("Location", "")
                if status != 200:
                    return Answer(status, url, b"", wait), None
                if forbids_learning(response.headers.get("X-Robots-Tag", "")):
                    raise TransportError("closed to machine learning", transient=False)
                return Answer(status, url, self._read(response), wait), None
        except _PrivateAddressError as error:
            raise TransportError("private address", transient=False) from error
        except (requests.exceptions.Timeout, urllib3.exceptions.ReadTimeoutError) as error:
            raise TransportError("timeout", transient=True) from error
        except zlib.error as error:
            raise TransportError("broken encoding", transient=False) from error
        except (urllib3.exceptions.ProtocolError, requests.exceptions.ChunkedEncodingError) as error:
            raise TransportError("wrong length", transient=True) from error
        except requests.exceptions.ConnectionError as error:
            reason = "timeout" if "timed out" in str(error) else "no connection"
            raise TransportError(reason, transient=True) from error
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:
            raise TransportError("unusable address or answer", transient=False) from error

    def _read(self, response: requests.Response) -> bytes:
        """Return the body; it is decoded here, because a few bytes of it can stand for gigabytes."""
        declared = response.headers.get("Content-Length", "")
        if declared.isdigit() and int(declared) > self._max_bytes:
            raise TransportError("too many bytes", transient=False)
        encoding = response.headers.get("Content-Encoding", "").strip().lower()
        if encoding not in _ENCODINGS:
            raise TransportError("broken encoding", transient=False)
        decoder = zlib.decompressobj(zlib.MAX_WBITS | 16) if encoding.endswith("gzip") else None
        body = bytearray()
        received = 0
        # What is there is read at once: a body that drips must not hold a thread beyond its time.
        while chunk := response.raw.read1(_CHUNK, decode_content=False):
            received += len(chunk)
            body += decoder.decompress(chunk, self._max_bytes + 1) if decoder else chunk
            if max(len(body), received) > self._max_bytes:
                raise TransportError("too many bytes", transient=False)
            self.gate.consume(len(chunk))
        if decoder and not decoder.eof:
            raise TransportError("wrong length", transient=True)
        return bytes(body)


def split_credentials(url: str) -> tuple[str, Credentials | None]:
    """Return an address without the user's name and password in it, and these."""
    try:
        auth = parse_url(url).auth
    except urllib3.exceptions.LocationParseError as error:
        raise FetchError(f"{url}: not an address with a host") from error
    if auth is None:
        return url, None
    scheme, _, rest = url.partition("://")
    user, _, password = auth.partition(":")
    return f"{scheme}://{rest.partition('@')[2]}", (unquote(user), unquote(password))


def host_of(url: str) -> str:
    """Return host and port of a URL, the port only where it is not the scheme's own.

    Raises:
        FetchError: there is no host.
    """
    try:
        parts = parse_url(url)
    except urllib3.exceptions.LocationParseError:
        parts = Url()
    if not parts.scheme or not parts.host:
        raise FetchError(f"{url}: not an address with a host")
    default = {"http": 80, "https": 443}.get(parts.scheme or "")
    return parts.host if parts.port in (None, default) else f"{parts.host}:{parts.port}"


def forbids_learning(robots_tag: str) -> bool:
    """Tell whether an ``X-Robots-Tag`` asks programs such as this one not to learn from what it is sent with.

    The header lists directives, behind the name of a program where they are meant for that one alone
    (https://developers.google.com/search/docs/crawling-indexing/robots-meta-tag).
    """
    agent = ""
    for item in robots_tag.lower().split(","):
        name, colon, directive = item.partition(":")
        if colon and name.strip() != "unavailable_after":
            agent = name.strip()
        if (directive if colon else name).strip() in ("noai", "noimageai") and agent in ("", "*", AGENT):
            return True
    return False


def _plain_address(location: str, base: str) -> str:
    """Return where a redirect leads, as what connects will understand it; without a user's name and password."""
    try:
        parts = parse_url(urljoin(base, location))
    except (urllib3.exceptions.LocationParseError, ValueError) as error:
        raise TransportError("unusable address or answer", transient=False) from error
    if not parts.scheme or not parts.host:
        raise TransportError("unusable address or answer", transient=False)
    return Url(parts.scheme, None, parts.host, parts.port, parts.path or "/", parts.query).url


class _PrivateAddressError(Exception):
    """A connection to an address that is not public."""


class _Watch:
    """What the connections of this thread may do until the block ends: whom they reach, and for how long."""

    def __init__(self, seconds: float, private_addresses: bool) -> None:
        self.over = False
        """Whether time was over."""
        self.private_addresses = private_addresses
        self.socket: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> _Watch:
        _watch.current = self
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        _watch.current = None

    def _cut(self) -> None:
        """Wake up whoever reads: timeouts of sockets begin anew with every byte."""
        self.over = True
        if self.socket is not None:
            with suppress(OSError):
                self.socket.shutdown(socket.SHUT_RDWR)


_watch = threading.local()


def _check_peer(connected: socket.socket) -> socket.socket:
    address = connected.getpeername()[0]
    if not _watch.current.private_addresses and not _is_public(address):
        connected.close()
        raise _PrivateAddressError(address)
    return connected


def _is_public(text: str) -> bool:
    """Tell whether an address is one of the internet's; an IPv4 address inside an IPv6 address decides for it."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        embedded = address in _NAT64 or (int(address) >> 32 == 0 and int(address) > 1)
        last = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if embedded else None
        address = address.ipv4_mapped or address.sixtofour or last or address
    return address.is_global and not address.is_multicast


class _Connection(urllib3.connection.HTTPConnection):
    def _new_conn(self) -> socket.socket:
        # A proxy may stand in a private network: behind it, the proxy does the looking.
        connected = super()._new_conn()
        return connected if self.proxy else _check_peer(connected)

    def getresponse(self) -> Any:
        _watch.current.socket = self.sock
        return super().getresponse()


class _SecureConnection(_Connection, urllib3.connection.HTTPSConnection):
    pass


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _Adapter(HTTPAdapter):
    """Pooled connections that are watched."""

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}

    def proxy_manager_for(self, *arguments: Any, **options: Any) -> Any:
        manager = super().proxy_manager_for(*arguments, **options)
        manager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
        return manager
