from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipelines.text_corpus.fragments import FRAGMENT_RULES, fragment_reason

FRAGMENTS = {
    "no_words": ["", ".", "525.", "(1930)", "1999 / 2000.", "12 – 15", "§ 5", "= 2,500 + 7", "—"],
    "coordinates": [
        "48°51′29″N 2°17′40″E",
        "48°51′29″N 2°17′40″E / 48.858°N 2.294°E",
        "Coordinates: 5°30'S, 120°W.",
        "51.5° N, 0.12° W",
    ],
    "citation_rest": [
        "p. 45.",
        "pp. 12–15, 17",
        "Vol. 3, no. 2, pp. 5–6.",
        "ISBN 978-3-16-148410-0.",
        "ISBN 3-16-148410-0, OCLC 1234567",
        "doi:10.1000/xyz123",
        "https://example.org/a/page.html",
        "Retrieved 5 May 2010.",
        "Retrieved on 2010-05-05.",
        "Archived from the original on May 5, 2010.",
        "(in German)",
        "[citation needed]",
        "Ibid.",
        "in Wilkin & Mayo (2013)",
        "See Smith, Jones and Brown (1990b), pp. 3–5.",
        "cf. van Dijk et al. (1999)",
        "quoted in Smith (1990), p. 4",
        "Pre-publication chapters are available on-line.",
        "(Full text available online)",
        "et al.",
    ],
    "one_word": ["Orange", "Printings:", "Amsterdam,", '"Galleon"', "Жираф", "E"],
}

KEPT = [
    "Indeed.",
    "Why?",
    "He left.",
    "It rained in 1999.",
    "Page 5 is missing.",
    "Pp. 5 and 6 are missing.",
    "P. 5 is missing.",
    "ISBN 978-3-16-148410-0 is the number of the book.",
    "The ISBN is unknown.",
    "ISBN agencies differ.",
    "Retrieved from the sea, it sank in May 2010.",
    "Archived letters of 5 May 2010 survive.",
    "It lies at 5°N 7°E.",
    "Water freezes at 0 °C.",
    "45° N is a line.",
    "See https://example.org for more.",
    "(in German law)",
    "in Berlin and Paris",
    "In Search of Lost Time (1913)",
    "Rattle & Hum (1988)",
    "See Emily Play (1967)",
    "In Smith and Jones (2001) it is shown.",
    "The film is available online.",
    "Chapters are available on-line to all who ask.",
    "53. Baseball",
    "E = mc^2",
    "Volume 3 sold well.",
    "No. 5 won.",
    "No. 5 Squadron",
    "Two words",
    "今日は晴れです。",
    "東京",
    "ประเทศไทย",
    "[It] was 5.",
]


@pytest.mark.parametrize(
    ("rule", "text"), [(rule, text) for rule, texts in FRAGMENTS.items() for text in texts]
)
@pytest.mark.parametrize("kind", ["prose", "list", "quote"])
def test_what_is_left_out(rule: str, text: str, kind: str) -> None:
    assert fragment_reason(text, kind) == rule


@pytest.mark.parametrize("text", KEPT)
@pytest.mark.parametrize("kind", ["prose", "quote"])
def test_what_is_kept(text: str, kind: str) -> None:
    assert fragment_reason(text, kind) is None


def test_one_word_with_a_full_stop_is_a_sentence_in_prose_alone() -> None:
    assert fragment_reason("Stockholm.", "prose") is None
    assert fragment_reason("Stockholm.", "list") == "one_word"
    assert fragment_reason("Stop!", "list") is None


def test_every_rule_is_described_and_tried() -> None:
    assert set(FRAGMENT_RULES) == {*FRAGMENTS, "short_item"}
    assert all(FRAGMENT_RULES.values())


NOUNS = st.sampled_from(
    ["Page", "The ISBN", "Retrieved work", "Coordinates", "Vol. 3", "p. 5", "No. 7", "Orange", "5°N 7°E"]
)
VERBS = st.sampled_from(["is", "was", "met", "shows", "ran from", "sold"])
REST = st.sampled_from(
    ["", " 5", " pp. 5–6", " May 2010", " 12°N", " doi:10.1/2", " Orange", " ISBN 978-3-16-148410-0"]
)


@given(NOUNS, VERBS, REST, st.sampled_from(["", ".", "!"]), st.sampled_from(["prose", "list", "quote"]))
def test_what_has_a_verb_is_kept(noun: str, verb: str, rest: str, end: str, kind: str) -> None:
    text = f"{noun} {verb}{rest}{end}"
    assume(kind != "list" or end or len(text.split()) > 3)
    assert fragment_reason(text, kind) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("53. Baseball", "short_item"),
        ("Alan Turing", "short_item"),
        ("List of ships", "short_item"),
        ("東京都", "short_item"),
        ("銀座線（2017年開業）", None),
        ("東京である。", None),
        ("ไทย", "short_item"),
        ("Alan Turing, a mathematician", None),
        ("He won.", None),
        ("What is it?", None),
        ("東京 タワー", None),
    ],
)
def test_bare_names_in_lists_are_left_out(text: str, reason: str | None) -> None:
    assert fragment_reason(text, "list") == reason
    assert fragment_reason(text, "prose") is None


@given(st.text(alphabet="p.5 –,[]()ISBN-/:°NE′″", max_size=300), st.sampled_from(["prose", "list"]))
def test_any_text_gets_an_answer(text: str, kind: str) -> None:
    assert fragment_reason(text, kind) in {None, *FRAGMENT_RULES}
