"""Makes the text index of a snapshot that exists.

    python -m pipelines.index_text --kc kc

`pipelines.build_text_kc` does the same at its end.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console

from kc_schema.snapshot import SnapshotError
from pipelines.beam_run import choose_engine, default_workers, quiet_beam
from pipelines.beam_workers import RunError
from pipelines.command_line import CommandParser, add_workers_option
from pipelines.text_index.options import (
    add_text_index_options,
    check_text_index_options,
    index_snapshot,
    text_index,
)
from pipelines.text_index.protocol import TextIndexError

EXAMPLE = """\
examples:
  python -m pipelines.index_text --kc kc
  python -m pipelines.index_text --kc kc --text-index elasticsearch --elasticsearch-url https://localhost:9200

An index that is there and belongs to the snapshot is left as it is; one that was stopped is finished by the
same command. Any option of Apache Beam may follow where a cluster is loaded, such as --runner FlinkRunner.
"""


def parse_arguments(argv: list[str] | None) -> tuple[argparse.Namespace, list[str]]:
    """Gives the command's own options and those that are Beam's."""
    parser = CommandParser(
        "pipelines.index_text", "Index the sentences of a text corpus for search.", EXAMPLE
    )
    parser.add_argument("--kc", default="kc", metavar="DIR", help="the snapshot's folder (default: kc)")
    add_workers_option(parser, "workers")
    add_text_index_options(parser)
    return parser.parse_known_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Runs the command; gives its exit status."""
    arguments, beam_arguments = parse_arguments(argv)
    console = Console(stderr=True)
    try:
        check_text_index_options(arguments)
        if text_index(arguments) == "none":
            console.print(
                "nothing to do: --text-index none makes no index; leave it out for one inside the snapshot"
                " (tantivy), or give --text-index elasticsearch and --elasticsearch-url URL",
                soft_wrap=True,
                highlight=False,
            )
            return 0
        workers = arguments.workers or default_workers()
        quiet_beam()
        engine = choose_engine(beam_arguments, workers=workers) if beam_arguments else None
        index_snapshot(Path(arguments.kc), arguments, workers=workers, console=console, engine=engine)
    except KeyboardInterrupt:
        console.print("stopped; the same command goes on")
        return 130
    except (RunError, SnapshotError, TextIndexError) as error:
        console.print(f"error: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
