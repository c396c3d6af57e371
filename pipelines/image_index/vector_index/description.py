"""What an index says of itself: ``index.json``, which names the index beside it."""

from __future__ import annotations

import json
from typing import Any

from pipelines.image_index.layout import Layout

__all__ = ["FORMAT", "read_description"]

FORMAT = 2
"""Version of ``index.json``; a reader refuses any other."""


def read_description(layout: Layout) -> dict[str, Any] | None:
    """Gives what the index says of itself; None where there is none that this version reads."""
    try:
        description = json.loads(layout.index_description.read_text(encoding="utf-8"))
        if description["format"] == FORMAT and layout.index.stat().st_size == description["bytes"]:
            return dict(description)
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return None
