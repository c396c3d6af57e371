"""A lock in object storage: an object that its holder writes anew every few seconds, by conditional writes.

Whoever finds the lock of another watches for one lease whether it is written anew; no clocks are compared. If it is,
the place is busy; if not, its holder is gone, and the lock is taken over by a write on condition that nothing has
changed since. A holder whose lock was taken over finds that out by its own next conditional write.

The scheme is that of leases (Gray and Cheriton, SOSP 1989) with the e_tag in place of a clock; conditional writes:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import socket
import threading
import time
from dataclasses import dataclass

import msgspec

from kc_schema.errors import UserError
from kc_schema.store import object_storage as storage
from kc_schema.store.object_path import ObjectPath
from kc_schema.store.object_storage import ConditionFailedError, ObjectStorageError, Version

__all__ = ["LEASE_SECONDS", "Lease", "LeaseHeldError", "LeaseLostError"]

LEASE_SECONDS = "KC_STORAGE_LEASE_SECONDS"
"""Environment variable: after how many seconds without a sign of life a lock may be taken over."""

_DEFAULT_SECONDS = 30.0
_RENEWALS = 5
_LOOKS = 10

_logger = logging.getLogger(__name__)


class LeaseHeldError(UserError):
    """Another process holds the lock; the message is its holder."""


class LeaseLostError(UserError):
    """The lock was taken over by another process, for want of a sign of life."""


@dataclass(frozen=True)
class _Claim:
    """What the lock's object says."""

    holder: str
    token: str
    """Drawn for each holder."""
    count: int
    """How often it was written: no two writes are the same."""
    seconds: float
    """After how long without another write it may be taken over."""


class Lease:
    """A lock that is held from its making until `release`, and renewed by a thread meanwhile."""

    def __init__(self, path: ObjectPath) -> None:
        """Take the lock.

        Raises:
            LeaseHeldError: another process has it, and gives signs of life.
            ObjectStorageError: the bucket cannot be written, or knows no conditional writes.
        """
        self._path = path
        self._seconds = _lease_seconds()
        self._token = secrets.token_hex(8)
        self._count = 0
        self._guard = threading.Lock()
        self._lost = ""
        self._over = threading.Event()
        self._version = self._take()
        self._thread = threading.Thread(target=self._renew, name=f"lease of {path}", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Write the lock anew: it is this process' own at that moment.

        Raises:
            LeaseLostError: it was taken over.
            ObjectStorageError: the bucket cannot be reached.
        """
        with self._guard:
            if not self._lost:
                try:
                    self._version = self._write(self._version)
                except ConditionFailedError:
                    self._lost = (
                        _read(self._path)[0].holder if self._path.is_file() else "someone who removed it"
                    )
            if self._lost:
                raise LeaseLostError(
                    f"{self._path.parent}: the lock was taken over by {self._lost}, since this process gave no sign of"
                    f" life for {self._seconds:g} s; what it has begun is not finished: run it again when the other is"
                    " done"
                )

    def release(self) -> None:
        """Give the lock back, if it is still held."""
        self._over.set()
        self._thread.join()
        with contextlib.suppress(LeaseLostError, ObjectStorageError):
            self.check()
            self._path.unlink(missing_ok=True)

    def _take(self) -> Version:
        told = False
        while True:
            try:
                return self._write(None)
            except ConditionFailedError:
                pass
            try:
                claim, version = _read(self._path)
            except FileNotFoundError:
                continue
            if not told:
                told = True
                _logger.warning(
                    "%s: is locked by %s; looking for a sign of life for %g s",
                    self._path.parent,
                    claim.holder,
                    claim.seconds,
                )
            if _gives_sign_of_life(self._path, version, claim):
                raise LeaseHeldError(claim.holder)
            with contextlib.suppress(ConditionFailedError):
                taken = self._write(version)
                _logger.warning("%s: %s is gone; its lock is taken over", self._path.parent, claim.holder)
                return taken

    def _write(self, replaces: Version | None) -> Version:
        """Write the lock where it is still of a version, or still absent.

        Raises:
            ConditionFailedError: it is not.
        """
        self._count += 1
        claim = _Claim(
            f"process {os.getpid()} on {socket.gethostname()}", self._token, self._count, self._seconds
        )
        # The count makes no two writes the same.
        data = json.dumps(msgspec.to_builtins(claim)).encode()
        return storage.put_if_unchanged(self._path.address, data, replaces)

    def _renew(self) -> None:
        while not self._over.wait(self._seconds / _RENEWALS):
            try:
                self.check()
            except LeaseLostError as error:
                _logger.warning("%s", error)
                return
            except ObjectStorageError as error:
                _logger.warning("%s; the lock will be renewed when it answers", error)


def _gives_sign_of_life(path: ObjectPath, version: Version, claim: _Claim) -> bool:
    """Watch a lock for one lease of its holder; tell whether it was written anew. One that goes away was not."""
    end = time.monotonic() + claim.seconds
    while time.monotonic() < end:
        time.sleep(claim.seconds / _LOOKS)
        try:
            found = path.object_info().version.e_tag
        except FileNotFoundError:
            return False
        if found != version.e_tag:
            return _read_token(path) == claim.token
    return False


def _read(path: ObjectPath) -> tuple[_Claim, Version]:
    info, data = storage.read_whole(path.address)
    try:
        return msgspec.json.decode(data, type=_Claim), info.version
    except msgspec.MsgspecError:
        return _Claim("someone else", "", 0, _lease_seconds()), info.version


def _read_token(path: ObjectPath) -> str:
    try:
        return _read(path)[0].token
    except FileNotFoundError:
        return ""


def _lease_seconds() -> float:
    text = os.environ.get(LEASE_SECONDS, "")
    try:
        seconds = float(text) if text else _DEFAULT_SECONDS
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 86_400:
        raise UserError(f"{LEASE_SECONDS}={text}: is no number of seconds above 0")
    return seconds
