"""Progress of a build for a person: a bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from pipelines.dump.work_units import WorkUnit
from pipelines.text_corpus.build import Build
from pipelines.text_corpus.extract import read_result
from pipelines.text_corpus.progress import UnitState, units_in_progress

SECONDS_BETWEEN_LINES = 10.0
SECONDS_OF_RATE = 30.0


class BuildProgress:
    """Shows how far the work units of a build are, from what their workers left on the disk."""

    def __init__(self, console: Console, build: Build, units: Sequence[WorkUnit]) -> None:
        self._build = build
        self._console = console
        self._open = {unit.number: unit for unit in units}
        self._total = sum(unit.end - unit.start for unit in units)
        self._pages_done = 0
        self._bytes_done = 0
        self.pages = 0
        self._started = time.monotonic()
        self._samples: list[tuple[float, int, int]] = []
        self._last_line = self._started
        self._first_page: float | None = None
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("Extract", total=self._total, rate="")
        self._note_finished()
        self.units_found_finished = len(units) - len(self._open)
        self._bytes_at_start = self._bytes_done

    def __enter__(self) -> BuildProgress:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    @property
    def seconds_to_first_page(self) -> float | None:
        """Time from the start of the pipeline until a worker read its first page."""
        return self._first_page

    def look(self) -> None:
        """Looks how far the workers are and shows it."""
        self._note_finished()
        states = [state for state in units_in_progress(self._build.work) if state.number in self._open]
        now = time.monotonic()
        self.pages = self._pages_done + sum(state.pages for state in states)
        position = self._bytes_done + sum(_bounded(state, self._open) for state in states)
        if self._first_page is None and self.pages:
            self._first_page = now - self._started
        rate = self._rate(now, position)
        if not self._open:
            self._bar.update(self._task, description="Resolve", completed=self._total, rate=rate)
        else:
            self._bar.update(self._task, completed=position, rate=rate)
        if not self._console.is_terminal and now - self._last_line >= SECONDS_BETWEEN_LINES:
            self._last_line = now
            self._console.print(self._line(now, position, rate))

    def _note_finished(self) -> None:
        for number, unit in list(self._open.items()):
            result = read_result(self._build, unit)
            if result is not None:
                del self._open[number]
                self._bytes_done += unit.end - unit.start
                self._pages_done += result["statistics"]["counts"].get("pages", 0)

    def _rate(self, now: float, position: int) -> str:
        self._samples = [s for s in self._samples if now - s[0] <= SECONDS_OF_RATE]
        self._samples.append((now, self.pages, position))
        then, pages, before = self._samples[0]
        seconds = now - then
        if seconds < 1:
            return f"{self.pages:,} pages"
        per_second = (self.pages - pages) / seconds
        megabytes = (position - before) / seconds / 1e6
        return f"{self.pages:,} pages, {per_second:,.0f} pages/s, {megabytes:.2f} MB/s"

    def _line(self, now: float, position: int, rate: str) -> str:
        if not self._open:
            return f"resolving redirects after {now - self._started:.0f} s, {self.pages:,} pages"
        fresh = position - self._bytes_at_start
        left = (self._total - position) * (now - self._started) / fresh if fresh > 0 else 0.0
        share = 100 * position / max(1, self._total)
        return f"extracting {share:.1f}%, {rate}, {left:,.0f} s left"


def _bounded(state: UnitState, units: dict[int, WorkUnit]) -> int:
    unit = units[state.number]
    return max(0, min(state.position, unit.end - unit.start))
