"""How the running of steps fails."""

from __future__ import annotations

from kc_schema.errors import UserError

__all__ = ["RunError", "WorkerDiedError"]


class RunError(UserError):
    """A pipeline that cannot run, or failed on a cluster."""


class WorkerDiedError(RunError):
    """A worker process ended without saying why: killed, most often for memory."""
