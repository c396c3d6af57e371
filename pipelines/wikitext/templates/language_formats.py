"""Numbers and dates as the languages of the wikis write them (``data/language_formats.tsv``)."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from pipelines.wikitext.data import read_column, read_table
from pipelines.wikitext.templates.markup import link

__all__ = [
    "LanguageFormat",
    "format_number",
    "language_format",
    "language_name",
    "languages_by_code",
    "languages_by_name",
    "weekday_names",
    "write_converted",
    "write_date_in",
]


class LanguageFormat(NamedTuple):
    """How one language writes numbers and dates."""

    thousands: str
    decimal: str
    grouped_from: int
    """Digits that a number needs before it is grouped."""
    months: tuple[str, ...]
    date_months: tuple[str, ...]
    """Names of the months within a date."""
    date: str


@cache
def language_format(language: str) -> LanguageFormat:
    """Return the format of `language`, or the English one."""
    rows = {row[0]: row[1:] for row in read_table("language_formats")}
    thousands, decimal, grouped_from, months, date_months, date = rows.get(language, rows["en"])
    names = tuple(months.split("|"))
    within = tuple(date_months.split("|")) if date_months else names
    return LanguageFormat(thousands, decimal, int(grouped_from or 4), names, within, date)


@cache
def weekday_names(language: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of the days of the week in `language`, else in English, Sunday first, and their short forms."""
    rows = {row[0]: row[1:] for row in read_table("weekdays")}
    days, short = rows.get(language, rows["en"])
    return tuple(days.split("|")), tuple(short.split("|"))


# A run of digits before the point, and the digits behind it.
_NUMBER = re.compile(r"(?<![\d.,])(\d{1,60})(?:\.(\d{1,60}))?(?![\d.,]*\d)")
# A number whose decimals stand behind a comma.
_WITH_COMMA = re.compile(r"[-−–+]?\d+,\d+\Z")


def format_number(text: str, language: str) -> str:
    """Return `text` with its numbers, written with a point, as `language` writes them."""
    form = language_format(language)
    if form.decimal == "," and _WITH_COMMA.match(text):
        text = text.replace(",", ".")

    def write(number: re.Match[str]) -> str:
        whole, decimals = number.groups()
        if len(whole) >= form.grouped_from:
            whole = f"{int(whole):,}".replace(",", form.thousands) if whole[0] != "0" else whole
        return f"{whole}{form.decimal}{decimals}" if decimals else whole

    return _NUMBER.sub(write, text)


def _without(field: str, pattern: str) -> str:
    """Return the form of a date without one of its fields and what stands between it and the next."""
    before, _, behind = pattern.partition(field)
    if not before or "{" in behind:
        return before + behind[behind.find("{") :]
    return before[: before.rfind("}") + 1]


def write_date_in(language: str, day: str, month: str, year: str) -> str:
    """Return a date as `language` writes it; the month by number or by name; what is missing is left out."""
    form = language_format(language)
    number = int(month) if month.isascii() and month.isdecimal() and len(month) < 3 else 0
    months = form.date_months if day else form.months
    name = months[number - 1] if 1 <= number <= 12 else month
    if not name:
        return year
    if day.isascii() and day.isdecimal():
        day = day.lstrip("0") or day
    if language == "fr" and day == "1":
        day = "1er"
    pattern = form.date
    if not year:
        pattern = _without("{y}", pattern)
    if not day:
        pattern = _without("{d}", pattern)
    return pattern.replace("{d}", day).replace("{m}", name).replace("{y}", year).strip()


@cache
def _languages(wiki: str) -> dict[str, tuple[str, str]]:
    """Return name and article of languages by code, as a wiki names them."""
    rows = read_table("language_names")
    return {code: (name, article) for of, code, name, article in rows if of == wiki}


def language_name(wiki: str, code: str) -> str:
    """Return the name of the language `code` on the wiki in the language `wiki`, linked; empty if it has none."""
    code = code.lower()
    names = _languages(wiki)
    name, article = names.get(code) or names.get(code.partition("-")[0]) or ("", "")
    return link(article, name) if article else name


@cache
def languages_by_code(wiki: str) -> dict[str, str]:
    """Return the codes of the languages that the wiki in the language `wiki` names, by themselves.

    Where it is not known what a wiki calls them, they are those of the English one.
    """
    return {code: code for code in _languages(wiki) or read_column("languages")}


@cache
def languages_by_name(wiki: str) -> dict[str, str]:
    """Return the codes of the languages by what the wiki in the language `wiki` calls them, the first letter small."""
    return {name[:1].lower() + name[1:]: code for code, (name, _) in _languages(wiki).items()}


# Numbers as the English module of conversions writes them.
_ENGLISH_NUMBER = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+\.\d+|\d{4,}")


def write_converted(text: str, language: str, *, spelt: bool) -> str:
    """Return `text`, measurements by symbols, with its English numbers (``1,234.5``) as `language` writes them.

    Where `spelt` is set, units are called by their names on the wikis that spell them.
    """
    text = _ENGLISH_NUMBER.sub(lambda number: format_number(number[0].replace(",", ""), language), text)
    names, both, symbol = _unit_names(language)
    if symbol is None or not spelt:
        return text
    text = symbol.sub(lambda unit: names[unit[1]], text, count=0 if both else 1)
    return text.replace(" (", "（").replace(")", "）") if both else text


@cache
def _unit_names(language: str) -> tuple[dict[str, str], bool, re.Pattern[str] | None]:
    """Return the names of units by symbol, whether both of two measurements are spelt, and what finds a symbol."""
    rows = [row[1:] for row in read_table("unit_names") if row[0] == language]
    names = {
        symbol.replace("²", "<sup>2</sup>").replace("³", "<sup>3</sup>"): name for _, symbol, name in rows
    }
    if not names:
        return names, False, None
    symbols = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
    return names, rows[0][0] == "all", re.compile(rf"(?<=\d)(?:&nbsp;|\s)({symbols})(?![\w<²³/⋅])")
