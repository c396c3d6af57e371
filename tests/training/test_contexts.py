"""Contexts go in whole, in rank order, within the limit."""

from hypothesis import given
from hypothesis import strategies as st

from kc_schema.contexts import STOP_BELOW, context_text, pack
from kc_schema.retrieval_cache import Hit


def test_whole_contexts_in_rank_order():
    packed = pack(5, [0], [[1] * 4, [2] * 30, [3] * 6], limit=30)
    assert packed.context == [0, 1, 1, 1, 1, 3, 3, 3, 3, 3, 3]
    assert (packed.used, packed.skipped, packed.untried) == (2, 1, 0)


def test_every_context_is_counted_once():
    packed = pack(5, [0], [[1] * 30, [2] * 18, [3], [4]], limit=30)
    assert (packed.used, packed.skipped, packed.untried) == (1, 1, 2)


def test_no_separator_without_contexts():
    assert pack(5, [0], [[1] * 100], limit=30).context == []
    assert pack(29, [0], [[1]], limit=30).context == []


def test_the_beginning_of_what_is_too_long_fills_the_input():
    packed = pack(5, [0], [[1] * 4, [2] * 30, [3] * 6], limit=30, cut_too_long=True)
    assert packed.context == [0] + [1] * 4 + [2] * 20
    assert (packed.used, packed.cut, packed.skipped, packed.untried) == (2, 1, 0, 1)
    assert packed.places == [0, 1]


@given(st.integers(0, 60), st.lists(st.integers(0, 30), max_size=8), st.integers(0, 80))
def test_what_is_cut_is_all_evidence_in_a_row_as_far_as_there_is_room(sentence, lengths, limit):
    contexts = [[number] * length for number, length in enumerate(lengths)]
    packed = pack(sentence, [-1, -1], contexts, limit, cut_too_long=True)
    row = [number for context in contexts for number in context]
    room = limit - sentence - 2
    assert packed.context[2:] == row[: len(packed.context[2:])]
    assert room < STOP_BELOW or room - len(packed.context[2:]) < STOP_BELOW or packed.context[2:] == row
    assert sentence + len(packed.context) <= max(limit, sentence)
    assert packed.used + packed.untried + lengths.count(0) >= len(lengths)
    assert packed.skipped == 0
    assert packed.cut <= 1


@given(st.integers(0, 60), st.lists(st.integers(0, 30), max_size=8), st.integers(0, 80))
def test_limit_and_order(sentence, lengths, limit):
    packed = pack(sentence, [-1, -1], [[number] * length for number, length in enumerate(lengths)], limit)
    room, expected = limit - sentence - 2, []
    for number, length in enumerate(lengths):
        if length <= room and room >= STOP_BELOW:
            expected += [number] * length
            room -= length
    assert packed.context == ([-1, -1, *expected] if expected else [])
    assert packed.used + packed.skipped + packed.untried + lengths.count(0) >= len(lengths)
    assert not expected or sentence + len(packed.context) <= limit


def hit(text, title="Alan Turing"):
    return Hit(0, 1.0, "", title, text, 1)


def test_title_in_front_and_anchors():
    tagged = "He met <e: Ada> her </e> often."
    assert context_text(hit(tagged), keep_anchors=False, title=True) == "[ Alan Turing ] He met her often."
    assert context_text(hit(tagged), keep_anchors=True, title=False) == tagged
    assert context_text(hit("x", title=""), keep_anchors=False, title=True) == "x"
    assert context_text(hit("a </e> b <e: "), keep_anchors=False, title=False)
