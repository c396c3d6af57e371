"""Every command and snippet of README and docs works as it stands, from top to bottom of its page."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, RUN, blocks, pages

WITH_COMMANDS = [page for page in pages() if any(b.kind in RUN and b.what != "no" for b in blocks(page))]

MADE = {
    "README": ("kc", "caches"),
    "text-corpus": ("kc",),
    "retrieval-cache": ("caches",),
    "first-run": ("caches",),
}
"""What a page makes itself, so that it must not find it there."""


def name(page: Path) -> str:
    return page.stem


@pytest.mark.parametrize("page", pages(), ids=name)
def test_no_command_hides_in_a_block_that_is_not_run(page):
    for block in blocks(page):
        where = f"{page.name}, line {block.line}"
        if block.kind in RUN:
            assert block.what != "no" or len(block.rest) > 15, f"{where}: say why it is not run"
            assert block.kind in ("sh", "python") or block.what, (
                f"{where}: say which file it is, or why it is none"
            )
        else:
            command = re.search(r"^\s*(python -m|kc |make |pip |docker )", block.text, re.M)
            assert command is None, f"{where}: commands stand in a block of the language sh"


@pytest.fixture(scope="session")
def stage(tmp_path_factory, demo_dump) -> Path:
    """What the pages take for given: a corpus, a dump, data sets, a photograph, the small encoder."""
    from tests.docs.staging import make_stage

    return make_stage(tmp_path_factory.mktemp("stage"), demo_dump)


@pytest.mark.torch
@pytest.mark.xdist_group("pages")  # one process makes what they start from
@pytest.mark.parametrize("page", WITH_COMMANDS, ids=name)
def test_a_page_works_from_top_to_bottom(page, stage, tmp_path, monkeypatch):
    made_by_the_page = shutil.ignore_patterns(*MADE.get(page.stem, ()))
    shutil.copytree(stage, tmp_path, dirs_exist_ok=True, symlinks=True, ignore=made_by_the_page)
    if page.stem == "retrieval-cache":
        shutil.rmtree(tmp_path / "kc")
        (tmp_path / "with-images").rename(tmp_path / "kc")
    monkeypatch.chdir(tmp_path)
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": str(ROOT),
        "HF_HOME": str(tmp_path / "hf"),
        "HF_HUB_OFFLINE": "1",
        "COLUMNS": "120",
    }
    names: dict[str, object] = {}
    for block in blocks(page):
        where = f"{page.name}, line {block.line}"
        if block.what == "no" or block.kind not in RUN:
            continue
        if block.what == "file":
            path = tmp_path / block.rest
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
        elif block.kind == "python":
            exec(compile(block.text, where, "exec"), names)
        elif block.kind == "sh":
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", block.text],
                env=environment, capture_output=True, text=True, check=False, timeout=400,
            )  # fmt: skip
            expected = int(block.rest) if block.what == "exit" else 0
            assert done.returncode == expected, (
                f"{where}:\n{block.text}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
            )


def test_pictures_are_there_small_and_shown():
    shown = {
        (page.parent / found).resolve()
        for page in pages()
        for found in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", page.read_text(encoding="utf-8"))
    }
    there = {path.resolve() for path in (ROOT / "docs").rglob("*.png")}
    assert shown == there
    assert all(path.stat().st_size < 60_000 for path in there)
