"""Templates of wikis in other languages than English: what they show and what is dropped, from tables by language.

English rules hold on English wikis alone. Elsewhere hold the rows of the wiki's language in
``data/templates_by_language.tsv`` and ``data/kinds_by_language.tsv``, the codes of countries in
``data/country_names.tsv``, and the few English names that mean the same everywhere
(``data/universal_templates.tsv``). Whatever else stands in running text is unknown, and counted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import NamedTuple

from pipelines.wikitext.data import read_column, read_table
from pipelines.wikitext.templates.forms import country_renderer, renderer_of_form
from pipelines.wikitext.templates.kinds import template_kind
from pipelines.wikitext.templates.language_formats import languages_by_code, languages_by_name
from pipelines.wikitext.templates.registry import Renderer, find_renderer, normalise_template_name

__all__ = ["find_renderer_on", "template_kind_on"]

_ENGLISH = frozenset(("en", "simple"))


@lru_cache(maxsize=1 << 14)
def find_renderer_on(language: str, name: str) -> Renderer | None:
    """Return the renderer of the template with the normalised name `name` on a wiki in `language`, if there is one."""
    if language in _ENGLISH:
        return find_renderer(name)
    names, families = _templates(language)
    if (form := names.get(name)) is not None:
        return renderer_of_form(form)
    if name in _universal():
        return find_renderer(name)
    if (country := country_renderer(language, name)) is not None:
        return country
    for family in families:
        match = family.pattern.fullmatch(name)
        if match is not None and (code := family.code(match)) is not None:
            return renderer_of_form(family.form, code)
    return None


@lru_cache(maxsize=1 << 14)
def template_kind_on(language: str, name: str) -> str | None:
    """Return the kind of a template by its normalised name on a wiki in `language`; None where it may say something."""
    if language in _ENGLISH:
        return template_kind(name)
    lowered = name.lower()
    kinds = _kinds(language)
    if (kind := kinds.names.get(lowered)) is not None:
        return kind
    match = kinds.patterns.fullmatch(lowered) if kinds.patterns is not None else None
    if match is not None and match.lastindex:
        return kinds.kinds[match.lastindex - 1]
    # A name of several English words was borrowed with its template; one word may mean anything.
    borrowed = template_kind(name) if " " in name and name.isascii() else None
    return borrowed if borrowed is None or find_renderer_on(language, name) is None else None


@cache
def _universal() -> frozenset[str]:
    return frozenset(map(normalise_template_name, read_column("universal_templates")))


class _Family(NamedTuple):
    """Templates that differ in a part of their names: ``lang-en``, ``lang-fr``, ...; ``Xe siècle``, ``XIe siècle``."""

    pattern: re.Pattern[str]
    codes: Mapping[str, str] | None
    """Codes of languages by what may stand in that part; None where it may be any words or any number."""
    form: str

    def code(self, match: re.Match[str]) -> str | None:
        """Return the code of the language that the name tells, empty if it tells none; None if it is no language."""
        return "" if self.codes is None else self.codes.get(match[1])


# "12" or "XII"; the first letter of a normalised name is small.
_NUMBER = r"(\d+|[ivxlcdmIVXLCDM][IVXLCDM]*)"


@cache
def _templates(language: str) -> tuple[dict[str, str], list[_Family]]:
    """Return the forms of the language's templates by normalised name, and its families."""
    parts = {"@": languages_by_code(language), "%": languages_by_name(language), "#": None, "*": None}
    names: dict[str, str] = {}
    families: list[_Family] = []
    rows = [row for row in read_table("templates_by_language") if row[0] in (language, "*")]
    # The language's own rows come first.
    for _, written, form in sorted(rows, key=lambda row: row[0] == "*"):
        for name in map(normalise_template_name, written.split("|")):
            part = next((sign for sign in parts if sign in name), None)
            if part is None:
                names.setdefault(name, form)
            else:
                any_part = _NUMBER if part == "#" else "(.+)"
                pattern = re.compile(any_part.join(map(re.escape, name.split(part))))
                families.append(_Family(pattern, parts[part], form))
    return names, families


class _Kinds(NamedTuple):
    names: dict[str, str]
    patterns: re.Pattern[str] | None
    """One group a name with stars; `kinds` names their kinds in turn."""
    kinds: list[str]


@cache
def _kinds(language: str) -> _Kinds:
    names: dict[str, str] = {}
    patterns: list[str] = []
    kinds: list[str] = []
    rows = [row for row in read_table("kinds_by_language") if row[0] in (language, "*")]
    # The language's own rows come first.
    for _, kind, name in sorted(rows, key=lambda row: row[0] == "*"):
        name = name.lower()
        if "*" in name:
            patterns.append("(" + ".*".join(map(re.escape, name.split("*"))) + ")")
            kinds.append(kind)
        else:
            names.setdefault(name, kind)
    return _Kinds(names, re.compile("|".join(patterns)) if patterns else None, kinds)
