"""Rows by id out of single pages, beside what Arrow reads."""

from __future__ import annotations

import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kc_schema.errors import UserError
from kc_schema.tables import TEXT_TABLES
from pipelines.text_corpus.part_files import open_writer
from pipelines.text_index import open_index
from pipelines.text_index.embedded_build import build_embedded_index
from pipelines.text_index.page_rows import PageRows, list_pages
from tests.pipelines.text_index.snapshots import write_snapshot

COLUMNS = ("title", "section", "text")


def write_paragraphs(folder, sizes, rows_per_group):
    draw = random.Random(0)
    files, rows, row_id = [], {}, 0
    for part, size in enumerate(sizes):
        table = {name: [] for name in TEXT_TABLES["paragraphs"].names}
        for _ in range(size):
            row_id += draw.choice([1, 1, 1, 5, 1 << 40])
            text = "" if draw.random() < 0.05 else "Zürich 東京 " * draw.choice([1, 9, 90, 3000])
            row = {"title": f"Page {row_id >> 40}", "section": draw.choice(["", "History"]), "text": text}
            rows[row_id] = row
            values = {**row, "paragraph_id": row_id, "page_id": 1, "position": 0, "kind": "prose"}
            for name, value in values.items():
                table[name].append(value)
        path = folder / f"part-{part}.parquet"
        with open_writer(path, "paragraphs") as writer:
            writer.write_table(
                pa.table(table, schema=TEXT_TABLES["paragraphs"]), row_group_size=rows_per_group
            )
        files.append(path)
    return files, rows


def test_every_row_is_what_was_written(tmp_path):
    files, rows = write_paragraphs(tmp_path, [700, 0, 1, 300], rows_per_group=256)
    pages = list_pages(files, "paragraph_id", COLUMNS)
    assert sum(name == "text" for name in pages["column"].to_pylist()) > 100
    found = PageRows(files, COLUMNS, key="paragraph_id", pages=pages)
    assert found.fetch(rows) == rows
    for row_id in random.Random(1).sample(sorted(rows), 50):
        assert found.fetch([row_id, row_id]) == {row_id: rows[row_id]}
    assert found.fetch([]) == {}
    assert pa.concat_tables(map(pq.read_table, files))["text"].to_pylist() == [
        r["text"] for r in rows.values()
    ]


def test_ids_that_are_not_there_are_named(tmp_path):
    files, rows = write_paragraphs(tmp_path, [100], rows_per_group=40)
    found = PageRows(files, COLUMNS, key="paragraph_id", pages=list_pages(files, "paragraph_id", COLUMNS))
    for missing in (0, max(rows) + 1, next(n for n in range(1, 1 << 20) if n not in rows)):
        with pytest.raises(UserError, match=f"no row with paragraph_id {missing}.*build the index again"):
            found.fetch([min(rows), missing])


def test_a_part_that_was_damaged_is_named(tmp_path):
    files, rows = write_paragraphs(tmp_path, [100], rows_per_group=40)
    pages = list_pages(files, "paragraph_id", COLUMNS)
    size = files[0].stat().st_size
    for damage in (b"", b"no parquet", b"\x00" * size):
        files[0].write_bytes(damage)
        with pytest.raises(UserError, match=r"part-0\.parquet: a page of paragraph_id cannot be read"):
            PageRows(files, COLUMNS, key="paragraph_id", pages=pages).fetch(rows)
    with pytest.raises(UserError, match=r"part-0\.parquet: cannot be read"):
        list_pages(files, "paragraph_id", COLUMNS)


def test_tables_of_other_encodings_are_searched_as_before(tmp_path):
    kc = write_snapshot(tmp_path / "kc", {"Oslo": [["Oslo is a city.", "It has a harbour."]]})
    files = sorted((kc / "paragraphs").glob("*.parquet"))
    assert list_pages(files, "paragraph_id", COLUMNS) is None
    build_embedded_index(kc)
    assert (kc / "text_index" / "paragraphs.arrow").exists()
    with open_index(kc) as index:
        assert index.search(["harbour"])[0][0].text == "Oslo is a city. It has a harbour."
