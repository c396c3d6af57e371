"""Which probes an index needs for the recall that is promised, at the least cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipelines.image_index.errors import ImageIndexError
from pipelines.image_index.vector_index.choice import unwrap, without_ids
from pipelines.image_index.vector_index.probing import NEVER, Matrix, Probe, Probing, search_once
from pipelines.image_index.vector_index.recall import HELD_OUT, NEIGHBOURS, Queries, recall_of

__all__ = ["Measurement", "tune"]

_K_FACTORS = (100, 40, 20, 10, 6, 3)
_EF_SEARCH = (16, 32, 64, 128, 256, 512)
_SMALLEST_GAIN = 0.0005
# A probe is tried with one query of ten first, and with all where that is not far from the recall.
_STEP = 10
_FAR_FROM_IT = 0.05
# Measured with 4 million codes of two bits a number: 2.5 microseconds a candidate, for which finer parts of codes
# are read and which is refined, 0.023 a code.
_CODES_PER_CANDIDATE = 100
# Of held-out images. The first is enough for real queries from elsewhere (docs/performance.md).
_WIDE_SHARES = (0.1, 0.2, 0.4, 0.7)


@dataclass(frozen=True, slots=True)
class Measurement:
    """How an index is to be asked, and its recall then."""

    probing: Probing
    recall: Mapping[str, float]
    """By kind of queries."""


def tune(index: Any, queries: Mapping[str, Queries], *, min_recall: float) -> Measurement:
    """Return the cheapest probes with which an index over rows has `min_recall` for all kinds of queries.

    The narrow probe is what held-out images need, the wide one what all kinds need. Asked widely is what finds
    less similar images than nine of ten held-out images do; than fewer of them where that is enough, and doubles
    their cost already, or than more of them where recall takes it.

    Args:
        queries: by kind (`recall.make_queries`).

    Raises:
        ImageIndexError: none has it.
    """
    narrow = _cheapest(index, {HELD_OUT: queries[HELD_OUT]}, min_recall, at_least=Probe(0, 0))
    wide = _cheapest(index, queries, min_recall, at_least=narrow)
    probing = Probing.always(narrow)
    if wide == narrow:
        return Measurement(probing, _recall(index, queries, probing))
    # Where a wide search is dear, images like those of the corpus pay no more for it than for the narrow one.
    fair = min(_WIDE_SHARES[0], _cost(index, narrow) / _cost(index, wide))
    best = _best_similarities(index, queries[HELD_OUT], narrow)
    for share in (fair, *(larger for larger in _WIDE_SHARES if larger > fair)):
        probing = Probing(narrow, wide, float(np.quantile(best, share)))
        recall = _recall(index, queries, probing)
        if min(recall.values()) >= min_recall:
            return Measurement(probing, recall)
    probing = Probing.always(wide)
    return Measurement(probing, _recall(index, queries, probing))


def _best_similarities(index: Any, queries: Queries, probe: Probe) -> Matrix:
    """Return the similarity of the nearest image that a probe finds, other than the query itself; shape [n]."""
    scores, ids = search_once(index, queries.vectors, NEIGHBOURS, probe)
    best: Matrix = np.where(ids == queries.left_out, NEVER, scores).max(axis=1)
    return best


def _cheapest(index: Any, queries: Mapping[str, Queries], min_recall: float, *, at_least: Probe) -> Probe:
    """Return the cheapest probe that has the recall, of those no smaller than `at_least`."""
    refined = unwrap(index)[1] is not None
    chosen: Probe | None = None
    best = dict.fromkeys(queries, 0.0)
    some = {name: asked.every(_STEP) for name, asked in queries.items()}
    # Fewer candidates need more lists, so that only what is cheaper than the last finding is tried.
    for k_factor in [factor for factor in _K_FACTORS if factor >= at_least.k_factor] if refined else [0]:
        before = -1.0
        for nprobe in _probes(index, (chosen or at_least).nprobe):
            probe = Probe(nprobe, k_factor)
            if chosen is not None and _cost(index, probe) >= _cost(index, chosen):
                break
            recall = _recall(index, some, Probing.always(probe))
            lowest = min(recall.values())
            if lowest >= min_recall - _FAR_FROM_IT:
                recall = _recall(index, queries, Probing.always(probe))
                if min(recall.values()) >= min_recall:
                    chosen = probe
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
    return chosen


def _recall(index: Any, queries: Mapping[str, Queries], probing: Probing) -> dict[str, float]:
    return {name: recall_of(index, asked, probing) for name, asked in queries.items()}


def _cost(index: Any, probe: Probe) -> float:
    """Return what a query costs, in codes that are looked at; of a graph, its efSearch."""
    base, _ = unwrap(index)
    codes = probe.nprobe * index.ntotal / base.nlist if base is not None else float(probe.nprobe)
    return codes + _CODES_PER_CANDIDATE * NEIGHBOURS * probe.k_factor


def _probes(index: Any, at_least: int) -> Iterator[int]:
    """Return ever more lists to visit, up to all; of a graph, ever larger efSearch; 0 where there is neither."""
    base, _ = unwrap(index)
    if base is None:
        sizes = _EF_SEARCH if _is_graph(index) else (0,)
        yield from (size for size in sizes if size >= at_least)
        return
    nprobe, lists = 2, int(base.nlist)
    while nprobe < lists:
        for size in (nprobe, nprobe + nprobe // 2):
            if at_least <= size < lists:
                yield size
        nprobe *= 2
    yield lists


def _is_graph(index: Any) -> bool:
    import faiss

    return isinstance(without_ids(index), faiss.IndexHNSW)
