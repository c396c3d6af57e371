"""Builds the image corpus: a snapshot's image links become images, vectors and a nearest-neighbour index.

    python -m pipelines.build_image_kc --kc kc --contact you@example.org

Plan, fetch, encode, index: docs/image-corpus.md says what each stage does and what it writes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from kc_schema.snapshot import SnapshotError, open_snapshot
from pipelines.beam_run import choose_engine, default_workers, quiet_beam
from pipelines.beam_workers import RunError
from pipelines.command_line import CommandParser, add_workers_option, positive
from pipelines.image_index.corpus import lock_images
from pipelines.image_index.encoding.networks import check_weights
from pipelines.image_index.errors import ImageIndexError
from pipelines.image_index.layout import Layout
from pipelines.image_index.options import (
    add_stage_options,
    encode_options,
    encoder_options,
    fetch_options,
    index_options,
)
from pipelines.image_index.report import show_summary
from pipelines.image_index.stages import STAGES, build_image_corpus

EXAMPLE = """\
examples:
  python -m pipelines.build_image_kc --kc kc --contact you@example.org
  python -m pipelines.build_image_kc --kc kc --contact you@example.org --limit 200
  python -m pipelines.build_image_kc --kc kc --images /data/mirror --device cuda
  python -m pipelines.build_image_kc --kc kc --stage fetch --contact you@example.org --retry-failed
  python -m pipelines.build_image_kc --kc kc --stage index --index IVF4096,SQfp16 --shards 16

Each stage is skipped when what it makes is there and current. A build that was stopped, by whatever, goes on
when the same command is run again. Options of Apache Beam may follow: they say where shards are filled.
"""


def parse_arguments(argv: Sequence[str] | None) -> tuple[argparse.Namespace, list[str]]:
    """Gives the command's own options and those that are Beam's."""
    parser = CommandParser("pipelines.build_image_kc", "Build the image corpus of a snapshot.", EXAMPLE)
    parser.add_argument("--kc", default="kc", metavar="DIR", help="the snapshot's folder (default: kc)")
    parser.add_argument("--stage", choices=STAGES, help="run this stage alone (default: all three)")
    add_workers_option(parser, "processes that decode, check and index")
    parser.add_argument(
        "--limit", type=positive, metavar="N", help="take N files only, to try the whole way (default: all)"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace embeddings that another encoder made"
    )
    parser.add_argument(
        "--json", action="store_true", help="print the manifest instead of the summary tables"
    )
    add_stage_options(parser)
    return parser.parse_known_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; gives its exit status."""
    arguments, beam_arguments = parse_arguments(argv)
    console = Console(stderr=True)
    quiet_beam()
    try:
        workers = arguments.workers or default_workers()
        if arguments.stage in (None, "encode"):  # said before anything is planned or fetched
            check_weights(arguments.encoder, arguments.encoder_cache)
        if beam_arguments:
            choose_engine(beam_arguments, workers=workers)
        snapshot = open_snapshot(arguments.kc)
        layout = Layout(Path(arguments.kc))
        with lock_images(layout):
            manifest = build_image_corpus(
                layout,
                snapshot,
                stages=(arguments.stage,) if arguments.stage else STAGES,
                kinds=arguments.types,
                limit=arguments.limit,
                fetching=fetch_options(arguments, snapshot, workers),
                encoding=encode_options(arguments, workers),
                encoder_options=encoder_options(arguments),
                indexing=index_options(arguments, workers, beam_arguments),
                console=console,
            )
    except KeyboardInterrupt:
        console.print("stopped; the same command goes on where this one was")
        return 130
    except (ImageIndexError, SnapshotError, RunError) as error:
        console.print(f"error: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        return 1
    if arguments.json:
        print(manifest.to_json(), end="")
    else:
        show_summary(Console(), Path(arguments.kc), manifest)
    return 0


if __name__ == "__main__":
    sys.exit(main())
