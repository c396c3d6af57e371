"""What two snapshots of a corpus differ in, as an index holds them: the documents to delete, and those to send."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kc_schema.snapshot import Part, Snapshot
from kc_schema.store import list_row_groups, open_parquet, read_parquet
from kc_schema.tables import TEXT_TABLES
from kc_schema.wikidata_ids import WikidataIds, knows_wikidata_ids
from pipelines.text_index.bulk import Record, records
from pipelines.text_index.indexed_rows import LeftOut

__all__ = ["ChangedRange", "changed_ranges", "changed_records", "count_changed_pages", "rows_between"]

_KEYS = {"paragraphs": "paragraph_id", "sentences": "sentence_id"}
_INDEXED = {"paragraphs": ["title", "section", "text"], "sentences": ["text"]}
_LAST = (1 << 63) - 1

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ChangedRange:
    """The ids of a table with ``first <= id < end``, in which two snapshots differ."""

    first: int
    end: int
    newer: tuple[Part, ...]
    older: tuple[Part, ...]
    """The parts of both snapshots that hold rows of the range."""


def count_changed_pages(older: Snapshot, newer: Snapshot) -> int:
    """Return how many pages are new, gone, or have another revision or title."""
    before, after = _different(older, newer, "pages", ())
    one, other = set(_pages(older, before)), set(_pages(newer, after))
    return len({page_id for page_id, *_ in one ^ other})


def _pages(snapshot: Snapshot, parts: Sequence[Part]) -> Iterator[tuple[int, str, int, str]]:
    for part in parts:
        rows = read_parquet(snapshot.folder / part.file, columns=["page_id", "title", "revision_id", "sha1"])
        yield from zip(*(column.to_pylist() for column in rows.columns), strict=True)


def _different(
    older: Snapshot, newer: Snapshot, table: str, deciding: Sequence[str]
) -> tuple[list[Part], list[Part]]:
    """Return the parts of a table that only one of the snapshots has.

    Args:
        deciding: the tables whose parts of the same number decide what of the part is indexed.
    """

    def known(snapshot: Snapshot) -> dict[tuple[str, ...], Part]:
        tables = snapshot.manifest.tables
        others = [{Path(part.file).name: part.sha256 for part in tables.get(name, [])} for name in deciding]
        return {
            (part.sha256, *(checksums.get(Path(part.file).name, "") for checksums in others)): part
            for part in tables[table]
        }

    one, other = known(older), known(newer)
    return [one[key] for key in one if key not in other], [other[key] for key in other if key not in one]


def changed_ranges(
    older: Snapshot, newer: Snapshot, table: str, *, rows_alone: bool = False
) -> list[ChangedRange]:
    """Return the ranges of ids in which the rows of a table may differ: those of parts that are not the same.

    Args:
        rows_alone: whether parts with the same rows are the same also where an index holds other things of them.
    """
    identified = knows_wikidata_ids(older) or knows_wikidata_ids(newer)
    deciding = ("paragraphs", "repeats") if table == "sentences" else ("pages",) if identified else ()
    if rows_alone:
        deciding = ()
    one, other = _different(older, newer, table, deciding)
    before = [(part, *_bounds(older.folder / part.file, table)) for part in one if part.rows]
    after = [(part, *_bounds(newer.folder / part.file, table)) for part in other if part.rows]
    # A range begins with each newer part; what only the older snapshot has lies in the one before, or in the first.
    cuts = [0, *(first for _, first, _ in after[1:]), _LAST]
    ranges = []
    for place, (first, end) in enumerate(pairwise(cuts)):
        inside = tuple(part for part, least, greatest in before if least < end and greatest >= first)
        newest = tuple(part for part, _, _ in after[place : place + 1])
        if inside or newest:
            ranges.append(ChangedRange(first, end, newest, inside))
    return ranges


def _bounds(path: Path, table: str) -> tuple[int, int]:
    """Return the first and the last id of a part."""
    groups = list_row_groups([path], _KEYS[table])
    return groups["first_id"][0].as_py(), groups["last_id"][-1].as_py()


def rows_between(
    table: str,
    files: Sequence[str],
    left_out: LeftOut,
    first: int,
    end: int,
    wikidata_ids: WikidataIds | None = None,
) -> pa.Table:
    """Return the rows of parts, which ascend, with ``first <= id < end``, as far as an index holds them.

    Args:
        table: ``paragraphs`` or ``sentences``.
        files: the parts.
        left_out: what tells which of their rows an index does not hold.
        first, end: ids of the table.
        wikidata_ids: of paragraphs, where they carry those of their pages.
    """
    columns = list(dict.fromkeys([_KEYS[table], "paragraph_id", *_INDEXED[table]]))
    schema = pa.schema([TEXT_TABLES[table].field(name) for name in columns])

    def inside() -> Iterator[pa.RecordBatch]:
        for path in files:
            with open_parquet(path) as file:
                for batch in file.iter_batches(batch_size=1 << 14, columns=columns):
                    yield batch.slice(*_inside(batch[_KEYS[table]].to_numpy(), first, end))

    batches = [
        pa.RecordBatch.from_arrays(batch.columns, schema=schema) for batch in left_out.filter(inside())
    ]
    if wikidata_ids is not None and table == "paragraphs":
        schema = pa.schema([*schema, pa.field("wikidata_id", pa.string())])
        batches = [wikidata_ids.beside(batch).cast(schema) for batch in batches]
    return pa.Table.from_batches(batches, schema)


def _inside(ids: Ids, first: int, end: int) -> tuple[int, int]:
    start = int(np.searchsorted(ids, first))
    return start, int(np.searchsorted(ids, end)) - start


def changed_records(table: str, older: pa.Table, newer: pa.Table) -> Iterator[Record]:
    """Yield what must be sent to an index of the `older` rows to make it one of the `newer` ones."""
    before: Ids = older[_KEYS[table]].to_numpy()
    after: Ids = newer[_KEYS[table]].to_numpy()
    for record_id in np.setdiff1d(before, after, assume_unique=True).tolist():
        yield Record(record_id, None)
    same = np.isin(after, before, assume_unique=True)
    old = older.take(pa.array(np.searchsorted(before, after[same])))
    new = newer.filter(pa.array(same))
    equal = np.ones(len(new), bool)
    for name in (name for name in (*_INDEXED[table], "wikidata_id") if name in new.schema.names):
        equal &= pc.equal(new[name], old[name]).to_numpy()
    same[same] = equal
    for batch in newer.filter(pa.array(~same)).to_batches():
        yield from records(table, batch)
