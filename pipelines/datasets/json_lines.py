"""The project's own format for anyone's data: one JSON object a line.

NER, either divided into tokens or as running text with entities at character offsets::

    {"tokens": ["Ada", "lives", "in", "Oslo"], "labels": ["B-PER", "O", "O", "B-LOC"], "image": "7.jpg"}
    {"text": "Ada lives in Oslo", "entities": [[0, 3, "PER"], [13, 17, "LOC"]]}

Relations::

    {"tokens": ["Ada", "of", "Oslo"], "subject": [0, 1], "object": [2, 3], "relation": "/per/loc/of"}

`id` and `image` may be left out, in files for prediction also ``labels``, ``entities`` and ``relation``. Ends are
exclusive.
"""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any

from kc_schema.retrieval_cache import NO_RELATION, Example
from pipelines.datasets.dataset import DatasetError, Quirks, malformed
from pipelines.datasets.files import read_lines
from pipelines.datasets.labels import label_is_valid, label_quirk
from pipelines.datasets.mnre import check_span
from pipelines.datasets.tokens import Mention, count_token_quirks, label_text, with_underscores

__all__ = ["read_json_lines"]

_KEYS = {"id", "tokens", "labels", "text", "entities", "image", "subject", "object", "relation"}
_GOLD = ("labels", "entities", "relation")


def read_json_lines(path: Path, split: str, quirks: Quirks) -> list[Example]:
    """Read a file in the project's own format.

    Raises:
        DatasetError: the file cannot be read, or a line is not an example; the line is named.
    """
    examples: list[Example] = []
    first_lines: dict[str, int] = {}
    has_gold: bool | None = None
    for number, line in read_lines(path, split, quirks):
        if not line.strip():
            continue
        row = _parse(path, number, line)
        example = _Line(path, number, row, split, quirks).example(len(examples))
        if example.task != (examples[0] if examples else example).task:
            raise malformed(path, number, "labels and relations in one data set; keep them apart")
        gold = any(name in row for name in _GOLD)
        if has_gold is not None and gold != has_gold:
            reason = "some examples have labels or a relation, others none; keep those for prediction apart"
            raise malformed(path, number, reason)
        has_gold = gold
        before = first_lines.setdefault(example.example_id, number)
        if before != number:
            raise malformed(path, number, f"the id {example.example_id!r} stands in line {before} already")
        examples.append(example)
    if not examples:
        raise DatasetError(f"{path}: no examples; is this the right file?")
    return examples


def _parse(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise malformed(path, number, f"not JSON: {str(error)[:100]}") from error
    if not isinstance(row, dict):
        raise malformed(path, number, "not a JSON object")
    unknown = sorted(set(row) - _KEYS)
    if unknown:
        known = ", ".join(sorted(_KEYS))
        raise malformed(path, number, f"unknown key {unknown[0]!r}; known are {known}")
    return row


class _Line:
    """One line of a file, which becomes an example."""

    def __init__(self, path: Path, number: int, row: dict[str, Any], split: str, quirks: Quirks) -> None:
        self._path, self._number, self._row = path, number, row
        self._split, self._quirks = split, quirks
        self._place = f"{path.name}: line {number}"

    def example(self, position: int) -> Example:
        """Return the example; `position` names it where it has no id."""
        identity, image = self._identity(position), self._image()
        if self._is_relation():
            return self._relation(identity, image)
        tokens, labels = self._text() if "text" in self._row else self._labelled()
        self._check(tokens)
        for before, label in zip(["O", *labels], labels, strict=False):
            if (quirk := label_quirk(before, label)) is not None:
                self._count(quirk)
        return Example(identity, tuple(tokens), labels=tuple(labels), image=image)

    def _is_relation(self) -> bool:
        if "relation" in self._row:
            return True
        spans = "subject" in self._row and "object" in self._row
        return spans and not {"text", "labels", "entities"} & self._row.keys()

    def _identity(self, position: int) -> str:
        identity = self._row.get("id", f"{self._split}-{position}")
        if type(identity) is int:
            return str(identity)
        if not isinstance(identity, str) or not identity:
            raise self._malformed(f"'id' is {identity!r}, neither a text nor a whole number")
        return identity

    def _image(self) -> str | None:
        image = self._row.get("image")
        if image is None:
            self._count("post without an image")
            return None
        good = isinstance(image, str) and image.strip("./")
        if not good or image.startswith("/") or ".." in PurePosixPath(image).parts:
            raise self._malformed(
                f"'image' is {image!r}, not the name of an image, or its path inside the folder of images"
            )
        return PurePosixPath(image).as_posix()

    def _tokens(self) -> list[str]:
        tokens = self._row.get("tokens", [])
        if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
            raise self._malformed("'tokens' is not a list of words")
        return tokens

    def _check(self, tokens: list[str]) -> None:
        if not tokens:
            raise self._malformed("no words: give 'tokens', or 'text' with 'entities'")
        count_token_quirks(tokens, self._split, self._place, self._quirks)

    def _labelled(self) -> tuple[list[str], list[str]]:
        tokens = self._tokens()
        if "labels" not in self._row and tokens:
            self._count("example without labels")
            return tokens, ["O"] * len(tokens)
        labels = self._row.get("labels", [])
        if not isinstance(labels, list) or len(labels) != len(tokens):
            raise self._malformed(f"'labels' is not a list of {len(tokens)}, one a token")
        return tokens, [self._label(label) for label in labels]

    def _label(self, label: Any) -> str:
        if isinstance(label, str) and label != "O" and label[2:].strip():
            label = label[:2] + with_underscores(label[2:], self._split, self._place, self._quirks)
        if not isinstance(label, str) or not label_is_valid(label, "bioes"):
            other = isinstance(label, str) and label[:2] in ("M-", "L-", "U-")
            hint = " (BMES and BILOU are read with --dataset conll --scheme)" if other else ""
            raise self._malformed(f"label {label!r} is neither O nor B-, I-, E- or S-TYPE{hint}")
        return label

    def _text(self) -> tuple[list[str], list[str]]:
        text, entities = self._row["text"], self._row.get("entities")
        if "entities" not in self._row and isinstance(text, str):
            self._count("example without labels")
            entities = []
        if not isinstance(text, str) or not isinstance(entities, list):
            raise self._malformed("'text' needs 'entities', a list of [start, end, type]")
        mentions = [self._mention(entity) for entity in entities]
        return label_text(text, mentions, self._split, self._place, self._quirks)

    def _mention(self, entity: Any) -> Mention:
        good = isinstance(entity, list) and len(entity) == 3 and isinstance(entity[2], str)
        if not good or not entity[2].strip() or not all(type(offset) is int for offset in entity[:2]):
            raise self._malformed(f"entity {entity!r} is not [start, end, type]")
        start, end, kind = entity
        return Mention(start, end, with_underscores(kind, self._split, self._place, self._quirks))

    def _relation(self, identity: str, image: str | None) -> Example:
        tokens = self._tokens()
        self._check(tokens)
        relation = self._row.get("relation", NO_RELATION)
        if "relation" not in self._row:
            self._count("example without a relation")
        if not isinstance(relation, str) or not relation:
            raise self._malformed("'relation' is no name; write \"None\" for no relation")
        subject, obj = (
            check_span(self._path, self._number, f"'{name}'", self._row.get(name), len(tokens))
            for name in ("subject", "object")
        )
        return Example(identity, tuple(tokens), relation=relation, subject=subject, object=obj, image=image)

    def _count(self, quirk: str) -> None:
        self._quirks.count(quirk, self._split, self._place)

    def _malformed(self, reason: str) -> DatasetError:
        return malformed(self._path, self._number, reason)
