"""Templates that say nothing in running text, by kind: they are dropped wherever they stand.

The kinds are what the build counts: ``infobox``, ``sidebar``, ``navbox``, ``hatnote``, ``citation``,
``reference`` (footnote marks and lists of footnotes), ``maintenance`` (banners and inline remarks of
editors), ``metadata``, ``table``, ``chart``, ``media`` (pictures and sound) and ``layout`` (spacing, frames
of columns). Their names stand in ``data/kinds.tsv``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache

from pipelines.wikitext.data import read_table

__all__ = ["template_kind"]

# Marks that substituted templates leave behind.
_SUBSTITUTED = re.compile(r"z[1-9]\d{0,2}\Z")


@dataclass(frozen=True)
class _Kinds:
    """Kinds by name, beginning and ending, in lower case."""

    names: dict[str, str]
    beginnings: dict[str, str]
    endings: dict[str, str]
    beginning: re.Pattern[str]
    ending: re.Pattern[str]


@cache
def _kinds() -> _Kinds:
    names: dict[str, str] = {}
    beginnings: dict[str, str] = {}
    endings: dict[str, str] = {}
    for kind, name in read_table("kinds"):
        name = name.lower()
        if name.endswith("*"):
            beginnings[name[:-1]] = kind
        elif name.startswith("*"):
            endings[name[1:]] = kind
        else:
            names[name] = kind
    longest_first = sorted(beginnings, key=len, reverse=True)
    return _Kinds(
        names,
        beginnings,
        endings,
        re.compile("|".join(map(re.escape, longest_first))),
        re.compile("(?:" + "|".join(map(re.escape, endings)) + r")\Z"),
    )


@lru_cache(maxsize=1 << 16)
def template_kind(name: str) -> str | None:
    """Return the kind of the template with the normalised name `name`, or None where it may say something."""
    name = name.lower()
    kinds = _kinds()
    kind = kinds.names.get(name)
    if kind is not None:
        return kind
    if _SUBSTITUTED.match(name):
        return "metadata"
    if beginning := kinds.beginning.match(name):
        return kinds.beginnings[beginning[0]]
    if ending := kinds.ending.search(name):
        return kinds.endings[ending[0]]
    return None
