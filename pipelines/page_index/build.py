"""The page index, made from a snapshot's tables in bounded memory: rows into buckets by hash, then bucket by bucket."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from kc_schema.anchors import targets
from kc_schema.snapshot import Snapshot
from kc_schema.store import (
    Part,
    Place,
    Step,
    describe_part,
    fingerprint,
    read_json,
    temporary_folder,
    write_atomically,
)
from pipelines.engine import timed
from pipelines.page_index.layout import (
    FOLDER,
    FORMAT,
    MANIFEST,
    SCHEMAS,
    PageIndexManifest,
    part_path,
    title_id,
)

__all__ = ["build_page_index", "find_page_index"]

ROWS_PER_BUCKET = 1 << 20
"""Rows of a bucket, about: they are sorted in memory."""
_ROWS_AT_ONCE = 1 << 18
_ROW_GROUP = 1 << 13

Tell = Callable[[str], None]


def find_page_index(snapshot: Snapshot, folder: Path) -> PageIndexManifest | None:
    """Return what the index in `folder` holds; None where there is none of this snapshot and version."""
    try:
        manifest = read_json(folder / MANIFEST, PageIndexManifest)
    except (OSError, ValueError):
        return None
    whole = all(
        (folder / part.file).is_file() and (folder / part.file).stat().st_size == part.bytes
        for parts in manifest.parts.values()
        for part in parts
    )
    return manifest if whole and manifest.inputs == _inputs(snapshot) else None


def build_page_index(
    snapshot: Snapshot, folder: Path | None = None, tell: Tell = lambda _: None
) -> PageIndexManifest:
    """Build the page index of a snapshot, unless it is there already; killed at any moment, the same call goes on.

    Args:
        snapshot: the snapshot.
        folder: where the index is to lie; beside the snapshot's tables by default.
        tell: takes a line now and then.

    Raises:
        kc_schema.store.PlaceBusyError: another process builds it.
        kc_schema.errors.UserError: it cannot be written.
    """
    folder = folder or snapshot.folder / FOLDER
    found = find_page_index(snapshot, folder)
    if found is not None:
        return found
    inputs = _inputs(snapshot)
    with (
        Place(folder, owns=tuple(SCHEMAS), what="page index") as place,
        timed(snapshot.folder, "page index", "pages") as time_of,
    ):
        bits = {table: _bits(rows) for table, rows in _expected_rows(snapshot).items()}
        sources = {"titles": _titles, "redirects": _redirects, "links": _links}
        parts = {}
        for table, rows in sources.items():
            step = Step(place.work / f"{table}.json", inputs, list[Part], place.folder)
            parts[table] = step.run(
                lambda table=table, rows=rows: _write_table(  # type: ignore[misc]
                    place, table, bits[table], _told(rows(snapshot), table, tell)
                )
            )
        manifest = PageIndexManifest(inputs, bits, parts)
        time_of.done = snapshot.manifest.rows("pages")
        place.commit(manifest, [part for table in parts.values() for part in table])
        place.remove_work()
    return manifest


def _inputs(snapshot: Snapshot) -> str:
    return fingerprint(FORMAT, snapshot.fingerprint)


def _expected_rows(snapshot: Snapshot) -> dict[str, int]:
    manifest = snapshot.manifest
    return {
        "titles": manifest.rows("pages") + manifest.rows("redirects"),
        "redirects": manifest.rows("redirects"),
        "links": manifest.counts.get("anchors", 4 * manifest.rows("paragraphs")),
    }


def _bits(rows: int) -> int:
    return max(0, (rows // ROWS_PER_BUCKET).bit_length())


def _titles(snapshot: Snapshot) -> Iterator[pa.Table]:
    schema = SCHEMAS["titles"]
    for batch in snapshot.batches("pages", ["page_id", "title"]):
        titles = [title.replace(" ", "_") for title in batch["title"].to_pylist()]
        yield pa.table([_ids(titles), titles, batch["page_id"], [""] * len(titles)], schema=schema)
    for batch in snapshot.batches("redirects"):
        titles = batch["from_title"].to_pylist()
        nowhere = np.full(len(titles), -1)
        yield pa.table([_ids(titles), titles, nowhere, batch["to_title"]], schema=schema)


def _redirects(snapshot: Snapshot) -> Iterator[pa.Table]:
    for batch in snapshot.batches("redirects"):
        yield pa.table(
            [_ids(batch["to_title"].to_pylist()), batch["from_title"]], schema=SCHEMAS["redirects"]
        )


def _links(snapshot: Snapshot) -> Iterator[pa.Table]:
    for batch in snapshot.batches("paragraphs", ["page_id", "text"]):
        ids: list[int] = []
        pages: list[int] = []
        for page, text in zip(batch["page_id"].to_pylist(), batch["text"].to_pylist(), strict=True):
            found = targets(text)
            ids += map(title_id, found)
            pages += [page] * len(found)
        yield pa.table([ids, pages, np.ones(len(ids), np.int64)], schema=SCHEMAS["links"])


def _ids(titles: Iterable[str]) -> pa.Array:
    return pa.array(map(title_id, titles), pa.int64())


def _told(tables: Iterator[pa.Table], what: str, tell: Tell) -> Iterator[pa.Table]:
    """Say every ten million rows how far a table is."""
    rows = 0
    for table in tables:
        before, rows = rows, rows + len(table)
        if before // 10_000_000 != rows // 10_000_000:
            tell(f"page index: {rows:,} rows of {what}")
        yield table


def _write_table(place: Place, table: str, bits: int, rows: Iterator[pa.Table]) -> list[Part]:
    """Write a table's parts; rows wait in one file a part until all are there."""
    with temporary_folder(place.work / table) as waiting:
        return _cut_and_sort(place, table, bits, rows, waiting)


def _cut_and_sort(place: Place, table: str, bits: int, rows: Iterator[pa.Table], waiting: Path) -> list[Part]:
    schema = SCHEMAS[table]
    writers = [
        pq.ParquetWriter(waiting / f"{n}.parquet", schema, compression="zstd") for n in range(1 << bits)
    ]
    try:
        for batch in _collected(rows):
            numbers = batch["title_id"].to_numpy() >> (63 - bits)
            order = np.argsort(numbers, kind="stable")
            ends = np.searchsorted(numbers[order], np.arange(1 << bits), side="right")
            start = 0
            for number, end in enumerate(ends.tolist()):
                if end > start:
                    writers[number].write_table(batch.take(pa.array(order[start:end])))
                start = end
    finally:
        for writer in writers:
            writer.close()
    parts = []
    for number in range(1 << bits):
        path = part_path(place.folder, table, number)
        ordered = _ordered(table, pq.read_table(waiting / f"{number}.parquet", schema=schema))
        write_atomically(
            path,
            lambda temporary, rows=ordered: pq.write_table(  # type: ignore[misc]
                rows, temporary, compression="zstd", row_group_size=_ROW_GROUP
            ),
        )
        parts.append(describe_part(path, place.folder, rows=len(ordered)))
    return parts


def _ordered(table: str, rows: pa.Table) -> pa.Table:
    """Return a part's rows in order; links from one page to another become one row."""
    if table == "links":
        grouped = rows.group_by(["title_id", "page_id"]).aggregate([("anchors", "sum")])
        rows = pa.table(
            [grouped["title_id"], grouped["page_id"], grouped["anchors_sum"]], schema=SCHEMAS["links"]
        )
    return rows.sort_by([(name, "ascending") for name in rows.column_names[:2]])


def _collected(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Yield small tables joined to larger ones."""
    kept: list[pa.Table] = []
    size = 0
    for table in tables:
        kept.append(table)
        size += len(table)
        if size >= _ROWS_AT_ONCE:
            yield pa.concat_tables(kept).combine_chunks()
            kept, size = [], 0
    if size:
        yield pa.concat_tables(kept).combine_chunks()
