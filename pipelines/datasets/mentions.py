"""From text with mentions at character offsets to tokens with BIO labels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pipelines.datasets.entities import Entity, labels_of
from pipelines.datasets.quirks import Quirks
from pipelines.datasets.tokens import divide

__all__ = ["Mention", "label_text"]


class Mention(NamedTuple):
    """A mention in a text: [start, end) in code points."""

    start: int
    end: int
    type: str
    surface: str | None = None
    """The text that the data set says stands there, if it says so."""


def label_text(
    text: str, mentions: Iterable[Mention], split: str, place: str, quirks: Quirks
) -> tuple[list[str], list[str]]:
    """Gives the tokens of `text` and their BIO labels.

    A mention begins and ends with a token, cutting one in two where it must. Of mentions that overlap the
    longer is kept, of equally long ones the first.
    """
    usable = [
        trimmed
        for mention in mentions
        if (trimmed := _trimmed(text, mention, split, place, quirks)) is not None
    ]
    kept: list[Mention] = []
    for mention in sorted(usable, key=lambda mention: (mention.start - mention.end, mention.start)):
        if any(mention.start < other.end and other.start < mention.end for other in kept):
            quirks.count("overlapping mentions", split, place)
        else:
            kept.append(mention)
    spans, cut = divide(text, (offset for mention in kept for offset in mention[:2]))
    quirks.count("mention boundary inside a word", split, place, cut)
    entities = [_entity(mention, spans) for mention in kept]
    tokens = [text[start:end] for start, end in spans]
    return tokens, labels_of(len(tokens), [entity for entity in entities if entity is not None])


def _trimmed(text: str, mention: Mention, split: str, place: str, quirks: Quirks) -> Mention | None:
    start, end = mention.start, mention.end
    if not 0 <= start < end <= len(text) or not text[start:end].strip():
        quirks.count("mention outside the text", split, f"{place}: [{start}, {end})")
        return None
    surface = text[start:end]
    if mention.surface is not None and mention.surface != surface:
        quirks.count(
            "mention is not the text at its offsets", split, f"{place}: {mention.surface!r}, {surface!r}"
        )
    if surface != surface.strip():
        quirks.count("mention with white space at its ends", split, place)
        start += len(surface) - len(surface.lstrip())
        end -= len(surface) - len(surface.rstrip())
    return Mention(start, end, mention.type)


def _entity(mention: Mention, spans: Sequence[tuple[int, int]]) -> Entity | None:
    inside = [
        number for number, (start, end) in enumerate(spans) if mention.start <= start and end <= mention.end
    ]
    return Entity(inside[0], inside[-1] + 1, mention.type) if inside else None
