"""Titles behind names, parties, constituencies: what stands beside a name in a sentence."""

from __future__ import annotations

from pipelines.wikitext.templates.markup import link
from pipelines.wikitext.templates.numerals import ordinal
from pipelines.wikitext.templates.registry import TemplateCall, template

__all__: list[str] = []


@template("post-nominals", "postnominals", "post nominals", "post-nominal", "postnom", "post-noms")
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


@template("ushr", "ushr2", "USHR", "USHR2", "US congressional district")
def congressional_district(call: TemplateCall) -> str | None:
    """``{{ushr|Texas|5}}`` -> ``[[Texas's 5th congressional district]]``.

    The third argument shows a part of that: ``E`` the number (``5th``), ``U`` the state, ``B`` and ``X`` both.
    """
    state, number, form = call.get("1"), call.get("2"), call.get("3").upper()
    if not state or not number:
        return None
    shown = ordinal(int(number[:4])) if number.isdecimal() else "at-large"
    article = f"{state}'s {shown} congressional district"
    if form in ("B", "X"):
        return link(article, f"{state} {number}")
    return link(article, {"E": shown, "U": state}.get(form, ""))


@template("USPolAbbr", "uspolabbr")
def party_and_state(call: TemplateCall) -> str | None:
    """``{{USPolAbbr|D|TX}}`` -> ``D–TX``; a number behind it is the district's."""
    words = [word for word in call.positional()[:3] if word]
    return "–".join(words[:2]) + "".join(f" {word}" for word in words[2:]) if len(words) > 1 else None


@template("title", "PAGENAMEBASE")
def page_title(call: TemplateCall) -> str:
    """``{{title}}`` -> the page's title; ``{{PAGENAMEBASE}}`` without the bracket that tells pages apart."""
    title = call.get("1", default=call.title)
    return title.partition(" (")[0] if call.is_called("PAGENAMEBASE") else title


@template("UN population", "UN Population")
def population(call: TemplateCall) -> str:
    """``{{UN population|Andorra}}`` -> ``…``: the figure is not on the page; its source and year are dropped."""
    return "" if call.get("1").lower() in ("ref", "year") else "…"


@template("if empty", "ifempty")
def first_given(call: TemplateCall) -> str:
    """``{{if empty||b}}`` -> ``b``."""
    return next((argument for argument in call.positional() if argument), "")
