"""Templates of wikis in other languages than English: what they show and what is dropped, from tables by language.

English rules hold on English wikis alone. Elsewhere hold the rows of the wiki's language in
``data/templates_by_language.tsv`` and ``data/kinds_by_language.tsv``, and the few English names that mean the same
everywhere (``data/universal_templates.tsv``). Whatever else stands in running text is unknown, and counted.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, lru_cache
from typing import NamedTuple

from pipelines.wikitext.data import read_column, read_table
from pipelines.wikitext.templates.kinds import template_kind
from pipelines.wikitext.templates.language_formats import format_number, write_date_in
from pipelines.wikitext.templates.markup import plain
from pipelines.wikitext.templates.registry import (
    Renderer,
    TemplateCall,
    find_renderer,
    normalise_template_name,
)

__all__ = ["find_renderer_on", "template_kind_on"]

_ENGLISH = frozenset(("en", "simple"))


@lru_cache(maxsize=1 << 14)
def find_renderer_on(language: str, name: str) -> Renderer | None:
    """Return the renderer of the template with the normalised name `name` on a wiki in `language`, if there is one."""
    if language in _ENGLISH:
        return find_renderer(name)
    known = _renderers(language).get(name)
    if known is not None:
        return known
    return find_renderer(name) if name in _universal() else None


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
    return kinds.kinds[match.lastindex - 1] if match is not None and match.lastindex else None


@cache
def _universal() -> frozenset[str]:
    return frozenset(map(normalise_template_name, read_column("universal_templates")))


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


@cache
def _renderers(language: str) -> dict[str, Renderer]:
    renderers: dict[str, Renderer] = {}
    for code, names, form in read_table("templates_by_language"):
        if code == language:
            renderer = _FUNCTIONS[form[1:]] if form.startswith("!") else _of_form(form)
            for name in names.split("|"):
                renderers.setdefault(normalise_template_name(name), renderer)
    return renderers


# What shows only where all of its arguments are there, and an argument with what stands in for it.
_OPTIONAL = re.compile("‹([^‹›]*)›")
_FIELD = re.compile(r"\{([^{}=]*)(?:=([^{}]*))?\}")


def _of_form(form: str) -> Renderer:
    """Return the renderer that fills the form of a row of ``templates_by_language.tsv``."""
    linked = "[[" in form

    def fill(call: TemplateCall) -> str | None:
        missing = False

        def value(field: re.Match[str]) -> str:
            nonlocal missing
            keys = field[1].split("|")
            if keys == ["NAME"]:
                return call.name
            if keys == ["CODE"]:
                return call.name.upper()
            if keys == ["CODES"]:
                return ", ".join(filter(None, call.positional())).upper()
            text = call.get(*keys, default=field[2] or "")
            missing = missing or not text
            return plain(text) if linked else text

        def optional(part: re.Match[str]) -> str:
            nonlocal missing
            before, missing = missing, False
            shown = _FIELD.sub(value, part[1])
            shown, missing = ("" if missing else shown), before
            return shown

        shown = _FIELD.sub(value, _OPTIONAL.sub(optional, form))
        return None if missing else shown

    fill.__doc__ = f"``{form}``, filled with the arguments."
    return fill


def _number(call: TemplateCall) -> str | None:
    """A number as the language writes it, with its unit: ``{{unité|1234|km|2}}`` -> ``1 234 km<sup>2</sup>``."""
    number, unit = call.get("1"), call.get("u", "ul", "2")
    if not number:
        return None
    shown = format_number(number, call.site.language)
    power = call.get("3")
    raised = f"<sup>{power}</sup>" if unit and power.isdecimal() else ""
    return f"{shown} {unit}{raised}" if unit else shown


def _date(call: TemplateCall) -> str | None:
    """Day, month and year as the language writes them; a date in one piece stays."""
    arguments = [argument for argument in call.positional() if argument]
    if len(arguments) < 2:
        return arguments[0] if arguments else None
    day, month, year = [*arguments, ""][:3]
    return write_date_in(call.site.language, day, month, year)


def _date_from_year(call: TemplateCall) -> str | None:
    """Year, month and day as the language writes a date."""
    year, month, day = [*call.positional(), "", "", ""][:3]
    return write_date_in(call.site.language, day, month, year) if year else None


def _biography(call: TemplateCall) -> str | None:
    """The first sentence of an Italian biography, which ``{{Bio}}`` writes from its fields."""
    name = " ".join(filter(None, (call.get("Titolo"), call.get("Nome"), call.get("Cognome"))))
    if not name:
        return None
    ends = [
        ", ".join(filter(None, (call.get(f"Luogo{what}"), " ".join(filter(None, (day, year))))))
        for what, day, year in (
            ("Nascita", call.get("GiornoMeseNascita"), call.get("AnnoNascita")),
            ("Morte", call.get("GiornoMeseMorte"), call.get("AnnoMorte")),
        )
    ]
    died = bool(call.get("AnnoMorte"))
    life = " – ".join(filter(None, ends if died else ends[:1]))
    activities = [call.get("Attività"), call.get("Attività2"), call.get("Attività3")]
    words = [word for word in activities if word]
    listed = words[0] if words else ""
    if len(words) > 1:
        listed = f"{', '.join(words[:-1])} e {words[-1]}"
    female = call.get("Sesso").upper() == "F"
    verb = ("è stata una" if female else "è stato un") if died else ("è una" if female else "è un")
    nationality = call.get("NazionalitàNaturalizzato", "Nazionalità")
    said = call.get("FineIncipit") or " ".join(filter(None, (verb, listed, nationality) if listed else ()))
    behind = call.get("PostNazionalità")
    sentence = f"{name}{call.get('PostCognomeVirgola') and ', ' + call.get('PostCognomeVirgola')}"
    sentence += f" ({life})" if life else ""
    gap = "" if behind.startswith((",", ".")) else " "
    return f"{sentence} {said}{gap}{behind}".rstrip() + ("" if behind.endswith(".") else ".")


def _as_in_english(name: str) -> Renderer:
    """Return the English renderer `name`: the template has the same arguments and no words of its own."""
    renderer = find_renderer(name)
    assert renderer is not None
    return renderer


_FUNCTIONS: dict[str, Callable[[TemplateCall], str | None]] = {
    "number": _number,
    "day month year": _date,
    "year month day": _date_from_year,
    "bio": _biography,
    "quote": lambda call: _as_in_english("quote")(call),
    "nihongo": lambda call: _as_in_english("nihongo")(call),
}
