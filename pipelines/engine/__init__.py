"""What runs the steps of every pipeline: the cores of this machine, or a cluster that Apache Beam reaches."""

from __future__ import annotations

from pipelines.engine.beam_options import check_beam_options
from pipelines.engine.engine import Engine, default_workers, kept_results
from pipelines.engine.errors import RunError, WorkerDiedError
from pipelines.engine.progress import Progress
from pipelines.engine.timing import TIMINGS, StageTime, StageTimes, read_timings, timed

__all__ = [
    "TIMINGS",
    "Engine",
    "Progress",
    "RunError",
    "StageTime",
    "StageTimes",
    "WorkerDiedError",
    "check_beam_options",
    "default_workers",
    "kept_results",
    "read_timings",
    "timed",
]
