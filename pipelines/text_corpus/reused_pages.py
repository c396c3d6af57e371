"""The pages of a range whose rows an older snapshot has: which stand as they are, and what is kept of all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from kc_schema.store import Part
from kc_schema.tables import TEXT_TABLES
from pipelines.text_corpus.anchor_traces import AnchorTrace, complete_kept, restore_anchors
from pipelines.text_corpus.build import Build
from pipelines.text_corpus.changed_redirects import changed_titles_path, touched
from pipelines.text_corpus.part_files import TAGGED_COLUMNS
from pipelines.text_corpus.reuse import KEPT, UNIT_COLUMNS, OlderSnapshot, is_among, open_older, page_ids_of

__all__ = ["ReusedPages", "write_kept"]

ROWS_PER_GROUP = 4096
_ROWS_AT_ONCE = 4096

Ids = npt.NDArray[np.int64]


class ReusedPages:
    """The rows of reused pages; and, for the next refresh, what is kept of all pages of the range."""

    def __init__(self, page_ids: Ids, build: Build) -> None:
        """Find the pages that a changed redirect touches.

        Args:
            page_ids: of the reused pages, ascending.
            build: the build that they belong to.
        """
        self.traces = {"pages": AnchorTrace(), "paragraphs": AnchorTrace()}
        """What is kept of anchors that are resolved, by table."""
        self._older: OlderSnapshot | None = None
        self._standing = KEPT.empty_table()
        self._touched = KEPT.empty_table()
        if build.older is not None:
            date = build.site.date.isoformat() if build.site.date else ""
            self._older = open_older(build.older, date)
            kept = self._older.kept(page_ids)
            hit = touched(kept, np.load(changed_titles_path(build)))
            self._standing, self._touched = kept.filter(pa.array(~hit)), kept.filter(pa.array(hit))
        self._standing_ids: Ids = self._standing["page_id"].to_numpy()

    def whole_part(self, page_ids: Ids) -> str | None:
        """Return the name of the older snapshot's parts that hold the rows of just these pages, as they stand."""
        if self._older is None or not len(page_ids) or not is_among(self._standing_ids, page_ids).all():
            return None
        return self._older.whole_part(page_ids)

    def parts(self, name: str) -> dict[str, Part]:
        """Return the older snapshot's parts of one name, by their folders."""
        assert self._older is not None
        return self._older.parts(name)

    def rows(self, table: str, page_ids: Ids) -> tuple[pa.Table, Iterator[pa.Table]]:
        """Return the rows of pages that stand as they are, and rows as a work unit gives them of the others."""
        if self._older is None or not len(page_ids):
            return TEXT_TABLES[table].empty_table(), iter(())
        rows = self._older.rows(table, page_ids)
        if table not in TAGGED_COLUMNS or not len(self._touched):
            return rows, iter(())
        standing = is_among(self._standing_ids, page_ids_of(rows))
        again = rows.filter(pa.array(~standing))
        return rows.filter(pa.array(standing)), self._restored(table, again)

    def _restored(self, table: str, rows: pa.Table) -> Iterator[pa.Table]:
        kept: dict[int, dict[str, Any]] = {row["page_id"]: row for row in self._touched.to_pylist()}
        seen: dict[int, int] = {}
        for batch in rows.combine_chunks().to_batches(max_chunksize=_ROWS_AT_ONCE):
            yield pa.Table.from_batches([restore_anchors(batch, table, kept, seen)])

    def counts(self) -> Counter[str]:
        """Return the counts of anchors in rows that stand as they are."""
        resolved = pc.sum(pc.list_value_length(self._standing["text_places"])).as_py() or 0
        return Counter(
            {"anchors": pc.sum(self._standing["anchors"]).as_py() or 0, "anchors resolved": resolved}
        )

    def kept_rows(self, extracted: Sequence[pa.Table]) -> pa.Table:
        """Return what is to be kept of all pages, in their order.

        Args:
            extracted: what work units have kept of the others.
        """
        again = [*extracted, self._touched.select(KEPT.names[:UNIT_COLUMNS])]
        rest = complete_kept(pa.concat_tables(again), self.traces["pages"], self.traces["paragraphs"])
        return pa.concat_tables([self._standing, rest]).sort_by("page_id")


def write_kept(path: Path, rows: pa.Table) -> None:
    """Write what is kept of the pages of a part; the same rows give the same bytes."""
    pq.write_table(
        rows.combine_chunks(),
        path,
        compression="zstd",
        row_group_size=ROWS_PER_GROUP,
        use_dictionary=False,
        write_statistics=["page_id"],
    )
