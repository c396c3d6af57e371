"""What the commands' options have in common: mistakes told in one line, numbers, workers, where networks run."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, NoReturn

from pipelines.text_index.connection import VARIABLES
from pipelines.text_index.options import ClusterOptions, SearchOptions, TextIndexOptions

__all__ = [
    "CommandParser",
    "add_network_options",
    "add_search_options",
    "add_text_index_options",
    "add_workers_option",
    "positive",
    "search_options",
    "text_index_options",
]


class CommandParser(argparse.ArgumentParser):
    """A parser whose help ends with examples, and which tells a mistake in one line instead of all options."""

    def __init__(self, name: str, description: str, examples: str) -> None:
        super().__init__(
            prog=f"python -m {name}",
            description=description,
            epilog=examples,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        """Ends the command with status 2."""
        self.exit(2, f"error: {message}; {self.prog} --help shows the options\n")


def positive(text: str) -> int:
    """Reads a whole number from 1 on.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return int(text)


def add_network_options(group: Any) -> None:
    """Adds ``--encoder-cache`` and ``--device`` to a parser or a group of its options."""
    group.add_argument("--encoder-cache", metavar="DIR", help="folder of downloaded weights")
    group.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 or mps (default: auto)")


def add_workers_option(parser: argparse.ArgumentParser, what: str = "worker processes") -> None:
    """Adds ``--workers``; `what` says what they are."""
    parser.add_argument(
        "--workers", type=positive, metavar="N", help=f"{what} (default: one a core of this machine)"
    )


def add_text_index_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options that say which index to make."""
    group = parser.add_argument_group("text index")
    group.add_argument(
        "--text-index",
        choices=("tantivy", "elasticsearch", "none"),
        help="where sentences are indexed: embedded in the snapshot (tantivy), in a cluster, or not at all"
        " (default: tantivy; elasticsearch where an address is given)",
    )
    _add_connection_options(group)
    group.add_argument(
        "--keep",
        type=_count,
        metavar="N",
        help="older snapshots that stay in the cluster when the aliases move (default: 1)",
    )
    group.add_argument(
        "--shards", type=positive, metavar="N", help="primary shards (default: one for every 50M sentences)"
    )
    group.add_argument(
        "--replicas",
        type=_count,
        metavar="N",
        help="copies of the loaded indices (default: 1 where the cluster has another node for it)",
    )


def add_search_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options that say which index to ask, and how."""
    group = parser.add_argument_group("text index")
    group.add_argument("--kc", default="kc", metavar="DIR", help="the snapshot's folder (default: kc)")
    _add_connection_options(group)
    group.add_argument(
        "--max-document-frequency",
        type=_share,
        metavar="SHARE",
        help="leave out words found in more than this share of the sentences, such as 0.05: faster, and not the"
        " same result (default: every word counts)",
    )


def _add_connection_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--elasticsearch-url",
        metavar="URL",
        help="the cluster, http://host:port or https://host:port",
    )
    group.add_argument(
        "--elasticsearch-api-key", metavar="KEY", help=f"its API key (better: {VARIABLES['api_key']})"
    )
    group.add_argument("--elasticsearch-user", metavar="NAME", help=f"its user (or {VARIABLES['user']})")
    group.add_argument(
        "--elasticsearch-password",
        metavar="PASSWORD",
        help=f"the user's password (better: {VARIABLES['password']})",
    )
    group.add_argument(
        "--elasticsearch-ca-file",
        metavar="FILE",
        help=f"certificates that sign the cluster's, in PEM (or {VARIABLES['ca_file']}; default: the system's)",
    )
    group.add_argument(
        "--index-prefix",
        metavar="PREFIX",
        help="of the cluster's aliases, PREFIX-sentences and PREFIX-paragraphs (default: kc)",
    )


def _share(text: str) -> float:
    value = float(text)
    if not 0.0 < value <= 1.0:
        raise argparse.ArgumentTypeError(f"{text} is not a share above 0 and at most 1")
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is not 0 or more")
    return value


def text_index_options(arguments: argparse.Namespace) -> TextIndexOptions:
    """Return what `add_text_index_options` read."""
    return TextIndexOptions(
        text_index=arguments.text_index,
        cluster=_cluster_options(arguments),
        keep=arguments.keep,
        shards=arguments.shards,
        replicas=arguments.replicas,
    )


def search_options(arguments: argparse.Namespace) -> SearchOptions:
    """Return what `add_search_options` read."""
    return SearchOptions(
        kc=Path(arguments.kc),
        max_document_frequency=arguments.max_document_frequency,
        cluster=_cluster_options(arguments),
    )


def _cluster_options(arguments: argparse.Namespace) -> ClusterOptions:
    return ClusterOptions(
        elasticsearch_url=arguments.elasticsearch_url,
        index_prefix=arguments.index_prefix,
        elasticsearch_api_key=arguments.elasticsearch_api_key,
        elasticsearch_user=arguments.elasticsearch_user,
        elasticsearch_password=arguments.elasticsearch_password,
        elasticsearch_ca_file=arguments.elasticsearch_ca_file and Path(arguments.elasticsearch_ca_file),
    )
