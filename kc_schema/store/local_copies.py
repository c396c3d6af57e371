"""Local copies of objects, for what needs a file on this machine: memory maps, SQLite, indexes.

They lie in one folder (`KC_STORAGE_CACHE`) that processes of this machine share, each known by its address and
version, so that an object that was replaced is fetched anew. Those that were used least recently leave when the folder
would exceed `KC_STORAGE_CACHE_BYTES`; a copy whose path a process was given stays until that process ends.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import fcntl
import hashlib
import os
import secrets
import shutil
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path

from kc_schema.errors import UserError
from kc_schema.store.object_storage import (
    Address,
    ObjectInfo,
    ObjectStorageError,
    Version,
    head,
    list_objects,
    read_range,
)

__all__ = [
    "CACHE",
    "CACHE_BYTES",
    "DEFAULT_CACHE_BYTES",
    "copy_of_folder",
    "copy_of_object",
    "new_temporary_file",
    "scratch_folder",
    "temporary_file",
]

CACHE = "KC_STORAGE_CACHE"
"""Environment variable: the folder of local copies."""
CACHE_BYTES = "KC_STORAGE_CACHE_BYTES"
"""Environment variable: how many bytes they may have together."""
DEFAULT_CACHE_BYTES = 100_000_000_000

_PIECE = 16 << 20
# Every copy that is kept from leaving takes a file descriptor.
_MOST_HELD = 256
_LOCK = ".lock"
_UNFINISHED = ".unfinished"
_PROCESS = "process-"
_SCRATCH = "scratch-"


def copy_of_object(address: Address) -> Path:
    """Return the path of a local copy of an object as it is now, fetched if there is none yet.

    Raises:
        FileNotFoundError: there is no such object.
        UserError: it is larger than all copies may be.
        ObjectStorageError: the request was refused or not answered.
    """
    return copy_of_version(address, head(address))


def copy_of_version(address: Address, info: ObjectInfo) -> Path:
    """Do what `copy_of_object` does, for a version that is known; `ChangedObjectError` where it is gone."""
    name = address.key.rpartition("/")[2]
    return _hold(address, [(name, info)]) / name


def kept_copy(address: Address, info: ObjectInfo) -> Path | None:
    """Return the path of a local copy that is there already; None where there is none."""
    name = address.key.rpartition("/")[2]
    entry = _entry(address, [(name, info)])
    return entry / name if entry.is_dir() and _hold_kept(entry) else None


def keep_written(address: Address, version: Version, file: Path) -> None:
    """Make a temporary file, whose content was just written to an object, its local copy; the file is gone then."""
    name, size = address.key.rpartition("/")[2], file.stat().st_size
    entry = _entry(address, [(name, ObjectInfo(address.key, size, 0.0, version))])
    if size > _limit():
        return
    with _Lock(entry.with_name(entry.name + _LOCK), wait=False, create=True) as is_free:
        if not is_free or entry.is_dir():
            return
        _make_room(entry.parent, size)
        unfinished = entry.with_name(entry.name + _UNFINISHED)
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        file.chmod(0o444)
        file.rename(unfinished / name)
        unfinished.rename(entry)


def copy_of_folder(address: Address) -> Path:
    """Return the path of a local copy of all objects beneath a folder as they are now; raises what the above does."""
    found = [(info.key[len(address.key) + 1 :], info) for info in list_objects(address)]
    if not found:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(address))
    return _hold(address, found)


@contextlib.contextmanager
def temporary_file(name: str) -> Iterator[Path]:
    """Give the block the path of a file that does not exist yet; it is removed at the end, or after a kill."""
    file = new_temporary_file(name)
    try:
        yield file
    finally:
        file.unlink(missing_ok=True)


def new_temporary_file(name: str) -> Path:
    """Return the path of a file that does not exist yet; what lies there goes when this process ends."""
    return _process_folder() / f"{secrets.token_hex(4)}-{name[-100:]}"


def scratch_folder(name: str) -> Path:
    """Return a folder beside the local copies that belongs to a name, the same for every process; it may not exist."""
    return _cache_folder() / f"{_SCRATCH}{hashlib.sha256(name.encode()).hexdigest()[:20]}"


def _cache_folder() -> Path:
    given = os.environ.get(CACHE)
    if given:
        return Path(given).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "entity-knowledge-corpus" / "objects"


def _limit() -> int:
    text = os.environ.get(CACHE_BYTES, "")
    try:
        return int(text) if text else DEFAULT_CACHE_BYTES
    except ValueError as error:
        raise UserError(f"{CACHE_BYTES}={text}: is no number of bytes") from error


class _Held:
    """The copies that this process uses: an open lock on each keeps them from leaving."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self.guard = threading.RLock()
        self.locks: OrderedDict[Path, int] = OrderedDict()
        self.temporary: dict[Path, Path] = {}

    def keep(self, entry: Path, lock: int) -> None:
        """Take over an open lock."""
        old = self.locks.pop(entry, None)
        self.locks[entry] = lock
        if old is not None:
            os.close(old)
        if len(self.locks) > _MOST_HELD:
            os.close(self.locks.popitem(last=False)[1])


_held = _Held()


def _here() -> _Held:
    """Return what this process holds; a forked one begins anew."""
    global _held
    if _held.process != os.getpid():
        _held = _Held()
    return _held


def _process_folder() -> Path:
    """Return this process' folder of temporary files; those of processes that have ended are removed first."""
    held = _here()
    with held.guard:
        cache = _cache_folder()
        if cache not in held.temporary:
            cache.mkdir(parents=True, exist_ok=True)
            for lock in cache.glob(f"{_PROCESS}*{_LOCK}"):
                with contextlib.suppress(FileNotFoundError), _Lock(lock, wait=False) as is_free:
                    if is_free:
                        shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
                        lock.unlink(missing_ok=True)
            folder = cache / f"{_PROCESS}{os.getpid()}-{secrets.token_hex(4)}"
            descriptor = os.open(f"{folder}{_LOCK}", os.O_RDWR | os.O_CREAT)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            folder.mkdir()
            held.temporary[cache] = folder
            atexit.register(_remove_process_folder, folder, os.getpid())
        return held.temporary[cache]


def _remove_process_folder(folder: Path, process: int) -> None:
    if os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)
        Path(f"{folder}{_LOCK}").unlink(missing_ok=True)


class _Lock:
    """An exclusive lock on a file for a block that is told whether it was had."""

    def __init__(self, path: Path, *, wait: bool, create: bool = False) -> None:
        self._path = path
        self._wait = wait
        self._flags = os.O_RDWR | (os.O_CREAT if create else 0)
        self._descriptor = -1

    def __enter__(self) -> bool:
        """Raises `FileNotFoundError` where there is no such file."""
        self._descriptor = os.open(self._path, self._flags, 0o644)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | (0 if self._wait else fcntl.LOCK_NB))
        except BlockingIOError:
            return False
        return _is_same(self._path, self._descriptor)

    def __exit__(self, *error: object) -> None:
        os.close(self._descriptor)


def _is_same(path: Path, descriptor: int) -> bool:
    """Tell whether a name still leads to an open file; a lock on one that was removed keeps nobody out."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _entry(address: Address, objects: Sequence[tuple[str, ObjectInfo]]) -> Path:
    """Return where a copy of `objects`, each with its name there, lies or will lie."""
    digest = hashlib.sha256(str(address).encode())
    for name, info in objects:
        version = info.version.e_tag or info.version.version
        digest.update(f"\n{name}\n{version}\n{info.bytes}".encode())
    return _cache_folder() / f"{digest.hexdigest()[:40]}-{sum(info.bytes for _, info in objects)}"


def _hold(address: Address, objects: Sequence[tuple[str, ObjectInfo]]) -> Path:
    """Return the folder of a copy of `objects`, each with its name there, and keep it from leaving."""
    entry = _entry(address, objects)
    size = sum(info.bytes for _, info in objects)
    if size > _limit() and not entry.is_dir():
        raise UserError(
            f"{address}: has {size:,} bytes, and local copies may have {_limit():,} together; raise {CACHE_BYTES}"
        )
    entry.parent.mkdir(parents=True, exist_ok=True)
    while not _hold_kept(entry):
        with _Lock(entry.with_name(entry.name + _LOCK), wait=True, create=True) as is_mine:
            if is_mine and not entry.is_dir():
                _make_room(entry.parent, size)
                _fetch(address, objects, entry)
    return entry


def _hold_kept(entry: Path) -> bool:
    """Keep a copy from leaving; tell whether it is there."""
    held = _here()
    with held.guard:
        if entry in held.locks and entry.is_dir():
            held.locks.move_to_end(entry)
            return True
    lock_path = entry.with_name(entry.name + _LOCK)
    try:
        descriptor = os.open(lock_path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        if not (_is_same(lock_path, descriptor) and entry.is_dir()):
            return False
        os.utime(lock_path)
        with held.guard:
            held.keep(entry, descriptor)
            descriptor = -1
        return True
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def _fetch(address: Address, objects: Sequence[tuple[str, ObjectInfo]], entry: Path) -> None:
    unfinished = entry.with_name(entry.name + _UNFINISHED)
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    try:
        for name, info in objects:
            file = unfinished / name
            file.parent.mkdir(parents=True, exist_ok=True)
            where = Address(address.scheme, address.bucket, info.key)
            with file.open("xb") as written:
                for start in range(0, info.bytes, _PIECE):
                    written.write(read_range(where, start, min(start + _PIECE, info.bytes), info.version))
                written.flush()
                os.fsync(written.fileno())
            file.chmod(0o444)  # what writes to the copy in place of the object fails
        unfinished.rename(entry)
    except BaseException as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        if isinstance(error, OSError) and not isinstance(error, (ObjectStorageError, FileNotFoundError)):
            raise UserError(
                f"{address}: cannot be copied to {entry.parent} ({os.strerror(error.errno or 0)}); make room there, or"
                f" give another folder with {CACHE}"
            ) from error
        raise


def _make_room(cache: Path, size: int) -> None:
    """Remove copies that no process uses, the least recently used ones first, until `size` more bytes fit."""
    entries = {path: _bytes_of(path) for path in cache.glob("*-*") if _bytes_of(path) >= 0}
    excess = sum(entries.values()) + size - _limit()
    if excess <= 0:
        return
    used: list[tuple[float, Path]] = []
    for entry in entries:
        with contextlib.suppress(FileNotFoundError):
            used.append((entry.with_name(entry.name + _LOCK).stat().st_mtime, entry))
    for _, entry in sorted(used):
        if excess <= 0:
            return
        lock_path = entry.with_name(entry.name + _LOCK)
        with contextlib.suppress(FileNotFoundError), _Lock(lock_path, wait=False) as is_free:
            if is_free:
                shutil.rmtree(entry, ignore_errors=True)
                shutil.rmtree(entry.with_name(entry.name + _UNFINISHED), ignore_errors=True)
                lock_path.unlink(missing_ok=True)
                excess -= entries[entry]


def _bytes_of(path: Path) -> int:
    """Return the bytes of a whole or unfinished copy by its name; -1 for other files."""
    name = path.name.removesuffix(_UNFINISHED)
    _, _, size = name.rpartition("-")
    return int(size) if size.isdecimal() and not name.startswith((_PROCESS, _SCRATCH)) else -1
