"""CoNLL files: one token a line with its label, a blank line between sentences.

Twitter-15, Twitter-17 and SNAP put ``IMGID:<id>`` before each post (its image is ``<id>.jpg``) and separate
token and label by a tab. Other files have any number of columns.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from kc_schema.retrieval_cache import Example
from pipelines.datasets.errors import DatasetError, malformed
from pipelines.datasets.labels import PREFIXES, label_is_valid, label_quirk
from pipelines.datasets.quirks import Quirks
from pipelines.datasets.text_lines import read_lines
from pipelines.datasets.tokens import count_token_quirks

__all__ = ["IMAGE_POSTS", "Columns", "read_posts"]

_IMAGE = "IMGID:"
_HAS_SUFFIX = re.compile(r"\.(?:jpe?g|png|gif|webp|bmp|tiff?)\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Columns:
    """Where a file keeps what."""

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


IMAGE_POSTS = Columns(count=2, tabs_only=True, needs_image=True)
"""Twitter-15, Twitter-17, SNAP."""


def read_posts(path: Path, split: str, columns: Columns, quirks: Quirks) -> list[Example]:
    """Reads a CoNLL file; ids are the split and the post's number, from 0.

    Raises:
        DatasetError: the file cannot be read, or a line is not what it must be; the line is named.
    """
    reader = _PostReader(path, split, columns, quirks)
    for number, line in read_lines(path, split, quirks):
        reader.take(number, line)
    reader.end_post()
    if not reader.examples:
        raise DatasetError(f"{path}: no posts; is this the right file?")
    return reader.examples


class _PostReader:
    def __init__(self, path: Path, split: str, columns: Columns, quirks: Quirks) -> None:
        self.examples: list[Example] = []
        self._path, self._split, self._columns, self._quirks = path, split, columns, quirks
        self._begin(0, None)

    def _begin(self, line: int, image: str | None) -> None:
        self._first_line, self._image = line, image
        self._tokens: list[str] = []
        self._labels: list[str] = []
        self._width = self._columns.count

    def take(self, number: int, line: str) -> None:
        """Takes the next line."""
        if line.startswith(_IMAGE):
            self._take_image(number, line[len(_IMAGE) :].strip())
        elif not line.strip(" "):
            self.end_post()
        elif line.startswith("-DOCSTART-") or (line.startswith("# id") and not self._tokens):
            self._quirks.count("comment or document line", self._split, self._place(number))
        else:
            self._take_token(number, line)

    def _take_image(self, number: int, image: str) -> None:
        if self._tokens:
            reason = "an IMGID: line inside a post; a blank line must stand before it"
            raise malformed(self._path, number, reason)
        if self._first_line:
            self._quirks.count("post without tokens", self._split, self._place(self._first_line))
        if not image or "/" in image or "\\" in image:
            raise malformed(self._path, number, f"{image!r} after IMGID: is no name of an image")
        self._begin(number, image if _HAS_SUFFIX.search(image) else f"{image}.jpg")

    def _take_token(self, number: int, line: str) -> None:
        if not self._first_line:
            if self._columns.needs_image:
                reason = "a token outside a post: an IMGID: line must stand before it"
                raise malformed(self._path, number, reason)
            self._begin(number, None)
        cells = self._cells(number, line)
        token, label = cells[self._columns.token], cells[self._columns.label]
        if not token:
            raise malformed(self._path, number, "the token is empty")
        self._tokens.append(token)
        self._labels.append(self._checked(number, label))

    def _cells(self, number: int, line: str) -> list[str]:
        if "\t" in line or self._columns.tabs_only:
            cells = line.split("\t")
        else:
            cells = [cell for cell in line.split(" ") if cell]
        if self._width is None:
            self._width = max(2, len(cells))
            for column in (self._columns.token, self._columns.label):
                if not -len(cells) <= column < len(cells):
                    raise malformed(self._path, number, f"{len(cells)} columns, so none has number {column}")
        if len(cells) != self._width:
            how = "tabs" if self._columns.tabs_only else "tabs or spaces"
            reason = f"{len(cells)} columns, {self._width} are needed, separated by {how}: {line[:60]!r}"
            raise malformed(self._path, number, reason)
        return cells

    def _checked(self, number: int, label: str) -> str:
        """Gives the label as BIO or BIOES, after counting what is odd about it."""
        scheme = self._columns.scheme
        prefix, kind = label[:1], label[2:]
        if not label_is_valid(label, scheme):
            wanted = ", ".join(f"{letter}-TYPE" for letter in PREFIXES[scheme])
            hint = "; give --scheme bioes" if label_is_valid(label, "bioes") else ""
            raise malformed(self._path, number, f"label {label!r} is neither O nor {wanted} ({scheme}){hint}")
        before = self._labels[-1] if self._labels else "O"
        quirk: str | None
        if scheme == "iob1":
            goes_on = before[0] in "BI" and before[2:] == kind
            if prefix == "I" and not goes_on:
                return f"B-{kind}"
            quirk = "B- where IOB1 needs none" if prefix == "B" and not goes_on else None
        else:
            quirk = label_quirk(before, label)
        if quirk is not None:
            self._quirks.count(quirk, self._split, self._place(number))
        return label

    def end_post(self) -> None:
        """Ends the post that is being read, if there is one."""
        if self._first_line and not self._tokens:
            self._quirks.count("post without tokens", self._split, self._place(self._first_line))
        elif self._tokens:
            place = self._place(self._first_line)
            if self._image is None:
                self._quirks.count("post without an image", self._split, place)
            count_token_quirks(self._tokens, self._split, place, self._quirks)
            identity = f"{self._split}-{len(self.examples)}"
            self.examples.append(
                Example(identity, tuple(self._tokens), labels=tuple(self._labels), image=self._image)
            )
        self._begin(0, None)

    def _place(self, number: int) -> str:
        return f"{self._path.name}: line {number}"
