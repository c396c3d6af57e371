"""Scores against seqeval, against counting by hand, and against what statistics says."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics import f1_score
from seqeval.scheme import IOB2, IOBES

from training.evaluation.scores import (
    Counts,
    LabelScore,
    entity_types,
    f1_of,
    relation_counts,
    relation_type_counts,
    span_counts,
)
from training.evaluation.statistics import calibration, mean_and_deviation, students_t

TYPES = ("LOC", "PER")
BIO = st.sampled_from(["O", "B-PER", "I-PER", "B-LOC", "I-LOC"])
BIOES = st.sampled_from(["O", *(f"{place}-{kind}" for place in "BIES" for kind in TYPES)])


def pairs(label):
    sentence = st.integers(1, 6).flatmap(
        lambda size: st.tuples(*[st.lists(label, min_size=size, max_size=size)] * 2)
    )
    return st.lists(sentence, min_size=1, max_size=4)


@settings(deadline=None)
@given(pairs(BIO), st.sampled_from(["lenient", "strict"]))
def test_bio_agrees_with_seqeval(drawn, convention):
    gold, predicted = [list(part) for part in zip(*drawn, strict=True)]
    ours = span_counts(gold, predicted, TYPES, convention).f1
    if convention == "lenient":
        theirs = f1_score(gold, predicted, zero_division=0)
    else:
        theirs = f1_score(gold, predicted, mode="strict", scheme=IOB2, zero_division=0)
    assert ours == pytest.approx(100 * theirs)


@settings(deadline=None)
@given(pairs(BIOES))
def test_bioes_agrees_with_seqeval(drawn):
    gold, predicted = [[["B-PER", "E-PER"], *part] for part in zip(*drawn, strict=True)]
    ours = span_counts(gold, predicted, TYPES, "strict").f1
    assert ours == pytest.approx(
        100 * f1_score(gold, predicted, mode="strict", scheme=IOBES, zero_division=0)
    )


def test_the_conventions_differ_on_stray_labels():
    gold = [["O", "I-PER", "O"], ["B-LOC", "I-PER"]]
    assert span_counts(gold, gold, TYPES, "lenient").gold.sum() == 3
    assert span_counts(gold, gold, TYPES, "strict").gold.sum() == 1


def test_relations_leave_none_out():
    names = ("None", "/per/org/member_of", "/per/per/peer")
    gold = ["None", "/per/org/member_of", "/per/org/member_of", "/per/per/peer", "None"]
    predicted = ["None", "/per/org/member_of", "None", "/per/org/member_of", "/per/per/peer"]
    scores = relation_counts(gold, predicted, names)
    assert scores.precision == pytest.approx(100 / 3)
    assert scores.recall == pytest.approx(100 / 3)
    by_type = relation_type_counts(gold, predicted, names).by_label()
    assert by_type["org"] == LabelScore(pytest.approx(50), 2)
    assert by_type["per"] == LabelScore(pytest.approx(100 / 3), 3)


@pytest.mark.parametrize(
    ("relation", "types"),
    [("/per/org/member_of", {"per", "org"}), ("/per/per/peer", {"per"}), ("None", set()), ("a/b", set())],
)
def test_entity_types_of_a_relation(relation, types):
    assert entity_types(relation) == types


def counts_of(rows):
    table = np.array(rows)
    return Counts(("x",), *(table[:, [column]] for column in range(3)))


def test_bootstrap_draws_sentences_not_rows():
    generator = np.random.default_rng(1)
    right = generator.random(60) < 0.6
    rows = [(int(value), 1, 1) for value in right for _ in range(10)]
    sentences = [number for number in range(60) for _ in range(10)]
    low, high = counts_of(rows).interval(sentences, 2000)
    assert low < 100 * right.mean() < high
    assert high - low == pytest.approx(2 * 1.96 * 100 * np.sqrt(0.24 / 60), rel=0.15)
    narrow = counts_of(rows).interval(range(600), 2000)
    assert narrow[1] - narrow[0] < 0.5 * (high - low)
    assert counts_of(rows).interval(sentences, 50) == counts_of(rows).interval(sentences, 50)


def test_students_t():
    assert students_t([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]) == pytest.approx(1)
    # By hand: difference 3, pooled variance 1, three values a side: t = 3.674 with 4 degrees of freedom.
    assert students_t([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]) == pytest.approx(0.0213, abs=1e-4)
    assert students_t([1.0], [2.0, 3.0]) is None
    assert students_t([5.0, 5.0], [6.0, 6.0]) == 0
    assert students_t([5.0, 5.0], [5.0, 5.0]) == 1
    # Sums in another order differ in the last digit; that is no deviation.
    assert students_t([0.3, 0.1 + 0.2], [0.1 + 0.2, 0.3]) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert students_t([2.5, 2.5], [2.0, 9.0]) == pytest.approx(0.4817, abs=1e-4)
    assert mean_and_deviation([1.0, 3.0]) == (2.0, pytest.approx(2**0.5))
    assert mean_and_deviation([1.0]) == (1.0, 0.0)


def test_calibration():
    sure = np.array([[0.95, 0.05]] * 20, dtype=np.float32)
    found = calibration(sure, np.array([0] * 10 + [1] * 10))
    assert (found.count, found.accuracy) == ([20], [0.5])
    assert found.expected_error == pytest.approx(0.45, abs=1e-6)
    assert calibration(np.array([[1.0, 0.0]], dtype=np.float32), np.array([0])).expected_error == 0


def test_f1_of_nothing_is_zero():
    assert f1_of(0, 0, 0) == 0
