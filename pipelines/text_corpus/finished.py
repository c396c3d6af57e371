"""Results of finished steps of the image corpus, kept beside their files so that no step is done twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kc_schema.store import write_text


def write_finished(path: Path, result: dict[str, Any]) -> None:
    """Keep the result of a step; it names its inputs in ``fingerprint``."""
    write_text(path, json.dumps(result, ensure_ascii=False))


def read_finished(path: Path, fingerprint: str, *, files_in: Path | None = None) -> dict[str, Any] | None:
    """Return the result kept in `path`; None where there is none or it came from other inputs.

    With `files_in`, the parts that the result lists must lie there with their sizes.
    """
    try:
        result: dict[str, Any] = json.loads(path.read_bytes())
        if result["fingerprint"] != fingerprint:
            return None
        if files_in is not None:
            parts = result["parts"]
            for part in parts.values() if isinstance(parts, dict) else parts:
                if (files_in / part["file"]).stat().st_size != part["bytes"]:
                    return None
    except (OSError, ValueError, KeyError):
        return None
    return result
