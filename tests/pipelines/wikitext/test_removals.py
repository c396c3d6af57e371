"""What is left where something was taken out of a line."""

import pytest

from pipelines.wikitext import extract_article


@pytest.mark.parametrize(
    ("wikitext", "paragraphs"),
    [
        (
            "In Paris<ref>x</ref> <ref>y</ref> he died.<ref>x</ref> <ref>y</ref> Later.",
            ["In Paris he died. Later."],
        ),
        ("Text{{sfn|x}} {{sfn|y}} and.", ["Text and."]),
        ("Text<ref>x</ref> {{cn}} and.", ["Text and."]),
        ("Text {{cn}} {{who}} {{when}} and.", ["Text and."]),
        ("{{circa|1900}}{{sfn|x}} {{cn}} and more", ["c. 1900 and more"]),
        (
            "{{convert|5|km|mi}} {{cn}} {{convert|3|mi|km}} long.",
            ["5 kilometres (3.1 mi) 3 miles (4.8 km) long."],
        ),
        ("a {{lang|fr|mot}}{{cn}} {{lang|de|wort}} b", ["a mot wort b"]),
        ("{{flag|France}} {{strange thing|x}} {{flag|Spain}}", ["France Spain"]),
        ("before\n{{infobox x}}\nbehind", ["before", "behind"]),
        ("before\n{{strange thing}} {{other thing}}\nbehind", ["before", "behind"]),
        ("It lies at {{coord|12.5|N|13|30|E}}, near it.", ["It lies at 12.5°N 13°30′E, near it."]),
        ("It lies at {{coord|51.5|-0.12}} there.", ["It lies at 51.5°N 0.12°W there."]),
        ("It lies{{coord|12.5|N|13|30|E|display=title}} there.", ["It lies there."]),
    ],
)
def test_words_and_paragraphs_stay_apart_as_they_were(wikitext, paragraphs):
    article = extract_article(wikitext, title="Page")
    assert [paragraph.text for paragraph in article.paragraphs] == paragraphs


@pytest.mark.parametrize(
    ("formula", "text"),
    [
        (r"\hat{\sigma}_x", "σ̂_x"),
        (r"\bar x", "x̄"),
        (r"x\not=0", "x≠0"),
        (r"a\not\in B", "a∉ B"),
        (r"\hat{ab}", "ab"),
    ],
)
def test_accents_of_formulas_stay(formula, text):
    article = extract_article(f"Here <math>{formula}</math> is.", title="Page")
    assert article.paragraphs[0].text == f"Here {text} is."
