"""``{{convert}}``: a measurement and the same in other units.

The rules are those that https://en.wikipedia.org/wiki/Template:Convert documents: the result is as precise as
the value that was given, and has at least two significant figures; temperatures have three in kelvins.
"""

from __future__ import annotations

import math
from dataclasses import replace

from pipelines.wikitext.templates.conversion_request import (
    Request,
    Style,
    default_output,
    read_request,
    read_style,
)
from pipelines.wikitext.templates.conversion_values import (
    Value,
    as_fraction,
    default_places,
    find_range,
    read_value,
    reckon,
    rounded,
    scientific,
    significant_places,
)
from pipelines.wikitext.templates.markup import link
from pipelines.wikitext.templates.numerals import MINUS, group_digits, parse_number, spell_number
from pipelines.wikitext.templates.registry import TemplateCall, template
from pipelines.wikitext.templates.units import Unit, combinations, engineering_word, find_unit

__all__ = ["convert"]

# How the two sides are joined: in front of the result, behind it, between several results.
_JOINS = {
    "b": (" (", ")", "; "),
    "or": (" or ", "", " or "),
    "comma": (", ", "", ", "),
    "sqbr": (" [", "]", "; "),
    "br": (" ", "", "; "),
    "br()": (" (", ")", "; "),
    "/": ("/", "", "/"),
    "slash": (" / ", "", " / "),
    "s": (" / ", "", " / "),
    "(or)": (" (", ")", " or "),
    "semicolon": ("; ", "", "; "),
    "comma in brackets": (" (", ")", ", "),
}


@template("convert", "cvt", "conv")
def convert(call: TemplateCall) -> str | None:
    """``{{convert|15|C|F}}`` -> ``15 °C (59 °F)``; `cvt` is the same with symbols on both sides."""
    style = read_style(call)
    request = read_request(call.positional(), style.american)
    if request is None:
        return _as_given(call.positional())
    if style.places_given is not None:
        request.values = [_rounded_value(value, style.places_given) for value in request.values]
    if request.unit.code == "Mach":
        request.unit = replace(request.unit, scale=_speed_of_sound(call))
    if not style.commas:
        request.values = [replace(value, shown=value.shown.replace(",", "")) for value in request.values]
    adjective = call.get("adj").lower()
    if style.display == "x" and request.rest:
        # The words around the result keep their spaces.
        words = [call.arguments[str(number)] for number in range(1, len(call.positional()) + 1)]
        request.rest = words[-len(request.rest) :]
    return _Conversion(request, style, adjective).text()


@template("hands", "hand", "hh")
def hands(call: TemplateCall) -> str | None:
    """``{{hands|15.2}}`` -> ``15.2 [[Hand (unit)|hands]] (62 inches, 157 cm)``: a horse's height."""
    words = [word for word in call.positional()[:2] if word]
    arguments = [words[0], "to", words[1]] if len(words) == 2 else words
    request = read_request([*arguments, "hand", "in cm"], american=False) if words else None
    if request is None:
        return None
    style = replace(read_style(call), display="comma in brackets")
    shown = _Conversion(request, style, "").text()
    return shown and shown.replace(" hands", f" {link('Hand (unit)', 'hands')}", 1)


def _as_given(arguments: list[str]) -> str | None:
    """Return a value in a unit that is not known as it was given: ``5 pyramid inches``; None without a value."""
    if len(arguments) < 2 or not arguments[1] or find_unit(arguments[1]) or find_range(arguments[1]):
        return None
    value = read_value(arguments[0])
    return f"{value.shown} {arguments[1].replace('_', ' ')}" if value is not None else None


def _rounded_value(value: Value, places: int) -> Value:
    return read_value(f"{value.number:.{places}f}") or value


def _speed_of_sound(call: TemplateCall) -> float:
    """Return the speed of sound in metres a second at the altitude that the call gives, at sea level otherwise.

    Up to 32 km by the standard atmosphere, for altitudes rounded to 5,000 feet, as the module's table is.
    """
    feet = parse_number(call.get("altitude_ft"))
    metres = parse_number(call.get("altitude_m"))
    altitude = float(feet) if feet is not None else float(metres or 0) / 0.3048
    kilometres = min(max(round(altitude / 5000) * 1.524, -4.572), 32)
    temperature = max(288.15 - 6.5 * kilometres, 216.65) + max(kilometres - 20, 0)
    return 340.29 * math.sqrt(temperature / 288.15)


class _Conversion:
    """One use of the template, on its way to text."""

    def __init__(self, request: Request, style: Style, adjective: str) -> None:
        self.request = request
        self.style = style
        self.adjective = adjective
        self.scientific = any("e" in value.clean.lower() for value in request.values)
        """Whether results have a power of ten from a thousand on, as the value that was given has one."""
        self.middle = ""
        self.before_unit = ["", ""]
        if adjective == "mid" and request.rest:
            words = request.rest[0]
            self.middle = words if words.startswith("-") else f" {words}" if words else ""
        elif adjective.startswith("pre") and request.rest:
            self.before_unit[1 if style.flip else 0] = request.rest[0] + " " if request.rest[0] else ""
        elif style.display == "preunit" and request.rest:
            # One word stands before both units.
            both = [*request.rest, request.rest[0]][:2]
            self.before_unit = [word + " " if word else "" for word in both]

    def text(self) -> str | None:
        """Return the whole conversion as wikitext."""
        style, request = self.style, self.request
        codes = request.outputs or default_output(request.unit, request.values[0].number)
        if style.given_in_outputs and (rearranged := self._given_among(codes)):
            return rearranged
        given = self._input(style.symbol_in if not style.flip else style.symbol_out, first=not style.flip)
        results = []
        for code in codes:
            first = style.flip
            result = self._output(code, style.symbol_in if first else style.symbol_out, first=first)
            if result is not None:
                results.append(result)
        return self._join(given, results)

    def _given_among(self, codes: list[str]) -> str:
        """Return the results, the first of which leads; the given value stands for a result in its own unit."""
        sides: list[str] = []
        for code in codes:
            first = not sides
            symbol = self.style.symbol_in if first else self.style.symbol_out
            unit = find_unit(code, self.style.american)
            if unit is not None and unit.code == self.request.unit.code:
                sides.append(self._input(symbol, first=first))
            elif (result := self._output(code, symbol, first=first)) is not None:
                sides.append(result)
        return self._join(sides[0], sides[1:]) if sides else ""

    def _join(self, given: str, results: list[str]) -> str:
        display = self.style.display
        if display in ("unit", "unit2"):
            return self._unit_alone(second=display == "unit2")
        if not results:
            return given
        if display in ("out", "output only", "output number only", "number"):
            return "; ".join(results)
        if display == "x" and self.request.rest:
            before, behind = [*self.request.rest, "", ""][:2]
            return f"{given}{before or ' [ '}{results[0]}{behind if before else ' ]'}"
        opening, closing, between = _JOINS.get(display, _JOINS["b"])
        if self.style.flip:
            return between.join(results) + opening + given + closing
        return given + opening + between.join(results) + closing

    def _unit_alone(self, *, second: bool) -> str:
        unit = self.request.unit
        if second and self.request.outputs:
            unit = find_unit(self.request.outputs[0], self.style.american) or unit
            return unit.symbol
        return unit.symbol if self.style.symbol_in else unit.named(self.request.values[-1].singular)

    # The side that was given.

    def _input(self, symbol: bool, *, first: bool) -> str:
        request, style = self.request, self.style
        shown = [value.shown for value in request.values]
        if style.spell_out or (style.spell_in and first):
            shown = [
                self._spell(value.number, text) for value, text in zip(request.values, shown, strict=True)
            ]
            if style.spell_upper and first:
                shown[0] = shown[0][:1].upper() + shown[0][1:]
        linked = style.link_in if first else style.link_out
        singular = request.values[-1].singular and not any(between.is_change for between in request.ranges)
        text = self._side(shown, singular, request.unit, symbol, linked, first=first)
        for value, unit in request.smaller:
            joint = "-" if style.adjective and not symbol else " "
            text += joint + self._side([value.shown], value.singular, unit, symbol, linked, first=False)
        return text

    def _spell(self, number: float, otherwise: str) -> str:
        if abs(number) >= 1e15:
            return otherwise
        whole, point, decimals = otherwise.replace(",", "").replace(MINUS, "-").partition(".")
        if not (whole.lstrip("-") or "0").isdecimal() or not (decimals or "0").isdecimal():
            return otherwise
        spelt = spell_number(int(whole.lstrip("-") or 0), american=self.style.american)
        if not spelt:
            return otherwise
        digits = [spell_number(int(digit), american=self.style.american) or digit for digit in decimals]
        sign = "minus " if number < 0 else ""
        return sign + spelt + (" point " + " ".join(digits) if point else "")

    def _side(
        self,
        shown: list[str],
        singular: bool,
        unit: Unit,
        symbol: bool,
        linked: bool,
        *,
        first: bool,
    ) -> str:
        """Write numbers and their unit: ``5 to 10 km``, ``5-mile``, ``2 by 4 inches``."""
        always = "" if unit.always == "symbol" and self.style.given_abbreviation else unit.always
        if self.request.in_hands and unit.code == "in" and not self.style.given_abbreviation:
            always = "name"
        as_symbol = (symbol or always == "symbol") and always != "name"
        # Thousands and millions of a unit are many, also where there is one of them.
        singular = singular and not unit.power_of_ten
        if self.style.values_only or self.style.display in ("number", "output number only"):
            return self._between(shown, "", symbolic=symbol)
        if unit.code == "Mach":
            name = link("Mach number", "Mach") if linked else "Mach"
            return f"{name} {self._between(shown, '', symbolic=symbol)}"
        adjective = self.style.adjective and not as_symbol
        unit_text = self._unit_text(unit, as_symbol, singular or adjective, linked, adjective=adjective)
        if self.style.name_and_symbol and always == "":
            unit_text = f"{unit.named(singular)} &#91;{unit.symbol}&#93;"
        before = self.before_unit[0 if first else 1]
        joined = before[:1] in ("+", "-")
        if unit.power_of_ten and as_symbol and not self.style.number_word:
            scale = f"×10<sup>{unit.power_of_ten}</sup> "
        elif unit.power_of_ten:
            scale = (
                f"{'-' if adjective else ' '}{engineering_word(unit.power_of_ten)}{'-' if adjective else ' '}"
            )
        elif unit_text.startswith(("/", "per ")) and as_symbol:
            scale = ""
        else:
            scale = "" if joined else "-" if adjective else " "
        ending = self.middle if first else ""
        return (
            self._between(shown, scale + before + unit_text, symbolic=as_symbol, adjective=adjective) + ending
        )

    def _between(self, shown: list[str], unit_text: str, *, symbolic: bool, adjective: bool = False) -> str:
        pieces: list[str] = []
        for position, text in enumerate(shown):
            pieces.append(text)
            if position < len(self.request.ranges) and position + 1 < len(shown):
                between = self.request.ranges[position]
                if between.repeats_unit and symbolic:
                    pieces.append(unit_text)
                word = between.symbolic if symbolic else between.named
                if word == "–" and shown[position + 1].startswith(MINUS):
                    word = " – "
                pieces.append(word.strip().join("--") if adjective and word.strip().isalpha() else word)
        return "".join(pieces) + unit_text

    def _unit_text(
        self, unit: Unit, as_symbol: bool, singular: bool, linked: bool, *, adjective: bool
    ) -> str:
        if as_symbol:
            text = unit.symbol
        else:
            text = unit.named(singular)
            if adjective:
                text = text.replace(" ", "-")
        if not linked or "<" in text:
            return text
        name = unit.article or unit.name[:1].upper() + unit.name[1:]
        return link(name, text)

    # The side that is reckoned.

    def _output(self, code: str, symbol: bool, *, first: bool) -> str | None:
        request, style = self.request, self.style
        if code in combinations():
            return self._combination(combinations()[code], symbol, first=first)
        unit = find_unit(code, style.american)
        if unit is None:
            return None
        numbers = []
        for position, value in enumerate(self._totals()):
            changes = position > 0 and request.ranges[position - 1].is_change
            reckoned = reckon(value, request.unit, unit, difference=changes)
            if reckoned is None:
                return None
            numbers.append(reckoned)
        return self._written(numbers, unit, symbol, first=first)

    def _totals(self) -> list[float]:
        """Return the values in the first unit, the smaller parts of a composite value added."""
        values = [value.number for value in self.request.values]
        if self.request.in_hands:
            # The digit behind the point counts inches, of which a hand has four.
            values = [math.trunc(value) + 2.5 * math.fmod(value, 1) for value in values]
        for value, unit in self.request.smaller:
            part = value.number * unit.scale / self.request.unit.scale
            values[0] += part if values[0] >= 0 else -part
        return values

    def _written(self, numbers: list[float], unit: Unit, symbol: bool, *, first: bool) -> str:
        digits = self._digits(numbers, unit)
        shown = [self._number(number, place) for number, place in zip(numbers, digits, strict=True)]
        singular = shown[-1].strip("0") in ("1.", "1") or shown[-1] == "1"
        if self.style.fraction is not None:
            singular = abs(numbers[-1]) <= 1
        if self.style.spell_out or (self.style.spell_in and first):
            shown = [
                self._spell(rounded(number, place), text)
                for number, place, text in zip(numbers, digits, shown, strict=True)
            ]
            if first and self.style.spell_upper:
                shown[0] = shown[0][:1].upper() + shown[0][1:]
        linked = self.style.link_in if first else self.style.link_out
        return self._side(shown, singular, unit, symbol, linked, first=first)

    def _digits(self, numbers: list[float], unit: Unit) -> list[int]:
        """Return how many places behind the point each result has (negative: zeros before it)."""
        if self.request.precision is not None:
            return [self.request.precision] * len(numbers)
        if self.request.in_hands and self.style.sigfig is None:
            return [0] * len(numbers)
        if self.style.sigfig is not None:
            return [significant_places(number, self.style.sigfig) for number in numbers]
        given = self.request.values
        smallest = None
        if self.request.smaller:
            # A composite value is as precise as its smallest part.
            last, smallest = self.request.smaller[-1]
            given = [last]
        places = [
            default_places(value, total, number, self.request.unit, unit, smallest)
            for value, total, number in zip(given, self._totals(), numbers, strict=True)
        ]
        return places if self.style.round_each else [max(places)] * len(places)

    def _number(self, number: float, places: int) -> str:
        if self.style.fraction is not None and math.isfinite(number):
            return (MINUS if number < 0 else "") + as_fraction(abs(number), self.style.fraction)
        if self.style.round_to is not None and self.request.precision is None:
            step = self.style.round_to
            number = math.floor(number / step + 0.5) * step
            places = 0 if step == int(step) else 1
        places = max(-30, min(places, 30))
        if not math.isfinite(number):
            return "∞"
        sign = MINUS if number < 0 else ""
        size = abs(number)
        smallest, largest = (1e-2, 1e3) if self.scientific else (1e-4, 1e9)
        if 0 < size < smallest and places > (2 if self.scientific else 4):
            return sign + scientific(size, places)
        if size >= largest and round(size) != largest:
            return sign + scientific(size, places)
        if places >= 0:
            text = f"{size + (2e-14 if places <= 8 else 0):.{places}f}"
        else:
            text = f"{size / 10.0**-places:.0f}" + "0" * -places
            text = "0" if not text.strip("0") else text
        if not text.strip("0."):
            sign = ""
        whole, point, decimals = text.partition(".")
        return (
            sign + (group_digits(whole) if self.style.commas else whole) + (point + decimals if point else "")
        )

    def _combination(self, codes: tuple[str, ...], symbol: bool, *, first: bool) -> str | None:
        """Write the result in several units, as ``6 ft 3 in``; the last is rounded."""
        units = [unit for code in codes if (unit := find_unit(code, self.style.american))]
        sides = []
        for total in self._totals():
            size = reckon(abs(total), self.request.unit, units[-1])
            if size is None or not math.isfinite(size):
                return None
            fraction = self.style.fraction
            places = max(0, min(self._digits([size] * len(self.request.values), units[-1])[0], 6))
            rest = (
                math.floor(size * fraction + 0.5) / fraction
                if fraction
                else float(f"{size + (2e-14 if places else 0):.{places}f}")
            )
            parts = []
            for unit in units[:-1]:
                step = round(unit.scale / units[-1].scale)
                count, rest = divmod(rest, step)
                if count:
                    parts.append(
                        self._part(f"{group_digits(f'{count:.0f}')}", count == 1, unit, symbol, first=first)
                    )
            if len(units) > 1 or not parts:
                shown = as_fraction(rest, fraction) if fraction else f"{rest:.{places}f}"
                parts.append(self._part(shown, rest == 1, units[-1], symbol, first=first))
            sides.append((MINUS if total < 0 else "") + " ".join(parts))
        return self._between(sides, "", symbolic=symbol)

    def _part(self, shown: str, singular: bool, unit: Unit, symbol: bool, *, first: bool) -> str:
        linked = self.style.link_in if first else self.style.link_out
        adjective = self.style.adjective and first and not symbol
        text = self._unit_text(unit, symbol, singular or adjective, linked, adjective=adjective)
        return f"{shown}{'-' if adjective else ' '}{text}"
