"""Templates, expanded innermost first: calls that have a renderer become wikitext, the others leave a mark.

The braces of the whole page are paired in one pass (`template_calls`). A call that leaves nothing is jumped over,
whatever it holds.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

from pipelines.wikitext import marks
from pipelines.wikitext.article_parts import ImageLink
from pipelines.wikitext.page_images import KINDS_WITHOUT_IMAGES, template_images
from pipelines.wikitext.site import TEMPLATES, Site
from pipelines.wikitext.template_calls import cut_at_braces, read_arguments, split_arguments
from pipelines.wikitext.templates.other_languages import find_renderer_on, template_kind_on
from pipelines.wikitext.templates.parser_functions import call_parser_function, is_parser_function
from pipelines.wikitext.templates.registry import (
    Renderer,
    TemplateCall,
    normalise_template_name,
    resolve_spelling,
)

__all__ = ["Expansion"]

MAX_DEPTH = 40
"""Calls nested deeper than this leave nothing (MediaWiki's own limit on the depth of expansion)."""

# A link that may hold other links, none of which hold any: its pipes cut no argument.
_LINK = re.compile(r"\[\[[^\[\]]*(?:\[\[[^\[\]]*\]\][^\[\]]*)*\]\]")
# Something that looks like the name of a media file.
_MEDIA = re.compile(
    r"\.(?:jpe?g|png|gif|svg|tiff?|webp|xcf|pdf|djvu|og[agv]|webm|mp[34]|wav|flac|midi?|stl)\b", re.IGNORECASE
)
# What no name of a page holds.
_NOT_IN_NAMES = re.compile(r"[\[\]{}<>]")
# Templates that show words in the text and a picture beside it (Italian biographies).
_WITH_PICTURE = frozenset(("bio",))
# Kinds of templates that end the paragraph they stand in, even in the middle of a line.
_BLOCK_KINDS = frozenset(("infobox", "sidebar", "navbox", "hatnote"))
# Kinds that leave a paragraph whole even when they stand alone on a line of it.
_FOOTNOTE_KINDS = frozenset(("citation", "reference"))


# The argument of an editor's remark that holds the words it is about, and boxes whose text is the remark itself.
_HELD_TEXT = re.compile(r"\|\s*text\s*=")
_BOXES = frozenset(("fix", "ambox", "mbox", "ombox", "notice", "multiple issues", "article issues"))


class _Silent(NamedTuple):
    """What becomes of a call that leaves nothing."""

    kind: str
    """Empty where the template is not known."""


_Action = Renderer | _Silent | None
"""What to do with a call: render it, leave it out, or, where it may be a function or its name is built of
other calls, decide once it is expanded."""

_MOST_NAMES = 20_000
_ACTIONS: dict[str, dict[str, tuple[str, _Action]]] = {}
"""By the wiki's language, normalised name and action by name as written, kept from page to page; names with a colon
are not."""


class _Call(NamedTuple):
    """A call whose arguments are being expanded."""

    close: int
    name: str
    action: _Action
    outer: list[str]
    """The pieces of the text around it."""


class Expansion:
    """Expands the templates of one page and keeps count of them."""

    def __init__(self, title: str, site: Site) -> None:
        self.title = title
        self.site = site
        self.images: list[ImageLink] = []
        self.names: set[str] = set()
        """Normalised names of the calls that were left out."""
        self.dropped: Counter[str] = Counter()
        self.dropped_examples: dict[str, str] = {}
        """By kind of those that were left out, the beginning of the first call."""
        self.unknown: Counter[str] = Counter()
        self.rendered = 0
        self.actions = _ACTIONS.setdefault(site.language, {})

    def expand(self, text: str) -> tuple[str, bool]:
        """Return `text` with every call expanded or dropped, and whether a renderer brought tags.

        Braces without a partner stay as text.
        """
        if "{{" not in text:
            return text, False
        brought_tags = False
        pieces, partners = cut_at_braces(text)
        result = [pieces[0]]
        calls: list[_Call] = []
        index = 1
        end = len(pieces)
        while index < end:
            braces = pieces[index]
            following = pieces[index + 1]
            if braces[0] == "}":
                if calls and calls[-1].close == index:
                    call = calls.pop()
                    value = self._close(call, "".join(result), braces, bool(calls))
                    brought_tags = brought_tags or "<" in value
                    result = call.outer
                    result.append(value)
                else:
                    result.append(braces)
                result.append(following)
                index += 2
                continue
            close = partners.get(index, 0)
            decision = self._decide(braces, following, close == index + 2, len(calls)) if close else None
            if decision is None:
                # Braces without a partner or a name are text; the mark keeps them from being read again.
                result += (braces[:1], marks.JOINER, braces[1:], following)
                index += 2
                continue
            name, action = decision
            if (
                isinstance(action, _Silent)
                and action.kind == "maintenance"
                and name not in _BOXES
                and any(map(_HELD_TEXT.search, pieces[index + 1 : close]))
            ):
                action = _remark
            if isinstance(action, _Silent):
                if action.kind in _FOOTNOTE_KINDS:
                    self._count_dropped(action.kind, pieces, index, close)
                    result += (marks.REMOVED, pieces[close + 1])
                    index = close + 2
                    continue
                alone = not calls and _stands_alone(result, pieces, close, partners)
                result.append(self._drop(pieces, index, close, name, action.kind, bool(calls), alone))
                result.append(pieces[close + 1])
                index = close + 2
            else:
                calls.append(_Call(close, name, action, result))
                result = [following]
                index += 2
        return "".join(result), brought_tags

    def _decide(self, braces: str, following: str, whole: bool, depth: int) -> tuple[str, _Action] | None:
        """Return name and action of a call by the text that follows its braces; None where it has no name.

        `whole` tells that this text is all of the call's inside.
        """
        if depth >= MAX_DEPTH:
            return "", _TOO_DEEP
        if braces == "{{{":
            return "", None
        pipe = following.find("|")
        written = following if pipe < 0 else following[:pipe]
        known = self.actions.get(written)
        if known is not None and (whole or pipe >= 0):
            return known
        if pipe < 0 and not whole and ":" not in written:
            # The name goes on behind an inner call.
            return "", None
        if not written.strip() or (
            _is_no_name(written) and not is_parser_function(written.partition(":")[0])
        ):
            return None
        return self._action(written)

    def _action(self, written: str) -> tuple[str, _Action]:
        """Return the normalised name of a call and what to do with it."""
        name = resolve_spelling(_normalise(written, self.site))
        action: _Action = find_renderer_on(self.site.language, name)
        if action is None:
            kind = template_kind_on(self.site.language, name)
            if kind is not None:
                action = _Silent(kind)
            elif ":" not in written and not (written.isascii() and written.upper() == written):
                # No variable, whose names are capitals: {{PAGENAME}}.
                action = _Silent("")
        if ":" not in written:
            if len(self.actions) > _MOST_NAMES:
                self.actions.clear()
            self.actions[written] = (name, action)
        return name, action

    def _close(self, call: _Call, inside: str, braces: str, inner: bool) -> str:
        """Return the wikitext for a call or an argument whose inside is expanded."""
        value = self._argument(inside) if braces == "}}}" else self._render(call, inside)
        if not value or value.isspace():
            return marks.REMOVED + value
        if inner:
            if "|" in value or "=" in value:
                value = value.replace("|", marks.ARGUMENT_PIPE).replace("=", marks.ARGUMENT_EQUALS)
        elif (
            value[0] in "*#:;{" and (value[0] != "{" or value[1:2] == "|") and not _at_line_start(call.outer)
        ):
            value = "\n" + value
        return value

    def _argument(self, inside: str) -> str:
        """``{{{name|default}}}`` on a page that is no template: the default, or the text as it stands."""
        if "[[" in inside:
            inside = _LINK.sub(_hide, inside)
        name, pipe, defaults = inside.partition("|")
        # What follows a second pipe is not looked at.
        return _reveal(
            defaults.partition("|")[0] if pipe else f"{{{marks.JOINER}{{{{{name}}}{marks.JOINER}}}}}"
        )

    def _render(self, call: _Call, inside: str) -> str:
        """Return the wikitext for a call with its arguments expanded."""
        if "[[" in inside:
            inside = _LINK.sub(_hide, inside)
        written, *parts = inside.split("|")
        name, action = call.name, call.action
        if action is None:
            function = self._function(_reveal(written), [_reveal(part) for part in parts])
            if function is not None:
                return function
            if _is_no_name(written) or marks.JOINER in written:
                # The name that inner calls have built is none, so that the call is text.
                return f"{{{marks.JOINER}{{{_reveal(inside)}}}{marks.JOINER}}}"
            name, action = self._action(_reveal(written))
        if action is not None and not isinstance(action, _Silent):
            arguments = read_arguments(parts)
            if marks.ARGUMENT_PIPE in inside or marks.ARGUMENT_EQUALS in inside:
                arguments = {_reveal(key): _reveal(value) for key, value in arguments.items()}
            if "''" in inside:
                arguments = {key: _EMPHASIS.sub(_hide_emphasis, value) for key, value in arguments.items()}
            before = "".join(call.outer[-_PIECES_BEFORE:])[-_CHARACTERS_BEFORE:]
            value = action(TemplateCall(name, arguments, self.title, self.site, before))
            if action is _remark and not value:
                self._count_dropped("maintenance", ["{{", inside, "}}"], 0, 2)
                return ""
            if value is not None:
                self.rendered += 1
                if name in _WITH_PICTURE:
                    self.images.extend(template_images(name, arguments, self.site))
                return _with_plain_apostrophes(value)
        if action is not None and isinstance(action, _Silent) and action.kind:
            self._count_dropped(action.kind, ["{{", inside, "}}"], 0, 2)
        else:
            self.unknown[name] += 1
        return ""

    def _count_dropped(self, kind: str, pieces: list[str], index: int, close: int) -> None:
        """Count a call that is left out; keep how the first of its kind begins."""
        self.dropped[kind] += 1
        if kind not in self.dropped_examples:
            call = "".join(pieces[index : min(close, index + _PIECES_SHOWN) + 1])[:_CHARACTERS_SHOWN]
            self.dropped_examples[kind] = " ".join(marks.written_text(call).split())

    def _function(self, name: str, parts: list[str]) -> str | None:
        function, colon, argument = name.strip().partition(":")
        return call_parser_function(function.strip(), argument if colon else "", parts, self.title, self.site)

    def _drop(
        self, pieces: list[str], index: int, close: int, name: str, kind: str, inner: bool, alone: bool
    ) -> str:
        """Count a call that leaves nothing, collect its images, and return the mark that stands for it."""
        self.names.add(name)
        if kind not in KINDS_WITHOUT_IMAGES:
            inside = "".join(pieces[index + 1 : close])
            if "." in inside and _MEDIA.search(inside):
                arguments = read_arguments(split_arguments(inside)[1:])
                self.images.extend(template_images(name, arguments, self.site))
        if kind or alone:
            self._count_dropped(kind or "other", pieces, index, close)
        else:
            self.unknown[name] += 1
        ends_paragraph = not inner and (alone or kind in _BLOCK_KINDS)
        return marks.BREAK if ends_paragraph else marks.REMOVED


def _is_no_name(written: str) -> bool:
    """Return whether no page can have this name: brackets, braces or a line break stand in it."""
    return "\n" in written.strip() or _NOT_IN_NAMES.search(written) is not None


def _remark(call: TemplateCall) -> str:
    """Return the words that an editor's remark is about, where it holds them: ``{{clarify|text=word}}``."""
    return call.get("text")


_TOO_DEEP = _Silent("too deep")
# How much of what stands before a call its renderer sees.
_PIECES_BEFORE = 3
_CHARACTERS_BEFORE = 40
# How much of a call that is left out is shown as an example.
_PIECES_SHOWN = 8
_CHARACTERS_SHOWN = 200


def _normalise(name: str, site: Site) -> str:
    """Return a template's name without ``Template:``, ``subst:`` and the like."""
    if ":" in name:
        prefix, _, rest = name.partition(":")
        if not prefix.strip():
            # A leading colon means a page of the wiki, of which templates are some.
            prefix, _, page = rest.partition(":")
            if site.namespace_number(prefix) == TEMPLATES:
                name, rest = rest, page
        while prefix.strip().lower() in ("subst", "safesubst", "msg", "msgnw", "raw") or (
            site.namespace_number(prefix) == TEMPLATES
        ):
            name = rest
            prefix, _, rest = name.partition(":")
    return normalise_template_name(name)


def _stands_alone(result: list[str], pieces: list[str], close: int, partners: dict[int, int]) -> bool:
    """Return whether nothing shows on the lines of a call but other calls: `result` is the text before it."""
    for piece in reversed(result[-_MOST_NEIGHBOURS:]):
        shown = piece.rstrip(_SHOWS_NOTHING)
        if shown:
            if shown[-1] not in _LINE_ENDS:
                return False
            break
    position = close + 1
    for _ in range(_MOST_NEIGHBOURS):
        shown = pieces[position].lstrip(" ")
        if shown or position + 1 >= len(pieces):
            return shown[:1] in "\n"
        following = partners.get(position + 1)
        if following is None:
            return False
        position = following + 1
    return True


# How many calls side by side are looked at, so that a line of nothing but calls takes linear time.
_MOST_NEIGHBOURS = 20
_SHOWS_NOTHING = " " + marks.REMOVED
_LINE_ENDS = "\n" + marks.BREAK


def _at_line_start(pieces: list[str]) -> bool:
    for piece in reversed(pieces):
        if piece:
            return piece[-1] == "\n"
    return True


# The apostrophes of emphasis in an argument.
_EMPHASIS = re.compile("''+")
# Apostrophes that a template prints and that could pair with those around it: beside others, at an edge, at a tag.
_COULD_PAIR = re.compile(
    rf"\A'|'\Z|''+|(?<=[>{marks.ARGUMENT_APOSTROPHE}])'|'(?=[<{marks.ARGUMENT_APOSTROPHE}])"
)


def _hide_emphasis(apostrophes: re.Match[str]) -> str:
    return marks.ARGUMENT_APOSTROPHE * len(apostrophes[0])


def _with_plain_apostrophes(value: str) -> str:
    """Return what a renderer printed such that its apostrophes and italics pair with none on the page.

    On the wiki a template prints its italics as tags and its apostrophes beside tags. The apostrophes of the
    arguments are the page's own and pair as if they stood there.
    """
    if marks.ITALIC in value:
        value = value.replace(marks.ITALIC, "")
        if value[:1] in _LINE_STARTS:
            value = marks.JOINER + value
    if "'" in value:
        value = _COULD_PAIR.sub(_as_text, value)
    return value.replace(marks.ARGUMENT_APOSTROPHE, "'") if marks.ARGUMENT_APOSTROPHE in value else value


# What begins a list or a table where it begins a line.
_LINE_STARTS = "*#:;{"


def _as_text(apostrophes: re.Match[str]) -> str:
    return marks.APOSTROPHE * len(apostrophes[0])


def _hide(link: re.Match[str]) -> str:
    return link[0].replace("|", marks.ARGUMENT_PIPE).replace("=", marks.ARGUMENT_EQUALS)


def _reveal(text: str) -> str:
    return text.replace(marks.ARGUMENT_PIPE, "|").replace(marks.ARGUMENT_EQUALS, "=")
