"""Dates, ages and spans of time."""

from __future__ import annotations

import calendar
import datetime
import re

from pipelines.wikitext.templates.markup import link, plain, sentence_case
from pipelines.wikitext.templates.number_words import ordinal
from pipelines.wikitext.templates.numerals import parse_number
from pipelines.wikitext.templates.registry import TemplateCall, template
from pipelines.wikitext.templates.time_formats import MONTHS, month_number

__all__: list[str] = []

_YES = frozenset(("y", "yes", "true", "1", "on"))


def _number(text: str) -> int | None:
    text = plain(text).strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else None


def _read_date(arguments: list[str]) -> tuple[int | None, int | None, int | None]:
    """Gives year, month and day of ``1912|6|23``; None for what is missing or no number."""
    year, month, day = [*arguments, "", "", ""][:3]
    number = _number(day)
    return _number(year), month_number(plain(month)), number if number and number <= 31 else None


def _write_date(year: int | None, month: int | None, day: int | None, *, day_first: bool) -> str:
    """Writes ``June 23, 1912`` or ``23 June 1912``, leaving out what is missing."""
    if month is None:
        return str(year or "")
    if day is None:
        return f"{MONTHS[month]} {year or ''}".rstrip()
    if day_first:
        return f"{day} {MONTHS[month]} {year or ''}".rstrip()
    return f"{MONTHS[month]} {day}, {year}" if year else f"{MONTHS[month]} {day}"


def _day_first(call: TemplateCall) -> bool:
    return call.get("df").lower() in _YES


def _years_between(
    start: tuple[int | None, int | None, int | None], end: tuple[int | None, int | None, int | None]
) -> str:
    """Gives the age in whole years; ``59–60`` where days or months are not known."""
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


@template("birth date", "dob", "birthdate", "date of birth", "birth year")
@template("start date", "end date", "film date", "launch date", "opening date", "release date", "date")
def date(call: TemplateCall) -> str | None:
    """``{{birth date|1912|6|23|df=y}}`` -> ``23 June 1912``; without ``df`` ``June 23, 1912``."""
    arguments = call.positional()
    if arguments and not arguments[0].isdecimal():
        return arguments[0] or None
    return _write_date(*_read_date(arguments), day_first=_day_first(call)) or None


@template("birth-date", "death-date", "start-date", "end-date", "birth based on age as of date")
def free_date(call: TemplateCall) -> str | None:
    """``{{start-date|5 May 1900}}`` -> ``5 May 1900``."""
    return call.get("1") or None


@template(
    "birth date and age",
    "birthdate and age",
    "bda",
    "dob and age",
    "birth-date and age",
    "birth date and age2",
)
def birth_date_and_age(call: TemplateCall) -> str | None:
    """``{{birth date and age|1969|7|20}}`` -> ``July 20, 1969 (age 52)``, the age at the dump's date."""
    arguments = call.positional()
    if arguments and not arguments[0].isdecimal():
        return arguments[0] or None
    born = _read_date(arguments)
    text = _write_date(*born, day_first=_day_first(call))
    years = _years_between(born, _today(call))
    return f"{text} (age {years})" if text and years else text or None


@template("birth year and age", "birth-year and age", "bya")
def birth_year_and_age(call: TemplateCall) -> str | None:
    """``{{birth year and age|1950}}`` -> ``1950 (age 71–72)``."""
    born = (_number(call.get("1")), month_number(call.get("2")), None)
    years = _years_between(born, _today(call))
    text = _write_date(*born, day_first=False)
    return f"{text} (age {years})" if text and years else text or None


@template("death date and age", "death-date and age", "dda")
def death_date_and_age(call: TemplateCall) -> str | None:
    """``{{death date and age|1954|6|7|1912|6|23}}`` -> ``June 7, 1954 (aged 41)``."""
    arguments = call.positional()
    if arguments and not arguments[0].isdecimal():
        return arguments[0] or None
    died, born = _read_date(arguments[:3]), _read_date(arguments[3:6])
    text = _write_date(*died, day_first=_day_first(call))
    years = _years_between(born, died)
    return f"{text} (aged {years})" if text and years else text or None


@template("death date", "dod", "death year")
def death_date(call: TemplateCall) -> str | None:
    """``{{death date|1954|6|7}}`` -> ``June 7, 1954``."""
    return date(call)


@template("death year and age", "death-year and age", "dya")
def death_year_and_age(call: TemplateCall) -> str | None:
    """``{{death year and age|1600|1550}}`` -> ``1600 (aged 49–50)``."""
    died, born = _number(call.get("1")), _number(call.get("2"))
    years = _years_between((born, None, None), (died, None, None))
    text = _write_date(died, month_number(call.get("3")), None, day_first=False)
    return f"{text} (aged {years})" if text and years else text or None


@template("start date and age", "start date and years ago", "sda", "release date and age")
def start_date_and_age(call: TemplateCall) -> str | None:
    """``{{start date and age|2001|1|15}}`` -> ``January 15, 2001``; how long ago that is ages with the page."""
    return date(call)


@template("age", "aged", "age in years", "calculate age", "aged in years", "age in years nts")
def age(call: TemplateCall) -> str | None:
    """``{{age|1969|7|20}}`` -> the years up to the dump's date, ``{{age|1969|7|20|1999|7|19}}`` -> ``29``."""
    arguments = call.positional()
    start = _read_date(arguments[:3])
    end = _read_date(arguments[3:6]) if len(arguments) > 3 and arguments[3] else _today(call)
    return _years_between(start, end) or None


def _span(start: datetime.date, end: datetime.date) -> tuple[int, int, int]:
    """Gives the whole years, the months behind them and the days behind those between two dates."""
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
    year, month, day = _read_date(arguments[position : position + 3])
    if year is None:
        year, month, day = _read_date(
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
    return ", ".join(shown) if "and months" not in name else " and ".join(shown)


def _shift_years(start: datetime.date, years: int) -> datetime.date:
    try:
        return start.replace(year=start.year + years)
    except ValueError:
        return start.replace(year=start.year + years, day=28)


@template("as of", "asof")
def as_of(call: TemplateCall) -> str | None:
    """``{{as of|2014|5|lc=y}}`` -> ``as of May 2014``; ``since=y`` says ``since``, ``alt=`` says it all."""
    if alternative := call.get("alt"):
        return alternative
    start = "since" if call.get("since").lower() in _YES else "as of"
    if call.get("lc").lower() not in _YES:
        start = sentence_case(start)
    if call.get("bare").lower() in _YES:
        start = ""
    arguments = call.positional()
    if not arguments or not arguments[0]:
        return None
    if not arguments[0].isdecimal():
        text = arguments[0]
    else:
        text = _write_date(*_read_date(arguments), day_first=call.get("df").lower() not in ("us", "mdy"))
    post = call.get("post")
    return f"{start} {text}{post}".strip()


@template("circa", "c.", "ca", "ca.", "circ")
def circa(call: TemplateCall) -> str:
    """``{{circa|1500|1550}}`` -> ``c. 1500 – c. 1550``."""
    first, second = call.get("1"), call.get("2")
    text = f"c. {first}".rstrip()
    return f"{text} – c. {second}" if second else text


@template("floruit", "fl.", "fl")
def floruit(call: TemplateCall) -> str:
    """``{{floruit|1200}}`` -> ``fl. 1200``."""
    return _with_dates("fl.", call)


@template("reign", "r.", "reigned")
def reign(call: TemplateCall) -> str:
    """``{{reign|1066|1087}}`` -> ``r. 1066–1087``."""
    return _with_dates("r.", call)


@template("born", "b.")
def born(call: TemplateCall) -> str:
    """``{{born|1912}}`` -> ``b. 1912``."""
    return _with_dates("b.", call)


@template("died", "d.")
def died(call: TemplateCall) -> str:
    """``{{died|1954}}`` -> ``d. 1954``."""
    return _with_dates("d.", call)


@template("married", "m.")
def married(call: TemplateCall) -> str:
    """``{{married|1900}}`` -> ``m. 1900``."""
    return _with_dates("m.", call)


@template("in office")
def in_office(call: TemplateCall) -> str:
    """``{{in office|1900|1904}}`` -> ``in office 1900–1904``."""
    return _with_dates("in office", call)


def _with_dates(label: str, call: TemplateCall) -> str:
    first, second = call.get("1"), call.get("2")
    if second:
        spaced = " " in plain(first) or " " in plain(second)
        return f"{label} {first}{' – ' if spaced else '–'}{second}"
    return f"{label} {first}".rstrip()


@template("née", "nee")
def nee(call: TemplateCall) -> str:
    """``{{née|Kaplan}}`` -> ``née Kaplan``."""
    return f"née {call.get('1')}".rstrip()


@template("né")
def ne(call: TemplateCall) -> str:
    """``{{né|Kaplan}}`` -> ``né Kaplan``."""
    return f"né {call.get('1')}".rstrip()


@template("marriage")
def marriage(call: TemplateCall) -> str:
    """``{{marriage|Joan Clarke|1940|1941}}`` -> ``Joan Clarke (m. 1940; div. 1941)``, as its parameters tell."""
    name, start, end = call.get("1"), call.get("2"), call.get("3")
    how = call.get("end", "reason").lower()
    words = {
        "div": "div. ",
        "divorced": "div. ",
        "d": "died ",
        "died": "died ",
        "annulled": "ann. ",
        "sep": "sep. ",
    }
    pieces = [f"m. {start}"] if start else []
    if end:
        pieces.append(f"{words.get(how, '')}{end}")
    if len(pieces) == 2 and not how:
        return f"{name} (m. {start}–{end})"
    return f"{name} ({'; '.join(pieces)})" if pieces else name


@template("oldStyleDate", "oldStyleDateDY", "old style date")
def old_style_date(call: TemplateCall) -> str | None:
    """``{{OldStyleDate|February 2|1905|January 20}}`` -> ``February 2 [O.S. January 20] 1905``."""
    day, year, old = call.get("1"), call.get("2"), call.get("3")
    return f"{day} &#91;O.S. {old}&#93; {year}".rstrip() if day and old else None


@template("oldStyleDateNY")
def old_style_new_year(call: TemplateCall) -> str | None:
    """``{{OldStyleDateNY|February 2|January 20}}`` -> ``February 2 [O.S. January 20]``."""
    day, old = call.get("1"), call.get("2")
    return f"{day} &#91;O.S. {old}&#93;" if day and old else None


# "1990s", "19th century": what {{decade}}-like links are made of.
_DECADE = re.compile(r"(\d{1,4})s?\Z")


@template("decade")
def decade(call: TemplateCall) -> str | None:
    """``{{decade|1990}}`` -> ``[[1990s]]``."""
    match = _DECADE.match(call.get("1"))
    return link(f"{int(match[1]) // 10 * 10}s") if match else None


@template("date table sorting", "dts", "format date", "fdate")
def shown_date(call: TemplateCall) -> str | None:
    """``{{date table sorting|1912|6|23}}`` -> ``23 June 1912``; a date in words stays as it is."""
    arguments = call.positional()
    if len(arguments) > 1 and arguments[0].isdecimal():
        return _write_date(*_read_date(arguments), day_first=True) or None
    return call.get("1") or None


@template("currentyear", "current year", "year")
def current_year(call: TemplateCall) -> str:
    """``{{currentyear}}`` -> the year of the dump."""
    return call.get("1") or (str(call.site.date.year) if call.site.date else "")


@template("month", "month name")
def month(call: TemplateCall) -> str | None:
    """``{{month|3}}`` -> ``March``."""
    number = month_number(call.get("1"))
    return MONTHS[number] if number else None


@template("millennium", "century", "centuries", "century from year")
def century(call: TemplateCall) -> str | None:
    """``{{century|12|b}}`` -> ``12th century BC``."""
    number = parse_number(call.get("1"))
    if number is None or number != int(number):
        return call.get("1") or None
    noun = "millennium" if call.name == "millennium" else "century"
    return f"{ordinal(abs(int(number)))} {noun}{' BC' if call.get('2') or number < 0 else ''}"


@template("mya", "ma", "million years ago", "kya", "ya")
def million_years_ago(call: TemplateCall) -> str | None:
    """``{{mya|66}}`` -> ``66 million years ago``, ``{{mya|70|66}}`` -> ``70 to 66 million years ago``."""
    first, second = call.get("1"), call.get("2")
    if not first:
        return "million years ago"
    noun = {"kya": "thousand years ago", "ya": "years ago"}.get(call.name, "million years ago")
    if call.name == "ma":
        noun = "Ma"
    return f"{first} to {second} {noun}" if parse_number(second) is not None else f"{first} {noun}"


@template("bCE", "bC", "cE", "aD")
def era(call: TemplateCall) -> str:
    """``{{BCE|500}}`` -> ``500 BCE``."""
    letters = call.name.upper()
    return f"{letters} {call.get('1')}".rstrip() if letters == "AD" else f"{call.get('1')} {letters}".lstrip()


# Templates that link a year to an article on it: what follows the year in the title.
_YEARS_IN = {"fy": "film", "film year": "film", "avy": "aviation", "tvy": "television", "music year": "music"}


def _register_years() -> None:
    for name, subject in _YEARS_IN.items():

        @template(name)
        def year_in(call: TemplateCall, subject: str = subject) -> str | None:
            """``{{fy|1990}}`` -> ``[[1990 in film|1990]]``."""
            year = call.get("1")
            return link(f"{year} in {subject}", year) if year else None


_register_years()


@template("duration", "hms")
def duration(call: TemplateCall) -> str | None:
    """``{{duration|m=3|s=45}}`` -> ``3:45``."""
    hours, minutes, seconds = call.get("h", "1"), call.get("m", "2"), call.get("s", "3")
    parts = [hours, minutes, seconds] if hours else [minutes, seconds]
    shown = ":".join(part.rjust(2, "0") if place else part or "0" for place, part in enumerate(parts))
    return shown if any(parts) else None
