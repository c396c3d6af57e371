"""Dates in other calendars and numbers in other numerals, as ``{{#time:}}`` writes them.

Each calendar is the arithmetical one that MediaWiki reckons with
(https://www.mediawiki.org/wiki/Help:Extension:ParserFunctions##time): the civil tabular Islamic calendar, the
Hebrew calendar, the Iranian calendar in cycles of 33 years, and the years of Thailand, Taiwan and Japan.
"""

from __future__ import annotations

import datetime
from functools import cache
from typing import NamedTuple

from pipelines.wikitext.data import read_table

__all__ = ["CalendarDay", "hebrew_numeral", "in_calendar", "japanese_year", "year_in"]


class CalendarDay(NamedTuple):
    """A day in a calendar."""

    year: int
    month: int
    """Counted from the calendar's first month."""
    day: int
    month_name: str
    days_in_month: int
    day_of_year: int
    """Counted from 0."""


@cache
def _month_names(calendar: str) -> tuple[str, ...]:
    """Return the English names of a calendar's months; of the Hebrew one also those of a leap year's two Adars."""
    return tuple(name for of, name in read_table("calendar_months") if of == calendar)


def in_calendar(letter: str, date: datetime.date) -> CalendarDay:
    """Return `date` in the calendar that the letter behind the ``x`` names: ``i``, ``m`` or ``j``."""
    ordinal = date.toordinal()
    if letter == "m":
        return _islamic(ordinal)
    return _hebrew(ordinal) if letter == "j" else _iranian(ordinal)


# Days from 1 January 1 to the first day of each calendar.
_ISLAMIC_EPOCH, _HEBREW_EPOCH, _IRANIAN_979 = 227_015, -1_373_427, 584_102


def _islamic(ordinal: int) -> CalendarDay:
    year = (30 * (ordinal - _ISLAMIC_EPOCH) + 10_646) // 10_631

    def start(year: int) -> int:
        return _ISLAMIC_EPOCH + 354 * (year - 1) + (3 + 11 * year) // 30

    day = ordinal - start(year)
    months = [30 if month % 2 == 0 else 29 for month in range(12)]
    months[11] += start(year + 1) - start(year) - 354
    return _day_in(year, day, months, _month_names("islamic"))


def _day_in(year: int, day: int, months: list[int], names: tuple[str, ...]) -> CalendarDay:
    """Return the day that is `day` days behind the year's first."""
    rest = day
    for month, length in enumerate(months):
        if rest < length:
            return CalendarDay(year, month + 1, rest + 1, names[month], length, day)
        rest -= length
    raise ValueError(f"{day} is no day of the year {year}")


def _hebrew_new_year(year: int) -> int:
    """Return the days from the calendar's beginning to the first day of `year`, delays included."""
    months = (235 * year - 234) // 19
    parts = 12_084 + 13_753 * months
    day = 29 * months + parts // 25_920
    return day + 1 if 3 * (day + 1) % 7 < 3 else day


def _hebrew_start(year: int) -> int:
    before, this, after = (_hebrew_new_year(of) for of in (year - 1, year, year + 1))
    delay = 2 if after - this == 356 else 1 if this - before == 382 else 0
    return _HEBREW_EPOCH + this + delay


def _hebrew(ordinal: int) -> CalendarDay:
    year = (ordinal - _HEBREW_EPOCH) * 98_496 // 35_975_351
    while _hebrew_start(year + 1) <= ordinal:
        year += 1
    start = _hebrew_start(year)
    length = _hebrew_start(year + 1) - start
    long_cheshvan, long_kislev = length % 10 == 5, length % 10 != 3
    leap = length > 380
    names = list(_month_names("hebrew"))
    months = [30, 30 if long_cheshvan else 29, 30 if long_kislev else 29, 29, 30, 29, 30, 29, 30, 29, 30, 29]
    # Behind the twelve common months stand the two that are Adar in a leap year.
    common, adars = names[:12], names[12:]
    if leap:
        months[5:6] = [30, 29]
        common[5:6] = adars
    return _day_in(year, ordinal - start, months, tuple(common))


def _iranian(ordinal: int) -> CalendarDay:
    # From the first day of the year 979 on, in cycles of 33 years with eight leap years.
    cycle, rest = divmod(ordinal - _IRANIAN_979, 12_053)
    year = 979 + 33 * cycle + 4 * (rest // 1461)
    rest %= 1461
    if rest >= 366:
        year += (rest - 1) // 365
        rest = (rest - 1) % 365
    return _day_in(year, rest, [31] * 6 + [30] * 6, _month_names("iranian"))


_YEARS_APART = {"k": 543, "o": -1911}
_ERAS = (
    (datetime.date(2019, 5, 1), "令和", 2018),
    (datetime.date(1989, 1, 8), "平成", 1988),
    (datetime.date(1926, 12, 25), "昭和", 1925),
    (datetime.date(1912, 7, 30), "大正", 1911),
    (datetime.date(1873, 1, 1), "明治", 1867),
)


def year_in(letter: str, date: datetime.date) -> str:
    """Return the year of Thailand (``k``), Taiwan (``o``) or Japan (``t``)."""
    return japanese_year(date) if letter == "t" else str(date.year + _YEARS_APART[letter])


def japanese_year(date: datetime.date) -> str:
    """Return the year of the Japanese era (``平成30``), or that of the Gregorian calendar before 1873."""
    day = datetime.date(date.year, date.month, date.day)
    for first, name, before in _ERAS:
        if day >= first:
            year = day.year - before
            return name + ("元" if year == 1 else str(year))
    return str(date.year)


_HEBREW_DIGITS = (
    ("", "א", "ב", "ג", "ד", "ה", "ו", "ז", "ח", "ט"),
    ("", "י", "כ", "ל", "מ", "נ", "ס", "ע", "פ", "צ"),
    ("", "ק", "ר", "ש", "ת", "תק", "תר", "תש", "תת", "תתק"),
)


def hebrew_numeral(number: int) -> str:
    """Return `number` in Hebrew letters (``5784`` is ``ה'תשפ"ד``); as it is where it has none."""
    if not 0 < number <= 9999:
        return str(number)
    thousands, rest = divmod(number, 1000)
    hundreds, below = divmod(rest, 100)
    letters = _HEBREW_DIGITS[2][hundreds]
    # 15 and 16 would spell a holy name.
    if below in (15, 16):
        letters += "ט" + _HEBREW_DIGITS[0][below - 9]
    else:
        letters += _HEBREW_DIGITS[1][below // 10] + _HEBREW_DIGITS[0][below % 10]
    before = _HEBREW_DIGITS[0][thousands] + "'" if thousands else ""
    if len(letters) > 1:
        letters = f'{letters[:-1]}"{letters[-1]}'
    elif letters:
        letters += "'"
    return before + letters
