"""The folder of a run: that it can be written, and that one command at a time does."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from kc_schema.files import take_lock
from training.errors import TrainingError

__all__ = ["claimed"]


@contextlib.contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Makes a run's folder and keeps a second run out of it until the block ends.

    Raises:
        TrainingError: it cannot be made or written, or another run is writing there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = take_lock(folder / "lock")
    except BlockingIOError as error:
        raise TrainingError(
            f"output: {folder}: another run is writing there; wait for it, stop it, or give another folder"
        ) from error
    except OSError as error:
        raise TrainingError(
            f"output: {error.filename or folder}: {error.strerror}; give another folder (--set output=FOLDER)"
        ) from error
    with file:
        yield
