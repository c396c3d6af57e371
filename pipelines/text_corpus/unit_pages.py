"""Which pages of a range each work unit gives, and their rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.text_corpus.build import Build
from pipelines.text_corpus.extract import unit_folder
from pipelines.text_corpus.part_files import UNIT_TABLES
from pipelines.text_corpus.reuse import UNIT_COLUMNS, UNIT_KEPT, is_among, open_older, page_ids_of, page_of

__all__ = [
    "Claims",
    "Ids",
    "claim_pages",
    "extracted_rows",
    "ids_between",
    "in_order",
    "kept_rows",
    "page_ids",
]

Ids = npt.NDArray[np.int64]


@dataclass
class Claims:
    """The pages of a range: of those that stand in the dump more than once the first."""

    extracted: dict[int, Ids] = field(default_factory=dict)
    """By work unit, ascending."""
    reused: Ids = field(default_factory=lambda: np.empty(0, np.int64))
    """Those whose rows are in an older snapshot, ascending."""
    doubles: int = 0
    disambiguations: int = 0
    """How many were left out, and how many of these are disambiguations."""


def claim_pages(build: Build, units: Sequence[int], first: int, end: int) -> Claims:
    """Return which of the pages with ``first <= page_id < end`` each work unit gives; an earlier unit goes first."""
    claims = Claims()
    seen = np.empty(0, np.int64)
    for unit in units:
        ids, reused, marked = _pages(build, unit)
        inside = (ids >= first) & (ids < end)
        again = inside & np.isin(ids, seen)
        if again.any():
            claims.doubles += int(again.sum())
            claims.disambiguations += int(np.isin(marked, ids[again]).sum())
            claims.disambiguations += _older_disambiguations(build, ids[again & reused])
        fresh = inside & ~again
        if (chosen := ids[fresh & ~reused]).size:
            claims.extracted[unit] = np.sort(chosen)
        claims.reused = np.concatenate([claims.reused, ids[fresh & reused]])
        seen = np.concatenate([seen, ids[fresh]])
    claims.reused.sort()
    return claims


def page_ids(build: Build, unit: int) -> Ids:
    """Return the ids of a work unit's pages, in their order."""
    return _pages(build, unit)[0]


def extracted_rows(build: Build, unit: int, table: str, page_ids: Ids) -> pa.Table:
    """Return a work unit's rows of some pages, which ascend."""
    path = unit_folder(build, unit) / f"{table}.parquet"
    if not path.exists():
        return UNIT_TABLES[table].empty_table()
    with pq.ParquetFile(path) as file:
        rows = file.read_row_groups(_groups(file, page_ids), use_threads=False)
    inside = is_among(page_ids, page_ids_of(rows))
    rows = pa.table(rows.columns, schema=UNIT_TABLES[table])
    return rows if inside.all() else rows.filter(pa.array(inside))


def kept_rows(build: Build, unit: int, page_ids: Ids) -> pa.Table:
    """Return what a work unit has kept of some pages, which ascend."""
    rows = pq.read_table(unit_folder(build, unit) / "kept.parquet").select(UNIT_KEPT.names[:UNIT_COLUMNS])
    return rows.filter(pa.array(is_among(page_ids, rows["page_id"].to_numpy())))


def ids_between(ids: Ids, first: int, end: int) -> Ids:
    """Return those of ascending ids with ``first <= id < end``."""
    return ids[np.searchsorted(ids, first) : np.searchsorted(ids, end)]


def in_order(pieces: Sequence[pa.Table], schema: pa.Schema) -> pa.Table:
    """Return the rows of pieces in the order of their pages; rows of one page stay as they are."""
    filled = [pa.table(piece.columns, schema=schema) for piece in pieces if len(piece)]
    rows = pa.concat_tables(filled) if filled else schema.empty_table()
    ids = page_ids_of(rows)
    if np.any(ids[1:] < ids[:-1]):
        rows = rows.combine_chunks().take(pa.array(np.argsort(ids, kind="stable")))
    return rows


def _pages(build: Build, unit: int) -> tuple[Ids, npt.NDArray[np.bool_], Ids]:
    """Return a work unit's pages in their order, which of them are reused, and its extracted disambiguations."""
    folder = unit_folder(build, unit)
    marked: Ids = np.empty(0, np.int64)
    ids = marked
    if (folder / "pages.parquet").exists():
        pages = pq.read_table(folder / "pages.parquet", columns=["page_id", "disambiguation"])
        ids = pages["page_id"].to_numpy()
        marked = ids[pages["disambiguation"].to_numpy()]
    if not build.keep:
        return ids, np.zeros(len(ids), bool), marked
    kept = pq.read_table(folder / "kept.parquet", columns=["page_id", "reused"])
    return kept["page_id"].to_numpy(), kept["reused"].to_numpy(), marked


def _older_disambiguations(build: Build, ids: Ids) -> int:
    """Return how many pages of the older snapshot are disambiguations."""
    if not len(ids):
        return 0
    assert build.older is not None
    date = build.site.date.isoformat() if build.site.date else ""
    pages = open_older(build.older, date).rows("pages", np.sort(ids))
    return int(pages["disambiguation"].to_numpy().sum())


def _groups(file: pq.ParquetFile, page_ids: Ids) -> list[int]:
    """Return the row groups that may hold one of the pages, by the statistics of their ids."""
    key = file.schema_arrow.names[0]
    found = []
    for number in range(file.num_row_groups):
        statistics = file.metadata.row_group(number).column(0).statistics
        first, last = (page_of(key, value) for value in (statistics.min, statistics.max))
        if np.searchsorted(page_ids, first) < np.searchsorted(page_ids, last, "right"):
            found.append(number)
    return found
