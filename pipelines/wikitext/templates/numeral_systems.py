"""Numbers in other systems than the decimal: Roman, binary, hexadecimal."""

from __future__ import annotations

from pipelines.wikitext.templates.numerals import parse_number
from pipelines.wikitext.templates.registry import TemplateCall, template

__all__: list[str] = []

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


@template("roman", "roman numeral")
def roman(call: TemplateCall) -> str | None:
    """``{{roman|14}}`` -> ``XIV``."""
    number = parse_number(call.get("1"))
    if number is None or not 0 < number < 4000 or number != int(number):
        return call.get("1") or None
    rest, letters = int(number), []
    for size, letter in (*_ROMAN, (9, "IX"), (5, "V"), (4, "IV"), (1, "I")):
        count, rest = divmod(rest, size)
        letters.append(letter * count)
    return "".join(letters)


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


@template("deg2DMS", "deg2dms", "dMS", "dms")
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
