from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch

from kc_schema.snapshot import read_manifest
from pipelines.text_index import TextIndexError, open_index
from pipelines.text_index.bulk import Record, send_all
from pipelines.text_index.connection import Connection
from tests.corpus_builder import build
from tests.dump_writer import DumpPage, write_dump
from tests.pipelines.text_index.snapshots import write_snapshot
from tests.services.elasticsearch import proxy as faults
from tests.services.elasticsearch.conftest import POLICY, load, start
from tests.services.elasticsearch.node import Node
from tests.services.elasticsearch.proxy import Exchange, Proxy, Rules

pytestmark = [pytest.mark.service, pytest.mark.xdist_group("elasticsearch")]

MANY = {
    f"Page {page}": [
        [f"Sentence s{place} of page p{page} tells of w{page % 7}." for place in range(20)] for _ in range(3)
    ]
    for page in range(20)
}


def assert_holds(kc: Path, url: str, prefix: str) -> None:
    """The cluster holds exactly the manifest's records, under both aliases, and nothing of the load is left."""
    manifest = read_manifest(kc)
    with Elasticsearch(url) as client:
        for table in ("sentences", "paragraphs"):
            alias = f"{prefix}-{table}"
            client.indices.refresh(index=alias)
            assert client.count(index=alias)["count"] == manifest.rows(table)
            settings = next(iter(client.indices.get_settings(index=alias).values()))["settings"]["index"]
            assert settings["translog"]["durability"] == "request"
            assert "refresh_interval" not in settings
        assert not client.indices.get(index=f"{prefix}-loading-*").body
    with open_index(url, index_prefix=prefix) as index:
        hit = index.search(["sentence s7 of page p13"], k=1)[0][0]
        assert (hit.title, hit.key) == ("Page 13", "Sentence s7 of page p13 tells of w6.")


@pytest.fixture(scope="module")
def kc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_snapshot(tmp_path_factory.mktemp("kc"), MANY, parts=4, rows_per_group=50)


def test_load_makes_both_indices_and_a_second_load_finds_them(node: Node, kc: Path, prefix: str) -> None:
    seen: list[tuple[int, int]] = []
    first = load(kc, node.url, prefix, progress=lambda done, total: seen.append((done, total)))
    assert (first.sentences, first.paragraphs, first.loaded) == (1200, 60, 1260)
    assert seen[-1] == (1260, 1260)
    assert_holds(kc, node.url, prefix)
    assert load(kc, node.url, prefix).loaded == 0
    with Elasticsearch(node.url) as client:
        index = next(iter(client.indices.get(index=f"{prefix}-sentences").values()))
        assert index["settings"]["index"]["codec"] == "best_compression"
        assert index["mappings"]["dynamic"] == "strict"
        segments = client.indices.segments(index=f"{prefix}-sentences")["indices"]
        assert [len(s["segments"]) for i in segments.values() for c in i["shards"].values() for s in c] == [1]


def test_a_newer_snapshot_takes_the_aliases_and_old_ones_go_in_their_turn(
    node: Node, kc: Path, tmp_path: Path, prefix: str
) -> None:
    generations = [
        kc,
        *(write_snapshot(tmp_path / str(n), {**MANY, "New": [[f"News {n}."]]}) for n in (1, 2)),
    ]
    loads = [load(folder, node.url, prefix, keep=1) for folder in generations]
    assert [len(done.retired) for done in loads] == [0, 0, 2]
    assert set(loads[2].retired) == set(loads[0].indices)
    with open_index(node.url, index_prefix=prefix) as index:
        assert index.search(["news"], k=1)[0][0].key == "News 2."
    back = load(generations[1], node.url, prefix, keep=0)
    assert (back.loaded, set(back.retired)) == (0, set(loads[2].indices))
    with open_index(node.url, index_prefix=prefix) as index:
        assert index.search(["news"], k=1)[0][0].key == "News 1."


def test_several_shards_rank_as_one(node: Node, kc: Path, prefix: str) -> None:
    load(kc, node.url, f"{prefix}-1")
    load(kc, node.url, f"{prefix}-3", shards=3)
    queries = ["sentence s7 of page p13", "w3 s5 s6", "tells tells of page"]
    with (
        open_index(node.url, index_prefix=f"{prefix}-1") as one,
        open_index(node.url, index_prefix=f"{prefix}-3") as three,
    ):
        assert three.search(queries) == one.search(queries)


@pytest.mark.parametrize(
    "fault",
    [
        faults.refuse(429),
        faults.refuse(503),
        faults.refuse(413),
        faults.cut_before,
        faults.cut_after,
        faults.truncate,
        faults.garble,
        faults.refuse_every_other_item,
    ],
    ids=["429", "503", "413", "cut before", "cut after", "truncated", "garbled", "items refused"],
)
def test_faults_of_single_requests_are_overcome(
    mortal_node: Node, kc: Path, prefix: str, fault: faults.Fault
) -> None:
    rules = Rules(faults=dict.fromkeys(range(2, 60, 4), fault))
    with Proxy(mortal_node.url, rules) as proxy:
        load(kc, proxy.url, prefix)
        assert proxy.counted > 20
    assert_holds(kc, mortal_node.url, prefix)


def test_a_cluster_that_only_refuses_is_given_up_with_its_reason(
    mortal_node: Node, kc: Path, prefix: str
) -> None:
    rules = Rules(faults={number: faults.refuse(429) for number in range(3, 1000)})
    with (
        Proxy(mortal_node.url, rules) as proxy,
        pytest.raises(TextIndexError, match=r"takes no documents.*429"),
    ):
        load(kc, proxy.url, prefix, policy=type(POLICY)(0.01, 0.05, 0.5))
    load(kc, mortal_node.url, prefix)
    assert_holds(kc, mortal_node.url, prefix)


def test_a_document_that_is_not_taken_stops_the_load_with_its_id_and_reason(
    mortal_node: Node, prefix: str
) -> None:
    connection = Connection(mortal_node.url)
    rows = [Record(number, b'{"known":1}' if number != 5 else b'{"unknown":1}') for number in range(9)]
    with connection.open() as client:
        client.indices.create(
            index=prefix, mappings={"dynamic": "strict", "properties": {"known": {"type": "long"}}}
        )
        with pytest.raises(TextIndexError, match=r"does not take document 5: strict_dynamic.*unknown"):
            send_all(client, connection, prefix, rows, policy=POLICY)


def test_an_index_of_another_mapping_is_named_and_left_alone(
    mortal_node: Node, kc: Path, prefix: str
) -> None:
    name = load(kc, mortal_node.url, prefix).indices[1]
    with Elasticsearch(mortal_node.url) as client:
        client.indices.delete(index=name)
        client.index(index=name, document={"text": "made by somebody else"}, refresh=True)
        with pytest.raises(TextIndexError, match=rf"{name} has another mapping.*DELETE {name}"):
            load(kc, mortal_node.url, prefix)
        assert client.count(index=name)["count"] == 1
        client.indices.delete(index=name)
    load(kc, mortal_node.url, prefix)
    assert_holds(kc, mortal_node.url, prefix)


def test_an_index_in_place_of_the_alias_is_refused(mortal_node: Node, kc: Path, prefix: str) -> None:
    with Elasticsearch(mortal_node.url) as client:
        client.indices.create(index=f"{prefix}-sentences")
    with pytest.raises(TextIndexError, match=r"-sentences is an index, where an alias must be"):
        load(kc, mortal_node.url, prefix)


def test_a_node_that_dies_in_the_middle_loses_nothing_for_good(
    mortal_node: Node, kc: Path, prefix: str
) -> None:
    def power_cut(exchange: Exchange) -> None:
        mortal_node.kill()
        mortal_node.start()
        exchange.cut()

    # Request 13 is the first of a part of sentences: what follows it was acknowledged and not flushed.
    with Proxy(mortal_node.url, Rules(faults={18: power_cut})) as proxy:
        load(kc, proxy.url, prefix)
    assert_holds(kc, mortal_node.url, prefix)


def test_a_node_that_dies_between_the_last_request_and_the_flush_loses_nothing_for_good(
    mortal_node: Node, kc: Path, prefix: str
) -> None:
    def power_cut(exchange: Exchange) -> None:
        mortal_node.kill()
        mortal_node.start()
        exchange.answer(*exchange.forward())

    rules = Rules(faults={2: power_cut}, applies=lambda path: path.partition("?")[0].endswith("/_flush"))
    with Proxy(mortal_node.url, rules) as proxy:
        load(kc, proxy.url, prefix)
    assert_holds(kc, mortal_node.url, prefix)


COMMAND = [sys.executable, "-m", "pipelines.index_text", "--text-index", "elasticsearch", "--workers", "2"]


def test_a_loader_that_is_killed_goes_on_where_it_stopped(mortal_node: Node, kc: Path, prefix: str) -> None:
    reached = threading.Event()

    def wait_for_the_end(exchange: Exchange) -> None:
        reached.set()
        time.sleep(60)

    # Paragraphs come in 4 parts of one request each, flushed and recorded one by one.
    sent = {"applies": lambda path: "-loading-" in path and "/_doc/" in path}
    with Proxy(mortal_node.url, Rules(faults={3: wait_for_the_end, 4: wait_for_the_end}, **sent)) as proxy:
        options = ["--kc", str(kc), "--elasticsearch-url", proxy.url, "--index-prefix", prefix]
        process = subprocess.Popen([*COMMAND, *options], start_new_session=True, stderr=subprocess.DEVNULL)
        assert reached.wait(60)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    with Proxy(mortal_node.url, Rules()) as proxy:
        again = load(kc, proxy.url, prefix)
    assert 0 < again.loaded < 1260
    assert_holds(kc, mortal_node.url, prefix)


def test_an_index_that_is_deleted_meanwhile_is_noticed(mortal_node: Node, kc: Path, prefix: str) -> None:
    def delete(exchange: Exchange) -> None:
        with Elasticsearch(mortal_node.url) as client:
            client.indices.delete(index=f"{prefix}-sentences-*", expand_wildcards="all")
        exchange.answer(*exchange.forward())

    with Elasticsearch(mortal_node.url) as client:
        client.cluster.put_settings(persistent={"action.destructive_requires_name": False})
    with (
        Proxy(mortal_node.url, Rules(faults={8: delete})) as proxy,
        pytest.raises(TextIndexError, match=r"was deleted while it was loaded"),
    ):
        load(kc, proxy.url, prefix)
    with Elasticsearch(mortal_node.url) as client:
        client.indices.delete(index=f"{prefix}-sentences-*")
    load(kc, mortal_node.url, prefix)
    assert_holds(kc, mortal_node.url, prefix)


def test_documents_that_vanish_behind_the_record_are_missed_and_sent_again(
    mortal_node: Node, kc: Path, prefix: str
) -> None:
    def remove_one(exchange: Exchange) -> None:
        exchange.answer(*exchange.forward())
        with Elasticsearch(mortal_node.url) as client:
            index = next(name for name in client.indices.get(index=f"{prefix}-paragraphs-*"))
            client.indices.refresh(index=index)
            found = client.search(index=index, size=1, source=False)["hits"]["hits"][0]
            client.delete(index=index, id=found["_id"])

    with (
        Proxy(mortal_node.url, Rules(faults={12: remove_one})) as proxy,
        pytest.raises(TextIndexError, match=r"holds 59 documents, the manifest says 60"),
    ):
        load(kc, proxy.url, prefix)
    load(kc, mortal_node.url, prefix)
    assert_holds(kc, mortal_node.url, prefix)


def test_a_full_disk_is_one_clear_line_and_the_load_goes_on_afterwards(kc: Path, tmp_path: Path) -> None:
    watermarks = {
        f"cluster.routing.allocation.disk.watermark.{name}": value
        for name, value in (("low", "1b"), ("high", "1b"), ("flood_stage", "1b"))
    }
    full = dict.fromkeys(watermarks, "100000gb")
    settings = {"cluster.routing.allocation.disk.threshold_enabled": "true", **full}
    node = start(Node("8.19.21", tmp_path / "data", settings))
    try:
        with pytest.raises(TextIndexError, match=r"has no place for its shards: .*disk"):
            load(kc, node.url, "full")
        with Elasticsearch(node.url) as client:
            client.cluster.put_settings(persistent=watermarks)

        def flood(exchange: Exchange) -> None:
            with Elasticsearch(node.url) as client:
                blocks = {"index.blocks.read_only_allow_delete": True}
                client.indices.put_settings(index="full-sentences-*", settings=blocks)
            exchange.answer(*exchange.forward())

        with (
            Proxy(node.url, Rules(faults={9: flood})) as proxy,
            pytest.raises(TextIndexError, match="the disk of a node is full"),
        ):
            load(kc, proxy.url, "full")
        with Elasticsearch(node.url) as client:
            client.indices.put_settings(
                index="full-sentences-*", settings={"index.blocks.read_only_allow_delete": None}
            )
        load(kc, node.url, "full")
        assert_holds(kc, node.url, "full")
    finally:
        node.kill()


def test_a_text_is_loaded_once_and_apparatus_only_where_it_is_asked_for(
    node: Node, tmp_path: Path, prefix: str
) -> None:
    text = "Ada {0} wrote programs. All of them ran.\n== References ==\n* Toole: Ada and her {0} programs.\n"
    pages = [DumpPage(f"Ada {page}", text.format(page), page_id=page) for page in range(1, 60)]
    dump = write_dump(tmp_path / "testwiki-20250101-pages-articles.xml", pages)
    build(dump, tmp_path / "kc", pages_per_part=8)
    for with_apparatus, paragraphs in ((False, 59), (True, 2 * 59), (False, 59)):
        done = load(tmp_path / "kc", node.url, prefix, with_apparatus=with_apparatus)
        # "All of them ran." stands on every page, and is loaded once.
        assert (done.paragraphs, done.sentences) == (paragraphs, paragraphs + 1)
        assert done.loaded in (0, done.paragraphs + done.sentences)
        with open_index(node.url, index_prefix=prefix) as index:
            found = [hit.key for hit in index.search(["Ada and her programs ran"], k=200)[0]]
            assert index.with_apparatus is with_apparatus
        assert len(found) == paragraphs
        assert found.count("All of them ran.") == 1
        assert any("Toole" in sentence for sentence in found) is with_apparatus
