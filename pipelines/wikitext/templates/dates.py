"""Dates and years, and the words that stand in front of them."""

from __future__ import annotations

import re

from pipelines.wikitext.templates.date_formats import (
    MONTHS,
    YES,
    month_number,
    read_date,
    wants_day_first,
    write_date,
)
from pipelines.wikitext.templates.markup import link, plain, sentence_case
from pipelines.wikitext.templates.numerals import ordinal, parse_number
from pipelines.wikitext.templates.registry import TemplateCall, template

__all__: list[str] = []


@template("birth date", "dob", "birthdate", "date of birth", "birth year")
@template("film date")
def film_dates(call: TemplateCall) -> str | None:
    """``{{film date|2010|5|3|Cannes|2010|6|1}}`` -> ``May 3, 2010 (Cannes), June 1, 2010``."""
    arguments = call.positional()
    if arguments and not arguments[0].isdecimal():
        return arguments[0] or None
    shown = []
    for start in range(0, len(arguments), 4):
        day = write_date(*read_date(arguments[start : start + 3]), day_first=wants_day_first(call))
        place = "".join(arguments[start + 3 : start + 4])
        if day:
            shown.append(f"{day} ({place})" if place else day)
    return ", ".join(shown) or None


@template("start date", "end date", "launch date", "opening date", "release date")
def date(call: TemplateCall) -> str | None:
    """``{{birth date|1912|6|23|df=y}}`` -> ``23 June 1912``; without ``df`` ``June 23, 1912``."""
    arguments = call.positional()
    if arguments and not arguments[0].isdecimal():
        return arguments[0] or None
    day = write_date(*read_date(arguments), day_first=wants_day_first(call))
    time = _time_of_day(arguments[3:6]) if call.is_called("start date", "end date") else ""
    return f"{time}, {day}" if time and day else day or None


def _time_of_day(parts: list[str]) -> str:
    """Return ``08:30`` or ``08:30:23`` for hour, minute and second; empty where they are no time."""
    numbers = [part for part in parts if part]
    if len(numbers) < 2 or not all(part.isdecimal() and int(part) < 60 for part in numbers):
        return ""
    return ":".join(part.zfill(2) for part in numbers)


@template("birth-date", "death-date", "start-date", "end-date")
def free_date(call: TemplateCall) -> str | None:
    """``{{start-date|5 May 1900}}`` -> ``5 May 1900``."""
    return call.get("1") or None


@template("death date", "dod", "death year")
def death_date(call: TemplateCall) -> str | None:
    """``{{death date|1954|6|7}}`` -> ``June 7, 1954``."""
    return date(call)


@template("start date and age", "start date and years ago", "sda", "release date and age", "end date and age")
def start_date_and_age(call: TemplateCall) -> str | None:
    """``{{start date and age|2001|1|15}}`` -> ``January 15, 2001``; how long ago that is ages with the page."""
    return date(call)


@template("as of", "asof")
def as_of(call: TemplateCall) -> str | None:
    """``{{as of|2014|5|lc=y}}`` -> ``as of May 2014``; ``since=y`` says ``since``, ``alt=`` says it all."""
    if alternative := call.get("alt"):
        return alternative
    start = "since" if call.get("since").lower() in YES else "as of"
    if call.get("lc").lower() not in YES:
        start = sentence_case(start)
    if call.get("bare").lower() in YES:
        start = ""
    arguments = call.positional()
    if not arguments or not arguments[0]:
        return None
    if not arguments[0].isdecimal():
        text = arguments[0]
    else:
        text = write_date(*read_date(arguments), day_first=call.get("df").lower() not in ("us", "mdy"))
    pre, post = call.get("pre"), call.get("post")
    return f"{start} {pre + ' ' if pre else ''}{text}{post}".strip()


@template("circa", "c.", "ca", "ca.", "circ", "circa2")
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
    """``{{reign|1066|1087}}`` -> ``r. 1066–1087``; ``era=BC`` stands behind."""
    return f"{_with_dates('r.', call)} {call.get('era')}".rstrip()


@template("born", "b.", "born-in", "born in")
def born(call: TemplateCall) -> str:
    """``{{born|1912}}`` -> ``b. 1912``."""
    return _with_dates("b.", call)


@template("died", "d.", "died-in", "died in")
def died(call: TemplateCall) -> str:
    """``{{died|1954}}`` -> ``d. 1954``."""
    return _with_dates("d.", call)


@template("married", "m.", "married-in", "married in")
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
    """``{{née|Kaplan}}`` -> ``[[Birth name|née]] Kaplan``."""
    return f"{link('Birth name#Maiden and married names', 'née')} {call.get('1')}".rstrip()


@template("né")
def ne(call: TemplateCall) -> str:
    """``{{né|Kaplan}}`` -> ``[[Birth name|né]] Kaplan``."""
    return f"{link('Birth name#Maiden and married names', 'né')} {call.get('1')}".rstrip()


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


@template("OldStyleDate", "OldStyleDateDY", "old style date")
def old_style_date(call: TemplateCall) -> str | None:
    """``{{OldStyleDate|February 2|1905|January 20}}`` -> ``February 2 [O.S. January 20] 1905``."""
    day, year, old = call.get("1"), call.get("2"), call.get("3")
    return f"{day} &#91;{_OLD_STYLE} {old}&#93; {year}".rstrip() if day and old else None


_OLD_STYLE = link("Old Style and New Style dates", "O.S.")


@template("OldStyleDateNY")
def old_style_new_year(call: TemplateCall) -> str | None:
    """``{{OldStyleDateNY|February 2|January 20}}`` -> ``February 2 [O.S. January 20]``."""
    day, old = call.get("1"), call.get("2")
    return f"{day} &#91;{_OLD_STYLE} {old}&#93;" if day and old else None


# "1990s", "19th century": what {{decade}}-like links are made of.
_DECADE = re.compile(r"(\d{1,4})s?\Z")


@template("decade", "decade link")
def decade(call: TemplateCall) -> str | None:
    """``{{decade|1990}}`` -> ``[[1990s]]``."""
    match = _DECADE.match(call.get("1"))
    return link(f"{int(match[1]) // 10 * 10}s") if match else None


# A date in one piece: "2023-05-09", "8 March 2012", "March 8, 2012".
_ISO_DATE = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})\Z")
_DAY_FIRST = re.compile(r"(\d{1,2}) ([A-Za-z]{3,9}),? (\d{3,4})\Z")
_MONTH_FIRST = re.compile(r"([A-Za-z]{3,9}) (\d{1,2}),? (\d{3,4})\Z")


@template("date table sorting", "dts", "format date", "fdate", "date")
def shown_date(call: TemplateCall) -> str | None:
    """``{{date|1912-06-23|dmy}}`` -> ``23 June 1912``, ``{{dts|1912|6|23}}`` -> ``June 23, 1912``; else as it is."""
    arguments = call.positional()
    if len(arguments) > 1 and (arguments[0].isdecimal() or not arguments[0].strip("-")):
        day_first = (
            call.get("format").lower() == "dmy" if call.is_called("dts", "date table sorting") else True
        )
        return write_date(*read_date(arguments), day_first=day_first) or None
    text, form = call.get("1"), call.get("2", "format").lower()
    parts: list[str] = []
    if match := _ISO_DATE.match(text):
        parts = list(match.groups())
    elif match := _DAY_FIRST.match(text):
        parts = [match[3], match[2], match[1]]
    elif match := _MONTH_FIRST.match(text):
        parts = [match[3], match[1], match[2]]
    date_of_parts = read_date(parts)
    if None in date_of_parts or form not in ("", "dmy", "mdy"):
        return text or None
    if not form and not _ISO_DATE.match(text):
        return text
    if not form and call.is_called("dts", "date table sorting"):
        form = "mdy"
    return write_date(*date_of_parts, day_first=form != "mdy")


@template("currentyear", "current year", "year")
def current_year(call: TemplateCall) -> str:
    """``{{currentyear}}`` -> the year of the dump."""
    return call.get("1") or (str(call.site.date.year) if call.site.date else "")


@template("month", "month name", "monthname", "MONTHNAME", "MONTHABBREV", "MONTHABBR", "MONTHNUMBER")
def month(call: TemplateCall) -> str | None:
    """``{{month|3}}`` -> ``March``, ``{{MONTHABBREV|3}}`` -> ``Mar``, ``{{MONTHNUMBER|March}}`` -> ``3``."""
    number = month_number(call.get("1"))
    if number is None:
        return None
    if call.is_called("MONTHNUMBER"):
        return str(number)
    return MONTHS[number][:3] if call.is_called("MONTHABBREV", "MONTHABBR") else MONTHS[number]


@template("CENTURY")
def number_of_century(call: TemplateCall) -> str | None:
    """``{{CENTURY|1900}}`` -> ``19``: the number alone, from a year."""
    return _span_of_years(call, 100)


@template("MILLENNIUM")
def number_of_millennium(call: TemplateCall) -> str | None:
    """``{{MILLENNIUM|2001}}`` -> ``3``."""
    return _span_of_years(call, 1000)


def _span_of_years(call: TemplateCall, years: int) -> str | None:
    number = parse_number(call.get("1"))
    if number is None or number != int(number) or abs(number) > 10**6:
        return None
    year = int(number)
    # There is no year 0: it stands for the first year before the era.
    return str((year - 1) // years + 1) if year > 0 else str(-(-year // years + 1))


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


@template("BCE", "BC", "CE", "AD", "AH")
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
