"""Behaviour switches (``__NOTOC__``) and what tells a disambiguation page."""

from __future__ import annotations

import re
from collections.abc import Set
from functools import cache
from typing import NamedTuple

from pipelines.wikitext.data import read_table
from pipelines.wikitext.site import Site

__all__ = ["is_disambiguation", "strip_switches"]

# A switch: capitals, or letters without case, between double underscores.
_SWITCH = re.compile(r"__([^\W\d_]+(?:_[^\W\d_]+)*)__")
_KNOWN_TEXT = """
NOTOC FORCETOC TOC NOEDITSECTION NEWSECTIONLINK NONEWSECTIONLINK NOGALLERY HIDDENCAT EXPECTUNUSEDCATEGORY
EXPECTUNUSEDTEMPLATE EXPECTWITHOUTSCANS NOCONTENTCONVERT NOCC NOTITLECONVERT NOTC START END INDEX NOINDEX
STATICREDIRECT NOGLOBAL DISAMBIG ARCHIVEDTALK NOTALK EXPECTED_UNCONNECTED_PAGE NOSECTION
"""
_KNOWN = frozenset(_KNOWN_TEXT.split())


class _Names(NamedTuple):
    """Names of templates that tell disambiguation pages, in lower case, and what their titles end with."""

    whole: frozenset[str]
    beginnings: tuple[str, ...]
    endings: tuple[str, ...]
    titles: tuple[str, ...]


@cache
def _disambiguation_names(language: str) -> _Names:
    # Many wikis have borrowed the English names.
    languages = (language, "en")
    names = {name.lower() for code, name in read_table("disambiguation_templates") if code in languages}
    return _Names(
        frozenset(names),
        tuple(name[:-1] for name in names if name.endswith("*")),
        tuple(name[1:] for name in names if name.startswith("*")),
        tuple(f"({word})" for code, word in read_table("disambiguation_titles") if code in languages),
    )


def strip_switches(text: str, site: Site) -> tuple[str, set[str]]:
    """Return `text` without its behaviour switches, and the switches found, in upper case.

    On wikis in other languages than English, whose words a dump does not name, whatever has the form of a
    switch counts as one.
    """
    if "__" not in text:
        return text, set()
    found: set[str] = set()

    def strip(match: re.Match[str]) -> str:
        word = match[1].upper()
        if word in _KNOWN or (site.language != "en" and word == match[1]):
            found.add(word)
            return ""
        return match[0]

    return _SWITCH.sub(strip, text), found


def is_disambiguation(title: str, templates: Set[str], switches: Set[str], language: str = "en") -> bool:
    """Return whether a page only tells articles apart: by its title, its templates' names or its switches."""
    known = _disambiguation_names(language)
    if "DISAMBIG" in switches or title.endswith(known.titles):
        return True
    for name in map(str.lower, templates):
        if name in known.whole or name.startswith(known.beginnings) or name.endswith(known.endings):
            return True
    return False
