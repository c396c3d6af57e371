"""What a build keeps so that the next dump's build need not extract unchanged pages again.

A page is unchanged where its bytes in the dump are, or else its revision, the SHA-1 of its text and its title. Its
rows are taken from the older snapshot's tables, in which anchors are resolved already. So beside a snapshot, in the
folder ``refresh``, lies for every page: what was counted, hashes of the titles of its anchors, and the titles as they
were written of those that went through a redirect. With these, a redirect that has changed is found in the pages that
it touches, and their anchors are resolved again. Pages whose text depends on the dump's date (ages) are not taken.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from kc_schema.snapshot import Manifest, SnapshotError, open_snapshot
from kc_schema.store import (
    ObjectStorageError,
    Part,
    fingerprint,
    list_row_groups,
    open_parquet,
    read_json,
    sizes,
    to_json,
    write_json,
)
from kc_schema.tables import PARAGRAPHS_PER_PAGE, SENTENCES_PER_PARAGRAPH, TEXT_TABLES
from pipelines.dump.pages import BrokenPage, Page, parse_page
from pipelines.text_corpus.build import Build
from pipelines.wikitext.site import Site

__all__ = [
    "FOLDER",
    "KEPT",
    "UNIT_KEPT",
    "OlderSnapshot",
    "PageParser",
    "UnchangedPage",
    "WatchedSite",
    "count_reused",
    "is_among",
    "open_older",
    "page_ids_of",
    "page_of",
    "reusable_options",
    "why_not_reusable",
    "write_kept_manifest",
]

FOLDER = "refresh"
MANIFEST = "kept.json"
_GROUPS_IN_MEMORY = 24
_PAGE_BITS = {
    "sentence_id": (PARAGRAPHS_PER_PAGE * SENTENCES_PER_PARAGRAPH).bit_length() - 1,
    "paragraph_id": PARAGRAPHS_PER_PAGE.bit_length() - 1,
}
_KEYS = {
    "pages": "page_id",
    "paragraphs": "paragraph_id",
    "sentences": "sentence_id",
    "image_links": "page_id",
}
_DIGEST_BYTES = 16
# The head of a page of the article namespace, up to its id.
_ARTICLE = re.compile(rb"<page>\s*<title>[^<]*</title>\s*<ns>0</ns>\s*<id>(\d{1,11})</id>")

Ids = npt.NDArray[np.int64]

KEPT = pa.schema(
    [
        pa.field("page_id", pa.int64(), nullable=False),
        pa.field("title", pa.string(), nullable=False),
        pa.field("revision_id", pa.int64(), nullable=False),
        pa.field("sha1", pa.string(), nullable=False),  # empty where the page must be extracted again
        pa.field("digest", pa.binary(), nullable=False),  # of its bytes in the dump
        pa.field("dated", pa.bool_(), nullable=False),  # whether its rows depend on the dump's date
        pa.field("statistics", pa.binary(), nullable=False),
        pa.field("anchors", pa.int32(), nullable=False),  # of its paragraphs
        pa.field("title_hashes", pa.list_(pa.uint32()), nullable=False),
        # Of the anchors that went through a redirect: which they are, counted from 0, and their titles as written.
        pa.field("introduction_places", pa.list_(pa.int32()), nullable=False),
        pa.field("introduction_titles", pa.list_(pa.string()), nullable=False),
        pa.field("text_places", pa.list_(pa.int32()), nullable=False),
        pa.field("text_titles", pa.list_(pa.string()), nullable=False),
    ]
)
"""What is kept of every page, one row each, ascending."""
UNIT_COLUMNS = 7
UNIT_KEPT = pa.schema([*list(KEPT)[:UNIT_COLUMNS], pa.field("reused", pa.bool_(), nullable=False)])
"""What a work unit keeps of its pages, in their order; of those that it found unchanged only id and revision."""


@dataclass(frozen=True)
class _KeptManifest:
    snapshot: str
    """Fingerprint of the snapshot that it belongs to."""
    site: str
    """Fingerprint of the wiki, the date left out."""
    date: str
    parts: tuple[Part, ...]
    reused: int
    """How many pages came from an older snapshot."""


@dataclass(frozen=True, slots=True)
class UnchangedPage:
    """A page whose rows are those of the older snapshot."""

    page_id: int
    title: str
    revision_id: int
    statistics: bytes
    """What was counted in it, packed."""


class PageParser:
    """Reads a page of the dump, unless it is known from an older snapshot and has not changed."""

    def __init__(self, older: OlderSnapshot | None) -> None:
        self._older = older
        self.digest = b""
        """Of the bytes of the page that was read last."""

    def __call__(self, xml: bytes, where: str) -> Page | BrokenPage | UnchangedPage:
        """Return the page of the dump, or that it has not changed; see `parse_page`."""
        self.digest = hashlib.sha256(xml).digest()[:_DIGEST_BYTES]
        if self._older is None:
            return parse_page(xml, where)
        head = _ARTICLE.match(xml)
        found = self._older.find_bytes(int(head[1]), self.digest) if head is not None else None
        if found is not None:
            return found
        page = parse_page(xml, where)
        return (self._older.find(page) if isinstance(page, Page) else None) or page


class WatchedSite(Site):
    """A wiki that notices whether it was asked for the dump's date."""

    asked: bool

    @staticmethod
    def of(site: Site) -> WatchedSite:
        """Return the same wiki, watched."""
        watched = object.__new__(WatchedSite)
        watched.__dict__.update(site.__dict__, asked=False)
        return watched

    @property
    def date(self) -> Any:
        """The dump's date."""
        self.__dict__["asked"] = True
        return self.__dict__["date"]

    def take_asked(self) -> bool:
        """Tell whether the date was asked for since the last call."""
        asked = bool(self.__dict__["asked"])
        self.__dict__["asked"] = False
        return asked


def why_not_reusable(older: Path, build: Build) -> str | None:
    """Return why no rows of the snapshot in `older` can be taken for `build`; None where they can."""
    try:
        snapshot = open_snapshot(older)
        kept = read_json(older / FOLDER / MANIFEST, _KeptManifest)
    except ObjectStorageError:  # nobody knows whether it does
        raise
    except (OSError, ValueError, SnapshotError) as error:
        return f"{older} keeps nothing that a refresh can start from ({error})"
    if snapshot.manifest.versions != build.versions():
        return "the extractor or its libraries have changed"
    if reusable_options(snapshot.manifest.options) != reusable_options(build.options()):
        return "the options have changed"
    if kept.snapshot != snapshot.fingerprint or kept.site != _site_fingerprint(build.site):
        return "what the dump says of its wiki has changed"
    there = sizes(older, [part.file for part in kept.parts])
    for part in kept.parts:
        if there.get(part.file) != part.bytes:
            return f"{older / part.file} is missing or damaged"
    return None


def reusable_options(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options that decide rows of unchanged pages: page properties are added to all pages anew."""
    return {name: value if name != "page_props" else True for name, value in options.items()}


def write_kept_manifest(build: Build, manifest: Manifest, parts: Sequence[Part], reused: int) -> None:
    """Say that `parts` belong to the snapshot whose manifest is about to be written; `reused` pages are an older's."""
    snapshot = hashlib.sha256(to_json(manifest).encode()).hexdigest()
    date = build.site.date.isoformat() if build.site.date else ""
    write_json(
        build.output / FOLDER / MANIFEST,
        _KeptManifest(snapshot, _site_fingerprint(build.site), date, tuple(parts), reused),
    )


def count_reused(folder: Path) -> int:
    """Return how many pages of a snapshot came from an older one."""
    try:
        return read_json(folder / FOLDER / MANIFEST, _KeptManifest).reused
    except (OSError, ValueError):
        return 0


def _site_fingerprint(site: Site) -> str:
    return fingerprint(replace(site, date=None))


@lru_cache(maxsize=2)
def open_older(folder: Path, date: str) -> OlderSnapshot:
    """Return the older snapshot for a build of a dump of `date`; footers are read once a process."""
    return OlderSnapshot(folder, date)


class OlderSnapshot:
    """The rows of unchanged pages."""

    def __init__(self, folder: Path, date: str) -> None:
        self.snapshot = open_snapshot(folder)
        kept = read_json(folder / FOLDER / MANIFEST, _KeptManifest)
        self._same_date = kept.date == date
        self._kept_parts = kept.parts
        self._kept = _RowsByPage([folder / part.file for part in kept.parts], "page_id", KEPT)
        self._groups: OrderedDict[int, _KeptGroup] = OrderedDict()
        self._tables = {
            table: _RowsByPage(self.snapshot.files(table), key, TEXT_TABLES[table])
            for table, key in _KEYS.items()
        }

    def find_bytes(self, page_id: int, digest: bytes) -> UnchangedPage | None:
        """Return what is kept of a page whose bytes in the dump are the same; None where they are not."""
        found = self._find(page_id)
        return found.page if found is not None and found.digest == digest else None

    def find(self, page: Page) -> UnchangedPage | None:
        """Return what is kept of a page whose revision, SHA-1 and title are the same; None where they are not."""
        found = self._find(page.page_id)
        same = (
            found is not None
            and (page.namespace, page.redirect, page.older_revisions) == (0, None, 0)
            and page.text is not None
            and (page.revision_id, page.sha1, page.title) == (found.revision_id, found.sha1, found.page.title)
        )
        return found.page if found is not None and same else None

    def kept(self, page_ids: Ids) -> pa.Table:
        """Return what is kept of pages, which ascend."""
        return self._kept.fetch(page_ids)

    def rows(self, table: str, page_ids: Ids) -> pa.Table:
        """Return the rows of pages, which ascend, in one of the snapshot's tables by page, in the table's order."""
        return self._tables[table].fetch(page_ids)

    def whole_part(self, page_ids: Ids) -> str | None:
        """Return the name of the parts that hold the rows of just these pages; None where there are none."""
        part = self._kept.part_with(int(page_ids[0]))
        if part is None or self._kept_parts[part].rows != len(page_ids):
            return None
        file = self._kept_parts[part].file
        same = np.array_equal(self._kept.page_ids(part), page_ids)
        return file.rpartition("/")[2] if same else None

    def parts(self, name: str) -> dict[str, Part]:
        """Return the parts of one name, by their folders."""
        listed = {table: parts for table, parts in self.snapshot.manifest.tables.items() if table in _KEYS}
        return {
            table: part
            for table, parts in {**listed, FOLDER: list(self._kept_parts)}.items()
            for part in parts
            if part.file.endswith(f"/{name}")
        }

    def _find(self, page_id: int) -> _KeptRow | None:
        number = self._kept.group_with(page_id)
        if number is None:
            return None
        group = self._groups.get(number)
        if group is None:
            group = self._groups[number] = _KeptGroup(self._kept, number)
            if len(self._groups) > _GROUPS_IN_MEMORY:
                self._groups.popitem(last=False)
        return group.find(page_id, same_date=self._same_date)


@dataclass(frozen=True, slots=True)
class _KeptRow:
    """What a page is compared by."""

    page: UnchangedPage
    revision_id: int
    sha1: str
    digest: bytes


class _KeptGroup:
    """What pages are compared by, of one row group."""

    def __init__(self, kept: _RowsByPage, number: int) -> None:
        rows = kept.read_group(number, KEPT.names[:UNIT_COLUMNS])
        ids, *self._columns, self._dated, self._statistics = (column.to_pylist() for column in rows.columns)
        self._places = {page_id: place for place, page_id in enumerate(ids)}

    def find(self, page_id: int, *, same_date: bool) -> _KeptRow | None:
        """Return the page's row, unless its rows in the tables cannot be taken."""
        place = self._places.get(page_id)
        if place is None or (self._dated[place] and not same_date):
            return None
        title, revision_id, sha1, digest = (column[place] for column in self._columns)
        if not sha1:
            return None
        page = UnchangedPage(page_id, title, revision_id, self._statistics[place])
        return _KeptRow(page, revision_id, sha1, digest)


class _RowsByPage:
    """Rows of parts that ascend by their key, found by the ids of their pages."""

    def __init__(self, files: Sequence[Path], key: str, schema: pa.Schema) -> None:
        self._files = list(files)
        self._key = key
        self._schema = schema
        groups = list_row_groups(self._files, key, unique=False)
        shift = _PAGE_BITS.get(key, 0)
        self._parts: list[int] = groups["part"].to_pylist()
        self._numbers: list[int] = groups["row_group"].to_pylist()
        self._first: Ids = groups["first_id"].to_numpy() >> shift
        self._last: Ids = groups["last_id"].to_numpy() >> shift
        self._last_ids: list[int] = self._last.tolist()
        self._open: tuple[int, pq.ParquetFile] | None = None

    def group_with(self, page_id: int) -> int | None:
        """Return the first row group that may hold a page."""
        group = bisect_left(self._last_ids, page_id)
        return group if group < len(self._last_ids) else None

    def part_with(self, page_id: int) -> int | None:
        """Return the first part that may hold a page."""
        group = self.group_with(page_id)
        return None if group is None else self._parts[group]

    def page_ids(self, part: int) -> Ids:
        """Return the ids of the pages of a part."""
        ids: Ids = self._file(part).read(["page_id"], use_threads=False)["page_id"].to_numpy()
        return ids

    def read_group(self, group: int, columns: list[str]) -> pa.Table:
        """Return a row group."""
        file = self._file(self._parts[group])
        return file.read_row_group(self._numbers[group], columns=columns, use_threads=False)

    def fetch(self, page_ids: Ids) -> pa.Table:
        """Return the rows of `page_ids`, which ascend."""
        found = []
        # The row groups that may hold one of the pages.
        first = np.searchsorted(page_ids, self._first)
        last = np.searchsorted(page_ids, self._last, "right")
        wanted = np.flatnonzero(last > first).tolist()
        start = 0
        for end in range(1, len(wanted) + 1):
            if end == len(wanted) or self._parts[wanted[end]] != self._parts[wanted[start]]:
                numbers = [self._numbers[group] for group in wanted[start:end]]
                file = self._file(self._parts[wanted[start]])
                found.append(file.read_row_groups(numbers, use_threads=False))
                start = end
        if not found:
            return self._schema.empty_table()
        rows = pa.concat_tables(found).cast(self._schema)
        inside = is_among(page_ids, page_ids_of(rows))
        return rows if inside.all() else rows.filter(pa.array(inside))

    def _file(self, part: int) -> pq.ParquetFile:
        if self._open is None or self._open[0] != part:
            if self._open is not None:
                self._open[1].close()
            self._open = part, open_parquet(self._files[part])
        return self._open[1]


def page_ids_of(rows: pa.Table | pa.RecordBatch) -> Ids:
    """Return the page of every row of a table by page."""
    names = rows.schema.names
    if "page_id" in names:
        ids: Ids = rows["page_id"].to_numpy()
    else:
        ids = rows["sentence_id"].to_numpy() >> _PAGE_BITS["sentence_id"]
    return ids


def page_of(key: str, value: int) -> int:
    """Return the page that an id of a table's key column belongs to."""
    return value >> _PAGE_BITS.get(key, 0)


def is_among(ascending: Ids, ids: Ids) -> npt.NDArray[np.bool_]:
    """Tell of every one of `ids` whether it is among those that ascend."""
    if not len(ascending):
        return np.zeros(len(ids), bool)
    places = np.minimum(np.searchsorted(ascending, ids), len(ascending) - 1)
    inside: npt.NDArray[np.bool_] = ascending[places] == ids
    return inside
