"""Dates as templates take them apart: year, month, day."""

from __future__ import annotations

from pipelines.wikitext.templates.markup import plain
from pipelines.wikitext.templates.registry import TemplateCall
from pipelines.wikitext.templates.time_formats import MONTHS, month_number

__all__ = ["YES", "read_date", "read_number", "wants_day_first", "write_date"]

YES = frozenset(("y", "yes", "true", "1", "on"))


def read_number(text: str) -> int | None:
    """Gives the whole number that `text` writes in at most five digits, or None."""
    text = plain(text).strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else None


def read_date(arguments: list[str]) -> tuple[int | None, int | None, int | None]:
    """Gives year, month and day of ``1912|6|23``; None for what is missing or no number."""
    year, month, day = [*arguments, "", "", ""][:3]
    number = read_number(day)
    return read_number(year), month_number(plain(month)), number if number and number <= 31 else None


def write_date(year: int | None, month: int | None, day: int | None, *, day_first: bool) -> str:
    """Writes ``June 23, 1912`` or ``23 June 1912``, leaving out what is missing."""
    if month is None:
        return str(year or "")
    if day is None:
        return f"{MONTHS[month]} {year or ''}".rstrip()
    if day_first:
        return f"{day} {MONTHS[month]} {year or ''}".rstrip()
    return f"{MONTHS[month]} {day}, {year}" if year else f"{MONTHS[month]} {day}"


def wants_day_first(call: TemplateCall) -> bool:
    """Tells whether the day is to stand before the month (``df=y``)."""
    return call.get("df").lower() in YES
