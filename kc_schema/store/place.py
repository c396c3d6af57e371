"""A folder that one process writes at a time, and that holds either a finished thing or the way to it."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, TextIO

from kc_schema.errors import UserError
from kc_schema.store.files import TEMPORARY, Part, explain_file_errors, remove, write_json
from kc_schema.store.lease import Lease, LeaseHeldError
from kc_schema.store.local_copies import scratch_folder
from kc_schema.store.object_path import ObjectPath, as_path, remove_objects

__all__ = ["WORK", "Place", "PlaceBusyError"]

WORK = ".work"
"""Folder, inside a place, of what is not part of the finished thing."""
LOCK = ".lock"


class PlaceBusyError(UserError):
    """Another process writes there now."""


class _Lock(Protocol):
    """The right to be the one that writes somewhere."""

    def check(self) -> None:
        """Raise an error if it is lost."""

    def release(self) -> None:
        """Give it back."""


class Place:
    """A folder opened for writing: locked first, then cleared of what a killed process was just writing.

    ::

        with Place(output, owns=("pages", "sentences")) as place:
            result = Step(place.work / "pages.json", fingerprint(dump), Pages, place.folder).run(write_pages)
            place.commit(manifest, result.parts)

    The manifest is written last: without it the folder holds nothing finished. In object storage the lock is a
    `kc_schema.store.lease.Lease`.
    """

    def __init__(
        self, folder: Path | str, *, owns: Sequence[str], what: str = "build", manifest: str = "manifest.json"
    ) -> None:
        """Take note of the folder; nothing is touched before the ``with`` block begins.

        Args:
            owns: names of files and folders in it that belong to this place; no others are ever removed.
            what: what may be writing there, for messages.
            manifest: name of the file that is written last.
        """
        self.folder = as_path(folder)
        self.owns = (*owns, WORK)
        self.manifest = self.folder / manifest
        self._what = what
        self._lock: _Lock | None = None

    @property
    def work(self) -> Path:
        """The folder of what is not part of the finished thing; `commit` leaves it, `remove_work` takes it away."""
        return self.folder / WORK

    @property
    def scratch(self) -> Path:
        """A folder of this machine for what is mapped into memory on the way; what lies there is there again next time.

        In object storage it is another one than `work`: what workers share lies there.
        """
        return scratch_folder(str(self.folder)) if isinstance(self.folder, ObjectPath) else self.work

    def __enter__(self) -> Place:
        with explain_file_errors(self.folder, "give another folder, or make room and rights there"):
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = _take_lock(self.folder / LOCK, self._what)
            try:
                self._remove_temporary_files()
            except BaseException:
                self._unlock()
                raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._unlock()

    def check_free(self) -> None:
        """Refuse early where another process is writing; nothing is written here, and nobody is kept out by it.

        Raises:
            PlaceBusyError: another process is.
        """
        import fcntl

        if isinstance(self.folder, ObjectPath):
            return  # a lease is looked at by whoever enters
        path = self.folder / LOCK
        try:
            file = path.open()
        except OSError:
            return  # nobody writes there, or what is wrong is said by whoever enters
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                raise _busy(path, self._what, _holder(file)) from None

    def check_held(self) -> None:
        """Make sure that nobody else may write here: in object storage a lock can be lost.

        Raises:
            LeaseLostError: it was.
            ObjectStorageError: the request was refused or not answered.
        """
        if self._lock is None:
            raise RuntimeError(f"{self.folder}: the place is not locked")
        self._lock.check()

    def has_manifest(self) -> bool:
        """Tell whether something finished stands here."""
        return self.manifest.is_file()

    def is_used(self) -> bool:
        """Tell whether anything lies in the folder, of this place or not."""
        return any(path.name != LOCK for path in self.folder.iterdir())

    def strangers(self) -> list[str]:
        """Return the names in the folder that do not belong to this place, sorted."""
        own = {*self.owns, LOCK, self.manifest.name}
        return sorted(path.name for path in self.folder.iterdir() if path.name not in own)

    def clear(self) -> None:
        """Remove everything that belongs to this place, the manifest first; strangers stay."""
        self.check_held()
        self.manifest.unlink(missing_ok=True)
        for name in self.owns:
            remove(self.folder / name)

    def commit(self, manifest: Any, parts: Iterable[Part | str]) -> None:
        """Write the manifest, then remove every file that belongs to this place and is not listed.

        Args:
            manifest: a value that `kc_schema.store.to_json` spells.
            parts: the files that the manifest lists, as parts or as paths inside the folder.
        """
        self.check_held()
        write_json(self.manifest, manifest)
        self.remove_unlisted(parts)

    def remove_unlisted(self, parts: Iterable[Part | str]) -> None:
        """Remove the files of this place that are not among `parts`, and folders that are left empty by it."""
        self.check_held()
        listed = {self.folder / (part.file if isinstance(part, Part) else part) for part in parts}
        for name in self.owns:
            if name == WORK:
                continue
            top = self.folder / name
            if isinstance(top, ObjectPath):
                remove_objects([path for path in top.files() if path not in listed])
                continue
            for path in sorted(top.rglob("*"), reverse=True) if top.is_dir() else [top]:
                if path.is_dir() and not path.is_symlink():
                    if not any(path.iterdir()):
                        path.rmdir()
                elif path not in listed:
                    path.unlink(missing_ok=True)

    def remove_work(self) -> None:
        """Remove what was needed on the way only."""
        self.check_held()
        for folder in {self.work, self.scratch}:
            remove(folder, ignore_errors=True)

    def _remove_temporary_files(self) -> None:
        if isinstance(self.folder, ObjectPath):
            return  # what is being written there is nowhere to be seen
        own = tuple(f".{name}." for name in (self.manifest.name, *self.owns))
        found = [path for path in self.folder.glob(TEMPORARY) if path.name.startswith(own)]
        for name in self.owns:
            found += (self.folder / name).rglob(TEMPORARY)
        for path in found:
            remove(path)

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None


class _FileLock:
    """An open file that no other process can lock; the system takes the lock away when the process ends."""

    def __init__(self, path: Path, file: TextIO) -> None:
        self._path = path
        self._file = file

    def check(self) -> None:
        """Do nothing: it cannot be lost."""

    def release(self) -> None:
        """Give the lock back."""
        # Removed while it is held: whoever waits for the old file finds that its name is gone.
        self._path.unlink(missing_ok=True)
        self._file.close()


def _holder(file: TextIO) -> str:
    """Return who holds a lock, as its file says; whoever has just taken it writes that a moment later."""
    for pause in (0.0, 0.05, 0.2, 0.5):
        time.sleep(pause)
        file.seek(0)
        if holder := " ".join(file.read(200).split()):
            return holder
    return ""


def _take_lock(path: Path, what: str) -> _Lock:
    """Return the lock `path`, which no other process can have until it is released or this process ends.

    Raises:
        PlaceBusyError: another process has it.
    """
    if not isinstance(path, ObjectPath):
        return _lock_file(path, what)
    try:
        return Lease(path)
    except LeaseHeldError as error:
        raise _busy(path, what, str(error)) from None


def _busy(path: Path, what: str, holder: str) -> PlaceBusyError:
    by = f" ({holder})" if holder else ""
    return PlaceBusyError(f"{path.parent}: another {what}{by} is writing there; wait for it or stop it")


def _lock_file(path: Path, what: str) -> _FileLock:
    import fcntl  # not on every system; those who only read must not need it

    while True:
        file = path.open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _holder(file)
            file.close()
            raise _busy(path, what, holder) from None
        except BaseException:
            file.close()
            raise
        # The holder before may have removed the file between opening and locking: then this lock keeps nobody out.
        try:
            if os.path.samestat(path.stat(), os.fstat(file.fileno())):
                file.truncate(0)
                file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
                file.flush()
                return _FileLock(path, file)
        except FileNotFoundError:
            pass
        file.close()
