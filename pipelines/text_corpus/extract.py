"""One work unit: bytes to pages to articles to the rows of part files."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import pyarrow.parquet as pq

from kc_schema.store import Part, Step, describe_part, explain_file_errors, replacing
from pipelines.dump.pages import BROKEN_PAGE_REASONS, BrokenPage, Page, read_pages
from pipelines.dump.work_units import WorkUnit
from pipelines.text_corpus.build import Build
from pipelines.text_corpus.part_files import ROWS_PER_GROUP, UNIT_TABLES, open_writer, record_batch
from pipelines.text_corpus.progress import UnitProgress
from pipelines.text_corpus.rows import Rows, append_article
from pipelines.text_corpus.statistics import Statistics
from pipelines.wikitext import Article, extract_article

__all__ = ["UnitResult", "extract_unit", "unit_folder", "unit_step"]

FLUSH_ROWS = 16 * ROWS_PER_GROUP["sentences"]

# The resolve step writes these again, so they are compressed for speed only.
_WRITTEN_AGAIN = ("pages", "redirects", "paragraphs")


@dataclass(frozen=True)
class UnitResult:
    """What a finished work unit found."""

    number: int
    parts: dict[str, Part]
    """Its part file of each table that it has rows of, in its own folder (`unit_folder`)."""
    first_page_id: int
    """The least id of an article; -1 where there is none."""
    last_page_id: int
    ascending: bool
    """Whether the ids of its articles ascend."""
    statistics: Statistics

    @property
    def articles(self) -> int:
        """How many articles it holds."""
        return self.parts["pages"].rows if "pages" in self.parts else 0


def unit_folder(build: Build, number: int) -> Path:
    """Return the folder of a work unit's part files."""
    return build.work / "units" / f"{number:05d}"


def unit_step(build: Build, unit: WorkUnit, articles: int | None = None) -> Step[UnitResult]:
    """Return the step that reads a work unit, or its first `articles` alone."""
    record = f"units/{unit.number:05d}/result.json"
    return build.step(record, UnitResult, "extract", unit.number, unit.start, unit.end, articles)


def extract_unit(build: Build, unit: WorkUnit, articles: int | None = None) -> UnitResult:
    """Read the pages of a work unit into part files, unless that is done already.

    Args:
        articles: stop behind so many articles; None reads all.

    Raises:
        DumpError: the dump cannot be read.
        UserError: the output cannot be written.
    """
    step = unit_step(build, unit, articles)
    with explain_file_errors(build.output):
        return step.run(lambda: _extract_unit(build, unit, articles, step.inputs))


def _extract_unit(build: Build, unit: WorkUnit, articles: int | None, fingerprint: str) -> UnitResult:
    statistics, rows, seen = Statistics(), Rows(), set[int]()
    first = last = -1
    ascending = True
    with (
        UnitProgress(build.work, unit) as progress,
        _UnitParts(build, unit.number, fingerprint) as parts,
        _rare_garbage_collection(),
    ):
        for page in read_pages(unit, allow_truncated=build.allow_truncated, progress=progress.advance):
            progress.update(statistics.counts, page)
            if isinstance(page, BrokenPage):
                statistics.counts["pages"] += 1
                statistics.drop("pages", BROKEN_PAGE_REASONS[page.reason], example=page.where)
            elif _append_page(rows, page, build, statistics, seen):
                ascending = ascending and page.page_id > last
                first = page.page_id if first < 0 else min(first, page.page_id)
                last = max(last, page.page_id)
            if len(rows) >= FLUSH_ROWS:
                parts.write(rows)
            if articles is not None and statistics.counts["articles"] >= articles:
                break
        parts.write(rows)
    return UnitResult(unit.number, parts.describe(), first, last, ascending, statistics)


class _UnitParts:
    """The part files of a work unit, which get their names when all rows are written."""

    def __init__(self, build: Build, number: int, fingerprint: str) -> None:
        self._build = build
        self._folder = unit_folder(build, number)
        self._fingerprint = fingerprint
        self._writers: dict[str, pq.ParquetWriter] = {}
        self._stack = ExitStack()

    def __enter__(self) -> _UnitParts:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def write(self, rows: Rows) -> None:
        """Append the rows and clear them."""
        for table, columns in rows.columns.items():
            batch = record_batch(table, columns)
            if batch.num_rows:
                self._writer(table).write_batch(batch, row_group_size=ROWS_PER_GROUP[table])
        rows.clear()

    def describe(self) -> dict[str, Part]:
        """Return the finished files by table."""
        return {table: describe_part(self._path(table), self._build.output) for table in self._writers}

    def _path(self, table: str) -> Path:
        return self._folder / f"{table}.parquet"

    def _writer(self, table: str) -> pq.ParquetWriter:
        if table not in self._writers:
            temporary = self._stack.enter_context(replacing(self._path(table)))
            compression = "lz4" if table in _WRITTEN_AGAIN else "zstd"
            writer = open_writer(
                temporary, table, fingerprint=self._fingerprint, compression=compression, schemas=UNIT_TABLES
            )
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


def _append_page(rows: Rows, page: Page, build: Build, statistics: Statistics, seen: set[int]) -> bool:
    """Add a page's rows; tell whether it became a row of the table of pages."""
    counts = statistics.counts
    counts["pages"] += 1
    if page.namespace != 0:
        statistics.drop("pages", "other namespace")
        return False
    if page.page_id in seen:
        statistics.drop("pages", "page seen before", example=page.title)
        return False
    seen.add(page.page_id)
    if page.redirect is not None:
        _append_redirect(rows, page, page.redirect, build, statistics)
        return False
    if page.text is None:
        statistics.drop("pages", "text deleted", example=page.title)
        return False
    if page.model not in ("", "wikitext"):
        statistics.drop("pages", f"content model {page.model}", example=page.title)
        return False
    counts["characters of wikitext"] += len(page.text)
    article = _extract(page, build, statistics)
    if article is None:
        return False
    if article.redirect is not None:
        _append_redirect(rows, page, article.redirect, build, statistics)
        return False
    statistics.templates_rendered += article.rendered_templates
    statistics.templates_dropped.update(article.dropped_templates)
    statistics.templates_unknown.update(article.unknown_templates)
    if article.disambiguation:
        if build.skip_disambiguation:
            statistics.drop("pages", "disambiguation")
            return False
        counts["disambiguations"] += 1
    counts["articles"] += 1
    append_article(
        rows, page, article, rules=build.rules, language=build.site.language, statistics=statistics
    )
    return True


def _extract(page: Page, build: Build, statistics: Statistics) -> Article | None:
    assert page.text is not None
    try:
        return extract_article(page.text, title=page.title, site=build.site, from_xml=True)
    except Exception as error:  # one page must never end a build of millions; the loss is named and counted
        statistics.drop("pages", f"extractor failed: {type(error).__name__}", example=page.title)
        return None


def _append_redirect(rows: Rows, page: Page, target: str, build: Build, statistics: Statistics) -> None:
    site = build.site
    statistics.counts["redirects"] += 1
    to_title = site.normalise_title(target)
    namespace = to_title.partition(":")[0].replace("_", " ").lower() if ":" in to_title else ""
    if not to_title:
        statistics.drop("redirects", "no target", example=page.title)
    elif site.namespaces.get(namespace, 0) != 0:
        statistics.drop("redirects", "target in another namespace")
    else:
        rows.append("redirects", site.normalise_title(page.title), to_title)
