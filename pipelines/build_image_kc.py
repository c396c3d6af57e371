"""Builds the image corpus: a snapshot's image links become images, vectors and a nearest-neighbour index.

    python -m pipelines.build_image_kc --kc kc --contact you@example.org

Plan, fetch, encode, index: docs/image-corpus.md says what each stage does and what it writes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from kc_schema.image_manifest import ImageManifest
from kc_schema.snapshot import Snapshot, SnapshotError, open_snapshot
from pipelines.beam_run import choose_engine, default_workers, quiet_beam
from pipelines.beam_workers import RunError
from pipelines.command_line import CommandParser, add_workers_option, positive
from pipelines.image_index.corpus import (
    described_encoder,
    fetched_source,
    lock_images,
    planned_part_bits,
    write_manifest,
)
from pipelines.image_index.encode import EncodeOptions, embeddings_of, encode, encoded_states
from pipelines.image_index.encoder import PRECISIONS
from pipelines.image_index.errors import ImageIndexError
from pipelines.image_index.fetch import FetchOptions, check_source, fetch, fetched_states
from pipelines.image_index.file_names import KINDS, THUMBNAIL_WIDTHS
from pipelines.image_index.index_build import IndexOptions, build_index, index_is_current
from pipelines.image_index.layout import Layout
from pipelines.image_index.media_urls import PUBLIC_SERVER, wiki_folder
from pipelines.image_index.networks import DEFAULT_ENCODER
from pipelines.image_index.plan import IMAGES_PER_PART, Plan, make_plan
from pipelines.image_index.politeness import Limits
from pipelines.image_index.report import show_summary

if TYPE_CHECKING:
    from pipelines.image_index.encoder import Encoder

STAGES = ("fetch", "encode", "index")

EXAMPLE = """\
examples:
  python -m pipelines.build_image_kc --kc kc --contact you@example.org
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
        "--overwrite", action="store_true", help="replace embeddings that another encoder made"
    )
    parser.add_argument(
        "--json", action="store_true", help="print the manifest instead of the summary tables"
    )
    _add_fetch_options(parser.add_argument_group("fetch"))
    _add_encode_options(parser.add_argument_group("encode"))
    _add_index_options(parser.add_argument_group("index"))
    return parser.parse_known_args(argv)


def _add_fetch_options(group: Any) -> None:
    group.add_argument(
        "--images",
        default=PUBLIC_SERVER,
        metavar="DIR-or-URL",
        help="a media server's address, a local mirror of one, or a flat folder of files"
        f" (default: {PUBLIC_SERVER})",
    )
    group.add_argument(
        "--contact", default="", help="mail address or URL to be reached under; goes into the User-Agent"
    )
    group.add_argument(
        "--types",
        type=_kinds,
        default=tuple(kind for kind in KINDS if kind != "audio"),
        metavar="KIND,...",
        help=f"kinds of files to fetch, of {', '.join(KINDS)} (default: all but audio)",
    )
    group.add_argument(
        "--width",
        type=int,
        choices=THUMBNAIL_WIDTHS,
        default=500,
        help="width of thumbnails in pixels (default: 500)",
    )
    group.add_argument(
        "--connections", type=positive, default=2, metavar="N", help="connections to the server (default: 2)"
    )
    group.add_argument(
        "--megabits-per-second",
        type=_positive_float,
        default=25.0,
        metavar="N",
        help="bandwidth (default: 25)",
    )
    group.add_argument(
        "--max-bytes",
        type=positive,
        default=50_000_000,
        metavar="N",
        help="largest file (default: 50,000,000)",
    )
    group.add_argument(
        "--redirect-host",
        action="append",
        default=[],
        metavar="HOST",
        help="a host to which the server may send us; may be repeated (default: none but itself)",
    )
    group.add_argument(
        "--private-addresses",
        action="store_true",
        help="allow servers in private networks or on this machine",
    )
    group.add_argument(
        "--retry-failed", action="store_true", help="ask again for what failed, and for nothing else"
    )


def _add_encode_options(group: Any) -> None:
    group.add_argument(
        "--encoder",
        default=DEFAULT_ENCODER,
        metavar="SPEC",
        help="an open_clip model and its weights (a tag or a file), a folder with open_clip_config.json, or"
        f" package.module:function (default: {DEFAULT_ENCODER})",
    )
    group.add_argument("--encoder-cache", metavar="DIR", help="folder of downloaded weights")
    group.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps (default: auto)")
    group.add_argument(
        "--precision",
        choices=PRECISIONS,
        default="auto",
        help="numbers that the network computes in (default: 16 bits on a GPU, 32 elsewhere)",
    )
    group.add_argument(
        "--batch-size", type=positive, metavar="N", help="images a batch (default: found by trying)"
    )


def _add_index_options(group: Any) -> None:
    group.add_argument(
        "--index", metavar="FACTORY", help="Faiss' description of the index (default: by size)"
    )
    group.add_argument(
        "--shards",
        type=positive,
        metavar="N",
        help="pieces that are filled in parallel (default: one a 250,000 vectors)",
    )
    group.add_argument(
        "--min-recall",
        type=_share,
        default=0.95,
        metavar="SHARE",
        help="recall@10 against exact search that the index must have, for images of the corpus and for queries"
        " unlike them (default: 0.95)",
    )


def _positive_float(text: str) -> float:
    value = float(text)
    if not value > 0:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def _share(text: str) -> float:
    value = float(text)
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not a share above 0 and at most 1")
    return value


def _kinds(text: str) -> tuple[str, ...]:
    kinds = tuple(dict.fromkeys(kind.strip() for kind in text.split(",") if kind.strip()))
    unknown = sorted(set(kinds) - set(KINDS))
    if unknown or not kinds:
        raise argparse.ArgumentTypeError(
            f"{', '.join(unknown) or 'nothing'}: give some of {', '.join(KINDS)}"
        )
    return kinds


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; gives its exit status."""
    arguments, beam_arguments = parse_arguments(argv)
    console = Console(stderr=True)
    quiet_beam()
    try:
        workers = arguments.workers or default_workers()
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
                fetching=_fetch_options(arguments, snapshot, workers),
                encoding=EncodeOptions(arguments.batch_size, workers, arguments.overwrite),
                encoder_options={
                    "spec": arguments.encoder,
                    "device": arguments.device,
                    "cache": arguments.encoder_cache,
                    "precision": arguments.precision,
                },
                indexing=IndexOptions(
                    arguments.index, arguments.shards, arguments.min_recall, workers, tuple(beam_arguments)
                ),
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


def _fetch_options(arguments: argparse.Namespace, snapshot: Snapshot, workers: int) -> FetchOptions:
    return FetchOptions(
        images=arguments.images,
        wiki=wiki_folder(snapshot.manifest.dump.get("wiki", "enwiki")),
        width=arguments.width,
        contact=arguments.contact,
        limits=Limits(arguments.connections, arguments.megabits_per_second),
        redirect_hosts=tuple(arguments.redirect_host),
        private_addresses=arguments.private_addresses,
        max_bytes=arguments.max_bytes,
        retry_failed=arguments.retry_failed,
        workers=workers,
    )


def build_image_corpus(
    layout: Layout,
    snapshot: Snapshot,
    *,
    stages: Sequence[str] = STAGES,
    kinds: Sequence[str],
    fetching: FetchOptions,
    encoding: EncodeOptions,
    encoder_options: dict[str, Any],
    indexing: IndexOptions,
    images_per_part: int = IMAGES_PER_PART,
    console: Console,
) -> ImageManifest:
    """Runs the stages, each unless what it makes is there and current; gives the manifest.

    Args:
        encoder_options: the arguments of `pipelines.image_index.encoder.open_encoder`.

    Raises:
        ImageIndexError: a stage failed, or one before it was not run.
        RunError: the pipeline that fills shards failed.
    """
    source: dict[str, Any] = {
        "images": fetching.images,
        "wiki": fetching.wiki,
        "width": fetching.width,
        "types": sorted(kinds),
    }
    if "fetch" not in stages:  # the later stages go on with what was fetched, from wherever
        source = fetched_source(layout)
    plan = make_plan(
        snapshot,
        layout,
        kinds=source["types"],
        part_bits=planned_part_bits(layout),
        images_per_part=images_per_part,
    )
    encoder = _encoder_there(layout)
    if "fetch" in stages:
        check_source(layout, plan, fetching)
    network = None
    if "encode" in stages:
        if "fetch" not in stages:
            _all_records(layout, plan)
        network = _open_encoder(
            encoder_options, console
        )  # its weights may be missing: say so before hours of fetching
    if "fetch" in stages:
        _say(console, f"{plan.files:,} files in {_counted(len(plan.planned), 'part')}")
        try:
            fetch(layout, plan, fetching, console)
        finally:
            write_manifest(layout, snapshot, plan, source=source, encoder=encoder)
    if network is not None:
        encode(layout, _all_records(layout, plan), network, encoding, console)
        encoder = network.describe()
        write_manifest(layout, snapshot, plan, source=source, encoder=encoder)
    if "index" in stages:
        run_index(layout, plan, indexing, console)
    return write_manifest(layout, snapshot, plan, source=source, encoder=encoder)


def _open_encoder(options: dict[str, Any], console: Console) -> Encoder:
    from pipelines.image_index.encoder import open_encoder

    encoder = open_encoder(**options)
    _say(console, f"encoder {encoder.name} on {encoder.device_name}, {encoder.dimension} numbers a vector")
    return encoder


def run_index(layout: Layout, plan: Plan, options: IndexOptions, console: Console) -> None:
    """Indexes what was encoded, unless the index is there and current."""
    encoder = described_encoder(layout)
    states = encoded_states(layout, _all_records(layout, plan), encoder["fingerprint"])
    if len(states) < len(plan.planned):
        raise ImageIndexError(
            f"{layout.images}: {len(states)} of {len(plan.planned)} parts are encoded; run"
            f" python -m pipelines.build_image_kc --kc {layout.kc} --stage encode"
        )
    embeddings = embeddings_of(layout, states, encoder["dimension"])
    if index_is_current(layout, embeddings, options):
        _say(console, f"{layout.index}: the index is there and current")
    else:
        build_index(layout, embeddings, encoder, options, lambda line: _say(console, line))


def _all_records(layout: Layout, plan: Plan) -> dict[int, dict[str, Any]]:
    records = fetched_states(layout, plan)
    if len(records) < len(plan.planned):
        raise ImageIndexError(
            f"{layout.images}: {len(records)} of {len(plan.planned)} parts are fetched; run"
            f" python -m pipelines.build_image_kc --kc {layout.kc} --stage fetch"
        )
    return records


def _encoder_there(layout: Layout) -> dict[str, Any] | None:
    try:
        return described_encoder(layout)
    except ImageIndexError:
        return None


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _say(console: Console, line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
