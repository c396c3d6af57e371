"""What a use of ``{{convert}}`` asks for: values, units and precision, and how the two sides are to look."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal

from pipelines.wikitext.templates.conversion_values import Range, Value, find_range, read_value, split_range
from pipelines.wikitext.templates.numerals import parse_number
from pipelines.wikitext.templates.registry import TemplateCall
from pipelines.wikitext.templates.units import Unit, combinations, find_unit

__all__ = ["Request", "Style", "default_output", "read_request", "read_style"]

_LONGEST_RANGE = 12
# An ``adj=`` that tells to how many places the given value is rounded.
_ROUNDED_INPUT = re.compile("ri[0-3]")


@dataclass(slots=True)
class Request:
    """What a call asks for."""

    values: list[Value]
    ranges: list[Range]
    unit: Unit
    smaller: list[tuple[Value, Unit]] = field(default_factory=list)
    """Further parts of a composite input: the inches of ``6|ft|4|in``."""
    outputs: list[str] = field(default_factory=list)
    precision: int | None = None
    rest: list[str] = field(default_factory=list)
    """Positional arguments behind the precision: words for ``adj=mid`` and its kin."""

    @property
    def in_hands(self) -> bool:
        """Return whether the values are heights of horses: ``14.2`` is 14 hands and 2 inches."""
        return self.unit.code == "hand"


@dataclass(frozen=True, slots=True)
class Style:
    """How the two sides are to look."""

    symbol_in: bool
    symbol_out: bool
    values_only: bool
    adjective: bool
    flip: bool
    display: str
    american: bool
    link_in: bool
    link_out: bool
    spell_in: bool
    spell_out: bool
    spell_upper: bool
    number_word: bool
    commas: bool
    sigfig: int | None
    round_to: float | None
    round_each: bool
    """Whether each result of a range is as precise as its own value suggests."""
    fraction: int | None
    """The denominator to which results are rounded and shown as fractions."""
    name_and_symbol: bool
    """Whether the first unit of each side has its name and its symbol: ``10 miles [mi]``."""
    given_in_outputs: bool
    """Whether the results stand alone, the given value among them where its unit is one of theirs."""
    places_given: int | None
    """Places behind the point to which the given value is rounded."""
    given_abbreviation: bool
    """Whether the call says how units are abbreviated: then none is always a symbol."""


def read_style(call: TemplateCall) -> Style:
    """Read how the sides are to look from the named arguments."""
    abbr = call.get("abbr", default="on" if call.name.lower() == "cvt" else "").lower()
    display = call.get("disp").lower()
    adjective = call.get("adj").lower()
    flip = display == "flip" or call.get("order").lower() == "flip" or adjective == "flip"
    spell = call.get("spell")
    spells_out = spell.lower() == "on"
    if display in ("", "flip", "5"):
        display = "b"
    wants_name = display in ("or", "slash", "s", "br") and not abbr
    symbol_first = abbr in ("on", "in", "unit")
    symbol_second = abbr in ("on", "out", "unit", "") and not wants_name
    if spells_out and not abbr:
        symbol_second = False
    links = call.get("lk").lower()
    sigfig = parse_number(call.get("sigfig"))
    rounding = parse_number(call.get("round"))
    fraction = parse_number(call.get("frac"))
    return Style(
        symbol_in=symbol_first,
        symbol_out=symbol_second,
        values_only=abbr == "values",
        adjective=adjective in ("on", "mid") or call.get("sing").lower() == "on",
        flip=flip,
        display=display,
        american=call.get("sp").lower() == "us",
        link_in=links in ("on", "in"),
        link_out=links in ("on", "out"),
        spell_in=spell.lower() in ("in", "on"),
        spell_out=spells_out,
        spell_upper=spell[:1].isupper(),
        number_word=abbr == "unit",
        commas=call.get("comma").lower() not in ("off", "gaps"),
        sigfig=int(sigfig) if sigfig is not None and 1 <= sigfig <= 14 else None,
        round_to=float(rounding) if rounding is not None and rounding > 0 else None,
        round_each=call.get("round").lower() == "each",
        fraction=_denominator(fraction),
        name_and_symbol=abbr in ("~", "mos"),
        given_in_outputs=call.get("order").lower() == "out",
        places_given=int(adjective[2:]) if _ROUNDED_INPUT.fullmatch(adjective) else None,
        given_abbreviation=bool(abbr),
    )


def _denominator(number: Decimal | None) -> int | None:
    """Return the denominator that ``frac=`` asks for; a negative one is the same, written on one line."""
    if number is None or number != int(number) or not 2 <= abs(number) <= 10_000:
        return None
    return abs(int(number))


def read_request(arguments: list[str], american: bool) -> Request | None:
    """Read values, ranges, units and the precision from the positional arguments."""
    if arguments and read_value(arguments[0]) is None and (parts := split_range(arguments[0])):
        arguments = parts + arguments[1:]
    position = 0
    values: list[Value] = []
    ranges: list[Range] = []
    while position < len(arguments) and len(values) <= _LONGEST_RANGE:
        value = read_value(arguments[position])
        if value is None:
            return None
        values.append(value)
        position += 1
        between = find_range(arguments[position]) if position < len(arguments) else None
        if between is None:
            break
        ranges.append(between)
        position += 1
    if not values or position >= len(arguments) or len(ranges) >= len(values):
        return None
    unit = find_unit(arguments[position], american)
    if unit is None:
        return None
    request = Request(values, ranges, unit)
    position = _read_smaller(request, arguments, position + 1, american)
    _read_output(request, arguments, position, american)
    return request


def _read_smaller(request: Request, arguments: list[str], position: int, american: bool) -> int:
    """Read the smaller parts of a composite value (``6|ft|4|in``)."""
    while position + 1 < len(arguments) and not request.ranges and len(request.smaller) < 3:
        value = read_value(arguments[position])
        unit = find_unit(arguments[position + 1], american) if value is not None else None
        larger = request.smaller[-1][1] if request.smaller else request.unit
        if value is None or unit is None or unit.dimension != larger.dimension or unit.scale >= larger.scale:
            break
        request.smaller.append((value, unit))
        position += 2
    return position


def _read_output(request: Request, arguments: list[str], position: int, american: bool) -> None:
    if position < len(arguments) and _precision(arguments[position]) is None:
        code = arguments[position]
        position += 1
        request.outputs = _output_codes(code, american) or request.outputs
    if position < len(arguments) and (precision := _precision(arguments[position])) is not None:
        request.precision = precision
        position += 1
    request.rest = arguments[position:]


def _precision(text: str) -> int | None:
    number = parse_number(text) if text and len(text) < 5 else None
    return int(number) if number is not None and number == int(number) else None


def _output_codes(code: str, american: bool) -> list[str]:
    """Return the codes that an output parameter names: ``km/h kn mph`` is three, ``ftin`` and ``L/100 km`` are one."""
    code = code.strip()
    if not code:
        return []
    if code in combinations() or find_unit(code, american) is not None:
        return [code]
    codes = [part for part in code.replace("+", " ").split() if part]
    if all(part in combinations() or find_unit(part, american) for part in codes):
        return codes[:5]
    return []


def default_output(unit: Unit, value: float) -> list[str]:
    """Return the codes of the units into which a value is converted where the call names none."""
    default = unit.default
    if "|" in default:
        condition, default = default.split("|")
        code, limit = condition.split("<")
        if 0 < value < float(limit) and not unit.power_of_ten:
            default = code
    if not default and "/" in unit.code:
        default = _default_quotient(unit)
    return _output_codes(default, False)


def _default_quotient(unit: Unit) -> str:
    """Return the output for a quotient without one of its own: both parts in their other system."""
    top, _, bottom = unit.code.rpartition("/")
    parts = []
    for code in (top, bottom):
        part = find_unit(code)
        parts.append(part.default.split("|")[-1].split(" ")[0] if part else "")
    return "/".join(parts)
