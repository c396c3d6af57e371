"""Templates, expanded innermost first: calls that have a renderer become wikitext, the others leave a mark.

The braces of the whole page are paired in one pass by the rule of MediaWiki's preprocessor
(https://www.mediawiki.org/wiki/Preprocessor_ABNF): of a run of opening and a run of closing braces, three
make an argument, two a template; what stays without a partner is text. A call that leaves nothing is
jumped over, whatever it holds.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from pipelines.wikitext import marks
from pipelines.wikitext.images import template_images
from pipelines.wikitext.records import ImageLink
from pipelines.wikitext.site import Site
from pipelines.wikitext.templates.kinds import template_kind
from pipelines.wikitext.templates.parser_functions import call_parser_function
from pipelines.wikitext.templates.registry import (
    Renderer,
    TemplateCall,
    find_renderer,
    normalise_template_name,
)

__all__ = ["Expansion", "pair_braces", "read_arguments", "split_arguments"]

MAX_DEPTH = 40
"""Calls nested deeper than this leave nothing (MediaWiki's own limit on the depth of expansion)."""

# A run of two or more opening or closing braces.
_BRACES = re.compile(r"\{\{+|\}\}+")
# A template's name as far as it is written out: to the first pipe, brace or mark.
_NAME = re.compile(r"[^|{}\x00-\x08]*")
# A link that may hold other links, none of which hold any: its pipes cut no argument.
_LINK = re.compile(r"\[\[[^\[\]]*(?:\[\[[^\[\]]*\]\][^\[\]]*)*\]\]")
# The brackets and pipes by which the inside of a call that was not expanded is cut.
_CUT = re.compile(r"\{\{|\}\}|\[\[|\]\]|\|")
# The rest of a line behind a call that stands alone on it, or before the next call.
_LINE_END = re.compile(r"[ \t]*(?:\n|\Z|\{\{)")
# Something that looks like the name of a media file.
_MEDIA = re.compile(
    r"\.(?:jpe?g|png|gif|svg|tiff?|webp|xcf|pdf|djvu|og[agv]|webm|mp[34]|wav|flac|midi?|stl)\b", re.I
)
# Kinds of templates that end the paragraph they stand in, even in the middle of a line.
_BLOCK_KINDS = frozenset(("infobox", "sidebar", "navbox", "hatnote", "table", "chart"))
# Kinds that leave a paragraph whole even when they stand alone on a line of it.
_FOOTNOTE_KINDS = frozenset(("citation", "reference"))

# Stand for the pipe and the equals sign inside an argument while the call around it is still open. The marks
# of anchors can serve: links are read later.
_PIPE, _EQUALS = "\x01", "\x02"


def pair_braces(text: str) -> list[tuple[int, int, int]]:
    """Gives start, end and number of braces (2 or 3) of each template and argument, by start."""
    pairs: list[tuple[int, int, int]] = []
    opened: list[list[int]] = []
    for run in _BRACES.finditer(text):
        position, run_end = run.span()
        if text[position] == "{":
            opened.append([position, run_end - position])
            continue
        while opened and run_end - position >= 2:
            top = opened[-1]
            count = min(top[1], run_end - position, 3)
            top[1] -= count
            position += count
            pairs.append((top[0] + top[1], position, count))
            if top[1] < 2:
                opened.pop()
    pairs.sort()
    return pairs


def split_arguments(inside: str) -> list[str]:
    """Cuts the unexpanded inside of a call at its own pipes, not at those of inner calls and links."""
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
    """Gives arguments by name: positional ones by number and as they are, named ones trimmed, the last wins."""
    arguments: dict[str, str] = {}
    position = 0
    for part in parts:
        name, equals, value = part.partition("=")
        if equals:
            arguments[name.strip()] = value.strip()
        else:
            position += 1
            arguments[str(position)] = part
    return arguments


@dataclass(slots=True)
class _Call:
    """A call whose arguments are being expanded."""

    end: int
    braces: int
    renderer: Renderer | None
    pieces: list[str] = field(default_factory=list)


class Expansion:
    """Expands the templates of one page and keeps count of them."""

    def __init__(self, title: str, site: Site) -> None:
        self.title = title
        self.site = site
        self.images: list[ImageLink] = []
        self.names: set[str] = set()
        """Normalised names of the calls that were not expanded."""
        self.dropped: Counter[str] = Counter()
        self.unknown: Counter[str] = Counter()
        self.rendered = 0

    def expand(self, text: str) -> str:
        """Gives `text` with every call expanded or dropped; braces without a partner stay as text."""
        if "{{" not in text:
            return text
        pieces: list[str] = []
        calls: list[_Call] = []
        done = 0
        for start, end, braces in pair_braces(text):
            if start < done:
                continue
            while calls and calls[-1].end <= start:
                done = self._close(text, done, calls, pieces)
            (calls[-1].pieces if calls else pieces).append(text[done:start])
            if braces == 3:
                if len(calls) < MAX_DEPTH:
                    calls.append(_Call(end, 3, None))
                    done = start + 3
                else:
                    done = end
                continue
            name = _NAME.match(text, start + 2)
            assert name is not None
            written_out = text[name.end()] in "|}"
            if written_out and not name[0].strip():
                # Without a name it is no call.
                (calls[-1].pieces if calls else pieces).append("{\0{")
                done = start + 2
                continue
            action = self._action(name[0]) if written_out else None
            if isinstance(action, str) or len(calls) >= MAX_DEPTH:
                replacement = self._drop(
                    text, start, end, name[0], action if isinstance(action, str) else "", bool(calls)
                )
                (calls[-1].pieces if calls else pieces).append(replacement)
                done = end
            else:
                calls.append(_Call(end, 2, action))
                done = start + 2
        while calls:
            done = self._close(text, done, calls, pieces)
        pieces.append(text[done:])
        return "".join(pieces)

    def _action(self, name: str) -> Renderer | str | None:
        """Gives the renderer of a call, a string where it is to be dropped, None where it may be a function."""
        normalised = _normalise(name, self.site)
        renderer = find_renderer(normalised)
        if renderer is not None:
            return renderer
        kind = template_kind(normalised)
        if kind is not None:
            return kind
        if ":" in name or name.upper() == name:
            return None
        return ""

    def _close(self, text: str, done: int, calls: list[_Call], pieces: list[str]) -> int:
        """Renders the innermost open call, whose text since `done` is still to come; gives its end."""
        call = calls.pop()
        end = call.end
        call.pieces.append(text[done : end - call.braces])
        inside = "".join(call.pieces)
        outer = calls[-1].pieces if calls else pieces
        value = self._argument(inside) if call.braces == 3 else self._render(call, inside)
        if not value.strip():
            value = marks.REMOVED + value
        elif calls:
            value = value.replace("|", _PIPE).replace("=", _EQUALS)
        elif value[0] in "*#:;{" and (value[0] != "{" or value[1:2] == "|") and not _at_line_start(outer):
            value = "\n" + value
        outer.append(value)
        return end

    def _argument(self, inside: str) -> str:
        """``{{{name|default}}}`` on a page that is no template: the default, or the text as it stands."""
        inside = _reveal(inside)
        _, pipe, default = inside.partition("|")
        return default if pipe else marks.protect("{{{" + inside + "}}}")

    def _render(self, call: _Call, inside: str) -> str:
        """Gives the wikitext for a call with its arguments expanded."""
        if "[[" in inside:
            inside = _LINK.sub(_hide, inside)
        name, *parts = inside.split("|")
        renderer = call.renderer
        if renderer is None:
            function = self._function(_reveal(name), [_reveal(part) for part in parts])
            if function is not None:
                return function
            renderer = find_renderer(_normalise(name, self.site))
        normalised = _normalise(name, self.site)
        if renderer is not None:
            arguments = read_arguments(parts)
            if _PIPE in inside or _EQUALS in inside:
                arguments = {_reveal(key): _reveal(value) for key, value in arguments.items()}
            value = renderer(TemplateCall(normalised, arguments, self.title, self.site))
            if value is not None:
                self.rendered += 1
                return value
        self.unknown[normalised] += 1
        return ""

    def _function(self, name: str, parts: list[str]) -> str | None:
        function, colon, argument = name.strip().partition(":")
        return call_parser_function(function.strip(), argument if colon else "", parts, self.title, self.site)

    def _drop(self, text: str, start: int, end: int, name: str, kind: str, inner: bool) -> str:
        """Counts a call that leaves nothing, collects its images, and gives the mark that stands for it."""
        normalised = _normalise(name, self.site)
        self.names.add(normalised)
        inside = text[start + 2 : end - 2]
        if "." in inside and _MEDIA.search(inside):
            parts = split_arguments(inside)
            self.images.extend(template_images(normalised, read_arguments(parts[1:]), self.site))
        alone = not inner and _stands_alone(text, start, end)
        if kind or alone:
            self.dropped[kind or "other"] += 1
        else:
            self.unknown[normalised] += 1
        ends_paragraph = kind in _BLOCK_KINDS or (alone and kind not in _FOOTNOTE_KINDS)
        return marks.BREAK if ends_paragraph and not inner else marks.REMOVED


def _normalise(name: str, site: Site) -> str:
    """Gives a template's name without ``Template:``, ``subst:`` and the like."""
    if ":" in name:
        prefix, _, rest = name.partition(":")
        while prefix.strip().lower() in ("subst", "safesubst", "msg", "msgnw", "raw") or (
            site.namespace_number(prefix) == 10
        ):
            name = rest
            prefix, _, rest = name.partition(":")
    return normalise_template_name(name)


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Tells whether nothing but other calls stands on the lines of a call."""
    before = start
    while before > 0 and text[before - 1] in " \t":
        before -= 1
    return (before == 0 or text[before - 1] in "\n}\x04\x05") and bool(_LINE_END.match(text, end))


def _at_line_start(pieces: list[str]) -> bool:
    for piece in reversed(pieces):
        if piece:
            return piece[-1] == "\n"
    return True


def _hide(link: re.Match[str]) -> str:
    return link[0].replace("|", _PIPE).replace("=", _EQUALS)


def _reveal(text: str) -> str:
    return text.replace(_PIPE, "|").replace(_EQUALS, "=")
