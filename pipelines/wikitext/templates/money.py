"""Sums of money, and listings of companies on stock exchanges."""

from __future__ import annotations

import re
from functools import cache
from string import ascii_letters

from pipelines.wikitext.data import read_pairs, read_table
from pipelines.wikitext.templates.markup import link
from pipelines.wikitext.templates.numerals import parse_number, round_half_up, write_number
from pipelines.wikitext.templates.registry import TemplateCall, template

__all__: list[str] = []

_SCALES = {
    "b": " billion",
    "m": " million",
    "k": " thousand",
    "t": " trillion",
    "c": " crore",
    "l": " lakh",
    "lc": " lakh crore",
    "q": " quadrillion",
}


def _amount(call: TemplateCall, key: str) -> str:
    """Return the sum in the argument `key` with its thousands grouped, or as it is written."""
    number = parse_number(call.get(key))
    return write_number(number) if number is not None else call.get(key)


_YES = frozenset(("y", "yes", "on", "1", "true"))
_NO = frozenset(("n", "no", "off", "0", "false"))


@cache
def _articles() -> dict[str, str]:
    return read_pairs("currency_articles")


def _linked(sign: str) -> str:
    """Return a currency's sign as a link to its article, if that is known."""
    article = _articles().get(sign.strip(), "")
    return sign.replace(sign.strip(), link(article, sign.strip())) if article else sign


def _register_currencies() -> dict[str, str]:
    """Register the templates of single currencies; return the signs by code of a country's currency."""
    by_country: dict[str, str] = {}
    for names, sign, use in read_table("currencies"):
        if use == "country":
            by_country[names] = sign
            continue

        def sum_before(call: TemplateCall, sign: str = sign) -> str:
            """``{{US$|2 billion}}`` -> ``US$2 billion``; without a sum the sign alone; ``link=yes`` links it."""
            if call.get("link", "lk").lower() in _YES:
                return f"{_linked(sign)}{call.get('1')}".rstrip()
            shown = sign.lstrip(ascii_letters) if call.get("long").lower() in _NO else sign
            return shown.rstrip() if not call.get("1") else f"{shown}{call.get('1')}"

        def sum_behind(call: TemplateCall, sign: str = sign) -> str:
            """``{{PLN|5}}`` -> ``5 zł``; ``link=yes`` links the sign."""
            if call.get("link", "lk").lower() in _YES:
                return f"{call.get('1')} {_linked(sign)}".strip()
            return f"{call.get('1')} {sign}".strip()

        def sum_given(call: TemplateCall, sign: str = sign) -> str | None:
            """``{{INRConvert|5|c}}`` -> ``₹5 crore``: the sum that is given, without its worth elsewhere."""
            if not call.get("1"):
                return None
            return f"{sign}{_amount(call, '1')}{_SCALES.get(call.get('2').lower(), '')}"

        template(*names.split("|"))({"before": sum_before, "behind": sum_behind, "given": sum_given}[use])
    return by_country


_BY_COUNTRY = _register_currencies()
# Signs by code, for templates that are given a code; a trailing space separates words from digits.
_BY_CODE = {
    name.upper(): sign
    for names, sign, use in read_table("currencies")
    for name in names.split("|")
    if use == "before" and len(name) == 3 and name[1:].isupper()
}


@template("pound", "£sd")
def pounds(call: TemplateCall) -> str:
    """``{{£sd|s=7|d=6}}`` -> ``0.38``: pounds, shillings and pence as pounds; ``{{pound|5}}`` -> ``£5``."""
    if not call.name.startswith("£sd"):
        return f"£{call.get('1')}"
    whole, shillings, pence = (
        parse_number(call.get(*keys, default="0")) for keys in (("l", "1"), ("s", "2"), ("d", "3"))
    )
    if whole is None or shillings is None or pence is None or max(whole, shillings, pence) > 10**12:
        return ""
    return f"{round_half_up(whole + shillings / 20 + pence / 240, 2):.2f}"


@template("currency", "money")
def currency(call: TemplateCall) -> str | None:
    """``{{currency|1000|EUR}}`` -> ``[[Euro|€]]1,000``; ``linked=no`` has the sign alone."""
    amount, code = call.get("amount", "1"), call.get("type", "2", default="USD").upper()
    number = parse_number(amount)
    shown = write_number(number) if number is not None else amount
    if not shown:
        return None
    sign = "$" if code == "USD" else _BY_CODE.get(code, f"{code} ")
    return f"{sign if call.get('linked').lower() in _NO else _linked(sign)}{shown}"


@template("inflation")
def inflation(call: TemplateCall) -> str:
    """``{{inflation|US|100|1950}}`` -> ``…``: the sum in today's money is reckoned from an index not on the page.

    Where the template would write the whole remark (``fmt=eq``), nothing is left of it.
    """
    return "" if call.get("fmt").lower() in ("eq", "equivalent") else "…"


@template("inflation/year", "inflation-year")
def inflation_year(call: TemplateCall) -> str:
    """``{{inflation/year|US}}`` -> the last full year before the dump, to which the index reaches."""
    return str(call.site.date.year - 1) if call.site.date else ""


@template("format price")
def format_price(call: TemplateCall) -> str:
    """``{{format price|3160384}}`` -> ``3.16 million``."""
    number = parse_number(call.get("1"))
    if number is None:
        return call.get("1")
    for size, word in ((10**12, "trillion"), (10**9, "billion"), (10**6, "million")):
        if abs(number) >= size:
            return f"{float(number) / size:.3g} {word}"
    return write_number(number)


@template("To USD", "To USD round", "ToUSD", "USD to", "To INR", "To EUR", "To GBP")
def to_dollars(_call: TemplateCall) -> str:
    """``{{to USD|5|GBR}}`` -> ``…``: the rate is not on the page."""
    return "…"


@template("FXConvert", "FXconvert", "USDConvert")
def foreign_exchange(call: TemplateCall) -> str | None:
    """``{{FXConvert|CHN|5|b}}`` -> ``CN¥5 billion``: the sum that is given, without its worth elsewhere."""
    country, amount, scale = [*call.positional(), "", "", ""][:3]
    if call.is_called("USDConvert"):
        country, amount, scale = "USA", country, amount
    number = parse_number(amount)
    if not amount:
        return None
    sign = _BY_COUNTRY.get(country.upper(), f"{country} ")
    shown = write_number(number) if number is not None else amount
    return f"{sign}{shown}{_SCALES.get(scale.lower(), '')}"


@template("$")
def dollar_sign(call: TemplateCall) -> str:
    """``{{$|5}}`` -> ``$5``."""
    return f"${call.get('1')}"


# A sum in lakhs or crores: the number, then the word.
_INDIAN = re.compile(r"(lakh|crore)s?\Z")


@template("lakh", "crore", "lakhs", "crores")
def indian_numbers(call: TemplateCall) -> str:
    """``{{crore|5}}`` -> ``5 crore``; ``{{crore}}`` -> ``[[crore]]``."""
    word = _INDIAN.match(call.name)
    noun = word[1] if word else ""
    return f"{call.get('1')} {noun}".strip() if call.get("1") else link(noun) if noun else ""


def _register_exchanges() -> None:
    for names, label, article in read_table("exchanges"):
        shown = link(article, label) if article else label

        @template(*names.split("|"))
        def listing(call: TemplateCall, shown: str = shown) -> str | None:
            """``{{NYSE|GE}}`` -> ``[[New York Stock Exchange|NYSE]]: GE``; OMX has the symbol behind its number."""
            symbol = call.get("2", "1") if call.name.lower() == "omx" else call.get("1")
            return f"{shown}: {symbol}" if symbol else None


_register_exchanges()
