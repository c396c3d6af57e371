"""The project's own format for anyone's data: one JSON object a line.

NER, either divided into tokens or as running text with entities at character offsets::

    {"tokens": ["Ada", "lives", "in", "Oslo"], "labels": ["B-PER", "O", "O", "B-LOC"], "image": "7.jpg"}
    {"text": "Ada lives in Oslo", "entities": [[0, 3, "PER"], [13, 17, "LOC"]]}

Relations::

    {"tokens": ["Ada", "of", "Oslo"], "subject": [0, 1], "object": [2, 3], "relation": "/per/loc/of"}

`id` and `image` may be left out. Ends are exclusive.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kc_schema.retrieval_cache import Example
from pipelines.datasets.errors import DatasetError, malformed
from pipelines.datasets.labels import label_is_valid, label_quirk
from pipelines.datasets.mentions import Mention, label_text
from pipelines.datasets.mnre import check_span
from pipelines.datasets.quirks import Quirks
from pipelines.datasets.text_lines import read_lines
from pipelines.datasets.tokens import count_token_quirks

__all__ = ["read_json_lines"]

_KEYS = {"id", "tokens", "labels", "text", "entities", "image", "subject", "object", "relation"}


def read_json_lines(path: Path, split: str, quirks: Quirks) -> list[Example]:
    """Reads a file in the project's own format.

    Raises:
        DatasetError: the file cannot be read, or a line is not an example; the line is named.
    """
    examples: list[Example] = []
    first_lines: dict[str, int] = {}
    for number, line in read_lines(path, split, quirks):
        if not line.strip():
            continue
        example = _example(path, number, _parse(path, number, line), split, quirks, len(examples))
        if example.task != (examples[0] if examples else example).task:
            raise malformed(path, number, "labels and relations in one data set; keep them apart")
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


def _example(
    path: Path, number: int, row: dict[str, Any], split: str, quirks: Quirks, position: int
) -> Example:
    place = f"{path.name}: line {number}"
    identity, image = row.get("id", f"{split}-{position}"), row.get("image")
    if not isinstance(identity, str) or not identity:
        raise malformed(path, number, f"'id' is {identity!r}, not a text")
    if image is not None and (not isinstance(image, str) or not image):
        raise malformed(path, number, f"'image' is {image!r}, not the name of an image")
    if image is None:
        quirks.count("post without an image", split, place)
    labels: list[str] | None = None
    if "text" in row:
        text, mentions = _text_and_mentions(path, number, row)
        tokens, labels = label_text(text, mentions, split, place, quirks)
    else:
        tokens = row.get("tokens", [])
        if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
            raise malformed(path, number, "'tokens' is not a list of words")
        if "relation" not in row:
            labels = _labels(path, number, row, len(tokens))
    if not tokens:
        raise malformed(path, number, "no words: give 'tokens', or 'text' with 'entities'")
    count_token_quirks(tokens, split, place, quirks)
    if labels is not None:
        for before, label in zip(["O", *labels], labels, strict=False):
            if (quirk := label_quirk(before, label)) is not None:
                quirks.count(quirk, split, place)
        return Example(identity, tuple(tokens), labels=tuple(labels), image=image)
    relation = row["relation"]
    if not isinstance(relation, str) or not relation:
        raise malformed(path, number, "'relation' is no name; write \"None\" for no relation")
    subject = check_span(path, number, "'subject'", row.get("subject"), len(tokens))
    obj = check_span(path, number, "'object'", row.get("object"), len(tokens))
    return Example(identity, tuple(tokens), relation=relation, subject=subject, object=obj, image=image)


def _labels(path: Path, number: int, row: dict[str, Any], length: int) -> list[str]:
    labels = row.get("labels")
    if not isinstance(labels, list) or len(labels) != length:
        raise malformed(path, number, f"'labels' is not a list of {length}, one a token")
    for label in labels:
        if not isinstance(label, str) or not label_is_valid(label, "bioes"):
            raise malformed(path, number, f"label {label!r} is neither O nor B-, I-, E- or S-TYPE")
    return labels


def _text_and_mentions(path: Path, number: int, row: dict[str, Any]) -> tuple[str, list[Mention]]:
    text, entities = row["text"], row.get("entities")
    if not isinstance(text, str) or not isinstance(entities, list):
        raise malformed(path, number, "'text' needs 'entities', a list of [start, end, type]")
    mentions = []
    for entity in entities:
        good = isinstance(entity, list) and len(entity) == 3 and isinstance(entity[2], str) and entity[2]
        if not good or not all(type(offset) is int for offset in entity[:2]) or " " in entity[2]:
            raise malformed(path, number, f"entity {entity!r} is not [start, end, type]")
        mentions.append(Mention(*entity))
    return text, mentions
