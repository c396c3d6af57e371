"""Requests that go where they may and take no more than they should.

Only the configured hosts are asked, redirects included; a name that leads to a private address is refused
when the connection stands, so no later change of the name can help it. Bodies are bounded in bytes and time.
"""

from __future__ import annotations

import email.utils
import ipaddress
import os
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies

from pipelines.image_index.errors import FetchError
from pipelines.image_index.fetching.politeness import HostGate

__all__ = ["Answer", "Transport", "TransportError", "host_of", "retry_after"]

CONNECT_SECONDS = 10.0
READ_SECONDS = 20.0
REDIRECTS = 5
_CHUNK = 1 << 14


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said; `content` is empty unless the status is 200."""

    status: int
    url: str
    content: bytes
    retry_after: float | None


class TransportError(Exception):
    """A request without a usable answer; `reason` is one of a fixed list."""

    def __init__(self, reason: str, *, transient: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.transient = transient
        """Whether asking again may help."""


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
    ) -> None:
        self.gate = gate
        self._hosts = frozenset(hosts)
        self._max_bytes = max_bytes
        self._max_seconds = max_seconds
        self._session = requests.Session()
        # The environment's proxies and certificates hold; its passwords (netrc) are sent nowhere.
        self._session.trust_env = False
        self._session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or True
        self._session.headers = requests.structures.CaseInsensitiveDict(
            {"User-Agent": user_agent, "Accept": "image/*", "Accept-Encoding": "gzip"}
        )
        adapter = _Adapter(gate.limits.connections, private_addresses=private_addresses)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)

    def get(self, url: str) -> Answer:
        """Gives the answer to a GET, redirects followed within the configured hosts.

        Raises:
            TransportError: no usable answer.
            Stopped: the host is not to be asked any more.
        """
        secure = False
        for _ in range(REDIRECTS + 1):
            parts = urlsplit(url)
            secure = secure or parts.scheme == "https"
            if parts.scheme not in (("https",) if secure else ("http", "https")):
                raise TransportError("redirect elsewhere", transient=False)
            if host_of(url) not in self._hosts:
                raise TransportError("redirect elsewhere", transient=False)
            with self.gate.connection():
                answer, location = self._ask(url)
            if location is None:
                return answer
            url = urljoin(url, location)
        raise TransportError("too many redirects", transient=False)

    def close(self) -> None:
        """Closes all connections."""
        self._session.close()

    def _ask(self, url: str) -> tuple[Answer, str | None]:
        """Gives an answer, and where it leads if it is a redirect."""
        started = time.monotonic()
        try:
            with self._session.get(
                url,
                stream=True,
                allow_redirects=False,
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                proxies=get_environ_proxies(url),
            ) as response:
                status = response.status_code
                wait = retry_after(response.headers.get("Retry-After"))
                if status in (301, 302, 303, 307, 308):
                    return Answer(status, url, b"", wait), response.headers.get("Location", "")
                if status != 200:
                    return Answer(status, url, b"", wait), None
                return Answer(status, url, self._read(response, started), wait), None
        except _PrivateAddressError as error:
            raise TransportError("private address", transient=False) from error
        except (requests.exceptions.Timeout, urllib3.exceptions.ReadTimeoutError) as error:
            raise TransportError("timeout", transient=True) from error
        except urllib3.exceptions.DecodeError as error:
            raise TransportError("broken encoding", transient=False) from error
        except urllib3.exceptions.ProtocolError as error:
            raise TransportError("wrong length", transient=True) from error
        except requests.exceptions.ConnectionError as error:
            reason = "timeout" if "timed out" in str(error) else "no connection"
            raise TransportError(reason, transient=True) from error
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:
            raise TransportError("unusable address or answer", transient=False) from error

    def _read(self, response: requests.Response, started: float) -> bytes:
        declared = response.headers.get("Content-Length", "")
        if declared.isdigit() and int(declared) > self._max_bytes:
            raise TransportError("too many bytes", transient=False)
        chunks: list[bytes] = []
        size = 0
        # What is there is read at once: a body that drips must not hold a thread beyond its time.
        while chunk := response.raw.read1(_CHUNK, decode_content=True):
            size += len(chunk)
            if size > self._max_bytes:
                raise TransportError("too many bytes", transient=False)
            if time.monotonic() - started > self._max_seconds:
                raise TransportError("timeout", transient=True)
            chunks.append(chunk)
            self.gate.consume(len(chunk))
        return b"".join(chunks)


def host_of(url: str) -> str:
    """Gives host and port of a URL, the port only where it is not the scheme's own.

    Raises:
        FetchError: there is no host.
    """
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = -1
    if not parts.hostname or port == -1:
        raise FetchError(f"{url}: not an address with a host")
    default = {"http": 80, "https": 443}.get(parts.scheme)
    return parts.hostname if port in (None, default) else f"{parts.hostname}:{port}"


def retry_after(value: str | None) -> float | None:
    """Gives the seconds of a ``Retry-After``, which names seconds or a date (RFC 9110, section 10.2.3)."""
    if value is None:
        return None
    value = value.strip()
    if value.isdigit():
        return float(value)
    try:
        date = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, date.timestamp() - time.time())


class _PrivateAddressError(Exception):
    """A connection to an address that is not public."""


def _check_peer(connected: socket.socket) -> socket.socket:
    address = ipaddress.ip_address(connected.getpeername()[0].partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if not address.is_global or address.is_multicast:
        connected.close()
        raise _PrivateAddressError(str(address))
    return connected


class _CheckedConnection(urllib3.connection.HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _check_peer(super()._new_conn())


class _CheckedSecureConnection(urllib3.connection.HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _check_peer(super()._new_conn())


class _CheckedPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _CheckedConnection


class _CheckedSecurePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _CheckedSecureConnection


class _Adapter(HTTPAdapter):
    """Pooled connections that look at whom they reached. Behind a proxy, the proxy does the looking."""

    def __init__(self, connections: int, *, private_addresses: bool) -> None:
        self._private_addresses = private_addresses
        super().__init__(pool_connections=4, pool_maxsize=connections, max_retries=0)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        if not self._private_addresses:
            self.poolmanager.pool_classes_by_scheme = {"http": _CheckedPool, "https": _CheckedSecurePool}
