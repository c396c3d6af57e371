"""Sections that hold no text of their own: see also, references, further reading, external links, notes."""

from __future__ import annotations

import re
from functools import cache, lru_cache

from pipelines.wikitext.data import read_table

__all__ = ["LISTS", "SECTION", "apparatus_in"]

SECTION, LISTS = "section", "lists"
"""What of a section is apparatus: all of it, or its list items alone."""

# What may stand behind a heading and does not belong to its name.
_ENDS = ":.։ 　"
_SPACES = re.compile(r"\s+")


_LONGEST_HEADING = 100
"""Characters; what is longer names no such section, and is not kept in memory either."""


def apparatus_in(heading: str, language: str) -> str | None:
    """Return what of the section below `heading` is apparatus: `SECTION`, `LISTS` or None.

    The names are those of the table ``apparatus_sections`` for the wiki's language, alone or several joined
    ("Notes and references").
    """
    return None if len(heading) > _LONGEST_HEADING else _apparatus_in(heading, language)


@lru_cache(maxsize=4096)
def _apparatus_in(heading: str, language: str) -> str | None:
    names, joints = _names(language.partition("-")[0])
    heading = _SPACES.sub(" ", heading).strip(_ENDS).lower()
    if heading in names:
        return names[heading]
    if joints is None:
        return None
    parts = [part.strip() for part in joints.split(heading)]
    found = {names.get(part) for part in parts if part}
    if not found or None in found:
        return None
    return SECTION if SECTION in found else LISTS


@cache
def _names(language: str) -> tuple[dict[str, str], re.Pattern[str] | None]:
    """Return what is apparatus by heading, and what joins headings; nothing for a language without rows."""
    language = "en" if language == "simple" else language
    names: dict[str, str] = {}
    joints = None
    for code, about, cell in read_table("apparatus_sections"):
        if code != language:
            continue
        if about == "and":
            joints = _joints(cell.split("|"))
        else:
            names.update(dict.fromkeys(cell.split("|"), LISTS if about == LISTS else SECTION))
    return names, joints


def _joints(words: list[str]) -> re.Pattern[str]:
    # A word of letters that part words by spaces stands between spaces; in other scripts there are none.
    spaced = [re.escape(word) for word in words if word[0] < "\u3000"]
    bare = [re.escape(word) for word in words if word[0] >= "\u3000"]
    alternatives = [r"[,;/&+]", *bare]
    if spaced:
        alternatives.insert(0, rf"(?<= )(?:{'|'.join(spaced)})(?= )")
    return re.compile("|".join(alternatives))
