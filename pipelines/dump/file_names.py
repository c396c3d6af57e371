"""What the name of a dump file tells: wiki, date, kind of export, place among the parts.

Names follow dumps.wikimedia.org: ``enwiki-20250101-pages-articles-multistream1.xml-p1p41242.bz2`` of the
classic dumps, ``enwiki-2025-12-01-p10p30303.xml.bz2`` of the MediaWiki Content File Exports.
"""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass

__all__ = ["UNFINISHED", "DumpName", "holds_no_pages", "natural_order", "parse_name"]

UNFINISHED = "download.unfinished.json"
"""Name of an object beside files of a dump in object storage of which more are still to come."""

_NAME = re.compile(
    r"(?P<wiki>[a-z][a-z0-9_]*?(?:wiki|wikt|wiktionary|books|news|quote|source|versity|voyage))"
    r"(?:-(?P<date>latest|\d{8}|\d{4}-\d{2}-\d{2})(?!\d))?(?=[-._]|$)"
)
_KIND = re.compile(
    r"-(?P<kind>pages-articles-multistream|pages-articles|pages-meta-current|pages-meta-history)(?P<number>\d{1,9})?"
)
_PAGES = re.compile(r"p(\d{1,18})p(\d{1,18})(?!\d)")
_COMPRESSION = re.compile(r"\.(?:bz2|gz|zst|zstd)$")
_NO_PAGES = re.compile(
    r"-index\d*\.txt|-(?:stub|abstract|pages-logging|siteinfo)|\.(?:sql|json|txt|html|md5|sha1|sha256)\b"
    r"|sums(?:\.txt)?$|^[_.]",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class DumpName:
    """The parts of a dump file's name; what the name does not tell is None."""

    wiki: str | None
    """Name of the database, such as ``enwiki``."""
    date: datetime.date | None
    """The dump's date; None too for ``latest``."""
    run: str | None
    """The date as digits, or ``latest``."""
    kind: str | None
    """``pages-articles``, ``pages-articles-multistream``, ``pages-meta-current`` or ``pages-meta-history``."""
    number: int | None
    """The part's number."""
    pages: tuple[int, int] | None
    """The first and the last page id of the part."""
    stem: str
    """The name without ``.xml`` and what compression added to it."""

    @property
    def is_part(self) -> bool:
        """Whether the file is one of several: its name has a part's number or a range of pages."""
        return self.number is not None or self.pages is not None


def parse_name(name: str) -> DumpName:
    """Reads the file name `name` (no folders)."""
    found = _NAME.match(name)
    run = found["date"].replace("-", "") if found and found["date"] else None
    kind, pages = _KIND.search(name), _PAGES.search(name)
    return DumpName(
        wiki=found["wiki"] if found else None,
        date=_date(run) if run else None,
        run=run,
        kind=kind["kind"] if kind else None,
        number=int(kind["number"]) if kind and kind["number"] else None,
        pages=(int(pages[1]), int(pages[2])) if pages else None,
        stem=re.sub(r"\.xml(?=$|[-.])", "", _COMPRESSION.sub("", name)),
    )


def _date(run: str) -> datetime.date | None:
    try:
        return datetime.datetime.strptime(run, "%Y%m%d").date()
    except ValueError:
        return None


def holds_no_pages(name: str) -> bool:
    """Tells whether `name` is that of a dump's companion: index, checksums, ``_SUCCESS``, stubs, logs."""
    return _NO_PAGES.search(name) is not None


def natural_order(name: str) -> tuple[tuple[int, int | str], ...]:
    """A sort key that puts ``part2`` before ``part10``: digits compare as numbers."""
    return tuple((0, int(piece)) if piece.isdigit() else (1, piece) for piece in re.findall(r"\d+|\D+", name))
