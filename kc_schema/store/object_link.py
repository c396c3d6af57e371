"""The one link that object storage has: an object called ``current`` whose text names a folder beside it.

It is what a symbolic link is on a disk. It is replaced by one conditional write, so that it leads to the old folder
or to the new one at every moment.
"""

from __future__ import annotations

import re
import threading
import time

from kc_schema.store.object_storage import Address, delete, head, put_if_unchanged, read_whole

__all__ = ["LINK", "folder_of_link", "follow_links", "remove_link", "write_link"]

LINK = "current"
"""The only name in an address that is looked at as a link."""

_TARGET = re.compile(r"[^\s/.][^\s/]*(?:/[^\s/.][^\s/]*)*")
_MOST_BYTES = 1024
_SECONDS_KNOWN = 1.0
"""A link is asked for once in so long: every object beneath it would ask otherwise."""

_known: dict[Address, tuple[float, str | None]] = {}
_guard = threading.Lock()


def follow_links(written: Address) -> Address:
    """Return the address that one leads to whose key goes through links; itself where there are none in it.

    Raises:
        ObjectStorageError: the request was refused or not answered.
    """
    names: list[str] = []
    for name in written.key.split("/"):
        names.append(name)
        if name == LINK:
            target = folder_of_link(Address(written.scheme, written.bucket, "/".join(names)))
            if target is not None:
                names[-1:] = target.split("/")
    return Address(written.scheme, written.bucket, "/".join(names))


def folder_of_link(link: Address) -> str | None:
    """Return the folder that a link names, from the link's own folder on; None where there is no such link."""
    now = time.monotonic()
    with _guard:
        known = _known.get(link)
    if known is not None and now - known[0] < _SECONDS_KNOWN:
        return known[1]
    target = _read(link)
    with _guard:
        _known[link] = now, target
    return target


def write_link(link: Address, target: str) -> None:
    """Let a link lead to a folder, given from the link's own folder on; whoever asks sees the old one or the new one.

    Raises:
        ConditionFailedError: another process has changed it meanwhile.
        ObjectStorageError: the request was refused or not answered.
    """
    try:
        replaces = head(link).version
    except FileNotFoundError:
        replaces = None
    put_if_unchanged(link, f"{target}\n".encode(), replaces)
    with _guard:
        _known.pop(link, None)


def remove_link(link: Address) -> None:
    """Remove a link; what it led to stays."""
    delete(link, [link.key])
    with _guard:
        _known.pop(link, None)


def _read(link: Address) -> str | None:
    try:
        if head(link).bytes > _MOST_BYTES:
            return None
        text = read_whole(link)[1].decode("utf-8", "replace")
    except FileNotFoundError:
        return None
    return text.removesuffix("\n") if _TARGET.fullmatch(text.removesuffix("\n")) else None
