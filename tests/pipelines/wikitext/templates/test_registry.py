"""The registry finds renderers, and agrees with the kinds that are dropped."""

from __future__ import annotations

import pytest

from pipelines.wikitext import extract_article
from pipelines.wikitext.data import read_table
from pipelines.wikitext.site import Site
from pipelines.wikitext.templates import (
    find_renderer,
    normalise_template_name,
    registered_names,
    template_kind,
)
from pipelines.wikitext.templates.registry import TemplateCall, template


def test_names_are_normalised() -> None:
    assert normalise_template_name("  IPA_link ") == "iPA link"
    assert normalise_template_name("") == ""


def test_a_name_has_one_renderer() -> None:
    with pytest.raises(ValueError, match="convert"):

        @template("Convert")
        def again(_call: TemplateCall) -> str:
            return ""


@pytest.mark.parametrize(
    "name", ["lang-aln", "lang-grc-x-biblical", "script/Hebrew", "iPA-nah", "iPAc-pl", "langx"]
)
def test_families_and_members(name: str) -> None:
    assert find_renderer(name) is not None


@pytest.mark.parametrize("name", ["fv", "no such template", "", "infobox person", "cite book"])
def test_no_renderer(name: str) -> None:
    assert find_renderer(name) is None


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("{{start date|2001|2|3}}", "February 3, 2001"),
        ("{{Start date|2001|2|3}}", "February 3, 2001"),
        ("{{Start Date|2001|2|3}}", "February 3, 2001"),  # a redirect
        ("{{start-date|3 February 2001}}", "3 February 2001"),  # a template of its own
        ("{{ start_date |2001|2|3}}", "February 3, 2001"),
        ("{{Template:Start__date|2001|2|3}}", "February 3, 2001"),
        ("{{template: start date|2001|2|3}}", "February 3, 2001"),
        ("{{:Template:Start date|2001|2|3}}", "February 3, 2001"),
        ("{{TM:Start date|2001|2|3}}", "February 3, 2001"),
        ("{{START DATE|2001|2|3}}", ""),
        ("{{startdaTe|2001|2|3}}", ""),
        ("{{nowrap|x}}", "x"),
        ("{{NoWrap|x}}", "x"),
        ("{{nOWRAP|x}}", "x"),
        ("{{noWRap|x}}", ""),
        ("{{CONVERT|1|km}}", ""),
        ("{{ipa-de|a}}", ""),
    ],
)
def test_every_letter_but_the_first_counts(written: str, shown: str) -> None:
    article = extract_article(f"It is {written} so", title="Page")
    assert article.paragraphs[0].text == f"It is {shown} so".replace("  ", " ")
    assert bool(article.unknown_templates) is not bool(shown)


@pytest.mark.parametrize("language", ["ru", "zh", "zh-classical"])
def test_the_short_name_of_the_template_namespace_where_the_wiki_has_one(language: str) -> None:
    site = Site(language=language)
    assert extract_article("{{T:lang|en|word}} x", title="Page", site=site).paragraphs[0].text == "word x"


def test_further_spellings_lead_to_renderers() -> None:
    rows = read_table("template_spellings")
    names = set(registered_names())
    assert [name for name, _ in rows if normalise_template_name(name) not in names] == []
    spellings = [normalise_template_name(spelling) for _, cell in rows for spelling in cell.split("|")]
    assert sorted(set(spellings)) == sorted(spellings), "a spelling of two templates"
    assert [spelling for spelling in spellings if spelling in names] == []


def test_what_is_rendered_is_not_dropped() -> None:
    # Names in capitals are codes and prefixes; in small letters they may be something else.
    words = [name for name in registered_names() if name[1:] != name[1:].upper() or len(name) > 3]
    assert [name for name in words if template_kind(name)] == []


def test_every_renderer_has_a_docstring() -> None:
    assert [name for name in registered_names() if not (find_renderer(name) or str).__doc__] == []


def test_positional_arguments_end_at_the_first_gap() -> None:
    call = TemplateCall("x", {"1": " a ", "2": "", "4": "d"})
    assert call.positional() == ["a", ""]
    assert call.get("2", "1") == "a"
    assert call.get("3", default="c") == "c"
