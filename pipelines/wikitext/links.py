"""Links: ``[[Target|surface]]trail`` become anchors, files become image links, the rest leaves its text.

The rules are those of https://www.mediawiki.org/wiki/Help:Links. A link whose target is no title stays as
the text that it is, as in MediaWiki.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple
from urllib.parse import unquote

from pipelines.wikitext import marks
from pipelines.wikitext.entities import decode_entities
from pipelines.wikitext.images import is_interface_icon, parse_file_link
from pipelines.wikitext.records import ImageLink
from pipelines.wikitext.site import CATEGORIES, FILES, Site

__all__ = ["Links", "strip_external_links"]

MAX_NESTING = 8
"""Links inside captions inside captions are read to this depth; deeper ones stay as text."""

# What no title may hold (MediaWiki, $wgLegalTitleChars), and what would read as a character reference.
_ILLEGAL = re.compile(
    r"[<>\[\]{}|\x00-\x1f\x7f\ufffd]|%[0-9A-Fa-f]{2}|&(?:[A-Za-z0-9\x80-\uffff]+|#[0-9]+|#x[0-9A-Fa-f]+);|~~~"
)
# Steps up or nowhere in a title: "./x", "x/../y".
_RELATIVE = re.compile(r"(?:\A|/)\.\.?(?:/|\Z)")
# The pipe trick's name: without the namespace and the last bracket or what follows a comma.
_DISAMBIGUATION = re.compile(r"(?:[ _]{0,4}\([^()]*\)|[ _]{0,4}（[^（）]*）|[,，،][^(),，،]*)\Z")


class _Kind(Enum):
    ARTICLE = 0
    TEXT = 1
    FILE = 2
    CATEGORY = 3


class _Target(NamedTuple):
    kind: _Kind
    title: str
    """Normalised title of an article."""
    text: str
    """What is shown where the link has no text of its own."""


class Links:
    """Reads the links of one page; `titles` holds the targets of its anchors by number."""

    def __init__(self, title: str, site: Site) -> None:
        self.site = site
        self.page = title
        self.own_title = site.normalise_title(title)
        self.titles: list[str] = []
        self.images: list[ImageLink] = []
        self._targets: dict[str, _Target | None] = {}
        # A link without links inside: target, text, a further closing bracket, trail.
        self._link = re.compile(
            r"\[\[([^\[\]{}|<>\n\x05-\x08]*)"
            r"(?:\|([^\[\]]*(?:(?:\[(?!\[)|\](?!\]))[^\[\]]*)*))?"
            rf"\]\](?:(\])(?!\])|([{site.link_trail}]+))?"
        )

    def read(self, text: str) -> str:
        """Gives `text` with marked anchors in place of its links."""
        if "[[" not in text:
            return text
        text = self._link.sub(self._replace, text)
        for _ in range(MAX_NESTING):
            if "[[" not in text:
                break
            outer = self._link.sub(self._replace_outer, text)
            if outer == text:
                break
            text = outer
        return _strip_categories(text)

    def _replace(self, link: re.Match[str]) -> str:
        name, surface, bracket, trail = link.groups()
        try:
            target = self._targets[name]
        except KeyError:
            target = self._targets[name] = self._resolve(name)
        if target is None:
            return "[\x00[" + link[0][2:]
        if target.kind is _Kind.FILE:
            self._add_image(name, surface)
            return marks.REMOVED + (bracket or trail or "")
        if target.kind is _Kind.CATEGORY:
            return _CATEGORY + (bracket or trail or "")
        if surface is None:
            surface = target.text
        elif not surface:
            surface = _pipe_trick(target.text)
        elif bracket and "[" in surface:
            surface += bracket
            bracket = None
        if trail:
            surface += trail
        return self._anchor(target, surface) + (bracket or "")

    def _replace_outer(self, link: re.Match[str]) -> str:
        """Reads a link around links: only files may hold any."""
        target = self._resolve(link[1])
        if target is not None and target.kind is _Kind.FILE:
            return self._replace(link)
        return "[\x00[" + link[0][2:]

    def _anchor(self, target: _Target, surface: str) -> str:
        if not surface.isprintable():
            surface = marks.join_lines(surface)
        if target.kind is _Kind.TEXT or target.title == self.own_title:
            return surface
        visible = surface.strip(" ")
        if not visible:
            return surface
        self.titles.append(target.title)
        anchor = f"\x01{len(self.titles) - 1}\x02{visible}\x03"
        if len(visible) != len(surface):
            return (" " if surface[0] == " " else "") + anchor + (" " if surface[-1] == " " else "")
        return anchor

    def _add_image(self, name: str, rest: str | None) -> None:
        parts = [name, *(rest.split("|") if rest else ())]
        image = parse_file_link(parts, self.site)
        if image.file and not is_interface_icon(image.file, parts[1:]):
            self.images.append(image)

    def _resolve(self, written: str) -> _Target | None:
        """Gives what a link's target means, or None where it is no title."""
        text = written.strip()
        target = unquote(text) if "%" in text else text
        target = decode_entities(target)
        plain = target.startswith(":")
        if plain:
            target = target[1:].strip()
            text = text[1:].strip()
        if target.startswith("#"):
            return _Target(_Kind.TEXT, "", text)
        prefix, colon, rest = target.partition(":")
        if colon:
            number = self.site.namespace_number(prefix)
            if number is not None:
                if number == FILES and not plain:
                    return _Target(_Kind.FILE, "", text)
                if number == CATEGORIES and not plain:
                    return _Target(_Kind.CATEGORY, "", text)
                return _Target(_Kind.TEXT, "", text) if rest.strip() else None
            interwiki = prefix.strip().lower()
            if interwiki == self.site.language and rest.strip():
                target = rest
            elif self.site.is_interwiki(interwiki):
                shown = plain or not self.site.is_interlanguage(interwiki)
                return _Target(_Kind.TEXT if shown else _Kind.CATEGORY, "", text)
        return self._article(target, text)

    def _article(self, target: str, text: str) -> _Target | None:
        if target[:1] in "/." and (target.startswith("../") or self.site.has_subpages(self.page)):
            target, text = self._subpage(target, text)
        title = self.site.normalise_title(target)
        if not title or len(title.encode()) > 255 or title[0] == ":":
            return None
        if _ILLEGAL.search(title) or ("." in title and _RELATIVE.search(title)):
            return None
        return _Target(_Kind.ARTICLE, title, text)

    def _subpage(self, target: str, text: str) -> tuple[str, str]:
        """Resolves ``/x``, ``/x/`` and ``../x`` against the page's title."""
        if target.startswith("/"):
            path = target.rstrip("/")
            return self.page + path, path[1:] if target.endswith("/") else text
        base = self.page.split("/")
        rest = target
        while rest.startswith("../") and len(base) > 1:
            base.pop()
            rest = rest[3:]
        shown = text
        if rest.endswith("/"):
            rest = shown = rest.rstrip("/")
        path = "/".join((*base, rest)) if rest else "/".join(base)
        return path, path if not rest else shown


_CATEGORY = "\x06\x07"
"""Where a category stood: a quotation of nothing, which nothing else leaves."""


def _strip_categories(text: str) -> str:
    """Drops the marks of categories with the white space before them, as MediaWiki does."""
    if _CATEGORY not in text:
        return text
    *before, last = text.split(_CATEGORY)
    return "".join([part.rstrip() for part in before]) + last


def _pipe_trick(text: str) -> str:
    """``[[Help:Page (topic)|]]`` -> ``Page``"""
    prefix, colon, rest = text.partition(":")
    name = rest.strip() if colon and rest else text
    return _DISAMBIGUATION.sub("", name, count=1) or name


# A link in single brackets: the address, then its text, in which no further such link begins.
_BRACKETED = re.compile(
    r"\[(?:(?:https?|ftps?|ircs?|news|mailto|gopher|telnet|nntp|worldwind|svn|git|mms|bitcoin|magnet|urn|geo|sips?|sms"
    r"|tel|xmpp|ssh|sftp|redis):|//)[^\[\]<>\"\s\x00\x05-\x1f]+(?![^\[\]<>\"\s\x00\x05-\x1f])"
    r"([^\[\]\n]*(?:\[(?![a-z]+:|//)[^\[\]\n]*)*)\]",
    re.IGNORECASE,
)


def strip_external_links(text: str) -> str:
    """Gives `text` with ``[address text]`` replaced by its text; ``[address]`` alone leaves nothing."""
    if "[" not in text:
        return text
    return _BRACKETED.sub(_text_of, text)


def _text_of(link: re.Match[str]) -> str:
    return link[1].strip() or marks.REMOVED
