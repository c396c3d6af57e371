"""Retrieval caches: examples, their evidence and their features, the only bridge from pipelines to training.

A cache is a folder (see docs/retrieval-cache.md)::

    manifest.json                what the cache holds and the checksum of every file; written last
    examples/SPLIT.parquet       one row an example, in the data set's order
    hits/SOURCE/SPLIT.parquet    the evidence that one source found, best first, example by example
    features/SPLIT.parquet       one row an example: vectors for the gate, L2-normalised, and their raw norms

A folder without a manifest is not a cache. The same input gives the same bytes: nothing in a file depends
on the time, the machine or the order in which sources are written.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from kc_schema.cache_tables import (
    EXAMPLES,
    FEATURES,
    HITS,
    CacheError,
    check_examples,
    check_features,
    check_hits,
    examples_table,
    features_table,
    hits_table,
)
from kc_schema.files import write_atomically
from kc_schema.snapshot import checksum

__all__ = [
    "EXAMPLES",
    "FEATURES",
    "HITS",
    "CacheError",
    "CacheWriter",
    "Example",
    "Hit",
    "RetrievalCache",
    "extend_cache",
    "open_cache",
]

FORMAT = 1
MANIFEST = "manifest.json"
_ROW_GROUP = 16_384
_NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")


@dataclass(frozen=True, slots=True)
class Example:
    """One sentence of a data set with its gold annotation.

    NER examples have `labels`, one a token; RE examples have `relation` and the spans `subject` and
    `object`, counted in tokens, end exclusive. `image` is a file name, or None where there is no image.
    """

    example_id: str
    tokens: tuple[str, ...]
    labels: tuple[str, ...] | None = None
    relation: str | None = None
    subject: tuple[int, int] | None = None
    object: tuple[int, int] | None = None
    image: str | None = None

    @property
    def task(self) -> str:
        """``"ner"`` or ``"re"``."""
        return "ner" if self.labels is not None else "re"

    def as_row(self) -> dict[str, Any]:
        """Gives the example as a row of the table `EXAMPLES`."""
        return {
            "example_id": self.example_id,
            "task": self.task,
            "tokens": list(self.tokens),
            "labels": None if self.labels is None else list(self.labels),
            "relation": self.relation,
            "subject": None if self.subject is None else list(self.subject),
            "object": None if self.object is None else list(self.object),
            "image": self.image,
        }


@dataclass(frozen=True, slots=True)
class Hit:
    """One piece of evidence for an example, as a row of the table `HITS`."""

    example_id: str
    rank: int
    score: float
    key: str
    title: str
    text: str
    record_id: int

    def as_row(self) -> dict[str, Any]:
        """Gives the hit as a row of the table `HITS`."""
        return {name: getattr(self, name) for name in HITS.names}


Rows: TypeAlias = "pa.Table | Iterable[Mapping[str, Any]]"
"""What the writer takes: an Arrow table, or rows as mappings from column to value."""


def _check_name(kind: str, name: str) -> str:
    if not name or name[0] == "." or not _NAME_CHARACTERS.issuperset(name):
        raise CacheError(f"{kind} {name!r}: a name is made of letters, digits, '_', '-' and '.'")
    return name


class CacheWriter:
    """Writes a cache: the examples of every split first, then hits and features in any order, then `commit`.

    Every file is written beside its place and renamed, so that one found in place is whole. Opening a writer
    takes back the manifest that stood there: a folder is a cache again once `commit` has run. A file that an
    earlier, killed run finished with the same settings (`dataset`, `task`, `snapshots`, `encoder`, `options`)
    may be kept: see `has_examples`, `has_hits` and `has_features`.

    Args:
        folder: the cache's folder; made where it is missing.
        dataset: the data set's name, as ``twitter17``.
        task: ``"ner"`` or ``"re"``; every example has this task.
        snapshots: corpus (as ``text``) -> id of the snapshot that was searched; empty for evidence from
            elsewhere.
        encoder: what made the features and image queries (name, sha256 of the weights), or None.
        options: whatever else decides the content (top-k, query fields, thresholds, seed): JSON values.

    Raises:
        CacheError: a task other than the two, or settings that JSON cannot hold.
    """

    def __init__(
        self,
        folder: Path | str,
        *,
        dataset: str,
        task: str,
        snapshots: Mapping[str, str] | None = None,
        encoder: Mapping[str, str] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        if task not in ("ner", "re"):
            raise CacheError(f"task {task!r}: a cache is for 'ner' or for 're'")
        self.folder = Path(folder)
        self._settings: dict[str, Any] = {
            "format": FORMAT,
            "dataset": dataset,
            "task": task,
            "snapshots": dict(snapshots or {}),
            "encoder": None if encoder is None else dict(encoder),
            "options": dict(options or {}),
        }
        try:
            self._fingerprint = json.dumps(self._settings, sort_keys=True, ensure_ascii=False).encode()
        except TypeError as error:
            raise CacheError(f"cache {self.folder}: settings that JSON cannot hold: {error}") from error
        self._files: dict[str, dict[str, Any]] = {}
        self._example_ids: dict[str, list[str]] = {}
        self._feature_widths: dict[str, int] = {}
        self._drops: dict[str, int] = {}
        self._fixed: frozenset[str] = frozenset()
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / MANIFEST).unlink(missing_ok=True)

    @property
    def task(self) -> str:
        """``"ner"`` or ``"re"``."""
        return str(self._settings["task"])

    def write_examples(self, split: str, examples: Iterable[Example] | Rows) -> None:
        """Writes the examples of a split, in the order given.

        Raises:
            CacheError: an id that comes twice, no tokens, labels that do not fit the tokens, a span outside
                the tokens, or the other task; the split and the example are named.
        """
        table = examples_table(_rows(examples))
        check_examples(table, self.task, where=f"examples/{_check_name('split', split)}")
        self._write(f"examples/{split}.parquet", table)
        self._example_ids[split] = table.column("example_id").to_pylist()

    def write_hits(self, source: str, split: str, hits: Iterable[Hit] | Rows) -> None:
        """Writes the evidence that `source` found for a split.

        Rows need `example_id` and `text`; a missing `rank` counts the example's rows from 0, other missing
        columns are zero, empty, or -1 for `record_id`. Columns beyond the schema's are kept. Rows are stored
        by the order of the examples and by rank; an example may have none.

        Raises:
            CacheError: an example that the split does not have, a rank that comes twice or lies below 0, or
                a score that is not finite.
        """
        where = f"hits/{_check_name('source', source)}/{split}"
        table = hits_table(_rows(hits), self._ids(split), where)
        check_hits(table, where)
        self._write(f"{where}.parquet", table)

    def write_features(self, split: str, features: Rows) -> None:
        """Writes the vectors of a split, one row an example.

        Columns that end in ``_vector`` are stored as lists of float16; `text_vector` and
        `image_vector` (None without an image) come always, further ones may follow, each with its raw norm
        in ``NAME_norm``. A vector that comes without its norm is normalised here and its norm noted.

        Raises:
            CacheError: examples missing, unknown or doubled; vectors of different widths, empty, with a
                value that is not finite, or given with a norm but not of length 1.
        """
        where = f"features/{_check_name('split', split)}"
        table = features_table(_rows(features), self._ids(split), where)
        widths = check_features(table, where)
        for name, width in widths.items():
            if self._feature_widths.setdefault(name, width) != width:
                raise CacheError(
                    f"{where}: {name} has {width} numbers, {self._feature_widths[name]} in another split"
                )
        self._write(f"{where}.parquet", table)

    def has_examples(self, split: str) -> bool:
        """Tells whether a run with the same settings left this file whole; if so it counts as written."""
        path = f"examples/{split}.parquet"
        if not self._keep(path):
            return False
        ids = pq.read_table(self.folder / path, columns=["example_id"]).column("example_id")
        self._example_ids[split] = ids.to_pylist()
        return True

    def has_hits(self, source: str, split: str) -> bool:
        """Tells whether a run with the same settings left this file whole; if so it counts as written."""
        return self._keep(f"hits/{source}/{split}.parquet")

    def has_features(self, split: str) -> bool:
        """Tells whether a run with the same settings left this file whole; if so it counts as written."""
        path = f"features/{split}.parquet"
        if not self._keep(path):
            return False
        self._feature_widths.update(check_features(pq.read_table(self.folder / path), path))
        return True

    def count_drop(self, reason: str, count: int = 1) -> None:
        """Notes in the manifest that `count` things were lost for a named reason (as ``image missing``)."""
        self._drops[reason] = self._drops.get(reason, 0) + count

    def commit(self) -> RetrievalCache:
        """Writes the manifest and gives the finished cache.

        Raises:
            CacheError: no examples were written, a source lacks a split that has examples, or features were
                written for some splits only.
        """
        if not self._example_ids:
            raise CacheError(f"cache {self.folder}: no examples were written")
        splits = sorted(self._example_ids)
        sources = sorted({path.split("/")[1] for path in self._files if path.startswith("hits/")})
        expected = [f"hits/{source}/{split}.parquet" for source in sources for split in splits]
        if self._feature_widths:
            expected += [f"features/{split}.parquet" for split in splits]
        missing = [path for path in expected if path not in self._files]
        if missing:
            raise CacheError(f"cache {self.folder}: {', '.join(missing)} not written; write every split")
        manifest = {
            **self._settings,
            "splits": {split: len(self._example_ids[split]) for split in splits},
            "sources": sources,
            "features": dict(sorted(self._feature_widths.items())),
            "drops": dict(sorted(self._drops.items())),
            "files": dict(sorted(self._files.items())),
        }
        text = json.dumps(manifest, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        write_atomically(self.folder / MANIFEST, lambda path: path.write_text(text, encoding="utf-8"))
        return open_cache(self.folder)

    def _ids(self, split: str) -> list[str]:
        if split not in self._example_ids:
            raise CacheError(f"split {split!r}: write its examples before its hits and features")
        return self._example_ids[split]

    def _write(self, name: str, table: pa.Table) -> None:
        if name in self._fixed:
            raise CacheError(f"cache {self.folder}: {name} is already part of the cache")
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        table = table.replace_schema_metadata({b"cache": self._fingerprint})
        write_atomically(
            path,
            lambda place: pq.write_table(table, place, compression="zstd", row_group_size=_ROW_GROUP),
        )
        self._note(name, table.num_rows)

    def _keep(self, name: str) -> bool:
        path = self.folder / name
        try:
            found = pq.read_schema(path).metadata or {}
        except (FileNotFoundError, pa.ArrowInvalid):
            return False
        if found.get(b"cache") != self._fingerprint:
            return False
        self._note(name, pq.read_metadata(path).num_rows)
        return True

    def _note(self, name: str, rows: int) -> None:
        path = self.folder / name
        self._files[name] = {"rows": rows, "bytes": path.stat().st_size, "sha256": checksum(path)}


def extend_cache(folder: Path | str) -> CacheWriter:
    """Gives a writer that adds sources to a finished cache: captions, tags, a language model's text.

    What the cache holds stays as it is, and stays readable until `CacheWriter.commit` replaces the manifest.

    Raises:
        CacheError: `folder` is not a cache. Writing a file that the cache already holds raises it, too.
    """
    cache = open_cache(folder)
    # Made without __init__, which would take back the manifest of a cache that must stay readable.
    writer = CacheWriter.__new__(CacheWriter)
    writer.folder = cache.folder
    writer._settings = {
        name: cache.manifest[name]
        for name in ("format", "dataset", "task", "snapshots", "encoder", "options")
    }
    writer._fingerprint = json.dumps(writer._settings, sort_keys=True, ensure_ascii=False).encode()
    writer._files = {name: dict(entry) for name, entry in cache.manifest["files"].items()}
    writer._example_ids = {split: cache.example_ids(split) for split in cache.splits}
    writer._feature_widths = dict(cache.manifest["features"])
    writer._drops = dict(cache.manifest["drops"])
    writer._fixed = frozenset(writer._files)
    return writer


@dataclass(frozen=True)
class RetrievalCache:
    """A finished cache, open for reading (made by `open_cache`)."""

    folder: Path
    manifest: Mapping[str, Any] = field(repr=False)

    @property
    def dataset(self) -> str:
        """The data set's name."""
        return str(self.manifest["dataset"])

    @property
    def task(self) -> str:
        """``"ner"`` or ``"re"``."""
        return str(self.manifest["task"])

    @property
    def splits(self) -> tuple[str, ...]:
        """The names of the splits, in alphabetical order."""
        return tuple(self.manifest["splits"])

    @property
    def sources(self) -> tuple[str, ...]:
        """The names of the sources of evidence, in alphabetical order."""
        return tuple(self.manifest["sources"])

    @property
    def feature_widths(self) -> dict[str, int]:
        """Vector column -> numbers a vector; empty for a cache without features."""
        return dict(self.manifest["features"])

    def examples(self, split: str) -> list[Example]:
        """Gives the examples of a split, in the data set's order."""
        return [_example(row) for row in self.examples_table(split).to_pylist()]

    def example_ids(self, split: str) -> list[str]:
        """Gives the ids of a split's examples, in order."""
        ids: list[str] = self._read(f"examples/{split}.parquet", ["example_id"])["example_id"].to_pylist()
        return ids

    def examples_table(self, split: str) -> pa.Table:
        """Gives the examples of a split with all their columns."""
        return self._read(f"examples/{split}.parquet")

    def hits(self, source: str, split: str) -> dict[str, list[Hit]]:
        """Gives example id -> its hits, best first; an example without hits has an empty list."""
        found: dict[str, list[Hit]] = {example_id: [] for example_id in self.example_ids(split)}
        for row in self._read(f"hits/{source}/{split}.parquet", HITS.names).to_pylist():
            found[row["example_id"]].append(Hit(**row))
        return found

    def hits_table(self, source: str, split: str) -> pa.Table:
        """Gives the hits of a source with all their columns."""
        return self._read(f"hits/{source}/{split}.parquet")

    def features_table(self, split: str) -> pa.Table:
        """Gives the features of a split with all their columns, rows in the order of the examples.

        Vectors are `pyarrow.FixedSizeListType` of float16.
        """
        table = self._read(f"features/{split}.parquet")
        for name, width in self.feature_widths.items():
            if name in table.column_names:
                place = table.column_names.index(name)
                fixed = table.column(name).cast(pa.list_(pa.float16(), width))
                table = table.set_column(place, name, fixed)
        return table

    def vectors(self, split: str, column: str, *, raw: bool = False) -> npt.NDArray[np.float32]:
        """Gives the vectors of a column as float32 [examples, width]; a missing vector is all zeros.

        Args:
            split: the split.
            column: a key of `feature_widths`, as ``text_vector``.
            raw: multiply each vector by its stored norm, which undoes the L2 normalisation.

        Raises:
            CacheError: the cache has no such column.
        """
        if column not in self.feature_widths:
            known = ", ".join(self.feature_widths) or "no features at all"
            raise CacheError(f"cache {self.folder}: no feature column {column!r}; it has {known}")
        norm_column = column.removesuffix("_vector") + "_norm"
        table = self._read(f"features/{split}.parquet", [column, norm_column])
        vectors = np.zeros((table.num_rows, self.feature_widths[column]), dtype=np.float32)
        values = table.column(column).combine_chunks()
        present = np.asarray(values.is_valid())
        if present.any():
            flat = values.drop_null().flatten().to_numpy(zero_copy_only=False)
            vectors[present] = flat.astype(np.float32).reshape(-1, vectors.shape[1])
        if raw:
            norms = table.column(norm_column).fill_null(0.0).to_numpy()
            vectors *= norms.astype(np.float32)[:, None]
        return vectors

    def checksum(self, name: str) -> str:
        """Gives the sha256 that the manifest notes for a file, as ``examples/train.parquet``.

        Raises:
            CacheError: the cache has no such file; what it has is named.
        """
        self._require(name)
        return str(self.manifest["files"][name]["sha256"])

    def verify(self) -> None:
        """Reads every file and compares it with the manifest.

        Raises:
            CacheError: files that are missing or differ, all of them named.
        """
        broken = []
        for name, entry in self.manifest["files"].items():
            path = self.folder / name
            if not path.is_file():
                broken.append(f"{name} is missing")
            elif path.stat().st_size != entry["bytes"] or checksum(path) != entry["sha256"]:
                broken.append(f"{name} is not the file that was written")
        if broken:
            raise CacheError(f"cache {self.folder}: {'; '.join(broken)}; build the cache again")

    def _require(self, name: str) -> None:
        if name in self.manifest["files"]:
            return
        kind, *middle, file = name.split("/")
        split = file.removesuffix(".parquet")
        if split not in self.splits:
            raise CacheError(f"cache {self.folder}: no split {split!r}; it has {', '.join(self.splits)}")
        if kind == "hits":
            known = ", ".join(self.sources) or "none"
            raise CacheError(f"cache {self.folder}: no source {middle[0]!r}; it has {known}")
        raise CacheError(f"cache {self.folder}: no {kind} for the split {split!r}")

    def _read(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        self._require(name)
        try:
            return pq.read_table(self.folder / name, columns=columns)
        except (OSError, pa.ArrowException) as error:
            raise CacheError(f"cache {self.folder}: {name} cannot be read: {error}") from error


def open_cache(folder: Path | str, *, verify: bool = False) -> RetrievalCache:
    """Gives the cache in `folder`.

    Args:
        folder: the cache's folder.
        verify: read every file and compare checksums; without it only the manifest is read.

    Raises:
        CacheError: there is no manifest, it is not one of a retrieval cache of this format, or (with
            `verify`) a file is missing or differs.
    """
    folder = Path(folder)
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CacheError(
            f"{path}: not found, so {folder} holds no finished cache; run pipelines.build_retrieval_cache"
        ) from None
    except ValueError as error:
        raise CacheError(f"{path}: not JSON: {error}") from error
    if not isinstance(manifest, dict) or not manifest.keys() >= _MANIFEST_KEYS:
        raise CacheError(f"{path}: not the manifest of a retrieval cache")
    if manifest["format"] != FORMAT:
        raise CacheError(f"{path}: format {manifest['format']!r}, this version reads {FORMAT}")
    cache = RetrievalCache(folder, manifest)
    if verify:
        cache.verify()
    return cache


_MANIFEST_KEYS = {"format", "dataset", "task", "snapshots", "encoder", "options"} | {
    "splits",
    "sources",
    "features",
    "drops",
    "files",
}


def _rows(given: Iterable[Example] | Iterable[Hit] | Rows) -> pa.Table | Iterator[Mapping[str, Any]]:
    if isinstance(given, pa.Table):
        return given
    return (row.as_row() if isinstance(row, (Example, Hit)) else row for row in given)


def _example(row: Mapping[str, Any]) -> Example:
    pair: Callable[[Any], tuple[int, int] | None] = lambda span: None if span is None else (span[0], span[1])  # noqa: E731
    return Example(
        example_id=row["example_id"],
        tokens=tuple(row["tokens"]),
        labels=None if row["labels"] is None else tuple(row["labels"]),
        relation=row["relation"],
        subject=pair(row["subject"]),
        object=pair(row["object"]),
        image=row["image"],
    )
