"""Dates and times as people write them, read as ``{{#time:}}`` reads them (PHP's ``strtotime``,
https://www.php.net/manual/en/datetime.formats.php).
"""

from __future__ import annotations

import calendar
import datetime
import re
import zoneinfo

from pipelines.wikitext.templates.date_formats import month_number

__all__ = ["read_moment"]

_LONGEST = 80
_MONTH_NAMES = (
    "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    "|nov(?:ember)?|dec(?:ember)?"
)
_MONTH = rf"(?P<month>(?:{_MONTH_NAMES}))(?![a-z])\.?"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>\d{4})"
# A date within the text, the most telling form first.
_DATES = tuple(
    re.compile(rf"(?<![\d.:+-]){form}(?![\d:])", re.IGNORECASE)
    for form in (
        r"(?P<year>\d{4})-(?P<number>\d{1,2})-(?P<day>\d{1,2})",
        r"(?P<year>\d{4})/(?P<number>\d{1,2})/(?P<day>\d{1,2})",
        r"(?P<year>\d{4})(?P<number>\d\d)(?P<day>\d\d)",
        r"(?P<number>\d{1,2})/(?P<day>\d{1,2})/(?P<year>\d{4})",
        r"(?P<day>\d{1,2})[.-](?P<number>\d{1,2})[.-](?P<year>\d{4})",
        rf"{_DAY}[ .-]*{_MONTH},?[ .-]*{_YEAR}",
        rf"{_MONTH}\s*{_DAY}(?:,\s*|\s+){_YEAR}",
        rf"{_YEAR}[ .-]*{_MONTH}[ .-]*{_DAY}",
        rf"{_MONTH},?\s*{_YEAR}",
        rf"{_YEAR}[ .-]*{_MONTH}",
        rf"{_DAY}[ .-]*{_MONTH}",
        rf"{_MONTH}\s*{_DAY}",
        r"(?P<year>\d{4})-(?P<number>\d\d)",
        _YEAR,
        _MONTH,
    )
)
_TIME = re.compile(
    r"(?:(?<=\d)T|(?<![\d:.]))(?P<hour>\d{1,2})(?::(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.\d+)?)?)?"
    r"\s*(?P<half>[ap]\.?m\b\.?)?",
    re.IGNORECASE,
)
_ZONE = re.compile(
    r"(?:\b(?P<name>utc|gmt|[ecmp][sd]t|cet|cest|bst|jst)|(?<=\d)z)\b|(?P<sign>[+-])(?P<hours>\d\d):?(?P<minutes>\d\d)\b",
    re.I,
)
_PLACE = re.compile(
    r"\b(?:Africa|America|Antarctica|Asia|Atlantic|Australia|Europe|Indian|Pacific)/[A-Za-z_/]+\b"
)
_OFFSETS = {"est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6, "pst": -8, "pdt": -7}
_OFFSETS |= {"cet": 1, "cest": 2, "bst": 1, "jst": 9}
_UNITS = "sec|second|min|minute|hour|day|week|fortnight|month|year"
_STEP = re.compile(
    rf"(?P<sign>[+-]*)\s*(?P<count>\d{{1,4}})\s*(?P<unit>{_UNITS})s?\b(?P<ago>\s+ago\b)?", re.IGNORECASE
)
_NAMED_STEP = re.compile(rf"\b(?P<which>next|last|previous|this)\s+(?P<unit>{_UNITS})\b", re.IGNORECASE)
_DAYS = {"now": 0, "today": 0, "midnight": 0, "noon": 0, "tomorrow": 1, "yesterday": -1}
_DAY_WORD = re.compile(r"\b(?:now|today|midnight|noon|tomorrow|yesterday)\b", re.IGNORECASE)
_END_OF_MONTH = re.compile(r"\b(?P<which>first|last) day of\b", re.IGNORECASE)
_NEXT_WEEKDAY = re.compile(r"(?P<next>next\s+)?(?P<day>mon|tue|wed|thu|fri|sat|sun)[a-z]*\Z", re.IGNORECASE)
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TIMESTAMP = re.compile(r"\d{14}")
_WEEKDAY = re.compile(r"\b(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\b,?", re.IGNORECASE)


def read_moment(text: str, today: datetime.date | None) -> datetime.datetime | None:
    """Return the moment, in UTC, that `text` names, or None where it names none.

    What the text leaves open (``tomorrow``, ``5 May``) is reckoned from `today`.
    """
    text = " ".join(text.replace("&nbsp;", " ").split())
    if not text or len(text) > _LONGEST:
        return None
    if text[0] == "@" and text[1:].lstrip("-").isdecimal() and len(text) < 12:
        return datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=int(text[1:]))
    try:
        if _TIMESTAMP.fullmatch(text):
            return datetime.datetime.strptime(text, "%Y%m%d%H%M%S")
        return _read(text, today)
    except (ValueError, OverflowError):
        return None


def _read(text: str, today: datetime.date | None) -> datetime.datetime | None:
    if today is not None and (weekday := _NEXT_WEEKDAY.fullmatch(text)):
        ahead = (_WEEKDAYS.index(weekday["day"].lower()) - today.weekday()) % 7
        days = 7 if weekday["next"] and not ahead else ahead
        return datetime.datetime.combine(today, datetime.time()) + datetime.timedelta(days=days)
    edge = _END_OF_MONTH.search(text)
    if edge:
        text = _without(text, edge)
    steps, text = _take_steps(text)
    place, text = _take_place(text)
    offset, text = _take_zone(text)
    # A time with a colon or a half of the day is told apart from a date's numbers.
    moment, text = _take_time(text)
    day, text = _take_date(text, today)
    if day is None:
        if today is None or not (steps or moment is not None or _DAY_WORD.search(text)):
            return None
        day = today
    if word := _DAY_WORD.search(text):
        day += datetime.timedelta(days=_DAYS[word[0].lower()])
        if word[0].lower() == "noon":
            moment = datetime.time(12)
        text = _without(text, word)
    text = _WEEKDAY.sub("", text)
    if text.strip(" ,T"):
        return None
    read = datetime.datetime.combine(day, moment or datetime.time())
    for count, unit in steps:
        read = _stepped(read, count, unit)
    if edge:
        last = calendar.monthrange(read.year, read.month)[1]
        read = read.replace(day=1 if edge["which"].lower() == "first" else last)
    if place is not None:
        return read.replace(tzinfo=place).astimezone(datetime.timezone.utc).replace(tzinfo=None)
    return read - datetime.timedelta(minutes=offset)


def _without(text: str, match: re.Match[str]) -> str:
    return f"{text[: match.start()]} {text[match.end() :]}"


def _take_steps(text: str) -> tuple[list[tuple[int, str]], str]:
    """Return steps of time (``+1 day``, ``2 weeks ago``) and the text without them."""
    steps: list[tuple[int, str]] = []
    while match := _STEP.search(text):
        negative = (match["sign"].count("-") % 2 == 1) != bool(match["ago"])
        steps.append((-int(match["count"]) if negative else int(match["count"]), match["unit"].lower()))
        text = _without(text, match)
    while match := _NAMED_STEP.search(text):
        count = {"next": 1, "this": 0}.get(match["which"].lower(), -1)
        steps.append((count, match["unit"].lower()))
        text = _without(text, match)
    return steps, text


def _take_zone(text: str) -> tuple[int, str]:
    """Return the zone's minutes ahead of UTC and the text without it; a sign counts only behind a time."""
    match = _ZONE.search(text)
    if match is None or (match["sign"] and ":" not in text[: match.start()]):
        return 0, text
    if match["sign"]:
        minutes = int(match["hours"]) * 60 + int(match["minutes"])
        return -minutes if match["sign"] == "-" else minutes, _without(text, match)
    return _OFFSETS.get((match["name"] or "").lower(), 0) * 60, _without(text, match)


def _take_place(text: str) -> tuple[zoneinfo.ZoneInfo | None, str]:
    """Return the zone that a place names (``Europe/Paris``) and the text without it."""
    match = _PLACE.search(text)
    if match is None:
        return None, text
    try:
        return zoneinfo.ZoneInfo(match[0]), _without(text, match)
    except zoneinfo.ZoneInfoNotFoundError:
        return None, text


def _take_time(text: str) -> tuple[datetime.time | None, str]:
    for match in _TIME.finditer(text):
        if match["minute"] is None and match["half"] is None:
            continue
        hour, half = int(match["hour"]), (match["half"] or "").lower()
        if half:
            hour = hour % 12 + (12 if half[0] == "p" else 0)
        return datetime.time(hour, int(match["minute"] or 0), int(match["second"] or 0)), _without(
            text, match
        )
    return None, text


def _take_date(text: str, today: datetime.date | None) -> tuple[datetime.date | None, str]:
    for form in _DATES:
        match = form.search(text)
        if match is None:
            continue
        parts = match.groupdict()
        month = month_number(parts["month"]) if parts.get("month") else int(parts.get("number") or 0)
        year = int(parts["year"]) if parts.get("year") else today.year if today else 0
        if today is not None and form.pattern.count("?P<") == 1:
            # A year alone is that year's day of today, a month alone its day of today's number.
            return _date(year, month or today.month, today.day), _without(text, match)
        return _date(year, month or 1, int(parts.get("day") or 1)), _without(text, match)
    return None, text


def _date(year: int, month: int, day: int) -> datetime.date:
    """Return a date; a day up to the 31st that the month has not is one of the next."""
    first = datetime.date(year, month, 1)
    return first + datetime.timedelta(days=day - 1) if 1 <= day <= 31 else datetime.date(year, month, day)


def _stepped(moment: datetime.datetime, count: int, unit: str) -> datetime.datetime:
    if unit in ("month", "year"):
        months = moment.year * 12 + moment.month - 1 + count * (12 if unit == "year" else 1)
        year, month = divmod(months, 12)
        first = moment.replace(year=year, month=month + 1, day=1)
        # A day that the month has not is one of the next.
        return first + datetime.timedelta(days=moment.day - 1)
    seconds = {"sec": 1, "second": 1, "min": 60, "minute": 60, "hour": 3600}
    days = {"day": 1, "week": 7, "fortnight": 14}
    if unit in days:
        return moment + datetime.timedelta(days=count * days[unit])
    return moment + datetime.timedelta(seconds=count * seconds[unit])
