"""What a reader sees of a page that MediaWiki rendered, as far as an extractor of running text is to give it.

Left out are those elements that `pipelines.wikitext` leaves out as well: tables, headings, pictures, footnotes, what is
not displayed. Anchors are links to articles of the same wiki.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

__all__ = ["Shown", "normalised", "shown"]


class Shown(NamedTuple):
    """Text with its links."""

    text: str
    """All paragraphs, white space as single spaces."""
    links: list[tuple[str, str]]
    """Surface and title of each link to an article."""


_VOID_TEXT = "area base br col embed hr img input link meta source track wbr"
_VOID = frozenset(_VOID_TEXT.split())
_LEFT_OUT_TEXT = "table h1 h2 h3 h4 h5 h6 style script figure audio video form textarea select"
_LEFT_OUT = frozenset(_LEFT_OUT_TEXT.split())
_LEFT_OUT_CLASSES_TEXT = """
reference references mw-references-wrap mw-references toc mw-toc thumb gallery mw-editsection image floatleft
floatright floatnone autonumber mw-ext-cite-error mw-heading inputbox CategoryTreeTag navigation-not-searchable
"""
_LEFT_OUT_CLASSES = frozenset(_LEFT_OUT_CLASSES_TEXT.split())
_LEFT_OUT_TYPES = ("mw:File", "mw:Image", "mw:Video", "mw:Audio", "mw:Extension/ref", "mw:Extension/gallery")
_BLOCKS_TEXT = "p div ul ol li dl dt dd blockquote pre center section hr br address article aside nav"
_BLOCKS = frozenset(_BLOCKS_TEXT.split())
_HIDDEN = re.compile(r"display\s*:\s*none", re.IGNORECASE)


def shown(page: str, *, is_article: Callable[[str], bool], own: str = "") -> Shown:
    """Return what a reader sees of `page`, HTML as MediaWiki's parser or Parsoid writes it.

    `is_article` tells whether a title is one of an article; links to the page `own` itself are none.
    """
    reader = _Reader(is_article, own.replace(" ", "_"))
    reader.feed(page)
    reader.close()
    return Shown(normalised("".join(reader.pieces)), reader.links)


def normalised(text: str) -> str:
    """Return `text` without what the extractor changes on purpose: widths of spaces, signs of exponents, gaps."""
    text = re.sub(r"[\u200e\u200f\u2060\ufeff\U0010fffe\U0010ffff]", "", text)
    text = re.sub(r"(?<=[\d)])[\^_](?=[\d(−–'A-Za-z-])", "", text)
    text = " ".join(text.split())
    text = re.sub(r"(?:(?<=\s)|^)\( ?\)", "", text)
    text = re.sub(r" +(?=[,.](?:\s|$))", "", " ".join(text.split()))
    return re.sub(r"(?<=\.) (?=\.(?!\d))", "", text)


class _Reader(HTMLParser):
    """Collects the text that is shown, and the links in it."""

    def __init__(self, is_article: Callable[[str], bool], own: str) -> None:
        super().__init__(convert_charrefs=True)
        self.is_article = is_article
        self.own = own
        self.pieces: list[str] = []
        self.links: list[tuple[str, str]] = []
        self.left_out: list[str] = []
        """The open elements from the outermost one that is left out on."""
        self.link: tuple[str, int] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag in _VOID:
            if tag in _BLOCKS and not self.left_out:
                self.pieces.append("\n")
            return
        if self.left_out or self.is_left_out(tag, attributes):
            self.left_out.append(tag)
            if tag in _BLOCKS:
                self.pieces.append("\n")
            return
        if tag in _BLOCKS:
            self.pieces.append("\n")
        if tag == "q":
            self.pieces.append('"')
        if tag == "a" and (title := self.title(attributes)):
            self.link = (title, len(self.pieces))

    def handle_endtag(self, tag: str) -> None:
        if tag in _VOID:
            return
        if self.left_out:
            if tag in self.left_out:
                while self.left_out.pop() != tag:
                    pass
            return
        if tag in _BLOCKS:
            self.pieces.append("\n")
        if tag == "q":
            self.pieces.append('"')
        if tag == "a" and self.link:
            title, start = self.link
            surface = normalised("".join(self.pieces[start:]))
            if surface:
                self.links.append((surface, title))
            self.link = None

    def handle_data(self, data: str) -> None:
        if not self.left_out:
            self.pieces.append(data)

    def is_left_out(self, tag: str, attributes: dict[str, str]) -> bool:
        return (
            tag in _LEFT_OUT
            or attributes.get("id") == "toc"
            or not _LEFT_OUT_CLASSES.isdisjoint(attributes.get("class", "").split())
            or attributes.get("typeof", "").startswith(_LEFT_OUT_TYPES)
            or _HIDDEN.search(attributes.get("style", "")) is not None
        )

    def title(self, attributes: dict[str, str]) -> str | None:
        """Return the title of the article that a link leads to; None where it leads elsewhere."""
        address = attributes.get("href", "")
        kinds = attributes.get("class", "").split()
        relation = attributes.get("rel", "")
        if (
            "external" in kinds
            or "extiw" in kinds
            or relation.startswith(("mw:ExtLink", "mw:WikiLink/Interwiki"))
        ):
            return None
        parts = urlsplit(address)
        if parts.netloc:
            return None
        if parts.path.startswith("/wiki/"):
            title = unquote(parts.path[len("/wiki/") :])
        elif address.startswith("./"):
            title = unquote(parts.path[2:])
        elif parts.path.endswith("/index.php") and "title" in (query := parse_qs(parts.query)):
            title = query["title"][0]
        else:
            return None
        title = title.replace(" ", "_")
        return title if title and title != self.own and self.is_article(title) else None
