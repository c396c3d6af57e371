"""Reading a retrieval cache; take its names from `kc_schema.retrieval_cache`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kc_schema.cache_tables import HITS, NO_RELATION, OPTIONAL, CacheError
from kc_schema.hit import Hit
from kc_schema.store import as_path, checksum, read_footer, read_parquet

__all__ = ["FORMAT", "MANIFEST", "REPORT", "SPEED", "Example", "RetrievalCache", "open_cache"]

FORMAT = 1
"""Version of the layout; a reader refuses any other."""
MANIFEST = "manifest.json"
REPORT = "report.json"
"""What the evidence is worth, for a person; not in the manifest."""
SPEED = "speed.json"
"""What retrieval took on the machine that built the cache, for the paper's Table 7; not in the manifest."""
_MANIFEST_KEYS = {"format", "dataset", "task", "snapshots", "encoder", "options"} | {
    "splits",
    "sources",
    "features",
    "drops",
    "files",
}


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
        """Return the example as a row of the table `EXAMPLES`."""
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


@dataclass(frozen=True)
class RetrievalCache:
    """A finished cache, open for reading (made by `open_cache`)."""

    folder: Path
    manifest: Mapping[str, Any] = field(repr=False)
    limit: int | None = None
    """Only the first examples of each split are given, with their hits and features; None gives all."""

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
    def no_relation(self) -> str:
        """RE: the relation that stands for none, which F1 leaves out."""
        return str(self.manifest["options"].get("no_relation", NO_RELATION))

    @property
    def unlabelled(self) -> tuple[str, ...]:
        """The splits without gold labels: they are for prediction, and no score of them means anything."""
        return tuple(self.manifest["options"].get("unlabelled", ()))

    @property
    def feature_widths(self) -> dict[str, int]:
        """Vector column -> numbers a vector; empty for a cache without features."""
        return dict(self.manifest["features"])

    def examples(self, split: str) -> list[Example]:
        """Return the examples of a split, in the data set's order."""
        return [_example(row) for row in self._first(self.examples_table(split)).to_pylist()]

    def example_ids(self, split: str) -> list[str]:
        """Return the ids of a split's examples, in order."""
        table = self._first(self._read(f"examples/{split}.parquet", ["example_id"]))
        ids: list[str] = table["example_id"].to_pylist()
        return ids

    def examples_table(self, split: str) -> pa.Table:
        """Return the examples of a split with all their columns."""
        return self._read(f"examples/{split}.parquet")

    def hits(self, source: str, split: str) -> dict[str, list[Hit]]:
        """Return example id -> its hits, best first; an example without hits has an empty list."""
        found: dict[str, list[Hit]] = {example_id: [] for example_id in self.example_ids(split)}
        table = self._read(f"hits/{source}/{split}.parquet")
        known = [name for name in table.column_names if name in HITS.names or name in OPTIONAL]
        for row in table.select(known).to_pylist():
            for name in ("box", "types"):
                if row.get(name) is not None:
                    row[name] = tuple(row[name])
            own = found.get(row.pop("example_id"))
            if own is not None:  # else it lies behind the limit
                own.append(Hit(**row))
        return found

    def has_types(self, source: str, split: str) -> bool:
        """Tell whether the hits of a source say of what types their articles are.

        Raises:
            CacheError: the cache has no such source or split, or it cannot be read.
        """
        name = f"hits/{source}/{split}.parquet"
        self._require(name)
        try:
            return "types" in read_footer(self.folder / name).schema.to_arrow_schema().names
        except (OSError, pa.ArrowException) as error:
            raise CacheError(f"cache {self.folder}: {name} cannot be read: {error}") from error

    def hits_table(self, source: str, split: str) -> pa.Table:
        """Return the hits of a source with all their columns."""
        return self._read(f"hits/{source}/{split}.parquet")

    def features_table(self, split: str) -> pa.Table:
        """Return the features of a split with all their columns, rows in the order of the examples.

        Vectors are `pyarrow.FixedSizeListType` of float16.
        """
        table = self._read(f"features/{split}.parquet")
        for name, width in self.feature_widths.items():
            if name in table.column_names:
                place = table.column_names.index(name)
                try:
                    fixed = table.column(name).cast(pa.list_(pa.float16(), width))
                except pa.ArrowInvalid as error:
                    raise self._other_width(name) from error
                table = table.set_column(place, name, fixed)
        return table

    def vectors(self, split: str, column: str, *, raw: bool = False) -> npt.NDArray[np.float32]:
        """Return the vectors of a column as float32 [examples, width]; a missing vector is all zeros.

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
        table = self._first(self._read(f"features/{split}.parquet", [column, norm_column]))
        vectors = np.zeros((table.num_rows, self.feature_widths[column]), dtype=np.float32)
        values = table.column(column).combine_chunks()
        present = np.asarray(values.is_valid())
        if present.any():
            flat = values.drop_null().flatten().to_numpy(zero_copy_only=False)
            if len(flat) != present.sum() * vectors.shape[1]:
                raise self._other_width(column)
            vectors[present] = flat.astype(np.float32).reshape(-1, vectors.shape[1])
        if raw:
            norms = table.column(norm_column).fill_null(0.0).to_numpy()
            vectors *= norms.astype(np.float32)[:, None]
        return vectors

    def checksum(self, name: str) -> str:
        """Return the sha256 that the manifest notes for a file, as ``examples/train.parquet``.

        Raises:
            CacheError: the cache has no such file; what it has is named.
        """
        self._require(name)
        return str(self.manifest["files"][name]["sha256"])

    def content_checksum(self, name: str) -> str:
        """Return a checksum of a file's rows, which stays the same where only the cache's settings differ.

        Raises:
            CacheError: the cache has no such file, or it cannot be read.
        """
        table = self._read(name).replace_schema_metadata(None).combine_chunks()
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
        return hashlib.sha256(sink.getvalue()).hexdigest()

    def verify(self) -> None:
        """Read every file and compare it with the manifest.

        Raises:
            CacheError: files that are missing or differ, all of them named; vectors of another width.
        """
        broken = []
        for name, entry in self.manifest["files"].items():
            path = self.folder / name
            if not path.is_file():
                broken.append(f"{name} is missing")
            elif path.stat().st_size != entry["bytes"] or checksum(path) != entry["sha256"]:
                broken.append(f"{name} is not the file that was written")
            elif name.startswith("features/"):
                self.features_table(Path(name).stem)
        if broken:
            raise CacheError(f"cache {self.folder}: {'; '.join(broken)}; build the cache again")

    def _other_width(self, column: str) -> CacheError:
        return CacheError(
            f"{self.folder / MANIFEST}: {column} has not {self.feature_widths[column]} numbers in its file;"
            " build the cache again"
        )

    def _first(self, table: pa.Table) -> pa.Table:
        return table if self.limit is None else table.slice(0, self.limit)

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
            return read_parquet(self.folder / name, columns=columns)
        except (OSError, pa.ArrowException) as error:
            raise CacheError(f"cache {self.folder}: {name} cannot be read: {error}") from error


def open_cache(folder: Path | str, *, verify: bool = False) -> RetrievalCache:
    """Return the cache in `folder`.

    Args:
        folder: the cache's folder.
        verify: read every file and compare checksums; without it only the manifest is read.

    Raises:
        CacheError: there is no manifest, it is not one of a retrieval cache of this format, or (with
            `verify`) a file is missing or differs.
    """
    folder = as_path(folder)
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CacheError(
            f"{path}: not found, so {folder} holds no finished cache; run pipelines.build_retrieval_cache"
        ) from None
    except ValueError as error:
        raise CacheError(f"{path}: not JSON: {error}; build the cache again") from error
    if not isinstance(manifest, dict) or not manifest.keys() >= _MANIFEST_KEYS:
        raise CacheError(
            f"{path}: not the manifest of a retrieval cache; give a folder that"
            " pipelines.build_retrieval_cache wrote, or build the cache again"
        )
    if manifest["format"] != FORMAT:
        raise CacheError(f"{path}: format {manifest['format']!r}, this version reads {FORMAT}")
    cache = RetrievalCache(folder, manifest)
    _check_files(cache, path)
    if verify:
        cache.verify()
    return cache


def _check_files(cache: RetrievalCache, path: Path) -> None:
    """Every split must have its files, and as many examples as the manifest says."""
    files = cache.manifest["files"]
    for split, count in cache.manifest["splits"].items():
        wanted = [
            f"examples/{split}.parquet",
            *(f"hits/{source}/{split}.parquet" for source in cache.sources),
        ]
        wanted += [f"features/{split}.parquet"] if cache.feature_widths else []
        lacking = [name for name in wanted if name not in files]
        if lacking:
            raise CacheError(f"{path}: {lacking[0]} is not listed; build the cache again")
        if files[wanted[0]].get("rows") != count:
            raise CacheError(
                f"{path}: {count} examples of {split}, and {files[wanted[0]].get('rows')} in its file;"
                " build the cache again"
            )


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
