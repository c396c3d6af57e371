"""Snapshots with image links, written for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from kc_schema.snapshot import Manifest, Part, checksum, write_manifest
from kc_schema.tables import TEXT_TABLES

Shown = str | tuple[str, str] | tuple[str, str, str]
"""A file, with its caption and place where they matter."""


def write_snapshot(kc: Path, pages: Mapping[str, Sequence[Shown]], *, wiki: str = "enwiki") -> Path:
    """Writes a snapshot whose pages (title -> files that they show) have the ids 1, 2, ..."""
    rows: dict[str, list[dict[str, object]]] = {name: [] for name in TEXT_TABLES}
    for page, (title, shown) in enumerate(pages.items(), start=1):
        rows["pages"].append(
            {
                "page_id": page,
                "title": title,
                "revision_id": page,
                "sha1": "",
                "disambiguation": False,
                "introduction": f"This is <e: {title.replace(' ', '_')}> {title} </e>.\n",
            }
        )
        for position, item in enumerate(shown):
            file, *more = (item,) if isinstance(item, str) else item
            caption, place = (*more, *("", "thumbnail")[len(more) :])
            rows["image_links"].append(
                {"page_id": page, "file": file, "caption": caption, "place": place, "position": position}
            )
    tables = {}
    for name, table_rows in rows.items():
        path = kc / name / "part-00000.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(table_rows, schema=TEXT_TABLES[name]), path, row_group_size=7)
        tables[name] = [Part(f"{name}/{path.name}", len(table_rows), path.stat().st_size, checksum(path))]
    dump = {"wiki": wiki, "language": "en", "base": "https://test.example.org/wiki/Main_Page"}
    write_manifest(kc, Manifest(dump=dump, options={}, versions={}, tables=tables))
    return kc
