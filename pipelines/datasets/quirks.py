"""Oddities of data sets, counted by name: what was seen, how often, and where first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

__all__ = ["QUIRKS", "Quirks"]

QUIRKS: dict[str, str] = {
    # Files.
    "no newline at the end of the file": "the last line counts all the same",
    "byte order mark": "taken off",
    "Windows line ends": "lines that end in CR LF; taken off",
    "comment or document line": "-DOCSTART- and '# id' lines; left out",
    "post without tokens": "left out",
    "post without an image": "no IMGID: line; kept, without an image",
    "Python literal instead of JSON": "read as what it is",
    # Tokens.
    "token of white space": "as U+00A0; kept, which is why columns are split at tabs",
    "token of invisible characters": "zero-width, control or soft hyphen alone (as U+200B); kept",
    "token with U+FFFD": "a character that was lost before; kept",
    "token that is a URL": "kept; --clean-query leaves it out of queries",
    "empty token": "kept",
    # Labels.
    "I- after O": "an entity without B-; kept: the lenient reading counts it, the strict one does not",
    "type changes inside an entity": "I- of another type; kept: the lenient reading counts another entity",
    "B- where IOB1 needs none": "kept as the beginning that it is",
    "mention boundary inside a word": "the word is cut in two",
    "mention with white space at its ends": "trimmed",
    "mention outside the text": "left out",
    "mention is not the text at its offsets": "the offsets count",
    "overlapping mentions": "the longer one is kept",
    # Relations.
    "object stands before subject": "kept",
    "subject and object overlap": "kept; markers must nest",
    "name is not the text of its span": "the span counts",
    # Images.
    "image missing": "kept, without its image",
    "image broken": "kept, without its image",
    # Over a split.
    "duplicate": "same words (and spans) as an earlier example of the split; kept",
    "duplicate with other labels": "as above, and the gold answers conflict; kept",
}
"""Every quirk by name, with what is done about it."""

_PLACES = 3


class Quirks:
    """Counts quirks by split, and keeps the first few places of each."""

    def __init__(self) -> None:
        self.counts: dict[str, Counter[str]] = {}
        self.places: dict[str, list[str]] = {}

    def count(self, name: str, split: str, place: str, times: int = 1) -> None:
        """Takes note of a quirk; `place` says where a person finds it."""
        if name not in QUIRKS:
            raise KeyError(name)
        if not times:
            return
        self.counts.setdefault(name, Counter())[split] += times
        places = self.places.setdefault(name, [])
        if len(places) < _PLACES:
            places.append(place)

    def of(self, name: str, split: str) -> int:
        """Gives how often a quirk was seen in a split."""
        return self.counts.get(name, Counter())[split]

    def __iter__(self) -> Iterator[str]:
        """Gives the names of the quirks that were seen, in the order of `QUIRKS`."""
        return (name for name in QUIRKS if name in self.counts)
