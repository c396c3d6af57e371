"""The command-line options of the text index, the same for every command that has one."""

from __future__ import annotations

import argparse
import functools
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from pipelines.beam_run import Engine, choose_engine, quiet_beam
from pipelines.command_line import positive
from pipelines.text_index import TextIndex, TextIndexError, open_index
from pipelines.text_index.connection import VARIABLES, Connection

__all__ = [
    "add_search_options",
    "add_text_index_options",
    "check_text_index_options",
    "index_snapshot",
    "open_chosen_index",
]

_LINES = 20
"""Lines of progress where there is no terminal."""


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


_ONLY_WITH_CLUSTER = (
    "elasticsearch_url",
    "elasticsearch_api_key",
    "elasticsearch_user",
    "elasticsearch_password",
    "elasticsearch_ca_file",
    "index_prefix",
    "keep",
    "shards",
    "replicas",
)


def check_text_index_options(arguments: argparse.Namespace) -> None:
    """Refuses options that do not go together, before any work is done.

    Raises:
        TextIndexError: a cluster without an address, an address without a cluster, or wrong credentials.
    """
    if text_index(arguments) == "elasticsearch":
        if arguments.elasticsearch_url is None:
            raise TextIndexError("--text-index elasticsearch needs --elasticsearch-url URL")
        connection(arguments)
        return
    for name in _ONLY_WITH_CLUSTER:
        if getattr(arguments, name) is not None:
            option = f"--{name.replace('_', '-')}"
            raise TextIndexError(f"{option} goes with --text-index elasticsearch and --elasticsearch-url")


def text_index(arguments: argparse.Namespace) -> str:
    """Gives the kind of index to make: tantivy, elasticsearch or none."""
    chosen = "tantivy" if arguments.elasticsearch_url is None else "elasticsearch"
    return str(arguments.text_index or chosen)


def connection(arguments: argparse.Namespace) -> Connection:
    """Gives the connection to the cluster, from options and environment.

    Raises:
        TextIndexError: an address or credentials that cannot be used.
    """
    return Connection.from_url(
        arguments.elasticsearch_url,
        api_key=arguments.elasticsearch_api_key,
        user=arguments.elasticsearch_user,
        password=arguments.elasticsearch_password,
        ca_file=arguments.elasticsearch_ca_file,
    )


def open_chosen_index(arguments: argparse.Namespace) -> TextIndex:
    """Opens the index that a search's options name.

    Raises:
        kc_schema.snapshot.SnapshotError: no finished snapshot there.
        TextIndexError: no index there.
    """
    return open_index(
        arguments.kc if arguments.elasticsearch_url is None else connection(arguments),
        max_document_frequency=arguments.max_document_frequency,
        index_prefix=arguments.index_prefix or "kc",
    )


def index_snapshot(
    kc: Path, arguments: argparse.Namespace, *, workers: int, console: Console, engine: Engine | None = None
) -> None:
    """Makes the index of the snapshot in `kc` that `arguments` ask for, with progress on `console`.

    Args:
        workers: threads (embedded) or processes (a cluster) on this machine.
        engine: what runs the Beam pipeline that loads a cluster; None takes `workers` processes.

    Raises:
        TextIndexError: it cannot be made; the message says what to do.
    """
    kind = text_index(arguments)
    if kind == "tantivy":
        _index_embedded(kc, workers, console)
    elif kind == "elasticsearch":
        quiet_beam()
        _load_cluster(kc, arguments, engine or choose_engine([], workers=workers), console)


def _index_embedded(kc: Path, workers: int, console: Console) -> None:
    from pipelines.text_index.embedded_build import build_embedded_index, index_folder

    with IndexProgress(console, "indexing sentences") as progress:
        statistics = build_embedded_index(kc, workers=workers, progress=progress.update)
    size = f"{statistics.sentences:,} sentences, {statistics.bytes / 1e6:,.1f} MB"
    if statistics.seconds:
        done = f"indexed {size} in {statistics.seconds:,.1f} s"
    else:
        done = f"the text index is there already: {size}"
    console.print(f"{index_folder(kc)}: {done}", markup=False, highlight=False, soft_wrap=True)


def _load_cluster(kc: Path, arguments: argparse.Namespace, engine: Engine, console: Console) -> None:
    from pipelines.text_index.load import load_snapshot
    from pipelines.text_index.load_pipeline import run_parts

    cluster = connection(arguments)
    with IndexProgress(console, "loading documents") as progress:
        statistics = load_snapshot(
            kc,
            cluster,
            functools.partial(run_parts, engine=engine),
            prefix=arguments.index_prefix or "kc",
            keep=1 if arguments.keep is None else arguments.keep,
            shards=arguments.shards,
            replicas=arguments.replicas,
            progress=progress.update,
        )
    size = f"{statistics.sentences:,} sentences, {statistics.paragraphs:,} paragraphs"
    what = f"loaded {statistics.loaded:,} documents" if statistics.loaded else "was loaded already"
    lines = [
        f"{cluster.url}: {what} in {statistics.seconds:,.1f} s: {size} in {', '.join(statistics.indices)}"
    ]
    if statistics.retired:
        lines.append(f"{cluster.url}: deleted {', '.join(statistics.retired)}")
    console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


class IndexProgress:
    """A progress bar on a terminal, a few plain lines elsewhere."""

    def __init__(self, console: Console, label: str) -> None:
        # Beam's run takes the standard error stream away; this holds on to it.
        console = Console(file=console.file, force_terminal=console.is_terminal)
        self._console = console
        self._label = label
        self._bar: Progress | None = None
        if console.is_terminal:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
            )
            self._bar = Progress(*columns, console=console)
        self._lines = 0

    def __enter__(self) -> IndexProgress:
        if self._bar is not None:
            self._bar.start()
        return self

    def update(self, done: int, total: int) -> None:
        """Shows that `done` of `total` are done."""
        if self._bar is not None:
            if not self._bar.tasks:
                self._bar.add_task(self._label, total=total)
            self._bar.update(self._bar.tasks[0].id, completed=done)
        elif done * _LINES // max(total, 1) > self._lines:
            self._lines = done * _LINES // max(total, 1)
            self._console.print(f"{self._label}: {done:,} of {total:,}", highlight=False)

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.stop()
