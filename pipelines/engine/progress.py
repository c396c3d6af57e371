"""How far something is, for a person: a bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

__all__ = ["Progress"]

SECONDS_BETWEEN_LINES = 10.0
SECONDS_OF_RATE = 30.0
_REASONS_SHOWN = 3


class Progress:
    """Shows what is done of a total, the rate of the last half minute, failures by reason and the time left.

    It may be told from any thread.
    """

    def __init__(
        self,
        console: Console,
        label: str,
        total: int,
        *,
        unit: str,
        done: int = 0,
        size: int = 0,
        amounts: bool = True,
    ) -> None:
        """Prepare the display.

        Args:
            label: what is being done, such as ``Fetch``.
            total: how many there are.
            unit: what is counted, in the plural, such as ``images``.
            done: how many an earlier run had finished: no part of the rate.
            size: the bytes of these.
            amounts: whether the share is shown as numbers (else as a percentage alone).
        """
        self._console = console
        self._label = label
        self._unit = unit
        self._amounts = amounts
        self.total = total
        self.done = self._at_start = done
        self._bytes = size
        self._failures: Counter[str] = Counter()
        self._started = self._last_line = time.monotonic()
        self._samples: list[tuple[float, int, int]] = [(self._started, done, size)]
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[share]}"),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task(label, total=total, completed=done, share="", rate="")

    def __enter__(self) -> Progress:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def advance(self, count: int = 1, *, size: int = 0, failures: Mapping[str, int] | None = None) -> None:
        """Take note of `count` more that are done, their bytes, and the failures among them by reason."""
        self.show(self.done + count, size=self._bytes + size, failures=failures)

    @property
    def fresh(self) -> int:
        """How many were done since the beginning; what an earlier run had finished is none of them."""
        return self.done - self._at_start

    def show(
        self,
        done: int,
        *,
        total: int | None = None,
        size: int | None = None,
        failures: Mapping[str, int] | None = None,
        label: str | None = None,
        detail: str = "",
    ) -> None:
        """Take note of how many are done in all; `detail` is shown beside the rate."""
        self.done = done
        self.total = self.total if total is None else total
        self._bytes = self._bytes if size is None else size
        self._label = label or self._label
        self._failures.update(failures or {})
        now = time.monotonic()
        rate = ", ".join(filter(None, [self._rate(now), detail, self._failed()]))
        self._bar.update(
            self._task,
            description=self._label,
            completed=done,
            total=self.total,
            share=self._share(),
            rate=rate,
        )
        if not self._console.is_terminal and now - self._last_line >= SECONDS_BETWEEN_LINES:
            self._last_line = now
            left = (self.total - done) * (now - self._started) / self.fresh if self.fresh > 0 else 0.0
            line = f"{self._label} {self._share()}, {rate}, {left:,.0f} s left"
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _share(self) -> str:
        if self._amounts:
            return f"{self.done:,} of {self.total:,} {self._unit}"
        return f"{100 * self.done / max(1, self.total):.1f}%"

    def _rate(self, now: float) -> str:
        recent = [sample for sample in self._samples if now - sample[0] <= SECONDS_OF_RATE]
        self._samples = [*(recent or self._samples[-1:]), (now, self.done, self._bytes)]
        then, done, size = self._samples[0]
        seconds = now - then
        if seconds < 1:
            return ""
        rate = f"{(self.done - done) / seconds:,.1f} {self._unit}/s" if self._amounts else ""
        if self._bytes:
            rate += f"{', ' if rate else ''}{(self._bytes - size) / seconds / 1e6:.2f} MB/s"
        return rate

    def _failed(self) -> str:
        if not self._failures:
            return ""
        most = ", ".join(f"{name} {n:,}" for name, n in self._failures.most_common(_REASONS_SHOWN))
        return f"failed: {most}"
