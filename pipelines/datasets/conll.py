"""CoNLL files: one token a line with its label, a blank line between sentences.

Twitter-15, Twitter-17 and SNAP put ``IMGID:<id>`` before each post (its image is ``<id>.jpg``) and separate
token and label by a tab. Other files have any number of columns: CoNLL-2003, WNUT-17 (whose sentences may end
with a line of white space), GermEval 2014 (``#`` and a tab before the source of a sentence), WikiANN (``en:``
before every token), Weibo NER (the place in its word behind every character).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from kc_schema.retrieval_cache import Example
from pipelines.datasets.dataset import Columns, DatasetError, Quirks, malformed
from pipelines.datasets.files import read_lines
from pipelines.datasets.labels import PREFIXES, SCHEMES, as_bioes, label_is_valid, label_quirk
from pipelines.datasets.tokens import count_token_quirks

__all__ = ["IMAGE_POSTS", "read_posts"]

_IMAGE = "IMGID:"
_HAS_SUFFIX = re.compile(r"\.(?:jpe?g|png|gif|webp|bmp|tiff?)\Z", re.IGNORECASE)
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[a-z\-]+)?:(?=.)", re.DOTALL)

IMAGE_POSTS = Columns(count=2, tabs_only=True, needs_image=True)
"""Twitter-15, Twitter-17, SNAP."""


def read_posts(path: Path, split: str, columns: Columns, quirks: Quirks) -> list[Example]:
    """Read a CoNLL file; ids are the split and the post's number, from 0.

    Raises:
        DatasetError: the file cannot be read, or a line is not what it must be; the line is named.
    """
    reader = _PostReader(path, split, columns, quirks)
    for number, line in read_lines(path, split, quirks):
        reader.take(number, line)
    reader.end_post()
    if not reader.examples:
        raise DatasetError(f"{path}: no posts; is this the right file?")
    examples = reader.examples if columns.needs_image else _without_marks(reader.examples, split, quirks)
    for example, first in zip(examples, reader.first_lines, strict=True):
        count_token_quirks(example.tokens, split, f"{path.name}: line {first}", quirks)
    return examples


class _PostReader:
    def __init__(self, path: Path, split: str, columns: Columns, quirks: Quirks) -> None:
        self.examples: list[Example] = []
        self.first_lines: list[int] = []
        self._path, self._split, self._columns, self._quirks = path, split, columns, quirks
        self._begin(0, None)

    def _begin(self, line: int, image: str | None) -> None:
        self._first_line, self._image = line, image
        self._tokens: list[str] = []
        self._labels: list[str] = []
        self._width = self._columns.count

    def take(self, number: int, line: str) -> None:
        """Take the next line."""
        if line.startswith(_IMAGE):
            self._take_image(number, line[len(_IMAGE) :].strip())
        elif not line.strip():
            if line.strip(" "):
                self._quirks.count("line of white space between sentences", self._split, self._place(number))
            self.end_post()
        elif self._is_comment(line):
            self._quirks.count("comment or document line", self._split, self._place(number))
        else:
            self._take_token(number, line)

    def _is_comment(self, line: str) -> bool:
        if line.startswith("-DOCSTART-"):
            return True
        if self._tokens or not line.startswith(("# ", "#\t")):
            return False
        # A sentence may begin with the token #: then its label stands where labels stand.
        cells, column = self._split_cells(line), self._columns.label
        is_token = -len(cells) <= column < len(cells) and label_is_valid(cells[column], self._columns.scheme)
        return line.startswith("# id") or not (is_token or self._columns.needs_image)

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

    def _split_cells(self, line: str) -> list[str]:
        if "\t" in line or self._columns.tabs_only:
            return line.split("\t")
        return [cell for cell in line.split(" ") if cell]

    def _cells(self, number: int, line: str) -> list[str]:
        cells = self._split_cells(line)
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
        """Return the label as BIO or BIOES, after counting what is odd about it."""
        scheme = self._columns.scheme
        if not label_is_valid(label, scheme):
            wanted = ", ".join(f"{letter}-TYPE" for letter in PREFIXES[scheme])
            raise malformed(
                self._path,
                number,
                f"label {label!r} is neither O nor {wanted} ({scheme}){self._hint(label)}",
            )
        label = as_bioes(label, scheme)
        prefix, kind = label[:1], label[2:]
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

    def _hint(self, label: str) -> str:
        fitting = [scheme for scheme in SCHEMES if label_is_valid(label, scheme)]
        return f"; give --scheme {' or --scheme '.join(fitting)}" if fitting else ""

    def end_post(self) -> None:
        """End the post that is being read, if there is one."""
        if self._first_line and not self._tokens:
            self._quirks.count("post without tokens", self._split, self._place(self._first_line))
        elif self._tokens:
            self._refuse_numbers()
            if self._image is None:
                self._quirks.count("post without an image", self._split, self._place(self._first_line))
            identity = f"{self._split}-{len(self.examples)}"
            self.examples.append(
                Example(identity, tuple(self._tokens), labels=tuple(self._labels), image=self._image)
            )
            self.first_lines.append(self._first_line)
        self._begin(0, None)

    def _refuse_numbers(self) -> None:
        """Refuse a column that counts the tokens (1, 2, 3, ...) in place of holding them."""
        count = len(self._tokens)
        if (self._width or 0) > 2 and count > 2 and self._tokens == [str(n + 1) for n in range(count)]:
            column = self._columns.token
            raise malformed(
                self._path,
                self._first_line,
                f"column {column} counts the tokens (1, 2, 3, ...); say with --token-column where they stand, and"
                " with --label-column where the labels do",
            )

    def _place(self, number: int) -> str:
        return f"{self._path.name}: line {number}"


def _without_marks(examples: list[Example], split: str, quirks: Quirks) -> list[Example]:
    """Return the examples without what a file puts at every one of its tokens: a language, a place in a word."""
    for quirk, take_off in (
        ("language before the token", _without_language),
        ("place in the word behind the character", _without_places),
    ):
        bare = [take_off(example.tokens) for example in examples]
        found = [tokens for tokens in bare if tokens is not None]
        if len(found) == len(examples):
            for example in examples:
                quirks.count(quirk, split, f"example {example.example_id}")
            examples = [
                replace(example, tokens=tokens) for example, tokens in zip(examples, found, strict=True)
            ]
    return examples


def _without_language(tokens: Sequence[str]) -> tuple[str, ...] | None:
    match = _LANGUAGE.match(tokens[0])
    if match is None or not all(token.startswith(match[0]) and token != match[0] for token in tokens):
        return None
    return tuple(token.removeprefix(match[0]) for token in tokens)


def _without_places(tokens: Sequence[str]) -> tuple[str, ...] | None:
    """Return the characters without their places (0, 1, ... in each word); None where a token has none."""
    found: list[str] = []
    place = -1
    for token in tokens:
        place += 1
        if place and not token.endswith(str(place)):
            place = 0
        character = token.removesuffix(str(place))
        if not character or character == token:
            return None
        found.append(character)
    return tuple(found)
