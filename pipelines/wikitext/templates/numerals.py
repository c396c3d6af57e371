"""Numbers as wikitext writes them: read, rounded, written with separators."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import lru_cache

__all__ = ["MINUS", "group_digits", "parse_number", "round_half_up", "write_number"]

MINUS = "−"
"""The minus sign that the wiki shows."""

# An optional sign, digits with optional commas, an optional fraction, an optional exponent; nothing nests.
_NUMBER = re.compile(r"([-+−–]|&minus;|&#8722;)?\s?(\d[\d,]*(?:\.\d*)?|\.\d+)(?:[eE]([-+−]?\d{1,3}))?\Z")
_LONGEST = 60


@lru_cache(maxsize=4096)
def parse_number(text: str) -> Decimal | None:
    """Gives the number that `text` writes (``1,234.5``, ``−3``, ``2e6``), or None where it writes none."""
    text = text.replace("&nbsp;", " ").replace("\xa0", " ").strip()
    if len(text) > _LONGEST:
        return None
    match = _NUMBER.match(text)
    if match is None or (not text.isascii() and not match[2].isascii()):
        return None
    sign, digits, exponent = match.groups()
    try:
        number = Decimal(digits.replace(",", "") + (f"E{exponent.replace(MINUS, '-')}" if exponent else ""))
    except InvalidOperation:
        return None
    return number if sign in (None, "+") else -number


def round_half_up(number: Decimal, digits: int) -> Decimal:
    """Gives `number` rounded to `digits` places behind the point (before it where negative); halves go up.

    A number too large to be rounded is given back as it is.
    """
    try:
        rounded = number.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)
    except InvalidOperation:
        return number
    return rounded + 0


def group_digits(digits: str, separator: str = ",") -> str:
    """Gives a string of digits with `separator` before every third one from the right: ``1,234,567``."""
    if len(digits) <= 3:
        return digits
    first = len(digits) % 3
    groups = [digits[:first]] if first else []
    groups.extend(digits[start : start + 3] for start in range(first, len(digits), 3))
    return separator.join(groups)


def write_number(number: Decimal, *, separator: str = ",", minus: str = MINUS) -> str:
    """Gives `number` in full, with its places behind the point as they are, grouped by `separator`."""
    if not number.is_finite() or abs(number.adjusted()) > _LONGEST:
        return str(number)
    whole, point, fraction = f"{abs(number):f}".partition(".")
    return (minus if number < 0 else "") + group_digits(whole, separator) + point + fraction
