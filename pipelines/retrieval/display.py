"""The report and the speeds of a build, for a person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from pipelines.retrieval.speed import Speed

__all__ = ["BuildProgress", "show_report", "show_speeds"]

_LINES = 20


class BuildProgress:
    """A progress bar on a terminal, a few plain lines elsewhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lines = 0
        self._bar = Progress(
            TextColumn("{task.description:<14}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=None)

    def __enter__(self) -> BuildProgress:
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()

    def update(self, step: str, done: int, total: int) -> None:
        """Shows that `done` of `total` examples are done, and what is being asked for the next."""
        self._bar.update(self._task, description=step, completed=done, total=total)
        if not self._console.is_terminal and done * _LINES // max(total, 1) > self._lines:
            self._lines = done * _LINES // max(total, 1)
            self._console.print(f"examples: {done:,} of {total:,}", highlight=False)


def show_report(console: Console, report: dict[str, Any]) -> None:
    """Prints the report of a cache, a table for each split."""
    for split, about in report["splits"].items():
        title = (
            f"{report['dataset']} / {split}: {about['examples']:,} examples,"
            f" {about['examples with an image']:,} with an image, {about['empty queries']:,} empty queries"
        )
        table = Table(title=title, title_justify="left")
        sources = about["sources"]
        table.add_column("")
        for source in sources:
            table.add_column(source, justify="right")
        for name in ("hits", "hits a query", "queries without hits", "different titles", "leaks"):
            if any(name in found for found in sources.values()):
                table.add_row(name, *(_cell(found.get(name)) for found in sources.values()))
        mentions = [found["gold mentions"] for found in sources.values()]
        for name in ("in a title", "in an anchor", "in the text"):
            table.add_row(f"gold mentions {name}", *(_share(m[name], m["all"]) for m in mentions))
        for name in dict.fromkeys(name for found in sources.values() for name in found["counts"]):
            table.add_row(name, *(_cell(found["counts"].get(name)) for found in sources.values()))
        most = ("\n".join(list(found["most frequent titles"])[:3]) for found in sources.values())
        table.add_row("most frequent titles", *most)
        console.print(table)
        _show_overlap(console, about)


def _show_overlap(console: Console, about: dict[str, Any]) -> None:
    for pair, overlap in about["overlap"].items():
        both = overlap["examples with a title in common"]
        share = _share(both, about["examples"])
        console.print(
            f"{pair}: a title in common for {share} of the examples,"
            f" {100 * overlap['share of titles']:.1f}% of all titles",
            highlight=False,
        )
    console.print()


def show_speeds(console: Console, speeds: Sequence[Speed]) -> None:
    """Prints the speeds as the paper's Table 7 has them."""
    if not speeds:
        return
    table = Table(title="speed on this machine, sentences/s", title_justify="left")
    for name in ("", "batch of 1", "batched", "in batches of"):
        table.add_column(name, justify="left" if not name else "right")
    for speed in speeds:
        table.add_row(speed.step, f"{speed.one_by_one:,.1f}", f"{speed.batched:,.1f}", str(speed.batch))
    console.print(table)


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:,}"


def _share(part: int, whole: int) -> str:
    return f"{part:,} ({100 * part / whole:.1f}%)" if whole else f"{part:,}"
