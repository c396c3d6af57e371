"""Evidence before it becomes a cache's hits: what a source found for an example, best first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import pyarrow as pa

__all__ = ["Evidence", "Found", "evidence_of", "table_of"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One piece of evidence."""

    score: float
    key: str
    """The sentence that matched, or the image's file name."""
    title: str
    text: str
    """With anchors as tags."""
    record_id: int = -1
    box: tuple[float, ...] | None = None
    """Object level: left, top, right, bottom of the crop that asked, in pixels of the example's image."""
    crop: str | None = None
    """Object level: file name of the crop that asked, where the data set brings crops."""
    agreement: float | None = None
    """Cosine of the example's image and the evidence's title and text in CLIP space, where it was asked for."""


Found: TypeAlias = "Mapping[str, Sequence[Evidence]]"
"""Example id -> evidence, best first."""

_SCHEMA = pa.schema(
    {
        "example_id": pa.string(),
        "score": pa.float64(),
        "key": pa.string(),
        "title": pa.string(),
        "text": pa.string(),
        "record_id": pa.int64(),
        "box": pa.list_(pa.float32()),
        "crop": pa.string(),
        "agreement": pa.float64(),
    }
)


def table_of(found: Found) -> pa.Table:
    """Gives the evidence as a table that `evidence_of` reads."""
    rows: list[dict[str, Any]] = [
        {"example_id": example_id, **asdict(evidence)}
        for example_id, pieces in found.items()
        for evidence in pieces
    ]
    return pa.Table.from_pylist(rows, schema=_SCHEMA)


def evidence_of(table: pa.Table) -> dict[str, list[Evidence]]:
    """Undoes `table_of`; examples without evidence are not in it."""
    found: dict[str, list[Evidence]] = {}
    for row in table.to_pylist():
        box = row.pop("box")
        example_id = row.pop("example_id")
        found.setdefault(example_id, []).append(Evidence(**row, box=None if box is None else tuple(box)))
    return found
