"""What the readers raise."""

from __future__ import annotations

from pathlib import Path

__all__ = ["DatasetError", "malformed"]


class DatasetError(Exception):
    """A data set that cannot be read; the message names the file, the place in it and what to do."""


def malformed(path: Path, line: int, reason: str) -> DatasetError:
    """Gives the error for a line (from 1) of a file."""
    return DatasetError(f"{path}: line {line}: {reason}")
