"""How far each work unit is: small files that workers write and the driver reads, whatever the runner.

A worker of a local build also looks here whether its driver still lives: an orphan would go on writing
beside the build that was started after it.
"""

from __future__ import annotations

import json
import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from pipelines.beam_workers import is_alive
from pipelines.dump.pages import BrokenPage, Page
from pipelines.dump.work_units import WorkUnit
from pipelines.text_corpus.build import Build, BuildError

SECONDS_BETWEEN_WRITES = 0.5


@dataclass(frozen=True, slots=True)
class UnitState:
    """How far a worker had come with a work unit when it last said so."""

    number: int
    pages: int
    position: int
    """Bytes of the dump file, from the unit's start."""
    path: str
    page: str
    """Title of the page that was being read."""


class UnitProgress:
    """Writes how far a work unit is, at most twice a second; the file goes when the unit is done.

    After an error it stays, so that the driver can say what was being read.
    """

    def __init__(self, build: Build, unit: WorkUnit) -> None:
        self._path = build.work / "progress" / f"{unit.number:05d}.json"
        self._unit = unit
        self._next = 0.0
        self._position = 0
        host, self._driver = build.driver
        self._driver_is_here = host == socket.gethostname()

    def __enter__(self) -> UnitProgress:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._write(UnitState(self._unit.number, 0, 0, self._unit.path, ""))
        return self

    def advance(self, size: int) -> None:
        """Takes note of `size` more bytes of the dump file that were read."""
        self._position += size

    def update(self, pages: int, page: Page | BrokenPage) -> None:
        """Takes note of the page that comes next.

        Raises:
            BuildError: the process that started the build is gone.
        """
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + SECONDS_BETWEEN_WRITES
        if self._driver_is_here and not is_alive(self._driver):
            raise BuildError(f"process {self._driver}, which started this build, is gone")
        title = page.title if isinstance(page, Page) else page.where
        self._write(UnitState(self._unit.number, pages, self._position, self._unit.path, title))

    def _write(self, state: UnitState) -> None:
        temporary = self._path.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_text(json.dumps({name: getattr(state, name) for name in UnitState.__slots__}))
        temporary.replace(self._path)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._path.unlink(missing_ok=True)


def units_in_progress(work: Path) -> list[UnitState]:
    """Gives the state of every work unit that was begun and is not done, by number."""
    states = []
    for path in sorted((work / "progress").glob("*.json")):
        try:
            states.append(UnitState(**json.loads(path.read_bytes())))
        except (OSError, ValueError, TypeError):
            continue  # taken away or replaced just now; the next look finds it
    return states
