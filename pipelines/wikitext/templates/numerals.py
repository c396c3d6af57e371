"""Numbers: read from text, written with grouped digits, in words, and in other systems than the decimal."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import lru_cache

from pipelines.wikitext.templates.registry import TemplateCall, template

__all__ = [
    "MINUS",
    "group_digits",
    "ordinal",
    "parse_number",
    "round_half_up",
    "spell_number",
    "write_number",
]

MINUS = "−"
"""The minus sign that the wiki shows."""

# An optional sign, digits with optional commas, an optional fraction, an optional exponent; nothing nests.
_NUMBER = re.compile(r"([-+−–]|&minus;|&#8722;)?\s?(\d[\d,]*(?:\.\d*)?|\.\d+)(?:[eE]([-+−]?\d{1,3}))?\Z")
_LONGEST = 60


@lru_cache(maxsize=4096)
def parse_number(text: str) -> Decimal | None:
    """Return the number that `text` writes (``1,234.5``, ``−3``, ``2e6``), or None where it writes none."""
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
    """Return `number` rounded to `digits` places behind the point (before it where negative); halves go up.

    A number too large to be rounded is given back as it is.
    """
    try:
        rounded = number.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)
    except InvalidOperation:
        return number
    return rounded + 0


def group_digits(digits: str, separator: str = ",") -> str:
    """Return a string of digits with `separator` before every third one from the right: ``1,234,567``."""
    if len(digits) <= 3:
        return digits
    first = len(digits) % 3
    groups = [digits[:first]] if first else []
    groups.extend(digits[start : start + 3] for start in range(first, len(digits), 3))
    return separator.join(groups)


def write_number(number: Decimal, *, separator: str = ",", minus: str = MINUS) -> str:
    """Return `number` in full, with its places behind the point as they are, grouped by `separator`."""
    if not number.is_finite() or abs(number.adjusted()) > _LONGEST:
        return str(number)
    whole, point, fraction = f"{abs(number):f}".partition(".")
    return (minus if number < 0 else "") + group_digits(whole, separator) + point + fraction


_SMALL = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["-", "-", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_GROUPS = ("", " thousand", " million", " billion", " trillion", " quadrillion")


def spell_number(number: int, *, american: bool = False) -> str | None:
    """Return `number` in words (``one hundred and five``), or None from 10^18 on; without ``and`` where `american`."""
    if abs(number) >= 10 ** (3 * len(_GROUPS)):
        return None
    if number < 0:
        return f"minus {spell_number(-number, american=american)}"
    if number == 0:
        return "zero"
    pieces: list[str] = []
    group = 0
    last = number % 1000
    while number:
        number, rest = divmod(number, 1000)
        if rest:
            pieces.append(_below_thousand(rest, american) + _GROUPS[group])
        group += 1
    words = " ".join(reversed(pieces))
    if len(pieces) > 1 and 0 < last < 100 and not american:
        head, _, tail = words.rpartition(" " + pieces[0])
        words = f"{head} and {pieces[0]}{tail}"
    return words


def _below_thousand(number: int, american: bool) -> str:
    hundreds, rest = divmod(number, 100)
    words = f"{_SMALL[hundreds]} hundred" if hundreds else ""
    if rest == 0:
        return words
    if rest < 20:
        tail = _SMALL[rest]
    else:
        tens, ones = divmod(rest, 10)
        tail = _TENS[tens] + (f"-{_SMALL[ones]}" if ones else "")
    if not words:
        return tail
    return f"{words} {tail}" if american else f"{words} and {tail}"


def ordinal(number: int) -> str:
    """Return ``1st``, ``2nd``, ``3rd``, ``4th``, ``11th``."""
    last = abs(number) % 100
    ending = "th" if 10 < last < 20 else {1: "st", 2: "nd", 3: "rd"}.get(last % 10, "th")
    return f"{number}{ending}"


_ROMAN = (
    (1000, "M"),
    (900, "CM"),
    (500, "D"),
    (400, "CD"),
    (100, "C"),
    (90, "XC"),
    (50, "L"),
    (40, "XL"),
    (10, "X"),
)


def roman_numeral(number: int) -> str:
    """Return `number` in Roman numerals, thousands as so many M; as it is where it is above 10,000 or not positive."""
    if not 0 < number <= 10_000:
        return str(number)
    letters = []
    for size, letter in (*_ROMAN, (9, "IX"), (5, "V"), (4, "IV"), (1, "I")):
        count, number = divmod(number, size)
        letters.append(letter * count)
    return "".join(letters)


@template("roman", "roman numeral")
def roman(call: TemplateCall) -> str | None:
    """``{{roman|14}}`` -> ``XIV``."""
    number = parse_number(call.get("1"))
    if number is None or not 0 < number < 4000 or number != int(number):
        return call.get("1") or None
    return roman_numeral(int(number))


_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LARGEST = 10**60
_BASES = {
    "hexadecimal": 16,
    "binary": 2,
    "octal": 8,
    "duodecimal": 12,
    "vigesimal": 20,
    "quinary": 5,
    "ternary": 3,
}


def _in_base(number: int, base: int) -> str:
    digits = ""
    rest = abs(number)
    while rest:
        rest, digit = divmod(rest, base)
        digits = _DIGITS[digit] + digits
    return ("−" if number < 0 else "") + (digits or "0")


@template(*_BASES, "decimal2base", "dec2hex", "hex", "dec2bin")
def in_another_base(call: TemplateCall) -> str | None:
    """``{{hexadecimal|255}}`` -> ``FF<sub>16</sub>``, ``{{decimal2base|255|8}}`` -> ``377<sub>8</sub>``."""
    number = parse_number(call.get("1"))
    base = parse_number(call.get("2")) if call.name == "decimal2base" else _BASES.get(call.name, 16)
    if call.name == "dec2bin":
        base = 2
    if (
        number is None
        or base is None
        or number != int(number)
        or abs(number) > _LARGEST
        or not 2 <= base <= 36
    ):
        return call.get("1") or None
    digits = _in_base(int(number), int(base))
    return digits if call.name.startswith("dec2") else f"{digits}<sub>{int(base)}</sub>"


@template("hex2dec", "h2d")
def from_hexadecimal(call: TemplateCall) -> str | None:
    """``{{hex2dec|FF}}`` -> ``255``."""
    digits = call.get("1").lower()
    if not digits or len(digits) > 50 or any(digit not in "0123456789abcdef" for digit in digits):
        return None
    return str(int(digits, 16))


@template("Deg2DMS", "deg2dms", "DMS", "dms")
def degrees_minutes_seconds(call: TemplateCall) -> str | None:
    """``{{deg2DMS|12.5}}`` -> ``12° 30′ 0″``; degrees, minutes and seconds that are given stand as they are."""
    given = [number for number in call.positional()[:3] if number]
    if len(given) != 1:
        return " ".join(f"{number}{unit}" for number, unit in zip(given, "°′″", strict=False)) or None
    degrees = parse_number(given[0])
    if degrees is None or abs(degrees) > 100_000:
        return None
    minutes, seconds = divmod(round(abs(float(degrees)) * 3600), 60)
    whole, minutes = divmod(minutes, 60)
    return f"{'−' if degrees < 0 else ''}{whole}° {minutes}′ {seconds}″"
