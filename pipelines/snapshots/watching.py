"""What people and machines see of refreshes: a log, metrics for Prometheus, a command that is told."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from kc_schema.store import ObjectPath, read_json, write_text

__all__ = ["RefreshRun", "Watch", "metrics_text", "read_last_run"]

_HELP = {
    "kc_refresh_last_run_timestamp_seconds": "When the last refresh ended.",
    "kc_refresh_last_success_timestamp_seconds": "When the last refresh ended that did not fail.",
    "kc_refresh_last_status": "Exit status of the last refresh.",
    "kc_refresh_step_seconds": "Wall time of the steps of the last refresh.",
    "kc_refresh_pages": "Pages of the last build: read anew, or taken from the older snapshot.",
    "kc_corpus_count": "What the current corpus holds.",
    "kc_corpus_dump_timestamp_seconds": "Date of the current corpus' dump.",
    "kc_corpus_age_seconds": "Age of the current corpus' dump when the metrics were written.",
}
"""The metrics, all of them gauges (https://prometheus.io/docs/instrumenting/exposition_formats/)."""

_MOST_LOGGED = 1 << 20


@dataclass
class RefreshRun:
    """One refresh: what it did and how long that took."""

    ended: float = 0.0
    status: int = 0
    last_success: float = 0.0
    snapshot: str = ""
    dump: str = ""
    dump_date: str = ""
    seconds: dict[str, float] = field(default_factory=dict)
    pages: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)


def read_last_run(path: Path) -> RefreshRun:
    """Return what the file of the last run holds; an empty run where there is none."""
    try:
        return read_json(path, RefreshRun)
    except (OSError, ValueError):
        return RefreshRun()


class Watch:
    """Writes the log of a root and shows its lines on the console.

    In object storage, where nothing can be appended, every line writes the log anew, of which the last megabyte stays.
    """

    def __init__(self, log: Path, console: Console, run: RefreshRun) -> None:
        self.console = console
        self.run = run
        self._log = log

    def say(self, line: str) -> None:
        """Show a line and append it to the log, with the time."""
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)
        self.note(line)

    def note(self, line: str) -> None:
        """Append a line to the log."""
        text = f"{time.strftime('%Y-%m-%d %H:%M:%S')} {line}\n"
        if not isinstance(self._log, ObjectPath):
            with self._log.open("a", encoding="utf-8") as file:
                file.write(text)
            return
        with contextlib.suppress(FileNotFoundError):
            text = self._log.read_text() + text
        if len(text) > _MOST_LOGGED:
            text = text[-_MOST_LOGGED:].partition("\n")[2]
        self._log.write_text(text)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Take the time of a step."""
        started = time.monotonic()
        self.note(f"{name}: begins")
        try:
            yield
        finally:
            seconds = time.monotonic() - started
            self.run.seconds[name] = round(seconds, 3)
            self.note(f"{name}: {seconds:,.1f} s")


def metrics_text(run: RefreshRun, now: float) -> str:
    """Return a run's figures in Prometheus' text format."""
    samples: dict[str, dict[str, float]] = {
        "kc_refresh_last_run_timestamp_seconds": {"": run.ended},
        "kc_refresh_last_success_timestamp_seconds": {"": run.last_success},
        "kc_refresh_last_status": {"": run.status},
        "kc_refresh_step_seconds": {f'{{step="{name}"}}': value for name, value in run.seconds.items()},
        "kc_refresh_pages": {f'{{from="{name}"}}': value for name, value in run.pages.items()},
        "kc_corpus_count": {f'{{what="{name}"}}': value for name, value in sorted(run.counts.items())},
    }
    if run.dump_date:
        date = time.mktime(time.strptime(run.dump_date, "%Y-%m-%d"))
        samples["kc_corpus_dump_timestamp_seconds"] = {"": date}
        samples["kc_corpus_age_seconds"] = {"": max(0.0, now - date)}
    lines = []
    for name, values in samples.items():
        lines += [f"# HELP {name} {_HELP[name]}", f"# TYPE {name} gauge"]
        lines += [f"{name}{labels} {value:.15g}" for labels, value in values.items()]
    return "\n".join(lines) + "\n"


def write_metrics(path: Path, run: RefreshRun) -> None:
    """Write the metrics where a node exporter's text collector finds them, whole or not at all."""
    write_text(path, metrics_text(run, time.time()))


def notify(command: str, run: RefreshRun, message: str, console: Console) -> None:
    """Run a command of the user's shell with what happened in its environment and on its standard input."""
    environment = {
        **os.environ,
        "KC_STATUS": str(run.status),
        "KC_MESSAGE": message,
        "KC_SNAPSHOT": run.snapshot,
        "KC_DUMP": run.dump,
    }
    done = subprocess.run(command, shell=True, env=environment, input=message + "\n", text=True, check=False)
    if done.returncode:
        console.print(f"note: --notify-command ended with status {done.returncode}", highlight=False)
