"""Small snapshots written for tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from kc_schema.anchors import strip
from kc_schema.snapshot import Manifest, Part, checksum, write_manifest
from kc_schema.tables import TEXT_TABLES, paragraph_id, sentence_id

Paragraphs = Sequence[Sequence[str]]

BASE = "https://test.example.org/wiki/Main_Page"


def write_snapshot(
    folder: Path,
    pages: Mapping[str, Paragraphs],
    *,
    parts: int = 1,
    rows_per_group: int = 3,
    wikidata_ids: Mapping[str, str] | None = None,
) -> Path:
    """Writes a snapshot of `pages` (title -> paragraphs -> tagged sentences), each table in `parts` files.

    With `wikidata_ids` (title -> id) it is one that was built with the wiki's page properties.
    """
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in TEXT_TABLES}
    for page, (title, paragraphs) in enumerate(pages.items(), start=1):
        rows["pages"].append(
            {
                "page_id": page,
                "title": title,
                "revision_id": page,
                "sha1": "",
                "disambiguation": False,
                "introduction": "",
                "wikidata_id": (wikidata_ids or {}).get(title),
            }
        )
        for position, sentences in enumerate(paragraphs):
            paragraph = paragraph_id(page, position)
            rows["paragraphs"].append(
                {
                    "paragraph_id": paragraph,
                    "page_id": page,
                    "title": title,
                    "section": f"Section {position}" if position else "",
                    "position": position,
                    "kind": "prose",
                    "text": " ".join(sentences),
                }
            )
            rows["sentences"] += [
                {
                    "sentence_id": sentence_id(paragraph, place),
                    "paragraph_id": paragraph,
                    "position": place,
                    "text": strip(sentence),
                }
                for place, sentence in enumerate(sentences)
            ]
    options = {} if wikidata_ids is None else {"page_props": sorted(wikidata_ids.items())}
    return write_tables(folder, rows, parts=parts, rows_per_group=rows_per_group, options=options)


def write_tables(
    folder: Path,
    rows: Mapping[str, list[dict[str, Any]]],
    *,
    parts: int,
    rows_per_group: int,
    options: Mapping[str, Any] | None = None,
) -> Path:
    """Writes the tables of a snapshot and its manifest."""
    tables = {
        name: list(_write_parts(folder, name, rows[name], parts, rows_per_group)) for name in TEXT_TABLES
    }
    write_manifest(
        folder, Manifest(dump={"base": BASE}, options=dict(options or {}), versions={}, tables=tables)
    )
    return folder


def _write_parts(
    folder: Path, name: str, rows: list[dict[str, Any]], parts: int, rows_per_group: int
) -> Iterable[Part]:
    size = max(1, -(-len(rows) // parts))
    (folder / name).mkdir(parents=True, exist_ok=True)
    for number, start in enumerate(range(0, max(len(rows), 1), size)):
        path = folder / name / f"part-{number:05d}.parquet"
        table = pa.Table.from_pylist(rows[start : start + size], schema=TEXT_TABLES[name])
        pq.write_table(table, path, row_group_size=rows_per_group, compression="zstd")
        yield Part(path.relative_to(folder).as_posix(), len(table), path.stat().st_size, checksum(path))
