"""What building a retrieval cache raises."""

from __future__ import annotations

__all__ = ["RetrievalError"]


class RetrievalError(Exception):
    """A cache that cannot be built; the message says what to do."""
