"""How long stages took and what memory they needed: one line each in a file beside what they made.

The file is no part of the finished thing: no manifest lists it, and two builds of the same bytes differ in it.
"""

from __future__ import annotations

import os
import resource
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from kc_schema.errors import UserError
from kc_schema.store import ObjectPath

__all__ = [
    "TIMINGS",
    "Elsewhere",
    "Measured",
    "StageTime",
    "StageTimes",
    "Usage",
    "WorkerMeter",
    "measure",
    "note_elsewhere",
    "note_usage",
    "read_timings",
    "timed",
]

TIMINGS = "timings.jsonl"

I = TypeVar("I")  # noqa: E741
R = TypeVar("R")


@dataclass
class StageTime:
    """What one run of a stage took."""

    stage: str
    began: float
    """In seconds since 1970."""
    seconds: float = 0.0
    """Wall time."""
    cpu_seconds: float = 0.0
    """Of the command's process and of the processes that worked for it, here and on a cluster."""
    done: int = 0
    """What this run of the stage did; an earlier run that was stopped may have done more."""
    unit: str = ""
    """What is counted, such as ``pages``."""
    memory: int = 0
    """Most bytes of memory that the command's process held at once (mapped files included)."""
    worker_memory: int = 0
    """Likewise, of the process that held most of those that worked for it; 0 without any."""
    processes: int = 0
    """How many worked for it; on a cluster those that its runner tells of."""

    @property
    def rate(self) -> float:
        """What was done in a second; 0 where nothing is counted."""
        return self.done / self.seconds if self.seconds else 0.0


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process took for one piece of work."""

    process: int
    cpu_seconds: float
    memory: int
    """Most bytes at once."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What the processes of a cluster took together for a step."""

    cpu_seconds: float
    memory: int
    """Most bytes that one of them held at once."""
    processes: int


@dataclass(frozen=True, slots=True)
class Measured(Generic[R]):
    """A result, and what it took."""

    result: R
    usage: Usage


def measure(step: Callable[[I], R], item: I) -> Measured[R]:
    """Do a step in this process; return its result with what it took."""
    _forget_peak()
    before = time.process_time()
    result = step(item)
    return Measured(result, Usage(os.getpid(), time.process_time() - before, _peak()))


class WorkerMeter:
    """What this process of a cluster takes for the steps of one job, which run in several threads at once."""

    def __init__(self) -> None:
        _forget_peak()
        self._lock = threading.Lock()
        self._counted = time.process_time()

    def take(self) -> Usage:
        """Return what was taken since the meter was made, or since the last call; memory since it was made."""
        with self._lock:
            before, self._counted = self._counted, time.process_time()
            return Usage(os.getpid(), self._counted - before, _peak())


_workers: dict[int, Usage] = {}
"""What the processes that work for this one took since the stage began."""
_elsewhere: list[Elsewhere] = []
"""What a cluster took for it since."""


def note_usage(usage: Usage) -> None:
    """Count what another process took as part of the stage that is timed now; this one's own is known."""
    if usage.process != os.getpid():
        before = _workers.get(usage.process, Usage(usage.process, 0.0, 0))
        _workers[usage.process] = Usage(
            usage.process, before.cpu_seconds + usage.cpu_seconds, max(before.memory, usage.memory)
        )


def note_elsewhere(taken: Elsewhere) -> None:
    """Count what a cluster took as part of the stage that is timed now."""
    _elsewhere.append(taken)


class StageTimes:
    """Times of stages that take turns, such as sources that are asked batch by batch: of each the sum of its turns."""

    def __init__(self) -> None:
        self._stages: dict[str, StageTime] = {}

    @contextmanager
    def turn(self, stage: str, unit: str = "") -> Iterator[StageTime]:
        """Take the time of a turn, which counts when the block has ended well.

        The block adds to `StageTime.done` what it does. Stages do not contain stages.
        """
        found = self._stages.get(stage) or StageTime(stage, time.time(), unit=unit)
        started, cpu, done = time.monotonic(), time.process_time(), found.done
        _workers.clear()
        _elsewhere.clear()
        _forget_peak()
        yield found
        if unit and found.done == done:
            return  # all of it was there: what it took stands in the file already
        self._stages[stage] = found
        workers: list[Usage | Elsewhere] = [*_workers.values(), *_elsewhere]
        found.seconds += time.monotonic() - started
        found.cpu_seconds += time.process_time() - cpu + sum(usage.cpu_seconds for usage in workers)
        found.memory = max(found.memory, _peak())
        found.worker_memory = max([found.worker_memory, *(usage.memory for usage in workers)])
        # Jobs on a cluster follow one another.
        found.processes = max([found.processes, len(_workers), *(taken.processes for taken in _elsewhere)])

    def write(self, folder: Path) -> None:
        """Append what was taken to the file of `folder`, a line a stage, and begin anew."""
        lines = []
        for found in self._stages.values():
            found.seconds, found.cpu_seconds = round(found.seconds, 3), round(found.cpu_seconds, 3)
            lines.append(msgspec.json.encode(found) + b"\n")
        self._stages.clear()
        # Figures are no reason for a build to fail.
        with suppress(OSError, UserError):
            if lines:
                _append(folder / TIMINGS, b"".join(lines))


@contextmanager
def timed(folder: Path, stage: str, unit: str = "") -> Iterator[StageTime]:
    """Take the time of a stage; when the block has ended well, write it to the file of `folder`.

    The block says in `StageTime.done` how much it did. Stages do not contain stages.
    """
    times = StageTimes()
    with times.turn(stage, unit) as found:
        yield found
    times.write(folder)


def read_timings(folder: Path) -> list[StageTime]:
    """Return the last run of every stage that is known of in `folder`, in the order in which they began."""
    found: dict[str, StageTime] = {}
    try:
        lines = (folder / TIMINGS).read_bytes().splitlines()
    except (OSError, UserError):
        return []
    for line in lines:
        with suppress(msgspec.MsgspecError):  # the end of a process that was killed, or of a full disk
            time_of = msgspec.json.decode(line, type=StageTime)
            found[time_of.stage] = time_of
    return sorted(found.values(), key=lambda time_of: time_of.began)


def _append(path: Path, lines: bytes) -> None:
    if isinstance(path, ObjectPath):  # of which only the whole can be written
        path.write_bytes((path.read_bytes() if path.is_file() else b"") + lines)
        return
    with path.open("ab") as file:
        file.write(lines)


def _forget_peak() -> None:
    """Let the peak of this process begin anew, where the system can (https://man7.org/linux/man-pages/man5/proc.5.html)."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _peak() -> int:
    """Return the most bytes of memory that this process held at once."""
    try:
        status = Path("/proc/self/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024
    except (OSError, IndexError, ValueError):
        # In bytes on macOS, in kilobytes elsewhere.
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
