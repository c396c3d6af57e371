"""The plan: image links of a snapshot become files to be had, each with the articles that show it.

Links come by page, the tables are cut by image, so rows are sorted outside of memory: sorted runs with one
batch a part, then part by part from all runs.
"""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from kc_schema.image_tables import ARTICLES, IMAGE_ID_BITS, image_id
from kc_schema.snapshot import LostText, Snapshot
from kc_schema.store import Part, fingerprint, read_parquet, temporary_folder
from pipelines.image_index.file_names import file_kind, name_problem
from pipelines.image_index.layout import Layout, Row, write_table
from pipelines.text_corpus.statistics import Statistics
from pipelines.wikitext.page_images import is_interface_icon

__all__ = [
    "IMAGES_PER_PART",
    "Plan",
    "drop_reason",
    "make_plan",
    "read_planned",
    "with_rights",
    "with_vectors",
]

IMAGES_PER_PART = 8192
"""Images of a part, on average: what is done again at most after a kill."""
_LINKS_PER_IMAGE = 1.5
_ROWS_IN_MEMORY = 50_000
_ROWS_PER_GROUP = 256
_FORMAT = 1

PLANNED = pa.schema([("image_id", pa.int64()), ("file", pa.string())])
_SORTED = pa.schema([*ARTICLES, pa.field("file", pa.string(), nullable=False)])


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be fetched."""

    part_bits: int
    files: int
    """Distinct files."""
    planned: tuple[str, ...]
    """A checksum of the list of files of every part."""
    parts: tuple[Part, ...]
    """The parts of the table of articles."""
    counts: dict[str, int]
    drops: dict[str, dict[str, int]]
    lost: dict[str, dict[str, list[LostText]]] = field(default_factory=dict)
    """A few examples of it: the page of a link, and the file."""


def make_plan(
    snapshot: Snapshot,
    layout: Layout,
    *,
    kinds: Sequence[str],
    part_bits: int | None,
    limit: int | None = None,
    images_per_part: int = IMAGES_PER_PART,
) -> Plan:
    """Write the articles of every image and the list of files, or find that they are there and current.

    Args:
        kinds: kinds of files that are wanted (`file_names.KINDS`).
        part_bits: tables are cut into ``2 ** part_bits`` parts; chosen by the number of links with None.
        limit: at most so many files, those with the smallest ids: a sample that a larger limit only adds to.
    """
    if part_bits is None:
        links = snapshot.manifest.rows("image_links")
        parts = links / _LINKS_PER_IMAGE / images_per_part
        part_bits = max(0, math.ceil(math.log2(parts))) if parts > 1 else 0
    inputs = fingerprint(_FORMAT, snapshot.fingerprint, sorted(kinds), part_bits, limit)
    step = layout.step("plan", 0, inputs, Plan)
    return step.run(lambda: _write(snapshot, layout, frozenset(kinds), part_bits, limit))


def with_rights(plan: Plan, *rights: object) -> Plan:
    """Return the plan for images that are had under some conditions: under others their parts are done again."""
    return replace(plan, planned=tuple(fingerprint(checksum, rights) for checksum in plan.planned))


def with_vectors(plan: Plan, vectors: Sequence[str]) -> Plan:
    """Return the plan for images of which some have vectors already; `vectors` has a checksum for every part."""
    pairs = zip(plan.planned, vectors, strict=True)
    return replace(
        plan, planned=tuple(fingerprint(one, "vectors", own) if own else one for one, own in pairs)
    )


def read_planned(layout: Layout, number: int) -> list[tuple[int, str]]:
    """Return id and name of the files of a part, by id."""
    table = read_parquet(layout.planned(number))
    return list(zip(table["image_id"].to_pylist(), table["file"].to_pylist(), strict=True))


def _write(
    snapshot: Snapshot, layout: Layout, kinds: frozenset[str], part_bits: int, limit: int | None
) -> Plan:
    with temporary_folder(layout.work / "runs") as runs:
        return _write_parts(snapshot, layout, kinds, part_bits, limit, runs)


def _write_parts(
    snapshot: Snapshot, layout: Layout, kinds: frozenset[str], part_bits: int, limit: int | None, runs: Path
) -> Plan:
    counts: Counter[str] = Counter()
    lost = Statistics()
    paths = list(_write_runs(_article_rows(snapshot, kinds, counts, lost), runs, part_bits))
    readers = [pa.ipc.open_file(pa.memory_map(os.fspath(path))) for path in paths]
    planned: list[str] = []
    parts: list[Part] = []
    for number in range(1 << part_bits):
        table = _merge([reader.get_batch(number) for reader in readers], lost)
        files = _files_of(table)
        if limit is not None and counts["files"] + len(files) > limit:
            files = files.slice(0, limit - counts["files"])
            kept = table.filter(pc.is_in(table["image_id"], value_set=files["image_id"]))
            lost.drop("links", "beyond --limit", len(table) - len(kept))
            table = kept
        _write_table(files, layout.planned(number), layout, _ROWS_PER_GROUP * 16)
        articles = table.select(ARTICLES.names).cast(ARTICLES)
        parts.append(_write_table(articles, layout.part("articles", number), layout, _ROWS_PER_GROUP))
        planned.append(fingerprint(files.to_pydict()))
        counts["files"] += len(files)
        counts.update(f"files, {file_kind(file)}" for file in files["file"].to_pylist())
        counts["articles of files"] += len(articles)
    return Plan(
        part_bits,
        counts["files"],
        tuple(planned),
        tuple(parts),
        dict(sorted(counts.items())),
        {"links": dict(sorted(lost.drops.get("links", Counter()).items()))},
        lost.examples(),
    )


def _files_of(table: pa.Table) -> pa.Table:
    """Return id and name of the files of a part, each once, by id."""
    files = table.select(["image_id", "file"]).group_by("image_id", use_threads=False)
    # Arrow gives the groups of a large table in almost the order in which they come, not quite.
    named = files.aggregate([("file", "min")]).sort_by("image_id")
    return pa.table([named["image_id"], named["file_min"]], schema=PLANNED)


def _article_rows(
    snapshot: Snapshot, kinds: frozenset[str], counts: Counter[str], lost: Statistics
) -> Iterator[Row]:
    """Yield a row for every link that counts, joined with its page: both tables ascend by page id."""
    pages = _page_rows(snapshot)
    page = next(pages, None)
    for batch in snapshot.batches("image_links", ["page_id", "file", "caption", "place"]):
        for link in batch.to_pylist():
            counts["links"] += 1
            reason = drop_reason(link["file"], kinds)
            while page is not None and page["page_id"] < link["page_id"]:
                page = next(pages, None)
            there = page is not None and page["page_id"] == link["page_id"]
            if reason is None and not there:
                reason = "page not in the corpus"
            if reason is not None or page is None:
                title = page["title"] if page is not None and there else f"page {link['page_id']}"
                lost.drop("links", str(reason), example=title, text=link["file"])
                continue
            yield {**link, **page, "image_id": image_id(link["file"])}


def _page_rows(snapshot: Snapshot) -> Iterator[Row]:
    for batch in snapshot.batches("pages", ["page_id", "title", "introduction"], rows=1024):
        yield from batch.to_pylist()


def drop_reason(file: str, kinds: frozenset[str]) -> str | None:
    """Return why a link to a file does not count; None where it does."""
    if is_interface_icon(file):
        return "interface icon"
    problem = name_problem(file)
    if problem is not None:
        return problem
    kind = file_kind(file)
    return None if kind in kinds else f"type {kind}"


def _write_runs(rows: Iterator[Row], folder: Path, part_bits: int) -> Iterator[Path]:
    chunk: list[Row] = []
    number = 0
    for row in rows:
        chunk.append(row)
        if len(chunk) == _ROWS_IN_MEMORY:
            yield _write_run(chunk, folder / f"run-{number:05d}.arrow", part_bits)
            chunk, number = [], number + 1
    if chunk or number == 0:
        yield _write_run(chunk, folder / f"run-{number:05d}.arrow", part_bits)


def _write_run(rows: list[Row], path: Path, part_bits: int) -> Path:
    """Write one batch a part; the rows of a part stay in the order of pages and places on them."""
    table = pa.Table.from_pylist(rows, schema=_SORTED)
    numbers = pc.shift_right(table["image_id"], IMAGE_ID_BITS - part_bits) if part_bits else None
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_file(os.fspath(path), _SORTED, options=options) as writer:
        for number in range(1 << part_bits):
            rows_here = table if numbers is None else table.filter(pc.equal(numbers, number))
            batches = rows_here.combine_chunks().to_batches()
            empty = pa.RecordBatch.from_pylist([], schema=_SORTED)
            writer.write_batch(batches[0] if batches else empty)
    return path


def _merge(batches: Sequence[pa.RecordBatch], lost: Statistics) -> pa.Table:
    """Return a part's rows by image and page, each pair once, with the first caption that there is."""
    table = pa.Table.from_batches(batches, schema=_SORTED)
    order = pa.array(range(len(table)), pa.int64())
    no_caption = pc.equal(table["caption"], "")
    table = table.append_column("no_caption", no_caption).append_column("order", order)
    keys = [
        ("image_id", "ascending"),
        ("page_id", "ascending"),
        ("no_caption", "ascending"),
        ("order", "ascending"),
    ]
    table = table.sort_by(keys).combine_chunks()
    ids, pages = table["image_id"].to_pylist(), table["page_id"].to_pylist()
    files, titles = table["file"].to_pylist(), table["title"].to_pylist()
    kept: list[int] = []
    image_before = page_before = -1
    file_of_image = ""
    for row, (image, page, file) in enumerate(zip(ids, pages, files, strict=True)):
        if image != image_before:
            image_before, page_before, file_of_image = image, -1, file
        if file != file_of_image:
            lost.drop("links", "id taken by another file", example=titles[row], text=file)
        elif page == page_before:
            lost.drop("links", "again on the same page", example=titles[row], text=file)
        else:
            page_before = page
            kept.append(row)
    return table.take(pa.array(kept, pa.int64()))


def _write_table(table: pa.Table, path: Path, layout: Layout, rows_per_group: int) -> Part:
    return write_table(table, path, layout.images, compression="zstd", row_group_size=rows_per_group)
