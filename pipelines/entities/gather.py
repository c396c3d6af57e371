"""Gathers names from one part of the snapshot: surfaces of anchors, titles of redirects, titles, names in bold."""

from __future__ import annotations

import itertools
import os
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kc_schema.anchors import unescape
from kc_schema.entity_tables import LONGEST_ALIAS, clean_name, fold_name
from kc_schema.store import Part, describe_part, open_parquet, replacing
from pipelines.entities.titles import TitleMap
from pipelines.text_corpus.statistics import EXAMPLE_CHARACTERS, Statistics

__all__ = ["GATHERED", "NAMES", "Gathered", "gather_names", "read_link_counts", "read_range"]

GATHERED = pa.schema(
    [
        pa.field("folded", pa.string(), nullable=False),
        pa.field("surface", pa.string(), nullable=False),
        pa.field("page_id", pa.int64(), nullable=False),
        pa.field("links", pa.int64(), nullable=False),
        pa.field("title", pa.bool_(), nullable=False),
        pa.field("redirect", pa.bool_(), nullable=False),
        pa.field("bold", pa.bool_(), nullable=False),
    ]
)
"""Names on their way: a record batch for each range of names, sorted."""
_LINKS = pa.schema([pa.field("page_id", pa.int64()), pa.field("links", pa.int64())])
# Tags pair and hold no tags in a snapshot that was verified, so that this finds what `parse` finds.
_ANCHOR = re.compile(r"<e: ([^<>\n]+)> (.*?) </e>", re.DOTALL)

NAMES = "names"
"""What is counted as lost here."""
Name = tuple[str, int]
"""A surface and the page that it stands for."""


@dataclass(frozen=True)
class Gathered:
    """What one part gave."""

    names: Part
    links: Part
    """Anchors by page."""
    counts: Counter[str]
    lost: Statistics
    """The names that were left out."""


def gather_names(
    table: str,
    source: Path,
    group: int | None,
    titles: TitleMap,
    bounds: Sequence[str],
    path: Path,
    folder: Path,
) -> Gathered:
    """Gather the names of one part file of a table, and write them beside `path`.

    Args:
        table: ``paragraphs``, ``redirects`` or ``pages``.
        source: the part file.
        group: the row group of it that is read; None reads all. Redirects alone are read so.
        titles: leads from titles to pages.
        bounds: where ranges of names begin.
        path: without a suffix; files of names and of counts of links are written.
        folder: what the paths of the result are relative to.
    """
    names: dict[str, Counter[Name]] = {column: Counter() for column in ("links", "title", "redirect", "bold")}
    counts: Counter[str] = Counter()
    lost = Statistics()
    if table == "paragraphs":
        names["links"] = _of_anchors(source, titles, counts, lost)
    elif table == "redirects":
        names["redirect"] = _of_redirects(source, group, titles, counts, lost)
    else:
        names["title"], names["bold"] = _of_pages(source, counts, lost)
    links: Counter[int] = Counter()
    for (_, page_id), count in names["links"].items():
        links[page_id] += count
    pages = sorted(links)
    counted = pa.table([pages, [links[page_id] for page_id in pages]], schema=_LINKS)
    return Gathered(
        _write(
            path.with_name(f"{path.name}-names.arrow"), _by_range(_table(names), bounds), GATHERED, folder
        ),
        _write(path.with_name(f"{path.name}-links.arrow"), [counted], _LINKS, folder),
        counts,
        lost,
    )


def read_range(path: Path, number: int) -> pa.RecordBatch:
    """Return the names of a range that a part gave."""
    with pa.memory_map(os.fspath(path)) as source, pa.ipc.open_file(source) as file:
        return file.get_batch(number)


def read_link_counts(path: Path) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return pages and how many anchors of a part lead to each."""
    batch = read_range(path, 0)
    return batch["page_id"].to_numpy().copy(), batch["links"].to_numpy().copy()


def _of_anchors(source: Path, titles: TitleMap, counts: Counter[str], lost: Statistics) -> Counter[Name]:
    found: Counter[tuple[str, str]] = Counter()
    with open_parquet(source) as file:
        for batch in file.iter_batches(batch_size=1024, columns=["text"]):
            for text in batch["text"].to_pylist():
                if "<e: " in text:
                    found.update(_ANCHOR.findall(text))
    pages = titles.page_ids({title for title, _ in found})
    names: Counter[Name] = Counter()
    for (title, surface), count in found.items():
        counts["anchors"] += count
        page_id = pages.get(title)
        if page_id is None:
            _drop(lost, "anchor that leads to no page of the corpus", unescape(surface), title, count)
        elif (name := _name(unescape(surface))) is None:
            _drop(lost, "anchor whose surface is no name", unescape(surface), title, count)
        else:
            names[name, page_id] += count
    return names


def _of_redirects(
    source: Path, group: int | None, titles: TitleMap, counts: Counter[str], lost: Statistics
) -> Counter[Name]:
    columns = ["from_title", "to_title"]
    with open_parquet(source) as file:
        table = file.read(columns=columns) if group is None else file.read_row_group(group, columns=columns)
    pages = titles.page_ids(set(table["to_title"].to_pylist()))
    names: Counter[Name] = Counter()
    for written, target in zip(table["from_title"].to_pylist(), table["to_title"].to_pylist(), strict=True):
        counts["redirects"] += 1
        page_id = pages.get(target)
        if page_id is None:
            _drop(lost, "redirect that leads to no page of the corpus", written, target)
        elif (name := _name(written.replace("_", " "))) is None:
            _drop(lost, "redirect whose title is no name", written, target)
        else:
            names[name, page_id] += 1
    return names


def _of_pages(source: Path, counts: Counter[str], lost: Statistics) -> tuple[Counter[Name], Counter[Name]]:
    with open_parquet(source) as file:
        there = [name for name in ("page_id", "title", "bold_names") if name in file.schema_arrow.names]
        table = file.read(columns=there, use_threads=False)
    titles: Counter[Name] = Counter()
    bold: Counter[Name] = Counter()
    printed: Iterable[list[str] | None] = (
        table["bold_names"].to_pylist() if "bold_names" in there else [None] * len(table)
    )
    for page_id, title, own in zip(
        table["page_id"].to_pylist(), table["title"].to_pylist(), printed, strict=True
    ):
        if (name := _name(title)) is None:
            _drop(lost, "title that is no name", title)
        else:
            titles[name, page_id] += 1
        for text in own or ():
            counts["names in bold"] += 1
            if (name := _name(text)) is None:
                _drop(lost, "name in bold that is none", text, title)
            else:
                bold[name, page_id] += 1
    return titles, bold


def _drop(lost: Statistics, reason: str, name: str, title: str = "", count: int = 1) -> None:
    """Count a name that is left out; `title` is what it stands for."""
    lost.drop(NAMES, reason, count, example=name[:EXAMPLE_CHARACTERS], text=title.replace("_", " "))


def _name(text: str) -> str | None:
    """Return the name that a text is; None where it is none: without a letter or digit, or too long."""
    name = clean_name(text)
    return name if len(name) <= LONGEST_ALIAS and any(map(str.isalnum, name)) else None


def _table(names: dict[str, Counter[Name]]) -> pa.Table:
    """Return the names sorted, a row for each surface and page."""
    distinct = set().union(*names.values())
    folded = {surface: fold_name(surface) for surface, _ in distinct}
    rows = sorted((folded[surface], surface, page_id) for surface, page_id in distinct)
    keys = [(surface, page_id) for _, surface, page_id in rows]
    columns = [
        [row[0] for row in rows],
        [row[1] for row in rows],
        [row[2] for row in rows],
        [names["links"].get(key, 0) for key in keys],
        *([key in names[column] for key in keys] for column in ("title", "redirect", "bold")),
    ]
    return pa.table(
        [pa.array(column, field.type) for column, field in zip(columns, GATHERED, strict=True)],
        schema=GATHERED,
    )


def _by_range(table: pa.Table, bounds: Sequence[str]) -> list[pa.Table]:
    """Cut sorted names where ranges begin: one more table than bounds."""
    folded = table["folded"].to_pylist()
    cuts = [0, *(bisect_left(folded, bound) for bound in bounds), len(folded)]
    return [table.slice(start, end - start) for start, end in itertools.pairwise(cuts)]


def _write(path: Path, pieces: Sequence[pa.Table], schema: pa.Schema, folder: Path) -> Part:
    """Write tables to a file of Arrow's, a record batch for each."""
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with replacing(path) as temporary, pa.ipc.new_file(os.fspath(temporary), schema, options=options) as file:
        for piece in pieces:
            batches = piece.combine_chunks().to_batches()
            file.write_batch(batches[0] if batches else pa.RecordBatch.from_pylist([], schema=schema))
    return describe_part(path, folder, rows=sum(map(len, pieces)))
