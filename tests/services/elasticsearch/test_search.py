from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch

from pipelines import index_text, search
from pipelines.text_index import QueryError, TextIndexError, open_index
from pipelines.text_index.connection import Connection
from pipelines.text_index.embedded_build import build_embedded_index
from tests.pipelines.text_index.snapshots import write_snapshot
from tests.services.elasticsearch import proxy as faults
from tests.services.elasticsearch.conftest import load
from tests.services.elasticsearch.node import Node
from tests.services.elasticsearch.proxy import Proxy, Rules, basic, write_certificate

pytestmark = [pytest.mark.service, pytest.mark.xdist_group("elasticsearch")]

PAGES = {
    "Alan Turing": [
        ["<e: Alan_Turing> Alan Turing </e> worked at Bletchley.", "He was a runner."],
        ["The machine is named for Turing.", "Turing's 1,000.5 km, U.S.A. — 東京 and İzmir 🇬🇧 👩🏽‍🚀."],
    ],
    "Bletchley": [["Bletchley is a town.", "Trains stop at Bletchley and at Euston."]],
    "Cheese": [["Cheddar is a cheese."], ["Brie is a cheese.", "Brie is a soft cheese."]],
    "Fish": [["Fish, fish." for _ in range(300)], ["A fish and a much longer sentence."]],
    **{f"Twin {number}": [["The same words as ever."]] for number in range(40)},
}
QUERIES = [
    "Alan Turing worked at Bletchley",
    "turing turing TURING euston",
    "soft brie",
    "fish",
    "the same words",
    "is a the of",
    "",
    "   \n",
    '+-&|!(){}[]^"~*?:\\/ AND OR NOT text:(turing) _id:*',
    "U.S.A. 東京 turing's 1,000.5 🇬🇧 👩🏽‍🚀",
    "zzz",
    "\x00 \u200b",
    "x" * 40_000,
]


@pytest.fixture(scope="module")
def kc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_snapshot(tmp_path_factory.mktemp("kc"), PAGES)
    build_embedded_index(folder)
    return folder


@pytest.fixture(scope="module")
def url(node: Node, kc: Path) -> Iterator[str]:
    load(kc, node.url, "search")
    return node.url


@pytest.mark.parametrize("k", [1, 3, 10, 60])
def test_both_indices_give_the_same_hits(url: str, kc: Path, k: int) -> None:
    with open_index(url, index_prefix="search") as cluster, open_index(kc) as embedded:
        assert cluster.base == embedded.base != ""
        for query, one, other in zip(
            QUERIES, cluster.search(QUERIES, k), embedded.search(QUERIES, k), strict=True
        ):
            assert [hit.record_id for hit in one] == [hit.record_id for hit in other], query
            for hit, twin in zip(one, other, strict=True):
                assert hit.score == pytest.approx(twin.score, rel=1e-4)
                assert dataclasses.replace(hit, score=0.0) == dataclasses.replace(twin, score=0.0)


def test_a_paragraph_is_given_once_though_hundreds_of_its_sentences_come_first(url: str) -> None:
    with open_index(url, index_prefix="search") as index:
        assert [hit.title for hit in index.search(["fish"], k=2)[0]] == ["Fish", "Fish"]
        assert index.search(["fish"], k=1)[0][0].key == "Fish, fish."


def test_ten_thousand_words_are_answered_or_refused_by_number(url: str, kc: Path) -> None:
    repeated = "cheddar " + "cheese is " * 5_000
    with open_index(url, index_prefix="search") as cluster, open_index(kc) as embedded:
        (one,), (other,) = cluster.search([repeated]), embedded.search([repeated])
        assert [hit.record_id for hit in one] == [hit.record_id for hit in other]
        with pytest.raises(QueryError, match=r"query 2 cannot be answered: .*maxClauseCount"):
            cluster.search(["fine", " ".join(f"w{number}" for number in range(40_000))])


def test_a_lone_surrogate_is_refused(url: str) -> None:
    with (
        open_index(url, index_prefix="search") as index,
        pytest.raises(QueryError, match="query 1: offset 0"),
    ):
        index.search(["\ud800"])


def test_batches_larger_than_a_request(url: str) -> None:
    with open_index(url, index_prefix="search") as index:
        batch = index.search(["soft brie", "fish", "zzz"] * 100, k=2)
        assert batch == index.search(["soft brie", "fish", "zzz"], k=2) * 100
        assert index.search([]) == []


def test_frequent_terms_are_left_out_alike(url: str, kc: Path) -> None:
    options = {"max_document_frequency": 0.1}
    queries = ["the same cheddar", "fish and chips", "the same", "", "zzz"]
    with open_index(url, index_prefix="search", **options) as cluster, open_index(kc, **options) as embedded:
        one, other = cluster.search(queries), embedded.search(queries)
    assert [[hit.record_id for hit in hits] for hits in one] == [
        [hit.record_id for hit in hits] for hits in other
    ]
    assert [hit.title for hit in one[0]] == ["Cheese"]
    assert one[2]


def test_without_a_corpus_the_command_that_loads_one_is_told(url: str) -> None:
    with pytest.raises(TextIndexError, match=r"no corpus behind none-sentences; .*pipelines\.index_text"):
        open_index(url, index_prefix="none")


def test_refused_searches_are_repeated(url: str) -> None:
    rules = Rules(
        faults={1: faults.refuse(429), 2: faults.cut_before, 4: faults.refuse(503)},
        applies=lambda path: path.startswith(("/_msearch", "/_mget")),
    )
    with Proxy(url, rules) as proxy, open_index(proxy.url, index_prefix="search") as index:
        assert index.search(["soft brie"])[0][0].title == "Cheese"


def test_search_command_asks_the_cluster(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--elasticsearch-url", url, "--index-prefix", "search"]
    assert search.main(["Alan Turing worked at Bletchley", *where, "--json", "--k", "2"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["rank"] for row in rows] == [1, 2]
    assert rows[0]["title"] == "Alan Turing"


def test_https_api_keys_and_passwords(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = str(write_certificate(tmp_path))
    known = frozenset({basic("loader", "open sesame"), "ApiKey a2V5OnNlY3JldA=="})
    with Proxy(url, Rules(credentials=known), certificate=Path(certificate)) as proxy:

        def ask(**options: str) -> str:
            connection = Connection.from_url(proxy.url, ca_file=certificate, **options)
            with open_index(connection, index_prefix="search") as index:
                return index.search(["soft brie"])[0][0].title

        assert ask(user="loader", password="open sesame") == "Cheese"
        assert ask(api_key="a2V5OnNlY3JldA==") == "Cheese"
        with pytest.raises(TextIndexError, match=r"401, asked as the user loader") as wrong:
            ask(user="loader", password="guessed")
        assert "guessed" not in str(wrong.value)
        assert "\n" not in str(wrong.value)
        with pytest.raises(TextIndexError, match=r"401, asked as nobody"):
            ask()
        with pytest.raises(TextIndexError, match=r"certificate is not trusted.*--elasticsearch-ca-file"):
            open_index(proxy.url, index_prefix="search")
        monkeypatch.setenv("ELASTICSEARCH_API_KEY", "a2V5OnNlY3JldA==")
        monkeypatch.setenv("ELASTICSEARCH_CA_FILE", certificate)
        with open_index(proxy.url, index_prefix="search") as index:
            assert index.search(["soft brie"])


def test_secure_load_by_the_command_echoes_no_secret(
    url: str,
    kc: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    prefix: str,
) -> None:
    monkeypatch.setenv("ELASTICSEARCH_PASSWORD", "open sesame")
    certificate = write_certificate(tmp_path)
    before = {path: path.read_bytes() for path in kc.rglob("*.json")}
    rules = Rules(credentials=frozenset({basic("loader", "open sesame")}))
    with Proxy(url, rules, certificate=certificate) as proxy:
        options = ["--kc", str(kc), "--text-index", "elasticsearch", "--workers", "2"]
        options += [
            "--elasticsearch-url",
            proxy.url,
            "--elasticsearch-user",
            "loader",
            "--index-prefix",
            prefix,
        ]
        assert index_text.main([*options, "--elasticsearch-ca-file", str(certificate)]) == 0
        assert index_text.main(options) == 1
        monkeypatch.setenv("ELASTICSEARCH_PASSWORD", "guessed wrong")
        assert index_text.main([*options, "--elasticsearch-ca-file", str(certificate)]) == 1
    printed = "".join(capfd.readouterr())
    assert "loaded" in printed
    assert "certificate is not trusted" in printed
    assert "does not accept the credentials (401" in printed
    assert "sesame" not in printed
    assert "guessed" not in printed
    assert {path: path.read_bytes() for path in kc.rglob("*.json")} == before
    with Elasticsearch(url) as client:
        assert client.count(index=f"{prefix}-paragraphs")["count"] == 47
