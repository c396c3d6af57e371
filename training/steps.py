"""The steps of a run: each writes one folder, and is skipped while what lies there fits its inputs."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kc_schema.store import Part, Step, describe_part, fingerprint, write_text

__all__ = ["RunStep", "do_step"]

logger = logging.getLogger(__name__)

VERSION = 2
"""Raised when the code changes what a step computes, so that older results are not taken for current."""
RECORD = "step.json"
BEGUN = "begun"
"""Names in a step's folder: what it wrote, and for which inputs it was begun."""


@dataclass(frozen=True)
class Written:
    """The files of a step, TensorBoard's logs left out."""

    files: tuple[Part, ...]


@dataclass(frozen=True)
class RunStep:
    """One step of a run."""

    name: str
    folder: Path
    inputs: Mapping[str, Any]
    """All that decides the result: settings and checksums of files, as JSON values."""
    needs: Sequence[RunStep]
    work: Callable[[], object]
    """Fills the folder; goes on with what a killed run left there for the same inputs."""
    everywhere: bool = False
    """Whether all processes of a distributed run take part."""

    @property
    def fingerprint(self) -> str:
        """Of the inputs, the code's version and the fingerprints of the steps needed."""
        return fingerprint(VERSION, dict(self.inputs), [need.fingerprint for need in self.needs])

    @property
    def kept(self) -> Step[Written]:
        """The result as the ground floor keeps it."""
        return Step(self.folder / RECORD, self.fingerprint, Written, self.folder)

    def is_current(self) -> bool:
        """Tell whether the folder holds the result for the present inputs."""
        return self.kept.result() is not None

    def is_finished(self) -> bool:
        """Tell whether the folder holds a whole result, of the present inputs or of others."""
        return (self.folder / RECORD).is_file()


def do_step(step: RunStep, number: int, count: int) -> None:
    """Do a step unless it is current.

    A step that was killed goes on in its folder where its inputs are still the same (an expert has its
    checkpoints there); what other inputs left is removed first.

    Args:
        number, count: place of the step in the run, and how many there are.
    """
    from accelerate import PartialState  # type: ignore[import-untyped]

    if step.is_current():
        logger.info("[%d/%d] %s: current", number, count, step.name)
        return
    logger.info("[%d/%d] %s", number, count, step.name)
    state = PartialState()
    # Nobody may look at the folder before all have decided what to do with it.
    state.wait_for_everyone()
    if state.is_main_process:
        _begin(step)
    state.wait_for_everyone()
    begun = time.monotonic()
    if step.everywhere or state.is_main_process:
        step.work()
    state.wait_for_everyone()
    if state.is_main_process:
        _finish(step)
    state.wait_for_everyone()
    logger.info("[%d/%d] %s: done in %.0f s", number, count, step.name, time.monotonic() - begun)


def _begin(step: RunStep) -> None:
    begun = step.folder / BEGUN
    if step.folder.exists() and not (begun.is_file() and begun.read_text() == step.fingerprint):
        shutil.rmtree(step.folder)
    step.kept.forget()
    write_text(begun, step.fingerprint)


def _finish(step: RunStep) -> None:
    (step.folder / BEGUN).unlink()
    files = sorted(path for path in step.folder.rglob("*") if path.is_file() and path.parent.name != "logs")
    step.kept.finish(Written(tuple(describe_part(path, step.folder, rows=0) for path in files)))
