"""Numbers spelt in English words."""

from __future__ import annotations

__all__ = ["ordinal", "spell_number"]

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
    """Gives `number` in words (``one hundred and five``), or None from 10^18 on; without ``and`` where `american`."""
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
    """Gives ``1st``, ``2nd``, ``3rd``, ``4th``, ``11th``."""
    last = abs(number) % 100
    ending = "th" if 10 < last < 20 else {1: "st", 2: "nd", 3: "rd"}.get(last % 10, "th")
    return f"{number}{ending}"
