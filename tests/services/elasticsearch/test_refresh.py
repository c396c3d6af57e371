"""A refresh with a cluster: the aliases lead to the new snapshot's documents, and only then `current` does."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import pytest

from kc_schema.snapshot import read_manifest
from pipelines.refresh import main
from tests.dump_writer import DumpPage, write_dump
from tests.services.elasticsearch.node import Node

pytestmark = [pytest.mark.service, pytest.mark.xdist_group("elasticsearch")]


def ask(node: Node, path: str) -> object:
    with urllib.request.urlopen(f"{node.url}/{path}", timeout=30) as answer:
        return json.load(answer)


def page(number: int, words: str = "was there") -> DumpPage:
    return DumpPage(
        f"Page {number}", f"'''Page {number}''' {words} for a long time. It went on.", number, revision_id=1
    )


def test_aliases_follow_and_older_indices_make_room(node: Node, prefix: str, tmp_path: Path) -> None:
    dumps = [
        write_dump(
            tmp_path / f"testwiki-2026010{n}-pages-articles.xml.bz2", [page(i) for i in range(1, 20 + n)]
        )
        for n in (1, 2, 3)
    ]
    root = tmp_path / "root"
    for dump in dumps:
        options = [
            "--root",
            str(root),
            "--dump",
            str(dump),
            "--elasticsearch-url",
            node.url,
            "--workers",
            "1",
        ]
        assert main([*options, "--index-prefix", prefix, "--keep", "2"]) == 0
        count = ask(node, f"{prefix}-sentences/_count")
        assert count["count"] == read_manifest(root / "current").rows("sentences")  # type: ignore[index]
    indices = ask(node, f"_cat/indices/{prefix}-sentences-*?format=json")
    assert len(indices) == 2  # type: ignore[arg-type]
    assert len(list((root / "snapshots").iterdir())) == 2


def test_a_cluster_that_is_gone_is_said_before_any_work(
    node: Node, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "root"
    old = write_dump(tmp_path / "testwiki-20260101-pages-articles.xml.bz2", [page(1), page(2)])
    new = write_dump(tmp_path / "testwiki-20260201-pages-articles.xml.bz2", [page(1), page(2), page(3)])
    assert main(["--root", str(root), "--dump", str(old), "--text-index", "none", "--workers", "1"]) == 0
    first = (root / "current").resolve()
    options = ["--root", str(root), "--dump", str(new), "--workers", "1"]
    assert main([*options, "--elasticsearch-url", "http://127.0.0.1:9"]) == 1
    assert capsys.readouterr().err.count("error:") == 1
    assert (root / "current").resolve() == first
    assert len(list((root / "snapshots").iterdir())) == 1
