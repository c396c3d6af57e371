"""Templates that are dropped have a kind; those that may say something have none."""

from __future__ import annotations

import pytest

from pipelines.wikitext.templates import template_kind


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("infobox", "infobox"),
        ("infobox person", "infobox"),
        ("taxobox", "infobox"),
        ("automatic taxobox", "infobox"),
        ("chembox", "infobox"),
        ("cite book", "citation"),
        ("cite EB1911", "citation"),
        ("citation", "citation"),
        ("sfn", "reference"),
        ("sfnm", "reference"),
        ("efn", "reference"),
        ("efn-ua", "reference"),
        ("refn", "reference"),
        ("reflist", "reference"),
        ("r", "reference"),
        ("rp", "reference"),
        ("vr", "reference"),
        ("cref2", "reference"),
        ("inflation-fn", "reference"),
        ("citation needed", "maintenance"),
        ("cn", "maintenance"),
        ("citation Needed", "maintenance"),
        ("full citation needed", "maintenance"),
        ("page number missing", "maintenance"),
        ("excessive citations inline", "maintenance"),
        ("or", "maintenance"),
        ("who", "maintenance"),
        ("multiple issues", "maintenance"),
        ("main", "hatnote"),
        ("see also", "hatnote"),
        ("about", "hatnote"),
        ("distinguish", "hatnote"),
        ("short description", "metadata"),
        ("use dmy dates", "metadata"),
        ("authority control", "metadata"),
        ("commons category", "metadata"),
        ("physics-stub", "metadata"),
        ("anarchism sidebar", "sidebar"),
        ("politics of Angola", "sidebar"),
        ("navbox", "navbox"),
        ("africa topic", "navbox"),
        ("s-start", "table"),
        ("weather box", "table"),
        ("multiple image", "media"),
        ("clear", "layout"),
        ("wayback", "citation"),
    ],
)
def test_kind(name: str, kind: str) -> None:
    assert template_kind(name) == kind


@pytest.mark.parametrize(
    "name", ["convert", "lang", "", "quote", "hMS", "some unheard-of thing", "citation needed span"]
)
def test_no_kind(name: str) -> None:
    assert template_kind(name) is None
