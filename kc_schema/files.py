"""Files that are either whole or not there, and files that keep other processes out."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

__all__ = ["take_lock", "write_atomically"]


def take_lock(path: Path) -> TextIO:
    """Gives a file that no other process can take until it is closed, or this process ends.

    Raises:
        BlockingIOError: another process has it.
        OSError: it cannot be made.
    """
    import fcntl  # not on every system; those who only read must not need it

    file = path.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise
    return file


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Has `write` fill a temporary file beside `path`, makes it durable and renames it to `path`.

    A process that is killed leaves either the old file or the new one at `path`; a temporary file that it
    leaves behind is overwritten by the next attempt.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    write(temporary)
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(path)
