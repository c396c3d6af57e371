"""What stands in angle brackets: comments, ``<nowiki>``, extension tags and HTML.

One pass from left to right: whichever of them begins first wins, as in MediaWiki's preprocessor
(https://www.mediawiki.org/wiki/Preprocessor_ABNF); an extension tag's body is not read further.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

from pipelines.wikitext import marks
from pipelines.wikitext.character_references import decode_entities
from pipelines.wikitext.data import read_table
from pipelines.wikitext.templates.formulas import plain_formula
from pipelines.wikitext.terms import has_terms, stands_in_term

__all__ = ["Collector", "strip_tags"]

Collector = Callable[[str, str], None]
"""Takes the name and the body of what holds pictures: ``gallery``, ``imagemap``, ``table``."""

# A footnote without further tags (most tags are footnotes), a comment's start, or any tag: slash, name, attributes.
# Those of an extension tag end at the first sign that closes a tag, whatever stands before it.
_OPENED = "|".join(rf"(?<=<{name}\s)" for name in ("ref", "pre", "nowiki", "math", "gallery", "poem"))
_TAG = re.compile(
    r"<(?:ref(?:[\s/][^<>]*)?(?:(?<=/)>|>[^<]*</ref>)|!--"
    rf"|(/?)([A-Za-z][A-Za-z0-9]*)((?:[\s/](?:[^<>]*|(?:{_OPENED})[^>]{{0,200}}))?)>)"
)
# An attribute that hides its element.
_HIDDEN = re.compile(r"display\s*:\s*none", re.IGNORECASE)
# The colons that indent a line of a poem.
_VERSE_INDENTATION = re.compile("^:+", re.MULTILINE)
# The opening and closing tags of HTML tables.
_TABLE = re.compile(r"<(/?)table(?:[\s/][^<>]*)?>", re.IGNORECASE)

_INLINE = """abbr b bdi bdo big cite code data del dfn em font i ins kbd mark q rb rbc rp rt rtc ruby s samp small
span strike strong sub sup time tt u var wbr noinclude onlyinclude section languages translate tvar"""
_VOID = frozenset(("br", "hr", "wbr", "meta", "link", "section", "languages", "onlyinclude", "noinclude"))
# Elements that are allowed where they hold data about an item, and show as text elsewhere.
_DATA = frozenset(("meta", "link"))
_ITEM, _ITEM_DATA = (
    re.compile(rf"\b(?:{names})\s*=", re.IGNORECASE) for names in ("itemprop", "content|href")
)
_BLOCKS = "caption center div dl hr ol p table tbody td tfoot th thead tr ul"
_ITEMS = "dd dt li"

_OPENING: dict[str, str] = {
    **dict.fromkeys(_INLINE.split(), ""),
    **dict.fromkeys(_BLOCKS.split(), marks.BREAK),
    **dict.fromkeys(_ITEMS.split(), marks.ITEM),
    "blockquote": marks.QUOTE,
    "br": marks.LINE_BREAK,
    "q": '"',
    **{f"h{level}": "\n" + "=" * level for level in range(1, 7)},
}
_CLOSING: dict[str, str] = {
    **dict.fromkeys(_INLINE.split(), ""),
    **dict.fromkeys((_BLOCKS + " " + _ITEMS).split(), marks.BREAK),
    "blockquote": marks.QUOTE_END,
    "br": marks.LINE_BREAK,
    "q": '"',
    **{f"h{level}": "=" * level + "\n" for level in range(1, 7)},
}

_SIGNS = "-−–&{"
# An exponent of several terms: "n+1".
_EXPONENT = re.compile(r"((?:''[A-Za-z]''|\d+)(?:\s?(?:[-+−–/]|&minus;)\s?(?:''[A-Za-z]''|\d+)){1,3})</sup>")
# Behind these a number is raised or set low by a sign.
# Tags within others, and those of headings.
_OF_INCLUSION = frozenset(("noinclude", "onlyinclude", "includeonly"))
_MAY_NEED_MENDING = frozenset(("noinclude", "onlyinclude", *(f"h{level}" for level in range(1, 7))))
_BEFORE_SCRIPT = {"sup": "0123456789)", "sub": "0123456789"}
# A number, or a single letter in italics, that is all of a superscript or subscript. One with a plus is no power but
# how much more a measurement may be.
_POWER = re.compile(r"(?:[-−–]|&minus;|\{\{minus\}\})?(?:\d[\d.,]*|''[A-Za-z]'')</su[bp]>")
# A fraction behind its top's tag: the top, a bar, the bottom set low.
_FRACTION = re.compile(r"\d+</sup>\s?(?:⁄|/|&frasl;|&#8260;)\s?<sub>\d+</sub>")

# Extension tags that leave nothing, inside a line and as blocks of their own.
_SILENT = frozenset(
    ["includeonly", "indicator", "maplink", "templatestyles", "templatedata", "ref", "score", "hiero"]
)
_SILENT_BLOCKS_TEXT = """
categorytree graph inputbox mapframe references timeline dynamicpagelist rss gallery imagemap
"""
_SILENT_BLOCKS = frozenset(_SILENT_BLOCKS_TEXT.split())
_LITERAL = frozenset(["ce", "chem", "math", "nowiki"])
_PREFORMATTED = frozenset(["pre", "source", "syntaxhighlight"])
_EXTENSIONS = _SILENT | _SILENT_BLOCKS | _LITERAL | _PREFORMATTED | {"poem"}
_CLOSING_TAGS = {name: re.compile(rf"</{name}\s*>", re.IGNORECASE) for name in _EXTENSIONS}


_NOWIKI, _NOWIKI_END = re.compile("<nowiki>", re.IGNORECASE), re.compile("</nowiki>", re.IGNORECASE)
_INLINE_CODE = re.compile(r"\binline\b|\benclose\s*=\s*[\"']?none")
# A line across a poem.
_RULE = re.compile("^-{4,}", re.MULTILINE)
# A comment inside a tag, and tags there that only tell where text is included.
_IN_TAG = re.compile(
    r"(<[A-Za-z][^<>\n]*)<(?:!--.{0,500}?--|/?(?:noinclude|onlyinclude)|includeonly>[^<]{0,500}</includeonly)>",
    re.DOTALL,
)
_MOST_IN_TAG, _LONGEST_TAG = 5, 300
# An HTML heading that goes over several lines.
_LONG_HEADING = re.compile(
    r"<h[1-6](?:\s[^<>]*)?>(?:(?!</h)[^\n]){0,300}\n(?:(?!</h).){0,300}?</h[1-6]", re.DOTALL
)
# A tag as far as an angle bracket inside a quoted value, and the rest of that value.
_SIGN_IN_QUOTES = re.compile(
    r"""(<[A-Za-z][^<>"]*(?:"[^<>"]*"[^<>"]*)*="[^<>"\n]*)([<>][^"\n]{0,500}")(?=[\s/>])"""
)


def _without_nowiki(text: str) -> str:
    """Return `text` without the pairs of ``<nowiki>`` in it, what stands in them as it is."""
    pieces: list[str] = []
    done = 0
    while (opening := _NOWIKI.search(text, done)) and (closing := _NOWIKI_END.search(text, opening.end())):
        pieces += (text[done : opening.start()], text[opening.end() : closing.start()])
        done = closing.end()
    return "".join((*pieces, text[done:]))


def _without_angles(tag: re.Match[str]) -> str:
    return tag[1] + tag[2].replace("<", "").replace(">", "")


def _on_one_line(heading: re.Match[str]) -> str:
    return heading[0].replace("\n", " ")


def _mend(text: str) -> str:
    """Return `text` with comments within tags and headings over several lines written as the usual ones are."""
    for _ in range(_MOST_IN_TAG):
        text, found = _IN_TAG.subn(r"\1", text)
        if not found:
            break
    return _LONG_HEADING.sub(_on_one_line, text)


def _stands_in_tag(text: str, position: int, done: int) -> bool:
    """Return whether `position` lies between the angle brackets of a tag that begins behind `done`."""
    opening = text.rfind("<", max(done, position - _LONGEST_TAG), position)
    return opening >= 0 and text.rfind(">", opening, position) < 0 and text[opening + 1].isalpha()


def strip_tags(text: str, collect: Collector, language: str = "en") -> str:
    """Return `text` without comments, footnotes and tags; blocks are marked, literal text is protected.

    `collect` gets what holds pictures; quotations get the signs of `language`. Tags that MediaWiki does not know, and
    tags that are never closed where they must be, stay as the text that they are.
    """
    if "<" not in text:
        return text
    return _Stripper(_SIGN_IN_QUOTES.sub(_without_angles, text), collect, language).run()


# A link with its trail.
_TRAIL = re.compile(r"\]\][^\W\d_]+\Z")
# What begins a list, a heading, a line across or a table where it begins a line.
_LINE_STARTS = "*#:;=-"
# What stands before most tags and joins nothing behind them.
_ENDS_RUN = " ,.;(–—-"


def _last_character(pieces: list[str]) -> str:
    """Return the last character of the text in `pieces`, of which at most a few are empty."""
    return next((piece[-1] for piece in reversed(pieces[-5:]) if piece), "")


def _script(text: str, start: int, name: str, before: str) -> tuple[str, int]:
    """Return what marks the superscript or subscript that begins at `start`, and where to read on.

    Its digits would otherwise join those `before` it.
    """
    if before not in _BEFORE_SCRIPT[name]:
        return "", start
    if _POWER.match(text, start):
        if name == "sub":
            return ("" if text[start] in _SIGNS else "_"), start
        fraction = before.isdecimal() and _FRACTION.match(text, start)
        return (" " if fraction else "^"), start
    exponent = _EXPONENT.match(text, start) if name == "sup" else None
    return (f"^({exponent[1]})", exponent.end()) if exponent else ("", start)


@cache
def _quotation_signs(language: str) -> tuple[str, str]:
    """Return the signs around a quotation on a page in `language`."""
    rows = read_table("quotation_signs")
    return next(((opening, closing) for of, opening, closing in rows if of == language), ('"', '"'))


class _Stripper:
    """One pass over one text."""

    def __init__(self, text: str, collect: Collector, language: str) -> None:
        self.text = text
        self.collect = collect
        self.mended = False
        self.terms = has_terms(text)
        self.language = language
        self.keeps_lines = False
        """Whether line breaks within ``<nowiki>`` stay."""
        self.never_closed: set[str] = set()
        self.tables: dict[int, int] | None = None

    def run(self) -> str:
        text = self.text
        pieces: list[str] = []
        done = 0
        for tag in _TAG.finditer(text):
            start = tag.start()
            if start < done:
                continue
            slash, name, attributes = tag.groups()
            if name is None:
                if text[start + 1] == "r":
                    end = tag.end()
                    replacement = marks.REMOVED
                elif _stands_in_tag(text, start, done) and not self.mended:
                    return self.mend(pieces, done)
                else:
                    start, end = self.comment(start, done)
                    replacement = ""
            else:
                end = tag.end()
                name = name.lower()
                if name in _EXTENSIONS:
                    if slash and name != "pre":
                        continue
                    if slash:
                        # The end of an element that was never begun.
                        pieces.append(text[done:start])
                        done = end
                        continue
                    if name == "includeonly" and not self.mended and _stands_in_tag(text, start, done):
                        return self.mend(pieces, done)
                    body_end, end = self.body(name, attributes, end)
                    if end < 0:
                        if name == "pre":
                            # Without an end it is an element of HTML, whose text is read.
                            pieces += (text[done:start], marks.BREAK)
                            done = tag.end()
                        continue
                    replacement = self.extension(name, attributes, text[tag.end() : body_end])
                elif slash:
                    closing = _CLOSING.get(name)
                    if closing is None:
                        continue
                    replacement = closing if name != "q" else _quotation_signs(self.language)[1]
                    if self.terms and name not in _VOID and stands_in_term(text, start):
                        replacement = marks.ELEMENT_END + replacement
                else:
                    opening = _OPENING.get(name)
                    if name in _DATA and _ITEM.search(attributes) and _ITEM_DATA.search(attributes):
                        opening = ""
                    if opening is None:
                        continue
                    replacement = opening if name != "q" else _quotation_signs(self.language)[0]
                    if (
                        name in _MAY_NEED_MENDING
                        and not self.mended
                        and self.needs_mending(name, start, done)
                    ):
                        return self.mend(pieces, done)
                    if name in _BEFORE_SCRIPT and start:
                        before = text[start - 1]
                        if before == ">" and done == start:
                            # A superscript that stands at a subscript, or the other way round.
                            before = _last_character(pieces) or ">"
                        replacement, end = _script(text, end, name, before)
                    elif self.terms and name not in _VOID and stands_in_term(text, start):
                        replacement += marks.ELEMENT
                    if name == "table":
                        end = self.table(start, end)
                    elif attributes and _HIDDEN.search(attributes):
                        end = self.hidden(name, end)
            pieces.append(text[done:start])
            if replacement:
                pieces.append(replacement)
            elif (
                name
                and text[start - 1] not in _ENDS_RUN
                and name not in _OF_INCLUSION
                and self.would_join(pieces, start, end)
            ):
                pieces.append(marks.JOINER)
            done = end
        pieces.append(text[done:])
        return "".join(pieces)

    def would_join(self, pieces: list[str], start: int, end: int) -> bool:
        """Return whether what stands on both sides of the tag from `start` to `end` would mean something else side by
        side: apostrophes and brackets a longer run, a name a link, letters behind a link its trail, bullets a list.
        """
        before, behind = _last_character(pieces), self.text[end : end + 1]
        if before == "\n" or not before:
            return behind != "" and behind in _LINE_STARTS
        if before == "[":
            return True
        if behind == "{" or behind.isalpha():
            return before == "]" or (
                before.isalpha() and _TRAIL.search(self.text, max(0, start - 20), start) is not None
            )
        return before == behind and before in "']"

    def needs_mending(self, name: str, start: int, done: int) -> bool:
        """Return whether the tag at `start` stands within another, or begins a heading over several lines."""
        if name[0] == "h":
            return _LONG_HEADING.match(self.text, start) is not None
        return _stands_in_tag(self.text, start, done)

    def mend(self, pieces: list[str], done: int) -> str:
        """Return what `pieces` and the text behind `done` leave, the rarer tags of the latter mended."""
        rest = _Stripper(_mend(self.text[done:]), self.collect, self.language)
        rest.mended = True
        return "".join((*pieces, rest.run()))

    def comment(self, start: int, done: int) -> tuple[int, int]:
        """Return the span of the comment at `start`: with its line where it, and others, stand alone there."""
        text = self.text
        line_start = start
        while line_start > done and text[line_start - 1] in " \t":
            line_start -= 1
        end = start
        while text.startswith("<!--", end):
            close = text.find("-->", end + 4)
            if close < 0:
                return start, len(text)
            comment_end = end = close + 3
            while end < len(text) and text[end] in " \t":
                end += 1
        if line_start > 0 and text[line_start - 1] == "\n" and text.startswith("\n", end):
            return line_start, end + 1
        return start, comment_end

    def body(self, name: str, attributes: str, start: int) -> tuple[int, int]:
        """Return where the body of an extension tag ends and where its closing tag does; -1, -1 where neither."""
        if attributes.endswith("/"):
            return start, start
        if name not in self.never_closed:
            closing = _CLOSING_TAGS[name].search(self.text, start)
            if closing:
                return closing.span()
            self.never_closed.add(name)
        if name == "includeonly":
            return len(self.text), len(self.text)
        return -1, -1

    def extension(self, name: str, attributes: str, body: str) -> str:
        """Return what an extension tag leaves in the text."""
        if name == "includeonly":
            return ""
        if name in _SILENT:
            return marks.REMOVED
        if name in _SILENT_BLOCKS:
            if name in ("gallery", "imagemap"):
                self.collect(name, body)
            return marks.BREAK
        if name == "poem":
            verses = _Stripper(_VERSE_INDENTATION.sub("", body.strip("\n")), self.collect, self.language)
            verses.keeps_lines = True
            lines = _RULE.sub("", verses.run())
            return marks.QUOTE + lines.replace("\n", marks.NEWLINE) + marks.QUOTE_END
        if name in _PREFORMATTED:
            body = _without_nowiki(body) if name == "pre" else body
            body = body.strip("\n")
            # Code shows as it is typed.
            protected = marks.protect_lines(decode_entities(body) if name == "pre" else body)
            return protected if _INLINE_CODE.search(attributes) else marks.BREAK + protected + marks.BREAK
        if name == "nowiki":
            body = decode_entities(body)
            return marks.protect_lines(body) if self.keeps_lines else marks.protect(body)
        if name == "math":
            return marks.protect(plain_formula(decode_entities(body)))
        return marks.protect(decode_entities(body).strip().replace("->", "→"))

    def table(self, start: int, end: int) -> int:
        """Return where the HTML table that begins at `start` ends; `end`, behind its tag, where it never does."""
        if self.tables is None:
            self.tables = {}
            opened: list[int] = []
            for tag in _TABLE.finditer(self.text):
                if not tag[1]:
                    opened.append(tag.start())
                elif opened:
                    self.tables[opened.pop()] = tag.end()
        table_end = self.tables.get(start)
        if table_end is None:
            return end
        self.collect("table", self.text[end:table_end])
        return table_end

    def hidden(self, name: str, end: int) -> int:
        """Return the end of an element that is not displayed and holds text alone; else `end`, behind its tag."""
        closing = self.text.find("<", end)
        match = _TAG.match(self.text, closing) if closing >= 0 else None
        return match.end() if match and match[1] and match[2].lower() == name else end
