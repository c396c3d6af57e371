"""One work unit: bytes to pages to articles to the rows of part files."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from kc_schema.store import Part, Step, describe_part, explain_file_errors, fingerprint, replacing
from kc_schema.tables import is_normalised
from pipelines.dump.pages import BROKEN_PAGE_REASONS, BrokenPage, Page, parse_page, read_pages
from pipelines.dump.work_units import WorkUnit
from pipelines.text_corpus.build import Build
from pipelines.text_corpus.page_props import open_page_props
from pipelines.text_corpus.part_files import ROWS_PER_GROUP, UNIT_TABLES, open_writer, record_batch
from pipelines.text_corpus.progress import UnitProgress
from pipelines.text_corpus.reuse import UNIT_KEPT, PageParser, UnchangedPage, WatchedSite, open_older
from pipelines.text_corpus.rows import NewRows, append_article
from pipelines.text_corpus.statistics import Statistics
from pipelines.wikitext import Article, extract_article
from pipelines.wikitext.site import Site

__all__ = ["UnitResult", "extract_unit", "unit_folder", "unit_step"]

FLUSH_ROWS = 16 * ROWS_PER_GROUP["sentences"]


@dataclass(frozen=True)
class UnitResult:
    """What a finished work unit found."""

    number: int
    parts: dict[str, Part]
    """Its part file of each table that it has rows of, in its own folder (`unit_folder`): rows of the pages that were
    extracted, in their order."""
    first_page_id: int
    """The least id of an article; -1 where there is none."""
    last_page_id: int
    ascending: bool
    """Whether the ids of its articles ascend."""
    statistics: Statistics
    kept: Part | None = None
    """What is kept of its pages (`pipelines.text_corpus.reuse`), where that was asked for."""
    reused: int = 0
    """How many of its pages are those of the older snapshot."""


def unit_folder(build: Build, number: int) -> Path:
    """Return the folder of a work unit's part files."""
    return build.work / _units(build) / f"{number:05d}"


def _units(build: Build) -> str:
    """Part files with rows of an older snapshot are no other build's."""
    return "units" if build.older is None else f"units-{fingerprint(build.older)[:8]}"


def unit_step(build: Build, unit: WorkUnit, articles: int | None = None) -> Step[UnitResult]:
    """Return the step that reads a work unit, or its first `articles` alone."""
    record = f"{_units(build)}/{unit.number:05d}/result.json"
    return build.step(record, UnitResult, "extract", unit.number, unit.start, unit.end, articles)


def extract_unit(build: Build, unit: WorkUnit, articles: int | None = None) -> UnitResult:
    """Read the pages of a work unit into part files, unless that is done already.

    Of a page that stands in the unit more than once the newest revision counts.

    Args:
        articles: stop behind so many articles; None reads all.

    Raises:
        DumpError: the dump cannot be read.
        UserError: the output cannot be written.
    """
    step = unit_step(build, unit, articles)

    def extract() -> UnitResult:
        try:
            return _extract_unit(build, unit, articles, {})
        except _NewerRevisionError as found:
            # Its rows are written already: the unit is read once more, which hardly any dump needs.
            return _extract_unit(build, unit, articles, found.newest)

    with explain_file_errors(build.output):
        return step.run(extract)


class _NewerRevisionError(Exception):
    """Pages stood in the work unit again, newer than before."""

    def __init__(self, newest: dict[int, int]) -> None:
        super().__init__()
        self.newest = newest


def _extract_unit(build: Build, unit: WorkUnit, articles: int | None, newest: dict[int, int]) -> UnitResult:
    """Do as `extract_unit`; of the pages in `newest` only that revision is taken.

    Raises:
        _NewerRevisionError: other pages came again, in a newer revision.
    """
    statistics, pages, seen = Statistics(), _Pages(build), _Seen(newest)
    first = last = -1
    ascending = True
    with (
        UnitProgress(build.work, unit) as progress,
        _UnitParts(build, unit.number) as parts,
        _rare_garbage_collection(),
    ):
        for page in read_pages(
            unit, allow_truncated=build.allow_truncated, progress=progress.advance, parse=pages.parse
        ):
            progress.update(statistics.counts, page.where if isinstance(page, BrokenPage) else page.title)
            if isinstance(page, BrokenPage):
                statistics.counts["pages"] += 1
                statistics.drop("pages", BROKEN_PAGE_REASONS[page.reason], example=page.where)
            elif _append_page(pages, page, build, statistics, seen):
                ascending = ascending and page.page_id > last
                first = page.page_id if first < 0 else min(first, page.page_id)
                last = max(last, page.page_id)
            if len(pages.rows) >= FLUSH_ROWS:
                parts.write(pages)
            if articles is not None and statistics.counts["articles"] >= articles:
                break
        if seen.newer:
            raise _NewerRevisionError(seen.newer)
        parts.write(pages)
    statistics.forget_rare_templates()
    described = parts.describe()
    kept = described.pop(_KEPT, None)
    return UnitResult(unit.number, described, first, last, ascending, statistics, kept, pages.reused)


_KEPT = "kept"
"""Name of the part file of what is kept of a work unit's pages."""


@dataclass(frozen=True)
class _Seen:
    """The revisions that were taken of the pages of a work unit."""

    newest: dict[int, int]
    """Of pages that are known to come again the revision that counts, by the pages' ids."""
    taken: dict[int, int] = field(default_factory=dict)
    newer: dict[int, int] = field(default_factory=dict)
    """Revisions that came behind an older one of the same page, which was taken."""

    def take(self, page: Page | UnchangedPage) -> bool:
        """Tell whether the page counts: it comes first, or is the one that is known to be the newest."""
        wanted = self.newest.get(page.page_id, page.revision_id)
        taken = self.taken.get(page.page_id)
        if taken is None and page.revision_id == wanted:
            self.taken[page.page_id] = page.revision_id
            return True
        if taken is not None and page.revision_id > max(taken, self.newer.get(page.page_id, taken)):
            self.newer[page.page_id] = page.revision_id
        return False


class _Pages:
    """The pages of a work unit since the last write: rows of those that were extracted, and what is kept of all."""

    def __init__(self, build: Build) -> None:
        self.rows = NewRows()
        self.site: Site = WatchedSite.of(build.site) if build.keep else build.site
        self.props = open_page_props(build)
        self.parse: Callable[[bytes, str], Page | BrokenPage | UnchangedPage] = parse_page
        self.reused = 0
        """How many pages were found unchanged since the beginning."""
        if build.keep:
            date = build.site.date.isoformat() if build.site.date else ""
            self.parse = PageParser(None if build.older is None else open_older(build.older, date))
        self.clear()

    def clear(self) -> None:
        """Forget the pages."""
        self.rows.clear()
        self.kept: dict[str, list[Any]] = {name: [] for name in UNIT_KEPT.names}

    def add_unchanged(self, page: UnchangedPage) -> None:
        """Take note of a page whose rows are those of the older snapshot."""
        self.reused += 1
        for column, value in zip(
            self.kept.values(), (page.page_id, "", page.revision_id, "", b"", False, b"", True), strict=True
        ):
            column.append(value)

    def keep(self, page: Page, statistics: Statistics) -> None:
        """Take note of what is to be kept of a page that was extracted."""
        assert isinstance(self.site, WatchedSite)
        assert isinstance(self.parse, PageParser)
        # What is counted of older revisions is no matter of the page that is taken: it is read anew every time.
        sha1 = "" if page.older_revisions else page.sha1 or ""
        about = (page.page_id, page.title, page.revision_id, sha1, self.parse.digest)
        values = (*about, self.site.take_asked(), statistics.pack(), False)
        for column, value in zip(self.kept.values(), values, strict=True):
            column.append(value)


class _UnitParts:
    """The part files of a work unit, which get their names when all rows are written."""

    def __init__(self, build: Build, number: int) -> None:
        self._build = build
        self._folder = unit_folder(build, number)
        self._writers: dict[str, pq.ParquetWriter] = {}
        self._stack = ExitStack()

    def __enter__(self) -> _UnitParts:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def write(self, pages: _Pages) -> None:
        """Append the rows of the pages and clear them."""
        for table, columns in pages.rows.columns.items():
            batch = record_batch(table, columns)
            if batch.num_rows:
                self._writer(table).write_batch(batch, row_group_size=ROWS_PER_GROUP[table])
        if pages.kept["page_id"]:
            self._writer(_KEPT).write_table(pa.table(pages.kept, schema=UNIT_KEPT))
        pages.clear()

    def describe(self) -> dict[str, Part]:
        """Return the finished files by table."""
        return {table: describe_part(self._path(table), self._build.output) for table in self._writers}

    def _path(self, table: str) -> Path:
        return self._folder / f"{table}.parquet"

    def _writer(self, table: str) -> pq.ParquetWriter:
        if table not in self._writers:
            temporary = self._stack.enter_context(replacing(self._path(table)))
            # The resolve step writes all of it again, so it is compressed for speed only.
            if table == _KEPT:
                writer = pq.ParquetWriter(temporary, UNIT_KEPT, compression="lz4")
            else:
                writer = open_writer(temporary, table, compression="lz4", schemas=UNIT_TABLES)
            self._writers[table] = self._stack.enter_context(writer)
        return self._writers[table]


@contextmanager
def _rare_garbage_collection() -> Iterator[None]:
    """Look for cycles of objects hardly ever: an article's many objects make none, and die by themselves."""
    thresholds = gc.get_threshold()
    gc.set_threshold(200_000, 10, 10)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)


def _append_page(
    pages: _Pages, page: Page | UnchangedPage, build: Build, statistics: Statistics, seen: _Seen
) -> bool:
    """Add a page's rows; tell whether it becomes a row of the table of pages."""
    counts = statistics.counts
    counts["pages"] += 1
    if isinstance(page, Page) and page.namespace != 0:
        statistics.drop("pages", "other namespace", example=page.title)
        return False
    if isinstance(page, Page) and page.older_revisions:
        reason = "older than the newest of its page"
        statistics.drop("revisions", reason, page.older_revisions, example=page.title)
    if not seen.take(page):
        statistics.drop("pages", "page seen before", example=page.title)
        return False
    if isinstance(page, Page):
        if page.redirect is not None:
            _append_redirect(pages.rows, page, page.redirect, build, statistics)
            return False
        if page.text is None:
            statistics.drop("pages", "text deleted", example=page.title)
            return False
        if page.model not in ("", "wikitext"):
            statistics.drop("pages", f"content model {page.model}", example=page.title)
            return False
    if pages.props is not None and build.skip_disambiguation and pages.props.is_disambiguation(page.page_id):
        statistics.drop("pages", "disambiguation", example=page.title)
        return False
    if isinstance(page, UnchangedPage):
        statistics.add(Statistics.unpack(page.statistics))
        pages.add_unchanged(page)
        return True
    if not build.keep:
        return _append_extracted(pages, page, build, statistics)
    counted = Statistics()
    is_article = _append_extracted(pages, page, build, counted)
    statistics.add(counted)
    if is_article:
        pages.keep(page, counted)
    return is_article


def _append_extracted(pages: _Pages, page: Page, build: Build, statistics: Statistics) -> bool:
    """Extract a page and add its rows; tell whether it became a row of the table of pages."""
    assert page.text is not None
    counts, rows = statistics.counts, pages.rows
    counts["characters of wikitext"] += len(page.text)
    article = _extract(page, pages.site, statistics)
    if article is None:
        return False
    if article.redirect is not None:
        _append_redirect(rows, page, article.redirect, build, statistics)
        return False
    statistics.templates_rendered += article.rendered_templates
    statistics.count_dropped(article.dropped_templates, article.dropped_examples, page.title)
    statistics.count_unknown(article.unknown_templates, page.title)
    if (
        article.disambiguation and pages.props is None
    ):  # else the wiki itself says so, when anchors are resolved
        if build.skip_disambiguation:
            statistics.drop("pages", "disambiguation", example=page.title)
            return False
        counts["disambiguations"] += 1
    counts["articles"] += 1
    append_article(
        rows, page, article, rules=build.rules, language=build.site.language, statistics=statistics
    )
    return True


def _extract(page: Page, site: Site, statistics: Statistics) -> Article | None:
    assert page.text is not None
    try:
        return extract_article(page.text, title=page.title, site=site, from_xml=True)
    except Exception as error:  # one page must never end a build of millions; the loss is named and counted
        statistics.drop("pages", f"extractor failed: {type(error).__name__}", example=page.title)
        return None


def _append_redirect(rows: NewRows, page: Page, target: str, build: Build, statistics: Statistics) -> None:
    site = build.site
    statistics.counts["redirects"] += 1
    from_title, to_title = site.normalise_title(page.title), site.normalise_title(target)
    namespace = to_title.partition(":")[0].replace("_", " ").lower() if ":" in to_title else ""
    if not to_title:
        statistics.drop("redirects", "no target", example=page.title)
    elif site.namespaces.get(namespace, 0) != 0:
        statistics.drop("redirects", "target in another namespace", example=page.title, text=target)
    elif "#" in page.title or not (is_normalised(from_title) and is_normalised(to_title)):
        statistics.drop("redirects", "title that no page can have", example=page.title)
    else:
        rows.append("redirects", from_title, to_title)
