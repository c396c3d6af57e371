"""Ages and spans of time, reckoned against the dump's date where one end is open."""

from __future__ import annotations

import calendar
import datetime

from pipelines.wikitext.templates.date_formats import (
    YES,
    month_number,
    read_date,
    read_number,
    wants_day_first,
    write_date,
)
from pipelines.wikitext.templates.date_reading import read_moment
from pipelines.wikitext.templates.registry import TemplateCall, template

__all__: list[str] = []


def _years_between(
    start: tuple[int | None, int | None, int | None], end: tuple[int | None, int | None, int | None]
) -> str:
    """Return the age in whole years; ``59–60`` where days or months are not known."""
    if start[0] is None or end[0] is None:
        return ""
    years = end[0] - start[0]
    if years < 0 or years > 200:
        return ""
    start_day, end_day = (start[1], start[2]), (end[1], end[2])
    if None in start_day or None in end_day:
        if start[1] and end[1] and start[1] != end[1]:
            return str(years - (end[1] < start[1]))
        return f"{years - 1}–{years}" if years else "0"
    return str(years - ((end[1] or 0, end[2] or 0) < (start[1] or 0, start[2] or 0)))


def _today(call: TemplateCall) -> tuple[int | None, int | None, int | None]:
    date = call.site.date
    return (date.year, date.month, date.day) if date else (None, None, None)


@template(
    "birth date and age",
    "birthdate and age",
    "bda",
    "b-da",
    "dob and age",
    "birth-date and age",
)
def birth_date_and_age(call: TemplateCall) -> str | None:
    """``{{birth date and age|1969|7|20}}`` -> ``July 20, 1969 (age 52)``, the age at the dump's date."""
    arguments = call.positional()
    if arguments and not arguments[0].isdecimal():
        return arguments[0] or None
    born = read_date(arguments)
    text = write_date(*born, day_first=wants_day_first(call))
    years = _years_between(born, _today(call))
    return f"{text} (age {years})" if text and years else text or None


@template("birth date and age2")
def birth_date_at_reference(call: TemplateCall) -> str | None:
    """``{{birth date and age2|2000|1|1|1969|7|20}}`` -> ``July 20, 1969 (age 30)``: the age on the first date."""
    arguments = call.positional()
    born = read_date(arguments[3:6])
    text = write_date(*born, day_first=wants_day_first(call))
    years = _years_between(born, read_date(arguments[:3]))
    return f"{text} (age {years})" if text and years else text or None


@template("birth date and given age")
def birth_date_and_given_age(call: TemplateCall) -> str | None:
    """``{{birth date and given age|1910|1|1|99}}`` -> ``January 1, 1910 (age 99)``."""
    arguments = call.positional()
    text = write_date(*read_date(arguments[:3]), day_first=wants_day_first(call))
    years = arguments[3] if len(arguments) > 3 else ""
    return f"{text} (age {years})" if text and years else text or None


@template("birth year and age", "birth-year and age", "bya")
def birth_year_and_age(call: TemplateCall) -> str | None:
    """``{{birth year and age|1950}}`` -> ``1950 (age 71–72)``."""
    born = (read_number(call.get("1")), month_number(call.get("2")), None)
    years = _years_between(born, _today(call))
    text = write_date(*born, day_first=False)
    return f"{text} (age {years})" if text and years else text or None


@template("death date and age", "death-date and age", "dda", "d-da", "ddaa")
def death_date_and_age(call: TemplateCall) -> str | None:
    """``{{death date and age|1954|6|7|1912|6|23}}`` -> ``June 7, 1954 (aged 41)``."""
    arguments = call.positional()
    if arguments and not arguments[0].isdecimal():
        years = _years_between(_written_date(call.get("2")), _written_date(arguments[0]))
        return f"{arguments[0]} (aged {years})" if arguments[0] and years else arguments[0] or None
    died, born = read_date(arguments[:3]), read_date(arguments[3:6])
    text = write_date(*died, day_first=wants_day_first(call))
    years = _years_between(born, died)
    return f"{text} (aged {years})" if text and years else text or None


def _written_date(text: str) -> tuple[int | None, int | None, int | None]:
    """Return year, month and day of a date as people write it; None for what it does not tell."""
    moment = read_moment(text, None)
    if moment is None:
        return None, None, None
    if text.strip().isdecimal():
        return moment.year, None, None
    return moment.year, moment.month, moment.day


@template("death year and age", "death-year and age", "dya")
def death_year_and_age(call: TemplateCall) -> str | None:
    """``{{death year and age|1600|1550}}`` -> ``1600 (aged 49–50)``."""
    died, born = read_number(call.get("1")), read_number(call.get("2"))
    years = _years_between((born, None, None), (died, None, None))
    text = write_date(died, month_number(call.get("3")), None, day_first=False)
    return f"{text} (aged {years})" if text and years else text or None


@template("age", "aged", "age in years", "calculate age", "aged in years", "age in years nts")
def age(call: TemplateCall) -> str | None:
    """``{{age|1969|7|20}}`` -> the years up to the dump's date, ``{{age|1969|7|20|1999|7|19}}`` -> ``29``."""
    arguments = call.positional()
    start = read_date(arguments[:3])
    if len(arguments) > 3 and arguments[3]:
        return _years_between(start, read_date(arguments[3:6])) or None
    if call.site.date is None and start[0] is not None:
        return "…"
    return _years_between(start, _today(call)) or None


@template("death date and given age", "death-date and given age", "death year and given age")
def death_date_and_given_age(call: TemplateCall) -> str | None:
    """``{{death date and given age|2009|1|1|99}}`` -> ``January 1, 2009 (aged 99)``."""
    arguments = call.positional()
    years = arguments.pop() if len(arguments) > 1 else ""
    text = write_date(*read_date(arguments), day_first=wants_day_first(call))
    return f"{text} (aged {years})" if text and years else text or None


@template("birth based on age as of date", "birth date based on age at death", "birth based on age at death")
def birth_by_age(call: TemplateCall) -> str | None:
    """``{{birth based on age as of date|36|2004|2|19}}`` -> ``1967 or 1968 (age 54–55)``, reckoned on from then."""
    years, (year, month, day) = read_number(call.get("1")), read_date(call.positional()[1:4])
    if years is None or year is None or years >= year:
        return None
    born = year - years
    text = f"{born - 1}{'/' if call.get('mos') else ' or '}{born}"
    since = _years_between((year, month, day), _today(call))
    return f"{text} (age {years + int(since)}–{years + int(since) + 1})" if since.isdecimal() else text


@template("time ago", "years or months ago", "years ago", "how long ago")
def time_ago(call: TemplateCall) -> str | None:
    """``{{years ago|2001}}`` -> ``21 years ago``, reckoned to the dump's date."""
    arguments = [part for argument in call.positional()[:3] for part in argument.split("-")]
    start = read_date(arguments)
    today = call.site.date
    if start[0] is None:
        return None
    if today is None:
        return "… years ago"
    months = (today.year - start[0]) * 12 + (today.month - (start[1] or today.month))
    if not 0 <= months < 120_000:
        return None
    if start[1] is not None and months < 24:
        return f"{_count(months, 'month')} ago"
    return f"{_count(months // 12, 'year')} ago"


def _span(start: datetime.date, end: datetime.date) -> tuple[int, int, int]:
    """Return the whole years, the months behind them and the days behind those between two dates."""
    months = (end.year - start.year) * 12 + end.month - start.month
    days = end.day - start.day
    if days < 0:
        months -= 1
        before = end.month - 1 or 12
        days += calendar.monthrange(end.year - (end.month == 1), before)[1]
    return months // 12, months % 12, days


def _calendar_date(
    call: TemplateCall, arguments: list[str], prefix: str, position: int
) -> datetime.date | None:
    year, month, day = read_date(arguments[position : position + 3])
    if year is None:
        year, month, day = read_date(
            [call.get(f"year{prefix}"), call.get(f"month{prefix}"), call.get(f"day{prefix}")]
        )
    if year is None or not 0 < year < 10000:
        return call.site.date if prefix == "2" else None
    try:
        return datetime.date(year, month or 1, day or 1)
    except ValueError:
        return None


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


@template(
    "age in years and days",
    "ayd",
    "age in years, months and days",
    "ymd",
    "age in years and months",
    "age in months",
)
@template(
    "age in days",
    "age in years, months, weeks and days",
    "age in weeks and days",
    "age in years and days nts",
)
@template(
    "number of days",
    "days elapsed",
    "age for infant",
    "ayd nts",
    "age in days nts",
    "duration in years and months",
)
def age_in_parts(call: TemplateCall) -> str | None:
    """``{{age in years and days|1861|3|4|1865|4|15}}`` -> ``4 years, 42 days``."""
    arguments = call.positional()
    start, end = _calendar_date(call, arguments, "1", 0), _calendar_date(call, arguments, "2", 3)
    if start is None or end is None or end < start:
        return None
    years, months, days = _span(start, end)
    name = call.name.lower()
    if ("days" in name and "years" not in name) or name.startswith("age in days"):
        return _count((end - start).days, "day")
    if name == "age in months":
        return _count(years * 12 + months, "month")
    if ("and days" in name and "months" not in name) or name.startswith("ayd"):
        days = (end - _shift_years(start, years)).days
        parts = [(years, "year"), (days, "day")]
    elif name.endswith("and months"):
        parts = [(years, "year"), (months, "month")]
    else:
        parts = [(years, "year"), (months, "month"), (days, "day")]
    shown = [_count(number, noun) for number, noun in parts if number]
    if not shown:
        return "0 days"
    if "and months" in name:
        return " and ".join(shown)
    if len(parts) < 3 or len(shown) < 2:
        return ", ".join(shown)
    serial = "," if call.get("sc").lower() in YES and len(shown) > 2 else ""
    return f"{', '.join(shown[:-1])}{serial} and {shown[-1]}"


def _shift_years(start: datetime.date, years: int) -> datetime.date:
    try:
        return start.replace(year=start.year + years)
    except ValueError:
        return start.replace(year=start.year + years, day=28)
