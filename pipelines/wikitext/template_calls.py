"""Where the calls of templates stand in a text, and what their arguments are.

The braces of a whole page are paired in one pass by the rule of MediaWiki's preprocessor
(https://www.mediawiki.org/wiki/Preprocessor_ABNF): of a run of opening and a run of closing braces, three
make an argument, two a template; what stays without a partner is text.
"""

from __future__ import annotations

import re
from itertools import accumulate

# A heading from its first sign on, which names no argument.
_HEADING = re.compile(r"(?<=\n)={1,6}[^\n]+=[ \t]*(?:\n|\Z)")

__all__ = ["cut_at_braces", "outer_calls", "read_arguments", "split_arguments"]

# A run of two or more opening or closing braces.
_BRACES = re.compile(r"\{\{+|\}\}+")
# The brackets and pipes by which the inside of a call that was not expanded is cut.
_CUT = re.compile(r"\{\{|\}\}|\[\[|\]\]|\|")


def cut_at_braces(text: str) -> tuple[list[str], dict[int, int]]:
    """Cut `text` into pieces, at even indices, and the braces between them, at odd indices.

    Returns:
        The pieces and, by the index of the braces that open a call or an argument, the index of those that
        close it. Braces without a partner may stand in the pieces or between them.
    """
    if "{{{" in text:
        return _cut_at_runs(text)
    pieces: list[str] = []
    partners: dict[int, int] = {}
    opened: list[int] = []
    for part in text.split("{{"):
        if "}" not in part:
            pieces += ("{{", part)
            opened.append(len(pieces) - 3)
            continue
        first, *closed = part.split("}}")
        pieces += ("{{", first)
        opened.append(len(pieces) - 3)
        for piece in closed:
            pieces += ("}}", piece)
            if opened:
                partners[opened.pop()] = len(pieces) - 3
    # What stands before the first braces opens nothing.
    return pieces[1:], partners


def _cut_at_runs(text: str) -> tuple[list[str], dict[int, int]]:
    """Do as `cut_at_braces` where three braces stand together, which may make an argument."""
    edges: list[tuple[int, int, int]] = []
    opened: list[list[int]] = []
    pairs = 0
    for run in _BRACES.finditer(text):
        position, run_end = run.span()
        if text[position] == "{":
            opened.append([position, run_end - position])
            continue
        while opened and run_end - position >= 2:
            top = opened[-1]
            count = min(top[1], run_end - position, 3)
            top[1] -= count
            edges.append((top[0] + top[1], count, pairs))
            edges.append((position, count, pairs))
            pairs += 1
            position += count
            if top[1] < 2:
                opened.pop()
    edges.sort()
    pieces: list[str] = []
    partners: dict[int, int] = {}
    first: dict[int, int] = {}
    done = 0
    for position, count, pair in edges:
        pieces += (text[done:position], text[position : position + count])
        done = position + count
        if pair in first:
            partners[first[pair]] = len(pieces) - 1
        else:
            first[pair] = len(pieces) - 1
    pieces.append(text[done:])
    return pieces, partners


def outer_calls(text: str) -> list[tuple[int, int]]:
    """Return the spans of the calls in `text` that stand in no other, in order."""
    pieces, partners = cut_at_braces(text)
    starts = list(accumulate(map(len, pieces), initial=0))
    spans: list[tuple[int, int]] = []
    # Braces stand at odd indices.
    index = 1
    while index < len(pieces):
        close = partners.get(index)
        if close is not None:
            spans.append((starts[index], starts[close + 1]))
            index = close
        index += 2
    return spans


def split_arguments(inside: str) -> list[str]:
    """Cut the unexpanded inside of a call at its own pipes, not at those of inner calls and links."""
    parts: list[str] = []
    depth = done = 0
    for token in _CUT.finditer(inside):
        kind = token[0]
        if kind in ("{{", "[["):
            depth += 1
        elif kind != "|":
            depth -= depth > 0
        elif depth == 0:
            parts.append(inside[done : token.start()])
            done = token.end()
    parts.append(inside[done:])
    return parts


def read_arguments(parts: list[str]) -> dict[str, str]:
    """Return arguments by name: positional ones by number and as they are, named ones trimmed, the last wins."""
    arguments: dict[str, str] = {}
    position = 0
    for part in parts:
        name, equals, value = part.partition("=")
        if equals and not ("\n" in name and _HEADING.match(part, len(name))):
            arguments[name.strip()] = value.strip()
        else:
            position += 1
            arguments[str(position)] = part
    return arguments
