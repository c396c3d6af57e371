"""Refinement: which evidence is kept, and in what order, for less noise and more consistency.

The open points of the 2023 strategy (section 2: noisy retrieval, inconsistency between evidence and input).
All of it is pure: hits in, hits out, every loss counted by its reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

from kc_schema.anchors import strip
from kc_schema.hit import Hit
from pipelines.datasets.tokens import fold
from pipelines.evidence.options import RETRIEVED, Settings, SourceSettings

__all__ = ["folded", "is_leak", "near_duplicates", "refine"]

FUSION = 60
"""Constant of reciprocal rank fusion: a place counts 1 / (FUSION + place), places from 1."""
NEAR_DUPLICATE = 0.8
"""Share of three-word shingles in common, of all that two texts have, from which they are near-duplicates."""
LEAK_WORDS = 5
"""Words that a query must have to be recognised; shorter ones stand in many texts by chance."""

Found = Mapping[str, Sequence[Hit]]


def refine(
    found: Found, settings: Settings, counts: Mapping[str, Counter[str]], query: str = ""
) -> dict[str, list[Hit]]:
    """Return source -> the evidence that is kept for one example, with new ranks from 0.

    Args:
        found: source -> what it found for the example, best first.
        settings: thresholds, limits and options.
        counts: source -> where losses and moves are counted.
        query: the example's, for hits that contain it (`Settings.mark_leaks`).
    """
    kept: dict[str, list[Hit]] = {}
    for source, pieces in found.items():
        limits = settings.sources[source]
        enough = _above(pieces, limits, counts[source])
        if source in RETRIEVED:
            order = _fused_order(source, enough, found, settings)
            if order[:1] != [0] and order:
                counts[source]["examples whose first hit changed"] += 1
            enough = [enough[place] for place in order]
            if settings.drop_near_duplicates:
                again = near_duplicates([folded(piece.text) for piece in enough])
                counts[source]["dropped: near-duplicate"] += len(again)
                enough = [piece for place, piece in enumerate(enough) if place not in again]
        limited = _limited(enough, limits, counts[source])
        kept[source] = [
            replace(piece, rank=rank, leak=is_leak(query, piece.text) if settings.mark_leaks else None)
            for rank, piece in enumerate(limited)
        ]
    return kept


def _above(pieces: Sequence[Hit], limits: SourceSettings, counts: Counter[str]) -> list[Hit]:
    if limits.minimum_score is None:
        return list(pieces)
    enough = [piece for piece in pieces if piece.score >= limits.minimum_score]
    counts["dropped: score below the minimum"] += len(pieces) - len(enough)
    return enough


def _limited(pieces: Sequence[Hit], limits: SourceSettings, counts: Counter[str]) -> list[Hit]:
    kept: list[Hit] = []
    titles: Counter[str] = Counter()
    for piece in pieces:
        if len(kept) == limits.k:
            break
        titles[piece.title] += 1
        if limits.per_title and piece.title and titles[piece.title] > limits.per_title:
            counts["dropped: too many of one title"] += 1
        else:
            kept.append(piece)
    return kept


def _fused_order(source: str, pieces: Sequence[Hit], found: Found, settings: Settings) -> list[int]:
    """Return the places of `pieces` in their new order, by reciprocal rank fusion; ties as they were."""
    scores = [1 / (FUSION + place) for place in range(1, len(pieces) + 1)]
    if settings.rerank_by_image:
        agreements = [piece.agreement for piece in pieces]
        known = [place for place, value in enumerate(agreements) if value is not None]
        by_agreement = sorted(known, key=lambda place: (-(agreements[place] or 0.0), place))
        for rank, place in enumerate(by_agreement, start=1):
            scores[place] += 1 / (FUSION + rank)
    if settings.rerank_by_sources:
        for other in RETRIEVED:
            if other != source and other in found:
                ranks = _first_ranks(found[other])
                for place, piece in enumerate(pieces):
                    if piece.title in ranks:
                        scores[place] += 1 / (FUSION + ranks[piece.title])
    return sorted(range(len(pieces)), key=lambda place: (-scores[place], place))


def _first_ranks(pieces: Sequence[Hit]) -> dict[str, int]:
    ranks: dict[str, int] = {}
    for rank, piece in enumerate(pieces, start=1):
        if piece.title:
            ranks.setdefault(piece.title, rank)
    return ranks


def near_duplicates(texts: Sequence[str]) -> set[int]:
    """Return the places of texts (`folded`) that nearly repeat an earlier one of those that stay."""
    again: set[int] = set()
    kept: list[set[tuple[str, ...]]] = []
    for place, text in enumerate(texts):
        shingles = _shingles(text)
        # Sets whose sizes differ more than this cannot have enough in common.
        if any(
            min(len(shingles), len(other)) >= NEAR_DUPLICATE * max(len(shingles), len(other))
            and len(shingles & other) >= NEAR_DUPLICATE * len(shingles | other)
            for other in kept
        ):
            again.add(place)
        else:
            kept.append(shingles)
    return again


def _shingles(text: str) -> set[tuple[str, ...]]:
    words = text.split()
    if len(words) < 3:
        return {tuple(words)}
    return set(zip(words, words[1:], words[2:], strict=False))


@lru_cache(maxsize=1 << 16)
def folded(text: str) -> str:
    """Return what a tagged text says, without case, signs and tags; kept, for each is looked at several times."""
    return fold((strip(text),))


def is_leak(query: str, text: str) -> bool:
    """Tell whether `text` contains the words of `query` in their order: the query was found, not evidence."""
    words = fold((query,))
    return words.count(" ") + 1 >= LEAK_WORDS and f" {words} " in f" {folded(text)} "
