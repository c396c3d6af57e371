"""Which pages of a range each work unit gives, and their rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from kc_schema.store import open_parquet, read_parquet
from kc_schema.tables import APPARATUS
from pipelines.text_corpus.build import Build
from pipelines.text_corpus.extract import unit_folder
from pipelines.text_corpus.part_files import UNIT_TABLES
from pipelines.text_corpus.reuse import (
    UNIT_COLUMNS,
    UNIT_KEPT,
    OlderSnapshot,
    is_among,
    open_older,
    page_ids_of,
    page_of,
)
from pipelines.text_corpus.statistics import Statistics

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
    """The pages of a range: of those that stand in the dump more than once the newest."""

    extracted: dict[int, Ids] = field(default_factory=dict)
    """By work unit, ascending."""
    reused: Ids = field(default_factory=lambda: np.empty(0, np.int64))
    """Those whose rows are in an older snapshot, ascending."""
    lost: Statistics = field(default_factory=Statistics)
    """Those that were left out."""
    counted: Counter[str] = field(default_factory=Counter)
    """What work units have counted of these, as far as no table's rows say it."""


def claim_pages(build: Build, units: Sequence[int], first: int, end: int) -> Claims:
    """Return which of the pages with ``first <= page_id < end`` each work unit gives.

    Of a page that several have the newest revision counts, of the same one that of the earliest unit.
    """
    claims = Claims()
    found = [_pages(build, unit, first, end) for unit in units]
    given = _newest_of(found)
    reused_ids = []
    for unit, pages, chosen in zip(units, found, given, strict=True):
        if not chosen.all():
            again, reused = pages.ids[~chosen], pages.reused[~chosen]
            doubles = _Doubles(build, unit, np.sort(again[~reused]), np.sort(again[reused]))
            claims.counted += doubles.count()
            for title in doubles.titles():
                claims.lost.drop("pages", "page seen before", example=title)
        if (extracted := pages.ids[chosen & ~pages.reused]).size:
            claims.extracted[unit] = np.sort(extracted)
        reused_ids.append(pages.ids[chosen & pages.reused])
    claims.reused = np.sort(np.concatenate([claims.reused, *reused_ids]))
    return claims


def _newest_of(found: Sequence[_UnitPages]) -> list[npt.NDArray[np.bool_]]:
    """Return, for each unit, which of its pages no other has in a newer revision, or in the same one before it."""
    if len(found) < 2:
        return [np.ones(len(pages.ids), bool) for pages in found]
    ids = np.concatenate([pages.ids for pages in found])
    revisions = np.concatenate([pages.revisions for pages in found])
    # Behind one another for each page: the newest revision first, that of the earliest unit first.
    order = np.lexsort((np.arange(len(ids)), -revisions, ids))
    newest = np.ones(len(ids), bool)
    newest[order[1:]] = ids[order[1:]] != ids[order[:-1]]
    return np.split(newest, np.cumsum([len(pages.ids) for pages in found])[:-1])


def page_ids(build: Build, unit: int) -> Ids:
    """Return the ids of a work unit's pages, in their order."""
    return _pages(build, unit).ids


def extracted_rows(build: Build, unit: int, table: str, page_ids: Ids) -> pa.Table:
    """Return a work unit's rows of some pages, which ascend."""
    path = unit_folder(build, unit) / f"{table}.parquet"
    if not path.exists():
        return UNIT_TABLES[table].empty_table()
    with open_parquet(path) as file:
        rows = file.read_row_groups(_groups(file, page_ids), use_threads=False)
    inside = is_among(page_ids, page_ids_of(rows))
    rows = pa.table(rows.columns, schema=UNIT_TABLES[table])
    return rows if inside.all() else rows.filter(pa.array(inside))


def kept_rows(build: Build, unit: int, page_ids: Ids) -> pa.Table:
    """Return what a work unit has kept of some pages, which ascend."""
    rows = read_parquet(unit_folder(build, unit) / "kept.parquet").select(UNIT_KEPT.names[:UNIT_COLUMNS])
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


class _UnitPages(NamedTuple):
    """The pages of a work unit in their order."""

    ids: Ids
    revisions: Ids
    reused: npt.NDArray[np.bool_]
    """Which of them have their rows in an older snapshot."""


def _pages(build: Build, unit: int, first: int = 0, end: int | None = None) -> _UnitPages:
    """Return a work unit's pages, or those with ``first <= page_id < end``."""
    columns = ["page_id", "revision_id", *(["reused"] if build.keep else [])]
    name = "kept" if build.keep else "pages"
    rows = read_parquet(unit_folder(build, unit) / f"{name}.parquet", columns=columns)
    ids, revisions = rows["page_id"].to_numpy(), rows["revision_id"].to_numpy()
    reused = rows["reused"].to_numpy() if build.keep else np.zeros(len(ids), bool)
    inside = (ids >= first) if end is None else (ids >= first) & (ids < end)
    return _UnitPages(ids[inside], revisions[inside], reused[inside])


@dataclass(frozen=True)
class _Doubles:
    """The pages of a work unit that are left out, because another has them, too."""

    build: Build
    unit: int
    extracted: Ids
    reused: Ids

    def titles(self) -> list[str]:
        """Return their titles."""
        titles: list[str] = self._rows("pages", ["title"])["title"].to_pylist()
        return titles

    def count(self) -> Counter[str]:
        """Return what the unit has counted of them, as far as no table's rows say it."""
        counts: Counter[str] = Counter()
        if self.build.page_props is None:  # else they are counted where the table of pages is written
            marks = self._rows("pages", ["disambiguation"])["disambiguation"]
            counts["disambiguations"] = pc.sum(marks).as_py() or 0
        kinds = self._rows("paragraphs", ["paragraph_id", "kind"])
        paragraphs = kinds.filter(pc.equal(kinds["kind"], APPARATUS))["paragraph_id"].combine_chunks()
        parents = self._rows("sentences", ["paragraph_id"])["paragraph_id"]
        counts["apparatus paragraphs"] = len(paragraphs)
        counts["apparatus sentences"] = pc.sum(pc.is_in(parents, paragraphs)).as_py() or 0
        return +counts

    def _rows(self, table: str, columns: list[str]) -> pa.Table:
        pieces = [extracted_rows(self.build, self.unit, table, self.extracted).select(columns)]
        if len(self.reused):
            pieces.append(_older(self.build).rows(table, self.reused).select(columns))
        return pa.concat_tables([pa.table(piece.columns, names=columns) for piece in pieces])


def _older(build: Build) -> OlderSnapshot:
    assert build.older is not None
    return open_older(build.older, build.site.date.isoformat() if build.site.date else "")


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
