"""Buckets of object storage: what is asked of them, and their errors in one line. The one module that knows obstore.

Credentials and endpoint come from the usual environment variables; docs/storage.md lists them. Requests that fail for
a reason that may pass (503 SlowDown, a connection that is cut) are repeated by the library for `RETRY_SECONDS`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kc_schema.errors import UserError

if TYPE_CHECKING:
    from obstore.store import ObjectStore

__all__ = [
    "MOST_BYTES_COPIED",
    "RETRY_SECONDS",
    "Address",
    "ChangedObjectError",
    "ConditionFailedError",
    "ObjectAccessError",
    "ObjectInfo",
    "ObjectStorageError",
    "Version",
    "copy",
    "delete",
    "head",
    "list_folder",
    "list_objects",
    "may_fork",
    "put_bytes",
    "put_file",
    "put_if_unchanged",
    "put_pieces",
    "read_range",
    "read_whole",
]

MOST_BYTES_COPIED = 5 << 30
"""Of an object that a server copies with one request (S3's CopyObject)."""
RETRY_SECONDS = "KC_STORAGE_RETRY_SECONDS"
"""Environment variable: for how long a request that fails is repeated."""

_DEFAULT_RETRY_SECONDS = 180
# A multipart upload has at most 10,000 parts, of 5 MB at least.
_PART_BYTES = 8 << 20
_MOST_PARTS = 9_000
_PARTS_AT_ONCE = 4
# Of a conditional write.
_ATTEMPTS = 5
_PAUSE = 0.2
_LONGEST_TRY = 10.0
_SECRETS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_TOKEN")
_MESSAGE = re.compile(r"<Message>(.*?)</Message>", re.DOTALL)
_CODE = re.compile(r"<Code>(\w+)</Code>")
_STATUS = re.compile(r"status code: (\d{3}[^:\n]*)")
_CREDENTIALS_IN_ADDRESS = re.compile(r"//[^/@\s]*@")
_SHOWN = 200


class ObjectStorageError(OSError, UserError):
    """Object storage that refuses a request or cannot be reached; the message is one line."""

    def __str__(self) -> str:
        return f"{self.filename}: {self.strerror}"


class ObjectAccessError(ObjectStorageError, PermissionError):
    """Object storage that does not accept the credentials, or does not give what they ask for."""


class ConditionFailedError(ObjectStorageError):
    """A conditional request whose condition does not hold: another has been there."""


class ChangedObjectError(ObjectStorageError):
    """An object that was replaced while it was read."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where an object lies."""

    scheme: str
    """``s3`` or ``gs``."""
    bucket: str
    key: str
    """Names with a slash between them; empty for the bucket itself."""

    def __str__(self) -> str:
        return f"{self.scheme}://{self.bucket}" + (f"/{self.key}" if self.key else "")


@dataclass(frozen=True, slots=True)
class Version:
    """What tells one content of an object from the next: S3 compares the e_tag, Google the version."""

    e_tag: str | None
    version: str | None = None


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What a bucket says of an object."""

    key: str
    bytes: int
    modified: float
    """Seconds since 1970."""
    version: Version


def head(address: Address) -> ObjectInfo:
    """Return what the bucket says of an object.

    Raises:
        FileNotFoundError: there is none.
        ObjectStorageError: the request was refused or not answered.
    """
    import obstore

    with _explained(address):
        return _info(obstore.head(_store(address), address.key))


def read_range(address: Address, start: int, end: int, version: Version) -> bytes:
    """Return the bytes from `start` to `end` (at least one) of an object that must still be of a version.

    Raises:
        FileNotFoundError: there is none.
        ChangedObjectError: it was replaced.
        ObjectStorageError: the request was refused or not answered, or the answer was cut.
    """
    import obstore

    options: dict[str, Any] = {"range": (start, end), "if_match": version.e_tag}
    with _explained(address, reading=True):
        result = obstore.get(_store(address), address.key, options=options)  # type: ignore[arg-type]
        data = bytes(result.bytes())
    if len(data) != end - start:
        raise ObjectStorageError(
            errno.EIO, f"sent {len(data)} bytes where {end - start} were asked for; try again", str(address)
        )
    return data


def read_whole(address: Address) -> tuple[ObjectInfo, bytes]:
    """Return an object and what the bucket says of it; errors as of `read_range`."""
    import obstore

    with _explained(address, reading=True):
        result = obstore.get(_store(address), address.key)
        info, data = _info(result.meta), bytes(result.bytes())
    if len(data) != info.bytes:
        raise ObjectStorageError(
            errno.EIO, f"sent {len(data)} of {info.bytes} bytes; try again", str(address)
        )
    return info, data


def put_bytes(
    address: Address, data: bytes, *, only_new: bool = False, replaces: Version | None = None
) -> Version:
    """Write a small object whole.

    Args:
        only_new: refuse where an object is there.
        replaces: refuse where the object is not of this version any more.

    Raises:
        ConditionFailedError: refused so.
        ObjectStorageError: the request was refused or not answered, or the bucket knows no conditions.
    """
    import obstore

    mode: Any = "create" if only_new else "overwrite"
    if replaces is not None:
        known = {"e_tag": replaces.e_tag, "version": replaces.version}
        mode = {name: value for name, value in known.items() if value is not None}
    with _explained(address, writing=True, conditional=mode != "overwrite"):
        result = obstore.put(_store(address), address.key, data, mode=mode, use_multipart=False)
        return Version(result["e_tag"], result["version"])


def put_if_unchanged(address: Address, data: bytes, replaces: Version | None) -> Version:
    """Write a small object where it is still of a version, or still absent; no two writes may have the same bytes.

    Raises:
        ConditionFailedError: another process has written or removed it.
        ObjectStorageError: the request was refused or not answered, or the bucket knows no conditions.
    """
    started = time.monotonic()
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return put_bytes(address, data, only_new=replaces is None, replaces=replaces)
        except ConditionFailedError:
            # A write whose answer was lost finds itself when it is sent again.
            with contextlib.suppress(FileNotFoundError):
                found, there = read_whole(address)
                if there == data:
                    return found.version
            raise
        except ObjectAccessError:
            raise
        except ObjectStorageError as error:
            # Where the connection breaks, the library does not send a conditional request again.
            waited = time.monotonic() - started
            if attempt == _ATTEMPTS or error.errno == errno.ENOTSUP or waited > _LONGEST_TRY:
                raise
            time.sleep(_PAUSE * attempt)
    raise AssertionError("the last attempt returns or raises")


def put_file(address: Address, file: Path) -> Version:
    """Write the content of a local file as one object, which appears when all of it is there."""
    import obstore

    size = file.stat().st_size
    with _explained(address, writing=True):
        result = obstore.put(
            _store(address),
            address.key,
            file,
            use_multipart=size > _PART_BYTES,
            chunk_size=max(_PART_BYTES, size // _MOST_PARTS + 1),
            max_concurrency=_PARTS_AT_ONCE,
        )
        return Version(result["e_tag"], result["version"])


def put_pieces(address: Address, pieces: Iterator[bytes], size: int) -> None:
    """Write pieces of bytes, one after another, as one object, which appears when all of them are there.

    Args:
        pieces: may come from object storage, too; an error that it raises is raised here, and no object appears.
        size: bytes of all of them.
    """
    import obstore

    # Not `obstore.put` of an iterator: it asks for the pieces inside of its own loop, where nothing else can be asked.
    part = max(_PART_BYTES, size // _MOST_PARTS + 1)
    with (
        _explained(address, writing=True),
        obstore.open_writer(
            _store(address), address.key, buffer_size=part, max_concurrency=_PARTS_AT_ONCE
        ) as writer,
    ):
        for piece in pieces:
            writer.write(piece)


def copy(source: Address, target: Address) -> None:
    """Copy an object inside a bucket, by the server."""
    import obstore

    with _explained(source):
        obstore.copy(_store(source), source.key, target.key)


def delete(bucket: Address, keys: Sequence[str]) -> None:
    """Remove objects of a bucket; those that are not there are none to remove."""
    import obstore

    if not keys:
        return
    try:
        with _explained(bucket):
            obstore.delete(_store(bucket), list(keys))
    except FileNotFoundError:  # Google's answer; others may be left
        for key in keys:
            with contextlib.suppress(FileNotFoundError), _explained(bucket):
                obstore.delete(_store(bucket), key)


def list_objects(folder: Address) -> Iterator[ObjectInfo]:
    """Yield all objects whose keys stand beneath a folder, sorted by their keys."""
    import obstore

    with _explained(folder):
        for found in obstore.list(_store(folder), folder.key or None, chunk_size=1000):
            yield from (_info(item) for item in found)


def list_folder(folder: Address) -> tuple[list[str], list[ObjectInfo]]:
    """Return the keys of the folders that lie directly in a folder, and the objects there."""
    import obstore

    with _explained(folder):
        found = obstore.list_with_delimiter(_store(folder), folder.key or None)
        return list(found["common_prefixes"]), [_info(item) for item in found["objects"]]


def _info(found: Any) -> ObjectInfo:
    version = Version(found["e_tag"], found["version"])
    return ObjectInfo(found["path"], found["size"], found["last_modified"].timestamp(), version)


_stores: dict[tuple[str, str], ObjectStore] = {}
_opening = threading.Lock()
_process = 0


def may_fork() -> bool:
    """Tell whether a process that is forked from this one could go on: not when this one has connections."""
    return not _stores


def _store(address: Address) -> ObjectStore:
    """Return the connection to a bucket, one for all threads of this process.

    Raises:
        RuntimeError: this process was forked from one that has connections; they would stand still for ever.
    """
    global _process
    with _opening:
        if _process not in (0, os.getpid()):
            raise RuntimeError(f"{address}: a forked process cannot go on with object storage; spawn it")
        _process = os.getpid()
        known = _stores.get((address.scheme, address.bucket))
        if known is None:
            known = _stores[address.scheme, address.bucket] = _connect(address)
        return known


def _connect(address: Address) -> ObjectStore:
    from obstore.store import GCSStore, S3Store

    text = os.environ.get(RETRY_SECONDS, "")
    try:
        seconds = float(text) if text else _DEFAULT_RETRY_SECONDS
    except ValueError as error:
        raise UserError(f"{RETRY_SECONDS}={text}: is no number of seconds") from error
    retry: Any = {"max_retries": 20, "retry_timeout": timedelta(seconds=seconds)}
    if address.scheme == "gs":
        return GCSStore(address.bucket, retry_config=retry)
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
    given: dict[str, Any] = {"endpoint": endpoint} if endpoint else {}
    return S3Store(
        address.bucket,
        client_options={"allow_http": endpoint.startswith("http://")},
        retry_config=retry,
        **given,
    )


@contextlib.contextmanager
def _explained(
    address: Address, *, reading: bool = False, writing: bool = False, conditional: bool = False
) -> Iterator[None]:
    """Turn what the library raises into errors of the system that name the address, in one line."""
    try:
        from obstore.exceptions import (
            AlreadyExistsError,
            BaseError,
            NotSupportedError,
            PermissionDeniedError,
            PreconditionError,
            UnauthenticatedError,
        )
    except ModuleNotFoundError as error:
        raise UserError(
            f"{address}: object storage needs the package obstore, which is not installed; install it with:"
            " pip install 'entity-knowledge-corpus[storage]'"
        ) from error
    name = str(address)
    try:
        yield
    except OSError as error:
        if isinstance(error, ObjectStorageError):
            raise
        if error.filename is not None:
            raise  # not of this request, but of what it was to write
        if writing and isinstance(error, FileNotFoundError):
            if conditional and "NoSuchBucket" not in str(error):
                raise ConditionFailedError(errno.ENOENT, "another process has removed it", name) from error
            raise ObjectStorageError(
                errno.ENOENT, f"there is no bucket {address.bucket}; make it first, or correct its name", name
            ) from error
        if isinstance(error, FileNotFoundError):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name) from error
        raise ObjectStorageError(error.errno or errno.EIO, _reason(error), name) from error
    except (AlreadyExistsError, PreconditionError) as error:
        if reading:
            raise ChangedObjectError(
                errno.ESTALE, "was replaced while it was read; run the same command again", name
            ) from error
        raise ConditionFailedError(errno.EEXIST, "another process has written it", name) from error
    except (PermissionDeniedError, UnauthenticatedError) as error:
        raise ObjectAccessError(
            errno.EACCES, f"{_reason(error)}; check credentials and rights (docs/storage.md)", name
        ) from error
    except NotSupportedError as error:
        raise ObjectStorageError(errno.ENOTSUP, _reason(error), name) from error
    except BaseError as error:
        if "NoSuchBucket" in str(error):
            raise ObjectStorageError(
                errno.ENOENT, f"there is no bucket {address.bucket}; make it first, or correct its name", name
            ) from error
        reason = _reason(error)
        if conditional and re.search(r"\b(?:400|409|501)\b|NotImplemented", reason):
            reason += "; locks need a server that knows conditional writes (If-None-Match, If-Match)"
            raise ObjectStorageError(errno.ENOTSUP, reason, name) from error
        raise ObjectStorageError(errno.EIO, reason, name) from error


def _reason(error: Exception) -> str:
    """Return the reason of an error in a few words, without credentials."""
    text = str(error)
    status, code, message = _STATUS.search(text), _CODE.search(text), _MESSAGE.search(text)
    if status is not None:
        said = " ".join(found[1] for found in (code, message) if found is not None)
        reason = f"the server answers {status[1].strip()}" + (f" ({said})" if said else "")
    else:
        reason = (
            text.partition("\n")[0].removeprefix("Generic S3 error: ").removeprefix("Generic GCS error: ")
        )
    for name in _SECRETS:
        if secret := os.environ.get(name):
            reason = reason.replace(secret, "***")
    return " ".join(_CREDENTIALS_IN_ADDRESS.sub("//", reason).split())[:_SHOWN]
