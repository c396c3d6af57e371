"""What can go wrong in training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kc_schema.errors import UserError

__all__ = ["TrainingError", "out_of_memory_explained"]


class TrainingError(UserError):
    """Training cannot go on; the message names the place and what to do."""


@contextmanager
def out_of_memory_explained(place: str, advice: str) -> Iterator[None]:
    """Turn the device's out-of-memory error into a `TrainingError` that names `place` and gives `advice`.

    No batch is skipped: results would silently depend on the device.
    """
    import torch

    try:
        yield
    except torch.OutOfMemoryError as error:
        first_line = str(error).splitlines()[0]
        raise TrainingError(f"{place}: out of memory on the device ({first_line}); {advice}") from error
