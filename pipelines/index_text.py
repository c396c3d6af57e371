"""Makes the text index of a snapshot that exists.

    python -m pipelines.index_text --kc kc

`pipelines.build_text_kc` does the same at its end.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from kc_schema.command import Command, Positive, options, printable
from kc_schema.store import Place
from pipelines.engine import Engine, Progress, default_workers, timed
from pipelines.text_index.connection import Tell
from pipelines.text_index.options import TextIndexOptions

EXAMPLES = """\
python -m pipelines.index_text --kc kc
python -m pipelines.index_text --kc kc --text-index elasticsearch --elasticsearch-url https://localhost:9200
"""


@options
@dataclass(frozen=True, kw_only=True)
class IndexCommandOptions:
    """What the command takes."""

    kc: Path = Path("kc")
    """The snapshot's folder."""
    workers: Positive | None = None
    """Processes that index or load. [default: one a core]"""
    index: TextIndexOptions = field(default_factory=TextIndexOptions)


def run(given: IndexCommandOptions, beam_arguments: list[str]) -> None:
    """Make the index that the options ask for."""
    console = Console(stderr=True)
    with Engine(given.workers or default_workers(), beam_arguments) as engine:
        given.index.check(lambda line: _tell(console, line))
        index_snapshot(given.kc, given.index, engine=engine, console=console)


def index_snapshot(
    kc: Path,
    chosen: TextIndexOptions,
    *,
    engine: Engine,
    console: Console,
    place: Place | None = None,
    older: Path | None = None,
    tell: Tell | None = None,
) -> None:
    """Make the index of the snapshot in `kc` that is chosen, with progress on `console`.

    Args:
        engine: its workers load a cluster; the embedded index takes as many processes.
        place: the snapshot's place, where the caller has entered it already.
        older: a snapshot that is indexed already: its index is updated, where that is cheaper.
        tell: takes lines of what is done; they are shown on `console` by default.

    Raises:
        kc_schema.snapshot.SnapshotError: no finished snapshot there.
        kc_schema.store.PlaceBusyError: another process writes there.
        pipelines.text_index.TextIndexError: the index cannot be made; the message says what to do.
    """
    tell = tell or (lambda line: _tell(console, line))
    if chosen.kind == "tantivy":
        _build_embedded(kc, chosen, engine.workers, console, place, older, tell)
    elif chosen.kind == "elasticsearch":
        _load_cluster(kc, chosen, engine, console, older, tell)
    else:
        _tell(
            console,
            "no text index is made (--text-index none): leave the option out for one inside the snapshot, or"
            " give --text-index elasticsearch and --elasticsearch-url URL",
        )


def _build_embedded(
    kc: Path,
    chosen: TextIndexOptions,
    workers: int,
    console: Console,
    place: Place | None,
    older: Path | None,
    tell: Tell,
) -> None:
    from pipelines.text_index.embedded_build import build_embedded_index
    from pipelines.text_index.embedded_files import index_folder

    with (
        timed(kc, "index", "sentences") as time_of,
        Progress(console, "Index", 0, unit="sentences") as progress,
    ):
        statistics = build_embedded_index(
            kc,
            workers=workers,
            with_apparatus=chosen.with_apparatus,
            place=place,
            progress=lambda done, total: progress.show(done, total=total),
            older=older,
            tell=tell,
        )
        time_of.done = statistics.sentences if statistics.seconds else 0
    size = f"{statistics.sentences:,} sentences, {statistics.bytes / 1e6:,.1f} MB"
    if statistics.seconds:
        taken = f" ({statistics.taken:,} sentences as before)" if statistics.taken else ""
        done = f"indexed {size} in {statistics.seconds:,.1f} s{taken}"
    else:
        done = f"the text index is there already: {size}"
    _tell(console, f"{index_folder(kc)}: {done}")


def _load_cluster(
    kc: Path, chosen: TextIndexOptions, engine: Engine, console: Console, older: Path | None, tell: Tell
) -> None:
    from pipelines.text_index.load import load_snapshot

    connection = chosen.cluster.connection()
    assert connection is not None, "TextIndexOptions.check comes first"
    with (
        timed(kc, "load", "documents") as time_of,
        Progress(console, "Load", 0, unit="documents") as progress,
    ):
        statistics = load_snapshot(
            kc,
            connection,
            engine,
            prefix=chosen.cluster.prefix,
            keep=1 if chosen.keep is None else chosen.keep,
            shards=chosen.shards,
            replicas=chosen.replicas,
            with_apparatus=chosen.with_apparatus,
            older=older,
            progress=lambda done, total: progress.show(done, total=total),
            tell=tell,
        )
        time_of.done = statistics.loaded
    size = f"{statistics.sentences:,} sentences, {statistics.paragraphs:,} paragraphs"
    what = f"loaded {statistics.loaded:,} documents" if statistics.loaded else "was loaded already"
    indices = ", ".join(statistics.indices)
    tell(f"{connection.url}: {what} in {statistics.seconds:,.1f} s: {size} in {indices}")
    if statistics.retired:
        tell(f"{connection.url}: deleted {', '.join(statistics.retired)}")


def _tell(console: Console, line: str) -> None:
    console.print(printable(line), markup=False, highlight=False, soft_wrap=True)


main = Command(
    "pipelines.index_text",
    "Index the sentences of a text corpus for search.",
    IndexCommandOptions,
    run,
    examples=EXAMPLES,
    beam=True,
)

if __name__ == "__main__":
    sys.exit(main())
