"""Evidence for the examples of a data set: sources, refinement, the build of a retrieval cache."""

from __future__ import annotations

from kc_schema.errors import UserError

__all__ = ["EvidenceError"]


class EvidenceError(UserError):
    """A cache that cannot be built; the message says what to do."""
