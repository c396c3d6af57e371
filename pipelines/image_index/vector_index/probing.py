"""How widely an index is searched: narrowly first, and widely where what was found is not near.

Images like those of the corpus have their neighbours in the few lists around them; the neighbours of others are
spread over many. The similarity of the best image that a narrow search finds tells the two apart, so that only
queries that need a wide search pay for one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.image_index.vector_index.choice import unwrap, without_ids
from pipelines.image_index.vectors import Ids

__all__ = ["NEVER", "Matrix", "Probe", "Probing", "near_enough", "search_by_need", "search_once", "set_probe"]

NEVER = -2.0
"""A similarity that every image has: cosines end at -1."""

Matrix = npt.NDArray[np.float32]

# Faiss makes tables of about two kilobytes for every list of every query, all before it searches.
_QUERIES_AT_ONCE = 128


@dataclass(frozen=True, slots=True)
class Probe:
    """How much of an index a query looks at; 0 leaves what an index does not have."""

    nprobe: int
    """Lists visited a query, or efSearch of an HNSW graph; 0 where there is neither."""
    k_factor: int
    """Candidates that are refined, a result; 0 without refinement."""


@dataclass(frozen=True, slots=True)
class Probing:
    """How queries are searched for."""

    narrow: Probe
    """Of every query."""
    wide: Probe
    """Of those for which the narrow one finds no image of similarity `below` or more."""
    below: float
    """A cosine; `NEVER` where the narrow probe is enough for all queries."""

    @classmethod
    def always(cls, probe: Probe) -> Probing:
        """Return the same probe for all queries."""
        return cls(probe, probe, NEVER)


def search_by_need(
    index: Any, queries: Matrix, k: int, probing: Probing, *, left_out: Ids | None = None
) -> tuple[Matrix, Ids]:
    """Return scores and ids of the `k` nearest of every query, searched for as widely as it needs.

    Args:
        queries: shape [n, dimension], of length 1.
        left_out: shape [n, 1], the id that does not tell whether a query has near images: its own.
    """
    scores, ids = search_once(index, queries, k, probing.narrow)
    if probing.below <= NEVER:
        return scores, ids
    far = np.flatnonzero(~near_enough(scores, ids, probing.below, left_out))
    if len(far):
        scores[far], ids[far] = search_once(index, queries[far], k, probing.wide)
    return scores, ids


def near_enough(scores: Matrix, ids: Ids, below: float, left_out: Ids | None = None) -> npt.NDArray[np.bool_]:
    """Tells, shape [n], which queries found an image of similarity `below` or more, other than themselves."""
    others = scores if left_out is None else np.where(ids == left_out, -np.inf, scores)
    near: npt.NDArray[np.bool_] = others.max(axis=1) >= below
    return near


def search_once(index: Any, queries: Matrix, k: int, probe: Probe) -> tuple[Matrix, Ids]:
    """Return scores and ids, shape [n, k] each, of the nearest that one probe finds; id -1 where there are fewer."""
    parameters = _parameters(index, probe)
    scores, ids = np.empty((len(queries), k), np.float32), np.empty((len(queries), k), np.int64)
    for start in range(0, len(queries), _QUERIES_AT_ONCE):
        part = slice(start, start + _QUERIES_AT_ONCE)
        scores[part], ids[part] = index.search(np.ascontiguousarray(queries[part]), k, params=parameters)
    return scores, ids


def set_probe(index: Any, probe: Probe) -> None:
    """Set what an index does by itself, for those who read its file with Faiss alone."""
    import faiss

    base, _ = unwrap(index)
    index = without_ids(index)
    if base is not None and probe.nprobe:
        base.nprobe = probe.nprobe
    elif isinstance(index, faiss.IndexHNSW) and probe.nprobe:
        index.hnsw.efSearch = probe.nprobe
    if isinstance(index, faiss.IndexRefine) and probe.k_factor:
        index.k_factor = probe.k_factor


def _parameters(index: Any, probe: Probe) -> Any:
    """Return Faiss' parameters of a search: they leave the index as it is, so that threads can share it."""
    import faiss as typed_faiss

    faiss: Any = typed_faiss  # its hints lack these classes and their arguments
    index = without_ids(index)
    if isinstance(index, faiss.IndexRefine):
        inside = _parameters(index.base_index, probe)
        return faiss.IndexRefineSearchParameters(
            k_factor=probe.k_factor or index.k_factor, **({"base_index_params": inside} if inside else {})
        )
    if isinstance(index, faiss.IndexPreTransform):
        inside = _parameters(index.index, probe)
        return faiss.SearchParametersPreTransform(index_params=inside) if inside else None
    if isinstance(index, faiss.IndexIVF) and probe.nprobe:
        return faiss.SearchParametersIVF(nprobe=probe.nprobe)
    if isinstance(index, faiss.IndexHNSW) and probe.nprobe:
        return faiss.SearchParametersHNSW(efSearch=probe.nprobe)
    return None
