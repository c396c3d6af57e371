"""How long the stages of builds took, as a section of a report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipelines.engine import TIMINGS, StageTime, read_timings
from pipelines.reporting.document import Cell, ReportSection, ReportTable

__all__ = ["report_stages"]

_COLUMNS = ("stage", "what", "done", "seconds", "done/s", "CPU seconds", "MB", "processes", "MB of one")
_NOTE = (
    "Of every stage its last run; what an earlier run had done before it was stopped is not counted. MB are the most"
    " that the command held at once, and the one of its processes that held most, mapped files included. Workers of"
    " a cluster count as far as its runner keeps metrics; where it keeps none, no processes are told."
)


def report_stages(folder: Path, more: Sequence[ReportTable] = ()) -> ReportSection:
    """Return what the builds of a snapshot or a cache took, by stage; further tables stand behind."""
    times = read_timings(folder)
    tables = [ReportTable("Stages", _COLUMNS, [_row(time_of) for time_of in times], _NOTE)] if times else []
    tables += more
    return ReportSection(
        "Time and memory",
        "" if tables else f"Nothing is known: there is no {TIMINGS}, which builds write beside the tables.",
        tables,
    )


def _row(time_of: StageTime) -> tuple[Cell, ...]:
    return (
        time_of.stage,
        time_of.unit,
        time_of.done,
        round(time_of.seconds, 2),
        round(time_of.rate, 1),
        round(time_of.cpu_seconds, 2),
        round(time_of.memory / 1e6),
        time_of.processes or "",
        round(time_of.worker_memory / 1e6) if time_of.processes else "",
    )
