"""Writes small dumps for tests: any pages, both export schemas, any wiki, every compression and cut.

    write_dump(folder / "testwiki-20250101-pages-articles.xml.bz2", [DumpPage("Ada", "'''Ada''' is ...")])

Pages without an id get 1, 2, 3, ... in their order. With `pages_per_stream` the compressed file is a multistream
one: a stream (gzip member, zstd frame) for the head, one for every so many pages, one for the end.
"""

from __future__ import annotations

import base64
import bz2
import gzip
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import zstandard

ENGLISH_NAMESPACES: Mapping[int, str] = {
    -2: "Media",
    -1: "Special",
    0: "",
    1: "Talk",
    2: "User",
    4: "Wikipedia",
    6: "File",
    8: "MediaWiki",
    10: "Template",
    12: "Help",
    14: "Category",
    828: "Module",
}


@dataclass(frozen=True)
class DumpSite:
    """What the siteinfo says."""

    database: str = "testwiki"
    language: str = "en"
    base: str = "https://test.wikipedia.org/wiki/Main_Page"
    case: str = "first-letter"
    namespaces: Mapping[int, str] = field(default_factory=lambda: ENGLISH_NAMESPACES)


GERMAN_SITE = DumpSite(
    database="dewiki",
    language="de",
    base="https://de.wikipedia.org/wiki/Wikipedia:Hauptseite",
    namespaces={
        0: "",
        1: "Diskussion",
        2: "Benutzer",
        4: "Wikipedia",
        6: "Datei",
        10: "Vorlage",
        14: "Kategorie",
    },
)


@dataclass(frozen=True)
class DumpPage:
    """A page to write."""

    title: str
    text: str | None
    """The wikitext; None writes a deleted text."""
    page_id: int | None = None
    namespace: int = 0
    redirect: str | None = None
    revision_id: int | None = None
    model: str = "wikitext"
    format: str = "text/x-wiki"
    xml: str | None = None
    """Written in place of everything else: a page of any layout, or a broken one."""


def redirect_page(title: str, target: str, page_id: int | None = None) -> DumpPage:
    return DumpPage(title, f"#REDIRECT [[{target}]]", page_id, redirect=target)


def sha1_base36(text: str) -> str:
    """The SHA-1 of `text` as dumps write it: base 36, 31 digits."""
    number, digits = int.from_bytes(hashlib.sha1(text.encode()).digest(), "big"), ""
    while number:
        number, digit = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return digits.rjust(31, "0")


def numbered(pages: Iterable[DumpPage]) -> list[DumpPage]:
    """`pages` with ids where they have none."""
    return [
        replace(
            page,
            page_id=number if page.page_id is None else page.page_id,
            revision_id=(1000 + number) if page.revision_id is None else page.revision_id,
        )
        for number, page in enumerate(pages, start=1)
    ]


def page_xml(page: DumpPage, schema: str = "0.11") -> str:
    """The `<page>` of `page`, as MediaWiki lays it out."""
    if page.xml is not None:
        return page.xml
    redirect = "" if page.redirect is None else f"    <redirect title={quoteattr(page.redirect)} />\n"
    size = len((page.text or "").encode())
    origin = f"      <origin>{page.revision_id}</origin>\n" if schema == "0.11" else ""
    sha1 = sha1_base36(page.text or "")
    attributes = f'bytes="{size}"' + (f' sha1="{sha1}"' if schema == "0.11" else "")
    if page.text is None:
        text = '<text bytes="17" deleted="deleted" />'
    elif not page.text:
        text = f"<text {attributes} />"
    else:
        content = escape(page.text, {'"': "&quot;"})
        text = f'<text {attributes} xml:space="preserve">{content}</text>'
    return (
        f"  <page>\n    <title>{escape(page.title, {chr(34): '&quot;'})}</title>\n    <ns>{page.namespace}</ns>\n"
        f"    <id>{page.page_id}</id>\n{redirect}    <revision>\n      <id>{page.revision_id}</id>\n"
        "      <timestamp>2025-01-01T00:00:00Z</timestamp>\n"
        "      <contributor>\n        <username>Writer</username>\n        <id>7</id>\n      </contributor>\n"
        f"      <comment>words &amp; &quot;more&quot;</comment>\n{origin}      <model>{page.model}</model>\n"
        f"      <format>{page.format}</format>\n      {text}\n      <sha1>{sha1}</sha1>\n    </revision>\n  </page>\n"
    )


def head_xml(site: DumpSite | None = None, schema: str = "0.11", *, siteinfo: bool = True) -> str:
    """Everything before the first page."""
    site = site or DumpSite()
    name = f"http://www.mediawiki.org/xml/export-{schema}/"
    if not siteinfo:
        return f'<mediawiki xmlns="{name}" version="{schema}">\n'
    namespaces = "".join(
        f'      <namespace key="{key}" case="{site.case}"' + (f">{text}</namespace>\n" if text else " />\n")
        for key, text in site.namespaces.items()
    )
    return (
        f'<mediawiki xmlns="{name}" version="{schema}" xml:lang="{site.language}">\n  <siteinfo>\n'
        f"    <sitename>Wikipedia</sitename>\n    <dbname>{site.database}</dbname>\n    <base>{site.base}</base>\n"
        f"    <generator>MediaWiki 1.43</generator>\n    <case>{site.case}</case>\n"
        f"    <namespaces>\n{namespaces}    </namespaces>\n  </siteinfo>\n"
    )


def dump_pieces(
    pages: Sequence[DumpPage],
    *,
    site: DumpSite | None = None,
    schema: str = "0.11",
    siteinfo: bool = True,
    closed: bool = True,
    pages_per_stream: int | None = None,
) -> list[bytes]:
    """The XML of a dump in the pieces that a multistream file compresses one by one; else in one piece."""
    rendered = [page_xml(page, schema) for page in numbered(pages)]
    step = pages_per_stream or max(len(rendered), 1)
    groups = ["".join(rendered[first : first + step]) for first in range(0, len(rendered), step)]
    pieces = [head_xml(site, schema, siteinfo=siteinfo), *groups, "</mediawiki>\n" if closed else ""]
    encoded = [piece.encode() for piece in pieces if piece]
    return encoded if pages_per_stream else [b"".join(encoded)]


def compress(pieces: Iterable[bytes], suffix: str, *, level: int = 9) -> bytes:
    """`pieces`, each compressed by itself for a file that ends in `suffix` (``.xml``: not at all)."""
    compressors: dict[str, Callable[[bytes], bytes]] = {
        ".xml": bytes,
        ".bz2": lambda data: bz2.compress(data, level),
        ".gz": lambda data: gzip.compress(data, mtime=0),
        ".zst": zstandard.ZstdCompressor(level=3, write_checksum=True).compress,
    }
    return b"".join(map(compressors[suffix], pieces))


def write_dump(
    path: Path,
    pages: Sequence[DumpPage],
    *,
    site: DumpSite | None = None,
    schema: str = "0.11",
    siteinfo: bool = True,
    closed: bool = True,
    pages_per_stream: int | None = None,
    level: int = 9,
) -> Path:
    """Writes a dump of `pages` in the format of the suffix of `path` (.xml, .bz2, .gz, .zst) and gives `path`."""
    pieces = dump_pieces(
        pages, site=site, schema=schema, siteinfo=siteinfo, closed=closed, pages_per_stream=pages_per_stream
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(compress(pieces, path.suffix, level=level))
    return path


def noise(seed: int, length: int) -> str:
    """Text that hardly compresses, so that a small dump has several bzip2 blocks."""
    seeded = hashlib.shake_128(seed.to_bytes(8, "big")).digest(length * 3 // 4 + 1)
    return base64.b64encode(seeded).decode()[:length]
