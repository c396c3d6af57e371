"""Units of measurement as ``{{convert}}`` knows them: symbols, names, factors, default outputs."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache, lru_cache

from pipelines.wikitext.data import read_table

__all__ = ["Unit", "combinations", "engineering_word", "find_unit", "is_temperature"]


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
        """Return the name in the number that fits the value."""
        return self.name if singular else self.plural


_ENGINEERING = {
    2: "hundred",
    3: "thousand",
    5: "hundred thousand",
    6: "million",
    9: "billion",
    12: "trillion",
    15: "quadrillion",
}


def is_temperature(unit: Unit) -> bool:
    """Return whether the unit has a zero of its own (not a difference of temperatures)."""
    return unit.dimension == "temperature"


@cache
def combinations() -> dict[str, tuple[str, ...]]:
    """Return the codes of units that are written as several: the larger first, the last one rounded."""
    return {code: tuple(units.split("|")) for code, units in read_table("unit_combinations")}


@cache
def _prefixes() -> dict[str, tuple[int, str]]:
    return {
        symbol: (int(power), name)
        for symbols, power, name in read_table("unit_prefixes")
        for symbol in symbols.split("|")
    }


@cache
def _units() -> tuple[dict[str, Unit], dict[str, int]]:
    """Return the units by code, and by code the power of the metric prefixes that a unit takes."""
    units: dict[str, Unit] = {}
    powers: dict[str, int] = {}
    for row in read_table("units"):
        codes, symbol, always, name, plural, factor, dimension, default, article, prefixed, zero = row
        first, *_ = names = codes.split("|")
        unit = Unit(
            first,
            symbol,
            name,
            plural or f"{name}s",
            float(factor),
            dimension,
            default,
            always,
            offset=float(zero or 0),
            article=article,
            inverted=name.startswith("litre per 100"),
        )
        units.update(dict.fromkeys(names, unit))
        for code in filter(None, prefixed.split("|")):
            powers[code] = int(code[-1]) if code[-1].isdecimal() else 1
    return units, powers


@lru_cache(maxsize=4096)
def find_unit(code: str, american: bool = False) -> Unit | None:
    """Return the unit with the code `code`, or None.

    A code may have a metric prefix (``MW``), engineering notation (``e6acre``) or be a quotient (``g/L``).
    With `american`, names are spelt as in the United States (``meter``, ``liter``).
    """
    unit = _find(" ".join(code.replace("_", " ").replace("&nbsp;", " ").split()), 0)
    if unit is not None and american:
        unit = replace(
            unit, name=_american(unit.name), plural=_american(unit.plural), symbol=_american(unit.symbol)
        )
    return unit


# The customary units of the United States: "US gal", "mile per US gallon".
_UNITED_STATES = re.compile(r"\bUS\b")


def _american(name: str) -> str:
    if name.startswith("tonne") and not name.startswith("tonne-"):
        return name.replace("tonne", "metric ton")
    name = name.replace("metre", "meter").replace("litre", "liter").replace("deca", "deka")
    return _UNITED_STATES.sub("U.S.", name)


def _find(code: str, depth: int) -> Unit | None:
    units, _ = _units()
    if (unit := units.get(code)) is not None:
        return unit
    if depth > 2 or not code or len(code) > 40:
        return None
    return _prefixed(code) or _engineering(code, depth) or _quotient(code, depth)


def _prefixed(code: str) -> Unit | None:
    units, powers = _units()
    for length in (2, 1):
        prefix = _prefixes().get(code[:length])
        power = powers.get(code[length:])
        if prefix is None or power is None:
            continue
        base = units[code[length:]]
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
    """Read ``e6acre`` as millions of acres."""
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
    """Read ``kg/ha``: names and factors follow from the parts."""
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
    """Return the word for a power of ten in front of a unit: ``million`` for 6."""
    return _ENGINEERING.get(power, "")
