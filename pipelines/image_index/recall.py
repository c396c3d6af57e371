"""Recall and speed of an index, measured on images that it was not trained on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.image_index.errors import ImageIndexError
from pipelines.image_index.index_choice import unwrap
from pipelines.image_index.vectors import Embeddings, Ids

__all__ = ["NEIGHBOURS", "Measurement", "exact_neighbours", "measure_speed", "recall_of", "tune"]

NEIGHBOURS = 10
_K_FACTORS = (6, 10, 20, 40, 100)
_SMALLEST_GAIN = 0.0005
_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Measurement:
    """What an index was set to, and its recall then."""

    recall: float
    nprobe: int
    """Lists visited a query; 0 without an inverted file."""
    k_factor: int
    """Candidates that are refined, a result; 0 without refinement."""


def exact_neighbours(embeddings: Embeddings, rows: Ids) -> Ids:
    """Gives the rows of the true nearest neighbours of `rows`, best first, shape [n, 10], each without itself."""
    import faiss

    queries = embeddings.rows_at(rows).astype(np.float32)
    k = min(NEIGHBOURS + 1, embeddings.rows)
    best = np.full((len(rows), k), -np.inf, np.float32)
    neighbours = np.full((len(rows), k), -1, np.int64)
    for first, ids, vectors in embeddings.blocks():
        block = vectors.astype(np.float32)
        scores, places = faiss.knn(queries, block, min(k, len(ids)), metric=faiss.METRIC_INNER_PRODUCT)
        scores = np.concatenate([best, scores], axis=1)
        places = np.concatenate([neighbours, places + first], axis=1)
        order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        best = np.take_along_axis(scores, order, axis=1)
        neighbours = np.take_along_axis(places, order, axis=1)
    return _without_self(neighbours, rows)


def recall_of(index: Any, queries: npt.NDArray[np.float32], rows: Ids, exact: Ids) -> float:
    """Gives the share of true neighbours that an index over rows finds when asked for as many."""
    _, found = index.search(queries, exact.shape[1] + 1)
    found = _without_self(found, rows)
    hits = sum(len(np.intersect1d(ours, true)) for ours, true in zip(found, exact, strict=True))
    return hits / max(1, exact.size)


def tune(
    index: Any, queries: npt.NDArray[np.float32], rows: Ids, exact: Ids, *, min_recall: float
) -> Measurement:
    """Sets an index over rows to the first of ever more thorough settings that has `min_recall`.

    Raises:
        ImageIndexError: none has it.
    """
    base, refined = unwrap(index)
    best = 0.0
    for k_factor in _K_FACTORS if refined is not None else (0,):
        before = -1.0
        for nprobe in _probes(int(base.nlist)) if base is not None else (0,):
            set_search(index, nprobe, k_factor)
            recall = recall_of(index, queries, rows, exact)
            best = max(best, recall)
            if recall >= min_recall:
                return Measurement(recall, nprobe, k_factor)
            if refined is not None and nprobe > 32 and recall - before < _SMALLEST_GAIN:
                break  # more lists do not help: what is missing is lost before the refinement
            before = recall
    raise ImageIndexError(
        f"recall@{NEIGHBOURS} of this index is {best:.3f} at best, below --min-recall {min_recall}; leave out"
        " --index, or give one with finer codes or refinement"
    )


def set_search(index: Any, nprobe: int, k_factor: int) -> None:
    """Sets how many lists are visited and how many candidates are refined; 0 leaves what has no such setting."""
    import faiss

    base, _ = unwrap(index)
    if base is not None and nprobe:
        base.nprobe = nprobe
    index = faiss.downcast_index(index)
    if isinstance(index, faiss.IndexIDMap):
        index = faiss.downcast_index(index.index)
    if isinstance(index, faiss.IndexRefine) and k_factor:
        index.k_factor = k_factor


def measure_speed(index: Any, queries: npt.NDArray[np.float32], batch: int) -> float:
    """Gives queries a second of processor time of one thread, asked `batch` at a time, for about a second."""
    import faiss

    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        asked, started = 0, time.thread_time()
        while time.thread_time() - started < _SECONDS:
            start = asked % max(1, len(queries) - batch + 1)
            asked += len(queries[start : start + batch])
            index.search(queries[start : start + batch], NEIGHBOURS)
        return asked / (time.thread_time() - started)
    finally:
        faiss.omp_set_num_threads(threads)


def _probes(lists: int) -> Iterator[int]:
    nprobe = 4
    while nprobe < lists:
        yield nprobe
        if nprobe + nprobe // 2 < lists:
            yield nprobe + nprobe // 2
        nprobe *= 2
    yield lists


def _without_self(neighbours: Ids, rows: Ids) -> Ids:
    """Takes every query's own row out of its neighbours; where it is not among them, the last goes."""
    wrong = neighbours == rows[:, None]
    wrong[~wrong.any(axis=1), -1] = True
    others: Ids = neighbours[~wrong].reshape(len(rows), neighbours.shape[1] - 1)
    return others
