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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.image_index.errors import ImageIndexError
from pipelines.image_index.index_choice import unwrap
from pipelines.image_index.vectors import Embeddings, Ids

__all__ = [
    "NEIGHBOURS",
    "Measurement",
    "Queries",
    "exact_neighbours",
    "make_queries",
    "measure_speed",
    "recall_of",
    "set_search",
    "tune",
]

NEIGHBOURS = 10
_NONE = -1
_K_FACTORS = (100, 40, 20, 10, 6)
# Measured: 0.45 microseconds a candidate that is refined, 0.026 a code of 512 bits.
_CODES_PER_CANDIDATE = 17
_EF_SEARCH = (16, 32, 64, 128, 256, 512)
_SMALLEST_GAIN = 0.0005
_SECONDS = 1.0

Matrix = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Queries:
    """Vectors to ask an index for, and what exact search finds."""

    vectors: Matrix
    """Shape [n, dimension], of length 1."""
    left_out: Ids
    """Shape [n, 1]: the row that a query is itself, which does not count as found; -1 where it is none."""
    exact: Ids
    """Shape [n, 10]: the rows of the nearest neighbours, best first."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """What an index was set to, and its recall then."""

    recall: Mapping[str, float]
    """By kind of queries."""
    nprobe: int
    """Lists visited a query, or efSearch of an HNSW graph; 0 where there is neither."""
    k_factor: int
    """Candidates that are refined, a result; 0 without refinement."""


def make_queries(embeddings: Embeddings, rows: Ids, *, seed: int) -> dict[str, Queries]:
    """Gives queries made of the images at `rows`, which ascend: as many ``held out`` as ``mixed``."""
    held_out = embeddings.rows_at(rows).astype(np.float32)
    mean = held_out.mean(axis=0)
    shares = np.random.default_rng(seed).normal(size=(len(rows), len(rows))) / np.sqrt(len(rows))
    mixed = (mean + shares @ (held_out - mean)).astype(np.float32)
    mixed /= np.maximum(np.linalg.norm(mixed, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    vectors = {"held out": held_out, "mixed": mixed}
    left_out = {"held out": rows[:, None], "mixed": np.full((len(rows), 1), _NONE)}
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


def recall_of(index: Any, queries: Queries) -> float:
    """Gives the share of true neighbours that an index over rows finds when asked for as many; 1 of none."""
    wanted = queries.exact.shape[1]
    if not queries.exact.size:
        return 1.0
    _, found = index.search(queries.vectors, wanted + 1)
    found = _without(found, queries.left_out, wanted)
    hits = sum(len(np.intersect1d(ours, true)) for ours, true in zip(found, queries.exact, strict=True))
    return hits / queries.exact.size


def tune(index: Any, queries: Mapping[str, Queries], *, min_recall: float) -> Measurement:
    """Sets an index over rows to the cheapest setting that has `min_recall` for all queries.

    An index that has nothing to set is measured as it is.

    Args:
        queries: by kind.

    Raises:
        ImageIndexError: none has it.
    """
    refined = unwrap(index)[1] is not None
    chosen: Measurement | None = None
    best = dict.fromkeys(queries, 0.0)
    # Fewer candidates need more lists, so that only what is cheaper than the last finding is tried.
    for k_factor in _K_FACTORS if refined else (0,):
        before = -1.0
        for nprobe in _probes(index):
            if chosen is not None:
                if nprobe < chosen.nprobe:
                    continue
                if _cost(index, nprobe, k_factor) >= _cost(index, chosen.nprobe, chosen.k_factor):
                    break
            set_search(index, nprobe, k_factor)
            recall = {name: recall_of(index, asked) for name, asked in queries.items()}
            lowest = min(recall.values())
            if lowest >= min_recall:
                chosen = Measurement(recall, nprobe, k_factor)
                break
            best = max(best, recall, key=lambda shares: min(shares.values()))
            if refined and nprobe > 32 and lowest - before < _SMALLEST_GAIN:
                break  # more lists do not help: what is missing is lost before the refinement
            before = lowest
        if chosen is None:
            break
    if chosen is None:
        measured = ", ".join(f"{share:.3f} for {name} queries" for name, share in best.items())
        raise ImageIndexError(
            f"recall@{NEIGHBOURS} of this index is {measured} at best, below --min-recall {min_recall}; leave out"
            " --index, or give one with finer codes or refinement"
        )
    set_search(index, chosen.nprobe, chosen.k_factor)
    return chosen


def _cost(index: Any, nprobe: int, k_factor: int) -> float:
    """Gives what a query costs, in codes that are looked at."""
    base, _ = unwrap(index)
    codes = nprobe * index.ntotal / base.nlist if base is not None else 0.0
    return codes + _CODES_PER_CANDIDATE * NEIGHBOURS * k_factor


def set_search(index: Any, nprobe: int, k_factor: int) -> None:
    """Sets how many lists are visited and how many candidates are refined; 0 leaves what has no such setting."""
    import faiss

    base, _ = unwrap(index)
    index = _inner(index)
    if base is not None and nprobe:
        base.nprobe = nprobe
    elif isinstance(index, faiss.IndexHNSW) and nprobe:
        index.hnsw.efSearch = nprobe
    if isinstance(index, faiss.IndexRefine) and k_factor:
        index.k_factor = k_factor


def measure_speed(index: Any, queries: Matrix, batch: int) -> float:
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


def _probes(index: Any) -> Iterator[int]:
    """Gives ever more lists to visit, up to all; of a graph, ever larger efSearch; 0 where there is neither."""
    import faiss

    base, _ = unwrap(index)
    if base is None:
        graph = isinstance(_inner(index), faiss.IndexHNSW)
        yield from _EF_SEARCH if graph else (0,)
        return
    nprobe, lists = 4, int(base.nlist)
    while nprobe < lists:
        yield nprobe
        if nprobe + nprobe // 2 < lists:
            yield nprobe + nprobe // 2
        nprobe *= 2
    yield lists


def _inner(index: Any) -> Any:
    """Gives what is inside a map of ids."""
    import faiss

    index = faiss.downcast_index(index)
    return faiss.downcast_index(index.index) if isinstance(index, faiss.IndexIDMap) else index


def _without(neighbours: Ids, left_out: Ids, count: int) -> Ids:
    """Gives the first `count` neighbours of every query that are not the query itself."""
    order = np.argsort(neighbours == left_out, axis=1, kind="stable")[:, :count]
    others: Ids = np.take_along_axis(neighbours, order, axis=1)
    return others
