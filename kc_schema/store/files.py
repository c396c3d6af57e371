"""Files that are either whole or not there, what they hold, and values as JSON."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import secrets
import shutil
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path, PurePath
from typing import Any, TypeVar, get_args, get_origin

import msgspec

from kc_schema.errors import UserError
from kc_schema.store.local_copies import copy_of_folder, new_temporary_file, temporary_file
from kc_schema.store.object_path import ObjectPath, as_path, remove_objects
from kc_schema.store.object_storage import ObjectStorageError

__all__ = [
    "TEMPORARY",
    "Part",
    "checksum",
    "describe_part",
    "explain_file_errors",
    "files_beneath",
    "fingerprint",
    "from_plain",
    "link_or_copy",
    "local_copy",
    "may_write",
    "parts_listed",
    "put_folder",
    "read_json",
    "remove",
    "replacing",
    "sizes",
    "switch_link",
    "temporary_folder",
    "to_json",
    "write_atomically",
    "write_json",
    "write_text",
]

TEMPORARY = ".*.tmp"
"""Pattern of the names of files that are being written."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Part:
    """A finished file of a table."""

    file: str
    """Path inside the folder of its manifest, with forward slashes."""
    rows: int
    bytes: int
    sha256: str


_PART_KEYS = {field.name for field in fields(Part)}


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hex."""
    if isinstance(path, ObjectPath):
        path = path.kept() or path
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def describe_part(path: Path, folder: Path, *, rows: int | None = None) -> Part:
    """Return what a manifest in `folder` says of the file `path`; `rows` comes from its Parquet footer by default."""
    # Of an object that was written on this machine, one request is enough.
    found = (path.kept() or path) if isinstance(path, ObjectPath) else path
    if rows is None:
        from kc_schema.store.parquet import read_footer

        rows = read_footer(found).num_rows
    return Part(path.relative_to(folder).as_posix(), rows, found.stat().st_size, checksum(found))


def sizes(folder: Path, files: Iterable[str]) -> dict[str, int]:
    """Return the bytes of those of the `files`, paths inside the folder, that are there."""
    if isinstance(folder, ObjectPath):
        wanted = set(files)
        tops = sorted({file.partition("/")[0] for file in wanted})
        found = {
            path: size for top in tops for path, size in ObjectPath(f"{folder}/{top}").file_sizes().items()
        }
        inside = {path.relative_to(folder).as_posix(): size for path, size in found.items()}
        return {file: inside[file] for file in wanted if file in inside}
    there: dict[str, int] = {}
    for file in files:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            state = (folder / file).stat()
            if stat.S_ISREG(state.st_mode):
                there[file] = state.st_size
    return there


def parts_listed(record: Path) -> list[Part]:
    """Return the parts that a JSON file lists, wherever they stand in it: a manifest, or the record of a step.

    Raises:
        OSError: the file cannot be read.
        ValueError: it holds no JSON.
    """
    try:
        return list(_listed(msgspec.json.decode(record.read_bytes())))
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from error


def _listed(value: object) -> Iterator[Part]:
    if isinstance(value, dict):
        if value.keys() == _PART_KEYS:
            yield from_plain(value, Part)
        else:
            for item in value.values():
                yield from _listed(item)
    elif isinstance(value, list):
        for item in value:
            yield from _listed(item)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give the block a temporary path beside `path`; what it has written there is made durable and renamed to `path`.

    A process that is killed leaves either the old file or the new one at `path`, and perhaps a temporary file,
    which the next `Place` at this folder removes. Several processes may write the same file at once; the last
    one wins. In object storage the temporary path is one of this machine, and what was written there is uploaded.
    """
    if isinstance(path, ObjectPath):
        with temporary_file(path.name) as temporary:
            yield temporary
            path.upload_and_keep(temporary)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(3)}.tmp")
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file beside `path`, as `replacing` says."""
    with replacing(path) as temporary:
        write(temporary)


def link_or_copy(source: Path, path: Path) -> None:
    """Make a file appear by a second name, whole: the same file where links can be had, and a copy where not.

    From object to object of one bucket the server copies.
    """
    if isinstance(source, ObjectPath) and isinstance(path, ObjectPath):
        source.copy_to(path)
        return
    with replacing(path) as temporary:
        try:
            os.link(source, temporary)
        except OSError:
            shutil.copyfile(source, temporary)


def switch_link(link: Path, folder: Path) -> None:
    """Let a link lead to a folder beneath its own one: before and after, never in between, it leads to a whole one.

    Raises:
        OSError: it cannot be written; in object storage also: another process has changed it meanwhile.
    """
    target = folder.relative_to(link.parent)
    if isinstance(link, ObjectPath):
        link.lead_to(target.as_posix())
        return
    temporary = link.with_name(f".{link.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.replace(link)
    descriptor = os.open(link.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(path: Path, *, ignore_errors: bool = False) -> None:
    """Remove a file, or a folder with all that is in it; what is not there is none to remove."""
    if isinstance(path, ObjectPath):
        path.remove_all()
    elif path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=ignore_errors)
    else:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def temporary_folder(folder: Path) -> Iterator[Path]:
    """Give the block an empty folder on this machine for what nobody needs behind it; it is removed at the end.

    It is `folder` itself, or one among the temporary files of this process where that is in object storage.
    """
    here = new_temporary_file(folder.name) if isinstance(folder, ObjectPath) else folder
    remove(here, ignore_errors=True)
    here.mkdir(parents=True)
    try:
        yield here
    finally:
        remove(here, ignore_errors=True)


def may_write(folder: Path) -> bool:
    """Tell whether this process may write in a folder."""
    if not isinstance(folder, ObjectPath):
        return os.access(folder, os.W_OK)
    probe = folder / f".{secrets.token_hex(6)}.tmp"
    try:
        probe.write_text("")
        probe.unlink(missing_ok=True)
    except PermissionError:
        return False
    return True


def files_beneath(folder: Path, *, skip: Callable[[str], bool] = lambda _: False) -> Iterator[Path]:
    """Yield the files at any depth beneath a folder; links to folders are followed, each folder once.

    Args:
        skip: tells by its name whether a folder is left out.
    """
    if isinstance(folder, ObjectPath):
        for path in folder.files():
            if not any(map(skip, path.relative_to(folder).parts[:-1])):
                yield path
        return
    seen: set[str] = set()
    # A link may also lead back to where it stands.
    for parent, folders, names in os.walk(folder, followlinks=True):
        if (real := os.path.realpath(parent)) in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not skip(name))
        for name in names:
            yield Path(parent, name)


def put_folder(source: Path, target: Path, *, record: str) -> None:
    """Put a finished folder of this machine in the place of another; it is gone from where it was.

    A kill in the middle leaves no file `record` at the target, or all of the old folder, or all of the new one.

    Args:
        record: the file of the folder that says what is in it, without which the others count for nothing.
    """
    if isinstance(target, ObjectPath):
        (target / record).unlink(missing_ok=True)
        files = sorted(path for path in source.rglob("*") if path.is_file())
        written = {target / path.relative_to(source): path for path in files}
        remove_objects([path for path in target.files() if path not in written])
        for path in sorted(written, key=lambda path: path == target / record):
            ObjectPath(str(path)).upload(written[path])
        shutil.rmtree(source)
        return
    old = source.with_name(f"{source.name}.old")
    if target.exists():
        target.replace(old)
    source.replace(target)
    shutil.rmtree(old, ignore_errors=True)


def local_copy(path: Path, *, sha256: str | None = None) -> Path:
    """Return a path of this machine for a file, or a folder with all that is in it; fetched where it lies elsewhere.

    Args:
        sha256: what the bytes of a file must add up to, where it is fetched.

    Raises:
        FileNotFoundError: nothing is there.
        UserError: it is damaged, or larger than all local copies may be.
    """
    if not isinstance(path, ObjectPath):
        return path
    try:
        copy = path.local()
    except IsADirectoryError:
        return copy_of_folder(path.address)
    if sha256 is not None and (found := checksum(copy)) != sha256:
        raise UserError(
            f"{path}: its SHA-256 is {found}, listed {sha256}; the object is damaged, make it again"
        )
    return copy


def write_text(path: Path, text: str) -> None:
    """Write `text` in UTF-8, atomically."""
    if isinstance(path, ObjectPath):
        path.write_text(text)
        return
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def to_json(value: Any) -> str:
    """Return `value` (dataclasses, paths, sets too) as indented JSON, keys sorted: same value, same bytes."""
    return json.dumps(_plain(value), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def write_json(path: Path, value: Any) -> None:
    """Write `value` as `to_json` spells it, atomically."""
    write_text(path, to_json(value))


def read_json(path: Path, kind: type[T]) -> T:
    """Read a value of the type `kind` (a dataclass, say) from a JSON file.

    Raises:
        OSError: the file cannot be read.
        ValueError: it holds no JSON, or not such a value; the message names the place in it.
    """
    try:
        return from_plain(msgspec.json.decode(path.read_bytes()), kind)
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from error


def from_plain(value: Any, kind: type[T]) -> T:
    """Return `value`, made of what JSON knows, as a `kind`: a dataclass, say, of paths, sets, counters.

    Raises:
        ValueError: it is no such value; the message names the place in it.
    """
    return msgspec.convert(value, kind, dec_hook=_special)


def fingerprint(*values: Any) -> str:
    """Return the SHA-256, in hex, of values that JSON can hold (dataclasses, paths and sets too)."""
    text = json.dumps([_plain(value) for value in values], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@contextlib.contextmanager
def explain_file_errors(folder: Path | str, remedy: str = "") -> Iterator[None]:
    """Turn an error of the system on a file (no room, no right, a limit) into one line that names the file.

    Raises:
        UserError: the disk is full, a limit is reached, a right is missing.
        MemoryError: the system gives no more memory.
    """
    try:
        yield
    except ObjectStorageError:
        raise
    except OSError as error:
        if error.errno == errno.ENOMEM:
            raise MemoryError(str(error)) from error
        # Arrow's errors carry no name of a file, and say the reason twice.
        reason = os.strerror(error.errno) if error.errno else str(error)
        remedy = remedy or "make room and rights there, then the same command goes on"
        raise UserError(f"{error.filename or folder}: {reason}; {remedy}") from error


def _plain(value: Any) -> Any:
    return msgspec.to_builtins(value, order="deterministic", enc_hook=_spell)


def _spell(value: Any) -> Any:
    if isinstance(value, PurePath):
        return str(value)
    raise NotImplementedError(f"{type(value).__name__} has no JSON form")


def _special(kind: Any, value: Any) -> Any:
    plain = get_origin(kind) or kind
    if plain is Counter:
        return Counter(msgspec.convert(value, dict[get_args(kind)[0], int]))  # type: ignore[misc]
    if isinstance(plain, type) and issubclass(plain, Path):
        return as_path(value)
    raise NotImplementedError(f"{plain} cannot be read from JSON")
