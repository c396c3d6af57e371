"""What the compiled search finds, beside BM25 computed sentence by sentence, and beside tantivy."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kc_schema.snapshot import open_snapshot
from kc_schema.tables import paragraph_id, sentence_id
from pipelines import build_text_kc
from pipelines.datasets.conll import IMAGE_POSTS, read_posts
from pipelines.datasets.dataset import Quirks
from pipelines.text_index.block_max.block_scores import round_score
from pipelines.text_index.block_max.scoring import length_class, lengths_of_classes
from pipelines.text_index.block_max.searcher import Searcher
from pipelines.text_index.ranking import ScoredSentence, best_paragraphs, rounded
from tests.pipelines.text_index.block_max.indexes import Tantivy, index, words, write_index

WORDS = ["the", "of", "oslo", "rome", "x1", "naïve", "東", "a" * 300, *(f"w{n}" for n in range(12))]
TEXTS = st.lists(st.sampled_from(WORDS), max_size=70).map(" ".join)
IDS = st.builds(
    lambda page, paragraph, sentence: sentence_id(paragraph_id(page, paragraph), sentence),
    st.sampled_from([1, 2, 3, 1 << 30]),
    st.integers(0, 6),
    st.sampled_from([0, 1, 2, 3, 4095]),
)
CORPORA = st.dictionaries(IDS, TEXTS, min_size=1, max_size=60).map(lambda rows: sorted(rows.items()))
QUERIES = st.lists(st.sampled_from([*WORDS, "unknown"]), min_size=1, max_size=20).map(" ".join)


def by_definition(sentences, query, k):
    """BM25 of every sentence in double precision, and the best paragraphs of all."""
    split = {row: words(text) for row, text in sentences}
    mean = sum(sum(found.values()) for found in split.values()) / len(split)
    holding = Counter(word for found in split.values() for word in found)
    idf = {word: math.log(1 + (len(split) - n + 0.5) / (n + 0.5)) for word, n in holding.items()}
    scores = []
    for row, found in split.items():
        length = lengths_of_classes()[length_class(sum(found.values()))]
        score = 0.0
        for word in found:
            if query[word]:
                norm = 1.2 * (0.25 + 0.75 * length / mean)
                score += query[word] * idf[word] * 2.2 * found[word] / (found[word] + norm)
        if score:
            scores.append(ScoredSentence(score, row))
    return best_paragraphs(scores, k, exhausted=True)


def assert_same(found, expected, k):
    """The same hits, but where two scores differ by less than a step of five digits."""
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one.score == pytest.approx(other.score, rel=1.1e-4)
        if one.sentence_id != other.sentence_id:
            near = [hit.score for hit in expected if hit.score == pytest.approx(other.score, rel=1.1e-4)]
            assert len(near) > 1 or len(expected) == k, (one, other)


@settings(max_examples=25, deadline=None)
@given(
    CORPORA,
    st.lists(QUERIES, min_size=1, max_size=5),
    st.integers(1, 12),
    st.sampled_from([3, 8, 20, 1000]),
    st.sampled_from([0.03, 0.3, 2.0]),
    st.sampled_from([0.004, 0.1, 2.0]),
)
@example([(4096, "")], ["the"], 3, 8, 0.03, 0.004)
def test_the_best_paragraphs_are_those_of_bm25(corpus, queries, k, unit_size, dense_share, common_share):
    searcher = index(corpus, unit_size=unit_size, dense_share=dense_share, common_share=common_share)
    asked = [words(query) for query in queries]
    for found, query in zip(searcher.search(asked, k), asked, strict=True):
        assert_same(found, by_definition(corpus, query, k), k)


@settings(max_examples=8, deadline=None)
@given(CORPORA, QUERIES, st.integers(1, 6))
def test_cutting_into_units_and_dense_words_change_nothing(corpus, query, k):
    found = [
        index(corpus, unit_size=size, dense_share=dense, common_share=common).search([words(query)], k)
        for size, dense, common in (
            (1000, 2.0, 2.0),
            (5, 2.0, 2.0),
            (8, 0.1, 0.1),
            (8, 2.0, 0.1),
            (1000, 0.0, 0.0),
        )
    ]
    assert all(other == found[0] for other in found)


def real_corpus(shared_data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("real") / "kc"
    dump = shared_data / "dumps" / "enwiki-2025-tiny.xml.bz2"
    build_text_kc.main(
        ["--dump", str(dump), "--output", str(folder), "--text-index", "none", "--workers", "1"]
    )
    return [
        row
        for batch in open_snapshot(folder).batches("sentences", ["sentence_id", "text"])
        for row in zip(*(column.to_pylist() for column in batch.columns), strict=True)
    ]


def test_real_tweets_find_in_real_articles_what_tantivy_finds(shared_data, tmp_path_factory):
    corpus = real_corpus(shared_data, tmp_path_factory)
    posts = read_posts(shared_data / "ner" / "twitter17" / "test.txt", "test", IMAGE_POSTS, Quirks())
    asked = [words(" ".join(post.tokens)) for post in posts[::3]]
    searcher, tantivy = index(corpus), Tantivy(corpus)
    for found, query in zip(searcher.search(asked, 10), asked, strict=True):
        assert_same(found, tantivy.search(query, 10), 10)


@given(st.floats(1e-6, 1e6), st.booleans())
def test_scores_are_rounded_as_the_ranking_rounds_them(score, single):
    score = float(np.float32(score)) if single else score
    assert round_score(score) == rounded(score)


def test_lengths_are_classed_as_lucene_does():
    lengths = lengths_of_classes()
    assert [length_class(length) for length in range(40)] == list(range(40))
    assert all(np.diff(lengths) > 0)
    for length in [40, 41, 42, 43, 100, 4096, 65535, 1 << 20]:
        assert lengths[length_class(length)] <= length < lengths[length_class(length) + 1]


@pytest.mark.parametrize(
    "query",
    [
        " ".join(f"w{n} other{n}" for n in range(5_000)),
        "oslo " * 1_000_000,
        "the of a in",
        " ".join(f"w{n}" for n in range(129)),
    ],
    ids=[
        "ten thousand words",
        "one word a million times",
        "stop words",
        "more than have a step of their own",
    ],
)
def test_hostile_queries_are_answered_exactly(query):
    corpus = [
        (sentence_id(paragraph_id(page, 0), place), f"the w{page} of w{page + place} in oslo a w{place}")
        for page in range(1, 150)
        for place in range(3)
    ]
    asked = words(query)
    searcher = index(corpus)
    assert_same(searcher.search([asked], 10)[0], by_definition(corpus, asked, 10), 10)
    assert searcher.search([Counter(), asked], 10)[0] == []


def test_few_blocks_are_scored_where_a_word_is_rare():
    corpus = [(sentence_id(page, 0), f"the number of page w{page}") for page in range(1, 4_000)]
    searcher = index(corpus)
    assert [hit.sentence_id for hit in searcher.search([words("the w77")], 1)[0]] == [sentence_id(77, 0)]
    assert searcher.blocks_scored < 60


@pytest.mark.parametrize("common_share", [0.004, 2.0])
def test_blocks_whose_sentences_share_the_words_between_them_are_not_scored(common_share):
    texts = ["red car", "blue car", *["the car"] * 6]
    apart = [
        (sentence_id(paragraph_id(page, 0), place), text)
        for page in range(2, 2_000)
        for place, text in enumerate(texts)
    ]
    together = [(sentence_id(paragraph_id(1, place), 0), "red blue car") for place in range(16)]
    searcher = index([*together, *apart], dense_share=2.0, common_share=common_share)
    found = searcher.search([words("red blue")], 5)[0]
    assert [hit.sentence_id for hit in found] == [row for row, _ in together[:5]]
    assert searcher.blocks_scored < 60


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "name",
    [
        "blocks",
        "block_places",
        "identities",
        "identity_places",
        "common",
        "common_ends",
        "common_places",
        "lists",
        "list_places",
        "holding",
        "vocabulary",
        "numbers",
    ],
)
def test_damaged_bytes_are_an_error_or_another_answer_and_never_a_crash(name, tmp_path):
    corpus = [
        (sentence_id(page, 0), f"the w{page % 37} of v{page} " + "and " * (page % 9))
        for page in range(1, 600)
    ]
    arrays, sizes = write_index(tmp_path, corpus, dense_share=0.5)
    random = np.random.default_rng(0)
    damaged = getattr(arrays, name).copy()
    for _ in range(20):
        damaged.setflags(write=True)
        damaged.reshape(-1).view(np.uint8)[random.integers(0, damaged.nbytes, 40)] = random.integers(
            0, 256, 40
        )
        damaged.setflags(write=False)  # as a mapped file: what is compiled is the same
        try:
            Searcher(arrays._replace(**{name: damaged}), sizes).search(
                [words("the w3 and v17 of"), words("v500 w1")], 10
            )
        except ValueError as error:
            if "damaged" not in str(error):
                raise


@pytest.mark.parametrize(
    ("place", "value"),
    [((0, 0), 1 << 40), ((0, 1), 1), ((1, 0), 1 << 40), ((1, 1), 0), ((-1, 0), 0), ((-1, 1), 1 << 40)],
)
def test_counts_of_sentences_that_cannot_be_are_refused(place, value, tmp_path):
    corpus = [(sentence_id(page, 0), f"the number of page w{page}") for page in range(1, 30)]
    arrays, sizes = write_index(tmp_path, corpus)
    damaged = arrays.holding.copy()
    damaged[place] = value
    with pytest.raises(ValueError, match="damaged: its counts"):
        Searcher(arrays._replace(holding=damaged), sizes)
