"""A paragraph cut where something begins or ends: an anchor, the sentence found, a word that matched."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from kc_schema.anchors import Anchor, AnchorError, parse
from pipelines.text_index.analysis import find_terms
from pipelines.text_index.ranking import contributions

__all__ = ["MarkedText", "Piece", "WordShare", "mark", "mark_sentences", "word_shares"]

_STEPS = 4
"""Strengths of a mark."""


@dataclass(frozen=True, slots=True)
class WordShare:
    """A word of the query, and what it adds to the score of the sentence."""

    word: str
    score: float


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text that is of one kind from end to end."""

    text: str
    link: str = ""
    """The title to which an anchor leads that the corpus has; empty elsewhere."""
    missing: str = ""
    """Likewise, of a title that it does not have."""
    found: bool = False
    """Whether it belongs to the sentence that was found."""
    strength: int = 0
    """Of a word that matched: how much it adds, from 1 to 4; 0 elsewhere."""
    sentence: int = 0
    """Number of the sentence that begins here, from 1; 0 where none does."""


@dataclass(frozen=True, slots=True)
class MarkedText:
    """A text in pieces, with the words that matched, best first."""

    pieces: list[Piece]
    words: list[WordShare]


def word_shares(weights: Mapping[str, float], sentence: str, score: float) -> dict[str, float]:
    """Return what each word of a query adds to the score of a sentence.

    Args:
        weights: `pipelines.text_index.protocol.TextIndex.term_weights` of the query.
        sentence: the sentence that was found.
        score: its score.
    """
    return contributions(weights, Counter(term.term for term in find_terms(sentence)), score)


def mark(
    tagged: str, *, sentence: str = "", shares: Mapping[str, float] | None = None, known: Collection[str] = ()
) -> MarkedText:
    """Return a paragraph in pieces.

    Args:
        tagged: the paragraph, with anchors as tags.
        sentence: the one that was found, plain; it stands in front where the paragraph does not hold it.
        shares: `word_shares` of its words.
        known: titles of anchors that the corpus has.
    """
    plain, anchors = _parsed(tagged)
    start = plain.find(sentence) if sentence else -1
    if sentence and start < 0:
        plain, start = f"{sentence}\n{plain}", 0
        anchors = [Anchor(a.start + len(sentence) + 1, a.end + len(sentence) + 1, a.title) for a in anchors]
    end = start + len(sentence)
    strengths: dict[int, tuple[int, int]] = {}
    if sentence and shares:
        top = max(shares.values())
        for term in find_terms(sentence):
            if term.term in shares:
                strength = max(1, round(_STEPS * shares[term.term] / top)) if top > 0 else 1
                strengths[start + term.start] = (start + term.end, strength)
    cuts = {0, len(plain), *(place for a in anchors for place in (a.start, a.end))}
    if sentence:
        cuts |= {start, end}
    cuts |= {place for begin, (stop, _) in strengths.items() for place in (begin, stop)}
    pieces = []
    places = sorted(cuts)
    for left, right in itertools.pairwise(places):
        anchor = _around(anchors, left)
        strength = next((s for begin, (stop, s) in strengths.items() if begin <= left < stop), 0)
        pieces.append(
            Piece(
                plain[left:right],
                link=anchor if anchor in known else "",
                missing="" if anchor in known else anchor,
                found=bool(sentence) and start <= left < end,
                strength=strength,
            )
        )
    words = sorted(
        (WordShare(w, round(s, 3)) for w, s in (shares or {}).items()), key=lambda w: (-w.score, w.word)
    )
    return MarkedText(pieces, words)


def mark_sentences(tagged: str, sentences: Sequence[str], known: Collection[str]) -> list[Piece]:
    """Return a paragraph in pieces, each sentence's first piece with its number."""
    plain, anchors = _parsed(tagged)
    starts: dict[int, int] = {}
    done = 0
    for number, sentence in enumerate(sentences, start=1):
        place = plain.find(sentence, done)
        if place >= 0:
            starts[place] = number
            done = place + len(sentence)
    places = sorted({0, len(plain), *starts, *(place for a in anchors for place in (a.start, a.end))})
    pieces = []
    for left, right in itertools.pairwise(places):
        anchor = _around(anchors, left)
        pieces.append(
            Piece(
                plain[left:right],
                link=anchor if anchor in known else "",
                missing="" if anchor in known else anchor,
                sentence=starts.get(left, 0),
            )
        )
    return pieces


def _parsed(tagged: str) -> tuple[str, list[Anchor]]:
    try:
        return parse(tagged)
    except AnchorError:
        return tagged, []


def _around(anchors: Sequence[Anchor], place: int) -> str:
    return next((a.title for a in anchors if a.start <= place < a.end), "")
