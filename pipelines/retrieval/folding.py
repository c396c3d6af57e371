"""What a piece of evidence says, without case, signs and tags: for comparing it with other text."""

from __future__ import annotations

from functools import lru_cache

from kc_schema.anchors import strip
from pipelines.datasets.tokens import fold

__all__ = ["folded"]


@lru_cache(maxsize=1 << 16)
def folded(text: str) -> str:
    """Gives `pipelines.datasets.tokens.fold` of a tagged text; kept, for every text is looked at several times."""
    return fold((strip(text),))
