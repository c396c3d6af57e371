"""One work unit: bytes to pages to articles to the rows of part files."""

from __future__ import annotations

import contextlib
import gc
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from pipelines.dump.pages import BROKEN_PAGE_REASONS, BrokenPage, Page, read_pages
from pipelines.dump.work_units import WorkUnit
from pipelines.text_corpus.build import Build, telling_faults_of_files
from pipelines.text_corpus.finished import read_finished, write_finished
from pipelines.text_corpus.part_files import ROWS_PER_GROUP, UNIT_TABLES, open_writer, record_batch
from pipelines.text_corpus.progress import UnitProgress
from pipelines.text_corpus.rows import Rows, append_article
from pipelines.text_corpus.statistics import Statistics
from pipelines.wikitext import Article, extract_article

UnitResult = dict[str, Any]
"""JSON of a finished work unit: number, fingerprint, first and last page id (-1 where it has no article),
whether its pages ascend, rows by table, statistics."""

RESULT = "result.json"
FLUSH_ROWS = 16 * ROWS_PER_GROUP["sentences"]

# The resolve step writes these again, so they are compressed for speed only.
_WRITTEN_AGAIN = ("pages", "redirects", "paragraphs")


def unit_folder(build: Build, number: int) -> Path:
    """Gives the folder of a work unit's finished part files."""
    return build.work / "units" / f"{number:05d}"


def read_result(build: Build, unit: WorkUnit) -> UnitResult | None:
    """Gives what a finished work unit found; None where it is not finished or was made from other input."""
    return read_finished(unit_folder(build, unit.number) / RESULT, unit_fingerprint(build, unit))


def unit_fingerprint(build: Build, unit: WorkUnit) -> str:
    """Gives a checksum of everything that a work unit's part files depend on."""
    return build.fingerprint("extract", unit.number, Path(unit.path).name, unit.start, unit.end)


def extract_unit(unit: WorkUnit, build: Build) -> UnitResult:
    """Reads the pages of a work unit into part files, unless that is done already.

    The files appear all at once, by the renaming of their folder, so a kill leaves nothing half.

    Raises:
        DumpError: the dump cannot be read.
        BuildError: the output cannot be written.
    """
    done = read_result(build, unit)
    if done is not None:
        return done
    with telling_faults_of_files(build):
        return _extract_anew(unit, build)


def _extract_anew(unit: WorkUnit, build: Build) -> UnitResult:
    folder = unit_folder(build, unit.number)
    temporary = folder.with_name(f"{folder.name}.{os.getpid()}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    with UnitProgress(build, unit) as progress, _rare_collections():
        result = _write_parts(unit, build, temporary, progress)
    write_finished(temporary / RESULT, result)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        temporary.rename(folder)
    except OSError:
        # Another worker was given the same unit after a fault and was first; its files are the same.
        done = read_result(build, unit)
        if done is None:
            raise
        shutil.rmtree(temporary)
    return result


@contextlib.contextmanager
def _rare_collections() -> Iterator[None]:
    """Looks for circles of objects hardly ever: an article's many objects make none, and die by themselves."""
    thresholds = gc.get_threshold()
    gc.set_threshold(200_000, 10, 10)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)


def _write_parts(unit: WorkUnit, build: Build, folder: Path, progress: UnitProgress) -> UnitResult:
    fingerprint = unit_fingerprint(build, unit)
    statistics = Statistics()
    rows = Rows()
    writers: dict[str, pq.ParquetWriter] = {}
    written: dict[str, int] = {}
    seen: set[int] = set()
    first = last = -1
    ascending = True

    def flush() -> None:
        for table, columns in rows.columns.items():
            batch = record_batch(table, columns)
            if not batch.num_rows:
                continue
            if table not in writers:
                compression = "lz4" if table in _WRITTEN_AGAIN else "zstd"
                path = folder / f"{table}.parquet"
                writers[table] = open_writer(
                    path, table, fingerprint=fingerprint, compression=compression, schemas=UNIT_TABLES
                )
            writers[table].write_batch(batch, row_group_size=ROWS_PER_GROUP[table])
            written[table] = written.get(table, 0) + batch.num_rows
        rows.clear()

    pages = read_pages(unit, allow_truncated=build.allow_truncated, progress=progress.advance)
    try:
        for page in pages:
            progress.update(statistics.counts["pages"], page)
            if isinstance(page, BrokenPage):
                statistics.counts["pages"] += 1
                statistics.drop("pages", BROKEN_PAGE_REASONS[page.reason], example=page.where)
            elif _append_page(rows, page, build, statistics, seen):
                ascending = ascending and page.page_id > last
                first = page.page_id if first < 0 else min(first, page.page_id)
                last = max(last, page.page_id)
            if len(rows) >= FLUSH_ROWS:
                flush()
        flush()
    finally:
        for writer in writers.values():
            writer.close()
    return {
        "number": unit.number,
        "fingerprint": fingerprint,
        "unit": asdict(unit),
        "first_page_id": first,
        "last_page_id": last,
        "ascending": ascending,
        "rows": written,
        "statistics": statistics.to_json(),
    }


def _append_page(rows: Rows, page: Page, build: Build, statistics: Statistics, seen: set[int]) -> bool:
    """Adds a page's rows; tells whether it became a row of the table of pages."""
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
