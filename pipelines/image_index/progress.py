"""Progress of a stage for a person: a bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import time
from collections import Counter
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

__all__ = ["StageProgress"]

_SECONDS_BETWEEN_LINES = 10.0
_REASONS_SHOWN = 3


class StageProgress:
    """Shows images done, images and megabytes a second, failures by reason and the time left."""

    def __init__(self, console: Console, label: str, total: int, *, done: int = 0) -> None:
        self._console = console
        self._label = label
        self._total = total
        self._at_start = self._done = done
        self._bytes = 0
        self._failures: Counter[str] = Counter()
        self._started = self._last_line = time.monotonic()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task(label, total=total, completed=done, rate="")

    def __enter__(self) -> StageProgress:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def add(self, images: int, size: int = 0, failures: dict[str, int] | None = None) -> None:
        """Takes note of images that are done, their bytes, and the failures among them by reason."""
        self._done += images
        self._bytes += size
        self._failures.update(failures or {})
        now = time.monotonic()
        seconds = max(now - self._started, 1e-3)
        fresh = self._done - self._at_start
        rate = f"{fresh / seconds:,.1f} images/s"
        if self._bytes:
            rate += f", {self._bytes / seconds / 1e6:.2f} MB/s"
        if self._failures:
            most = ", ".join(f"{name} {n:,}" for name, n in self._failures.most_common(_REASONS_SHOWN))
            rate += f"; failed: {most}"
        self._bar.update(self._task, completed=self._done, rate=rate)
        if not self._console.is_terminal and now - self._last_line >= _SECONDS_BETWEEN_LINES:
            self._last_line = now
            left = (self._total - self._done) * seconds / max(1, fresh)
            line = f"{self._label} {self._done:,} of {self._total:,}, {rate}, {left:,.0f} s left"
            self._console.print(line, highlight=False, soft_wrap=True)
