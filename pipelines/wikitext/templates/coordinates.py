"""Coordinates in running text; those that stand at the title alone show nothing there."""

from __future__ import annotations

import re

from pipelines.wikitext.templates.registry import TemplateCall, template

__all__: list[str] = []

_NUMBER = re.compile(r"[-+\u2212]?\d{1,3}(?:\.\d+)?")
_DIRECTIONS = ("NS", "EWOL")
_MINUS = "-\u2212"
_UNITS = ("°", "′", "″")


@template("coord", "coords", "coordinates")
def coordinates(call: TemplateCall) -> str | None:
    """``{{coord|12|30|N|13.2|E}}`` -> ``12°30′N 13.2°E``; ``display=title`` shows nothing in the text.

    Two bare numbers (``{{coord|12.5|-13}}``) are degrees, negative to the south and west.
    """
    display = call.get("display", default="inline")
    if "inline" not in display and display not in ("i", "it", "ti"):
        return ""
    values = call.positional()
    if (
        len(values) >= 2
        and _NUMBER.fullmatch(values[0])
        and _NUMBER.fullmatch(values[1])
        and not _marked(values)
    ):
        return " ".join(_bare(value, *ends) for value, ends in zip(values, ("NS", "EW"), strict=False))
    parts: list[str] = []
    for directions in _DIRECTIONS:
        numbers: list[str] = []
        while values and _NUMBER.fullmatch(values[0]) and len(numbers) < len(_UNITS):
            numbers.append(values.pop(0))
        if not numbers or not values or values[0].upper() not in set(directions):
            return None
        parts.append("".join(map("".join, zip(numbers, _UNITS, strict=False))) + values.pop(0).upper())
    return " ".join(parts)


def _marked(values: list[str]) -> bool:
    return any(value.upper() in ("N", "S", "E", "W") for value in values)


def _bare(value: str, positive: str, negative: str) -> str:
    direction = negative if value[0] in _MINUS else positive
    return f"{value.lstrip('+' + _MINUS)}°{direction}"
