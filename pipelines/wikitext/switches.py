"""Behaviour switches (``__NOTOC__``) and what tells a disambiguation page."""

from __future__ import annotations

import re
from collections.abc import Set

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
_DISAMBIGUATIONS = frozenset(
    """
disambiguation|disambig|disambiguation page|dab|disamb|dis|hndis|human name disambiguation|geodis|geo-dis
place name disambiguation|school disambiguation|schooldis|hospital disambiguation|mathdab
mathematical disambiguation|airport disambiguation|airportdis|station disambiguation
call sign disambiguation|callsigndis|church disambiguation|road disambiguation|roaddis|numberdis
number disambiguation|letter-number combination disambiguation|letter-numbercombdisambig
species latin name disambiguation|species latin name abbreviation disambiguation|latin name disambiguation
taxonomy disambiguation|taxonomic authority disambiguation|biology disambiguation|genus disambiguation
chinese title disambiguation|letter disambiguation|tropical cyclone disambiguation|military unit disambiguation
phonetics disambiguation|given name disambiguation|political party disambiguation
portal disambiguation|caselaw disambiguation|synagogue disambiguation|disambiguation cleanup|disambig-cleanup
dab-cleanup|2cc|3cc|2ca|wp disambig|hndab|hndisambig|geodisambig
""".strip()
    .replace("\n", "|")
    .split("|")
)


def strip_switches(text: str, site: Site) -> tuple[str, set[str]]:
    """Gives `text` without its behaviour switches, and the switches found, in upper case.

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


def is_disambiguation(title: str, templates: Set[str], switches: Set[str]) -> bool:
    """Tells whether a page only tells articles apart: by its title, its templates' names or its switches."""
    if "DISAMBIG" in switches or title.endswith("(disambiguation)"):
        return True
    return any(name.lower() in _DISAMBIGUATIONS for name in templates)
