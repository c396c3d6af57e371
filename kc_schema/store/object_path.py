"""Addresses of object storage as paths: everything that takes a `Path` takes ``s3://bucket/key`` as well."""

from __future__ import annotations

import errno
import fnmatch
import glob
import os
import re
import stat
import sys
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path, PosixPath, PurePath
from typing import Any, NoReturn

from kc_schema.errors import UsageError, UserError
from kc_schema.store import object_storage as storage
from kc_schema.store.local_copies import copy_of_object, keep_written, kept_copy, new_temporary_file
from kc_schema.store.object_files import open_to_read, open_to_write
from kc_schema.store.object_link import LINK, folder_of_link, follow_links, remove_link, write_link
from kc_schema.store.object_storage import Address, ConditionFailedError, ObjectInfo

__all__ = [
    "ObjectPath",
    "as_address",
    "as_path",
    "find_matching",
    "find_named",
    "is_address",
    "progress_interval",
    "remove_objects",
]

# The parts of an address lie below a name that can be no folder: what treats it as a path of this machine by mistake
# (`Path(address)`, say) gets an error of the system, and never writes to the disk.
_ROOT = "/dev/null"
_ADDRESS = re.compile(r"(s3|gs):/{1,2}(?P<bucket>[^/]*)(?:/(?P<key>.*))?", re.DOTALL)
_INNER = re.compile(rf"{_ROOT}/(s3|gs):(?:/|$)")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,221}[A-Za-z0-9]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def as_path(given: str | PurePath) -> Path:
    """Return `given` as a path: in object storage for ``s3://bucket/key`` or ``gs://bucket/key``, of this machine else.

    Raises:
        UsageError: such an address without bucket or key, or with a name that object storage does not take.
    """
    if isinstance(given, ObjectPath):
        return given
    text = str(given)
    if _INNER.match(text):
        return ObjectPath(text)
    if not is_address(text):
        return given if isinstance(given, Path) else Path(given)
    if "?" in text:
        raise UsageError(f"{text}: an address takes no query; give bucket and key alone")
    path = ObjectPath(text)
    if not path.written.key:
        raise UsageError(f"{text}: names a bucket alone; give a folder in it, such as {path}/kc")
    return path


def find_matching(pattern: str) -> list[Path]:
    """Return files and folders, here or in object storage, that fit a pattern with ``*``, ``?``, ``[...]`` and ``**``.

    Raises:
        UsageError: a pattern of object storage whose bucket is not written out.
    """
    if not is_address(pattern):
        return [Path(path) for path in glob.glob(pattern, recursive=True)]  # noqa: PTH207 (it takes any path)
    fixed: list[str] = []
    names = pattern.split("/")
    while len(names) > 1 and not (glob.has_magic(names[0]) and len(fixed) > 2):
        fixed.append(names.pop(0))
    return list(ObjectPath("/".join(fixed)).glob("/".join(names)))


def find_named(pattern: str) -> list[Path]:
    """Return the files that an option names, sorted: one, or those that fit a pattern; none where one is no file."""
    paths = sorted(find_matching(pattern) if glob.has_magic(pattern) else [as_path(pattern)])
    return paths if all(path.is_file() for path in paths) else []


def progress_interval(path: Path) -> float:
    """Return after how many seconds a small file at `path` that tells of progress may be written or looked at again.

    In object storage, every look and every write is a request.
    """
    return 10.0 if isinstance(path, ObjectPath) else 0.5


def is_address(text: str) -> bool:
    """Tell whether a text names something in object storage, as ``s3://...`` or ``gs://...``."""
    # Path("s3://bucket/key") has lost a slash.
    return text.startswith(("s3:/", "gs:/"))


def _inner(segment: Any) -> Any:
    """Return an address as what pathlib takes apart; other segments as they are."""
    if not isinstance(segment, str) or not is_address(segment):
        return segment
    found = _ADDRESS.fullmatch(segment)
    assert found is not None
    bucket, key = found["bucket"], found["key"] or ""
    if not bucket:
        raise UsageError(f"{segment}: names no bucket; an address is {found[1]}://bucket/key")
    if not _BUCKET.fullmatch(bucket):
        raise UsageError(
            f"{segment}: {bucket!r} is no name of a bucket; an address is {found[1]}://bucket/key"
        )
    key = key.removesuffix("/")
    names = key.split("/") if key else []
    if "" in names or "." in names or ".." in names:
        raise UsageError(f"{segment}: an address has no empty names in it and no . or ..; write out the key")
    if _CONTROL.search(key):
        raise UsageError(f"{segment}: an address takes no control characters; give bucket and key alone")
    return "/".join([_ROOT, f"{found[1]}:", bucket, *names])


class ObjectPath(PosixPath):
    """A path in object storage, ``s3://bucket/key``.

    Folders are what keys have in common: they need not be made, and are there while something lies in them. Reading
    asks for ranges, writing puts whole objects. ``os.fspath`` (so `open`, `numpy.load`, `sqlite3.connect`) gives the
    path of a local copy to read from. It compares, pickles and joins as other paths do. A name ``current`` in it may be
    a link (`kc_schema.store.object_link`); what is asked for lies where that leads to.

    Raises:
        UsageError: an address without bucket, or with a name that object storage does not take.
    """

    def __new__(cls, *segments: str | PurePath) -> ObjectPath:
        """Return the path of an address, joined with further segments."""
        return super().__new__(cls, *map(_inner, segments))

    def __init__(self, *segments: str | PurePath) -> None:
        if sys.version_info >= (3, 12):
            super().__init__(*map(_inner, segments))
        else:
            super().__init__()

    # What pathlib makes of a path: its text, its neighbours.

    @property
    def written(self) -> Address:
        """Scheme, bucket and key, as they were given."""
        scheme, bucket, *names = self.parts[3:]
        return Address(scheme.removesuffix(":"), bucket, "/".join(names))

    @property
    def address(self) -> Address:
        """Where it lies: what was given, with links followed.

        Raises:
            ObjectStorageError: a link has to be asked for, and the request was refused or not answered.
        """
        return follow_links(self.written) if LINK in self.parts[5:] else self.written

    def __str__(self) -> str:
        return str(self.written)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self),)

    def __fspath__(self) -> str:
        return str(self.local())

    def __hash__(self) -> int:
        return hash(str(self))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PurePath):
            return NotImplemented
        return isinstance(other, ObjectPath) and self.parts == other.parts

    def as_posix(self) -> str:
        """Return the address."""
        return str(self)

    def as_uri(self) -> str:
        """Return the address."""
        return str(self)

    def with_segments(self, *segments: str | PurePath) -> Path:
        """Return what the segments make together: a path of this class, or of this machine."""
        made = PosixPath(*map(_inner, segments))
        return ObjectPath(*segments) if _INNER.match(PurePath.__str__(made)) else made

    def joinpath(self, *segments: str | PurePath) -> Path:  # type: ignore[override]
        """Return the path of what lies beneath; an address or an absolute path among the segments starts anew."""
        path: Path = self
        for segment in segments:
            path = path / segment
        return path

    def __truediv__(self, segment: str | PurePath) -> Path:  # type: ignore[override]
        if not isinstance(segment, (str, PurePath)):
            return NotImplemented
        if isinstance(segment, ObjectPath):
            return segment
        text = str(segment)
        if is_address(text) or text.startswith("/"):
            return as_path(segment)
        names = [name for name in text.split("/") if name not in ("", ".")]
        return ObjectPath("/".join([str(self), *names])) if names else self

    def __rtruediv__(self, _before: str | PurePath) -> ObjectPath:  # type: ignore[override]
        return self

    @property
    def parent(self) -> ObjectPath:
        """The folder in which it lies; of a bucket, the bucket."""
        address = self.written
        above = address.key.rpartition("/")[0]
        return ObjectPath(str(Address(address.scheme, address.bucket, above)))

    @property
    def parents(self) -> Sequence[ObjectPath]:
        """The folders in which it lies, the nearest first, the bucket last."""
        found: list[ObjectPath] = []
        path = self
        while path.written.key:
            path = path.parent
            found.append(path)
        return found

    def with_name(self, name: str) -> ObjectPath:
        """Return the path of a neighbour."""
        if not self.written.key or not name or "/" in name:
            raise ValueError(f"{self}: no neighbour can be called {name!r}")
        return ObjectPath(f"{self.parent}/{name}")

    def with_suffix(self, suffix: str) -> ObjectPath:
        """Return the path of a neighbour whose name ends otherwise."""
        return self.with_name(Path(self.name).with_suffix(suffix).name)

    def relative_to(self, *other: str | PurePath, walk_up: bool = False) -> Path:  # type: ignore[override]
        """Return what has to be joined to another path to get this one."""
        folder = as_address(*other)
        if walk_up or folder is None or self.parts[: len(folder.parts)] != folder.parts:
            raise ValueError(f"{str(self)!r} is not in {'/'.join(map(str, other))!r}")
        return Path(*self.parts[len(folder.parts) :])

    def is_relative_to(self, *other: str | PurePath) -> bool:  # type: ignore[override]
        """Tell whether it lies in another folder, or is it."""
        folder = as_address(*other)
        return folder is not None and self.parts[: len(folder.parts)] == folder.parts

    def resolve(self, strict: bool = False) -> ObjectPath:
        """Return the path with links followed; where `strict`, something must be there."""
        found = ObjectPath(str(self.address))
        if strict:
            found.stat()
        return found

    def absolute(self) -> ObjectPath:
        """Return the path itself."""
        return self

    def expanduser(self) -> ObjectPath:
        """Return the path itself."""
        return self

    # What lies there.

    def local(self) -> Path:
        """Return the path of a local copy of the object, fetched if there is none yet.

        Raises:
            FileNotFoundError: there is no such object.
            IsADirectoryError: it is a folder; `kc_schema.store.local_copy` fetches one.
        """
        try:
            return copy_of_object(self.address)
        except FileNotFoundError:
            if self.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(self)) from None
            raise

    def kept(self) -> Path | None:
        """Return the path of a local copy of the object as it is now, where there is one already."""
        return kept_copy(self.address, self.object_info())

    def file_sizes(self) -> dict[ObjectPath, int]:
        """Return the bytes of all objects beneath, and of the object itself; one request for a thousand."""
        address = self.address
        found = {self._beneath(info.key, address): info.bytes for info in storage.list_objects(address)}
        if not found and self.is_file():
            found[self] = self.object_info().bytes
        return found

    def object_info(self) -> ObjectInfo:
        """Return size, time and version of the object; errors as of `stat`."""
        return storage.head(self._file())

    def stat(self, **_: Any) -> os.stat_result:
        """Return size and time of change; a folder has neither. Two contents of an object have two inodes.

        Raises:
            FileNotFoundError: there is neither object nor folder.
            ObjectStorageError: the request was refused or not answered.
        """
        try:
            info = self.object_info()
        except FileNotFoundError:
            if not self.is_dir():
                raise
            return os.stat_result((stat.S_IFDIR | 0o755, 0, 0, 1, 0, 0, 0, 0, 0, 0))
        inode = zlib.crc32(f"{self} {info.version}".encode())
        size, time = info.bytes, int(info.modified)
        exact = {"st_mtime": info.modified, "st_mtime_ns": int(info.modified * 1e9)}
        return os.stat_result((stat.S_IFREG | 0o644, inode, 0, 1, 0, 0, size, time, time, time), exact)

    def lstat(self) -> os.stat_result:
        """Return what `stat` gives."""
        return self.stat()

    def exists(self, **_: Any) -> bool:
        """Tell whether an object or a folder is there."""
        return self.is_file() or self.is_dir()

    def is_file(self, **_: Any) -> bool:
        """Tell whether an object is there."""
        if not self.address.key:
            return False
        try:
            self.object_info()
        except FileNotFoundError:
            return False
        return True

    def is_dir(self, **_: Any) -> bool:
        """Tell whether any object lies beneath."""
        return next(storage.list_objects(self.address), None) is not None

    def is_symlink(self) -> bool:
        """Tell whether it is a link."""
        return self.name == LINK and folder_of_link(self._itself()) is not None

    def is_mount(self) -> bool:
        """Return False, as all tests for special files do."""
        return False

    is_junction = is_socket = is_fifo = is_block_device = is_char_device = is_mount

    def samefile(self, other: str | PurePath) -> bool:  # type: ignore[override]
        """Tell whether the other path leads to the same address."""
        path = as_path(other)
        return isinstance(path, ObjectPath) and path.address == self.address

    def iterdir(self) -> Iterator[ObjectPath]:  # type: ignore[override]
        """Yield what lies directly beneath; nothing where there is no such folder."""
        address = self.address
        folders, objects = storage.list_folder(address)
        for key in sorted({*folders, *(info.key for info in objects)}):
            yield self._beneath(key, address)

    def glob(self, pattern: str, **_: Any) -> Iterator[ObjectPath]:  # type: ignore[override]
        """Yield objects and folders beneath that fit a pattern, as pathlib understands it, sorted."""
        names = [name for name in str(pattern).split("/") if name not in ("", ".")]
        if not names or str(pattern).startswith("/"):
            raise ValueError(f"{self}: {str(pattern)!r} is no pattern of what lies beneath")
        folder = self
        while len(names) > 1 and not _is_magic(names[0]):
            folder = ObjectPath(f"{folder}/{names.pop(0)}")
        depth = len(folder.parts)
        one = len(names) == 1 and names[0] != "**"
        for path in folder.iterdir() if one else folder._all_beneath():
            if _fits(path.parts[depth:], names) and (names[-1] != "**" or path.is_dir()):
                yield path

    def rglob(self, pattern: str, **_: Any) -> Iterator[ObjectPath]:  # type: ignore[override]
        """Yield objects and folders at any depth beneath that fit a pattern, sorted."""
        return self.glob(f"**/{pattern}")

    def files(self) -> Iterator[ObjectPath]:
        """Yield the objects at any depth beneath, sorted; one request for a thousand."""
        address = self.address
        for info in storage.list_objects(address):
            yield self._beneath(info.key, address)

    def _all_beneath(self) -> Iterator[ObjectPath]:
        """Yield this folder and all objects and folders at any depth beneath it, sorted."""
        found = set(self.files())
        for path in list(found):
            for above in path.parents[: len(path.parts) - len(self.parts)]:
                if above in found:
                    break
                found.add(above)
        yield from sorted(found)

    def _beneath(self, key: str, address: Address) -> ObjectPath:
        """Return the path of an object that lies beneath this folder, whose address is given."""
        inside = key[len(address.key) + 1 :] if address.key else key
        return ObjectPath(f"{self}/{inside}")

    # What is read and written.

    def open(
        self,
        mode: str = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
    ) -> Any:
        """Open the object to read it by ranges, or to write it whole: it appears when it is closed without an error.

        Raises:
            FileNotFoundError: there is no such object to read.
            FileExistsError: mode ``x``, and there is one.
            UserError: a mode that changes a part of a file.
        """
        kind, binary = mode.replace("b", "").replace("t", ""), "b" in mode
        text: dict[str, Any] = {
            "binary": binary, "encoding": encoding, "errors": errors, "newline": newline,
        }  # fmt: skip
        if not binary and encoding is None:
            text["encoding"] = "utf-8"
        if kind == "r":
            return open_to_read(self._file(), buffering=buffering, **text)
        if kind not in ("w", "x"):
            self._refuse(f"opened with mode {mode}: objects are read, or written whole")
        if kind == "x" and self.is_file():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(self))
        return open_to_write(self._file(), new_temporary_file(self.name), only_new=kind == "x", **text)

    def read_bytes(self) -> bytes:
        """Return the whole object; one request."""
        return storage.read_whole(self._file())[1]

    def read_text(
        self, encoding: str | None = None, errors: str | None = None, newline: str | None = None
    ) -> str:
        """Return the whole object as text, in UTF-8 where nothing else is said."""
        text = self.read_bytes().decode(encoding or "utf-8", errors or "strict")
        return text.replace("\r\n", "\n").replace("\r", "\n") if newline is None else text

    def write_bytes(self, data: Any) -> int:
        """Write the whole object; one request, atomic."""
        whole = bytes(data)
        storage.put_bytes(self._file(), whole)
        return len(whole)

    def write_text(
        self, data: str, encoding: str | None = None, errors: str | None = None, newline: str | None = None
    ) -> int:
        """Write the whole object as text, in UTF-8 where nothing else is said."""
        self.write_bytes(data.replace("\n", newline or "\n").encode(encoding or "utf-8", errors or "strict"))
        return len(data)

    def upload(self, file: Path) -> None:
        """Write the content of a local file as this object, which appears when all of it is there."""
        storage.put_file(self._file(), file)

    def upload_and_keep(self, file: Path) -> None:
        """Do what `upload` does, and make a temporary file the object's local copy, so that nobody here fetches it."""
        keep_written(self.address, storage.put_file(self._file(), file), file)

    def write_pieces(self, pieces: Iterator[bytes], size: int) -> None:
        """Write pieces of bytes, of a `size` together, as this object; an error that they raise leaves none."""
        storage.put_pieces(self._file(), pieces, size)

    def touch(self, mode: int = 0o666, exist_ok: bool = True) -> None:  # noqa: ARG002
        """Make an empty object where there is none."""
        try:
            storage.put_bytes(self._file(), b"", only_new=True)
        except ConditionFailedError:
            if not exist_ok:
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(self)) from None

    def mkdir(self, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        """Do nothing: a folder is there while something lies in it."""

    def rmdir(self) -> None:
        """Do nothing where nothing lies beneath.

        Raises:
            OSError: something does.
        """
        if self.is_dir():
            raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), str(self))

    def unlink(self, missing_ok: bool = False) -> None:
        """Remove the object; of a link the link alone."""
        if self.is_symlink():
            remove_link(self._itself())
            return
        if not missing_ok:
            self.object_info()
        storage.delete(self.address, [self._file().key])

    def remove_all(self) -> None:
        """Remove the object and all objects beneath; one request for a thousand. Of a link, the link alone."""
        if self.is_symlink():
            self.unlink(missing_ok=True)
            return
        keys = [info.key for info in storage.list_objects(self.address)]
        storage.delete(self.address, [*keys, self._file().key])

    def copy_to(self, target: ObjectPath) -> None:
        """Write the object's content as another one, on the server where both lie in one bucket."""
        mine, other = self._file(), target._file()
        same_bucket = (mine.scheme, mine.bucket) == (other.scheme, other.bucket)
        if same_bucket and storage.head(mine).bytes <= storage.MOST_BYTES_COPIED:
            storage.copy(mine, other)
        else:
            target.upload(self.local())

    def rename(self, target: str | PurePath) -> Path:  # type: ignore[override]
        """Copy the object, on the server where it stays in its bucket, and remove it: not atomic.

        Nothing that has to survive a kill is written so; `kc_schema.store.replacing` writes whole objects.
        """
        to = as_path(target)
        if not self.is_file():
            if self.is_dir():
                self._refuse("renamed: folders of object storage have no name of their own")
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self))
        if isinstance(to, ObjectPath):
            if to == self:
                return to
            self.copy_to(to)
        else:
            to.write_bytes(self.local().read_bytes())
        self.unlink(missing_ok=True)
        return to

    def replace(self, target: str | PurePath) -> Path:  # type: ignore[override]
        """Do what `rename` does."""
        return self.rename(target)

    def _file(self) -> Address:
        """Return the address; a bucket is no object."""
        address = self.address
        if not address.key:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(self))
        return address

    def _itself(self) -> Address:
        """Return the address of a link itself: not where it leads to."""
        above = self.parent.address
        return Address(above.scheme, above.bucket, f"{above.key}/{self.name}".removeprefix("/"))

    # The one link.

    def lead_to(self, folder: str) -> None:
        """Make this a link to a folder, given from its own one on: one conditional write, in place of the one before.

        Raises:
            UserError: another name than ``current``.
            ObjectStorageError: another process has changed it, or the request was refused or not answered.
        """
        if self.name != LINK:
            self._refuse(f"a link: only an object called {LINK} is")
        write_link(self._itself(), folder)

    def readlink(self) -> Path:  # type: ignore[override]
        """Return the folder that a link names.

        Raises:
            OSError: it is none.
        """
        found = folder_of_link(self._itself()) if self.name == LINK else None
        if found is None:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), str(self))
        return Path(found)

    # What object storage does not know.

    def _refuse(self, what: str) -> NoReturn:
        raise UserError(f"{self}: cannot be {what}; give a folder of this machine")

    def symlink_to(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse: `lead_to` makes the one link that there is."""
        self._refuse("a link: object storage has none")

    hardlink_to = link_to = symlink_to

    def chmod(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse: rights are the bucket's matter."""
        self._refuse("given rights: they are the bucket's matter")

    lchmod = owner = group = chmod

    def walk(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse: `rglob` goes over what lies beneath."""
        self._refuse("walked")


def remove_objects(paths: Sequence[ObjectPath]) -> None:
    """Remove objects, many with one request; those that are not there are none to remove."""
    keys: dict[Address, list[str]] = {}
    for path in paths:
        address = path.address
        keys.setdefault(Address(address.scheme, address.bucket, ""), []).append(address.key)
    for bucket, found in keys.items():
        storage.delete(bucket, found)


def as_address(*segments: str | PurePath) -> ObjectPath | None:
    """Return what the segments make together where that lies in object storage."""
    first, *rest = segments
    path = as_path(first) if not isinstance(first, ObjectPath) else first
    path = path.joinpath(*rest) if rest else path
    return path if isinstance(path, ObjectPath) else None


def _is_magic(name: str) -> bool:
    return any(sign in name for sign in "*?[")


def _fits(names: Sequence[str], pattern: Sequence[str]) -> bool:
    """Tell whether a path fits a pattern, name by name; ``**`` stands for any number of names."""
    if not pattern:
        return not names
    if pattern[0] == "**":
        return _fits(names, pattern[1:]) or (bool(names) and _fits(names[1:], pattern))
    return bool(names) and fnmatch.fnmatchcase(names[0], pattern[0]) and _fits(names[1:], pattern[1:])
