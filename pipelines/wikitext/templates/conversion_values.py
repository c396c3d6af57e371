"""The values that ``{{convert}}`` is given: numbers, fractions, ranges."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pipelines.wikitext.templates.numerals import MINUS, group_digits, parse_number

__all__ = ["Range", "Value", "find_range", "read_value", "split_range"]


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
    """Gives the range that `word` (``to``, ``-``, ``by``, ...) opens, or None."""
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
    """Gives the value that `text` writes, or None where it is no number."""
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
    shown = group_digits(whole or "0") + point + decimals
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
    """Gives ``["5", "-", "10"]`` for ``5-10``, or None where `text` is no range in one piece."""
    if len(text) > 60:
        return None
    match = _PACKED.match(text)
    return list(match.groups()) if match else None
