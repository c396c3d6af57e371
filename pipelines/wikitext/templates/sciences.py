"""Astronomy and biology: measures of the Sun, designations of minor planets, taxa."""

from __future__ import annotations

from pipelines.wikitext.templates.markup import italic, link, plain
from pipelines.wikitext.templates.registry import TemplateCall, template

__all__: list[str] = []

# Measures by template: symbol with its index, article.
_MEASURES = {
    "solar luminosity": ("L<sub>☉</sub>", "Solar luminosity"),
    "solar mass": ("M<sub>☉</sub>", "Solar mass"),
    "solar radius": ("R<sub>☉</sub>", "Solar radius"),
    "earth mass": ("M<sub>E</sub>", "Earth mass"),
    "earth radius": ("R<sub>E</sub>", "Earth radius"),
    "jupiter mass": ("M<sub>J</sub>", "Jupiter mass"),
    "jupiter radius": ("R<sub>J</sub>", "Jupiter radius"),
    "lunar mass": ("M<sub>☾</sub>", "Lunar mass"),
}


def _register() -> None:
    for name, (symbol, article) in _MEASURES.items():

        @template(name)
        def measure(call: TemplateCall, symbol: str = symbol, article: str = article) -> str:
            """``{{solar mass|2.5}}`` -> ``2.5 M<sub>☉</sub>``."""
            shown = symbol
            if call.get("link").lower() in ("y", "yes"):
                shown = link(article, symbol)
            return f"{call.get('1')} {shown}".strip()


_register()

_SIGNS = {"solar symbol": "☉", "sun symbol": "☉", "mass of sun": "M☉", "earth symbol": "🜨"}


def _register_signs() -> None:
    for name, sign in _SIGNS.items():

        @template(name)
        def astronomical_sign(_call: TemplateCall, sign: str = sign) -> str:
            """``{{solar symbol}}`` -> ``☉``."""
            return sign


_register_signs()


@template("mp", "minor planet", "mpl", "mpl-", "mp-", "mpf")
def minor_planet(call: TemplateCall) -> str | None:
    """``{{mp|1998 FJ|74}}`` -> ``1998 FJ<sub>74</sub>``; with ``mpl`` a link; a number may stand in front."""
    arguments = [argument for argument in call.positional() if argument]
    if not arguments:
        return None
    index = arguments.pop() if len(arguments) > 1 and arguments[-1].isdecimal() else ""
    text = " ".join(arguments)
    shown = f"{text}<sub>{index}</sub>" if index else text
    return link(f"{text}{index}", shown) if call.name.startswith("mpl") else shown


@template("ats")
def numbered_asteroid(call: TemplateCall) -> str | None:
    """``{{ats|101955|Bennu}}`` -> ``[[101955 Bennu]]``."""
    name = " ".join(argument for argument in call.positional()[:2] if argument)
    return link(name) if name else None


@template("dp", "dwarf planet")
def dwarf_planet(call: TemplateCall) -> str | None:
    """``{{dp|Haumea}}`` -> ``[[Haumea]]``."""
    name = call.get("1")
    articles = {
        "Ceres": "Ceres (dwarf planet)",
        "Eris": "Eris (dwarf planet)",
        "Sedna": "Sedna (dwarf planet)",
    }
    return link(articles.get(name, name), name) if name else None


@template("l1", "l2", "l3", "l4", "l5")
def lagrange_point(call: TemplateCall) -> str:
    """``{{L4}}`` -> ``L<sub>4</sub>``."""
    shown = f"L<sub>{call.name[1]}</sub>"
    return shown if call.get("nolink") else link("Lagrange point", shown)


@template("rA", "dEC")
def position_in_sky(call: TemplateCall) -> str:
    """``{{RA|05|34|32}}`` -> ``05h 34m 32s``, ``{{DEC|+22|00|52}}`` -> ``+22° 00′ 52″``."""
    units = ("h", "m", "s") if call.name == "rA" else ("°", "′", "″")
    return " ".join(
        f"{number}{unit}" for number, unit in zip(call.positional(), units, strict=False) if number
    )


@template("mPC", "mpc")
def minor_planet_center(call: TemplateCall) -> str:
    """``{{MPC|1998 FJ|shown}}`` -> ``shown``."""
    return call.get("2", "1")


_THREATS = {
    "EX": "extinct",
    "EW": "extinct in the wild",
    "CR": "critically endangered",
    "EN": "endangered",
    "VU": "vulnerable",
    "NT": "near threatened",
    "LC": "least concern",
    "DD": "data deficient",
    "NE": "not evaluated",
}


@template("iUCN status", "iUCN category")
def threat(call: TemplateCall) -> str | None:
    """``{{IUCN status|EN}}`` -> ``endangered``."""
    return _THREATS.get(call.get("1").upper())


@template("gene", "geneName")
def gene(call: TemplateCall) -> str:
    """``{{Gene|BRCA1}}`` -> ``BRCA1``."""
    return call.get("2", "1")


@template("snamei", "splink", "taxonlink", "taxon link", "species link", "sname")
def species(call: TemplateCall) -> str | None:
    """``{{splink|Felis catus}}`` -> ``[[Felis catus|''Felis catus'']]``; `snamei` and `sname` have no link."""
    name = call.get("1")
    if not name:
        return None
    return italic(name) if call.name.startswith("sname") else link(plain(name), italic(name))


@template("taxon italics", "taxonItalics")
def taxon(call: TemplateCall) -> str:
    """``{{taxon italics|Felis catus}}`` -> ``''Felis catus''``."""
    return italic(call.get("1"))


@template("ssp", "subsp.", "subsp", "var.", "f.", "sp.", "spp.", "cf.", "nsubsp.")
def rank_abbreviation(call: TemplateCall) -> str:
    """``{{subsp.}}`` -> ``subsp.``."""
    return {"ssp": "ssp.", "subsp": "subsp."}.get(call.name, call.name)


@template("au", "botanist", "aut")
def taxon_author(call: TemplateCall) -> str:
    """``{{botanist|L.}}`` -> ``L.``."""
    return call.get("1")


@template(
    "species list", "taxon list", "specieslist", "taxonlist", "linked species list", "linked taxon list"
)
def species_list(call: TemplateCall) -> str:
    """``{{species list|Felis catus|Linnaeus}}`` -> a line for each name and its author."""
    arguments = call.positional()
    lines = []
    for start in range(0, len(arguments), 2):
        name, author = [*arguments[start : start + 2], ""][:2]
        if name:
            shown = link(name, italic(name)) if call.name.startswith("linked") else italic(name)
            lines.append(f"* {shown} {author}".rstrip())
    return "\n" + "\n".join(lines) + "\n" if lines else ""


@template("fossil range", "geological range", "long fossil range", "fossilrange", "geologic range")
def fossil_range(call: TemplateCall) -> str:
    """``{{fossil range|Jurassic|Cretaceous}}`` -> ``Jurassic–Cretaceous``."""
    first, second = call.get("1"), call.get("2")
    if second and not second[:1].isdecimal():
        return f"{first}–{second}"
    return f"{first}–{second} Ma" if second else first
