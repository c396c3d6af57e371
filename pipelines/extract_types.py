"""Makes a table of what Wikidata's items are from a dump of Wikidata, read as a stream.

    python -m pipelines.extract_types --dump wikidata-20250101-all.json.gz --wiki enwiki --output types.parquet
    python -m pipelines.build_entities --kc kc --types types.parquet

docs/entities.md says what it takes.
"""

from __future__ import annotations

import sqlite3
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console

from kc_schema.command import Command, options
from kc_schema.store import explain_file_errors, replacing
from pipelines.engine import Progress
from pipelines.entities.wikidata import ClassNames, read_instances

TYPES = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False, metadata={"description": "the item, such as Q42"}),
        pa.field(
            "types",
            pa.list_(pa.string()),
            nullable=False,
            metadata={
                "description": "the classes that it is an instance of (P31), such as Q5, or their names"
            },
        ),
    ]
)
_ROWS_AT_A_TIME = 1 << 16

Row = tuple[str, list[str]]
"""An item and its types."""


@options
@dataclass(frozen=True, kw_only=True)
class TypesOptions:
    """Options of ``pipelines.extract_types``."""

    dump: Path
    """A JSON dump of Wikidata: .json, .json.gz or .json.bz2."""
    wiki: str | None = None
    """Only items with a page in this wiki, such as enwiki: much faster."""
    names: str | None = None
    """Code of a language, such as en: write the names of classes (human) in place of their ids (Q5)."""
    output: Path = Path("types.parquet")
    """The table."""


def run(given: TypesOptions) -> None:
    """Write the table; print what was found."""
    counts: Counter[str] = Counter()
    with explain_file_errors(given.output):
        given.output.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".types-", dir=given.output.parent) as folder:
            found = _make_table(given, Path(folder), counts)
            with replacing(given.output) as temporary:
                found.replace(temporary)
    print(given.output)
    for name, count in counts.items():
        print(f"{name}: {count:,}", file=sys.stderr)


def _make_table(given: TypesOptions, folder: Path, counts: Counter[str]) -> Path:
    """Write the table in a folder of its own; return its path."""
    found, named = folder / "types.parquet", folder / "named.parquet"
    with _NameTable(folder / "names.sqlite") as table:
        if given.names is None:
            _write(found, _read(given, counts, None))
            return found
        _write(found, _read(given, counts, ClassNames(given.names, table.keep)))
        _write(named, table.named(found, counts))
    return named


def _read(given: TypesOptions, counts: Counter[str], names: ClassNames | None) -> Iterator[Row]:
    size = given.dump.stat().st_size if given.dump.is_file() else 0
    with Progress(Console(stderr=True), "Types", size, unit="bytes", amounts=False) as progress:
        for row in read_instances(
            given.dump, given.wiki, counts, lambda done: progress.advance(done, size=done), names
        ):
            counts["items with types"] += 1
            yield row


def _write(path: Path, rows: Iterator[Row]) -> None:
    with pq.ParquetWriter(path, TYPES, compression="zstd") as writer:
        for some in _batches(rows):
            columns = [
                pa.array([row[place] for row in some], field.type) for place, field in enumerate(TYPES)
            ]
            writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=TYPES))


class _NameTable:
    """The names of classes, of which there are millions: on the disk until all items are read."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)

    def __enter__(self) -> _NameTable:
        self._connection.execute("PRAGMA journal_mode = OFF")
        self._connection.execute("PRAGMA synchronous = OFF")
        self._connection.execute(
            "CREATE TABLE names (item TEXT PRIMARY KEY, name TEXT NOT NULL) WITHOUT ROWID"
        )
        self._connection.execute("BEGIN")
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def keep(self, item: str, name: str) -> None:
        """Keep the name of a class; of one that comes twice the first."""
        self._connection.execute("INSERT OR IGNORE INTO names VALUES (?, ?)", (item, name))

    def named(self, path: Path, counts: Counter[str]) -> Iterator[Row]:
        """Yield the rows of a table of types with names for ids, each once an item; count ids without a name."""
        known: dict[str, str] = {}
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches():
                for item, types in zip(batch["id"].to_pylist(), batch["types"].to_pylist(), strict=True):
                    for kind in types:
                        if kind not in known:
                            known[kind] = self._name_of(kind)
                            counts["types without a name, left as ids"] += known[kind] == kind
                    yield item, list(dict.fromkeys(known[kind] for kind in types))

    def _name_of(self, kind: str) -> str:
        row = self._connection.execute("SELECT name FROM names WHERE item = ?", (kind,)).fetchone()
        return kind if row is None else str(row[0])


def _batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while some := list(islice(rows, _ROWS_AT_A_TIME)):
        yield some


main = Command(
    module="pipelines.extract_types",
    summary="Make a table of what items are from a dump of Wikidata.",
    options=TypesOptions,
    run=run,
    examples="""
python -m pipelines.extract_types --dump wikidata-20250101-all.json.gz --wiki enwiki
python -m pipelines.extract_types --dump wikidata-20250101-all.json.gz --wiki enwiki --names en
""",
)

if __name__ == "__main__":
    sys.exit(main())
