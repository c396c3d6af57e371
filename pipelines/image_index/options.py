"""The command-line options of the image corpus, by stage, and what is made of them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from kc_schema.snapshot import Snapshot
from pipelines.command_line import add_network_options, positive
from pipelines.image_index.encoding.encode import EncodeOptions
from pipelines.image_index.encoding.encoder import PRECISIONS
from pipelines.image_index.encoding.networks import DEFAULT_ENCODER
from pipelines.image_index.fetching.fetch import FetchOptions
from pipelines.image_index.fetching.media_urls import PUBLIC_SERVER, wiki_folder
from pipelines.image_index.fetching.politeness import Limits
from pipelines.image_index.file_names import KINDS, THUMBNAIL_WIDTHS
from pipelines.image_index.vector_index.build import IndexOptions

__all__ = ["add_stage_options", "encode_options", "encoder_options", "fetch_options", "index_options"]


def add_stage_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of each stage, in a group of its own."""
    _add_fetch_options(parser.add_argument_group("fetch"))
    _add_encode_options(parser.add_argument_group("encode"))
    _add_index_options(parser.add_argument_group("index"))


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
    add_network_options(group)
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


def fetch_options(arguments: argparse.Namespace, snapshot: Snapshot, workers: int) -> FetchOptions:
    """Gives how images are fetched."""
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


def encode_options(arguments: argparse.Namespace, workers: int) -> EncodeOptions:
    """Gives how images are encoded."""
    return EncodeOptions(arguments.batch_size, workers, arguments.overwrite)


def encoder_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """Gives the arguments of `pipelines.image_index.encoding.encoder.open_encoder`."""
    return {
        "spec": arguments.encoder,
        "device": arguments.device,
        "cache": arguments.encoder_cache,
        "precision": arguments.precision,
    }


def index_options(arguments: argparse.Namespace, workers: int, beam_arguments: Sequence[str]) -> IndexOptions:
    """Gives how the index is made."""
    return IndexOptions(
        arguments.index, arguments.shards, arguments.min_recall, workers, tuple(beam_arguments)
    )
