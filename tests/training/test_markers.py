"""Markers nest where spans do."""

import pytest

from training.data.inputs import place_markers


def marked(subject, obj, length=5):
    words = [f"w{place}" for place in range(length)]
    pieces = []
    markers = place_markers(length, subject, obj)
    for place in range(length + 1):
        pieces += [marker for at, marker in markers if at == place] + words[place : place + 1]
    return " ".join(pieces)


@pytest.mark.parametrize(
    ("subject", "obj", "expected"),
    [
        ((0, 1), (3, 5), "<S> w0 </S> w1 w2 <O> w3 w4 </O>"),
        ((3, 5), (0, 1), "<O> w0 </O> w1 w2 <S> w3 w4 </S>"),
        ((0, 1), (1, 2), "<S> w0 </S> <O> w1 </O> w2 w3 w4"),
        ((0, 4), (1, 3), "<S> w0 <O> w1 w2 </O> w3 </S> w4"),
        ((1, 3), (0, 4), "<O> w0 <S> w1 w2 </S> w3 </O> w4"),
        ((0, 3), (0, 1), "<S> <O> w0 </O> w1 w2 </S> w3 w4"),
        ((0, 1), (0, 3), "<O> <S> w0 </S> w1 w2 </O> w3 w4"),
        ((0, 3), (2, 3), "<S> w0 w1 <O> w2 </O> </S> w3 w4"),
        ((2, 3), (0, 3), "<O> w0 w1 <S> w2 </S> </O> w3 w4"),
        ((1, 2), (1, 2), "w0 <S> <O> w1 </O> </S> w2 w3 w4"),
        ((0, 3), (2, 5), "<S> w0 w1 <O> w2 </S> w3 w4 </O>"),
    ],
)
def test_placing(subject, obj, expected):
    assert marked(subject, obj) == expected


def test_a_span_outside_is_named():
    with pytest.raises(ValueError, match=r"span \[4, 6\) of O"):
        place_markers(5, (0, 1), (4, 6))
