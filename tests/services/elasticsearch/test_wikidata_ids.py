"""Paragraphs in a cluster carry the Wikidata ids of their pages, and an update by page brings changed ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.text_index.cluster import ElasticsearchIndex
from pipelines.text_index.connection import Connection
from tests.pipelines.text_index.snapshots import write_snapshot
from tests.services.elasticsearch.conftest import POLICY, ThisProcess, load
from tests.services.elasticsearch.node import Node

pytestmark = [pytest.mark.service, pytest.mark.xdist_group("elasticsearch")]

PAGES = {f"Page {n}": [[f"The town number {n} lies there."], ["It is old."]] for n in range(1, 9)}


def found(node: Node, prefix: str) -> dict[str, str | None]:
    with ElasticsearchIndex(Connection(node.url), prefix=prefix) as index:
        (hits,) = index.search(["town"], 20)
    return {hit.title: hit.wikidata_id for hit in hits}


def test_hits_of_a_cluster_know_their_items(node: Node, prefix: str, tmp_path: Path) -> None:
    from pipelines.text_index.load import load_snapshot

    bare = write_snapshot(tmp_path / "bare", PAGES, parts=2)
    load(bare, node.url, prefix)
    assert found(node, prefix) == dict.fromkeys(PAGES)
    items = {title: f"Q{n}" for n, title in enumerate(PAGES, start=100) if title != "Page 3"}
    first = write_snapshot(tmp_path / "first", PAGES, parts=2, wikidata_ids=items)
    load(first, node.url, prefix)
    assert found(node, prefix) == {title: items.get(title) for title in PAGES}
    moved = {**items, "Page 2": "Q7", "Page 3": "Q8"}
    del moved["Page 5"]
    second = write_snapshot(tmp_path / "second", PAGES, parts=2, wikidata_ids=moved)
    said: list[str] = []
    done = load_snapshot(
        second,
        Connection(node.url),
        ThisProcess(),
        prefix=prefix,
        older=first,
        policy=POLICY,
        tell=said.append,
    )  # type: ignore[arg-type]
    assert "updated by page" in said[0]
    assert done.loaded == 3 * 2, "both paragraphs of three pages"
    assert found(node, prefix) == {title: moved.get(title) for title in PAGES}
