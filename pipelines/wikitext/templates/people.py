"""Titles behind names, parties, constituencies: what stands beside a name in a sentence."""

from __future__ import annotations

from functools import cache

from pipelines.wikitext.data import read_table
from pipelines.wikitext.templates.markup import link
from pipelines.wikitext.templates.numerals import ordinal
from pipelines.wikitext.templates.registry import TemplateCall, template

__all__: list[str] = []


@cache
def _articles_of_letters() -> dict[tuple[str, str], str]:
    """Return the articles of letters behind names, by country (empty where it does not count) and letters."""
    return {(country, letters): article for country, letters, article in read_table("post_nominals")}


@template("post-nominals", "postnominals", "post nominals", "post-nominal", "postnom", "post-noms")
def post_nominals(call: TemplateCall) -> str:
    """``{{post-nominals|country=GBR|OBE|FRS}}`` -> ``[[Order of the British Empire|OBE]] FRS``, where known."""
    articles = _articles_of_letters()
    country = call.get("country").upper()
    letters = [letter for letter in call.positional() if letter]
    if letters and not country and letters[0] in _COUNTRIES:
        country = letters.pop(0)
    separator = call.get("sep", default=" ").replace(",", ", ")
    return separator.join(
        link(articles.get((country, letter)) or articles.get(("", letter), ""), letter) for letter in letters
    )


# Codes of countries that older calls have as their first argument.
_COUNTRIES = frozenset(("GBR", "CAN", "AUS", "NZL", "JAM", "IRL", "IND", "PAK", "NGA", "BRB"))


@template("constlk")
def constituency(call: TemplateCall) -> str | None:
    """``{{constlk|Harrow East}}`` -> ``Harrow East``: the words of a link whose article the page does not name."""
    return call.get("2", "1") or None


@template("lbc")
def lifeboat_class(call: TemplateCall) -> str | None:
    """``{{lbc|Arun}}`` -> ``[[Arun-class lifeboat|Arun-class]]``."""
    name = call.get("1")
    return link(f"{name}-class lifeboat", f"{name}-class") if name else None


@template("lbb")
def lifeboat(call: TemplateCall) -> str | None:
    """``{{lbb|Severn}}`` -> ``[[Severn-class lifeboat|Severn]]``."""
    name = call.get("1")
    return link(f"{name}-class lifeboat", name) if name else None


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
