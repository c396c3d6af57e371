"""Forms of templates of other wikis, as ``data/templates_by_language.tsv`` holds them, filled with a call's arguments.

``{1}`` is an argument, ``{2|1}`` the first that is there, ``{2=e}`` one with a default; ``‹ (…)›`` shows only where all
of its arguments are there. ``docs/templates.md`` has the other fields.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

from pipelines.wikitext.data import read_table
from pipelines.wikitext.templates.form_functions import FUNCTIONS
from pipelines.wikitext.templates.language_formats import language_name
from pipelines.wikitext.templates.markup import link, plain, sentence_case
from pipelines.wikitext.templates.registry import Renderer, TemplateCall

__all__ = ["country_renderer", "renderer_of_form"]

# What shows only where all of its arguments are there, and an argument with what stands in for it.
_OPTIONAL = re.compile("‹([^‹›]*)›")
_FIELD = re.compile(r"\{([^{}=]*)(?:=([^{}]*))?\}")
# A link in a form.
_LINK = re.compile(r"\[\[.*?\]\]")


@cache
def renderer_of_form(form: str, code: str = "") -> Renderer:
    """Return the renderer for a form; `code` is the language that the template's name tells."""
    if form.startswith("!pieces "):
        separator, _, pieces = form.removeprefix("!pieces ").partition("‹")
        return _of_pieces(separator, tuple(_OPTIONAL.findall("‹" + pieces)), code)
    if form.startswith("!"):
        return FUNCTIONS[form[1:]]
    return _of_form(form, code)


def _of_form(form: str, code: str) -> Renderer:
    linked = _LINK.search(form) is not None
    alternatives = form.split(" // ")

    def fill(call: TemplateCall) -> str | None:
        def optional(part: re.Match[str]) -> str:
            return _filled(part[1], call, code, linked) or ""

        for alternative in alternatives:
            shown = _filled(_OPTIONAL.sub(optional, alternative), call, code, linked)
            if shown is not None:
                return shown
        return None

    fill.__doc__ = f"``{form}``, filled with the arguments."
    return fill


def _of_pieces(separator: str, pieces: tuple[str, ...], code: str) -> Renderer:
    def fill(call: TemplateCall) -> str | None:
        shown = [text for piece in pieces if (text := _filled(piece, call, code, False))]
        return separator.join(shown) or None

    fill.__doc__ = f"The pieces {pieces} whose arguments are there."
    return fill


def _filled(form: str, call: TemplateCall, code: str, linked: bool) -> str | None:
    """Return `form` with its fields filled; None where an argument is missing."""
    missing = False

    def value(field: re.Match[str]) -> str:
        nonlocal missing
        name, _, key = field[1].partition(":")
        if (known := _NAMED.get(name)) is not None:
            argument = call.name if key == "NAME" else call.get(*key.split("|"))
            text = known(call, argument if key else code)
        else:
            text = call.get(*field[1].split("|"), default=field[2] or "")
            text = plain(text) if linked else text
        missing = missing or not text
        return text

    shown = _FIELD.sub(value, form)
    return None if missing else shown


def _language(call: TemplateCall, code: str) -> str:
    return language_name(call.site.language, code)


def _country(call: TemplateCall, code: str) -> str:
    name = _countries(call.site.language).get(code.upper())
    if name is None and code in _country_names(call.site.language):
        name = code
    return link(name) if name else code


_NAMED: dict[str, Callable[[TemplateCall, str], str]] = {
    "NAME": lambda call, _: call.name,
    "Name": lambda call, _: sentence_case(call.name),
    "CODE": lambda call, _: call.name.upper(),
    "CODES": lambda call, _: ", ".join(filter(None, call.positional())).upper(),
    "LANGUAGE": _language,
    "COUNTRY": _country,
}


@cache
def _countries(language: str) -> dict[str, str]:
    """Return the names of countries on the wiki by the codes of its flag templates."""
    return {code: name for wiki, code, name in read_table("country_names") if wiki == language}


@cache
def _country_names(language: str) -> frozenset[str]:
    return frozenset(_countries(language).values())


# A code with the year of an older flag: JPN1947.
_CODE = re.compile(r"([A-Za-z]{2}-[A-Z]{2}|[A-Za-z]{2,4}?)\d{0,4}")


def country_renderer(language: str, name: str) -> Renderer | None:
    """Return the renderer of a template that is a country's code or name (``{{DEU}}``): of its flag the name stays."""
    if (icon := _ICONS.get(language)) is not None and (match := icon.fullmatch(name)):
        return _icon if match[1].upper() in _countries(language) else None
    if match := _CODE.fullmatch(name):
        country = _countries(language).get(match[1].upper())
        if country is not None and name[1:] == name[1:].upper():
            return _flag(country)
    title = sentence_case(name)
    return _flag(title) if title in _country_names(language) and language not in _CODES_ALONE else None


# Wikis where a country's name is the template of a box about it.
_CODES_ALONE = frozenset(("zh",))
# Codes with what makes a flag of them without a name: {{FRA-d}}, {{BRAb}}.
_ICONS = {"fr": re.compile(r"(\w{3})-d"), "pt": re.compile(r"(\w{3})b")}


def _icon(_call: TemplateCall) -> str:
    """``{{FRA-d}}`` -> nothing: a flag alone."""
    return ""


@cache
def _flag(country: str) -> Renderer:
    def show(call: TemplateCall) -> str:
        return "" if call.get("1") == "#" else link(country)

    show.__doc__ = f"The flag of {country}, of which the name stays."
    return show
