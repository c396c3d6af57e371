"""Evidence from elsewhere: captions, tags, text read off the image, a language model's answer."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from kc_schema.hit import Hit
from kc_schema.retrieval_cache import Example
from kc_schema.store import open_parquet
from pipelines.datasets import Quirks
from pipelines.datasets.dataset import malformed
from pipelines.datasets.files import read_lines
from pipelines.evidence import EvidenceError
from pipelines.evidence.queries import QueryBatch
from pipelines.evidence.sources import SourceAnswer

__all__ = ["NamedSource"]

_COLUMNS = {"example_id", "image", "split", "text", "title", "key", "score"}


class NamedSource:
    """The evidence of one file, by example.

    The file is JSONL or Parquet. A row names its example by ``example_id`` (and ``split``, where ids repeat
    over splits) or, for all examples with that image, by ``image``. ``text`` is a text or a list of texts;
    ``title``, ``key`` and ``score`` may follow.
    """

    def __init__(self, path: Path, splits: Mapping[str, Sequence[Example]]) -> None:
        """Read the file.

        Raises:
            EvidenceError: it cannot be read, or belongs to no example.
            pipelines.datasets.DatasetError: a line that is no such row; the line is named.
        """
        by_name: dict[tuple[str, str], list[tuple[str, str]]] = {}
        for split, examples in splits.items():
            for example in examples:
                target = (split, example.example_id)
                by_name.setdefault(("example_id", example.example_id), []).append(target)
                if example.image is not None:
                    by_name.setdefault(("image", example.image), []).append(target)
        self.counts: Counter[str] = Counter()
        """Rows that belong to no example; they are counted with the first split."""
        self.hits: dict[str, dict[str, list[Hit]]] = {split: {} for split in splits}
        """Split -> example id -> hits, by score, then in the file's order."""
        found: dict[tuple[str, str], list[Hit]] = {}
        for number, row in _rows(path):
            column, targets = _targets(path, number, row, by_name)
            if not targets:
                self.counts[f"evidence for an unknown {column}"] += 1
            for piece in _pieces(path, number, row):
                for target in targets:
                    found.setdefault(target, []).append(piece)
        if not found:
            raise EvidenceError(f"{path}: nothing in it belongs to an example of the data set")
        for (split, example_id), pieces in found.items():
            pieces.sort(key=lambda piece: -piece.score)
            self.hits[split][example_id] = [replace(piece, rank=rank) for rank, piece in enumerate(pieces)]

    def ask(self, batch: QueryBatch) -> SourceAnswer:
        """Return what the file says of the examples of a batch."""
        own = self.hits[batch.split]
        names = [example.example_id for example in batch.examples if example.example_id in own]
        is_first = batch.start == 0 and batch.split == next(iter(self.hits))
        return SourceAnswer(
            {name: own[name] for name in names}, Counter(self.counts) if is_first else Counter()
        )


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield the file's rows by number, from 1."""
    if path.suffix.lower() in (".parquet", ".pq"):
        try:
            with open_parquet(path) as file:
                number = 0
                for batch in file.iter_batches():
                    for row in batch.to_pylist():
                        number += 1
                        yield number, {name: value for name, value in row.items() if value is not None}
        except (OSError, pa.ArrowException) as error:
            raise EvidenceError(f"{path}: cannot be read: {error}") from error
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


def _pieces(path: Path, number: int, row: Mapping[str, Any]) -> list[Hit]:
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
    return [Hit(0, score, key, title, text) for text in texts]
