"""What keeps a download polite: connections, bandwidth, pauses that the server asks for, and when to stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pipelines.image_index.errors import FetchError
from pipelines.waiting import random_delay

__all__ = ["HostGate", "Limits", "Stopped", "remedy"]

_REMEDIES = {
    "redirect elsewhere": "if {detail} may be asked too, give --redirect-host {detail}",
    "private address": "give --private-addresses if a server in a private network is meant",
    "not found": "give the address of the folder in which wikipedia/commons/... lies",
    "not in the shared repository": "give the address of the folder in which wikipedia/commons/... lies, or"
    " --repository all where the wiki's own files may be used",
    "not in the image set": "give a set of this wiki's images, whose names or addresses are those of its files",
    "not in the folder": "give the folder of a mirror, or a flat one whose files are named as on the wiki",
    "not an image": "look at it in a browser: a page for logging in, or a notice?",
    "too many bytes": "give a larger --max-bytes",
}


def remedy(reason: str, detail: str = "") -> str:
    """Say what to do where all images fail for one reason; `detail` is the host of a redirect that is refused."""
    return _REMEDIES.get(reason, "look at it in a browser").format(detail=detail)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is asked of one host, and how failures are met."""

    connections: int = 2
    megabits_per_second: float = 25.0
    attempts: int = 4
    """Requests of one address before its failure is final: the public server refuses a fifth (`file_names`)."""
    first_delay: float = 1.0
    """Seconds; the delay is drawn from 0 up to this, doubled with every attempt."""
    longest_delay: float = 60.0
    longest_pause: float = 900.0
    """Seconds that a server may ask to wait before the run ends instead, to be started again later."""
    failures_in_a_row: int = 20
    """Images that fail for want of an answer before the host is taken for unreachable."""
    refusals_in_a_row: int = 15
    """Answers 429 or 503 with nothing else in between before the run ends: about three minutes of waiting."""
    same_failures_in_a_row: int = 200
    """Images that fail in the same way before the run ends: then it is no property of the images."""

    def delay(self, failures: int) -> float:
        """Return the seconds to wait after so many failures in a row."""
        return random_delay(failures, self.first_delay, self.longest_delay)


class Stopped(FetchError):  # noqa: N818 - the end of a run, not a defect
    """Nothing more is asked of the host; the message says why."""


class HostGate:
    """Lets the threads of one process ask one host, within its limits."""

    def __init__(self, host: str, limits: Limits) -> None:
        self.host = host
        self.limits = limits
        self._slots = threading.Semaphore(limits.connections)
        self._lock = threading.Lock()
        self._seconds_per_byte = 8e-6 / limits.megabits_per_second
        self._next_byte = 0.0
        self._paused_until = 0.0
        self._reason: str | None = None
        self._stop = threading.Event()
        self._failures = 0
        self._refusals = 0
        self.answers = 0
        """Answers other than refusals so far."""
        self.known_good: str | None = None
        """An address of this host that gave an image."""

    @contextmanager
    def connection(self) -> Iterator[None]:
        """Hold one of the host's connections, after any pause.

        Raises:
            Stopped: the host is not to be asked any more.
        """
        with self._slots:
            while (left := self._paused_until - time.monotonic()) > 0:
                self.sleep(left)
            self._check()
            yield

    def consume(self, size: int) -> None:
        """Take note of bytes that arrived, and waits as long as the bandwidth asks for."""
        with self._lock:
            now = time.monotonic()
            self._next_byte = max(now, self._next_byte) + size * self._seconds_per_byte
            wait = self._next_byte - now
        if wait > 0:
            self.sleep(wait)

    def sleep(self, seconds: float) -> None:
        """Waits; ends at once when the host is stopped.

        Raises:
            Stopped: the host is not to be asked any more.
        """
        self._stop.wait(seconds)
        self._check()

    def pause(self, seconds: float) -> None:
        """Keep every thread from asking for some seconds, as the server wants it.

        Raises:
            Stopped: it is longer than a run should wait.
        """
        if seconds > self.limits.longest_pause:
            self.stop(f"{self.host} asks to wait {seconds:,.0f} s; run the same command again after that")
            self._check()
        with self._lock:
            self._paused_until = max(self._paused_until, time.monotonic() + seconds)

    def answered(self) -> None:
        """Take note that the host answered, and did not refuse."""
        with self._lock:
            self._failures = self._refusals = 0
            self.answers += 1

    def refused(self, status: int, retry_after: float | None) -> None:
        """Take note of an answer 429 or 503, and let every thread pause as long as it asks for.

        Without ``Retry-After`` the pauses double with every refusal in a row.

        Raises:
            Stopped: it was one too many, or the pause is longer than a run should wait.
        """
        with self._lock:
            self._refusals += 1
            refusals = self._refusals
        if refusals >= self.limits.refusals_in_a_row:
            self.stop(
                f"{self.host} refused {refusals} requests in a row (answer {status}); nothing is marked as failed"
                " for it. Wait an hour and run the same command again, with fewer --connections and"
                " --megabits-per-second if it refuses again"
            )
            self._check()
        self.pause(self.limits.delay(refusals) if retry_after is None else retry_after)

    def unanswered(self) -> None:
        """Take note of an image for which the host gave no answer, however often it was asked.

        Raises:
            Stopped: it was one too many.
        """
        with self._lock:
            self._failures += 1
            too_many = self._failures >= self.limits.failures_in_a_row
        if too_many:
            self.stop(
                f"{self.host} gave no answer for {self._failures} images in a row; run the same command again"
                " when it can be reached (with --retry-failed for these)"
            )
            self._check()

    def stop(self, reason: str) -> None:
        """End all asking; threads that wait or read wake up."""
        with self._lock:
            self._reason = self._reason or reason
        self._stop.set()

    def waiting(self) -> str:
        """Say for how long nothing is asked, as the server wants it; empty where it does not."""
        left = self._paused_until - time.monotonic()
        return f"{self.host} refuses, waiting {left:,.0f} s" if left > 1 else ""

    @property
    def stopped(self) -> str | None:
        """Why nothing is asked any more, or None."""
        return self._reason

    def _check(self) -> None:
        if self._reason is not None:
            raise Stopped(self._reason)
