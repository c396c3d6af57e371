"""An inverted file built in pieces: trained once, filled shard by shard on any machine, merged into one."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kc_schema.store import write_atomically
from pipelines.image_index.vector_index.choice import IndexPlan, unwrap
from pipelines.image_index.vectors import Embeddings, HalfMatrix, Ids

__all__ = [
    "ShardTask",
    "add_all",
    "fill_shard",
    "finished_shard",
    "merge_shards",
    "plan_shards",
    "train_index",
    "with_ids",
]

_ITERATIONS = 10
_LISTS_REFINED_TO_ADD = 16
_LISTS_REFINED_TO_SEARCH = 4


@dataclass(frozen=True, slots=True)
class ShardTask:
    """Some parts of the embeddings that make one shard. Paths lie where all workers can read and write."""

    embeddings: Embeddings
    first_part: int
    end_part: int
    trained: Path
    """The trained index without vectors."""
    path: Path
    """Where the shard goes."""
    threads: int


def train_index(
    plan: IndexPlan, sample: HalfMatrix, dimension: int, *, seed: int, look: Callable[[int, int], None]
) -> Any:
    """Return the planned index trained on `sample`, without vectors: the same for the same sample and seed.

    Args:
        look: is called with the rounds of k-means that are done, and with all.
    """
    import faiss

    index = faiss.index_factory(dimension, plan.factory, faiss.METRIC_INNER_PRODUCT)
    values = sample.astype(np.float32)
    if plan.kind in ("ivf", "ivf-refine"):
        centroids = _find_centroids(values, plan.centroids, seed, look)
        base: Any = unwrap(index)[0]
        quantizer = faiss.downcast_index(base.quantizer)
        quantizer.train(centroids)
        quantizer.add(centroids)
        _refine_lists(index, _LISTS_REFINED_TO_ADD)
    if not index.is_trained:
        index.train(values)
    return index


def _refine_lists(index: Any, factor: int) -> None:
    """Where lists are looked up by codes, makes sure that the nearest are really among them.

    Codes of one bit a number alone put vectors into wrong lists, and queries unlike the corpus find too few of
    the right ones: comparing `factor` times as many centroids exactly costs little.
    """
    import faiss

    base, _ = unwrap(index)
    quantizer = faiss.downcast_index(base.quantizer) if base is not None else None
    if isinstance(quantizer, faiss.IndexRefine):
        quantizer.k_factor = factor


def _find_centroids(values: Any, count: int, seed: int, look: Callable[[int, int], None]) -> Any:
    """Return `count` centroids of length 1; on the GPUs where a Faiss made for them is installed."""
    import faiss

    centroids: Any = None
    for done in range(_ITERATIONS):  # one at a time, because Faiss tells nothing in between
        clustering = faiss.Kmeans(
            values.shape[1],
            count,
            niter=1,
            seed=seed,
            spherical=True,
            gpu=faiss.get_num_gpus() > 0,
            min_points_per_centroid=1,
        )
        clustering.train(values, init_centroids=centroids)
        centroids = clustering.centroids
        look(done + 1, _ITERATIONS)
    return centroids


def plan_shards(
    embeddings: Embeddings, plan: IndexPlan, trained: Path, folder: Path, *, threads: int
) -> list[ShardTask]:
    """Cut the parts of the embeddings into at most ``plan.shards`` shards of similar size."""
    firsts = embeddings.first_rows()
    bounds = [embeddings.rows * shard // plan.shards for shard in range(plan.shards + 1)]
    cuts = sorted({int(np.searchsorted(firsts, bound)) for bound in bounds} | {0, len(embeddings.parts)})
    return [
        ShardTask(embeddings, start, end, trained, folder / f"shard-{number:04d}.faiss", threads)
        for number, (start, end) in enumerate(itertools.pairwise(cuts))
        if firsts[start] < firsts[end]
    ]


def fill_shard(task: ShardTask) -> str:
    """Write a shard, unless it is there; gives its path. The rows' numbers are its ids."""
    import faiss

    if not task.path.is_file():
        faiss.omp_set_num_threads(task.threads)
        index = faiss.read_index(os.fspath(task.trained))
        base = _fillable(index)
        firsts = task.embeddings.first_rows()
        for part in range(task.first_part, task.end_part):
            _, vectors = task.embeddings.read(part)
            rows: Ids = np.arange(firsts[part], firsts[part + 1], dtype=np.int64)
            base.add_with_ids(vectors.astype(np.float32), rows)
        write_atomically(task.path, lambda path: faiss.write_index(base, os.fspath(path)))
    return str(task.path)


def finished_shard(task: ShardTask) -> str | None:
    """Return the path of a shard that is there, None where it is not."""
    return str(task.path) if task.path.is_file() else None


def merge_shards(trained: Path, shards: Sequence[Path], embeddings: Embeddings) -> Any:
    """Return one index of all shards, in memory.

    Memory holds the index and one shard. The refining storage, in the order of rows, is filled here.
    """
    import faiss

    index = faiss.read_index(os.fspath(trained))
    _, refined = unwrap(index)
    if refined is None:  # the first shard becomes the index, so that no list is held twice
        index, *shards = faiss.read_index(os.fspath(shards[0])), *shards[1:]
    base = _fillable(index)
    for path in shards:
        base.merge_from(faiss.read_index(os.fspath(path)), 0)
    _refine_lists(index, _LISTS_REFINED_TO_SEARCH)
    if refined is not None:
        _add_at_once(refined, embeddings)
        index.ntotal = refined.ntotal
    return index


def _add_at_once(storage: Any, embeddings: Embeddings) -> None:
    """Add all vectors to an index that keeps codes in one array, without the copies that let an array grow."""
    import faiss

    if not isinstance(storage, faiss.IndexFlatCodes):
        add_all(storage, embeddings)
        return
    size = embeddings.rows * storage.code_size
    storage.codes.resize(size)
    codes = faiss.rev_swig_ptr(storage.codes.data(), size).reshape(embeddings.rows, storage.code_size)
    for first, ids, vectors in embeddings.blocks():
        codes[first : first + len(ids)] = storage.sa_encode(vectors.astype(np.float32))
    storage.ntotal = embeddings.rows


def add_all(index: Any, embeddings: Embeddings) -> Any:
    """Return an index that is not built in shards, with all vectors added in the order of rows."""
    for _, _, vectors in embeddings.blocks():
        index.add(vectors.astype(np.float32))
    return index


def with_ids(index: Any, ids: Ids) -> Any:
    """Return an index whose results are image ids where those of `index` are rows; keep `index` alive with it."""
    import faiss

    # The wrapper refuses an index that holds vectors already, so it takes an empty one first.
    wrapped = faiss.IndexIDMap(faiss.IndexFlat(index.d, faiss.METRIC_INNER_PRODUCT))
    wrapped.index = index
    faiss.copy_array_to_vector(np.ascontiguousarray(ids), wrapped.id_map)
    wrapped.ntotal = index.ntotal
    return wrapped


def _fillable(index: Any) -> Any:
    """The part of an index that is built in shards: below a refinement, the inverted file."""
    import faiss

    index = faiss.downcast_index(index)
    return faiss.downcast_index(index.base_index) if isinstance(index, faiss.IndexRefine) else index
