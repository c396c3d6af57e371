"""Tables: taken out of the text; what stands behind one that is never closed stays."""

from __future__ import annotations

import re
from collections.abc import Callable

from pipelines.wikitext import marks

__all__ = ["remove_tables"]

# What may be the start or the end of a table.
_EDGE = re.compile(r"\{\||\|\}")
_DEEPEST_INDENTATION = 200
# What may stand before them on their line.
_BEFORE_START = " \t:\x04\x05\x06\x07\x08"
_BEFORE_END = " \t\x04\x05\x06\x07\x08"
# The first line behind an unclosed table that cannot belong to it: after a blank line, no row, cell or caption.
_BEHIND = re.compile(r"\n[ \t]*\n(?![ \t]*[|!])|\n(?==)")


def remove_tables(text: str, collect: Callable[[str], None]) -> str:
    """Gives `text` without its tables, inner ones included; `collect` gets the wikitext of each.

    MediaWiki closes an open table at the page's end and shows the rest of the page in its last cell; here the
    table ends before the first heading, or the first blank line that no row follows.
    """
    if "{|" not in text:
        return text
    pieces: list[str] = []
    done = 0
    for start, end in _outer_tables(text):
        pieces.append(text[done:start])
        collect(text[start:end])
        pieces.append(marks.BREAK)
        done = end
    pieces.append(text[done:])
    return "".join(pieces)


def _outer_tables(text: str) -> list[tuple[int, int]]:
    """Gives the spans of the tables that stand in no other, in order."""
    opened: list[int] = []
    closed: list[tuple[int, int]] = []
    for edge in _EDGE.finditer(text):
        position = edge.start()
        # Looked for not too far back, since a line may be long and hold many braces.
        line_start = text.rfind("\n", max(0, position - _DEEPEST_INDENTATION), position) + 1
        if line_start == 0 and position > _DEEPEST_INDENTATION:
            continue
        before = text[line_start:position]
        if edge[0] == "{|":
            if not before.strip(_BEFORE_START):
                opened.append(line_start)
        elif opened and not before.strip(_BEFORE_END):
            start = opened.pop()
            while closed and closed[-1][0] > start:
                closed.pop()
            closed.append((start, edge.end()))
    return _with_unclosed(text, opened, closed)


def _with_unclosed(text: str, opened: list[int], closed: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Adds the tables that are never closed, each as far as it can reach."""
    if not opened:
        return closed
    ends = dict(closed)
    tables: list[tuple[int, int]] = []
    end = 0
    for start in sorted((*opened, *ends)):
        if start < end:
            continue
        end = ends.get(start) or _reach(text, start)
        tables.append((start, end))
    return tables


def _reach(text: str, start: int) -> int:
    behind = _BEHIND.search(text, start)
    return behind.start() if behind else len(text)
