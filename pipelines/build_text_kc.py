"""Builds the text corpus: a Wikipedia dump becomes sentences, paragraphs and a search index.

    python -m pipelines.build_text_kc --dump enwiki-20250101-pages-articles-multistream.xml.bz2 --output kc

Plan, extract, resolve, commit, index: docs/text-corpus.md says what each step does and what it writes.
"""

from __future__ import annotations

import argparse
import functools
import os
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console

from kc_schema.errors import UserError
from kc_schema.snapshot import Manifest, SnapshotError, has_manifest, read_manifest
from pipelines.beam_run import (
    Engine,
    choose_engine,
    default_workers,
    quiet_beam,
    run_pipeline,
    show_notes,
)
from pipelines.beam_workers import RunError, WorkerDiedError
from pipelines.command_line import (
    CommandParser,
    add_text_index_options,
    add_workers_option,
    text_index_options,
)
from pipelines.dump.errors import DumpError
from pipelines.dump.parts import find_parts
from pipelines.dump.site_information import read_site
from pipelines.dump.work_units import WorkUnit, plan_work_units
from pipelines.engine import Engine as StepEngine
from pipelines.index_text import index_snapshot
from pipelines.text_corpus.build import Build, BuildError, code_fingerprint, rules_in_force
from pipelines.text_corpus.commit import commit, remove_work
from pipelines.text_corpus.extract import extract_unit
from pipelines.text_corpus.fragments import FRAGMENT_RULES
from pipelines.text_corpus.output import (
    describe_dump,
    describe_standstill,
    dump_fingerprint,
    lock_output,
    prepare_output,
)
from pipelines.text_corpus.progress_display import BuildProgress
from pipelines.text_corpus.report import show_summary
from pipelines.text_corpus.resolve import build_redirects, plan_ranges, resolve_range

EXAMPLE = """\
examples:
  python -m pipelines.build_text_kc --dump enwiki-20250101-pages-articles-multistream.xml.bz2
  python -m pipelines.build_text_kc --dump 'dumps/enwiki-*.xml.bz2' --output kc --workers 8
  python -m pipelines.build_text_kc --dump dumps/ --text-index elasticsearch \\
      --elasticsearch-url https://localhost:9200

Any option of Apache Beam may follow, such as --runner FlinkRunner. A build that was stopped, by whatever,
goes on when the same command is run again.
"""


def parse_arguments(argv: Sequence[str] | None) -> tuple[argparse.Namespace, list[str]]:
    """Gives the command's own options and those that are Beam's."""
    parser = CommandParser("pipelines.build_text_kc", "Build the text corpus from a Wikipedia dump.", EXAMPLE)
    parser.add_argument(
        "--dump",
        required=True,
        help="a dump file (.xml, .xml.bz2, .xml.gz, .xml.zst), a folder of its parts, or a glob in quotes",
    )
    parser.add_argument("--output", default="kc", metavar="DIR", help="the snapshot's folder (default: kc)")
    add_workers_option(parser)
    parser.add_argument(
        "--skip-disambiguation",
        action="store_true",
        help="leave out pages that only tell articles of one name apart (they are kept and marked otherwise)",
    )
    parser.add_argument(
        "--without-rule",
        action="append",
        default=[],
        metavar="RULE",
        help=f"switch off a rule that leaves out fragments: {', '.join(FRAGMENT_RULES)}, or all; may be repeated",
    )
    parser.add_argument(
        "--allow-truncated",
        action="store_true",
        help="keep what can be read of a dump that is cut off, and count the loss",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace what the output folder holds")
    parser.add_argument(
        "--json", action="store_true", help="print the manifest instead of the summary tables"
    )
    add_text_index_options(parser)
    return parser.parse_known_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; gives its exit status."""
    arguments, beam_arguments = parse_arguments(argv)
    console = Console(file=sys.stderr)
    quiet_beam()
    show_notes()
    try:
        workers = arguments.workers or default_workers()
        if beam_arguments:  # Beam takes a second to import: a finished snapshot must not wait for it
            choose_engine(beam_arguments, workers=workers)
        text_index = text_index_options(arguments)
        text_index.check(console.print)
        rules = rules_in_force(arguments.without_rule)
        manifest, seconds = build_text_corpus(
            arguments.dump,
            Path(arguments.output),
            workers=workers,
            beam_arguments=beam_arguments,
            rules=rules,
            skip_disambiguation=arguments.skip_disambiguation,
            allow_truncated=arguments.allow_truncated,
            overwrite=arguments.overwrite,
            console=console,
        )
        with StepEngine(workers, beam_arguments) as steps:
            index_snapshot(Path(arguments.output), text_index, engine=steps, console=console)
    except KeyboardInterrupt:
        console.print("stopped; the same command goes on where this one was")
        _leave(130)
    except (DumpError, BuildError, RunError, SnapshotError, UserError) as error:
        console.print(f"error: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        _leave(1)
    if arguments.json:
        print(manifest.to_json(), end="")
    else:
        show_summary(Console(), Path(arguments.output), manifest, seconds=seconds)
    return 0


def build_text_corpus(
    dump: str,
    output: Path,
    *,
    workers: int = 1,
    beam_arguments: Sequence[str] = (),
    rules: frozenset[str] = frozenset(FRAGMENT_RULES),
    skip_disambiguation: bool = False,
    allow_truncated: bool = False,
    overwrite: bool = False,
    unit_bytes: int | None = None,
    console: Console,
) -> tuple[Manifest, float | None]:
    """Builds the snapshot in `output` from `dump`, or goes on with it, or finds it finished.

    Args:
        workers: processes on this machine, unless `beam_arguments` name another runner.
        beam_arguments: options of Apache Beam.
        rules: names of the fragment rules in force.
        unit_bytes: compressed bytes of a work unit; the default depends on the dump alone.

    Returns:
        The manifest, and the seconds that it took; None where the snapshot was there.

    Raises:
        DumpError: the dump cannot be read.
        BuildError: the output folder holds something else, or cannot be written.
        RunError: the pipeline failed.
    """
    started = time.monotonic()
    refuse_snapshot(dump)
    parts = find_parts(dump)
    site = read_site(parts)
    build = Build(
        output=str(output.resolve()),
        site=site,
        dump_fingerprint=dump_fingerprint(parts),
        code_fingerprint=code_fingerprint(),
        rules=rules,
        skip_disambiguation=skip_disambiguation,
        allow_truncated=allow_truncated,
        driver=(socket.gethostname(), os.getpid()),
    )
    finished = prepare_output(build, overwrite=overwrite, console=console)
    if finished is not None:
        return finished, None
    units = plan_work_units(parts, unit_bytes)
    engine = choose_engine(beam_arguments, workers=workers)
    with lock_output(build):
        extract_resolve_commit(units, build, describe_dump(parts, site, build), engine, console)
    return read_manifest(output), time.monotonic() - started


def refuse_snapshot(dump: str) -> None:
    """Tells a snapshot from the dump that it should have been.

    Raises:
        BuildError: `dump` is a folder that a build has written.
    """
    folder = Path(dump)
    if has_manifest(folder) or (folder / "sentences").is_dir():
        raise BuildError(
            f"{dump}: is a text corpus that was built, not a dump; --dump takes the files of a Wikipedia dump,"
            f" and this folder is searched with: python -m pipelines.search QUERY --kc {dump}"
        )


def extract_resolve_commit(
    units: list[WorkUnit], build: Build, dump: dict[str, Any], engine: Engine, console: Console
) -> None:
    """Runs the Beam pipeline with a progress bar.

    Raises:
        RunError: it failed; what is finished stays, and the same command goes on.
    """
    with BuildProgress(console, build, units) as progress:
        if progress.units_found_finished:
            console.print(
                f"going on: {progress.units_found_finished} of {len(units)} work units are finished"
            )
        try:
            run_pipeline(
                functools.partial(draw_graph, units=units, build=build, dump=dump), engine, progress.look
            )
        except WorkerDiedError as error:
            raise RunError(f"{error}; {describe_standstill(units, build)}") from error
    if progress.seconds_to_first_page is not None:
        console.print(f"first page after {progress.seconds_to_first_page:.1f} s")
    remove_work(build)


def draw_graph(pipeline: Any, *, units: list[WorkUnit], build: Build, dump: dict[str, Any]) -> None:
    """Draws the pipeline: what passes between its steps is manifests, the rows stay in part files."""
    import apache_beam as beam
    from apache_beam.pvalue import AsSingleton

    results = (
        pipeline
        | "Work units" >> beam.Create(units)
        | "Spread units" >> beam.Reshuffle()
        | "Extract" >> beam.Map(extract_unit, build)
    )
    units_done = results | "Gather units" >> beam.combiners.ToList()
    redirects = units_done | "Redirects" >> beam.Map(build_redirects, build)
    ranges = (
        units_done
        | "Page ranges" >> beam.FlatMap(plan_ranges, build)
        | "Spread ranges" >> beam.Reshuffle()
        | "Resolve" >> beam.Map(resolve_range, build, AsSingleton(redirects))
    )
    ranges_done = ranges | "Gather ranges" >> beam.combiners.ToList()
    _ = units_done | "Commit" >> beam.Map(
        commit, AsSingleton(redirects), AsSingleton(ranges_done), build=build, dump=dump
    )


def _leave(status: int) -> NoReturn:
    """Ends the process at once: after a failure Beam's threads may wait for workers that are gone."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    sys.exit(main())
