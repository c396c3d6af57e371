"""Both indices must give the same paragraphs for real tweets over real text."""

from __future__ import annotations

import math
import os
from collections import Counter
from pathlib import Path

import pytest

from kc_schema.hit import Hit
from pipelines.demo import find_dump
from pipelines.text_index import open_index
from pipelines.text_index.analysis import find_terms
from pipelines.text_index.embedded_build import build_embedded_index
from pipelines.text_index.ranking import contributions
from tests.corpus_builder import build
from tests.services.elasticsearch.conftest import load
from tests.services.elasticsearch.node import Node

pytestmark = [
    pytest.mark.service,
    pytest.mark.shared_data,
    pytest.mark.xdist_group("elasticsearch"),
]

SHARED = Path(os.environ.get("SHARED_DATA") or Path(__file__).parents[3] / ".." / "shared" / "data")
TWEETS = SHARED / "ner" / "twitter17" / "test.txt"


def read_tweets(path: Path) -> list[str]:
    """The texts of a file in CoNLL columns."""
    blocks = path.read_text(encoding="utf-8").split("\n\n")
    tweets = [
        " ".join(line.split("\t")[0] for line in block.splitlines() if not line.startswith("IMGID:"))
        for block in blocks
    ]
    return [tweet for tweet in tweets if tweet.strip()]


@pytest.fixture(scope="session")
def kc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("agreement") / "kc"
    build(find_dump(), folder)
    build_embedded_index(folder)
    return folder


TIE = 1e-4
"""Relative difference of two scores below which they tie: sums of 32-bit floats in different orders."""


def same_but_for_ties(one: list[Hit], other: list[Hit]) -> bool:
    """Whether both hold the same paragraphs; which of those that tie with the last is left open."""
    if len(one) != len(other):
        return False
    if not one:
        return True
    close = all(math.isclose(a.score, b.score, rel_tol=TIE) for a, b in zip(one, other, strict=True))
    last = one[-1].score * (1 + TIE)
    certain = [{hit.record_id for hit in hits if hit.score > last} for hits in (one, other)]
    return close and certain[0] == certain[1]


@pytest.mark.skipif(not TWEETS.exists(), reason="no shared data")
def test_the_top_ten_of_real_tweets_agree(node: Node, kc: Path) -> None:
    load(kc, node.url, "agreement", request_bytes=1 << 20)
    tweets = read_tweets(TWEETS)
    with open_index(node.url, index_prefix="agreement") as cluster, open_index(kc) as embedded:
        pairs = list(zip(cluster.search(tweets), embedded.search(tweets), strict=True))
    agreeing = sum(same_but_for_ties(one, other) for one, other in pairs)
    print(f"{agreeing} of {len(tweets)} tweets have the same ten paragraphs")
    assert len(tweets) > 700
    assert agreeing >= 0.95 * len(tweets)


def test_words_weigh_the_same_and_what_they_add_sums_to_the_score(node: Node, kc: Path) -> None:
    load(kc, node.url, "weights", request_bytes=1 << 20)
    query = "Who killed Achilles with an arrow, and who with a spear? unheardof"
    with open_index(node.url, index_prefix="weights") as cluster, open_index(kc) as embedded:
        weights = cluster.term_weights(query)
        assert weights == pytest.approx(embedded.term_weights(query), rel=1e-4)
        for hit in cluster.search([query], 5)[0]:
            terms = Counter(term.term for term in find_terms(hit.key))
            assert sum(contributions(weights, terms, hit.score).values()) == pytest.approx(
                hit.score, rel=1e-5
            )
        assert cluster.term_weights("!!!") == {}
