"""A server of dumps over HTTP: asked one thing at a time, as slowly as it wishes, resumed where it stopped."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from urllib.parse import quote, urlsplit, urlunsplit

import requests
import urllib3
from requests.utils import get_auth_from_url

from kc_schema.errors import UsageError, UserError
from pipelines.dump.download.arrival import Arrival
from pipelines.waiting import random_delay, retry_after

__all__ = ["PUBLIC_SERVER", "DownloadError", "DumpServer", "Politeness", "RunGoneError"]

PUBLIC_SERVER = "https://dumps.wikimedia.org"

_CONTACT = re.compile(r"\S+@\S+\.\S+|https?://\S+\.\S+")
_PUBLIC_HOSTS = re.compile(r"(?:.+\.)?wikimedia\.org")
_CHUNK = 1 << 18
_MOST_TEXT = 64 << 20
_REFUSALS = (429, 503)


class DownloadError(UserError):
    """A dump that cannot be had now; the message names the address and what to do."""


class RunGoneError(DownloadError):
    """A file of a run is no longer on the server."""


@dataclass(frozen=True, slots=True)
class Politeness:
    """How a server is asked, and how long its failures are borne."""

    attempts: int = 6
    """Requests in a row that bring nothing before a download ends; the next run goes on with it."""
    first_delay: float = 1.0
    """Seconds; a delay is drawn from 0 up to this, doubled with every attempt."""
    longest_delay: float = 60.0
    longest_pause: float = 900.0
    """Seconds that a server may ask to wait before the download ends instead."""
    read_seconds: float = 60.0
    """Silence of a connection after which it is taken for dead."""


class DumpServer:
    """The public server or a mirror with its layout; safe to use from several threads."""

    def __init__(
        self, base: str = PUBLIC_SERVER, *, contact: str = "", politeness: Politeness | None = None
    ) -> None:
        """Check the address and the contact; nothing is asked yet.

        Raises:
            UsageError: no address of the web, or a contact under which nobody can be reached.
        """
        parts = urlsplit(base.rstrip("/"))
        host = parts.hostname
        # What is kept is shown in messages and noted with a dump: without a user's name and password.
        self.base = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
        if parts.scheme not in ("http", "https") or not host:
            raise UsageError(f"--base {self.base}: give an address such as {PUBLIC_SERVER}")
        if contact and not _CONTACT.fullmatch(contact):
            raise UsageError(
                f"--contact {contact}: give a mail address or a URL under which you can be reached"
            )
        if not contact and _PUBLIC_HOSTS.fullmatch(host):
            # https://foundation.wikimedia.org/wiki/Policy:Wikimedia_Foundation_User-Agent_Policy
            raise UsageError(
                f"{host} asks for a contact in the User-Agent of every request: give --contact with your mail"
                " address, or --base with a mirror"
            )
        self.politeness = politeness or Politeness()
        self._session = requests.Session()
        self._session.auth = get_auth_from_url(base) if parts.username else None
        about = f" ({contact})" if contact else ""
        self._session.headers.update(
            {
                "User-Agent": f"entity-knowledge-corpus/{version('entity-knowledge-corpus')}{about}",
                "Accept-Encoding": "identity",
            }
        )
        self._lock = threading.Lock()
        self._paused_until = 0.0
        self._stopped = threading.Event()
        self._answers = False

    def text(self, path: str) -> str | None:
        """Return the text at a path below the base; None where there is nothing.

        Raises:
            DownloadError: the server gives no answer, or refuses.
        """
        failures = 0
        while True:
            with self._ask("GET", path) as response:
                if response.status_code in (404, 410):
                    return None
                try:
                    data = response.raw.read(_MOST_TEXT, decode_content=True)
                    return str(data.decode("utf-8", "replace"))
                except (urllib3.exceptions.HTTPError, OSError) as error:
                    failures = self._failed(failures, path, _reason(error))

    def size(self, path: str) -> int | None:
        """Return the bytes of the file at a path; None where there is no such file.

        Raises:
            DownloadError: the server gives no answer, refuses, or does not say the size.
        """
        with self._ask("HEAD", path) as response:
            if response.status_code in (404, 410):
                return None
            length = response.headers.get("Content-Length", "")
        if not length.isdigit():
            raise DownloadError(
                f"{self.url(path)}: the server does not say how large it is; take another --base"
            )
        return int(length)

    def fetch(self, path: str, target: Arrival, size: int, advance: Callable[[int], None]) -> None:
        """Fill `target` up to `size` bytes with the file at `path`, from where it ends now.

        Args:
            path: below the base.
            target: what has come of it is taken for the beginning of the file on the server.
            size: bytes of the whole file.
            advance: called with bytes that arrived; with a negative number where some are thrown away.

        Raises:
            RunGoneError: the server no longer has the file.
            DownloadError: the server gives no answer, refuses, or sends more than `size` bytes.
            OSError: the file cannot be written.
        """
        failures = furthest = 0
        while (have := target.size) != size:
            if have > size:
                target.clear()
                advance(-have)
                continue
            with self._ask("GET", path, {"Range": f"bytes={have}-"} if have else {}) as response:
                if response.status_code in (404, 410):
                    raise RunGoneError(f"{self.url(path)}: is not on the server any more")
                _check_total(response, size)
                if have and not _goes_on(response, have):
                    # Ranges are refused, or others come than were asked for: from the start.
                    target.clear()
                    advance(-have)
                    have = 0
                reason = None
                if response.status_code == 200 or have:
                    reason = self._read(response, target, have, size, advance)
                else:
                    reason = f"it answers a range with {response.status_code}"
            if reason is not None:
                failures = self._failed(0 if target.size > furthest else failures, path, reason)
                furthest = max(furthest, target.size)

    def stop(self) -> None:
        """Let all threads that wait or read end with an error."""
        self._stopped.set()

    def url(self, path: str) -> str:
        """Return the address of a path."""
        return f"{self.base}/{quote(path)}"

    def _read(
        self,
        response: requests.Response,
        target: Arrival,
        have: int,
        size: int,
        advance: Callable[[int], None],
    ) -> str | None:
        """Append what the response brings; return why it ended early, None where it did not."""
        if not have:
            target.clear()
        with target.growing() as file:
            while have < size:
                self._check_stopped()
                try:
                    chunk = response.raw.read(_CHUNK, decode_content=False)
                except (urllib3.exceptions.HTTPError, OSError) as error:
                    return _reason(error)
                if not chunk:
                    return "the connection ended early"
                have += len(chunk)
                if have > size:
                    raise _changed(response, size)
                file.write(chunk)
                advance(len(chunk))
        return None

    def _ask(self, method: str, path: str, headers: Mapping[str, str] | None = None) -> requests.Response:
        """Return an answer of 200, 206, 404, 410 or 416, after all the waiting that the server asks for."""
        failures = 0
        while True:
            self._wait_for_pause()
            try:
                response = self._session.request(
                    method,
                    self.url(path),
                    headers=dict(headers or {}),
                    stream=True,
                    timeout=(10.0, self.politeness.read_seconds),
                    allow_redirects=True,
                )
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
                failures = self._failed(failures, path, _reason(error))
                continue
            self._answers = True
            status = response.status_code
            if status in (200, 206, 404, 410, 416):
                return response
            response.close()
            if status not in _REFUSALS and status < 500:
                advice = "read its policy and correct --contact" if status in (401, 403) else "correct --base"
                raise DownloadError(f"{self.url(path)}: the server refuses ({status}); {advice}")
            wait = retry_after(response.headers.get("Retry-After")) if status in _REFUSALS else None
            failures = self._failed(failures, path, f"it answers {status}", wait)

    def _failed(self, failures: int, path: str, reason: str, wait: float | None = None) -> int:
        """Wait after a failure and return the number of failures in a row.

        Raises:
            DownloadError: it was one too many, or the server asks to wait for too long.
        """
        failures += 1
        if wait is not None and wait > self.politeness.longest_pause:
            raise DownloadError(
                f"{self.url(path)}: the server asks to wait {wait:,.0f} s; run the same command again after that"
            )
        if not self._answers and failures == 2:
            raise DownloadError(
                f"{self.base}: cannot be reached ({reason}); check the network and --base, then run the same command"
                " again"
            )
        if failures >= self.politeness.attempts:
            raise DownloadError(
                f"{self.url(path)}: {failures} requests in a row brought nothing ({reason}); run the same command"
                " again later, it goes on where this one was"
            )
        if wait is None:
            wait = random_delay(failures, self.politeness.first_delay, self.politeness.longest_delay)
        with self._lock:
            self._paused_until = max(self._paused_until, time.monotonic() + wait)
        return failures

    def _wait_for_pause(self) -> None:
        while (left := self._paused_until - time.monotonic()) > 0:
            self._stopped.wait(left)
            self._check_stopped()
        self._check_stopped()

    def _check_stopped(self) -> None:
        if self._stopped.is_set():
            raise DownloadError("stopped; the same command goes on where this one was")


def _goes_on(response: requests.Response, have: int) -> bool:
    """Tell whether an answer is the rest of a file from byte `have` on (RFC 9110, section 14.4)."""
    found = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return response.status_code == 206 and found is not None and int(found[1]) == have


def _check_total(response: requests.Response, size: int) -> None:
    """Refuse a file that the server says is larger or smaller than the run lists it."""
    name, pattern = (
        ("Content-Length", r"(\d+)") if response.status_code == 200 else ("Content-Range", r".*/(\d+)")
    )
    found = re.fullmatch(pattern, response.headers.get(name, ""))
    if (found is not None and int(found[1]) != size) or response.status_code == 416:
        raise _changed(response, size)


def _changed(response: requests.Response, size: int) -> DownloadError:
    return DownloadError(
        f"{response.url}: has another size than the {size:,} bytes that the run lists; it changed on the server, or the"
        " mirror is not in step: run the same command again later, or take another --base"
    )


def _reason(error: Exception) -> str:
    if isinstance(error, (requests.Timeout, urllib3.exceptions.TimeoutError)):
        return "no answer in time"
    if isinstance(error, (urllib3.exceptions.ProtocolError, requests.exceptions.ChunkedEncodingError)):
        return "the connection was cut"
    return "no connection" if isinstance(error, requests.ConnectionError) else type(error).__name__
