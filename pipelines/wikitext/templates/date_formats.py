"""Dates as text: read from arguments, and written by the format letters of ``{{#time:}}``."""

from __future__ import annotations

import calendar
import datetime
from collections.abc import Callable

from pipelines.wikitext.templates.calendars import hebrew_numeral, in_calendar, year_in
from pipelines.wikitext.templates.language_formats import language_format, weekday_names
from pipelines.wikitext.templates.markup import plain
from pipelines.wikitext.templates.numerals import roman_numeral
from pipelines.wikitext.templates.registry import TemplateCall

__all__ = [
    "MONTHS",
    "YES",
    "format_time",
    "month_number",
    "read_date",
    "read_number",
    "wants_day_first",
    "write_date",
]

MONTHS = tuple(calendar.month_name)
"""English month names; the first entry is empty."""


def month_number(text: str) -> int | None:
    """Return the number of the month that `text` names or numbers: ``3``, ``03``, ``Mar``, ``March``."""
    text = text.strip().rstrip(".")
    if text.isascii() and text.isdecimal():
        return int(text) if len(text) < 3 and 1 <= int(text) <= 12 else None
    if len(text) < 3:
        return None
    lowered = text.lower()
    for number in range(1, 13):
        if MONTHS[number].lower().startswith(lowered):
            return number
    return 9 if lowered == "sept" else None


def format_time(form: str, date: datetime.date, language: str = "en") -> str:
    """Return `date` by `form`, whose letters are those of
    https://www.mediawiki.org/wiki/Help:Extension:ParserFunctions##time, with the month names of `language`; the time
    of a date without one is midnight.

    Text between double quotes and a character behind a backslash stand for themselves.
    """
    pieces: list[str] = []
    position = 0
    while position < len(form):
        letter = form[position]
        position += 1
        if letter == "\\" and position < len(form):
            pieces.append(form[position])
            position += 1
        elif letter == '"':
            end = form.find('"', position)
            end = len(form) if end < 0 else end
            pieces.append(form[position:end])
            position = end + 1
        elif letter == "x" and position < len(form) and form[position] in _EXTENDED:
            value, taken = _extended(form[position : position + _MOST_LETTERS], date, language)
            pieces.append(value)
            position += taken
        else:
            pieces.append(_letter(letter, date, language))
    return "".join(pieces)


# What MediaWiki adds to PHP's letters: numerals for the next number ("xr" Roman, "xh" Hebrew, "xn" and "xN" plain),
# "xg" a month within a date, "xi", "xm", "xj" other calendars, "xk", "xo", "xt" other years.
_EXTENDED = "nNrhgximjkot"
_MOST_LETTERS = 12
"""Letters that one number may take: each of the numerals may stand before another."""
_NUMERALS: dict[str, Callable[[int], str]] = {"r": roman_numeral, "h": hebrew_numeral}


def _extended(form: str, date: datetime.date, language: str) -> tuple[str, int]:
    """Return what the letters behind an ``x``, with which `form` begins, stand for, and how many of them do."""
    first, second = form[0], form[1:2]
    if first in _NUMERALS and second:
        value, taken = _next_number(form[1:], date, language)
        return (_NUMERALS[first](int(value)) if value.isdecimal() else value), 1 + taken
    if first == "g":
        return language_format(language).date_months[date.month - 1], 1
    if first in "kot":
        return (year_in(first, date), 2) if second == "Y" else ("", 1)
    if first in "imj" and second:
        return _other_calendar(first, second, date), 2
    return "x" if first == "x" else "", 1


def _next_number(form: str, date: datetime.date, language: str) -> tuple[str, int]:
    """Return what the first letters of `form` stand for, and how many letters that are."""
    if form[0] == "x" and form[1:2] in _EXTENDED and len(form) > 1:
        value, taken = _extended(form[1:], date, language)
        return value, 1 + taken
    return _letter(form[0], date, language), 1


def _other_calendar(calendar: str, letter: str, date: datetime.date) -> str:
    day = in_calendar(calendar, date)
    values = {
        "j": day.day,
        "F": day.month_name,
        "x": day.month_name,
        "n": day.month,
        "Y": day.year,
        "y": f"{day.year % 100:02}",
        "t": day.days_in_month,
        "z": day.day_of_year,
    }
    return str(values.get(letter, ""))


def _letter(letter: str, date: datetime.date, language: str) -> str:
    if letter in "HisGuhgaAeTPOIcrUZB":
        english = "en"
        if letter == "c":
            return format_time('Y-m-d"T"H:i:sP', date, english)
        if letter == "r":
            return format_time("D, d M Y H:i:s O", date, english)
        if letter == "U":
            return str((date.toordinal() - _EPOCH) * 86_400 + _seconds(date))
        time = date.time() if isinstance(date, datetime.datetime) else datetime.time()
        half = time.hour % 12 or 12
        return {
            "H": f"{time.hour:02}",
            "G": f"{time.hour}",
            "h": f"{half:02}",
            "g": f"{half}",
            "i": f"{time.minute:02}",
            "s": f"{time.second:02}",
            "a": "pm" if time.hour > 11 else "am",
            "A": "PM" if time.hour > 11 else "AM",
        }.get(letter, _IN_UTC.get(letter, ""))
    month = language_format(language).months[date.month - 1]
    values = {
        "Y": f"{date.year:04}",
        "y": f"{date.year % 100:02}",
        "n": f"{date.month}",
        "m": f"{date.month:02}",
        "F": month,
        "M": month[:3],
        "j": f"{date.day}",
        "d": f"{date.day:02}",
        "l": weekday_names(language)[0][date.isoweekday() % 7],
        "D": weekday_names(language)[1][date.isoweekday() % 7],
        "N": f"{date.isoweekday()}",
        "w": f"{date.isoweekday() % 7}",
        "z": f"{date.timetuple().tm_yday - 1}",
        "t": f"{calendar.monthrange(date.year, date.month)[1]}",
        "L": f"{int(calendar.isleap(date.year))}",
        "W": f"{date.isocalendar()[1]:02}",
        "o": f"{date.isocalendar()[0]}",
    }
    return values.get(letter, letter)


_EPOCH = datetime.date(1970, 1, 1).toordinal()
# Moments are in UTC here.
_IN_UTC = {"e": "UTC", "T": "UTC", "P": "+00:00", "O": "+0000", "I": "0", "Z": "0"}


def _seconds(date: datetime.date) -> int:
    """Return the seconds of the day that are over at `date`, which may have a time."""
    if not isinstance(date, datetime.datetime):
        return 0
    return date.hour * 3600 + date.minute * 60 + date.second


YES = frozenset(("y", "yes", "true", "1", "on"))


def read_number(text: str) -> int | None:
    """Return the whole number that `text` writes in at most five digits, or None."""
    text = plain(text).strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else None


def read_date(arguments: list[str]) -> tuple[int | None, int | None, int | None]:
    """Return year, month and day of ``1912|6|23``; None for what is missing or no number."""
    year, month, day = [*arguments, "", "", ""][:3]
    number = read_number(day)
    return read_number(year), month_number(plain(month)), number if number and number <= 31 else None


def write_date(year: int | None, month: int | None, day: int | None, *, day_first: bool) -> str:
    """Write ``June 23, 1912`` or ``23 June 1912``, leaving out what is missing."""
    if month is None:
        return str(year or "")
    if day is None:
        return f"{MONTHS[month]} {year or ''}".rstrip()
    if day_first:
        return f"{day} {MONTHS[month]} {year or ''}".rstrip()
    return f"{MONTHS[month]} {day}, {year}" if year else f"{MONTHS[month]} {day}"


def wants_day_first(call: TemplateCall) -> bool:
    """Return whether the day is to stand before the month (``df=y``)."""
    return call.get("df").lower() in YES
