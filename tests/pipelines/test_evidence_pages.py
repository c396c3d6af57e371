"""The snippets of the pages on data sets and caches run as they stand there, from top to bottom."""

import re
from pathlib import Path

import pytest

from pipelines.datasets import read_dataset

DOCS = Path(__file__).resolve().parents[2] / "docs"


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", (DOCS / page).read_text(encoding="utf-8"), re.M | re.S)


def test_the_page_on_caches_runs(tmp_path, monkeypatch):
    for name in ("pandas", "polars", "duckdb"):
        pytest.importorskip(name)
    monkeypatch.chdir(tmp_path)
    snippets = blocks("retrieval-cache.md", "python")
    assert len(snippets) >= 4
    names: dict[str, object] = {}
    for snippet in snippets:
        exec(compile(snippet, "docs/retrieval-cache.md", "exec"), names)
    assert names["cache"].sources == ("captions", "text")


def test_every_block_of_json_lines_is_a_data_set(tmp_path):
    found = blocks("datasets.md", "jsonl")
    assert len(found) == 3
    for number, block in enumerate(found):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "test.jsonl").write_text(block, encoding="utf-8")
        assert len(read_dataset("jsonl", folder).splits["test"]) == 2
