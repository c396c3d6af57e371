"""Lines that are no prose of their page: numbered by hand, headings in bold, formulas alone; and what stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.text_corpus.build import RULES, rules_in_force
from pipelines.text_corpus.fragments import FRAGMENT_RULES
from pipelines.text_corpus.lines import LINE_RULES, is_formula, line_reasons
from pipelines.wikitext import extract_article
from pipelines.wikitext.article_parts import Paragraph
from tests.corpus_builder import build, rows
from tests.dump_writer import DumpPage, write_dump


def reasons(wikitext):
    paragraphs = extract_article(wikitext, title="Ada").paragraphs
    return dict(zip((paragraph.text for paragraph in paragraphs), line_reasons(paragraphs), strict=True))


def test_lines_numbered_by_hand_are_left_out_where_they_are_a_series():
    found = reasons(
        "616. Spool<br><br>617. Sponge cake<br><br>618. Space shuttle<br><br>A zoo.<br><br>53. Baseball"
    )
    assert found == {
        "616. Spool": "numbered_line",
        "617. Sponge cake": "numbered_line",
        "618. Space shuttle": "numbered_line",
        "A zoo.": None,
        "53. Baseball": None,
    }


def test_numbered_sentences_and_arguments_are_prose():
    text = "1. He wrote a book.\n\n2. It was never read by those who judged it\n\n3) Why?\n\n4. A name"
    assert set(reasons(text).values()) == {None}


@pytest.mark.parametrize(
    "line",
    [
        "'''Reaction with oxygen'''",
        "'''Reaction with [[oxygen]]'''",
        "'''''Silent films'''''",
        "'''''Silent'' films'''",
        "'''Silent films''':",
        "'''Silent films:'''",
        "'''(1950–1960)'''",
        "<br><br>'''Silent films'''",
    ],
)
def test_a_line_in_bold_is_a_heading(line):
    found = reasons(f"Before it stands text.\n\n{line}\n\nBehind it stands text.")
    assert list(found.values()) == [None, "bold_heading", None]


@pytest.mark.parametrize(
    "line",
    [
        "'''Ada''' wrote programs",
        "'''Ada''' and '''Babbage'''",
        "'''Nobody may enter.'''",
        "'''Is it so?'''",
        "'''Ada'''\nwrote programs",
        "Programs of\n'''Ada'''",
        "''Reaction with oxygen''",
        "<blockquote>'''Ada'''</blockquote>",
        "'''A line in bold that says at such length what it has to say that nobody takes it for a heading'''",
        "'''Ada",
    ],
)
def test_bold_words_in_prose_are_prose(line):
    assert set(reasons(f"Before it stands text.\n\n{line}\n\nBehind it stands text.").values()) == {None}


def test_a_line_in_bold_that_introduces_a_list_stays_with_it():
    found = reasons(
        "'''Members:'''\n* Ada\n* An item that does not join its introduction, for it is long, as everybody can see."
    )
    assert found["Members:\nAda"] is None
    assert len(found) == 2


FORMULAS = [
    "E = mc^2",
    "x_1 + x_2 ≤ 5 km",
    "2 H2O → 2 H2 + O2",
    "sin(α) = cos(π/2 - α)",
    "TiCl4 + 4Na → 4NaCl + Ti",
    "∑_(i=1)^n a_i = n",
    "(P → Q) ↔ (¬ Q → ¬ P)",
    "227Ac → 223Fr",
]
NO_FORMULAS = [
    "",
    "A B",
    "If x = y",
    "A is > B",
    "a = b or c = d",
    "where E = energy",
    "x = 5 apples",
    "Paris → London",
    "x = y при z",
    "x → 東京",
    "V = I R, by Ohm's law.",
    "Twelve",
]


@pytest.mark.parametrize("text", FORMULAS)
def test_formulas(text):
    assert is_formula(text)
    assert is_formula(f"{text}.")


@pytest.mark.parametrize("text", NO_FORMULAS)
def test_what_holds_a_word_is_no_formula(text):
    assert not is_formula(text)


def test_a_formula_alone_is_left_out_and_one_in_a_sentence_is_not():
    found = reasons("The energy is\n:<math>E = m c^2</math>\nwhere <math>c = 1</math> is the speed of light.")
    assert found == {
        "The energy is": None,
        "E = m c^2": "formula",
        "where c = 1 is the speed of light.": None,
    }


def test_what_is_left_out_is_counted_and_can_be_kept(tmp_path):
    text = (
        "Ada wrote programs for it. E = mc^2. It ran.\n\n'''Notes of hers'''\n\n1. One line\n\n2. Two lines\n\n"
        ":<math>x + 2 = y^2</math>\n\nin Wilkin & Mayo (2013)"
    )
    dump = write_dump(tmp_path / "dump.xml", [DumpPage("Ada", text)])
    manifest = build(dump, tmp_path / "kc")
    assert manifest.drops["paragraphs"] == {
        "bold_heading": 1, "numbered_line": 2, "formula": 1, "citation_rest": 1
    }  # fmt: skip
    assert manifest.drops["sentences"] == {"formula": 1}
    assert len(rows(tmp_path / "kc", "paragraphs")) == 1
    manifest = build(
        dump, tmp_path / "all", rules=rules_in_force(["bold_heading", "numbered_line", "formula"])
    )
    assert manifest.drops == {"paragraphs": {"citation_rest": 1}}
    assert len(rows(tmp_path / "all", "paragraphs")) == 5


def test_rules_have_names_of_their_own():
    assert set(RULES) == {*FRAGMENT_RULES, *LINE_RULES}
    assert not set(FRAGMENT_RULES) & set(LINE_RULES)
    assert rules_in_force([]) == set(RULES)
    assert rules_in_force(["formula"]) == set(RULES) - {"formula"}


@given(st.lists(st.text(alphabet="1234. )(abA=^é東", max_size=30), max_size=6), st.booleans())
def test_any_paragraphs_get_answers(texts, bold):
    paragraphs = [Paragraph(text, [], "prose", "", bold) for text in texts]
    found = line_reasons(paragraphs)
    assert len(found) == len(texts)
    assert set(found) <= {None, *LINE_RULES}
