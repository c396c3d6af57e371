"""From the part files of the work units to the parts of the snapshot: anchors lead to pages, ids ascend.

Where the dump's pages ascend by id (every classic dump), the snapshot's parts are those of the work units.
Where they do not, or a page stands in the dump twice, the rows are laid anew by ranges of page ids.
"""

from __future__ import annotations

import itertools
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from kc_schema.anchors import Anchor, is_title, render
from kc_schema.store import Part, Step, describe_part, explain_file_errors, replacing
from kc_schema.tables import APPARATUS, PARAGRAPHS_PER_PAGE, SORT_KEYS
from pipelines.text_corpus.build import Build
from pipelines.text_corpus.extract import UnitResult, unit_folder
from pipelines.text_corpus.page_props import open_page_props
from pipelines.text_corpus.part_files import (
    ROWS_PER_GROUP,
    TAGGED_COLUMNS,
    UNIT_TABLES,
    open_writer,
    part_path,
)
from pipelines.text_corpus.redirects import JoinedRedirects, RedirectTable
from pipelines.text_corpus.repeats import write_hashes
from pipelines.text_corpus.reuse import AnchorTrace, ReusedRows

__all__ = ["PageRange", "RangeResult", "plan_ranges", "range_step", "resolve_range"]

PAGES_PER_RANGE = 20_000
TABLES_BY_PAGE = ("pages", "paragraphs", "sentences", "image_links")
PARAGRAPH_BITS = PARAGRAPHS_PER_PAGE.bit_length() - 1


@dataclass(frozen=True, slots=True)
class PageRange:
    """The pages of one part of the snapshot: ``first <= page_id < end`` in the given work units."""

    number: int
    units: tuple[int, ...]
    first: int
    end: int
    whole: bool
    """Whether it is just the one work unit, in order and without doubles."""


@dataclass(frozen=True)
class RangeResult:
    """What a finished page range gave."""

    number: int
    parts: dict[str, Part]
    """Its part of each table that it has rows of."""
    counts: Counter[str]
    """``anchors``, how many of them went through a redirect (``anchors resolved``), and less than 0 of what work
    units have counted of pages that stood in the dump before; with the wiki's page properties, how many pages have
    which."""
    drops: Counter[str]
    """How many pages were left out, by reason."""
    hashes: Part | None = None
    """The hashes of its sentences (`pipelines.text_corpus.repeats`); None where it has none."""
    kept: Part | None = None
    """What is kept of its pages (`pipelines.text_corpus.reuse`), where that was asked for."""


def plan_ranges(results: Sequence[UnitResult], build: Build) -> list[PageRange]:
    """Return the page ranges of the snapshot's parts; they depend on the work units alone."""
    filled = sorted((r for r in results if r.first_page_id >= 0), key=lambda r: r.first_page_id)
    ordered = all(r.ascending for r in filled) and all(
        one.last_page_id < following.first_page_id for one, following in itertools.pairwise(filled)
    )
    if ordered:
        return [
            PageRange(number, (r.number,), r.first_page_id, r.last_page_id + 1, True)
            for number, r in enumerate(filled)
        ]
    columns = [
        pq.read_table(unit_folder(build, r.number) / "pages.parquet", columns=["page_id"]) for r in filled
    ]
    ids = np.unique(np.concatenate([column["page_id"].to_numpy() for column in columns]))
    starts = [int(first) for first in ids[::PAGES_PER_RANGE]]
    ends = [*starts[1:], int(ids[-1]) + 1]
    ranges = []
    for number, (first, end) in enumerate(zip(starts, ends, strict=True)):
        units = sorted(r.number for r in filled if r.first_page_id < end and r.last_page_id >= first)
        ranges.append(PageRange(number, tuple(units), first, end, False))
    return ranges


def range_step(build: Build, redirects: JoinedRedirects, pages: PageRange) -> Step[RangeResult]:
    """Return the step that writes the parts of one page range."""
    return build.step(f"resolved/{pages.number:05d}.json", RangeResult, "resolve", pages, redirects.parts)


def resolve_range(build: Build, redirects: JoinedRedirects, pages: PageRange) -> RangeResult:
    """Write the parts of one page range, anchors resolved, unless that is done already.

    Raises:
        UserError: a file cannot be read or written.
    """
    step = range_step(build, redirects, pages)
    with explain_file_errors(build.output):
        return step.run(lambda: _resolve_range(build, redirects, pages, step.inputs))


def _resolve_range(
    build: Build, redirects: JoinedRedirects, pages: PageRange, fingerprint: str
) -> RangeResult:
    targets = RedirectTable(build.output / redirects.database.file)
    parts: dict[str, Part] = {}
    counts: Counter[str] = Counter()
    doubles = {} if pages.whole else _find_doubles(pages, build)
    reused = _reused_rows(pages, doubles, build) if build.keep else None
    for table in TABLES_BY_PAGE:
        path = part_path(build.output, table, pages.number)
        source = unit_folder(build, pages.units[0]) / f"{table}.parquet"
        if pages.whole and table not in TAGGED_COLUMNS:
            if not source.exists():
                continue
            _link(source, path)
        else:
            found = _write_table(table, path, pages, doubles, build, targets, fingerprint, reused)
            if found is None:
                continue
            counts += found
        parts[table] = describe_part(path, build.output)
    targets.close()
    if reused is not None:
        counts += reused.counts()
    for unit, page_ids in doubles.items():
        counts.subtract(_count_doubles(unit, page_ids, pages, build))
    seen_before = sum(map(len, doubles.values()))
    return RangeResult(
        pages.number,
        parts,
        counts,
        Counter({"page seen before": seen_before} if seen_before else {}),
        _hash_sentences(parts, pages, build),
        reused.write(build, pages.number) if reused is not None else None,
    )


def _hash_sentences(parts: dict[str, Part], pages: PageRange, build: Build) -> Part | None:
    if "sentences" not in parts:
        return None
    return write_hashes(
        build, pages.number, *(build.output / parts[table].file for table in ("paragraphs", "sentences"))
    )


def _reused_rows(pages: PageRange, doubles: dict[int, list[int]], build: Build) -> ReusedRows:
    """Return what work units have kept of the pages of the range."""
    tables = []
    for unit in pages.units:
        kept = pq.read_table(unit_folder(build, unit) / "kept.parquet")
        ids = kept["page_id"]
        inside = pc.and_(pc.greater_equal(ids, pages.first), pc.less(ids, pages.end))
        without = pa.array(doubles.get(unit, []), pa.int64())
        tables.append(kept.filter(pc.and_(inside, pc.invert(pc.is_in(ids, without)))))
    return ReusedRows(pa.concat_tables(tables).sort_by("page_id"), build)


def _link(source: Path, path: Path) -> None:
    """Make a work unit's file appear in the snapshot by a second name; copy it where links cannot be had."""
    with replacing(path) as temporary:
        try:
            os.link(source, temporary)
        except OSError:
            shutil.copyfile(source, temporary)


def _find_doubles(pages: PageRange, build: Build) -> dict[int, list[int]]:
    """Return by work unit the ids of pages that an earlier one holds too: the first in the dump stays."""
    seen: set[int] = set()
    doubles: dict[int, list[int]] = {}
    for unit in pages.units:
        ids = _read_unit(unit, "pages", ["page_id"], pages, [], build)["page_id"].to_pylist()
        doubles[unit] = [page_id for page_id in ids if page_id in seen]
        seen.update(ids)
    return doubles


def _count_doubles(unit: int, page_ids: list[int], pages: PageRange, build: Build) -> Counter[str]:
    """Return what a work unit has counted of pages that are left out, as far as no table's rows say it."""
    counts: Counter[str] = Counter()
    if not page_ids:
        return counts
    own = pa.array(page_ids, pa.int64())
    if build.page_props is None:  # else they are counted where the table of pages is written
        marks = _read_unit(unit, "pages", ["page_id", "disambiguation"], pages, [], build)
        marks = marks.filter(pc.is_in(marks["page_id"], own))
        counts["disambiguations"] = pc.sum(marks["disambiguation"]).as_py()
    kinds = _read_unit(unit, "paragraphs", ["page_id", "paragraph_id", "kind"], pages, [], build)
    chosen = pc.and_(pc.is_in(kinds["page_id"], own), pc.equal(kinds["kind"], APPARATUS))
    paragraphs = kinds.filter(chosen)["paragraph_id"].combine_chunks()
    sentences = _read_unit(unit, "sentences", ["paragraph_id"], pages, [], build)
    counts["apparatus paragraphs"] = len(paragraphs)
    counts["apparatus sentences"] = pc.sum(pc.is_in(sentences["paragraph_id"], paragraphs)).as_py() or 0
    return +counts


def _read_unit(
    unit: int, table: str, columns: list[str] | None, pages: PageRange, without: list[int], build: Build
) -> pa.Table:
    """Gives a work unit's rows of a table that belong to the range."""
    path = unit_folder(build, unit) / f"{table}.parquet"
    if not path.exists():
        return UNIT_TABLES[table].empty_table()
    rows = pq.read_table(path, columns=columns)
    if table == "sentences":
        page_ids = pc.shift_right(rows["paragraph_id"], PARAGRAPH_BITS)
    else:
        page_ids = rows["page_id"]
    inside = pc.and_(pc.greater_equal(page_ids, pages.first), pc.less(page_ids, pages.end))
    if without:
        inside = pc.and_(inside, pc.invert(pc.is_in(page_ids, pa.array(without, pa.int64()))))
    return rows.filter(inside)


def _write_table(
    table: str,
    path: Path,
    pages: PageRange,
    doubles: dict[int, list[int]],
    build: Build,
    redirects: RedirectTable,
    fingerprint: str,
    reused: ReusedRows | None,
) -> Counter[str] | None:
    """Writes a part; gives what it counted on the way, None where the range has no rows of the table."""
    counts: Counter[str] = Counter()
    batches = _batches(table, pages, doubles, build)
    props = open_page_props(build) if table == "pages" else None
    first = next(batches, None)
    if first is None:
        return None
    with replacing(path) as temporary, open_writer(temporary, table, fingerprint=fingerprint) as writer:
        for batch in itertools.chain([first], batches):
            if table in TAGGED_COLUMNS:
                if reused is None:
                    batch, found = resolve_anchors(batch, TAGGED_COLUMNS[table], redirects)
                else:
                    resolve = partial(resolve_anchors, redirects=redirects)
                    batch, found = reused.resolve(batch, table, TAGGED_COLUMNS[table], resolve)
                if table == "paragraphs":
                    counts += found
                if props is not None:
                    batch, found = props.add_to(batch)
                    counts += found
            writer.write_batch(batch, row_group_size=ROWS_PER_GROUP[table])
    return counts


def _batches(
    table: str, pages: PageRange, doubles: dict[int, list[int]], build: Build
) -> Iterator[pa.RecordBatch]:
    """Gives the rows of a range in order, a row group at a time."""
    size = ROWS_PER_GROUP[table]
    if pages.whole:
        path = unit_folder(build, pages.units[0]) / f"{table}.parquet"
        if path.exists():
            with pq.ParquetFile(path) as file:
                yield from file.iter_batches(batch_size=size)
        return
    rows = pa.concat_tables(
        [_read_unit(unit, table, None, pages, doubles[unit], build) for unit in pages.units]
    )
    order = [(name, "ascending") for name in SORT_KEYS[table]]
    yield from rows.sort_by(order).combine_chunks().to_batches(max_chunksize=size)


def resolve_anchors(
    batch: pa.RecordBatch, column: str, redirects: RedirectTable, trace: AnchorTrace | None = None
) -> tuple[pa.RecordBatch, Counter[str]]:
    """Return a batch of a work unit with the snapshot's schema: its anchors lead to pages and are written as tags.

    Args:
        batch: plain text in `column`, its anchors in the last column.
        column: the column that gets the text with its tags.
        redirects: the redirect map of the dump.
        trace: takes note of the anchors, where something of them is to be kept.

    Returns:
        The batch, and how many ``anchors`` it holds and how many went through a redirect (``anchors resolved``).
    """
    lists = batch.column(batch.num_columns - 1)
    starts, ends, titles = lists.flatten().flatten()
    encoded = titles.dictionary_encode()
    written: list[str] = encoded.dictionary.to_pylist()
    targets = redirects.targets(written)
    # A redirect may name what no page can be called; its anchors keep their own title.
    shown = [
        target if (target := targets.get(title)) is not None and is_title(target) else title
        for title in written
    ]
    indices = encoded.indices.to_numpy()
    resolved = np.array([title in targets for title in written], bool)
    counts = Counter({"anchors": len(titles)})
    if targets:
        counts["anchors resolved"] = int(resolved[indices].sum())
    anchors = map(Anchor, starts.to_pylist(), ends.to_pylist(), map(shown.__getitem__, indices.tolist()))
    sizes = pc.list_value_length(lists).to_pylist()
    if trace is not None:
        trace.add(batch["page_id"].to_numpy(), np.array(sizes, np.int64), written, indices, resolved)
    place = batch.schema.get_field_index(column)
    texts = [
        render(text, itertools.islice(anchors, size))
        for text, size in zip(batch.column(place).to_pylist(), sizes, strict=True)
    ]
    plain = batch.select(batch.schema.names[:-1])
    return plain.set_column(place, plain.schema.field(place), pa.array(texts, pa.string())), counts
