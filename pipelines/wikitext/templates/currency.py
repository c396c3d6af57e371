"""Sums of money."""

from __future__ import annotations

import re

from pipelines.wikitext.templates.markup import link
from pipelines.wikitext.templates.numerals import parse_number, round_half_up, write_number
from pipelines.wikitext.templates.registry import TemplateCall, template

__all__: list[str] = []

_NO = frozenset(("no", "n", "off", "false", "0"))

# Templates of one currency: name -> sign in front of the sum.
_SIGNS = {
    "uS$": "US$",
    "uSD": "US$",
    "aUD": "A$",
    "aU$": "A$",
    "a$": "A$",
    "cAD": "CA$",
    "c$": "C$",
    "cA$": "CA$",
    "nZD": "NZ$",
    "nZ$": "NZ$",
    "hKD": "HK$",
    "hK$": "HK$",
    "sGD": "S$",
    "s$": "S$",
    "tWD": "NT$",
    "nT$": "NT$",
    "gBP": "£",
    "£": "£",
    "pound sterling": "£",
    "eUR": "€",
    "euro": "€",
    "€": "€",
    "jPY": "¥",
    "¥": "¥",
    "yen": "¥",
    "cNY": "CN¥",
    "rMB": "RMB ",
    "cN¥": "CN¥",
    "kRW": "₩",
    "₩": "₩",
    "iNR": "₹",
    "indian Rupee": "₹",
    "indian rupee": "₹",
    "indian rupees": "₹",
    "₹": "₹",
    "pHP": "₱",
    "philippine peso": "₱",
    "tHB": "฿",
    "bDT": "৳",
    "pKR": "Rs ",
    "lKR": "Rs. ",
    "nPR": "रु",
    "iLS": "₪",
    "nIS": "₪",
    "₪": "₪",
    "rUB": "₽",
    "₽": "₽",
    "uAH": "₴",
    "₴": "₴",
    "tRY": "₺",
    "₺": "₺",
    "bRL": "R$",
    "r$": "R$",
    "mXN": "MX$",
    "aRS": "AR$",
    "cLP": "CL$",
    "cOP": "COL$",
    "zAR": "R",
    "nGN": "₦",
    "₦": "₦",
    "naira": "₦",
    "gHS": "GH₵",
    "kZT": "₸",
    "vND": "₫",
    "fRF": "₣",
    "cHF": "CHF ",
    "dEM": "DM ",
    "iEP": "IR£",
    "iR£": "IR£",
    "eGP": "E£",
    "mYR": "RM",
    "rM": "RM",
    "iDR": "Rp",
    "iTL": "₤",
    "pYG": "₲",
    "aZN": "₼",
    "gEL": "₾",
    "₾": "₾",
    "mNT": "₮",
    "lAK": "₭",
    "kHR": "៛",
    "₱": "₱",
    "৳": "৳",
    "฿": "฿",
    "₫": "₫",
    "₡": "₡",
    "₲": "₲",
    "₵": "₵",
    "₸": "₸",
    "₮": "₮",
    "₭": "₭",
    "₼": "₼",
    "pEN": "S/",
    "uYU": "$U",
    "kES": "KSh",
    "nLG": "ƒ",
    "peso": "₱",
    "tTD": "TT$",
    "turkish lira": "₺",
    "russian ruble": "₽",
    "indian rupee symbol": "₹",
    "gB£": "£",
}

# Codes whose names in small letters redirect to them.
_SMALL = frozenset(("usd", "gbp", "eur", "jpy", "cad", "aud", "nzd", "cny", "inr", "krw"))


def _register_signs() -> None:
    for name, sign in _SIGNS.items():
        small = {name.lower()} & _SMALL

        @template(name, *small)
        def sum_of_currency(call: TemplateCall, sign: str = sign) -> str:
            """``{{US$|2 billion}}`` -> ``US$2 billion``; without a sum the sign alone."""
            return sign.rstrip() if not call.get("1") else f"{sign}{call.get('1')}"


_register_signs()

# Templates named after a currency whose sign stands behind the sum.
_BEHIND = {
    "sEK": "kr",
    "nOK": "kr",
    "dKK": "kr",
    "iSK": "kr",
    "pLN": "zł",
    "cZK": "Kč",
    "hUF": "Ft",
    "rON": "lei",
    "bGN": "лв",
}


def _register_behind() -> None:
    for name, sign in _BEHIND.items():

        @template(name)
        def sum_before_sign(call: TemplateCall, sign: str = sign) -> str:
            """``{{PLN|5}}`` -> ``5 zł``."""
            return f"{call.get('1')} {sign}".strip()


_register_behind()


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


# Signs by code, for templates that are given a code; a trailing space separates words from digits.
_CODES = {name.upper(): sign for name, sign in _SIGNS.items() if len(name) == 3 and name[1:].isupper()}


@template("currency", "money")
def currency(call: TemplateCall) -> str | None:
    """``{{currency|1000|EUR}}`` -> ``€1,000``."""
    amount, code = call.get("amount", "1"), call.get("type", "2", default="USD").upper()
    number = parse_number(amount)
    shown = write_number(number) if number is not None else amount
    if not shown:
        return None
    sign = _CODES.get(code, f"{code} ")
    return f"{'$' if code == 'USD' else sign}{shown}"


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


# Conversions whose rate is not on the page: name -> sign of the sum that is given.
_CONVERSIONS = {
    "iNRConvert": "₹",
    "indian Rupee convert": "₹",
    "cNYConvert": "CN¥",
    "rMBConvert": "RMB ",
    "pHPConvert": "₱",
    "bDTConvert": "৳",
    "pKRConvert": "Rs ",
    "lKRConvert": "Rs. ",
    "nPRConvert": "रु",
    "jPYConvert": "¥",
    "yen convert": "¥",
    "kRWConvert": "₩",
    "iDRConvert": "Rp",
    "mYRConvert": "RM",
    "tHBConvert": "฿",
    "vNDConvert": "₫",
}
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


def _register_conversions() -> None:
    for name, sign in _CONVERSIONS.items():

        @template(name)
        def given_sum(call: TemplateCall, sign: str = sign) -> str | None:
            """``{{INRConvert|5|c}}`` -> ``₹5 crore``: the sum that is given, without its worth elsewhere."""
            amount = call.get("1")
            number = parse_number(amount)
            if not amount:
                return None
            shown = write_number(number) if number is not None else amount
            return f"{sign}{shown}{_SCALES.get(call.get('2').lower(), '')}"


_register_conversions()


@template("to USD", "to USD round", "toUSD", "uSD to", "to INR", "to EUR", "to GBP")
def to_dollars(_call: TemplateCall) -> str:
    """``{{to USD|5|GBR}}`` -> ``…``: the rate is not on the page."""
    return "…"


@template("fXConvert", "fXconvert", "uSDConvert")
def foreign_exchange(call: TemplateCall) -> str | None:
    """``{{FXConvert|CHN|5|b}}`` -> ``CN¥5 billion``: the sum that is given, without its worth elsewhere."""
    country, amount, scale = [*call.positional(), "", "", ""][:3]
    if call.name == "uSDConvert":
        country, amount, scale = "USA", country, amount
    number = parse_number(amount)
    if not amount:
        return None
    sign = _CURRENCY_OF.get(country.upper(), f"{country} ")
    shown = write_number(number) if number is not None else amount
    return f"{sign}{shown}{_SCALES.get(scale.lower(), '')}"


# Currencies by the country that issues them.
_CURRENCY_OF = {
    "USA": "US$",
    "CHN": "CN¥",
    "JPN": "¥",
    "GBR": "£",
    "EUR": "€",
    "EUZ": "€",
    "IND": "₹",
    "KOR": "₩",
    "TWN": "NT$",
    "HKG": "HK$",
    "SGP": "S$",
    "MYS": "RM",
    "THA": "฿",
    "PHL": "₱",
    "IDN": "Rp",
    "AUS": "A$",
    "CAN": "CA$",
    "RUS": "₽",
    "BRA": "R$",
    "MEX": "MX$",
}


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
