"""Units of measurement as ``{{convert}}`` knows them: symbols, names, factors, default outputs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from pipelines.wikitext.templates.unit_table import UNITS

__all__ = ["COMBINATIONS", "Unit", "engineering_word", "find_unit", "is_temperature"]


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit: `scale` turns a number of it into the base unit of its `dimension`."""

    code: str
    symbol: str
    name: str
    plural: str
    scale: float
    dimension: str
    default: str
    """Code of the unit converted to where none is given; a conditional default is ``"ftin<3|ft"``."""
    always: str = ""
    """``symbol`` or ``name`` where the unit is always written in that one way, else empty."""
    offset: float = 0.0
    """Zero of the base unit's scale, in this unit (temperatures)."""
    power_of_ten: int = 0
    """Engineering notation: ``e6`` in front of the code gives 6; `scale` includes it."""
    article: str = ""
    """Title of the unit's article where it is not the name."""
    inverted: bool = False
    """Whether more of it is less (litres per 100 kilometres)."""

    def named(self, singular: bool) -> str:
        """Gives the name in the number that fits the value."""
        return self.name if singular else self.plural


_TEMPERATURES = {
    "°C": Unit("°C", "°C", "degree Celsius", "degrees Celsius", 1.0, "temperature", "°F", "symbol", -273.15),
    "°F": Unit(
        "°F", "°F", "degree Fahrenheit", "degrees Fahrenheit", 5 / 9, "temperature", "°C", "symbol", -459.67
    ),
    "°R": Unit("°R", "°R", "degree Rankine", "degrees Rankine", 5 / 9, "temperature", "K", "symbol", 0.0),
}
_TEMPERATURE_CODES = {
    "C": "°C",
    "°C": "°C",
    "c": "°C",
    "degC": "°C",
    "celsius": "°C",
    "Celsius": "°C",
    "oC": "°C",
    "℃": "°C",
    "F": "°F",
    "°F": "°F",
    "f": "°F",
    "degF": "°F",
    "fahrenheit": "°F",
    "Fahrenheit": "°F",
    "oF": "°F",
    "℉": "°F",
    "R": "°R",
    "°R": "°R",
}

_ARTICLES = {
    "m": "Metre",
    "km": "Kilometre",
    "in": "Inch",
    "ft": "Foot (unit)",
    "yd": "Yard",
    "mi": "Mile",
    "C": "Celsius",
    "°C": "Celsius",
    "°F": "Fahrenheit",
    "K": "Kelvin",
    "lb": "Pound (mass)",
    "oz": "Ounce",
    "st": "Stone (unit)",
    "t": "Tonne",
    "MT": "Tonne",
    "kn": "Knot (unit)",
    "h": "Hour",
    "fathom": "Fathom",
    "USgal": "US gallon",
    "impgal": "Imperial gallon",
    "hp": "Horsepower",
    "PS": "Metric horsepower",
    "ly": "Light-year",
    "oilbbl": "Barrel (unit)",
    "psi": "Pounds per square inch",
    "chain": "Chain (unit)",
    "rd": "Rod (unit)",
    "league": "League (unit)",
    "m/s": "Metre per second",
    "km/h": "Kilometres per hour",
    "mph": "Miles per hour",
    "ft/s": "Feet per second",
    "g0": "Gravitational acceleration",
    "gr": "Grain (unit)",
    "carat": "Carat (mass)",
    "bar": "Bar (unit)",
    "N": "Newton (unit)",
    "J": "Joule",
    "W": "Watt",
    "atm": "Atmosphere (unit)",
    "min": "Minute",
    "s": "Second",
    "AU": "Astronomical unit",
    "hand": "Hand (unit)",
    "a": "Hectare#Are",
}

# Written as several units, the larger first, the last one rounded.
COMBINATIONS = {
    "ftin": ("ft", "in"),
    "ft in": ("ft", "in"),
    "ft+in": ("ft", "in"),
    "stlb": ("st", "lb"),
    "st+lb": ("st", "lb"),
    "lboz": ("lb", "oz"),
    "lb+oz": ("lb", "oz"),
    "ydft": ("yd", "ft"),
    "yd+ft": ("yd", "ft"),
    "mift": ("mi", "ft"),
    "miyd": ("mi", "yd"),
    "mi+yd": ("mi", "yd"),
    "ydftin": ("yd", "ft", "in"),
    "michlk": ("mi", "chain"),
    "mich": ("mi", "chain"),
    "ozdr": ("oz",),
    "ftinfrac": ("ft", "in"),
    "minsec": ("min", "s"),
    "hmin": ("h", "min"),
    "LTcwt": ("LT", "cwt"),
    "mi+chain": ("mi", "chain"),
}

_ENGINEERING = {
    2: "hundred",
    3: "thousand",
    5: "hundred thousand",
    6: "million",
    9: "billion",
    12: "trillion",
    15: "quadrillion",
}

_PREFIXES = {
    "Y": (24, "yotta"),
    "Z": (21, "zetta"),
    "E": (18, "exa"),
    "P": (15, "peta"),
    "T": (12, "tera"),
    "G": (9, "giga"),
    "M": (6, "mega"),
    "k": (3, "kilo"),
    "h": (2, "hecto"),
    "da": (1, "deca"),
    "d": (-1, "deci"),
    "c": (-2, "centi"),
    "m": (-3, "milli"),
    "μ": (-6, "micro"),
    "µ": (-6, "micro"),
    "u": (-6, "micro"),
    "n": (-9, "nano"),
    "p": (-12, "pico"),
    "f": (-15, "femto"),
}
# Units that take a prefix, with the power of the prefix.
_PREFIXABLE = {
    "m": 1,
    "g": 1,
    "L": 1,
    "l": 1,
    "W": 1,
    "Pa": 1,
    "J": 1,
    "N": 1,
    "Hz": 1,
    "eV": 1,
    "Wh": 1,
    "s": 1,
    "t": 1,
    "bit": 1,
    "m2": 2,
    "m3": 3,
    "cal": 1,
    "bar": 1,
    "Sv": 1,
    "Gy": 1,
    "pc": 1,
    "ly": 1,
    "T": 1,
    "N.m": 1,
    "a": 1,
    "USgal": 1,
    "oilbbl": 1,
}


def is_temperature(unit: Unit) -> bool:
    """Tells whether the unit has a zero of its own (not a difference of temperatures)."""
    return unit.dimension == "temperature"


@lru_cache(maxsize=1)
def _units() -> dict[str, Unit]:
    units: dict[str, Unit] = {}
    for line in UNITS.strip().splitlines():
        codes, symbol, name, plural, scale, dimension, default = line.split("|", 6)
        always = {"!": "symbol", "@": "name"}.get(symbol[0], "") if len(symbol) > 1 else ""
        for code in codes.split(","):
            units[code] = Unit(
                codes.split(",")[0],
                symbol.lstrip("!@") if always else symbol,
                name,
                plural or f"{name}s",
                float(scale),
                dimension,
                default,
                always,
                article=_ARTICLES.get(codes.split(",")[0], ""),
                inverted=name.startswith("litre per 100"),
            )
    for code, target in _TEMPERATURE_CODES.items():
        units[code] = replace(_TEMPERATURES[target], article=_ARTICLES.get(target, ""))
    return units


@lru_cache(maxsize=4096)
def find_unit(code: str, american: bool = False) -> Unit | None:
    """Gives the unit with the code `code`, or None.

    A code may have a metric prefix (``MW``), engineering notation (``e6acre``) or be a quotient (``g/L``).
    With `american`, names are spelt as in the United States (``meter``, ``liter``).
    """
    unit = _find(" ".join(code.replace("_", " ").replace("&nbsp;", " ").split()), 0)
    if unit is not None and american:
        unit = replace(unit, name=_american(unit.name), plural=_american(unit.plural))
    return unit


def _american(name: str) -> str:
    if name.startswith("tonne") and not name.startswith("tonne-"):
        return name.replace("tonne", "metric ton")
    return name.replace("metre", "meter").replace("litre", "liter").replace("deca", "deka")


def _find(code: str, depth: int) -> Unit | None:
    units = _units()
    if (unit := units.get(code)) is not None:
        return unit
    if depth > 2 or not code or len(code) > 40:
        return None
    return _prefixed(code) or _engineering(code, depth) or _quotient(code, depth)


def _prefixed(code: str) -> Unit | None:
    for length in (2, 1):
        prefix = _PREFIXES.get(code[:length])
        power = _PREFIXABLE.get(code[length:])
        if prefix is None or power is None:
            continue
        base = _units()[code[length:]]
        words = base.name.rsplit(" ", 1)
        name = " ".join([*words[:-1], prefix[1] + words[-1]])
        words = base.plural.rsplit(" ", 1)
        plural = " ".join([*words[:-1], prefix[1] + words[-1]])
        symbol = "μ" if code[:length] in ("u", "µ") else code[:length]
        return replace(
            base,
            code=code,
            symbol=symbol + base.symbol,
            name=name,
            plural=plural,
            scale=base.scale * 10.0 ** (prefix[0] * power),
        )
    return None


def _engineering(code: str, depth: int) -> Unit | None:
    """Reads ``e6acre`` as millions of acres."""
    if code[0] != "e":
        return None
    digits = code[1:3] if code[1:3].isdecimal() else code[1:2]
    if not digits.isdecimal() or int(digits) not in _ENGINEERING:
        return None
    unit = _find(code[1 + len(digits) :], depth + 1)
    if unit is None or unit.offset or unit.power_of_ten:
        return None
    default = " ".join(
        f"e{digits}{part}" for part in unit.default.partition("|")[2].split() or unit.default.split()
    )
    return replace(
        unit, code=code, scale=unit.scale * 10.0 ** int(digits), power_of_ten=int(digits), default=default
    )


def _quotient(code: str, depth: int) -> Unit | None:
    """Reads ``kg/ha``: names and factors follow from the parts."""
    top_code, slash, bottom_code = code.rpartition("/")
    if not slash:
        return None
    top = _find(top_code, depth + 1) if top_code else None
    bottom = _find(bottom_code, depth + 1)
    if bottom is None or (top is None and top_code) or bottom.power_of_ten:
        return None
    if top is None:
        name, plural, scale, dimension, symbol = "", "", 1.0, "", ""
    else:
        name, plural, scale, dimension, symbol = top.name, top.plural, top.scale, top.dimension, top.symbol
    return Unit(
        code,
        f"{symbol}/{bottom.symbol}",
        f"{name} per {bottom.name}".strip(),
        f"{plural} per {bottom.name}".strip(),
        scale / bottom.scale,
        f"{dimension}/{bottom.dimension}",
        "",
        power_of_ten=top.power_of_ten if top else 0,
    )


def engineering_word(power: int) -> str:
    """Gives the word for a power of ten in front of a unit: ``million`` for 6."""
    return _ENGINEERING.get(power, "")
