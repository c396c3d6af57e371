"""Values, ranges and rounding of ``{{convert}}``."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from pipelines.wikitext.templates.numerals import MINUS, group_digits, parse_number
from pipelines.wikitext.templates.units import Unit, is_temperature

__all__ = [
    "Range",
    "Value",
    "as_fraction",
    "default_places",
    "find_range",
    "magnitude",
    "read_value",
    "reckon",
    "rounded",
    "scientific",
    "significant_places",
    "split_range",
]


@dataclass(frozen=True, slots=True)
class Value:
    """A number as it was written."""

    number: float
    shown: str
    """The number as the wiki shows it."""
    clean: str
    """Its digits without separators and sign, for telling how precise it is."""
    denominator: int = 0
    """Of a fraction; 0 where there is none."""

    @property
    def singular(self) -> bool:
        """Whether a unit's name behind it stands in the singular."""
        return abs(self.number) == 1 or (self.denominator > 0 and 0 < abs(self.number) <= 1)


@dataclass(frozen=True, slots=True)
class Range:
    """What stands between two values: with the unit's name, with its symbol, and whether each has its unit."""

    named: str
    symbolic: str
    repeats_unit: bool = False
    is_change: bool = False


_RANGES = {
    "-": Range("–", "–"),
    "–": Range("–", "–"),
    "—": Range("–", "–"),
    "&ndash;": Range("–", "–"),
    "to": Range(" to ", " to "),
    "by": Range(" by ", " by "),
    "and": Range(" and ", " and "),
    "or": Range(" or ", " or "),
    "to about": Range(" to about ", " to about "),
    "to(-)": Range(" to ", "–"),
    "to-": Range(" to ", "–"),
    "and(-)": Range(" and ", "–"),
    "and-": Range(" and ", "–"),
    "or(-)": Range(" or ", "–"),
    "x": Range(" by ", " × ", repeats_unit=True),
    "×": Range(" by ", " × ", repeats_unit=True),
    "&times;": Range(" by ", " × ", repeats_unit=True),
    "by(x)": Range(" by ", " × ", repeats_unit=True),
    "xx": Range(" × ", " × "),
    "*": Range("×", "×"),
    "+": Range(" + ", " + "),
    ",": Range(", ", ", "),
    ", and": Range(", and ", ", and "),
    ", or": Range(", or ", ", or "),
    "and to": Range(" and to ", " and to "),
    "±": Range(" ± ", " ± ", is_change=True),
    "+/-": Range(" ± ", " ± ", is_change=True),
    "&plusmn;": Range(" ± ", " ± ", is_change=True),
}


def find_range(word: str) -> Range | None:
    """Return the range that `word` (``to``, ``-``, ``by``, ...) opens, or None."""
    return _RANGES.get(word.strip())


# "3/4", "1+1/2", "1 1/2", "1-1/2", "1//2": a whole number, then two numbers around one or two slashes.
_FRACTION = re.compile(r"([-−]?)(?:(\d{1,9}(?:,\d{3})*)\s?[-+ ]\s?)?(\d{1,9})//?(\d{1,9})\Z")
# The same as rendered by {{frac}}: "1 3⁄4".
_RENDERED_FRACTION = re.compile(
    r"([-−]?)(?:(\d{1,9})[ +]?)?(?:<sup>)?(\d{1,9})(?:</sup>)?⁄(?:<sub>)?(\d{1,9})(?:</sub>)?\Z"
)
_VULGAR = {
    "½": "1/2",
    "⅓": "1/3",
    "⅔": "2/3",
    "¼": "1/4",
    "¾": "3/4",
    "⅛": "1/8",
    "⅜": "3/8",
    "⅝": "5/8",
    "⅞": "7/8",
}


def read_value(text: str) -> Value | None:
    """Return the value that `text` writes, or None where it is no number."""
    text = text.replace("&nbsp;", " ").replace("&minus;", "-").strip()
    if not text or len(text) > 60:
        return None
    if text[-1] in _VULGAR:
        text = f"{text[:-1]}+{_VULGAR[text[-1]]}" if text[:-1].strip("-−") else text[:-1] + _VULGAR[text[-1]]
    if fraction := _FRACTION.match(text) or _RENDERED_FRACTION.match(text):
        return _fraction(*fraction.groups())
    number = parse_number(text)
    if number is None:
        return None
    clean = text.replace(",", "").lstrip("+-−– ")
    return Value(float(number), ("+" if text[0] == "+" else "") + _show(clean, negative=number < 0), clean)


def _show(clean: str, *, negative: bool) -> str:
    digits, exponent, power = clean.lower().partition("e")
    whole, point, decimals = digits.partition(".")
    # As it is written: no zero before the point, no point without decimals.
    shown = group_digits(whole) + (point + decimals if decimals else "") if whole else point + decimals
    if exponent and power.strip("+-−"):
        shown += f"×10<sup>{power.replace('-', MINUS).lstrip('+')}</sup>"
    return (MINUS if negative else "") + shown


def _fraction(sign: str, whole: str | None, top: str, bottom: str) -> Value | None:
    if int(bottom) == 0:
        return None
    number = int((whole or "0").replace(",", "")) + int(top) / int(bottom)
    shown = f"{MINUS if sign else ''}{whole + ' ' if whole else ''}{top}⁄{bottom}"
    return Value(-number if sign else number, shown, f"{number}", int(bottom))


# "5-10", "100–300", "2 to 3", "10 x 20": a number, a word of a range, a number.
_PACKED = re.compile(r"\s*([-+−]?[\d.,/]+)\s*(-|–|—|&ndash;|to|by|and|x|×|±|\+/-)\s*([-+−]?[\d.,/]+)\s*\Z")


def split_range(text: str) -> list[str] | None:
    """Return ``["5", "-", "10"]`` for ``5-10``, or None where `text` is no range in one piece."""
    if len(text) > 60:
        return None
    match = _PACKED.match(text)
    return list(match.groups()) if match else None


def as_fraction(size: float, denominator: int) -> str:
    """Return `size` rounded to a multiple of 1/`denominator`, as ``3 1⁄4``."""
    if size > 1e8:
        return f"{size:.2f}"
    whole, part = divmod(math.floor(size * denominator + 0.5 + 2e-14), denominator)
    if not part:
        return group_digits(str(whole))
    common = math.gcd(part, denominator)
    return f"{f'{group_digits(str(whole))} ' if whole else ''}{part // common}⁄{denominator // common}"


def scientific(size: float, places: int) -> str:
    """Write a number as ``1.5×10<sup>−10</sup>``, `places` behind its own point."""
    power = magnitude(rounded(size, places)) if places < 300 else magnitude(size)
    digits = f"{size / 10.0**power:.{max(0, min(places + power, 14))}f}"
    return f"{digits}×10<sup>{MINUS if power < 0 else ''}{abs(power)}</sup>"


def rounded(number: float, places: int) -> float:
    """Return `number` rounded to `places` behind the point, halves away from zero."""
    scale = 10.0 ** max(-30, min(places, 30))
    return math.floor(abs(number) * scale + 0.5) / scale * (1 if number >= 0 else -1)


def magnitude(number: float) -> int:
    """Return the power of ten of the first digit: 2 for 500, -1 for 0.5."""
    return math.floor(math.log10(abs(number)) + 1e-14) if number and math.isfinite(number) else 0


def significant_places(number: float, figures: int) -> int:
    """Return the places behind the point that leave `figures` digits, also where rounding brings one more."""
    places = figures - 1 - magnitude(number)
    return figures - 1 - magnitude(rounded(number, places))


def reckon(value: float, given: Unit, wanted: Unit, *, difference: bool = False) -> float | None:
    """Return `value` in the unit `wanted`, or None where the two measure different things."""
    if given.dimension != wanted.dimension and {given.dimension, wanted.dimension} != {"torque", "energy"}:
        return None
    if given.inverted != wanted.inverted:
        return 1 / (value * given.scale * wanted.scale) if value else None
    if is_temperature(given) and not difference:
        return (value - given.offset) * (given.scale / wanted.scale) + wanted.offset
    result = value * (given.scale / wanted.scale)
    return result if math.isfinite(result) else None


# Units into which a whole number converts with more precision than the ratio of the units alone suggests.
_FINER_FROM_WHOLE = frozenset(("ft", "foot", "lb"))


def default_places(
    value: Value, total: float, result: float, given: Unit, wanted: Unit, smallest_part: Unit | None
) -> int:
    """Return the places behind the point that the precision of the value suggests for the result.

    `total` is the value with the smaller parts of a composite one, the last of which is in `smallest_part`. The rules
    are those of `default_precision` in https://en.wikipedia.org/wiki/Module:Convert.
    """
    places = _given_places(value, composite=smallest_part is not None)
    if is_temperature(given):
        kelvin = abs((total - given.offset) * given.scale)
        smallest = 2 if kelvin < 1e-8 else 2 - math.floor(math.log10(kelvin) + 1e-14)
        return max(math.floor(places), smallest)
    if total == 0 or result == 0:
        return 0
    if smallest_part is not None:
        # A composite value counts in its smallest unit.
        total *= given.scale / smallest_part.scale
        given = smallest_part
    if wanted.code in _FINER_FROM_WHOLE and total == math.floor(total):
        shift = -math.log10(given.scale)
    elif smallest_part is not None and smallest_part.code == "in":
        shift = math.log10(wanted.scale) + 2
    else:
        shift = math.log10(abs(total / result))
    return max(math.floor(places + shift + math.log10(2)), 1 - magnitude(result))


def _given_places(value: Value, *, composite: bool) -> float:
    """Return the places behind the point that a value was given with; zeros at its end count as not known."""
    if value.denominator:
        return max(math.log10(value.denominator), 1.0)
    digits, _, exponent = value.clean.lower().partition("e")
    whole, point, decimals = digits.partition(".")
    if point:
        places = len(decimals)
    else:
        places = 0 if composite else len(whole.rstrip("0")) - len(whole)
    if not exponent:
        return places
    return places - int(exponent.replace(MINUS, "-") or 0)
