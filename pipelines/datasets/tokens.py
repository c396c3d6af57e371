"""Tokens: what is odd about them, and how running text with mentions becomes tokens with BIO labels."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pipelines.datasets.dataset import Quirks
from pipelines.datasets.labels import Entity, labels_of

__all__ = ["Mention", "count_token_quirks", "divide", "fold", "label_text", "with_underscores"]

_SIGN = re.compile(r"[^\w\s]+|_+")
_URL = re.compile(r"https?://|www\.", re.IGNORECASE)
# Words with what may stand inside them (don't, U.S., co-op, 3.5), else single signs.
_TOKEN = re.compile(r"\w+(?:[.,'’\-]\w+)*|[^\w\s]")


def count_token_quirks(tokens: Sequence[str], split: str, place: str, quirks: Quirks) -> None:
    """Count the tokens that trip programs up; none of them is changed."""
    for token in tokens:
        if not token:
            quirks.count("empty token", split, place)
        elif token.isspace():
            quirks.count("token of white space", split, f"{place}: {token!a}")
        elif _URL.match(token):
            quirks.count("token that is a URL", split, place)
        elif not token.isascii():
            if "\ufffd" in token:
                quirks.count("token with U+FFFD", split, place)
            elif all(unicodedata.category(character) in ("Cf", "Cc") for character in token):
                quirks.count("token of invisible characters", split, f"{place}: {token!a}")


def fold(tokens: Iterable[str]) -> str:
    """Return the letters and digits of a text in lower case, words divided by one space: what it says."""
    return " ".join(_SIGN.sub("", " ".join(tokens)).casefold().split())


def divide(text: str, cuts: Iterable[int]) -> tuple[list[tuple[int, int]], int]:
    """Divide a text into tokens.

    Args:
        text: running text.
        cuts: offsets (code points) at which a token must end, whatever stands there: ends of mentions.

    Returns:
        The tokens' [start, end) in `text`, and how many of the cuts fell inside a word.
    """
    inside = 0
    spans = [match.span() for match in _TOKEN.finditer(text)]
    for cut in sorted(set(cuts)):
        for number, (start, end) in enumerate(spans):
            if start < cut < end:
                spans[number : number + 1] = [(start, cut), (cut, end)]
                inside += 1
                break
    return spans, inside


def with_underscores(kind: str, split: str, place: str, quirks: Quirks) -> str:
    """Return a type with its white space as ``_``, which is counted."""
    joined = "_".join(kind.split())
    if joined != kind:
        quirks.count("type with white space", split, place)
    return joined


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
    """Return the tokens of `text` and their BIO labels.

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
