"""What a reader gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kc_schema.retrieval_cache import Example
from pipelines.datasets.quirks import Quirks

__all__ = ["Dataset"]


@dataclass(slots=True)
class Dataset:
    """A data set in memory: its splits, and what was odd about them."""

    name: str
    task: str
    """``"ner"`` or ``"re"``."""
    files: dict[str, Path]
    """Split -> the file that it was read from."""
    splits: dict[str, list[Example]]
    """Split (train, dev, test) -> examples in the order of the file. `Example.image` is the name that the data
    set gives; whether there is such an image is not looked at here."""
    quirks: Quirks
    columns: dict[str, Any] | None = None
    """Where plain CoNLL files keep what; None for data sets that have their own way."""
    other_image_names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Image name -> names under which the same image is also handed around."""
