"""The tables of a cache that are made of evidence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kc_schema.retrieval_cache import HITS, Example
from pipelines.retrieval.consistency import is_leak
from pipelines.retrieval.evidence import Evidence
from pipelines.retrieval.settings import RETRIEVED, Settings

__all__ = ["hits_table", "with_mean_vectors"]


def hits_table(
    source: str,
    examples: Sequence[Example],
    queries: Sequence[str],
    found: Mapping[str, Sequence[Evidence]],
    settings: Settings,
) -> pa.Table:
    """Gives a source's hits with the columns of the cache, and those that its options add."""
    rows = [
        (example.example_id, rank, query, piece)
        for example, query in zip(examples, queries, strict=True)
        for rank, piece in enumerate(found[example.example_id])
    ]
    columns: dict[str, Any] = {
        "example_id": pa.array([name for name, _, _, _ in rows], pa.string()),
        "rank": pa.array([rank for _, rank, _, _ in rows], pa.int32()),
    }
    for name in ("score", "key", "title", "text", "record_id"):
        kind = HITS.field(name).type
        columns[name] = pa.array([getattr(piece, name) for _, _, _, piece in rows], kind)
    if source == "object":
        columns["box"] = pa.array([piece.box for _, _, _, piece in rows], pa.list_(pa.float32()))
        columns["crop"] = pa.array([piece.crop for _, _, _, piece in rows], pa.string())
    if settings.rerank_by_image and source in RETRIEVED:
        columns["agreement"] = pa.array([piece.agreement for _, _, _, piece in rows], pa.float32())
    if settings.mark_leaks:
        columns["leak"] = pa.array([is_leak(query, piece.text) for _, _, query, piece in rows], pa.bool_())
    return pa.table(columns)


def with_mean_vectors(
    features: pa.Table,
    source: str,
    examples: Sequence[Example],
    found: Mapping[str, Sequence[Evidence]],
    mean_vector: Callable[[Iterable[int]], npt.NDArray[np.float64] | None],
) -> pa.Table:
    """Gives the features with ``SOURCE_evidence_vector``: the mean vector of the images that were found.

    It is null for an example for which none was found.
    """
    means = [mean_vector(piece.record_id for piece in found[example.example_id]) for example in examples]
    rows = [None if mean is None else mean.astype(np.float32) for mean in means]
    return features.append_column(f"{source}_evidence_vector", pa.array(rows, pa.list_(pa.float32())))
