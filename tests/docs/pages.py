"""The code blocks of a page, and what is to be done with each.

A block of commands (sh), Python, YAML or JSON is run or read by `test_pages`. What it is for beyond that says a
comment in the line above it, which readers do not see::

    <!-- test: file PATH -->    the block is the content of this file
    <!-- test: no REASON -->    the block is not run here, because ...
    <!-- test: exit N -->       its last command ends with this status
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RUN = ("sh", "python", "yaml", "json")
_BLOCK = re.compile(
    r"(?:^<!-- test: (?P<what>\w+) ?(?P<rest>.*?) -->\n)?^```(?P<kind>\w*)\n(?P<text>.*?)^```", re.M | re.S
)


@dataclass(frozen=True)
class Block:
    """One block of code."""

    line: int
    kind: str
    """The language that it names."""
    text: str
    what: str
    """``file``, ``no``, ``exit``, or empty."""
    rest: str


def pages() -> list[Path]:
    """All pages with commands and snippets."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: Path) -> list[Block]:
    """The code blocks of a page, from top to bottom."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(
            text.count("\n", 0, found.start()) + 1,
            found["kind"],
            found["text"],
            found["what"] or "",
            found["rest"] or "",
        )
        for found in _BLOCK.finditer(text)
    ]
