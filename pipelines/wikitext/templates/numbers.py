"""Numbers: with uncertainties and units, fractions, powers, spelt, rounded."""

from __future__ import annotations

import re

from pipelines.wikitext.templates.conversion_values import read_value
from pipelines.wikitext.templates.markup import link
from pipelines.wikitext.templates.numerals import (
    MINUS,
    group_digits,
    ordinal,
    parse_number,
    round_half_up,
    spell_number,
    write_number,
)
from pipelines.wikitext.templates.registry import TemplateCall, template
from pipelines.wikitext.templates.units import find_unit

__all__ = ["fraction"]

# Digits as {{val}} takes them: sign, whole part, decimals.
_DIGITS = re.compile(r"([-+−±]?)(\d*)(?:\.(\d*))?\Z")


def _grouped(number: str) -> str:
    """Groups the digits of a number as ``{{val}}`` does: by threes, with commas before the point."""
    match = _DIGITS.match(number.replace(",", "").replace("&minus;", "-").strip())
    if match is None or len(number) > 200:
        return number
    sign, whole, decimals = match.groups()
    shown = (MINUS if sign in ("-", "−") else sign) + group_digits(whole)
    return shown if decimals is None else f"{shown}.{decimals}"


@template("val", "value")
def val(call: TemplateCall) -> str | None:
    """``{{val|1234.5|0.5|e=3|u=km}}`` -> ``(1234.5±0.5)×10<sup>3</sup> km``.

    The gaps that the template puts between groups of digits are only for show; ``fmt=commas`` writes commas.
    """
    commas = call.get("fmt") == "commas"
    arguments = [*call.positional(), "", "", ""]
    number, power = _split_exponent(arguments[0])
    text = _digits(number, commas) + call.get("end")
    is_range = arguments[1] in _RANGES and arguments[2] != ""
    if is_range:
        text += _RANGES[arguments[1]] + _digits(arguments[2], commas)
        arguments[1:3] = ["", ""]
    uncertain = _uncertainty(arguments[1], arguments[2], commas)
    text += uncertain
    if exponent := call.get("e", default=power):
        power_text = f"10<sup>{_digits(exponent, commas)}</sup>"
        bracketed = f"({text})" if is_range or "±" in uncertain or MINUS in uncertain else text
        text = f"{bracketed}×{power_text}" if text else power_text
    text = call.get("p") + text + call.get("s")
    unit = _unit_symbol(call.get("u", "ul"))
    if per := call.get("up", "upl"):
        unit += f"/{_unit_symbol(per)}"
    if not unit or (unit[0] in "%°/′″" and not unit.startswith(("°C", "°F"))):
        return text + unit or None
    return f"{text} {unit}".strip()


# What may stand between two values.
_RANGES = {
    "-": "–",
    "–": "–",
    "to": " to ",
    "and": " and ",
    "or": " or ",
    "by": " by ",
    "x": " × ",
    "×": " × ",
}


def _digits(number: str, commas: bool) -> str:
    return _grouped(number) if commas else number.replace("-", MINUS).replace("&minus;", MINUS)


def _uncertainty(above: str, below: str, commas: bool) -> str:
    if above and below:
        return f"+{_digits(above.lstrip('+'), commas)}{MINUS}{_digits(below.lstrip('-−'), commas)}"
    if not above:
        return ""
    return above if above.startswith("(") else f"±{_digits(above, commas)}"


def _split_exponent(number: str) -> tuple[str, str]:
    mantissa, mark, power = number.lower().partition("e")
    if mark and parse_number(power) is not None and parse_number(mantissa) is not None:
        return mantissa, power
    return number, ""


# The sign of a power behind a unit: "mol-1", "s-2".
_NEGATIVE_POWER = re.compile(r"(?<=[A-Za-zΩμ°])-(?=\d)")


def _unit_symbol(code: str) -> str:
    """Return a unit as it is written; codes with a power (``m/s2``, ``mol-1``) get it raised, with a minus sign."""
    if "<" not in code and "[" not in code:
        code = _NEGATIVE_POWER.sub(MINUS, code)
    if code in ("degC", "degF"):
        return f"°{code[-1]}"
    if not code or code[-1] not in "23" or "[" in code or "<" in code:
        return code
    unit = find_unit(code)
    return unit.symbol if unit is not None else code


@template(
    "frac",
    "fraction",
    "sfrac",
    "frac2",
    "ifrac",
    "fracn",
    "ffrac",
    "num/den",
    "cfrac",
    "sfracn",
    "tfrac",
    "dfrac",
)
def fraction(call: TemplateCall) -> str | None:
    """``{{frac|3|4}}`` -> ``3⁄4``, ``{{frac|2}}`` -> ``1⁄2``, ``{{frac|21|1|2}}`` -> ``21 1⁄2``.

    The stacked fractions of `sfrac` are written with a slash: ``{{sfrac|3''n'' + 1|2}}`` -> ``3''n'' + 1/2``
    gets brackets around a sum.
    """
    parts = [part for part in call.positional() if part]
    if not parts or len(parts) > 3:
        return None
    stacked = call.name.lower().startswith(("sfrac", "cfrac", "tfrac", "dfrac"))
    bar = "/" if stacked else "⁄"
    if len(parts) == 1:
        return f"1{bar}{parts[0]}"
    top, bottom = parts[-2:]
    if stacked:
        top, bottom = _bracketed(top), _bracketed(bottom)
    return f"{parts[0] + ' ' if len(parts) == 3 else ''}{top}{bar}{bottom}"


def _bracketed(term: str) -> str:
    """Put a sum of several terms in brackets."""
    inner = term.strip()
    sum_of_terms = any(sign in inner[1:] for sign in (" + ", " − ", " - ", "&minus;", " &minus; ", "+"))
    return f"({inner})" if sum_of_terms and not inner.startswith("(") else inner


@template("e", "×10^", "10^", "x10^", "esp")
def power_of_ten(call: TemplateCall) -> str:
    """``{{e|9}}`` -> ``×10<sup>9</sup>``; ``{{10^|9}}`` -> ``10<sup>9</sup>``."""
    exponent = call.get("1").replace("-", MINUS)
    return f"{'' if call.name == '10^' else '×'}10<sup>{exponent}</sup>"


@template("scinote", "scientific notation")
def scientific(call: TemplateCall) -> str | None:
    """``{{scinote|12345}}`` -> ``1.2345×10<sup>4</sup>``."""
    number = parse_number(call.get("1"))
    if number is None or number == 0:
        return call.get("1") or None
    power = number.adjusted()
    return f"{write_number(number.scaleb(-power))}×10<sup>{str(power).replace('-', MINUS)}</sup>"


@template("gaps", "gapnum", "val/delimitnum")
def gaps(call: TemplateCall) -> str:
    """``{{gaps|3.141|592}}`` -> ``3.141592``: gaps between digits are only for show."""
    return (
        "".join(call.positional())
        + call.get("u")
        + (f"×10<sup>{call.get('e')}</sup>" if call.get("e") else "")
    )


@template("+-", "±", "plus minus", "plusminus", "plus or minus", "plusmn")
def plus_or_minus(call: TemplateCall) -> str:
    """``{{±}}`` -> ``±``, ``{{±|5}}`` -> ``±5``, ``{{±|2|3}}`` -> ``+2−3``."""
    above, below = call.get("1"), call.get("2")
    return f"+{above.lstrip('+')}{MINUS}{below.lstrip('-−')}" if above and below else f"±{above}"


@template("numero", "no.", "№", "nos.", "iss.")
def numero(call: TemplateCall) -> str:
    """``{{numero|5}}`` -> ``No. 5``."""
    label = {"nos.": "Nos.", "iss.": "iss."}.get(call.name, "No.")
    return f"{label} {call.get('1')}".rstrip()


@template("p.", "pp.", "page abbreviation")
def page(call: TemplateCall) -> str:
    """``{{p.|5}}`` -> ``p. 5``, ``{{p.|5|9}}`` -> ``pp. 5–9``."""
    first, last = call.get("1"), call.get("2")
    if last:
        return f"pp. {first}–{last}"
    return f"{'pp.' if call.name == 'pp.' else 'p.'} {first}".rstrip()


@template("significant figures", "sigfig", "sig fig", "round to sf")
def significant(call: TemplateCall) -> str | None:
    """``{{sigfig|1234.5|2}}`` -> ``1,200``."""
    number, figures = parse_number(call.get("1")), parse_number(call.get("2", default="3"))
    if number is None or figures is None or not 0 < figures <= 20:
        return call.get("1") or None
    places = int(figures) - 1 - number.adjusted() if number else 0
    return write_number(round_half_up(number, places))


@template("decimals", "rnd", "round", "dec", "round n", "roundn")
def rounded(call: TemplateCall) -> str | None:
    """``{{decimals|3.14159|2}}`` -> ``3.14``."""
    number, places = parse_number(call.get("1")), parse_number(call.get("2", default="0"))
    if number is None or places is None or abs(places) > 20:
        return call.get("1") or None
    return write_number(round_half_up(number, int(places)))


@template("number table sorting", "nts", "formatnum", "formatnumber", "number format", "format number")
def formatted_number(call: TemplateCall) -> str:
    """``{{nts|12345}}`` -> ``12,345``."""
    return _grouped(call.get("1"))


@template("sort", "sortname", "hs", "hsort", "ntsh", "number table sorting hidden")
def sorted_text(call: TemplateCall) -> str:
    """``{{sort|key|shown}}`` -> ``shown``; ``{{sortname|Ada|Lovelace}}`` -> ``[[Ada Lovelace]]``."""
    if call.name == "sort":
        return call.get("2", "1")
    if call.name == "sortname":
        name = f"{call.get('1')} {call.get('2')}".strip()
        target = call.get("3", default=f"{name} ({call.get('dab')})" if call.get("dab") else name)
        return name if call.get("nolink") else link(target, name)
    return ""


@template("spellnum", "number to words", "number to word", "spell number", "spellnum per mos", "numtext")
def spelt(call: TemplateCall) -> str | None:
    """``{{number to words|21}}`` -> ``twenty-one``."""
    number = parse_number(call.get("1"))
    if number is None or number != int(number):
        return call.get("1") or None
    return spell_number(int(number)) or call.get("1")


@template("ordinal", "ord", "ordinal to word", "nth", "suffix")
def ordinal_number(call: TemplateCall) -> str | None:
    """``{{ordinal|21}}`` -> ``21st``."""
    number = parse_number(call.get("1"))
    return ordinal(int(number)) if number is not None and number == int(number) else None


@template("th")
def ordinal_ending(call: TemplateCall) -> str:
    """``{{th}}`` -> ``th``, ``{{th|5}}`` -> ``5th``."""
    return f"{call.get('1')}th"


@template("height", "hgt")
def height(call: TemplateCall) -> str | None:
    """``{{height|ft=6|in=2}}`` -> ``6 ft 2 in (1.88 m)``; ``{{height|m=1.88}}`` -> ``1.88 m (6 ft 2 in)``."""
    metres, centimetres = parse_number(call.get("m", "meters")), parse_number(call.get("cm"))
    in_words = call.get("abbr").lower() in ("no", "n", "off")
    if metres is not None or centimetres is not None:
        size = float(metres) if metres is not None else float(centimetres or 0) / 100
        if not 0 < size < 10000:
            return None
        feet, inches = divmod(round(size / 0.0254), 12)
        metre, centimetre = ("metres", "centimetres") if in_words else ("m", "cm")
        shown = (
            f"{call.get('m', 'meters')} {metre}" if metres is not None else f"{call.get('cm')} {centimetre}"
        )
        return f"{shown} ({feet} ft {inches} in)"
    feet_given = read_value(call.get("ft", "feet", default="0"))
    inches_given = read_value(call.get("in", "inch", default="0"))
    if feet_given is None or inches_given is None or not 0 < feet_given.number + inches_given.number < 10000:
        return None
    total = feet_given.number * 0.3048 + inches_given.number * 0.0254
    foot = ("foot" if feet_given.number == 1 else "feet") if in_words else "ft"
    inch = ("inch" if inches_given.number == 1 else "inches") if in_words else "in"
    shown = f"{feet_given.shown} {foot}" if call.get("ft", "feet") else ""
    if call.get("in", "inch"):
        shown = f"{shown} {inches_given.shown} {inch}".lstrip()
    return f"{shown} ({total:.2f} m)"


@template("pop density", "population density")
def population_density(call: TemplateCall) -> str | None:
    """``{{pop density|1000|2|km2|sqmi|prec=0}}`` -> ``500/km<sup>2</sup> (1,300/sq mi)``."""
    people, area = parse_number(call.get("1")), parse_number(call.get("2"))
    given, wanted = find_unit(call.get("3", default="km2")), find_unit(call.get("4"))
    if people is None or area is None or area <= 0 or given is None:
        return None
    wanted = wanted or find_unit("sqmi" if given.code == "km2" else "km2")
    places = parse_number(call.get("prec"))
    density = float(people) / float(area)
    if wanted is None or not 0 < density < 1e12:
        return None
    digits = min(int(places), 10) if places is not None and places >= 0 else 2 if density < 10 else 0
    other = density * wanted.scale / given.scale
    return f"{density:,.{digits}f}/{given.symbol} ({other:,.{digits}f}/{wanted.symbol})"


@template("long ton")
def long_tons(call: TemplateCall) -> str | None:
    """``{{long ton|5|10}}`` -> ``5 long tons 10 cwt (12,320 lb or 5.6 t)``: tons and hundredweights."""
    tons, hundredweights = parse_number(call.get("1")), parse_number(call.get("2", default="0"))
    if tons is None or hundredweights is None or not 0 < abs(tons) + abs(hundredweights) < 10**9:
        return None
    pounds = tons * 2240 + hundredweights * 112
    given = f"{write_number(tons)} long ton{'' if tons == 1 else 's'}"
    if hundredweights:
        given += f" {write_number(hundredweights)} cwt"
    return f"{given} ({write_number(round_half_up(pounds, -1))} lb or {float(pounds) * 0.00045359237:,.1f} t)"


@template("deg")
def degrees(call: TemplateCall) -> str:
    """``{{deg|45}}`` -> ``45°``."""
    return f"{call.get('1')}°{call.get('2')}"


@template("vol.", "vol")
def volume(call: TemplateCall) -> str:
    """``{{vol.|3}}`` -> ``vol. 3``."""
    return f"vol. {call.get('1')}".strip()


# "3ft6in", "4ft8.5in", "15in", "5ft".
_IMPERIAL_GAUGE = re.compile(r"(?:(\d{1,2})ft)?(?:(\d{1,2}(?:\.5|\.25|\.75)?)in)?\Z")
_DECIMALS = {".5": " 1⁄2", ".25": " 1⁄4", ".75": " 3⁄4"}


def _imperial_gauge(feet: float, inches: str, *, alone: bool) -> str | None:
    if not feet and not inches:
        return None
    shown_inches = next(
        (inches[: -len(end)] + half for end, half in _DECIMALS.items() if inches.endswith(end)), inches
    )
    pieces = ([f"{feet:.0f} ft"] if feet else []) + ([f"{shown_inches} in"] if inches else [])
    millimetres = round((feet * 12 + float(inches or 0)) * 25.4)
    return " ".join(pieces) if alone else f"{' '.join(pieces)} ({millimetres:,} mm)"


@template("RailGauge", "track gauge", "gauge", "trackgauge", "rail gauge")
def track_gauge(call: TemplateCall) -> str | None:
    """``{{RailGauge|1435mm}}`` -> ``1,435 mm (4 ft 8 1⁄2 in)``; with ``disp=1`` the given measure alone."""
    text = call.get("1").replace(" ", "").replace("&nbsp;", "").lower()
    if text in ("sg", "standard"):
        text = "1435mm"
    if imperial := _IMPERIAL_GAUGE.match(text):
        return _imperial_gauge(float(imperial[1] or 0), imperial[2] or "", alone=call.get("disp") == "1")
    if not text.endswith("mm"):
        return call.get("1") or None
    number = parse_number(text[:-2])
    if number is None or not 100 <= number <= 10000:
        return call.get("1")
    shown = f"{write_number(number)} mm"
    alone = call.get("disp") == "1"
    return shown if alone else f"{shown} ({_feet_and_inches(float(number))})"


# Gauges whose customary inches are not the nearest sixteenth.
_GAUGES = {
    381: "15 in",
    600: "1 ft 11 5⁄8 in",
    750: "2 ft 5 1⁄2 in",
    891: "2 ft 11 3⁄32 in",
    1050: "3 ft 5 11⁄32 in",
    1520: "4 ft 11 27⁄32 in",
    1668: "5 ft 5 21⁄32 in",
}


def _feet_and_inches(millimetres: float) -> str:
    """Return a gauge in feet and sixteenths of an inch, as gauges are quoted."""
    if millimetres in _GAUGES:
        return _GAUGES[int(millimetres)]
    feet, sixteenths = divmod(round(millimetres / 25.4 * 16), 192)
    inches, part = divmod(sixteenths, 16)
    pieces = [f"{feet} ft"] if feet else []
    bottom = 16
    while part and part % 2 == 0:
        part, bottom = part // 2, bottom // 2
    if inches or part:
        shown = " ".join(filter(None, (str(inches) if inches else "", f"{part}⁄{bottom}" if part else "")))
        pieces.append(f"{shown} in")
    return " ".join(pieces)
