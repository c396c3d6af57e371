"""Blocks: the paragraphs, list items, quotations and headings of a page, read line by line.

As in MediaWiki's BlockLevelPass: a blank line, a list, a heading or a block element ends a paragraph; other
line breaks are spaces. Lines that begin with a space keep their breaks.
"""

from __future__ import annotations

import re

from pipelines.wikitext import marks
from pipelines.wikitext.emphasis import strip_emphasis

__all__ = ["BOLD", "Block", "read_blocks"]

PROSE, LIST, QUOTE, HEADING = "prose", "list", "quote", "heading"


Block = tuple[str, str, int]
"""A block as it was found: its text, still with marks; its kind; a heading's level, or 1 for a list item that
is a term to be defined, or `BOLD`."""
BOLD = -1
"""In place of a level: the block is one line in bold."""


# Two line breaks with nothing between: a new paragraph.
_BREAKS = re.compile(f"{marks.LINE_BREAK}(?:[ \n{marks.REMOVED}]*{marks.LINE_BREAK})+")
# The characters of a list item.
_BULLETS = re.compile(r"[*#:;]+")
# A heading: equals signs on both sides, of which the shorter run counts.
_HEADING = re.compile(rf"(={{1,6}})(.+?)(={{1,6}})[ \t{marks.REMOVED}{marks.JOINER}]*\Z", re.DOTALL)
# The colon between a term and its definition, outside of links and addresses.
_DEFINITION = re.compile(
    f"((?:[^:{marks.ANCHOR}]|{marks.ANCHOR}[^{marks.ANCHOR_END}]*{marks.ANCHOR_END}|:(?=//))*):"
)


# Words in bold or italics, whose colons end no term.
_EMPHASISED = re.compile(r"(?<!')'{2,3}(?!')[^'\n]+'{2,3}(?!')")


# A line that is bold from its first to its last word; a colon may stand behind.
_UNSEEN = f"[{marks.REMOVED}{marks.JOINER}{marks.BREAK}]*"
_BOLD_LINE = re.compile(
    rf"{_UNSEEN}(?:'{{3}}|'{{5}})(?!')(?:[^'\n]|'{{1,2}}(?!'))+(?:'{{3}}|'{{5}})\s*(?::\s*)?{_UNSEEN}"
)


def _without_colons(words: re.Match[str]) -> str:
    return words[0].replace(":", marks.COLON)


# What begins and ends elements that are blocks outside of a heading.
_EDGES = (marks.BREAK, marks.QUOTE, marks.QUOTE_END)
_BEHIND_HEADING = " \t" + marks.BREAK
_WITHOUT_EDGES = str.maketrans(dict.fromkeys(_EDGES, " "))


def _with_whole_headings(text: str) -> str:
    """Return `text` with headings that no element inside them cuts apart."""
    pieces: list[str] = []
    done = 0
    start = 0 if text.startswith("=") else _next_heading(text, 0)
    while start >= 0:
        end = text.find("\n", start)
        line = text[start:end] if end >= 0 else text[start:]
        last = line.rfind("=")
        if (
            not line.isprintable()
            and any(0 <= line.find(edge) < last for edge in _EDGES)
            and not line[last + 1 :].strip(_BEHIND_HEADING)
        ):
            pieces += (text[done:start], line.translate(_WITHOUT_EDGES))
            done = start + len(line)
        start = _next_heading(text, end) if end >= 0 else -1
    return "".join((*pieces, text[done:])) if pieces else text


def _next_heading(text: str, position: int) -> int:
    """Return where the next line begins that may be a heading, or -1."""
    found = text.find("\n=", position)
    return found + 1 if found >= 0 else -1


def read_blocks(text: str) -> list[Block]:
    """Return the blocks of `text` in order; headings are blocks of the kind ``heading``."""
    text = _with_whole_headings(text)
    for mark in (marks.BREAK, marks.QUOTE, marks.QUOTE_END, marks.ITEM):
        # Each mark of a block begins a line.
        if mark in text:
            text = text.replace(mark, "\n" + mark)
    if marks.LINE_BREAK in text:
        text = _BREAKS.sub("\n" + marks.BREAK, text).replace(marks.LINE_BREAK, " ")
    return _Reader().read(text)


class _Reader:
    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.lines: list[str] = []
        self.preformatted = False
        self.bold = False
        """Whether the paragraph is, so far, one line in bold."""
        self.kind = PROSE

    def read(self, text: str) -> list[Block]:
        blocks = self.blocks
        lines = self.lines
        for line in text.split("\n"):
            # What emphasis hides at the start of a line begins no list.
            first = line[:1]
            bold = False
            if "''" in line:
                if first == ";" and line[1:2] != marks.JOINER:
                    line = _EMPHASISED.sub(_without_colons, line)
                bold = _BOLD_LINE.fullmatch(line) is not None
                line = strip_emphasis(line)
            if first not in _SPECIAL or (first == "\t" and not line.isspace()):
                if self.preformatted:
                    self.end_paragraph()
                lines.append(line)
            elif not line or line.isspace():
                if first == " " and self.preformatted:
                    lines.append("")
                else:
                    self.end_paragraph()
            elif first in "*#:;":
                self.end_paragraph()
                self.list_item(line)
            elif first == " ":
                self.indented(line)
            elif first == "=":
                heading = _HEADING.match(line)
                if heading:
                    self.end_paragraph()
                    self.kind = PROSE
                    level, title = _level(heading)
                    blocks.append((title, HEADING, level))
                else:
                    lines.append(line)
            elif first == "-":
                if line.startswith("----"):
                    self.end_paragraph()
                    line = line.lstrip("-")
                lines.append(line)
            else:
                self.block_mark(first, line[1:])
            if bold:
                self.bold = len(lines) == 1
        self.end_paragraph()
        return blocks

    def end_paragraph(self) -> None:
        lines = self.lines
        if self.preformatted:
            while lines and not lines[-1]:
                lines.pop()
        if lines:
            separator = marks.NEWLINE if self.preformatted else " "
            if len(lines) > 1:
                self.blocks.append((separator.join(lines), self.kind, 0))
            else:
                self.blocks.append((lines[0], self.kind, BOLD if self.bold and self.kind == PROSE else 0))
            lines.clear()
        self.preformatted = self.bold = False

    def indented(self, line: str) -> None:
        """Take a line that begins with a space: preformatted, unless it goes on a paragraph."""
        if self.lines and not self.preformatted:
            self.end_paragraph()
        self.preformatted = True
        self.lines.append(line.strip())

    def list_item(self, line: str) -> None:
        bullets = _BULLETS.match(line)
        assert bullets is not None
        text = line[bullets.end() :].strip()
        if bullets[0][-1] == ";":
            # A term that stands so in the wikitext was looked at there.
            definition = None if text[:1] == marks.JOINER else _DEFINITION.match(text)
            if definition:
                self.blocks.append((definition[1].strip(), LIST, 1))
                text = text[definition.end() :].strip()
                self.blocks.append((text, LIST, 0))
            else:
                self.blocks.append((text, LIST, 1))
        else:
            self.blocks.append((text, LIST, 0))

    def block_mark(self, mark: str, rest: str) -> None:
        self.end_paragraph()
        if mark == marks.QUOTE:
            self.kind = QUOTE
        elif mark == marks.QUOTE_END:
            self.kind = PROSE
        rest = rest.strip(" \t")
        if not rest:
            return
        if mark == marks.ITEM:
            self.blocks.append((rest, LIST, 0))
        elif rest[0] in "*#:;":
            self.list_item(rest)
        else:
            self.lines.append(rest)


# What may begin a line that is no line of prose; the empty string is among them.
_SPECIAL = " *#:;=-\t" + marks.BREAK + marks.QUOTE + marks.QUOTE_END + marks.ITEM


def _level(heading: re.Match[str]) -> tuple[int, str]:
    """Return a heading's level and text; equals signs beyond the shorter run are text."""
    left, text, right = heading.groups()
    level = min(len(left), len(right))
    return level, "=" * (len(left) - level) + text + "=" * (len(right) - level)
