"""A data set in memory, what was odd about it, and the error of everything that reads one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from kc_schema.errors import UserError
from kc_schema.retrieval_cache import Example

__all__ = ["QUIRKS", "Columns", "Dataset", "DatasetError", "Quirks", "malformed"]


class DatasetError(UserError):
    """A data set that cannot be read; the message names the file, the place in it and what to do."""


def malformed(path: Path, line: int, reason: str) -> DatasetError:
    """Return the error for a line (from 1) of a file."""
    return DatasetError(f"{path}: line {line}: {reason}")


QUIRKS: dict[str, str] = {
    # Files.
    "no newline at the end of the file": "the last line counts all the same",
    "byte order mark": "taken off",
    "Windows line ends": "lines that end in CR LF; taken off",
    "comment or document line": "-DOCSTART- and lines that begin with '# ' or '#' and a tab; left out",
    "post without tokens": "left out",
    "post without an image": "no IMGID: line; kept, without an image",
    "Python literal instead of JSON": "read as what it is",
    "line of white space between sentences": "ends a sentence, as an empty line does",
    # Tokens.
    "token of white space": "as U+00A0; kept, which is why columns are split at tabs",
    "token of invisible characters": "zero-width, control or soft hyphen alone (as U+200B); kept",
    "token with U+FFFD": "a character that was lost before; kept",
    "token that is a URL": "kept; --clean-query leaves it out of queries",
    "empty token": "kept",
    "language before the token": "as en: in WikiANN, before every token of a file; taken off",
    "place in the word behind the character": "as in Weibo NER, behind every token of a file; taken off",
    # Labels.
    "I- after O": "an entity without B-; kept: the lenient reading counts it, the strict one does not",
    "type changes inside an entity": "I- of another type; kept: the lenient reading counts another entity",
    "B- where IOB1 needs none": "kept as the beginning that it is",
    "type with white space": "written with _",
    "example without labels": "for prediction; kept, every token as O",
    "mention boundary inside a word": "the word is cut in two",
    "mention with white space at its ends": "trimmed",
    "mention outside the text": "left out",
    "mention is not the text at its offsets": "the offsets count",
    "overlapping mentions": "the longer one is kept",
    # Relations.
    "example without a relation": "for prediction; kept, as no relation",
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
        """Take note of a quirk; `place` says where a person finds it."""
        if name not in QUIRKS:
            raise KeyError(name)
        if not times:
            return
        self.counts.setdefault(name, Counter())[split] += times
        places = self.places.setdefault(name, [])
        if len(places) < _PLACES:
            places.append(place)

    def of(self, name: str, split: str) -> int:
        """Return how often a quirk was seen in a split."""
        return self.counts.get(name, Counter())[split]

    def __iter__(self) -> Iterator[str]:
        """Yield the names of the quirks that were seen, in the order of `QUIRKS`."""
        return (name for name in QUIRKS if name in self.counts)


@dataclass(frozen=True, slots=True)
class Columns:
    """Where a CoNLL file keeps what."""

    token: int = 0
    """Column of the token, from 0; from -1 when counted from the last."""
    label: int = -1
    count: int | None = None
    """Number of columns of every line; None takes the number of the sentence's first line."""
    tabs_only: bool = False
    """Columns are separated by tabs alone; otherwise by tabs where a line has any, else by spaces."""
    scheme: str = "bio"
    needs_image: bool = False
    """Every post begins with an ``IMGID:`` line."""


@dataclass(slots=True)
class Dataset:
    """A data set in memory: its splits, and what was odd about them."""

    name: str
    task: str
    """``"ner"`` or ``"re"``."""
    files: dict[str, Path]
    """Split -> the file that it was read from."""
    splits: dict[str, list[Example]]
    """Split (train, dev, test) -> examples in the order of the file. `Example.image` is the name that the data
    set gives; whether there is such an image is not looked at here."""
    quirks: Quirks
    columns: Columns | None = None
    """Where plain CoNLL files keep what; None for data sets that have their own way."""
    other_image_names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Image name -> names under which the same image is also handed around."""
    no_relation: str | None = None
    """RE: the label that stands for no relation; None where there is none."""

    @property
    def unlabelled(self) -> list[str]:
        """The splits without gold labels, which are for prediction alone."""
        names = ("example without labels", "example without a relation")
        return [split for split in self.splits if any(self.quirks.of(name, split) for name in names)]

    def cut(self, limit: int) -> None:
        """Keep the first `limit` examples of every split."""
        self.splits = {split: examples[:limit] for split, examples in self.splits.items()}
