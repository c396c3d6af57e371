from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.text_index.analysis import analyser, find_terms, foldable

ANALYSER = analyser()


# What Elasticsearch's standard analyser (Lucene's StandardTokenizer) gives for the same texts.
@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("Alan Turing", ["alan", "turing"]),
        ("can't O'Neil's it’s", ["can't", "o'neil's", "it’s"]),
        ("U.S.A. e.g. a:b", ["u.s.a", "e.g", "a:b"]),
        ("1,000.50 3.5.1 3:15", ["1,000.50", "3.5.1", "3", "15"]),
        ("snake_case _x _ x1y", ["snake_case", "_x", "x1y"]),
        ("well-known and/or C++", ["well", "known", "and", "or", "c"]),
        ("東京 とう カタカナ", ["東", "京", "と", "う", "カタカナ"]),
        ("한국어 조선말", ["한국어", "조선말"]),
        ("สวัสดีครับ ภาษา", ["สวัสดีครับ", "ภาษา"]),
        ("नमस्ते العربية", ["नमस्ते", "العربية"]),
        ("ארה\"ב רח' ג'ורג'", ['ארה"ב', "רח'", "ג'ורג'"]),
        ("e\u0301te\u0301 a\u00adb", ["e\u0301te\u0301", "a\u00adb"]),
        ("🇬🇧🇫🇷 👩🏽‍🚀 ❤️ 🏼", ["🇬🇧", "🇫🇷", "👩🏽‍🚀", "❤️", "🏼"]),
        ("１２３ ΣΊΣΥΦΟΣ", ["１２３", "σίσυφοσ"]),
        ("İzmir DİYARBAKIR", ["izmir", "diyarbakir"]),
        ("", []),
        ("... \n\x00 \u200b –", []),
    ],
)
def test_terms_are_those_of_the_standard_analyser(text: str, terms: list[str]) -> None:
    assert ANALYSER.analyze(foldable(text)) == terms


@given(st.text())
def test_the_terms_of_a_term_are_the_term(text: str) -> None:
    for term in ANALYSER.analyze(foldable(text)):
        assert ANALYSER.analyze(term) == [term]


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("The Cat's 3.14!", [("the", "The"), ("cat's", "Cat's"), ("3.14", "3.14")]),
        ("İzmir ΣΟΦΟΣ", [("izmir", "İzmir"), ("σοφοσ", "ΣΟΦΟΣ")]),
        ("a a  a", [("a", "a")] * 3),
        ("東京 is", [("東", "東"), ("京", "京"), ("is", "is")]),
        ("", []),
    ],
)
def test_terms_are_found_where_they_stand(text: str, terms: list[tuple[str, str]]) -> None:
    assert [(found.term, text[found.start : found.end]) for found in find_terms(text)] == terms
