"""Writes the report of a run: Markdown, and one HTML page that needs no other file.

::

    python -m training.report --run runs/twitter17 --images twitter17_images
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from kc_schema.command import Command, options

__all__ = ["ReportOptions", "main"]


@options
@dataclass(frozen=True, kw_only=True)
class ReportOptions:
    """Options of the command."""

    run: Path
    """Folder of a finished run."""
    images: Path | None = None
    """Folder of the data set's images, shown with the cases; the run remembers it."""


def _write(given: ReportOptions) -> None:
    from training.errors import TrainingError
    from training.reporting.writing import write_report
    from training.run import steps_of
    from training.run_folder import check_written, open_run

    if given.images is not None and not given.images.is_dir():
        raise TrainingError(f"--images {given.images}: no such folder")
    finished = open_run(given.run)
    unfinished = [
        step.name for step in steps_of(finished) if not step.is_finished() and step.name != "report"
    ]
    if unfinished:
        raise TrainingError(
            f"{given.run}: {unfinished[0]} is not finished; finish the run with python -m training.run first"
        )
    for step in steps_of(finished):
        if step.name != "report":
            check_written(step.folder)
    folder = given.run / "report"
    write_report(finished, folder, images=given.images)
    print(f"report: {folder / 'report.html'}")


main = Command(
    "training.report",
    "Write the report of a run again.",
    ReportOptions,
    _write,
    examples="python -m training.report --run runs/twitter17 --images twitter17_images",
)

if __name__ == "__main__":
    sys.exit(main())
