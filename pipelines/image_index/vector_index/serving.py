"""Settings of Faiss under which an index is served, and measured as it is served."""

from __future__ import annotations

from typing import Any

from pipelines.image_index.vector_index.choice import unwrap

__all__ = ["multiply_small_batches", "stop_prefetching"]

_NUMBERS_BEFORE_BLAS = 128_000
_QUERIES_BEFORE_BLAS = 4


def stop_prefetching(index: Any) -> None:
    """Keeps Faiss from starting 32 threads a query to touch pages ahead: it costs a single query six times its time."""
    import faiss

    base, _ = unwrap(index)
    lists = faiss.downcast_InvertedLists(base.invlists) if base is not None else None
    if isinstance(lists, faiss.OnDiskInvertedLists):
        lists.prefetch_nthread = 0


def multiply_small_batches(dimension: int) -> None:
    """Lets Faiss compare batches of five queries and more with vectors by multiplying matrices.

    By itself Faiss 1.15 does so for batches of 128,000 numbers: 250 queries of 512. A batch of 64 against 4,096
    vectors then takes 2.7 times as long. Older releases count queries, from 20 on, and are left alone. The
    setting is the whole process'.
    """
    import faiss

    if faiss.cvar.distance_compute_blas_threshold == _NUMBERS_BEFORE_BLAS:
        faiss.cvar.distance_compute_blas_threshold = _QUERIES_BEFORE_BLAS * dimension
