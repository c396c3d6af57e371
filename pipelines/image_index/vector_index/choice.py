"""Which index fits how many vectors, and what is read from a factory string that is given instead.

Measured on clustered vectors of 512 numbers (docs/image-corpus.md): below 20,000 an exact search takes well
under a millisecond; IVF with 16-bit codes is next; from about a million, RaBitQ codes of two bits a number with
16-bit refinement answer several times faster at the same recall. With one bit, queries unlike the corpus lose
neighbours before the refinement: of four million vectors 6% with 1,000 candidates a query.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from pipelines.image_index.errors import ImageIndexError

__all__ = ["IndexPlan", "plan_index", "unwrap", "without_ids"]

EXACT_UP_TO = 20_000
REFINED_FROM = 1_000_000
VECTORS_PER_SHARD = 250_000
TRAINING_PER_CENTROID = 40
_CODES_OF_OPQ = 256
"""An OPQ rotation is trained with codes of 8 bits, whatever codes the index has."""


@dataclass(frozen=True, slots=True)
class IndexPlan:
    """What is built."""

    factory: str
    """Faiss' description of the index."""
    kind: str
    """``exact``, ``ivf``, ``ivf-refine`` (these two are built in shards), or ``other``."""
    centroids: int
    """Lists of the inverted file; 0 without one."""
    training: int
    """Vectors to train on, at most."""
    needed: int
    """Vectors without which it cannot be trained."""
    shards: int


def plan_index(vectors: int, dimension: int, *, factory: str | None, shards: int | None) -> IndexPlan:
    """Return the index for a number of vectors.

    Raises:
        ImageIndexError: `factory` is none that Faiss knows, or needs more vectors for its training.
    """
    import faiss

    if factory is None:
        factory = _factory(vectors)
    index = _make(factory, dimension)
    needed = _training_needed(index)
    if needed > vectors:
        raise ImageIndexError(
            f"--index {factory}: it is trained on at least {needed:,} vectors, and there are {vectors:,}; leave out"
            " --index, or give one with fewer lists or shorter codes"
        )
    base, refined = unwrap(index)
    if base is None:
        kind = "exact" if factory == "Flat" else "other"
        return IndexPlan(factory, kind, 0, min(vectors, 100_000), needed, 1)
    inner = faiss.downcast_index(index.base_index) if refined is not None else faiss.downcast_index(index)
    if not isinstance(inner, faiss.IndexIVF):
        kind = "other"
    else:
        kind = "ivf" if refined is None else "ivf-refine"
    centroids = int(base.nlist)
    count = shards or max(1, vectors // VECTORS_PER_SHARD)
    return IndexPlan(
        factory,
        kind,
        centroids,
        min(vectors, TRAINING_PER_CENTROID * centroids),
        needed,
        count if kind != "other" else 1,
    )


def unwrap(index: Any) -> tuple[Any | None, Any | None]:
    """Return the inverted file inside an index, and the storage that refines its results; None where none."""
    import faiss

    index, refined = without_ids(index), None
    if isinstance(index, faiss.IndexRefine):
        refined = faiss.downcast_index(index.refine_index)
        index = faiss.downcast_index(index.base_index)
    base = faiss.try_extract_index_ivf(index)
    return (faiss.downcast_index(base) if base is not None else None), refined


def without_ids(index: Any) -> Any:
    """Return what is inside a map of ids, or the index itself."""
    import faiss

    index = faiss.downcast_index(index)
    return faiss.downcast_index(index.index) if isinstance(index, faiss.IndexIDMap) else index


def _training_needed(index: Any) -> int:
    """Return how many vectors k-means needs inside an index: one for each centroid, of lists and of codes."""
    import faiss

    index = faiss.downcast_index(index)
    if isinstance(index, faiss.IndexPreTransform):
        steps: Any = index.chain  # a vector of C++, which the hints take for a list
        chain = [faiss.downcast_VectorTransform(steps.at(n)) for n in range(steps.size())]
        rotates = any(isinstance(step, faiss.OPQMatrix) for step in chain)
        return max(_training_needed(index.index), _CODES_OF_OPQ if rotates else 0)
    inside = ("base_index", "refine_index", "index", "quantizer", "storage")
    found = [getattr(index, name, None) for name in inside]
    needed = [
        int(getattr(index, "nlist", 0)),
        *(_training_needed(part) for part in found if part is not None),
    ]
    needed += [int(getattr(getattr(index, name, None), "ksub", 0)) for name in ("pq", "q1")]
    quantizer = getattr(index, "aq", None)
    if quantizer is not None:
        needed += [1 << int(quantizer.nbits.at(n)) for n in range(quantizer.nbits.size())]
    return max(needed)


def _factory(vectors: int) -> str:
    if vectors <= EXACT_UP_TO:
        return "Flat"
    centroids = 2 ** round(math.log2(4 * math.sqrt(vectors)))
    if vectors < REFINED_FROM:
        return f"IVF{centroids},SQfp16"
    return f"IVF{centroids}(RaBitQfs,RFlat),RaBitQfs2,Refine(SQfp16)"


def _make(factory: str, dimension: int) -> Any:
    import faiss

    try:
        return faiss.index_factory(dimension, factory, faiss.METRIC_INNER_PRODUCT)
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise ImageIndexError(
            f"--index {factory}: Faiss cannot make it for {dimension} numbers ({reason})"
        ) from error
