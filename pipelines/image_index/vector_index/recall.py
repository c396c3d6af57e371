"""Recall and speed of an index, measured on queries that it was not trained on.

Two kinds of queries, because people ask with images that are not like those of the corpus:

- *held out*: images of the corpus that the index was not trained on. Their neighbours lie in the same few lists as
  they do: this recall is the most that can be hoped for.
- *mixed*: random mixtures of all of them, normally distributed with their mean and covariance. Nothing in the corpus
  lies there, and the neighbours are spread over many lists, as they are for queries from elsewhere (Jaiswal et al.
  2022, OOD-DiskANN, on queries far from the data). `tests.bench.bench_image_queries` compares them with real ones.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipelines.image_index.vector_index.probing import Matrix, Probing, search_by_need
from pipelines.image_index.vectors import Embeddings, Ids

__all__ = [
    "HELD_OUT",
    "MIXED",
    "NEIGHBOURS",
    "Queries",
    "exact_neighbours",
    "make_queries",
    "measure_speed",
    "recall_of",
]

HELD_OUT, MIXED = "held out", "mixed"
NEIGHBOURS = 10
_NONE = -1
_FEW = 50
_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Queries:
    """Vectors to ask an index for, and what exact search finds."""

    vectors: Matrix
    """Shape [n, dimension], of length 1."""
    left_out: Ids
    """Shape [n, 1]: the row that a query is itself, which does not count as found; -1 where it is none."""
    exact: Ids
    """Shape [n, 10]: the rows of the nearest neighbours, best first."""

    def every(self, step: int) -> Queries:
        """Return every `step`-th query; all where they are few."""
        step = step if len(self.vectors) >= _FEW * step else 1
        return Queries(self.vectors[::step], self.left_out[::step], self.exact[::step])


def make_queries(embeddings: Embeddings, rows: Ids, *, seed: int) -> dict[str, Queries]:
    """Return queries made of the images at `rows`, which ascend: as many ``held out`` as ``mixed``."""
    held_out = embeddings.rows_at(rows).astype(np.float32)
    mean = held_out.mean(axis=0)
    shares = np.random.default_rng(seed).normal(size=(len(rows), len(rows))) / np.sqrt(len(rows))
    mixed = (mean + shares @ (held_out - mean)).astype(np.float32)
    mixed /= np.maximum(np.linalg.norm(mixed, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    vectors = {HELD_OUT: held_out, MIXED: mixed}
    left_out = {HELD_OUT: rows[:, None], MIXED: np.full((len(rows), 1), _NONE)}
    exact = iter(exact_neighbours(embeddings, list(vectors.values()), list(left_out.values())))
    return {name: Queries(vectors[name], left_out[name], next(exact)) for name in vectors}


def exact_neighbours(embeddings: Embeddings, vectors: Sequence[Matrix], left_out: Sequence[Ids]) -> list[Ids]:
    """Gives, for each of several sets of queries, the rows of the true neighbours, best first, shape [n, 10].

    The corpus is read once. Fewer than 10 come where the corpus has no more.
    """
    import faiss

    queries = np.concatenate(list(vectors))
    k = min(NEIGHBOURS + 1, embeddings.rows)
    best = np.full((len(queries), k), -np.inf, np.float32)
    neighbours = np.full((len(queries), k), -1, np.int64)
    for first, ids, block in embeddings.blocks():
        values = block.astype(np.float32)
        scores, places = faiss.knn(queries, values, min(k, len(ids)), metric=faiss.METRIC_INNER_PRODUCT)
        scores = np.concatenate([best, scores], axis=1)
        places = np.concatenate([neighbours, places + first], axis=1)
        order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        best = np.take_along_axis(scores, order, axis=1)
        neighbours = np.take_along_axis(places, order, axis=1)
    parts = np.split(neighbours, np.cumsum([len(part) for part in vectors])[:-1])
    return [
        _without(part, rows, min(NEIGHBOURS, embeddings.rows - int((rows != _NONE).any())))
        for part, rows in zip(parts, left_out, strict=True)
    ]


def recall_of(index: Any, queries: Queries, probing: Probing) -> float:
    """Return the share of true neighbours that an index over rows finds when asked for as many; 1 of none."""
    wanted = queries.exact.shape[1]
    if not queries.exact.size:
        return 1.0
    _, found = search_by_need(index, queries.vectors, wanted + 1, probing, left_out=queries.left_out)
    found = _without(found, queries.left_out, wanted)
    hits = sum(len(np.intersect1d(ours, true)) for ours, true in zip(found, queries.exact, strict=True))
    return hits / queries.exact.size


def measure_speed(index: Any, queries: Queries, probing: Probing, batch: int) -> float:
    """Return queries a second of processor time of one thread, asked `batch` at a time, for about a second."""
    import faiss

    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        asked, started = 0, time.thread_time()
        while time.thread_time() - started < _SECONDS:
            start = asked % max(1, len(queries.vectors) - batch + 1)
            vectors = queries.vectors[start : start + batch]
            left_out = queries.left_out[start : start + batch]
            search_by_need(index, vectors, NEIGHBOURS, probing, left_out=left_out)
            asked += len(vectors)
        return asked / (time.thread_time() - started)
    finally:
        faiss.omp_set_num_threads(threads)


def _without(neighbours: Ids, left_out: Ids, count: int) -> Ids:
    """Return the first `count` neighbours of every query that are not the query itself."""
    order = np.argsort(neighbours == left_out, axis=1, kind="stable")[:, :count]
    others: Ids = np.take_along_axis(neighbours, order, axis=1)
    return others
