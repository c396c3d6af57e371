"""How far each work unit is: small files that workers write and the driver shows, whatever the runner."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from rich.console import Console

from kc_schema.store import progress_interval, read_json, write_json
from pipelines.dump.work_units import WorkUnit
from pipelines.engine import kept_results
from pipelines.engine.progress import Progress
from pipelines.text_corpus.statistics import Statistics

# Work units are begun in their order.
_NOT_BEGUN = 8

__all__ = ["BuildProgress", "UnitProgress", "describe_standstill", "units_in_progress"]


@dataclass(frozen=True)
class UnitState:
    """How far a worker had come with a work unit when it last said so."""

    number: int
    pages: int
    articles: int
    position: int
    """Bytes of the dump file, from the unit's start."""
    page: str
    """Title of the page that was being read."""


class UnitProgress:
    """Writes how far a work unit is, now and then; the file goes when the unit is done.

    After an error it stays, so that the driver can say what was being read.
    """

    def __init__(self, work: Path, unit: WorkUnit) -> None:
        self._path = _folder(work) / f"{unit.number:05d}.json"
        self._number = unit.number
        self._next = 0.0
        self._position = 0

    def __enter__(self) -> UnitProgress:
        write_json(self._path, UnitState(self._number, 0, 0, 0, ""))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._path.unlink(missing_ok=True)

    def advance(self, size: int) -> None:
        """Take note of `size` more bytes of the dump file that were read."""
        self._position += size

    def update(self, counts: Mapping[str, int], page: str) -> None:
        """Take note of what was counted so far and of the page that comes next: its title, or its place."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + progress_interval(self._path)
            pages, articles = counts.get("pages", 0), counts.get("articles", 0)
            write_json(self._path, UnitState(self._number, pages, articles, self._position, page))


def units_in_progress(work: Path) -> list[UnitState]:
    """Return the state of every work unit that was begun and is not done, by number."""
    states = []
    for path in sorted(_folder(work).glob("[0-9]*.json")):
        try:
            states.append(read_json(path, UnitState))
        except (OSError, ValueError):
            continue  # taken away or replaced just now; the next look finds it
    return states


def _folder(work: Path) -> Path:
    return work / "progress"


class BuildProgress:
    """Shows how far the work units of a build are, from what their workers left on the disk."""

    def __init__(
        self,
        console: Console,
        work: Path,
        units: Sequence[WorkUnit],
        finished: Callable[[WorkUnit], Statistics | None],
        limit: int | None = None,
    ) -> None:
        """Prepare the display.

        Args:
            finished: returns the statistics of a finished work unit, None for the others.
            limit: how many articles are wanted in all; None shows the share of bytes.
        """
        self._work = work
        self._open = {unit.number: unit for unit in units}
        self._finished = finished
        self._limit = limit
        self._pages = self._articles = self._bytes = 0
        for unit, found in zip(units, kept_results(units, finished), strict=True):
            if found is not None:
                self._note(unit, found)
        self._next_look = 0.0
        self.units_found_finished = len(units) - len(self._open)
        self._started = time.monotonic()
        self._pages_at_start = self._pages
        self.seconds_to_first_page: float | None = None
        """Time until a worker read its first page."""
        total, done = (sum(map(_size, units)), self._bytes) if limit is None else (limit, self._articles)
        self._bar = Progress(
            console, "Extract", total, unit="articles", done=done, amounts=limit is not None, size=self._bytes
        )

    def __enter__(self) -> BuildProgress:
        self._bar.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._next_look = 0.0
            self.look()
        self._bar.__exit__(kind, error, trace)

    @property
    def fresh(self) -> int:
        """How many pages of work units were read that are finished now and were not at the beginning."""
        self._note_finished(set())
        return self._pages - self._pages_at_start

    def look(self) -> None:
        """Look how far the workers are and show it, unless that was only just done."""
        if time.monotonic() < self._next_look:
            return
        begun = units_in_progress(self._work)
        self._note_finished({state.number for state in begun})
        states = [state for state in begun if state.number in self._open]
        position = self._bytes + sum(min(state.position, _size(self._open[state.number])) for state in states)
        pages = self._pages + sum(state.pages for state in states)
        articles = self._articles + sum(state.articles for state in states)
        seconds = time.monotonic() - self._started
        new = pages - self._pages_at_start
        if self.seconds_to_first_page is None and (new or any(state.page for state in states)):
            self.seconds_to_first_page = seconds
        detail = f"{pages:,} pages, {new / max(seconds, 1e-3):,.0f} pages/s"
        self._bar.show(position if self._limit is None else articles, size=position, detail=detail)
        self._next_look = time.monotonic() + progress_interval(self._work)

    def _note_finished(self, being_read: set[int]) -> None:
        """Look for finished units among those that nobody reads; behind a few that are not begun, for none."""
        missed = 0
        for number, unit in list(self._open.items()):
            if number in being_read:
                continue
            statistics = self._finished(unit)
            if statistics is not None:
                self._note(unit, statistics)
            elif (missed := missed + 1) == _NOT_BEGUN:
                return

    def _note(self, unit: WorkUnit, statistics: Statistics) -> None:
        del self._open[unit.number]
        self._bytes += _size(unit)
        self._pages += statistics.counts["pages"]
        self._articles += statistics.counts["articles"]


def _size(unit: WorkUnit) -> int:
    return unit.end - unit.start


def describe_standstill(
    work: Path, units: Sequence[WorkUnit], finished: Callable[[WorkUnit], Statistics | None]
) -> str:
    """Say in one line what was being read when a build failed, and what of it is finished."""
    open_units = {unit.number: unit for unit in units if finished(unit) is None}
    reading = []
    for state in units_in_progress(work):
        unit = open_units.get(state.number)
        if unit is not None:
            page = f" at the page {state.page!r}" if state.page else ""
            reading.append(f"{Path(unit.path).name} bytes {unit.start:,} to {unit.end:,}{page}")
    being_read = "; ".join(reading) or "nothing"
    done = len(units) - len(open_units)
    return f"being read: {being_read}; finished: {done} of {len(units)} work units; the same command goes on"
