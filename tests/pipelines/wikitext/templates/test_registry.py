"""The registry finds renderers, and agrees with the kinds that are dropped."""

from __future__ import annotations

import pytest

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


def test_redirects_that_differ_in_case() -> None:
    assert find_renderer("interlanguage Link") is find_renderer("interlanguage link")


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
