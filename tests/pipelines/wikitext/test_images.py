"""Image links from file links, galleries and the parameters of templates."""

from __future__ import annotations

import pytest

from pipelines.wikitext.article_parts import ImageLink
from pipelines.wikitext.page_images import (
    gallery_images,
    is_interface_icon,
    normalise_file_name,
    parse_file_link,
    template_images,
)
from pipelines.wikitext.site import Site

SITE = Site(namespaces={"": 0, "datei": 6, "template": 10})


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("File:big ben.jpg", "Big_ben.jpg"),
        ("Image: Big  ben .JPG ", "Big_ben_.JPG"),
        ("datei:Haus.png", "Haus.png"),
        (":File:A.svg", "A.svg"),
        ("A &amp; B.jpg", "A_&_B.jpg"),
        ("A%20B.jpg", "A_B.jpg"),
        ("élan.webp", "Élan.webp"),
        ("Template:A.jpg", None),
        ("A.txt", None),
        ("https://example.org/a.jpg", None),
        ("A", None),
        ("a|b.jpg", None),
        ("{{{image}}}.jpg", None),
        ("", None),
    ],
)
def test_file_names(text: str, name: str | None) -> None:
    assert normalise_file_name(text, SITE) == name


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("File:A.jpg", ImageLink("A.jpg", "", "inline")),
        ("File:A.jpg|thumb|left|300px|alt=x|A [[b]] c", ImageLink("A.jpg", "A [[b]] c", "thumbnail")),
        ("File:A.jpg|frame|first|second", ImageLink("A.jpg", "second", "thumbnail")),
        ("File:A.jpg|20px|link=|baseline", ImageLink("A.jpg", "", "inline")),
        ("Datei:a.jpg|mini|hochkant=1.3|1984", ImageLink("A.jpg", "1984", "thumbnail")),
        (
            "File:A.jpg|thumb|upright=1.2|x200px|upright|frameless|text ",
            ImageLink("A.jpg", "text", "thumbnail"),
        ),
        ("File:A.txt|thumb", ImageLink("", "", "thumbnail")),
    ],
)
def test_file_links(link: str, expected: ImageLink) -> None:
    assert parse_file_link(link.split("|"), SITE) == expected


def test_galleries() -> None:
    body = "\nFile:A.jpg|cap [[x|y]]\nb.png|alt=words|text\n<!-- C.jpg -->\nD.jpg\nno file\nE.jpg|text|alt=words\n"
    assert gallery_images(body, SITE) == [
        ImageLink("A.jpg", "cap [[x|y]]", "gallery"),
        ImageLink("B.png", "text", "gallery"),
        ImageLink("D.jpg", "", "gallery"),
        ImageLink("E.jpg", "text", "gallery"),
    ]


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("infobox x", {"image": "a.jpg", "caption": "C"}, [("A.jpg", "C", "infobox")]),
        ("infobox x", {"image": "File:a.jpg", "image_caption": "C"}, [("A.jpg", "C", "infobox")]),
        (
            "infobox country",
            {"image_flag": "Flag of X.svg", "image_map": "M.png", "map_caption": "where"},
            [("Flag_of_X.svg", "", "infobox"), ("M.png", "where", "infobox")],
        ),
        ("infobox x", {"image": "[[File:A.jpg|200px|see [[b|c]]]]"}, [("A.jpg", "see [[b|c]]", "infobox")]),
        (
            "infobox x",
            {"image": "a.jpg", "caption": "C", "signature": "s.svg"},
            [("A.jpg", "C", "infobox"), ("S.svg", "", "infobox")],
        ),
        ("infobox x", {"image": "[[File:A.jpg|20px]]"}, []),
        ("infobox x", {"image": "[[Link]]", "logo": "none", "website": "example.jpg"}, []),
        ("infobox x", {"photo1": "a.jpg", "photo1_caption": "one"}, [("A.jpg", "one", "infobox")]),
        (
            "multiple image",
            {"image1": "a.jpg", "caption1": "A", "image2": "b.png", "caption2": "B"},
            [("A.jpg", "A", "multiple_image"), ("B.png", "B", "multiple_image")],
        ),
        (
            "double image",
            {"1": "left", "2": "a.jpg", "3": "100", "4": "b.jpg", "5": "110", "6": "one", "7": "two"},
            [("A.jpg", "one", "multiple_image"), ("B.jpg", "two", "multiple_image")],
        ),
        ("wide image", {"1": "a.jpg", "2": "300px", "3": "C"}, [("A.jpg", "C", "thumbnail")]),
        ("CSS image crop", {"Image": "a.jpg", "Description": "C"}, [("A.jpg", "C", "thumbnail")]),
        (
            "gallery",
            {"1": "File:A.jpg", "2": "one", "3": "File:B.jpg", "4": "two", "width": "200"},
            [("A.jpg", "one", "gallery"), ("B.jpg", "two", "gallery")],
        ),
        ("cite web", {"title": "a.jpg"}, []),
    ],
)
def test_templates(name: str, arguments: dict[str, str], expected: list[tuple[str, str, str]]) -> None:
    assert template_images(name, arguments, SITE) == [ImageLink(*link) for link in expected]


@pytest.mark.parametrize(
    ("file", "options", "icon"),
    [
        ("Question_book-new.svg", [], True),
        ("Commons-logo.svg", [], True),
        ("Edit-clear.svg", [], True),
        ("Physics_stub.svg", [], True),
        ("Flag_of_France.svg", ["20px"], True),
        ("Flag_of_France.svg", [], False),
        ("Flag_of_France.svg", ["thumb", "20px"], False),
        ("Portrait.jpg", ["300px"], False),
        ("Emblematic_house.jpg", [], False),
    ],
)
def test_icons(file: str, options: list[str], icon: bool) -> None:
    assert is_interface_icon(file, options) is icon
