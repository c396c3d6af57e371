"""What a build keeps so that the next dump's build need not extract unchanged pages again.

A page is unchanged where its revision, the SHA-1 of its text and its title are. Its rows are taken from the older
snapshot's tables, in which anchors are resolved already. So beside a snapshot, in the folder ``refresh``, lies for
every page: what was counted, hashes of the titles of its anchors, and the titles as they were written of those that
went through a redirect. With these, a redirect that has changed is found in the pages that it touches, and their
anchors are resolved again. Pages whose text depends on the dump's date (ages) are not taken.
"""

from __future__ import annotations

import hashlib
import zlib
from bisect import bisect_left
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from kc_schema.anchors import Anchor, parse
from kc_schema.snapshot import Manifest, Snapshot, SnapshotError, open_snapshot
from kc_schema.store import (
    Part,
    describe_part,
    fingerprint,
    list_row_groups,
    read_json,
    replacing,
    to_json,
    write_json,
)
from kc_schema.tables import PARAGRAPHS_PER_PAGE, SENTENCES_PER_PARAGRAPH
from pipelines.dump.pages import Page
from pipelines.text_corpus.build import Build
from pipelines.text_corpus.part_files import UNIT_TABLES, anchor_lists
from pipelines.text_corpus.redirects import JoinedRedirects, RedirectTable
from pipelines.wikitext.site import Site

__all__ = [
    "KEPT",
    "UNIT_KEPT",
    "AnchorTrace",
    "KeptPage",
    "OlderSnapshot",
    "ReusedRows",
    "WatchedSite",
    "changed_titles_path",
    "count_reused",
    "in_order",
    "open_older",
    "reusable_options",
    "title_hash",
    "why_not_reusable",
    "write_changed_titles",
    "write_kept_manifest",
]

FOLDER = "refresh"
MANIFEST = "kept.json"
ROWS_PER_GROUP = 4096
_GROUPS_IN_MEMORY = 24
_PAGE_BITS = {
    "sentences": (PARAGRAPHS_PER_PAGE * SENTENCES_PER_PARAGRAPH).bit_length() - 1,
    "paragraphs": PARAGRAPHS_PER_PAGE.bit_length() - 1,
}
_KEYS = {
    "pages": "page_id",
    "paragraphs": "paragraph_id",
    "sentences": "sentence_id",
    "image_links": "page_id",
}

Ids = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint32]

KEPT = pa.schema(
    [
        pa.field("page_id", pa.int64(), nullable=False),
        pa.field("title", pa.string(), nullable=False),
        pa.field("revision_id", pa.int64(), nullable=False),
        pa.field("sha1", pa.string(), nullable=False),
        pa.field("dated", pa.bool_(), nullable=False),  # whether its rows depend on the dump's date
        pa.field("sentences", pa.int32(), nullable=False),
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
UNIT_KEPT = KEPT.append(pa.field("reused", pa.bool_(), nullable=False))
"""The same of a work unit's pages, in their order: the last six columns are empty where a page is not reused."""


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
class KeptPage:
    """An unchanged page, found in the older snapshot."""

    page_id: int
    sentences: int
    statistics: bytes
    group: int
    row: int


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


def title_hash(title: str) -> int:
    """Return 32 bits of a title. Two titles with one hash only make a page be looked at that need not be."""
    return zlib.crc32(title.encode("utf-8", "surrogatepass"))


def why_not_reusable(older: Path, build: Build) -> str | None:
    """Return why no rows of the snapshot in `older` can be taken for `build`; None where they can."""
    try:
        snapshot = open_snapshot(older)
        kept = read_json(older / FOLDER / MANIFEST, _KeptManifest)
    except (OSError, ValueError, SnapshotError) as error:
        return f"{older} keeps nothing that a refresh can start from ({error})"
    if snapshot.manifest.versions != build.versions():
        return "the extractor or its libraries have changed"
    if reusable_options(snapshot.manifest.options) != reusable_options(build.options()):
        return "the options have changed"
    if kept.snapshot != snapshot.fingerprint or kept.site != _site_fingerprint(build.site):
        return "what the dump says of its wiki has changed"
    for part in kept.parts:
        path = older / part.file
        if not path.is_file() or path.stat().st_size != part.bytes:
            return f"{path} is missing or damaged"
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
        self._snapshot = open_snapshot(folder)
        kept = read_json(folder / FOLDER / MANIFEST, _KeptManifest)
        self._same_date = kept.date == date
        self._files = [folder / part.file for part in kept.parts]
        groups = list_row_groups(self._files, "page_id")
        self._parts: list[int] = groups["part"].to_pylist()
        self._numbers: list[int] = groups["row_group"].to_pylist()
        self._last_ids: list[int] = groups["last_id"].to_pylist()
        self._groups: OrderedDict[int, tuple[pa.Table, dict[int, int], list[dict[str, Any]]]] = OrderedDict()
        self._tables = {table: _TableRows(self._snapshot, table) for table in _KEYS}

    def find(self, page: Page) -> KeptPage | None:
        """Return what is kept of a page that has not changed; None where it has, or is not known."""
        if not page.sha1:
            return None
        group = bisect_left(self._last_ids, page.page_id)
        if group == len(self._last_ids):
            return None
        _, places, rows = self._group(group)
        place = places.get(page.page_id)
        if place is None:
            return None
        row = rows[place]
        unchanged = (
            row["revision_id"] == page.revision_id
            and row["sha1"] == page.sha1
            and row["title"] == page.title
            and (self._same_date or not row["dated"])
        )
        if not unchanged:
            return None
        return KeptPage(page.page_id, row["sentences"], row["statistics"], group, place)

    def kept(self, pages: Sequence[KeptPage]) -> pa.Table:
        """Return the kept rows of pages that were found, in their order."""
        pieces = []
        start = 0
        for end in range(1, len(pages) + 1):
            if end == len(pages) or pages[end].group != pages[start].group:
                rows = pa.array([page.row for page in pages[start:end]])
                pieces.append(self._group(pages[start].group)[0].take(rows))
                start = end
        return pa.concat_tables(pieces) if pieces else KEPT.empty_table()

    def rows(self, table: str, page_ids: Ids) -> pa.Table:
        """Return the rows of pages in one of the snapshot's tables by page, in the table's order."""
        return self._tables[table].fetch(np.sort(page_ids))

    def redirects(self) -> Iterator[tuple[str, str]]:
        """Yield the redirects by title in code-point order."""
        for batch in self._snapshot.batches("redirects"):
            yield from zip(batch[0].to_pylist(), batch[1].to_pylist(), strict=True)

    def _group(self, number: int) -> tuple[pa.Table, dict[int, int], list[dict[str, Any]]]:
        if number in self._groups:
            self._groups.move_to_end(number)
            return self._groups[number]
        with pq.ParquetFile(self._files[self._parts[number]]) as file:
            table = file.read_row_group(self._numbers[number], use_threads=False)
        rows = table.select(KEPT.names[:7]).to_pylist()
        places = {row["page_id"]: place for place, row in enumerate(rows)}
        self._groups[number] = table, places, rows
        if len(self._groups) > _GROUPS_IN_MEMORY:
            self._groups.popitem(last=False)
        return self._groups[number]


class _TableRows:
    """Rows of one table by the ids of their pages."""

    def __init__(self, snapshot: Snapshot, table: str) -> None:
        self._table = table
        self._files = snapshot.files(table)
        self._shift = _PAGE_BITS.get(table, 0)
        groups = list_row_groups(self._files, _KEYS[table], unique=False)
        self._parts: Ids = groups["part"].to_numpy()
        self._numbers: Ids = groups["row_group"].to_numpy()
        self._first: Ids = groups["first_id"].to_numpy() >> self._shift
        self._last: Ids = groups["last_id"].to_numpy() >> self._shift
        self._open: tuple[int, pq.ParquetFile] | None = None

    def fetch(self, page_ids: Ids) -> pa.Table:
        """Return the rows of `page_ids`, which ascend."""
        found = []
        # The row groups that may hold one of the pages.
        first = np.searchsorted(page_ids, self._first)
        last = np.searchsorted(page_ids, self._last, "right")
        wanted = np.flatnonzero(last > first)
        start = 0
        for end in range(1, len(wanted) + 1):
            if end == len(wanted) or self._parts[wanted[end]] != self._parts[wanted[start]]:
                numbers = self._numbers[wanted[start:end]].tolist()
                found.append(
                    self._file(int(self._parts[wanted[start]])).read_row_groups(numbers, use_threads=False)
                )
                start = end
        if not found:
            return UNIT_TABLES[self._table].empty_table()
        rows = pa.concat_tables(found)
        return rows.filter(pa.array(_contains(page_ids, page_ids_of(self._table, rows))))

    def _file(self, part: int) -> pq.ParquetFile:
        if self._open is None or self._open[0] != part:
            if self._open is not None:
                self._open[1].close()
            self._open = part, pq.ParquetFile(self._files[part])
        return self._open[1]


def page_ids_of(table: str, rows: pa.Table | pa.RecordBatch) -> Ids:
    """Return the page of every row."""
    if table == "sentences":
        ids: Ids = rows["sentence_id"].to_numpy() >> _PAGE_BITS["sentences"]
    else:
        ids = rows["page_id"].to_numpy()
    return ids


def _contains(ascending: Ids, ids: Ids) -> npt.NDArray[np.bool_]:
    if not len(ascending):
        return np.zeros(len(ids), bool)
    places = np.minimum(np.searchsorted(ascending, ids), len(ascending) - 1)
    inside: npt.NDArray[np.bool_] = ascending[places] == ids
    return inside


def in_order(
    table: str, pieces: Sequence[pa.Table | pa.RecordBatch], pages: Sequence[int], schema: pa.Schema
) -> Any:
    """Return the rows of several pieces as one batch, in the order of their `pages`.

    A column that a piece lacks (the anchors of rows that are written already) gets empty lists.
    """
    tables = [_with_schema(piece, schema) for piece in pieces if piece.num_rows]
    rows = pa.concat_tables(tables) if tables else schema.empty_table()
    if len(rows):
        order = np.array(pages, np.int64)
        sorter = np.argsort(order, kind="stable")
        ids = page_ids_of(table, rows)
        rank = sorter[np.searchsorted(order, ids, sorter=sorter)]
        if np.any(rank[1:] < rank[:-1]):
            rows = rows.take(pa.array(np.argsort(rank, kind="stable")))
    columns = [_one_chunk(rows.column(name), schema.field(name).type) for name in schema.names]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _with_schema(piece: pa.Table | pa.RecordBatch, schema: pa.Schema) -> pa.Table:
    columns = []
    for field in schema:
        if field.name in piece.schema.names:
            columns.append(piece.column(field.name))
        else:
            columns.append(_nothing(piece.num_rows, field.type))
    return pa.table(columns, schema=schema)


def _nothing(count: int, kind: pa.DataType) -> pa.Array:
    """Return `count` empty lists or zeros."""
    if pa.types.is_list(kind):
        return pa.ListArray.from_arrays(
            pa.array(np.zeros(count + 1, np.int32)), pa.array([], kind.value_type), type=kind
        )
    return pa.array(np.zeros(count, np.int64), kind, safe=False)


def _one_chunk(column: pa.ChunkedArray, kind: pa.DataType) -> pa.Array:
    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], kind)


def write_changed_titles(build: Build, joined: JoinedRedirects) -> None:
    """Write the hashes of titles that do not lead where they led, or have begun or ceased to lead anywhere."""
    assert build.older is not None
    redirects = RedirectTable(build.output / joined.database.file)
    date = build.site.date.isoformat() if build.site.date else ""
    new = (row for rows in redirects.rows(1 << 16) for row in rows)
    titles = _differences(open_older(build.older, date).redirects(), new)
    hashes = np.unique(np.fromiter(map(title_hash, titles), np.uint32))
    with replacing(changed_titles_path(build)) as temporary, temporary.open("wb") as file:
        np.save(file, hashes)
    redirects.close()


def _differences(one: Iterable[tuple[str, str]], other: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield the keys whose values differ, or that stand on one side alone; both sides ascend by key."""
    left, right = iter(one), iter(other)
    a, b = next(left, None), next(right, None)
    while a is not None or b is not None:
        if b is None or (a is not None and a[0] < b[0]):
            yield a[0]  # type: ignore[index]
            a = next(left, None)
        elif a is None or b[0] < a[0]:
            yield b[0]
            b = next(right, None)
        else:
            if a[1] != b[1]:
                yield a[0]
            a, b = next(left, None), next(right, None)


def touched(kept: pa.Table, changed: Hashes) -> npt.NDArray[np.bool_]:
    """Tell of every kept page whether one of its anchors may lead elsewhere now."""
    lists = kept["title_hashes"].combine_chunks()
    hit = np.isin(lists.flatten().to_numpy(zero_copy_only=False), changed)
    sizes = pc.list_value_length(lists).to_numpy(zero_copy_only=False)
    found: npt.NDArray[np.bool_] = np.zeros(len(kept), bool)
    found[np.repeat(np.arange(len(kept)), sizes)[hit]] = True
    return found


def restore_anchors(
    batch: pa.RecordBatch, table: str, column: str, kept: dict[int, dict[str, Any]], at: dict[int, int]
) -> pa.RecordBatch:
    """Return rows of the older snapshot as a work unit would give them: plain text, anchors with titles as written.

    Args:
        batch: with an empty column of anchors.
        table: ``pages`` or ``paragraphs``.
        column: the one with the tags.
        kept: the kept rows of the pages.
        at: how many anchors of a page were seen in rows before; counted on.
    """
    names = (
        ("introduction_places", "introduction_titles") if table == "pages" else ("text_places", "text_titles")
    )
    texts: list[str] = []
    lists: list[list[Anchor]] = []
    for page_id, tagged in zip(batch["page_id"].to_pylist(), batch[column].to_pylist(), strict=True):
        text, anchors = parse(tagged)
        row = kept[page_id]
        written = dict(zip(row[names[0]], row[names[1]], strict=True))
        first = at.get(page_id, 0)
        anchors = [
            Anchor(a.start, a.end, written.get(first + number, a.title)) for number, a in enumerate(anchors)
        ]
        at[page_id] = first + len(anchors)
        texts.append(text)
        lists.append(anchors)
    place = batch.schema.get_field_index(column)
    batch = batch.set_column(place, batch.schema.field(place), pa.array(texts, pa.string()))
    return batch.set_column(
        batch.num_columns - 1, batch.schema.field(batch.num_columns - 1), anchor_lists(lists)
    )


class AnchorTrace:
    """What is to be kept of the anchors of a range of pages, gathered while they are resolved."""

    def __init__(self) -> None:
        self._pages: list[Ids] = []
        self._hashes: list[Hashes] = []
        self._resolved: list[npt.NDArray[np.bool_]] = []
        self._titles: list[str] = []

    def add(
        self, page_ids: Ids, sizes: Ids, written: list[str], indices: Ids, resolved: npt.NDArray[np.bool_]
    ) -> None:
        """Take note of the anchors of some rows.

        Args:
            page_ids: of every row its page.
            sizes: of every row its number of anchors.
            written: the different titles as written.
            indices: of every anchor its title among `written`.
            resolved: of every title whether it is a redirect.
        """
        hashes = np.fromiter(map(title_hash, written), np.uint32, len(written))
        self._pages.append(np.repeat(page_ids, sizes))
        self._hashes.append(hashes[indices])
        mask = resolved[indices]
        self._resolved.append(mask)
        self._titles += [written[index] for index in indices[mask].tolist()]

    def by_page(self) -> dict[int, tuple[set[int], list[int], list[str], int]]:
        """Return by page the hashes of its titles, places and titles of what was resolved, and how many anchors."""
        if not self._pages:
            return {}
        pages, hashes = np.concatenate(self._pages), np.concatenate(self._hashes)
        resolved = np.concatenate(self._resolved)
        if not len(pages):
            return {}
        cuts = np.flatnonzero(np.diff(pages)) + 1
        starts = np.concatenate([[0], cuts]).tolist()
        ends = [*cuts.tolist(), len(pages)]
        places = np.flatnonzero(resolved)
        first = np.searchsorted(places, starts).tolist()
        last = np.searchsorted(places, ends).tolist()
        found = {}
        for start, end, a, b in zip(starts, ends, first, last, strict=True):
            found[int(pages[start])] = (
                set(hashes[start:end].tolist()),
                (places[a:b] - start).tolist(),
                self._titles[a:b],
                end - start,
            )
        return found


def complete_kept(kept: pa.Table, introductions: AnchorTrace, texts: AnchorTrace) -> pa.Table:
    """Return kept rows of pages with what was found while their anchors were resolved."""
    in_introductions, in_texts = introductions.by_page(), texts.by_page()
    columns: dict[str, list[Any]] = {name: [] for name in KEPT.names[7:]}
    nothing: tuple[set[int], list[int], list[str], int] = (set(), [], [], 0)
    for page_id in kept["page_id"].to_pylist():
        one, other = in_introductions.get(page_id, nothing), in_texts.get(page_id, nothing)
        columns["anchors"].append(other[3])
        columns["title_hashes"].append(sorted(one[0] | other[0]))
        columns["introduction_places"].append(one[1])
        columns["introduction_titles"].append(one[2])
        columns["text_places"].append(other[1])
        columns["text_titles"].append(other[2])
    arrays = [kept.column(name) for name in KEPT.names[:7]]
    arrays += [pa.array(columns[field.name], field.type) for field in list(KEPT)[7:]]
    return pa.table(arrays, schema=KEPT)


class ReusedRows:
    """The pages of a range: whose rows stand as they are, whose anchors are resolved again, what is kept of all."""

    def __init__(self, kept: pa.Table, build: Build) -> None:
        """Find the pages that a changed redirect touches.

        Args:
            kept: rows of `UNIT_KEPT`, ascending.
            build: the build that they belong to.
        """
        reused = kept["reused"].to_numpy()
        calm = reused.copy()
        if reused.any():
            calm &= ~touched(kept, np.load(changed_titles_path(build)))
        ids = kept["page_id"].to_numpy()
        self._kept = kept.select(KEPT.names)
        self._calm = calm
        self._calm_ids: Ids = ids[calm]
        rows = self._kept.filter(pa.array(reused & ~calm)).to_pylist()
        self._touched = {row["page_id"]: row for row in rows}
        self._traces = {"pages": AnchorTrace(), "paragraphs": AnchorTrace()}
        self._seen: dict[str, dict[int, int]] = {"pages": {}, "paragraphs": {}}

    def counts(self) -> Counter[str]:
        """Return the counts of anchors in rows that stand as they are."""
        calm = self._kept.filter(pa.array(self._calm))
        resolved = pc.sum(pc.list_value_length(calm["text_places"])).as_py() or 0
        return Counter({"anchors": pc.sum(calm["anchors"]).as_py() or 0, "anchors resolved": resolved})

    def resolve(
        self,
        batch: pa.RecordBatch,
        table: str,
        column: str,
        resolve: Callable[..., tuple[pa.RecordBatch, Counter[str]]],
    ) -> tuple[pa.RecordBatch, Counter[str]]:
        """Return a batch of a work unit with its anchors resolved, and what was counted in rows that were not.

        Args:
            batch: rows of the work unit.
            table, column: which they are, and where their text is.
            resolve: resolves the anchors of a batch, as `resolve_anchors` does.
        """
        ids = batch["page_id"].to_numpy()
        calm = _contains(self._calm_ids, ids)
        if calm.all():
            return batch.select(batch.schema.names[:-1]), Counter()
        numbers = np.arange(len(ids))
        again = np.array([page_id in self._touched for page_id in ids.tolist()], bool)
        pieces, places = [], []
        if again.any():
            restored = restore_anchors(
                batch.filter(pa.array(again)), table, column, self._touched, self._seen[table]
            )
            pieces.append(restored)
            places.append(numbers[again])
        if (fresh := ~calm & ~again).any():
            pieces.append(batch.filter(pa.array(fresh)))
            places.append(numbers[fresh])
        order = np.concatenate(places)
        rows = pa.Table.from_batches(pieces).take(pa.array(np.argsort(order))).combine_chunks()
        resolved, counts = resolve(rows.to_batches()[0], column, trace=self._traces[table])
        if not calm.any():
            return resolved, counts
        standing = batch.filter(pa.array(calm)).select(resolved.schema.names)
        joined = pa.Table.from_batches([standing, resolved])
        order = np.concatenate([numbers[calm], np.sort(order)])
        return joined.take(pa.array(np.argsort(order))).combine_chunks().to_batches()[0], counts

    def write(self, build: Build, number: int) -> Part:
        """Write what is kept of the range beside the snapshot."""
        path = build.output / FOLDER / f"part-{number:05d}.parquet"
        rest = complete_kept(
            self._kept.filter(pa.array(~self._calm)), self._traces["pages"], self._traces["paragraphs"]
        )
        table = pa.concat_tables([self._kept.filter(pa.array(self._calm)), rest]).sort_by("page_id")
        with replacing(path) as temporary:
            pq.write_table(
                table,
                temporary,
                compression="zstd",
                row_group_size=ROWS_PER_GROUP,
                use_dictionary=False,
                write_statistics=["page_id"],
            )
        return describe_part(path, build.output)


def changed_titles_path(build: Build) -> Path:
    """Return the file of `changed_titles` of a build."""
    return build.work / "changed-titles.npy"
