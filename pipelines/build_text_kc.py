"""Builds the text corpus: a Wikipedia dump becomes sentences, paragraphs and a search index.

    python -m pipelines.build_text_kc --dump enwiki-20250101-pages-articles-multistream.xml.bz2 --output kc

Plan, extract, resolve, commit, index: docs/text-corpus.md says what each step does and what it writes. A build
that was stopped, by whatever, goes on when the same command is run again.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from rich.console import Console

from kc_schema.command import Command, Positive, Share, options, printable
from kc_schema.errors import UsageError
from kc_schema.snapshot import Manifest, has_manifest
from kc_schema.store import ObjectPath, Place, as_path, to_json
from pipelines.dump.errors import DumpError
from pipelines.dump.parts import DumpFile, find_parts
from pipelines.dump.site_information import read_site, refuse_mixture
from pipelines.dump.work_units import WorkUnit, plan_work_units
from pipelines.engine import Engine, Progress, RunError, WorkerDiedError, default_workers, timed
from pipelines.index_text import index_snapshot
from pipelines.text_corpus.build import RULES, Build, BuildError, code_fingerprint, rules_in_force
from pipelines.text_corpus.changed_redirects import write_changed_titles
from pipelines.text_corpus.extract import UnitResult, extract_unit, unit_step
from pipelines.text_corpus.manifest import describe_build, describe_dump, dump_fingerprint, file_fingerprint
from pipelines.text_corpus.output import commit, find_finished, open_place
from pipelines.text_corpus.page_props import find_page_props, load_page_props
from pipelines.text_corpus.progress import BuildProgress, describe_standstill
from pipelines.text_corpus.redirects import JoinedRedirects, join_redirects, redirect_step
from pipelines.text_corpus.repeats import count_looks, find_repeats
from pipelines.text_corpus.report import show_summary
from pipelines.text_corpus.resolve import RangeResult, plan_ranges, range_step, resolve_range
from pipelines.text_corpus.reuse import write_kept_manifest
from pipelines.text_corpus.statistics import Statistics
from pipelines.text_index.options import TextIndexOptions

EXAMPLES = """\
python -m pipelines.build_text_kc --dump enwiki-20250101-pages-articles.xml.bz2
python -m pipelines.build_text_kc --dump 'dumps/enwiki-*.bz2' --workers 8
python -m pipelines.build_text_kc --dump wiki:simplewiki --contact you@example.org
python -m pipelines.build_text_kc --dump dumps/enwiki-20250101 --page-props auto
python -m pipelines.build_text_kc --dump dumps/ --plan --workers 16
python -m pipelines.build_text_kc --dump dumps/ --limit 1000 --output kc-small
python -m pipelines.build_text_kc --dump dumps/ --runner FlinkRunner ..."""


@options
@dataclass(frozen=True, kw_only=True)
class BuildOptions:
    """Options of the command, the frequent ones first."""

    dump: str
    """A dump file (.xml, .xml.bz2, .xml.gz, .xml.zst), a folder of parts, a glob in quotes, or wiki:NAME (newest)."""
    output: Path = Path("kc")
    """The snapshot's folder."""
    workers: Positive | None = None
    """Worker processes (default: one a core of this machine)."""
    limit: Positive | None = None
    """Take the first so many articles of the dump alone, to try things out."""
    overwrite: bool = False
    """Replace what the output folder holds."""
    allow_truncated: bool = False
    """Keep what can be read of a dump that is cut off, and count the loss."""
    skip_disambiguation: bool = False
    """Leave out pages that only tell articles of one name apart; they are kept and marked otherwise."""
    pronunciations: bool = False
    """Keep how an article's subject is pronounced, in leads and elsewhere; it is left out otherwise."""
    without_rule: tuple[str, ...] = ()
    """Keep what a rule leaves out: no_words, coordinates, citation_rest, one_word, short_item, numbered_line,
    bold_heading, formula, or all; repeatable."""
    page_props: str | None = None
    """The wiki's table of page properties (*-page_props.sql.gz), or auto: the one beside the dump."""
    contact: str = ""
    """With wiki:NAME: mail address or URL to be reached under; the public server of dumps asks for it."""
    base: str | None = None
    """With wiki:NAME: address of a mirror of the public server of dumps."""
    plan: bool = False
    """Measure a small sample of the dump and print what the build will take; nothing is built."""
    sample: Share | None = None
    """With --plan: share of the dump that is measured. [default: 0.01, at most 32 MB]"""
    json: bool = False
    """Print the manifest (with --plan the estimates) instead of tables."""
    index: TextIndexOptions = field(default_factory=TextIndexOptions)


def run(given: BuildOptions, beam_arguments: Sequence[str]) -> None:
    """Build the snapshot that the options ask for, and its index; or say what that would take."""
    console = Console(file=sys.stderr)
    if given.plan:
        show_plan(given, starting=time.process_time())
        return
    if given.sample is not None:
        raise UsageError("--sample goes with --plan")
    started = time.monotonic()
    with Engine(given.workers or default_workers(), beam_arguments) as engine:
        given.index.check(partial(_tell, console))
        dump = _fetched(given, console) if given.dump.startswith("wiki:") else given.dump
        parts, build = describe(
            dump,
            given.output,
            rules=rules_in_force(given.without_rule),
            skip_disambiguation=given.skip_disambiguation,
            allow_truncated=given.allow_truncated,
            pronunciations=given.pronunciations,
            limit=given.limit,
            page_props=given.page_props,
        )
        with open_place(build) as place, engine.writing(place.folder, partial(_tell, console)):
            manifest = find_finished(place, build, console, overwrite=given.overwrite)
            seconds = None
            if manifest is None:
                manifest = build_text_corpus(parts, build, place, engine, console)
                seconds = time.monotonic() - started
            index_snapshot(given.output, given.index, engine=engine, console=console, place=place)
    if given.json:
        print(manifest.to_json(), end="")
    else:
        show_summary(Console(), given.output, manifest, seconds=seconds)


def _tell(console: Console, line: str) -> None:
    console.print(printable(line), markup=False, highlight=False, soft_wrap=True)


def show_plan(given: BuildOptions, *, starting: float) -> None:
    """Print what the build would take, by a sample of the dump.

    Args:
        starting: CPU seconds of this process so far; every worker of a build needs as many.

    Raises:
        DumpError: the dump cannot be read.
        UsageError: a dump that is not here yet, or an option that does not go with a plan.
    """
    from pipelines.forecast.report import show_text_forecast
    from pipelines.forecast.text import forecast_text

    if given.dump.startswith("wiki:"):
        raise UsageError(
            "--plan measures a dump that is here: fetch it first, with python -m pipelines.download_dump"
        )
    if given.limit is not None:
        raise UsageError("--plan is for the whole dump: leave out --limit")
    options = {
        "rules": rules_in_force(given.without_rule),
        "skip_disambiguation": given.skip_disambiguation,
        "allow_truncated": given.allow_truncated,
    }
    parts = find_parts(given.dump)
    refuse_mixture(parts)
    forecast = forecast_text(
        parts,
        describe=partial(describe, **options),  # type: ignore[arg-type]
        build_text=build_text_corpus,
        workers=given.workers or default_workers(),
        text_index=given.index.kind,
        with_apparatus=given.index.with_apparatus,
        elsewhere=isinstance(given.output, ObjectPath),
        sample=given.sample,
        starting=starting,
    )
    if given.json:
        print(to_json(forecast), end="")
    else:
        show_text_forecast(Console(), forecast)


def _fetched(given: BuildOptions, console: Console) -> str:
    """Fetch the newest dump of the wiki that ``wiki:NAME`` names; return its folder.

    It is ``dumps``, here or, where all workers can read it alone, beside an output in object storage.
    """
    from pipelines.dump.download import PUBLIC_SERVER, fetch_newest

    return str(
        fetch_newest(
            given.dump.removeprefix("wiki:"),
            given.output.parent / "dumps" if isinstance(given.output, ObjectPath) else Path("dumps"),
            base=given.base or PUBLIC_SERVER,
            contact=given.contact,
            what=("articles", "page_props") if given.page_props == "auto" else ("articles",),
            console=console,
        )
    )


def describe(
    dump: str,
    output: Path,
    *,
    rules: frozenset[str] = frozenset(RULES),
    skip_disambiguation: bool = False,
    allow_truncated: bool = False,
    pronunciations: bool = False,
    limit: int | None = None,
    page_props: str | None = None,
    keep: bool = False,
    older: Path | None = None,
    pages_per_part: int | None = None,
) -> tuple[list[DumpFile], Build]:
    """Return the files of the dump, and all that decides what is made of them.

    Raises:
        DumpError: the dump or the file of page properties cannot be read.
        BuildError: it is no dump, but what a build has written.
    """
    try:
        parts = find_parts(dump)
    except DumpError as error:
        with contextlib.suppress(OSError, UsageError):
            folder = as_path(dump)
            if has_manifest(folder) or (folder / "sentences").is_dir():
                raise BuildError(
                    f"{dump}: is a text corpus that was built, not a dump; --dump takes the files of a Wikipedia dump,"
                    f" and this folder is searched with: python -m pipelines.search QUERY --kc {dump}"
                ) from error
        raise
    refuse_mixture(parts)
    props = find_page_props(page_props, parts) if page_props is not None else None
    build = Build(
        output=output.absolute(),
        site=replace(read_site(parts), pronunciations=pronunciations),
        dump_fingerprint=dump_fingerprint(parts),
        code_fingerprint=code_fingerprint(),
        rules=rules,
        skip_disambiguation=skip_disambiguation,
        allow_truncated=allow_truncated,
        pronunciations=pronunciations,
        limit=limit,
        page_props=props,
        page_props_fingerprint=file_fingerprint([props]) if props is not None else "",
        keep=keep,
        older=older,
        pages_per_part=pages_per_part,
    )
    return parts, build


def build_text_corpus(
    parts: list[DumpFile],
    build: Build,
    place: Place,
    engine: Engine,
    console: Console,
    *,
    unit_bytes: int | None = None,
) -> Manifest:
    """Build the snapshot of the dump's `parts` in `place`, or go on with it; return its manifest.

    Args:
        unit_bytes: compressed bytes of a work unit; the default depends on the dump alone.

    Raises:
        DumpError: the dump is damaged.
        BuildError: it holds no page.
        UserError: a file cannot be read or written, or a worker died; what is finished stays.
    """
    props = load_page_props(build, console)
    with timed(build.output, "extract", "pages") as time_of:
        units, time_of.done = extract(plan_work_units(parts, unit_bytes), build, engine, console)
    if not any(unit.statistics.counts["pages"] for unit in units):
        place.remove_work()
        raise BuildError(
            f"{parts[0].path}: no <page> in the dump; give an XML export of MediaWiki that holds pages, its elements"
            " without a prefix"
        )
    found = [unit.parts["redirects"] for unit in units if "redirects" in unit.parts]
    with timed(build.output, "redirects", "redirects") as time_of:
        [redirects] = engine.map(
            partial(join_redirects, build),
            [found],
            finished=lambda found: redirect_step(build, found).result(),
            label="Redirects",
        )
        time_of.done = sum(part.rows for part in redirects.parts)
    if build.older is not None:
        write_changed_titles(build, redirects)
    ranges = resolve(units, redirects, build, engine, console)
    hashes = [part for pages in ranges for part in pages.hashes]
    with (
        timed(build.output, "repeats", "sentences") as time_of,
        Progress(console, "Repeats", count_looks(hashes), unit="parts") as progress,
    ):
        repeats = find_repeats(build, hashes, progress.advance)
        time_of.done = sum(part.rows for part in hashes)
    manifest = describe_build(describe_dump(parts, build), build, units, redirects, ranges, repeats, props)
    if build.keep:
        kept = [part for pages in ranges for part in pages.kept]
        write_kept_manifest(build, manifest, kept, sum(unit.reused for unit in units))
    commit(place, manifest)
    return manifest


def resolve(
    units: Sequence[UnitResult], redirects: JoinedRedirects, build: Build, engine: Engine, console: Console
) -> list[RangeResult]:
    """Write the parts of all page ranges, anchors resolved."""
    pages = plan_ranges(units, build)
    with (
        timed(build.output, "resolve", "sentences") as time_of,
        Progress(console, "Resolve", len(pages), unit="parts") as progress,
    ):

        def arrived(found: RangeResult) -> None:
            progress.advance()
            time_of.done += sum(part.rows for part in found.parts.get("sentences", ()))

        return engine.map(
            partial(resolve_range, build, redirects),
            pages,
            finished=lambda pages: range_step(build, redirects, pages).result(),
            label="Resolve",
            arrived=arrived,
        )


def extract(
    units: Sequence[WorkUnit], build: Build, engine: Engine, console: Console
) -> tuple[list[UnitResult], int]:
    """Extract all work units, or as many as hold the first `Build.limit` articles; count the pages read now.

    Raises:
        RunError: a worker died; the message says what was being read.
    """
    results: list[UnitResult] = []

    def finished(unit: WorkUnit) -> Statistics | None:
        if build.limit is None:
            result = unit_step(build, unit).result()
        else:
            result = results[unit.number] if unit.number < len(results) else None
        return None if result is None else result.statistics

    with BuildProgress(console, build.work, units, finished, build.limit) as progress:
        if progress.units_found_finished:
            console.print(
                f"going on: {progress.units_found_finished} of {len(units)} work units are finished"
            )
        try:
            if build.limit is None:
                return _extract(units, None, build, engine, progress.look), progress.fresh
            left = build.limit
            for unit in units:
                if left:
                    results += _extract([unit], left, build, engine, progress.look)
                    left -= results[-1].statistics.counts["articles"]
        except WorkerDiedError as error:
            raise RunError(f"{error}; {describe_standstill(build.work, units, finished)}") from error
        finally:
            if progress.seconds_to_first_page is not None:
                console.print(f"first page after {progress.seconds_to_first_page:.1f} s")
        return results, progress.fresh


def _extract(
    units: Sequence[WorkUnit],
    articles: int | None,
    build: Build,
    engine: Engine,
    look: Callable[[], None],
) -> list[UnitResult]:
    return engine.map(
        partial(extract_unit, build, articles=articles),
        units,
        finished=lambda unit: unit_step(build, unit, articles).result(),
        label="Extract",
        look=look,
    )


main = Command(
    module="pipelines.build_text_kc",
    summary="Build the text corpus from a Wikipedia dump.",
    options=BuildOptions,
    run=run,
    examples=EXAMPLES,
    beam=True,
)

if __name__ == "__main__":
    sys.exit(main())
