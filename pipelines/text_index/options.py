"""The command-line options of the text index, the same for every command that has one."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

__all__ = ["add_search_options", "add_text_index_options", "check_text_index_options", "index_snapshot"]

_LINES = 20
"""Lines of progress where there is no terminal."""


def add_text_index_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options that say which index to make."""
    group = parser.add_argument_group("text index")
    group.add_argument(
        "--text-index",
        choices=("tantivy", "none"),
        default="tantivy",
        help="where sentences are indexed: embedded in the snapshot (tantivy, the default) or not at all",
    )


def add_search_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options that say which index to ask, and how."""
    parser.add_argument("--kc", default="kc", metavar="DIR", help="the snapshot's folder (default: kc)")
    parser.add_argument(
        "--max-document-frequency",
        type=_share,
        metavar="SHARE",
        help="leave out words found in more than this share of the sentences, such as 0.05: faster, and not the"
        " same result (default: every word counts)",
    )


def _share(text: str) -> float:
    value = float(text)
    if not 0.0 < value <= 1.0:
        raise argparse.ArgumentTypeError(f"{text} is not a share above 0 and at most 1")
    return value


def check_text_index_options(arguments: argparse.Namespace) -> None:
    """Refuses options that do not go together, before any work is done."""


def index_snapshot(kc: Path, arguments: argparse.Namespace, *, workers: int, console: Console) -> None:
    """Makes the index of the snapshot in `kc` that `arguments` ask for, with progress on `console`.

    Raises:
        TextIndexError: it cannot be made; the message says what to do.
    """
    if arguments.text_index == "tantivy":
        _index_embedded(kc, workers, console)


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


class IndexProgress:
    """A progress bar on a terminal, a few plain lines elsewhere."""

    def __init__(self, console: Console, label: str) -> None:
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
