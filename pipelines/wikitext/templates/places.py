"""Stations, lines, roads and coordinates: short names that link to long titles."""

from __future__ import annotations

import re

from pipelines.wikitext.data import read_table
from pipelines.wikitext.templates.markup import link
from pipelines.wikitext.templates.registry import TemplateCall, template

__all__: list[str] = []


def _register_stops() -> None:
    for names, kind in read_table("stops"):

        @template(*names.split("|"))
        def stop(call: TemplateCall, kind: str = kind) -> str | None:
            """``{{rws|Ash|Kent}}`` -> ``[[Ash railway station (Kent)|Ash]]``."""
            name, note = call.get("1"), call.get("2", "dab")
            if not name:
                return None
            return link(f"{name} {kind}{f' ({note})' if note else ''}", name)


_register_stops()


@template("station link", "stl", "line link", "lnl", "ja-rail-line", "rail line link", "lnr")
def of_a_system(call: TemplateCall) -> str | None:
    """``{{stl|Metro|Harbour}}`` -> ``Harbour``: the title that its system gives it is not on the page."""
    return call.get("3" if call.name == "lnr" else "2", "2", "1") or None


@template("NYCS", "NYCS service", "NYCS-bull")
def subway_service(call: TemplateCall) -> str | None:
    """``{{NYCS|A}}`` -> ``[[A (New York City Subway service)|A]]``."""
    name = call.get("1")
    return link(f"{name} (New York City Subway service)", name) if name else None


# How the types of American roads are written in front of their number.
_ROAD_TYPES = {
    "I": "I-{}",
    "US": "US {}",
    "SR": "SR {}",
    "CR": "CR {}",
    "Hwy": "Highway {}",
    "Route": "Route {}",
}
# The names of other types stand as they are, except for the words behind a hyphen, which follow the number.
_ROAD_SUFFIXES = {
    "Alt": "Alt.",
    "Bus": "Bus.",
    "Byp": "Byp.",
    "Spur": "Spur",
    "Truck": "Truck",
    "Conn": "Conn.",
}


def _road(kind: str, number: str) -> str:
    base, hyphen, suffix = kind.partition("-")
    if hyphen and suffix in _ROAD_SUFFIXES:
        return f"{_road(base, number)} {_ROAD_SUFFIXES[suffix]}"
    return _ROAD_TYPES.get(kind, f"{kind} {{}}").replace("{}", number).strip()


@template("jct")
def junction(call: TemplateCall) -> str | None:
    """``{{jct|state=CA|I|5|dir1=north|US|101|city1=Ojai}}`` -> ``I-5 north / US 101 – Ojai``."""
    words = call.positional()
    roads = []
    for place, start in enumerate(range(0, len(words) - 1, 2), start=1):
        if not words[start]:
            continue
        road = _road(words[start], words[start + 1])
        to = "To " if call.get(f"to{place}") else ""
        name = call.get(f"name{place}")
        direction = call.get(f"dir{place}")
        roads.append(f"{to}{road}{direction and ' ' + direction}{name and f' ({name})'}")
    if not roads:
        return None
    towns = ", ".join(filter(None, (call.get(f"city{place}", f"location{place}") for place in range(1, 5))))
    return " / ".join(roads) + (f" – {towns}" if towns else "")


# "M25", "A1(M)", "A38", "B4100".
_BRITISH_ROAD = re.compile(r"(?:M\d+|A\d+\(M\)|([AB])\d+)\Z")


@template("UK road", "uk road", "UKroad")
def british_road(call: TemplateCall) -> str | None:
    """``{{UK road|A38}}`` -> ``[[A38 road|A38]]``, ``{{UK road|M5}}`` -> ``[[M5 motorway|M5]]``."""
    number = call.get("1")
    road = _BRITISH_ROAD.match(number.replace(" ", ""))
    if road is None or road[1] == "B":
        return number or None
    return link(f"{number} {'road' if road[1] else 'motorway'}", number)


@template("airport codes", "airport code")
def airport_codes(call: TemplateCall) -> str | None:
    """``{{airport codes|LHR|EGLL}}`` -> ``(IATA: LHR, ICAO: EGLL)``."""
    labels = ("IATA", "ICAO", "FAA LID", "TC LID", "WMO")
    codes = [f"{label}: {code}" for label, code in zip(labels, call.positional(), strict=False) if code]
    return f"({', '.join(codes)})" if codes else None


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
