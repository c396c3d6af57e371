from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kc_schema.tables import sentence_id
from pipelines.text_index.ranking import (
    TIE_LIMIT,
    ScoredSentence,
    best_paragraphs,
    contributions,
    inverse_document_frequency,
    rounded,
    rows_to_ask,
)

SCORES = st.sampled_from([0.5, 1.0, 1.0000001, 2.0, 3.25])
FOUND = st.dictionaries(
    st.builds(sentence_id, st.integers(0, 20), st.integers(0, 5)), SCORES, max_size=60
).map(lambda scores: [ScoredSentence(score, row) for row, score in scores.items()])


def by_brute_force(found: list[ScoredSentence], k: int) -> list[tuple[float, int]]:
    best: dict[int, tuple[float, int]] = {}
    for score, row in found:
        key = (-rounded(score), row)
        best[row >> 12] = min(key, best.get(row >> 12, key))
    return sorted(best.values())[:k]


@given(FOUND, st.integers(1, 12))
def test_best_sentence_of_the_best_paragraphs_in_order(found: list[ScoredSentence], k: int) -> None:
    best = best_paragraphs(found, k, exhausted=True)
    assert best is not None
    assert [(-hit.score, hit.sentence_id) for hit in best] == by_brute_force(found, k)


@given(FOUND, st.integers(1, 5), st.randoms())
def test_asking_for_more_until_settled_gives_what_knowing_all_gives(
    found: list[ScoredSentence], k: int, random: object
) -> None:
    random.shuffle(found)  # type: ignore[attr-defined]
    index = sorted(found, key=lambda hit: -rounded(hit.score))  # ties in whatever order an engine has
    limit = 1
    while (best := best_paragraphs(index[:limit], k, exhausted=limit > len(index))) is None:
        limit *= 2
    assert best == best_paragraphs(found, k, exhausted=True)


def test_settling_ties_ends() -> None:
    tied = [ScoredSentence(1.0, sentence_id(row, 0)) for row in range(TIE_LIMIT)]
    assert best_paragraphs(tied[:-1], 10, exhausted=False) is None
    assert best_paragraphs(tied, 10, exhausted=False) == tied[:10]


def test_scores_that_differ_in_the_seventh_digit_tie() -> None:
    assert rounded(14.000001) == rounded(13.999999) == 14.0
    assert rounded(0.00123456) == 0.0012346
    assert rows_to_ask(10) >= 10


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.tuples(st.floats(0.01, 15), st.integers(0, 5)), min_size=1),
    st.floats(0.31, 10),
)
def test_what_each_word_adds_is_bm25_and_sums_to_the_score(words, norm) -> None:
    weights = {word: weight for word, (weight, _) in words.items()}
    frequencies = {word: frequency for word, (_, frequency) in words.items()}
    expected = {w: x * 2.2 * n / (n + norm) for w, (x, n) in words.items() if n}
    score = sum(expected.values())
    assert contributions(weights, frequencies, score) == pytest.approx(expected, rel=1e-6)


def test_words_that_are_not_there_add_nothing() -> None:
    assert contributions({"a": 2.0}, {}, 0.0) == {}
    assert inverse_document_frequency(100, 1) > inverse_document_frequency(100, 50) > 0
