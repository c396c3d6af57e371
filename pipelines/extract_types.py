"""Makes a table of what Wikidata's items are from a dump of Wikidata, read as a stream.

    python -m pipelines.extract_types --dump wikidata-20250101-all.json.gz --wiki enwiki --output types.parquet
    python -m pipelines.build_entities --kc kc --types types.parquet

docs/entities.md says what it takes.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console

from kc_schema.command import Command, options
from kc_schema.store import explain_file_errors, replacing
from pipelines.engine import Progress
from pipelines.entities.wikidata import read_instances

TYPES = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False, metadata={"description": "the item, such as Q42"}),
        pa.field(
            "types",
            pa.list_(pa.string()),
            nullable=False,
            metadata={"description": "the classes that it is an instance of (P31), such as Q5"},
        ),
    ]
)
_ROWS_AT_A_TIME = 1 << 16


@options
@dataclass(frozen=True, kw_only=True)
class TypesOptions:
    """Options of ``pipelines.extract_types``."""

    dump: Path
    """A JSON dump of Wikidata: .json, .json.gz or .json.bz2."""
    wiki: str | None = None
    """Only items with a page in this wiki, such as enwiki: much faster."""
    output: Path = Path("types.parquet")
    """The table."""


def run(given: TypesOptions) -> None:
    """Write the table; print what was found."""
    counts: Counter[str] = Counter()
    size = given.dump.stat().st_size if given.dump.is_file() else 0
    console = Console(stderr=True)
    with (
        explain_file_errors(given.output),
        replacing(given.output) as temporary,
        pq.ParquetWriter(temporary, TYPES, compression="zstd") as writer,
        Progress(console, "Types", size, unit="bytes", amounts=False) as progress,
    ):
        rows = read_instances(given.dump, given.wiki, counts, lambda done: progress.advance(done, size=done))
        for some in _batches(rows):
            counts["items with types"] += len(some)
            columns = [
                pa.array([row[place] for row in some], field.type) for place, field in enumerate(TYPES)
            ]
            writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=TYPES))
    print(given.output)
    for name, count in counts.items():
        print(f"{name}: {count:,}", file=sys.stderr)


def _batches(rows: Iterator[tuple[str, list[str]]]) -> Iterator[list[tuple[str, list[str]]]]:
    while some := list(islice(rows, _ROWS_AT_A_TIME)):
        yield some


main = Command(
    module="pipelines.extract_types",
    summary="Make a table of what items are from a dump of Wikidata.",
    options=TypesOptions,
    run=run,
    examples="python -m pipelines.extract_types --dump wikidata-20250101-all.json.gz --wiki enwiki",
)

if __name__ == "__main__":
    sys.exit(main())
