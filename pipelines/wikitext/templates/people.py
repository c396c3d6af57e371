"""Titles behind names, parties, stations: what stands beside a name in a sentence."""

from __future__ import annotations

from pipelines.wikitext.templates.markup import link
from pipelines.wikitext.templates.number_words import ordinal
from pipelines.wikitext.templates.registry import TemplateCall, template

__all__: list[str] = []


@template("post-nominals", "postnominals", "post nominals", "post-nominal", "postnom")
def post_nominals(call: TemplateCall) -> str:
    """``{{post-nominals|country=GBR|OBE|FRS}}`` -> ``OBE FRS``."""
    letters = [letter for letter in call.positional() if letter]
    return f"{' '.join(letters)}" if letters else ""


@template("pre-nominals")
def pre_nominals(call: TemplateCall) -> str:
    """``{{pre-nominals|Sir}}`` -> ``Sir``."""
    return call.get("1")


@template("party name with color", "party name with colour", "party link")
def party(call: TemplateCall) -> str | None:
    """``{{party name with color|Labour Party (UK)}}`` -> ``[[Labour Party (UK)|Labour Party]]``."""
    name = call.get("1")
    return link(name, name.partition(" (")[0]) if name else None


@template("stn", "station", "station link", "stl", "stnlnk")
def station(call: TemplateCall) -> str | None:
    """``{{stnlnk|Crewe}}`` -> ``[[Crewe railway station|Crewe]]``; systems have titles of their own."""
    if call.name in ("station", "stn", "station link", "stl"):
        return call.get("2", "1") or None
    name = call.get("1")
    return link(f"{name} railway station", name) if name else None


@template("ushr", "uSHR", "uS congressional district")
def congressional_district(call: TemplateCall) -> str | None:
    """``{{ushr|Texas|5|X}}`` -> ``[[Texas's 5th congressional district|..]]`` as words."""
    state, number = call.get("1"), call.get("2")
    if not state or not number:
        return None
    if number.isdecimal():
        return link(f"{state}'s {ordinal(int(number[:4]))} congressional district")
    return link(f"{state}'s at-large congressional district")


@template("jct")
def road(call: TemplateCall) -> str | None:
    """``{{jct|state=CA|I|5|to|US|101}}`` -> ``I-5``: type and number of the roads."""
    words = [argument for argument in call.positional() if argument]
    roads = []
    for position in range(0, len(words) - 1, 2):
        kind, number = words[position], words[position + 1]
        roads.append(f"{kind}-{number}" if kind == "I" else f"{kind} {number}")
    return " / ".join(roads) or None


@template("title", "pAGENAMEBASE")
def page_title(call: TemplateCall) -> str:
    """``{{title}}`` -> the page's title; ``{{PAGENAMEBASE}}`` without the bracket that tells pages apart."""
    title = call.get("1", default=call.title)
    return title.partition(" (")[0] if call.name == "pAGENAMEBASE" else title


@template("uN population", "uN Population")
def population(call: TemplateCall) -> str:
    """``{{UN population|Andorra}}`` -> ``…``: the figure is not on the page; its source and year are dropped."""
    return "" if call.get("1").lower() in ("ref", "year") else "…"


@template("if empty", "ifempty")
def first_given(call: TemplateCall) -> str:
    """``{{if empty||b}}`` -> ``b``."""
    return next((argument for argument in call.positional() if argument), "")
