"""The arithmetic of ``{{convert}}``: values in other units, and how precise they are."""

from __future__ import annotations

import math

from pipelines.wikitext.templates.conversion_values import Value
from pipelines.wikitext.templates.numerals import MINUS
from pipelines.wikitext.templates.units import Unit, is_temperature

__all__ = ["default_places", "magnitude", "reckon", "rounded", "scientific", "significant_places"]


def scientific(size: float, places: int) -> str:
    """Writes a small number as ``1.5×10<sup>−10</sup>``."""
    power = magnitude(size)
    digits = f"{size * 10.0**-power:.{max(0, min(places + power, 14))}f}"
    return f"{digits}×10<sup>{MINUS}{-power}</sup>"


def rounded(number: float, places: int) -> float:
    """Gives `number` rounded to `places` behind the point, halves away from zero."""
    scale = 10.0 ** max(-30, min(places, 30))
    return math.floor(abs(number) * scale + 0.5) / scale * (1 if number >= 0 else -1)


def magnitude(number: float) -> int:
    """Gives the power of ten of the first digit: 2 for 500, -1 for 0.5."""
    return math.floor(math.log10(abs(number)) + 1e-14) if number and math.isfinite(number) else 0


def significant_places(number: float, figures: int) -> int:
    """Gives the places behind the point that leave `figures` digits, also where rounding brings one more."""
    places = figures - 1 - magnitude(number)
    return figures - 1 - magnitude(rounded(number, places))


def reckon(value: float, given: Unit, wanted: Unit, *, difference: bool = False) -> float | None:
    """Gives `value` in the unit `wanted`, or None where the two measure different things."""
    if given.dimension != wanted.dimension and {given.dimension, wanted.dimension} != {"torque", "energy"}:
        return None
    if given.inverted != wanted.inverted:
        return 1 / (value * given.scale * wanted.scale) if value else None
    if is_temperature(given) and not difference:
        return (value - given.offset) * (given.scale / wanted.scale) + wanted.offset
    result = value * (given.scale / wanted.scale)
    return result if math.isfinite(result) else None


def default_places(
    value: Value, total: float, result: float, given: Unit, wanted: Unit, smallest_part: Unit | None
) -> int:
    """Gives the places behind the point that the precision of the value suggests for the result.

    `total` is the value with the smaller parts of a composite one, the last of which is in `smallest_part`.
    """
    places = _given_places(value, composite=smallest_part is not None)
    if is_temperature(given):
        kelvin = abs((total - given.offset) * given.scale)
        smallest = 2 if kelvin < 1e-8 else 2 - math.floor(math.log10(kelvin) + 1e-14)
        return max(math.floor(places), smallest)
    if total == 0 or result == 0:
        return 0
    if smallest_part is not None and smallest_part.code == "in":
        shift = math.log10(wanted.scale) + 2
    else:
        shift = math.log10(abs(total / result))
    return max(math.floor(places + shift + math.log10(2)), 1 - magnitude(result))


def _given_places(value: Value, *, composite: bool) -> float:
    """Gives the places behind the point that a value was given with; zeros at its end count as not known."""
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
