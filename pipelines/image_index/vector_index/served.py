"""The index as it is served: what it says of itself, and Faiss' settings under which it is asked and measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kc_schema.image_manifest import EncoderDescription
from kc_schema.store import read_json
from pipelines.image_index.layout import Layout
from pipelines.image_index.vector_index.choice import unwrap
from pipelines.image_index.vector_index.probing import Probing

__all__ = [
    "FORMAT",
    "IndexDescription",
    "multiply_small_batches",
    "read_description",
    "stop_prefetching",
]

FORMAT = 2
"""Version of ``index.json``; a reader refuses any other."""
_NUMBERS_BEFORE_BLAS = 128_000
_QUERIES_BEFORE_BLAS = 4


@dataclass(frozen=True, slots=True)
class IndexDescription:
    """What ``index.json`` says of the index beside it."""

    fingerprint: str
    """Checksum of all that decides what the index finds."""
    factory: str
    """Faiss' description of its kind."""
    kind: str
    """``exact``, ``ivf``, ``ivf-refine`` or ``other`` (`choice.IndexPlan`)."""
    vectors: int
    dimension: int
    encoder: EncoderDescription
    shards: int
    trained_on: int
    """Vectors; 0 where nothing was trained."""
    probing: Probing
    """How queries are searched for."""
    recall: dict[str, float]
    """``at`` so many neighbours, of so many ``queries`` of each kind, then the share that was found by kind."""
    queries_per_second: dict[str, dict[str, float]]
    """Of one thread's processor time, by kind of queries and size of batches."""
    faiss: str
    """Version of Faiss."""
    bytes: int
    """Size of ``index.faiss``."""
    sha256: str
    format: int = FORMAT


def read_description(layout: Layout) -> IndexDescription | None:
    """Return what the index says of itself; None where there is none that this version reads."""
    try:
        description = read_json(layout.index_description, IndexDescription)
        fits = layout.index.stat().st_size == description.bytes
    except (OSError, ValueError):
        return None
    return description if fits and description.format == FORMAT else None


def stop_prefetching(index: Any) -> None:
    """Keep Faiss from starting 32 threads a query to touch pages ahead: it costs a single query six times its time."""
    import faiss

    base, _ = unwrap(index)
    lists = faiss.downcast_InvertedLists(base.invlists) if base is not None else None
    if isinstance(lists, faiss.OnDiskInvertedLists):
        lists.prefetch_nthread = 0


def multiply_small_batches(dimension: int) -> None:
    """Let Faiss compare batches of five queries and more with vectors by multiplying matrices.

    By itself Faiss 1.15 does so for batches of 128,000 numbers: 250 queries of 512. A batch of 64 against 4,096
    vectors then takes 2.7 times as long. Older releases count queries, from 20 on, and are left alone. The
    setting is the whole process'.
    """
    import faiss

    if faiss.cvar.distance_compute_blas_threshold == _NUMBERS_BEFORE_BLAS:
        faiss.cvar.distance_compute_blas_threshold = _QUERIES_BEFORE_BLAS * dimension
