"""The snippets of the pages on data sets and caches run as they stand there, from top to bottom."""

import importlib
import re
import shlex
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


MNRE = (
    "{'token': ['Ada', 'met', 'Oslo'], 'h': {'name': 'Ada', 'pos': [0, 1]}, 't': {'name': 'Oslo', 'pos': [2, 3]},"
    " 'img_id': 'half.jpg', 'relation': 'None'}\n"
)


@pytest.mark.torch
def test_the_commands_of_the_pages_run(tmp_path, monkeypatch, capsys):
    for name in ("torch", "faiss", "PIL"):
        pytest.importorskip(name)
    from tests.pipelines.evidence.picture_corpus import write_pictures_kc, write_posts

    monkeypatch.chdir(tmp_path)
    write_pictures_kc(Path("kc"))
    write_posts(Path("data/twitter17"))
    Path("data/mnre").mkdir()
    Path("data/mnre/train.txt").write_text(MNRE)
    Path("data/twitter17/pictures").rename("data/mnre/img_org")
    Path("data/twitter17/pictures").symlink_to(Path("data/mnre/img_org").resolve())
    ran = []
    for page in ("datasets.md", "retrieval-cache.md"):
        text = "\n".join(blocks(page, "")).replace("\\\n", " ")
        for line in re.findall(r"^python -m (.*)$", text, re.M):
            module, *arguments = shlex.split(line)
            assert importlib.import_module(module).main(arguments) == 0, capsys.readouterr().err
            ran.append(module)
    assert ran == [
        "pipelines.describe_dataset",
        "pipelines.describe_dataset",
        "pipelines.build_retrieval_cache",
        "kc_schema.show",
        "kc_schema.export",
    ]
