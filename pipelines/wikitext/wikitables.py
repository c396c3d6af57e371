"""Tables: taken out of the text; what stands behind one that is never closed stays."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from pipelines.wikitext import marks

__all__ = ["remove_tables"]

_DEEPEST_INDENTATION = 200
"""A table's braces are looked for this far behind a line's start, since a line may be long and hold many."""
_BLOCK_MARKS = marks.BREAK + marks.QUOTE + marks.QUOTE_END + marks.ITEM
# What may stand on a line before the start and the end of a table.
_BEFORE_START = " \t:" + marks.REMOVED + _BLOCK_MARKS
_BEFORE_END = " \t" + marks.REMOVED + _BLOCK_MARKS
# The first line behind an unclosed table that cannot belong to it: after a blank line, no row, cell or caption.
_BEHIND = re.compile(r"\n[ \t]*\n(?![ \t]*[|!])|\n(?==)")

_Span = tuple[int, int]


def remove_tables(text: str, collect: Callable[[str], None], calls: Sequence[_Span] | None = None) -> str:
    """Return `text` without its tables, inner ones included; `collect` gets the wikitext of each.

    MediaWiki closes an open table at the page's end and shows the rest of the page in its last cell; here the
    table ends before the first heading, or the first blank line that no row follows. With `calls`, the spans of
    calls of templates still to be expanded, only closed tables go, and what stands in a call is passed over.
    """
    if "{|" not in text:
        return text
    opened, closed = _pair_edges(_edges(text, calls or ()))
    tables = closed if calls is not None or not opened else _with_unclosed(text, opened, closed)
    pieces: list[str] = []
    done = 0
    for start, end in tables:
        pieces.append(text[done:start])
        collect(text[start:end])
        pieces.append(marks.BREAK)
        done = end
    pieces.append(text[done:])
    return "".join(pieces)


def _edges(text: str, calls: Sequence[_Span]) -> list[tuple[int, int]]:
    """Return the starts and ends of tables in order: the line's start of a start; -1 and the end of an end."""
    edges: list[tuple[int, int]] = []
    positions = sorted([*_find_all(text, "{|"), *_find_all(text, "|}")])
    call = 0
    for position in positions:
        while call < len(calls) and calls[call][1] <= position:
            call += 1
        if call < len(calls) and calls[call][0] <= position:
            continue
        line_start = text.rfind("\n", max(0, position - _DEEPEST_INDENTATION), position) + 1
        if line_start == 0 and position > _DEEPEST_INDENTATION:
            continue
        before = text[line_start:position]
        if text[position] == "{":
            if not before.strip(_BEFORE_START):
                edges.append((line_start, position))
        elif not before.strip(_BEFORE_END) and text[position + 2 : position + 3] != "}":
            edges.append((-1, position + 2))
    return edges


def _find_all(text: str, sign: str) -> list[int]:
    positions: list[int] = []
    position = text.find(sign)
    while position >= 0:
        positions.append(position)
        position = text.find(sign, position + 2)
    return positions


def _pair_edges(edges: list[tuple[int, int]]) -> tuple[list[int], list[_Span]]:
    """Return the starts of the tables that are never closed, and the spans of closed ones that stand in no other."""
    opened: list[int] = []
    closed: list[_Span] = []
    for start, position in edges:
        if start >= 0:
            opened.append(start)
        elif opened:
            start = opened.pop()
            while closed and closed[-1][0] > start:
                closed.pop()
            closed.append((start, position))
    return opened, closed


def _with_unclosed(text: str, opened: list[int], closed: list[_Span]) -> list[_Span]:
    """Add the tables that are never closed, each as far as it can reach."""
    ends = dict(closed)
    tables: list[_Span] = []
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
