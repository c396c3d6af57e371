"""Evidence from elsewhere: captions, tags, text read off the image, a language model's answer."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from kc_schema.retrieval_cache import Example
from pipelines.datasets.errors import malformed
from pipelines.datasets.quirks import Quirks
from pipelines.datasets.text_lines import read_lines
from pipelines.retrieval.errors import RetrievalError
from pipelines.retrieval.evidence import Evidence

__all__ = ["read_evidence"]

_COLUMNS = {"example_id", "image", "split", "text", "title", "key", "score"}


def read_evidence(
    path: Path, splits: Mapping[str, Sequence[Example]], counts: Counter[str]
) -> dict[str, dict[str, list[Evidence]]]:
    """Reads evidence and gives split -> example id -> evidence, by score, then in the file's order.

    The file is JSONL or Parquet. A row names its example by ``example_id`` (and ``split``, where ids repeat
    over splits) or, for all examples with that image, by ``image``. ``text`` is a text or a list of texts;
    ``title``, ``key`` and ``score`` may follow.

    Raises:
        RetrievalError: it cannot be read, or belongs to no example.
        pipelines.datasets.DatasetError: a line that is no such row; the line is named.
    """
    by_name: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for split, examples in splits.items():
        for example in examples:
            target = (split, example.example_id)
            by_name.setdefault(("example_id", example.example_id), []).append(target)
            if example.image is not None:
                by_name.setdefault(("image", example.image), []).append(target)
    found: dict[str, dict[str, list[Evidence]]] = {split: {} for split in splits}
    used = 0
    for number, row in _rows(path):
        column, targets = _targets(path, number, row, by_name)
        if not targets:
            counts[f"evidence for an unknown {column}"] += 1
        for piece in _pieces(path, number, row):
            for split, example_id in targets:
                found[split].setdefault(example_id, []).append(piece)
                used += 1
    if not used:
        raise RetrievalError(f"{path}: nothing in it belongs to an example of the data set")
    for by_example in found.values():
        for pieces in by_example.values():
            pieces.sort(key=lambda piece: -piece.score)
    return found


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Gives the file's rows by number, from 1."""
    if path.suffix.lower() in (".parquet", ".pq"):
        try:
            with pq.ParquetFile(path) as file:
                number = 0
                for batch in file.iter_batches():
                    for row in batch.to_pylist():
                        number += 1
                        yield number, {name: value for name, value in row.items() if value is not None}
        except (OSError, pa.ArrowException) as error:
            raise RetrievalError(f"{path}: cannot be read: {error}") from error
        return
    for number, line in read_lines(path, "evidence", Quirks()):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise malformed(path, number, f"not JSON: {str(error)[:100]}") from error
        if not isinstance(row, dict):
            raise malformed(path, number, "not a JSON object")
        yield number, row


def _targets(
    path: Path, number: int, row: Mapping[str, Any], by_name: Mapping[tuple[str, str], list[tuple[str, str]]]
) -> tuple[str, list[tuple[str, str]]]:
    unknown = sorted(set(row) - _COLUMNS)
    if unknown:
        known = ", ".join(sorted(_COLUMNS))
        raise malformed(path, number, f"unknown key {unknown[0]!r}; known are {known}")
    named = [column for column in ("example_id", "image") if column in row]
    if len(named) != 1:
        raise malformed(path, number, "give the example either by 'example_id' or by 'image'")
    column = named[0]
    targets = by_name.get((column, row[column]), [])
    if "split" in row:
        return column, [target for target in targets if target[0] == row["split"]]
    if column == "example_id" and len(targets) > 1:
        raise malformed(path, number, f"{row[column]!r} is an example of several splits; add 'split'")
    return column, targets


def _pieces(path: Path, number: int, row: Mapping[str, Any]) -> list[Evidence]:
    texts = row.get("text")
    texts = [texts] if isinstance(texts, str) else texts
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise malformed(path, number, "'text' is neither a text nor a list of texts")
    try:
        score = float(row.get("score", 0.0))
    except (TypeError, ValueError) as error:
        raise malformed(path, number, f"'score' is {row['score']!r}, not a number") from error
    title, key = row.get("title", ""), row.get("key", "")
    if not isinstance(title, str) or not isinstance(key, str):
        raise malformed(path, number, "'title' or 'key' is not a text")
    return [Evidence(score, key, title, text) for text in texts]
