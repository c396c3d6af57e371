"""No renderer raises, whatever its arguments are."""

from __future__ import annotations

import datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.wikitext.page_images import template_images
from pipelines.wikitext.site import Site
from pipelines.wikitext.templates import TemplateCall, find_renderer, registered_names, template_kind

SITE = Site(date=datetime.date(2022, 3, 4))
NAMES = [*registered_names(), "lang-de", "script/Arab", "iPA-fr", "flagicon2", "iPAc-pl", "iSO 639 name de"]
KEYS = [
    "1",
    "2",
    "3",
    "4",
    "5",
    "abbr",
    "disp",
    "adj",
    "order",
    "lk",
    "sp",
    "spell",
    "sigfig",
    "round",
    "df",
    "link",
]
PIECES = [
    "km",
    "mi",
    "C",
    "ft",
    "5",
    "-3.2",
    "1/2",
    "1+1/0",
    "to",
    "by",
    "±",
    "1912",
    "13",
    "0",
    "1e400",
    "9" * 40,
    "٣",
    "²",
]
PIECES += [
    "on",
    "off",
    "yes",
    "",
    " ",
    "\n",
    "[[a|b]]",
    "[[",
    "]]",
    "{{x}}",
    "''",
    "'''",
    "de",
    "|",
    "=",
    "<sub>2</sub>",
    "\x04",
]
VALUES = st.one_of(
    st.sampled_from(PIECES), st.text(max_size=12), st.lists(st.sampled_from(PIECES), max_size=3).map(" ".join)
)


@settings(max_examples=600, deadline=None)
@given(st.sampled_from(NAMES), st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=7))
def test_renderers_give_text_or_nothing(name: str, arguments: dict[str, str]) -> None:
    renderer = find_renderer(name)
    assert renderer is not None
    value = renderer(TemplateCall(name, arguments, "Page", SITE))
    assert value is None or isinstance(value, str)


def test_every_renderer_takes_no_arguments_and_odd_ones() -> None:
    odd = [{}, {"1": ""}, {str(n): "x" for n in range(1, 8)}, {str(n): "7" for n in range(1, 8)}]
    odd += [
        {"1": "²", "2": "٣"},
        {str(n): "\x04" for n in range(1, 5)},
        {"1": "0", "2": "0"},
        {"1": "[[a]]", "3": "99999999999"},
    ]
    for name in NAMES:
        renderer = find_renderer(name)
        assert renderer is not None
        for arguments in odd:
            value = renderer(TemplateCall(name, dict(arguments), "Page", SITE))
            assert value is None or isinstance(value, str), name


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["convert", "cvt"]),
    st.lists(VALUES, max_size=7),
    st.dictionaries(st.sampled_from(KEYS[5:]), VALUES),
)
def test_convert_never_raises(name: str, positional: list[str], named: dict[str, str]) -> None:
    arguments = {str(number): value for number, value in enumerate(positional, 1)} | named
    renderer = find_renderer(name)
    assert renderer is not None
    value = renderer(TemplateCall(name, arguments, "Page", SITE))
    assert value is None or isinstance(value, str)


@given(st.text(max_size=30))
def test_kinds_and_images_never_raise(text: str) -> None:
    template_kind(text)
    assert isinstance(
        template_images("infobox x", {"image": text, "1": f"[[File:{text}.jpg|{text}]]"}, SITE), list
    )
