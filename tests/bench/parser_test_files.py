"""Files in the format of MediaWiki's parser tests: the tests, and the pages of the wiki that they suppose.

The format is described at the top of MediaWiki's ``tests/parser/parserTests.txt``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from pipelines.wikitext.template_calls import cut_at_braces, split_arguments

__all__ = ["ParserTest", "TestFile", "expand_own_templates", "read_tests"]


@dataclass
class ParserTest:
    """One test of a file."""

    name: str
    line: int
    options: str
    """The options and settings as they stand in the file."""
    wikitext: str
    results: dict[str, str]
    """What the test asks for, by the name of its section (``html``, ``html/php``, ``html/parsoid``)."""


@dataclass
class TestFile:
    """The tests of a file and the pages that they suppose."""

    tests: list[ParserTest] = field(default_factory=list)
    articles: dict[str, str] = field(default_factory=dict)
    """Wikitext by title."""


_SECTION = re.compile(r"!!\s*([A-Za-z][^\s:]*)\s*\Z")
_STARTS = frozenset(("article", "test", "hooks", "functionhooks", "transparenthooks"))


def read_tests(path: Path) -> TestFile:
    """Return what a file holds; unknown sections are passed over."""
    found = TestFile()
    sections: dict[str, list[str]] = {}
    current: list[str] = []
    start = 0
    for number, line in enumerate(path.read_text("utf-8").split("\n"), 1):
        section = _SECTION.match(line)
        if not section:
            current.append(line)
            continue
        name = section[1].lower()
        if name in _STARTS:
            sections = {}
            start = number
        if name == "endarticle" and {"article", "text"} <= sections.keys():
            found.articles["\n".join(sections["article"]).strip()] = "\n".join(sections["text"])
        elif name == "end" and "test" in sections:
            found.tests.append(_test(start, {key: "\n".join(lines) for key, lines in sections.items()}))
        current = sections[name] = []
    return found


def _test(line: int, texts: dict[str, str]) -> ParserTest:
    wikitext = texts.get("wikitext", texts.get("input", ""))
    options = f"{texts.get('options', '')}\n{texts.get('config', '')}".strip()
    results = {key: text for key, text in texts.items() if key.startswith(("html", "result"))}
    return ParserTest(texts["test"].strip(), line, options, wikitext, results)


# What the preprocessor does not read on.
_LITERAL = re.compile(
    r"<!--.*?(?:-->|\Z)|<(nowiki|pre|ref|math|poem|syntaxhighlight|source|includeonly)\b(?:[^<>]*[^/<>])?>.*?</\1\s*>",
    re.DOTALL | re.IGNORECASE,
)
_STAND_IN = re.compile("\ue000(\\d+)\ue001")
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
# An argument with a name: an equals sign outside of links and calls.
_NAMED_ARGUMENT = re.compile(
    r"((?:[^=\[\]{}]|\[(?!\[)|\](?!\])|\{(?!\{)|\}(?!\})|\{\{[^{}]*\}\}|\[\[[^\[\]]*\]\])*)=", re.DOTALL
)
# A heading from its first sign on, which names no argument.
_HEADING = re.compile(r"(?<=\n)={1,6}[^\n]+=[ \t]*(?:\n|\Z)")
_BEGINS_BLOCK = re.compile(r"\{\||[:;#*]")
_NOT_INCLUDED = re.compile(r"<noinclude>.*?(?:</noinclude>|\Z)|<!--.*?-->", re.DOTALL)
_ONLY_INCLUDED = re.compile(r"<onlyinclude>(.*?)</onlyinclude>", re.DOTALL)
_INCLUSION = re.compile(r"</?(?:includeonly|onlyinclude)\s*/?>")
_REDIRECT = re.compile(r"#REDIRECT\s*\[\[([^\]]*)\]\]", re.IGNORECASE)
_DEEPEST = 12


def expand_own_templates(wikitext: str, articles: dict[str, str]) -> str:
    """Return `wikitext` with the calls of templates in `articles` replaced by their text."""
    return _Expansion(articles).page(wikitext)


def _name(written: str) -> str:
    name = " ".join(_COMMENT.sub("", written).replace("_", " ").split())
    prefix, colon, rest = name.partition(":")
    while colon and prefix.strip().lower() in ("template", "safesubst"):
        name = rest.strip()
        prefix, colon, rest = name.partition(":")
    return name[:1].upper() + name[1:]


class _Expansion:
    """Replaces the calls of one page; what the preprocessor does not read on is kept aside."""

    def __init__(self, articles: dict[str, str]) -> None:
        self.templates = {
            _name(title): text for title, text in articles.items() if title.lower().startswith("template:")
        }
        self.aside: list[str] = []

    def page(self, wikitext: str) -> str:
        text = self.expand(_LITERAL.sub(self.put_aside, wikitext), None, 0)
        while _STAND_IN.search(text):
            text = _STAND_IN.sub(lambda stand_in: self.aside[int(stand_in[1])], text)
        return text

    def put_aside(self, literal: re.Match[str]) -> str:
        self.aside.append(literal[0])
        return f"\ue000{len(self.aside) - 1}\ue001"

    def expand(self, text: str, arguments: dict[str, str] | None, depth: int) -> str:
        """Return `text` with its calls replaced, and its arguments where it is the text of a template."""
        if "{{" not in text:
            return text
        pieces, partners = cut_at_braces(text)
        out: list[str] = []
        index = 0
        while index < len(pieces):
            close = partners.get(index)
            if close is None:
                out.append(pieces[index])
                index += 1
                continue
            inside = "".join(pieces[index + 1 : close])
            if pieces[index] == "{{{":
                value = self.argument(inside, arguments, depth)
            else:
                value = self.call(inside, arguments, depth)
                if value is not None and _BEGINS_BLOCK.match(value) and not "".join(out[-1:]).endswith("\n"):
                    value = "\n" + value
            if value is None:
                value = pieces[index] + self.expand(inside, arguments, depth) + pieces[close]
            out.append(value)
            index = close + 1
        return "".join(out)

    def argument(self, inside: str, arguments: dict[str, str] | None, depth: int) -> str | None:
        if arguments is None:
            return None
        name, *defaults = split_arguments(inside)
        name = self.expand(name, arguments, depth).strip()
        if name in arguments:
            return arguments[name]
        return self.expand(defaults[0], arguments, depth) if defaults else "{{{" + name + "}}}"

    def call(self, inside: str, arguments: dict[str, str] | None, depth: int) -> str | None:
        parts = split_arguments(inside)
        written = _COMMENT.sub("", self.with_comments(self.expand(parts[0], arguments, depth)))
        # MediaWiki has variables of these names.
        own = written.strip() not in ("=", "!") and "\n" not in written.strip()
        body = self.templates.get(_name(written)) if own else None
        if body is None or depth >= _DEEPEST:
            return None
        if redirect := _REDIRECT.match(body):
            body = self.templates.get(_name(redirect[1]), "")
        only = _ONLY_INCLUDED.findall(body)
        body = "".join(only) if only else _INCLUSION.sub("", _NOT_INCLUDED.sub("", body))
        values: dict[str, str] = {}
        position = 0
        for part in parts[1:]:
            named = _NAMED_ARGUMENT.match(part)
            if named and not ("\n" in named[1] and _HEADING.match(part, named.end() - 1)):
                name = _COMMENT.sub("", self.with_comments(self.expand(named[1], arguments, depth))).strip()
                values[name] = self.expand(part[named.end() :], arguments, depth).strip()
            else:
                position += 1
                values[str(position)] = self.expand(part, arguments, depth)
        return self.expand(_LITERAL.sub(self.put_aside, body), values, depth + 1)

    def with_comments(self, text: str) -> str:
        """Return `text` with what was put aside of it, where that is a comment."""
        return _STAND_IN.sub(
            lambda found: (
                self.aside[int(found[1])] if self.aside[int(found[1])].startswith("<!--") else found[0]
            ),
            text,
        )
