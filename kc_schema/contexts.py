"""Contexts: evidence behind a sentence, pieces of it whole or cut (paper section 2.1, "Context Processing")."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from kc_schema.anchors import AnchorError, strip
from kc_schema.hit import Hit

__all__ = ["STOP_BELOW", "Packed", "context_text", "pack", "with_title"]

STOP_BELOW = 10
"""With fewer free positions than this no further context is tried (the released code's rule, and KB-NER's)."""


@dataclass(frozen=True)
class Packed:
    """An input of the encoder without its special tokens."""

    context: list[int]
    """Sub-tokens of the separator and of the contexts that fit; empty without any."""
    used: int
    """Number of contexts that fit."""
    skipped: int
    """Number of contexts that were tried and did not fit whole."""
    untried: int
    """Number of contexts behind the last that was tried: no room was left."""
    cut: int = 0
    """Number of the contexts that fit which are not whole: 0 or 1."""
    places: list[int] = field(default_factory=list)
    """Which of the contexts fit, from 0."""


def context_text(hit: Hit, *, keep_anchors: bool, title: bool, types: bool = False) -> str:
    """Return the text of a hit as the encoder reads it: ``[ Title ] text``, anchors stripped or kept.

    With `types` they stand behind the title, ``[ Title (human, mathematician) ] text``, where they are known.
    """
    text = hit.text if keep_anchors else _without_anchors(hit.text)
    return with_title(hit, text, title=title, types=types)


def with_title(hit: Hit, text: str, *, title: bool = True, types: bool = False) -> str:
    """Return ``[ Title ] text``, or the text alone where there is no title or none is wanted; see `context_text`."""
    heading = [hit.title] if title and hit.title else []
    heading += [f"({', '.join(hit.types)})"] if types and hit.types else []
    return f"[ {' '.join(heading)} ] {text}" if heading else text


def _without_anchors(text: str) -> str:
    try:
        return strip(text)
    except AnchorError:
        # Evidence from elsewhere may hold anything that looks like a tag.
        return text


def pack(
    sentence: int,
    separator: Sequence[int],
    contexts: Iterable[Sequence[int]],
    limit: int,
    *,
    cut_too_long: bool = False,
) -> Packed:
    """Choose the contexts that fit behind a sentence: in rank order, each whole or not at all.

    Args:
        sentence: sub-tokens that the sentence takes.
        separator: sub-tokens of the mark between sentence and contexts; it costs room, too.
        contexts: sub-tokens of each context, best first.
        limit: sub-tokens that fit into the encoder beside its special tokens.
        cut_too_long: of one that does not fit whole, take the beginning that does; the input is full then.
    """
    room = limit - sentence - len(separator)
    chosen: list[int] = []
    places: list[int] = []
    skipped = untried = cut = 0
    for place, context in enumerate(contexts):
        if room < STOP_BELOW:
            untried += 1
        elif len(context) > room and not cut_too_long:
            skipped += 1
        elif context:
            cut += len(context) > room
            chosen.extend(context[:room])
            room -= min(room, len(context))
            places.append(place)
    return Packed([*separator, *chosen] if chosen else [], len(places), skipped, untried, cut, places)
