"""Sections of references, notes and links: which they are, in eleven languages, and what in them is apparatus."""

import pytest

from pipelines.wikitext import extract_article
from pipelines.wikitext.apparatus import LISTS, SECTION, apparatus_in
from pipelines.wikitext.data import read_table
from pipelines.wikitext.site import Site

LANGUAGES = ["de", "en", "es", "fr", "it", "ja", "nl", "pl", "pt", "ru", "zh"]


def kinds(wikitext: str, language: str = "en") -> list[tuple[str, str]]:
    article = extract_article(wikitext, title="Ada", site=Site(f"{language}wiki", language))
    return [(paragraph.kind, paragraph.text) for paragraph in article.paragraphs]


def test_all_of_a_section_of_apparatus_is_apparatus_and_so_are_its_subsections():
    text = """Ada wrote programs.
== See also ==
* The [[Analytical Engine]] was never built.
== References ==
Page numbers are those of the second edition.
=== Letters ===
<blockquote>I am in a charming state of confusion.</blockquote>
== Legacy ==
* A language is named for her.
"""
    assert kinds(text) == [
        ("prose", "Ada wrote programs."),
        ("apparatus", "The Analytical Engine was never built."),
        ("apparatus", "Page numbers are those of the second edition."),
        ("apparatus", "I am in a charming state of confusion."),
        ("list", "A language is named for her."),
    ]


def test_a_section_that_may_be_told_in_prose_is_apparatus_in_its_lists_alone():
    text = "== Sources ==\nMost of what is known comes from her letters.\n* Toole, B. (1992). ''Ada''.\n"
    assert [kind for kind, _ in kinds(text)] == ["prose", "apparatus"]


@pytest.mark.parametrize(
    ("heading", "language"),
    [
        ("References", "en"),
        ("  external   LINKS: ", "en"),
        ("Notes and references", "en"),
        ("References & further reading", "en"),
        ("Notes, sources, and references", "en"),
        ("Einzelnachweise", "de"),
        ("Weblinks und Einzelnachweise", "de"),
        ("Notes et références", "fr"),
        ("Bibliographie et liens externes", "fr"),
        ("Véase también", "es"),
        ("Notas y referencias", "es"),
        ("Collegamenti esterni", "it"),
        ("Ver também", "pt"),
        ("Bronnen, noten en/of referenties", "nl"),
        ("Linki zewnętrzne", "pl"),
        ("Примечания", "ru"),
        ("脚注・出典", "ja"),
        ("注釈と出典", "ja"),
        ("外部链接", "zh"),
        ("參考文獻及外部連結", "zh"),
        ("See also", "simple"),
        ("外部链接", "zh-hans"),
    ],
)
def test_headings_of_apparatus(heading, language):
    assert apparatus_in(heading, language) == SECTION


@pytest.mark.parametrize(
    ("heading", "language"),
    [
        ("", "en"),
        (",", "en"),
        ("Legacy", "en"),
        ("References in popular culture", "en"),
        ("Notes on the engine", "en"),
        ("Life and references", "en"),
        ("See also", "de"),
        ("References", "sv"),
        ("Literatur in Österreich", "de"),
        ("Notes" + 100 * " and notes", "en"),
    ],
)
def test_other_headings_are_none(heading, language):
    assert apparatus_in(heading, language) is None


def test_literature_is_told_of_in_prose_too():
    assert apparatus_in("Literatur", "de") == LISTS
    assert apparatus_in("Quellen und Literatur", "de") == LISTS
    assert apparatus_in("Literatur und Weblinks", "de") == SECTION


def test_the_introduction_and_a_page_of_that_name_are_no_apparatus():
    article = extract_article("'''References''' are pointers.", title="References")
    assert [paragraph.kind for paragraph in article.paragraphs] == ["prose"]


def test_every_language_names_every_section_in_lower_case():
    rows = read_table("apparatus_sections")
    assert sorted({language for language, _, _ in rows}) == LANGUAGES
    for language in LANGUAGES:
        about = {what for code, what, _ in rows if code == language}
        assert {
            "and", "see also", "references", "further reading", "external links", "notes", "bibliography", "lists",
        } == about  # fmt: skip
    names = [name for _, _, cell in rows for name in cell.split("|")]
    assert all(name and name == name.strip().lower() for name in names)
    for language in LANGUAGES:
        own = [name for code, _, cell in rows if code == language for name in cell.split("|")]
        assert len(own) == len(set(own)), "a name stands there twice"
