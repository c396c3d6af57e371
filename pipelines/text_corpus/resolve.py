"""From the part files of the work units to the parts of the snapshot: anchors lead to pages, ids ascend.

Parts are cut by the ids of the pages alone (`part_files.part_starts`), wherever their pages stood in the dump. Rows
of unchanged pages come from an older snapshot, and a part without any other page is its file.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kc_schema.anchors import Anchor, is_title, render
from kc_schema.store import Part, Step, describe_part, explain_file_errors, link_or_copy, replacing
from kc_schema.tables import TEXT_TABLES
from pipelines.text_corpus.anchor_traces import AnchorTrace
from pipelines.text_corpus.build import Build
from pipelines.text_corpus.extract import UnitResult
from pipelines.text_corpus.page_props import open_page_props
from pipelines.text_corpus.part_files import (
    TAGGED_COLUMNS,
    pages_per_part,
    part_path,
    part_starts,
    write_rows,
)
from pipelines.text_corpus.redirects import JoinedRedirects, RedirectTable
from pipelines.text_corpus.repeats import write_hashes
from pipelines.text_corpus.reuse import FOLDER, page_ids_of
from pipelines.text_corpus.reused_pages import ReusedPages, write_kept
from pipelines.text_corpus.statistics import Statistics
from pipelines.text_corpus.unit_pages import (
    Ids,
    claim_pages,
    extracted_rows,
    ids_between,
    in_order,
    kept_rows,
    page_ids,
)

__all__ = ["PageRange", "RangeResult", "plan_ranges", "range_step", "resolve_range"]

PAGES_PER_RANGE = 2_000
PAGES_PER_RANGE_OUT_OF_ORDER = 20_000
"""So many pages are resolved in one go. Where pages stand in the dump in no order, every range reads most units."""
TABLES_BY_PAGE = ("pages", "paragraphs", "sentences", "image_links")
_ROWS_AT_ONCE = 4096


@dataclass(frozen=True, slots=True)
class PageRange:
    """The pages of some parts of the snapshot, which follow one another."""

    number: int
    """Of the first part."""
    units: tuple[int, ...]
    """The work units that hold the pages, in the order of the dump."""
    cuts: tuple[int, ...]
    """The least page id of each part, and one that is greater than those of the last."""


@dataclass(frozen=True)
class RangeResult:
    """What a finished page range gave."""

    parts: dict[str, list[Part]]
    """Its parts of each table that it has rows of."""
    counts: Counter[str]
    """``anchors``, how many of them went through a redirect (``anchors resolved``), and less than 0 of what work
    units have counted of pages that stood in the dump before; with the wiki's page properties, how many pages have
    which."""
    lost: Statistics
    """Which pages were left out."""
    hashes: list[Part]
    """The hashes of its sentences (`pipelines.text_corpus.repeats`), one for each of its parts with some."""
    kept: list[Part]
    """What is kept of its pages (`pipelines.text_corpus.reuse`), where that was asked for."""


def plan_ranges(results: Sequence[UnitResult], build: Build) -> list[PageRange]:
    """Return the page ranges of the snapshot's parts; their cuts depend on the ids of the pages alone."""
    filled = sorted((r for r in results if r.first_page_id >= 0), key=lambda r: r.first_page_id)
    if not filled:
        return []
    ordered = all(r.ascending for r in filled) and all(
        one.last_page_id < following.first_page_id for one, following in pairwise(filled)
    )
    ids = np.unique(np.concatenate([page_ids(build, r.number) for r in filled]))
    starts = part_starts(ids, build.pages_per_part or pages_per_part(len(ids)))
    cuts = [*ids[starts].tolist(), int(ids[-1]) + 1]
    most = PAGES_PER_RANGE if ordered else PAGES_PER_RANGE_OUT_OF_ORDER
    ranges = []
    begin = 0
    for place in range(1, len(starts) + 1):
        # As many parts as have no more pages, but one at least.
        end = starts[place + 1] if place + 1 < len(starts) else len(ids)
        if place == len(starts) or end - starts[begin] > most:
            first, last = cuts[begin], cuts[place]
            units = sorted(r.number for r in filled if r.first_page_id < last and r.last_page_id >= first)
            ranges.append(PageRange(begin, tuple(units), tuple(cuts[begin : place + 1])))
            begin = place
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
        return step.run(lambda: _RangeResolver(build, redirects, pages).run())


class _RangeResolver:
    """Writes the parts of a page range."""

    def __init__(self, build: Build, redirects: JoinedRedirects, pages: PageRange) -> None:
        self._build = build
        self._pages = pages
        self._redirects = RedirectTable(build.output / redirects.database.file)
        self._claims = claim_pages(build, pages.units, pages.cuts[0], pages.cuts[-1])
        self._reused = ReusedPages(self._claims.reused, build) if build.keep else None
        self._props = open_page_props(build)
        self._shared = [self._find_shared(first, end) for first, end in pairwise(pages.cuts)]
        """Of every part the name of the older snapshot's that it is; None where it is none."""
        self._counts: Counter[str] = Counter()

    def run(self) -> RangeResult:
        """Write the parts; return what they are."""
        parts: dict[str, list[Part]] = {table: [] for table in (*TABLES_BY_PAGE, FOLDER)}
        for place, name in enumerate(self._shared):
            if name is not None:
                for table, part in self._share(name, self._pages.number + place).items():
                    parts[table].append(part)
        for table in TABLES_BY_PAGE:
            if not all(self._is_shared(table)):
                parts[table] += self._write(table, self._rows(table))
        if self._reused is not None and not all(self._is_shared(FOLDER)):
            kept = [kept_rows(self._build, unit, ids) for unit, ids in self._claims.extracted.items()]
            parts[FOLDER] += self._write(FOLDER, self._reused.kept_rows(kept))
        self._redirects.close()
        if self._reused is not None:
            self._counts += self._reused.counts()
        self._counts.subtract(self._claims.counted)
        found = {table: sorted(parts[table], key=lambda part: part.file) for table in parts if parts[table]}
        kept_parts = found.pop(FOLDER, [])
        return RangeResult(
            found,
            self._counts,
            self._claims.lost,
            [self._hash_sentences(part) for part in found.get("sentences", [])],
            kept_parts,
        )

    def _hash_sentences(self, part: Part) -> Part:
        name = Path(part.file).name
        files = (self._build.output / table / name for table in ("paragraphs", "sentences"))
        return write_hashes(self._build, int(Path(name).stem.rpartition("-")[2]), *files)

    def _is_shared(self, table: str) -> list[bool]:
        """Tell of every part of a table whether it is the older snapshot's."""
        # What the wiki says of its pages is said of all pages anew.
        anew = table == "pages" and self._props is not None
        return [name is not None and not anew for name in self._shared]

    def _find_shared(self, first: int, end: int) -> str | None:
        """Return the name of the older snapshot's parts with the same rows as those of a part."""
        if self._reused is None:
            return None
        if any(len(ids_between(ids, first, end)) for ids in self._claims.extracted.values()):
            return None
        return self._reused.whole_part(ids_between(self._claims.reused, first, end))

    def _share(self, name: str, number: int) -> dict[str, Part]:
        """Let parts of the older snapshot be this one's; return them by their folders."""
        assert self._build.older is not None
        assert self._reused is not None
        found = {}
        for folder, part in self._reused.parts(name).items():
            if not any(self._is_shared(folder)):
                continue
            path = part_path(self._build.output, folder, number)
            link_or_copy(self._build.older / part.file, path)
            found[folder] = replace(part, file=path.relative_to(self._build.output).as_posix())
        return found

    def _write(self, table: str, rows: pa.Table) -> list[Part]:
        """Write the parts of a table that are not shared."""
        starts = np.searchsorted(page_ids_of(rows), np.array(self._pages.cuts)).tolist()
        shared = self._is_shared(table)
        parts = []
        for place, (first, end) in enumerate(pairwise(starts)):
            if not shared[place] and first < end:
                path = part_path(self._build.output, table, self._pages.number + place)
                with replacing(path) as temporary:
                    some = rows.slice(first, end - first)
                    if table == FOLDER:
                        write_kept(temporary, some)
                    else:
                        write_rows(temporary, table, some)
                parts.append(describe_part(path, self._build.output))
        return parts

    def _rows(self, table: str) -> pa.Table:
        """Return the rows of a table, of all pages whose parts are not shared, in their order."""
        extracted = [
            extracted_rows(self._build, unit, table, ids) for unit, ids in self._claims.extracted.items()
        ]
        pieces = [self._resolved(rows, table) for rows in extracted]
        if self._reused is not None:
            standing, again = self._reused.rows(table, self._reused_in_written_parts(table))
            pieces += [standing, *(self._resolved(rows, table) for rows in again)]
        rows = in_order(pieces, TEXT_TABLES[table])
        if table != "pages" or self._props is None:
            return rows
        batches = []
        for batch in rows.combine_chunks().to_batches(max_chunksize=_ROWS_AT_ONCE):
            described, found = self._props.add_to(batch)
            batches.append(described)
            self._counts += found
        return pa.Table.from_batches(batches, TEXT_TABLES[table])

    def _reused_in_written_parts(self, table: str) -> Ids:
        ids = self._claims.reused
        places = np.searchsorted(np.array(self._pages.cuts), ids, "right") - 1
        chosen: Ids = ids[~np.array(self._is_shared(table))[places]]
        return chosen

    def _resolved(self, rows: pa.Table, table: str) -> pa.Table:
        """Return rows with their anchors resolved, where the table has any."""
        if table not in TAGGED_COLUMNS:
            return rows
        trace = None if self._reused is None else self._reused.traces[table]
        batches = []
        for batch in rows.combine_chunks().to_batches(max_chunksize=_ROWS_AT_ONCE):
            resolved, found = resolve_anchors(batch, TAGGED_COLUMNS[table], self._redirects, trace)
            batches.append(resolved)
            if table == "paragraphs":
                self._counts += found
        return pa.Table.from_batches(batches, TEXT_TABLES[table])


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
