"""Writing a retrieval cache; take its names from `kc_schema.retrieval_cache`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from kc_schema.cache_reader import FORMAT, MANIFEST, REPORT, SPEED, Example, RetrievalCache, open_cache
from kc_schema.cache_tables import (
    CacheError,
    HitsByExample,
    check_examples,
    check_features,
    check_hits,
    table_of_examples,
    table_of_features,
    table_of_hits,
)
from kc_schema.store import (
    Part,
    Place,
    as_path,
    describe_part,
    read_footer,
    read_parquet,
    write_atomically,
    write_text,
)

__all__ = ["CacheWriter", "cache_place", "extend_cache"]

_ROW_GROUP = 16_384
_NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")
_TABLES = ("examples", "hits", "features")

Rows: TypeAlias = "pa.Table | Iterable[Mapping[str, Any]]"
"""What the writer takes: an Arrow table, or rows as mappings from column to value."""


def cache_place(folder: Path) -> Place:
    """Return a cache's folder as a place to write; one process has it at a time."""
    return Place(folder, owns=(*_TABLES, REPORT, SPEED), manifest=MANIFEST)


def _check_name(kind: str, name: str) -> str:
    if not name or name[0] == "." or not _NAME_CHARACTERS.issuperset(name):
        raise CacheError(f"{kind} {name!r}: a name is made of letters, digits, '_', '-' and '.'")
    return name


class CacheWriter:
    """Writes a cache: the examples of every split first, then hits and features in any order, then `commit`.

    Every file is written beside its place and renamed, so that one found in place is whole; the folder is a cache
    once `commit` has run. A file that an earlier, killed run finished with the same settings (`dataset`, `task`,
    `snapshots`, `encoder`, `options`) may be kept: see `has_examples`, `has_hits` and `has_features`.

    Args:
        folder: the cache's folder; made where it is missing.
        dataset: the data set's name, as ``twitter17``.
        task: ``"ner"`` or ``"re"``; every example has this task.
        snapshots: corpus (as ``text``) -> id of the snapshot that was searched; empty for evidence from
            elsewhere.
        encoder: what made the features and image queries (name, sha256 of the weights), or None.
        options: whatever else decides the content (top-k, query fields, thresholds, seed): JSON values.
        overwrite: take back a finished cache that stands there; without, it is left as it is.
        place: the folder as `cache_place` gives it, where the caller has entered it already; the writer enters it
            for itself otherwise, when it begins and when it commits.
        extends: a finished cache in the folder, whose files stay and count as written (`extend_cache`).

    Raises:
        CacheError: a task other than the two, settings that JSON cannot hold, or a finished cache in the folder.
        kc_schema.store.PlaceBusyError: another process writes there now.
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
        overwrite: bool = False,
        place: Place | None = None,
        extends: RetrievalCache | None = None,
    ) -> None:
        if task not in ("ner", "re"):
            raise CacheError(f"task {task!r}: a cache is for 'ner' or for 're'")
        self.folder = as_path(folder)
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
        self._files: dict[str, Part] = {}
        self._example_ids: dict[str, list[str]] = {}
        self._feature_widths: dict[str, int] = {}
        self._drops: dict[str, int] = {}
        self._place = place
        if extends is not None:
            self._take_over(extends)
        elif (self.folder / MANIFEST).exists() and not overwrite:
            raise CacheError(
                f"cache {self.folder}: finished already; overwrite=True writes it again, extend_cache adds a source"
            )
        else:
            with self._entered() as entered:
                entered.manifest.unlink(missing_ok=True)
        self._fixed = frozenset(self._files)

    def _take_over(self, cache: RetrievalCache) -> None:
        """Let all that a finished cache holds count as written."""
        self._files = {name: Part(name, **entry) for name, entry in cache.manifest["files"].items()}
        self._example_ids = {split: cache.example_ids(split) for split in cache.splits}
        self._feature_widths = cache.feature_widths
        self._drops = dict(cache.manifest["drops"])

    def _entered(self) -> AbstractContextManager[Place]:
        return cache_place(self.folder) if self._place is None else nullcontext(self._place)

    @property
    def task(self) -> str:
        """``"ner"`` or ``"re"``."""
        return str(self._settings["task"])

    def write_examples(self, split: str, examples: Iterable[Example] | Rows) -> None:
        """Write the examples of a split, in the order given.

        Raises:
            CacheError: an id that comes twice, no tokens, labels that do not fit the tokens, a span outside
                the tokens, or the other task; the split and the example are named.
        """
        rows = examples if isinstance(examples, pa.Table) else _example_rows(examples)
        table = table_of_examples(rows)
        check_examples(table, self.task, where=f"examples/{_check_name('split', split)}")
        self._write(f"examples/{split}.parquet", table)
        self._example_ids[split] = table.column("example_id").to_pylist()

    def write_hits(
        self, source: str, split: str, hits: HitsByExample | Rows, optional: Iterable[str] = ()
    ) -> None:
        """Write the evidence that `source` found for a split: example id -> hits, or rows.

        Rows need `example_id` and `text`; a missing `rank` counts the example's rows from 0, other missing
        columns are zero, empty, or -1 for `record_id`. Columns beyond the schema's are kept. Rows are stored
        by the order of the examples and by rank; an example may have none.

        Args:
            optional: of hits by example, further fields to store: box, crop, agreement, leak.

        Raises:
            CacheError: an example that the split does not have, a rank that comes twice or lies below 0, or
                a score that is not finite.
        """
        where = f"hits/{_check_name('source', source)}/{split}"
        table = table_of_hits(hits, self._ids(split), where, tuple(optional))
        check_hits(table, where)
        self._write(f"{where}.parquet", table)

    def write_features(self, split: str, features: Rows) -> None:
        """Write the vectors of a split, one row an example.

        Columns that end in ``_vector`` are stored as lists of float16; `text_vector` and
        `image_vector` (None without an image) come always, further ones may follow, each with its raw norm
        in ``NAME_norm``. A vector that comes without its norm is normalised here and its norm noted.

        Raises:
            CacheError: examples missing, unknown or doubled; vectors of different widths, empty, with a
                value that is not finite, or given with a norm but not of length 1.
        """
        where = f"features/{_check_name('split', split)}"
        table = table_of_features(features, self._ids(split), where)
        widths = check_features(table, where)
        for name, width in widths.items():
            if self._feature_widths.setdefault(name, width) != width:
                raise CacheError(
                    f"{where}: {name} has {width} numbers, {self._feature_widths[name]} in another split"
                )
        self._write(f"{where}.parquet", table)

    def has_examples(self, split: str) -> bool:
        """Tell whether a run with the same settings left this file whole; if so it counts as written."""
        path = f"examples/{split}.parquet"
        if not self._keep(path):
            return False
        ids = read_parquet(self.folder / path, columns=["example_id"]).column("example_id")
        self._example_ids[split] = ids.to_pylist()
        return True

    def has_hits(self, source: str, split: str) -> bool:
        """Tell whether a run with the same settings left this file whole; if so it counts as written."""
        return self._keep(f"hits/{source}/{split}.parquet")

    def has_features(self, split: str) -> bool:
        """Tell whether a run with the same settings left this file whole; if so it counts as written."""
        path = f"features/{split}.parquet"
        if not self._keep(path):
            return False
        self._feature_widths.update(check_features(read_parquet(self.folder / path), path))
        return True

    def count_drop(self, reason: str, count: int = 1) -> None:
        """Note in the manifest that `count` things were lost for a named reason (as ``image missing``)."""
        self._drops[reason] = self._drops.get(reason, 0) + count

    def commit(self) -> RetrievalCache:
        """Write the manifest, remove tables that it does not list, and return the finished cache.

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
            "files": {name: _entry(part) for name, part in sorted(self._files.items())},
        }
        text = json.dumps(manifest, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        with self._entered() as place:
            write_text(place.manifest, text)
            place.remove_unlisted([*self._files, REPORT, SPEED])
        return open_cache(self.folder)

    def _ids(self, split: str) -> list[str]:
        if split not in self._example_ids:
            raise CacheError(f"split {split!r}: write its examples before its hits and features")
        return self._example_ids[split]

    def _write(self, name: str, table: pa.Table) -> None:
        if name in self._fixed:
            raise CacheError(f"cache {self.folder}: {name} is already part of the cache")
        path = self.folder / name
        table = table.replace_schema_metadata({b"cache": self._fingerprint})
        write_atomically(
            path,
            lambda place: pq.write_table(table, place, compression="zstd", row_group_size=_ROW_GROUP),
        )
        self._note(name, table.num_rows)

    def _keep(self, name: str) -> bool:
        path = self.folder / name
        try:
            found = read_footer(path).metadata or {}
        except (FileNotFoundError, pa.ArrowInvalid):
            return False
        if found.get(b"cache") != self._fingerprint:
            return False
        self._note(name, read_footer(path).num_rows)
        return True

    def _note(self, name: str, rows: int) -> None:
        self._files[name] = describe_part(self.folder / name, self.folder, rows=rows)


def _entry(part: Part) -> dict[str, Any]:
    entry = asdict(part)
    del entry["file"]
    return entry


def _example_rows(examples: Iterable[Example | Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    return (row.as_row() if isinstance(row, Example) else row for row in examples)


def extend_cache(folder: Path | str) -> CacheWriter:
    """Return a writer that adds sources to a finished cache: captions, tags, a language model's text.

    What the cache holds stays as it is, and stays readable until `CacheWriter.commit` replaces the manifest.

    Raises:
        CacheError: `folder` is not a cache. Writing a file that the cache already holds raises it, too.
    """
    cache = open_cache(folder)
    names = ("dataset", "task", "snapshots", "encoder", "options")
    return CacheWriter(cache.folder, **{name: cache.manifest[name] for name in names}, extends=cache)
