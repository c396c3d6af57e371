"""Steps of a run: each writes one folder, and is skipped when what lies there fits its inputs."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kc_schema.files import write_atomically

__all__ = ["Step", "is_current", "is_finished", "run_steps"]

logger = logging.getLogger(__name__)

VERSION = 1
"""Raised when the code changes what a step computes, so that older results are not taken for current."""
NOTE = "step.json"
BEGUN = "begun.json"


@dataclass(frozen=True)
class Step:
    """One step.

    A step is current when its folder notes the same fingerprint and holds the files that it noted.
    """

    name: str
    folder: Path
    inputs: Mapping[str, Any]
    """All that decides the result: settings and checksums of files, as JSON values."""
    needs: Sequence[Step]
    run: Callable[[], object]
    everywhere: bool = False
    """Whether all processes of a distributed run take part."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the inputs, the code's version and the fingerprints of the steps needed."""
        said = {
            "version": VERSION,
            "inputs": self.inputs,
            "needs": [need.fingerprint for need in self.needs],
        }
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def is_current(step: Step) -> bool:
    """Tells whether the step's folder holds its result for the present inputs."""
    try:
        note = json.loads((step.folder / NOTE).read_text())
        return note["fingerprint"] == step.fingerprint and all(
            (step.folder / name).stat().st_size == size for name, size in note["files"].items()
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def is_finished(step: Step) -> bool:
    """Tells whether the step's folder holds a whole result, of the present inputs or of others."""
    return (step.folder / NOTE).is_file()


def run_steps(steps: Sequence[Step]) -> None:
    """Runs the steps that are not current, in order.

    A step that was killed goes on in its folder where its inputs are still the same (an expert has its
    checkpoints there); left-overs of other inputs are removed first.
    """
    from accelerate import PartialState  # type: ignore[import-untyped]

    state = PartialState()
    for number, step in enumerate(steps, start=1):
        if is_current(step):
            logger.info("[%d/%d] %s: current", number, len(steps), step.name)
            continue
        logger.info("[%d/%d] %s", number, len(steps), step.name)
        # Nobody may look at the folder before all have decided what to do with it.
        state.wait_for_everyone()
        if state.is_main_process:
            _begin(step)
        state.wait_for_everyone()
        begun = time.monotonic()
        if step.everywhere or state.is_main_process:
            step.run()
        state.wait_for_everyone()
        if state.is_main_process:
            _finish(step)
        state.wait_for_everyone()
        logger.info("[%d/%d] %s: done in %.0f s", number, len(steps), step.name, time.monotonic() - begun)


def _begin(step: Step) -> None:
    begun = step.folder / BEGUN
    try:
        same = json.loads(begun.read_text()) == step.fingerprint
    except (OSError, ValueError):
        same = False
    if not same and step.folder.exists():
        shutil.rmtree(step.folder)
    step.folder.mkdir(parents=True, exist_ok=True)
    (step.folder / NOTE).unlink(missing_ok=True)
    write_atomically(begun, lambda place: place.write_text(json.dumps(step.fingerprint)))


def _finish(step: Step) -> None:
    """Notes the files of the step, and what it was made from."""
    shutil.rmtree(step.folder / "fit", ignore_errors=True)
    files = {
        str(path.relative_to(step.folder)): path.stat().st_size
        for path in sorted(step.folder.rglob("*"))
        if path.is_file() and path.name not in (NOTE, BEGUN) and path.parent.name != "logs"
    }
    note = {"fingerprint": step.fingerprint, "inputs": dict(step.inputs), "files": files}
    text = json.dumps(note, indent=1, sort_keys=True) + "\n"
    write_atomically(step.folder / NOTE, lambda place: place.write_text(text))
    (step.folder / BEGUN).unlink()
