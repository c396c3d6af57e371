"""One ``<page>`` of an export (schema 0.10 and 0.11) to a `Page`.

The format: https://www.mediawiki.org/xml/export-0.11.xsd. Pages of the usual layout are cut with regular
expressions; whatever is unusual goes to a real parser.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

__all__ = ["BROKEN_PAGE_REASONS", "BrokenPage", "Page", "parse_page"]

BROKEN_PAGE_REASONS = {
    "broken_xml": "the XML of the page is not well-formed",
    "not_utf8": "the page is not in UTF-8",
    "no_title": "the page has no title",
    "no_namespace": "the page has no number of a namespace, or one beyond 2^63",
    "no_page_id": "the page has no id, or one beyond 2^35",
    "no_revision": "the page has no revision with an id, or one beyond 2^63",
    "unfinished_page": "another page starts before the end of the page",
    "truncated": "the file ends early; what stands behind is lost (--allow-truncated)",
}
"""What `BrokenPage.reason` may be, and what it means."""

# Digits of 2^63, and a sign.
_MOST_DIGITS = 20
# Sentence ids are page_id * 2^28 + position in 63 bits (kc_schema.tables).
_PAGE_IDS = range(1, 1 << 35)


@dataclass(slots=True)
class Page:
    """A page with its newest revision in the dump."""

    page_id: int
    namespace: int
    title: str
    """As displayed: with spaces, with the namespace's prefix."""
    redirect: str | None
    """Title of the page that this one leads to; None for a page of its own."""
    revision_id: int
    sha1: str | None
    """SHA-1 of the revision's content in base 36; None where the dump does not give it."""
    text: str | None
    """The wikitext; None where the revision's text was deleted or is not in the dump."""
    model: str
    """Content model, such as ``wikitext``; empty where the dump does not give it."""
    format: str
    """Format of the text, such as ``text/x-wiki``; empty where the dump does not give it."""
    older_revisions: int = 0
    """How many other revisions of the page the dump holds."""


@dataclass(slots=True)
class BrokenPage:
    """A page that cannot be read."""

    reason: str
    """A key of `BROKEN_PAGE_REASONS`."""
    where: str
    """File, place and what is known of the page."""


class _BrokenPageError(Exception):
    """Carries a reason out of the parser."""


_HEAD = re.compile(
    rb'<page>\s*<title>([^<]*)</title>\s*<ns>(\d+)</ns>\s*<id>(\d+)</id>\s*(?:<redirect title="([^"<]*)"\s*/>\s*)?'
    rb"(?:<restrictions>[^<]*</restrictions>\s*)?<revision>\s*<id>(\d+)</id>\s*"
)
_MIDDLE = re.compile(
    rb"(?:<parentid>\d+</parentid>\s*)?<timestamp>[^<]*</timestamp>\s*"
    rb"(?:<contributor>(?:\s*<(?:username|ip|id)>[^<]*</(?:username|ip|id)>)*\s*</contributor>"
    rb'|<contributor deleted="deleted"\s*/>)\s*(?:<minor\s*/>\s*)?'
    rb'(?:<comment>[^<]*</comment>\s*|<comment deleted="deleted"\s*/>\s*|<comment\s*/>\s*)?(?:<origin>\d+</origin>\s*)?'
    rb"<model>([^<]*)</model>\s*<format>([^<]*)</format>\s*<text((?:\s[^<>]*)?)>"
)
_TAIL = re.compile(rb"</text>\s*(?:<sha1>([^<]*)</sha1>\s*|<sha1\s*/>\s*)?</revision>\s*</page>")
_TAIL_EMPTY = re.compile(rb"\s*(?:<sha1>([^<]*)</sha1>\s*|<sha1\s*/>\s*)?</revision>\s*</page>")
_ATTRIBUTE = re.compile(rb'\s([\w:]+)="([^"]*)"')
# Control characters that XML forbids, and the carriage return, which it reads as a line end.
_SPECIAL = bytes(code for code in range(32) if code not in b"\t\n")


def parse_page(xml: bytes, where: str) -> Page | BrokenPage:
    """Read one page.

    Args:
        xml: the bytes from ``<page>`` to ``</page>``.
        where: file and place, for `BrokenPage.where`.
    """
    try:
        page = _parse_usual(xml) or _parse_any(xml)
    except _BrokenPageError as error:
        return BrokenPage(str(error), f"{where}, {_describe(xml)}")
    except UnicodeDecodeError:
        return BrokenPage("not_utf8", f"{where}, {_describe(xml)}")
    if page.page_id not in _PAGE_IDS:
        return BrokenPage("no_page_id", f"{where}, {_describe(xml)}")
    return page


def _describe(xml: bytes) -> str:
    title = re.search(rb"<title>([^<]{1,200})", xml)
    number = re.search(rb"<id>(\d{1,30})", xml)
    known = "" if title is None else f" {title[1].decode('utf-8', 'replace')!r}"
    return f"page{known}" + ("" if number is None else f" (id {number[1].decode()})")


def _parse_usual(xml: bytes) -> Page | None:
    """The page if it has the usual layout and one revision; None otherwise."""
    head = _HEAD.match(xml)
    if head is None:
        return None
    middle = _MIDDLE.match(xml, head.end())
    if middle is None:
        return None
    title, namespace, page_id, redirect, revision_id = head.groups()
    model, form, attributes = middle.groups()
    if attributes.endswith(b"/"):
        tail = _TAIL_EMPTY.fullmatch(xml, middle.end())
        start = end = middle.end()
    else:
        start, end = middle.end(), xml.find(b"<", middle.end())
        tail = _TAIL.fullmatch(xml, end)
    if tail is None:
        return None
    values = dict(_ATTRIBUTE.findall(attributes))
    sha1 = tail[1] or values.get(b"sha1")
    missing = b"deleted" in values or (start == end and values.get(b"bytes", b"0") != b"0")
    return Page(
        page_id=_number(page_id, "no_page_id"),
        namespace=_number(namespace, "no_namespace"),
        title=_title(_text(title)),
        redirect=None if redirect is None else _text(redirect),
        revision_id=_number(revision_id, "no_revision"),
        sha1=sha1.decode("ascii") if sha1 else None,
        text=None if missing else _text(xml[start:end]),
        model=_text(model),
        format=_text(form),
    )


def _text(raw: bytes) -> str:
    """Decode text content: UTF-8, line ends, references.

    Raises:
        _BrokenPageError: a character or a reference that XML does not know.
        UnicodeDecodeError: not UTF-8.
    """
    if raw.isascii() and b"&" not in raw and len(raw.translate(None, _SPECIAL)) == len(raw):
        return raw.decode("ascii")
    pieces: list[str] = []
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.buffer_size = len(raw) + 1
    parser.CharacterDataHandler = pieces.append
    try:
        parser.Parse(b"<t>%b</t>" % raw, True)
    except expat.ExpatError as error:
        raw.decode("utf-8")
        raise _BrokenPageError("broken_xml") from error
    return _line_ends("".join(pieces))


def _line_ends(text: str) -> str:
    """Return `text` with the line ends that MediaWiki keeps: a carriage return, written ``&#13;``, is one too."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _parse_any(xml: bytes) -> Page:
    """Read a page of any layout with a real parser; of several revisions the newest one.

    Raises:
        _BrokenPageError: with the reason.
    """
    xml.decode("utf-8")
    try:
        page = ElementTree.fromstring(xml)
    except (ElementTree.ParseError, ValueError) as error:
        raise _BrokenPageError("broken_xml") from error
    title = _title(page.findtext("title"))
    revisions = page.findall("revision")
    if not revisions:
        raise _BrokenPageError("no_revision")
    revision = max(enumerate(revisions), key=_age)[1]
    redirect = page.find("redirect")
    text = revision.find("text")
    sha1 = revision.findtext("sha1") or (None if text is None else text.get("sha1"))
    return Page(
        page_id=_number(page.findtext("id"), "no_page_id"),
        namespace=_number(page.findtext("ns"), "no_namespace"),
        title=title,
        redirect=None if redirect is None else redirect.get("title"),
        revision_id=_number(revision.findtext("id"), "no_revision"),
        sha1=sha1 or None,
        text=_revision_text(text),
        model=revision.findtext("model") or "",
        format=revision.findtext("format") or "",
        older_revisions=len(revisions) - 1,
    )


def _age(numbered: tuple[int, ElementTree.Element]) -> tuple[str, int, int]:
    """Return what a revision is younger by: its time, its id, its place in the dump."""
    place, revision = numbered
    number = (revision.findtext("id") or "").strip()
    time = (revision.findtext("timestamp") or "").strip()
    return time, int(number) if number.isdecimal() and len(number) <= _MOST_DIGITS else -1, place


def _revision_text(text: ElementTree.Element | None) -> str | None:
    if text is None or "deleted" in text.attrib:
        return None
    content = _line_ends("".join(_pieces(text)))
    return None if not content and text.get("bytes", "0") != "0" else content


def _pieces(text: ElementTree.Element) -> Iterator[str]:
    """Yield the wikitext of an element; tags that were not escaped in it (``<br />``) are wikitext as well."""
    yield text.text or ""
    inside: list[tuple[ElementTree.Element, Iterator[ElementTree.Element]]] = [(text, iter(text))]
    while inside:
        parent, children = inside[-1]
        child = next(children, None)
        if child is None:
            inside.pop()
            if inside:
                yield f"</{parent.tag}>" if len(parent) or parent.text else ""
                yield parent.tail or ""
            continue
        attributes = "".join(f" {name}={quoteattr(value)}" for name, value in child.items())
        empty = not (len(child) or child.text)
        yield f"<{child.tag}{attributes}{' /' if empty else ''}>"
        yield child.text or ""
        inside.append((child, iter(child)))


def _title(title: str | None) -> str:
    if title is None or not title.strip():
        raise _BrokenPageError("no_title")
    return title


def _number(digits: str | bytes | None, reason: str) -> int:
    """Read a number of 63 bits.

    Raises:
        _BrokenPageError: it is none.
    """
    digits = (digits or "").strip()
    try:
        # Python refuses to read thousands of digits.
        number = int(digits) if len(digits) <= _MOST_DIGITS else 1 << 63
    except ValueError as error:
        raise _BrokenPageError(reason) from error
    if not -(1 << 63) <= number < 1 << 63:
        raise _BrokenPageError(reason)
    return number
