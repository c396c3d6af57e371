"""MNRE v2: one example a line, a Python dict literal (single quotes) or, in copies of it, JSON."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

from kc_schema.retrieval_cache import Example
from pipelines.datasets.dataset import DatasetError, Quirks, malformed
from pipelines.datasets.files import read_lines
from pipelines.datasets.tokens import count_token_quirks

__all__ = ["check_span", "read_mnre"]


def read_mnre(path: Path, split: str, quirks: Quirks) -> list[Example]:
    """Read a file of MNRE: h is the subject, t the object, `pos` counts words, end exclusive.

    Raises:
        DatasetError: the file cannot be read, or a line is not an example; the line is named.
    """
    examples: list[Example] = []
    for number, line in read_lines(path, split, quirks):
        if not line.strip():
            continue
        place = f"{path.name}: line {number}"
        row = _parse(path, number, line, split, quirks)
        tokens = row.get("token")
        if not isinstance(tokens, list) or not tokens or not all(isinstance(t, str) for t in tokens):
            raise malformed(path, number, "'token' is not a list of words")
        relation, image = row.get("relation"), row.get("img_id")
        if not isinstance(relation, str) or not relation:
            raise malformed(path, number, "'relation' is no name")
        if image is not None and (not isinstance(image, str) or not image or "/" in image):
            raise malformed(path, number, f"'img_id' is {image!r}, not the name of an image")
        subject = _entity(path, number, row, "h", tokens, split, quirks)
        obj = _entity(path, number, row, "t", tokens, split, quirks)
        if image is None:
            quirks.count("post without an image", split, place)
        if obj[0] < subject[0]:
            quirks.count("object stands before subject", split, place)
        if max(subject[0], obj[0]) < min(subject[1], obj[1]):
            quirks.count("subject and object overlap", split, place)
        count_token_quirks(tokens, split, place, quirks)
        identity = f"{split}-{len(examples)}"
        examples.append(
            Example(identity, tuple(tokens), relation=relation, subject=subject, object=obj, image=image)
        )
    if not examples:
        raise DatasetError(f"{path}: no examples; is this the right file?")
    return examples


def _parse(path: Path, number: int, line: str, split: str, quirks: Quirks) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        try:
            row = ast.literal_eval(line.strip())
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError) as error:
            reason = f"neither JSON nor a Python literal: {str(error)[:100]}"
            raise malformed(path, number, reason) from error
        quirks.count("Python literal instead of JSON", split, f"{path.name}: line {number}")
    if not isinstance(row, dict):
        raise malformed(path, number, "not a dict with 'token', 'h', 't' and 'relation'")
    return row


def _entity(
    path: Path, number: int, row: dict[str, Any], name: str, tokens: list[str], split: str, quirks: Quirks
) -> tuple[int, int]:
    entity = row.get(name)
    if not isinstance(entity, dict):
        raise malformed(path, number, f"{name!r} is not a dict with 'name' and 'pos'")
    start, end = check_span(path, number, f"{name!r}: 'pos'", entity.get("pos"), len(tokens))
    if entity.get("name") != " ".join(tokens[start:end]):
        quirks.count("name is not the text of its span", split, f"{path.name}: line {number}")
    return start, end


def check_span(path: Path, number: int, what: str, span: Any, length: int) -> tuple[int, int]:
    """Return a span as a pair.

    Raises:
        DatasetError: not [start, end) inside `length` words.
    """
    good = isinstance(span, (list, tuple)) and len(span) == 2 and all(type(v) is int for v in span)
    if not good or not 0 <= span[0] < span[1] <= length:
        raise malformed(path, number, f"{what} is {span!r}, not [start, end) inside {length} words")
    return span[0], span[1]
