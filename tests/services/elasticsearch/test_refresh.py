"""A refresh with a cluster: the aliases lead to the new snapshot's documents, and only then `current` does."""

from __future__ import annotations

import json
import re
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest

from kc_schema.snapshot import open_snapshot, read_manifest
from kc_schema.store import as_path
from pipelines.refresh import main
from pipelines.text_index.cluster_indices import ClusterIndices
from pipelines.text_index.connection import Connection
from pipelines.text_index.indexed_rows import count_indexed
from pipelines.text_index.mappings import generation
from tests.dump_writer import DumpPage, redirect_page, write_dump
from tests.services.elasticsearch.conftest import POLICY, load
from tests.services.elasticsearch.node import Node
from tests.services.object_storage import ObjectStorage

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
        indexed = count_indexed(open_snapshot(root / "current"), "sentences", with_apparatus=False)
        assert count["count"] == indexed  # type: ignore[index]
    indices = ask(node, f"_cat/indices/{prefix}-sentences-*?format=json")
    assert len(indices) == 2  # type: ignore[arg-type]
    assert len(list((root / "snapshots").iterdir())) == 2


def wiki(*, changed: range = range(0), new: range = range(0), gone: range = range(0)) -> list[DumpPage]:
    """Forty pages, of which some have other text, a reference and a title; behind them a page without any change."""
    pages = [
        replace(page(n), text=f"{page(n).text} [[Way]] leads there.") for n in range(1, 41) if n not in gone
    ]
    pages = [
        replace(
            p,
            title=f"Moved {p.page_id}",
            text=f"{p.text} It is over.\n\n== References ==\nA book.",
            revision_id=2,
        )
        if p.page_id in changed
        else p
        for p in pages
    ]
    return [
        *pages,
        *(page(n, "is new") for n in new),
        redirect_page("Way", "Page 1" if not new else "Page 2", 900),
    ]


def documents(node: Node, name: str) -> dict[str, object]:
    hits = ask(node, f"{name}/_search?size=10000")["hits"]["hits"]  # type: ignore[index]
    return {hit["_id"]: hit["_source"] for hit in hits}


def scores(node: Node, name: str) -> list[tuple[str, float]]:
    answer = ask(
        node, f"{name}/_search?q=text:(page+book+over+way+time)&size=100&sort=_score,sentence_id&track_scores"
    )
    return [(hit["_id"], round(hit["_score"], 4)) for hit in answer["hits"]["hits"]]  # type: ignore[index]


def refreshed(node: Node, prefix: str, root: Path, dump: Path, *options: str) -> int:
    given = ["--root", str(root), "--dump", str(dump), "--elasticsearch-url", node.url, "--workers", "1"]
    return main([*given, "--index-prefix", prefix, "--most-loss", "99%", *options])


def assert_as_loaded(node: Node, prefix: str, root: Path) -> None:
    """The aliases lead to the very documents of a whole load of the current snapshot, with the same scores."""
    load(root / "current", node.url, f"{prefix}-whole")
    for table in ("sentences", "paragraphs"):
        assert documents(node, f"{prefix}-{table}") == documents(node, f"{prefix}-whole-{table}")
    assert scores(node, f"{prefix}-sentences") == scores(node, f"{prefix}-whole-sentences")


def test_an_index_is_updated_by_page_where_few_have_changed(
    node: Node, prefix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "root"
    histories = [
        wiki(),
        wiki(changed=range(3, 6), new=range(50, 52), gone=range(1, 3)),
        wiki(gone=range(30, 41)),
    ]
    dumps = [
        write_dump(tmp_path / f"testwiki-2026010{n}-pages-articles.xml.bz2", pages)
        for n, pages in enumerate(histories)
    ]
    assert refreshed(node, prefix, root, dumps[0]) == 0
    capsys.readouterr()
    assert refreshed(node, prefix, root, dumps[1]) == 0
    said = capsys.readouterr().err
    assert re.search(r"updated by page: 7 of 40 pages differ from testwiki-20260100", said)
    # A redirect leads elsewhere, so that every paragraph with its anchor is another; and the first page of those that
    # say the same is gone, so that another one's sentence is indexed.
    loaded = int(re.search(r"loaded (\d+) documents in", said)[1])  # type: ignore[index]
    assert loaded < sum(read_manifest(root / "current").rows(table) for table in ("sentences", "paragraphs"))
    assert_as_loaded(node, prefix, root)
    assert "updated by page" in (root / "refresh.log").read_text()
    # The older index takes writes again, and many changes are loaded anew.
    assert refreshed(node, prefix, root, dumps[2]) == 0
    assert re.search(r"loaded anew: 18 of 29 pages differ from \S+, more than 30%", capsys.readouterr().err)
    assert_as_loaded(node, prefix, root)


def test_of_a_root_in_a_bucket_the_cluster_is_updated_by_page(
    node: Node,
    prefix: str,
    object_storage: ObjectStorage,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = as_path(object_storage.address("root"))
    for number, pages in enumerate([wiki(), wiki(changed=range(3, 6), gone=range(1, 3))]):
        dump = write_dump(tmp_path / f"testwiki-2026010{number}-pages-articles.xml.bz2", pages)
        assert refreshed(node, prefix, root, dump) == 0
    assert re.search(r"updated by page: 5 of 38 pages differ from testwiki-20260100", capsys.readouterr().err)
    assert_as_loaded(node, prefix, root)


@pytest.mark.parametrize("moment", ["cloned", "sent"])
def test_an_update_that_was_killed_goes_on(
    node: Node, prefix: str, tmp_path: Path, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "root"
    one, other = (
        write_dump(tmp_path / f"testwiki-2026010{n}-pages-articles.xml.bz2", pages)
        for n, pages in enumerate([wiki(), wiki(changed=range(3, 6), gone=range(20, 22))])
    )
    assert refreshed(node, prefix, root, one) == 0
    before = documents(node, f"{prefix}-sentences")

    class KilledError(Exception):
        pass

    def die(*_: object) -> None:
        raise KilledError

    place = "_make_record" if moment == "cloned" else "complete"
    monkeypatch.setattr(ClusterIndices, place, die)
    with pytest.raises(KilledError):
        refreshed(node, prefix, root, other)
    monkeypatch.undo()
    assert documents(node, f"{prefix}-sentences") == before
    assert refreshed(node, prefix, root, other) == 0
    assert_as_loaded(node, prefix, root)


def test_a_half_updated_clone_is_no_start_for_a_load(node: Node, prefix: str, tmp_path: Path) -> None:
    """Where the older snapshot is not given any more, all is loaded into indices of their own."""
    root = tmp_path / "root"
    one, other = (
        write_dump(tmp_path / f"testwiki-2026010{n}-pages-articles.xml.bz2", pages)
        for n, pages in enumerate([wiki(), wiki(gone=range(20, 22))])
    )
    assert refreshed(node, prefix, root, one) == 0
    before = open_snapshot(root / "current")
    options = ["--root", str(root), "--dump", str(other), "--workers", "1", "--text-index", "none"]
    assert main([*options, "--most-loss", "99%"]) == 0
    snapshot = open_snapshot(root / "current")
    connection = Connection(node.url)
    client = connection.open()
    try:
        indices = ClusterIndices(client, connection, POLICY)
        names = generation(snapshot, prefix)
        indices.clone(names, snapshot, generation(before, prefix), before)
    finally:
        client.close()
    assert load(root / "current", node.url, prefix).loaded > 0
    assert_as_loaded(node, prefix, root)


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
