"""Natural sciences: measures and designations of astronomy, taxa, formulas of substances, nuclides."""

from __future__ import annotations

import re

from pipelines.wikitext.data import read_pairs
from pipelines.wikitext.marks import ARGUMENT_APOSTROPHE
from pipelines.wikitext.templates.markup import italic, link, plain
from pipelines.wikitext.templates.numerals import MINUS
from pipelines.wikitext.templates.registry import TemplateCall, template, template_family

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


@template("RA", "DEC")
def position_in_sky(call: TemplateCall) -> str:
    """``{{RA|05|34|32}}`` -> ``05h 34m 32s``, ``{{DEC|+22|00|52}}`` -> ``+22° 00′ 52″``."""
    units = ("h", "m", "s") if call.is_called("RA") else ("°", "′", "″")
    return " ".join(
        f"{number}{unit}" for number, unit in zip(call.positional(), units, strict=False) if number
    )


@template("MPC", "mpc")
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


@template("IUCN status", "IUCN category")
def threat(call: TemplateCall) -> str | None:
    """``{{IUCN status|EN}}`` -> ``endangered``."""
    return _THREATS.get(call.get("1").upper())


@template("gene", "GeneName")
def gene(call: TemplateCall) -> str:
    """``{{Gene|BRCA1}}`` -> ``BRCA1``."""
    return call.get("2", "1")


@template("snamei", "sname")
def scientific_name(call: TemplateCall) -> str | None:
    """``{{snamei|Panthera leo}}`` -> ``''Panthera leo''``; behind an article's title, the second argument."""
    name = call.get("2", "1")
    return (italic(name) if call.name == "snamei" else name) or None


@template("splink", "taxonlink", "taxon link", "species link")
def species(call: TemplateCall) -> str | None:
    """``{{splink|Felis catus}}`` -> ``[[Felis catus|''Felis catus'']]``."""
    name = call.get("1")
    if not name:
        return None
    return link(plain(name), italic(name))


@template("taxon italics", "TaxonItalics")
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


# An argument of {{chem}} that is set low: digits, or an expression with n.
_INDEX = re.compile(rf"(?:[\d.,\-–−+()xynm' {ARGUMENT_APOSTROPHE}]|''[a-z]''|&minus;)+\Z")
# A charge: digits, then one sign.
_CHARGE = re.compile(r"\d*[+\-−–]\Z|&minus;\Z")


@template("chem")
def chem(call: TemplateCall) -> str:
    """``{{chem|H|2|O}}`` -> ``H<sub>2</sub>O``, ``{{chem|SO|4|2-}}`` -> ``SO<sub>4</sub><sup>2−</sup>``."""
    pieces: list[str] = []
    previous_was_index = False
    for argument in call.positional():
        if _CHARGE.match(argument) and pieces and (previous_was_index or argument[-1:] in "+-−–"):
            pieces.append(f"<sup>{argument.replace('-', MINUS)}</sup>")
        elif _INDEX.match(argument) and pieces:
            pieces.append(f"<sub>{argument}</sub>")
            previous_was_index = True
            continue
        else:
            pieces.append(argument)
        previous_was_index = False
    return "".join(pieces)


# In {{chem2}}: an arrow, a charge in brackets, after a caret or at the end of a species, an index in braces, digits
# behind a letter.
_CHEM2 = re.compile(
    r"(?P<arrow><->|<=>|->|<-|&lt;-&gt;|-&gt;)"
    r"|(?<=[A-Za-z0-9)\]}])\((?P<bracketed>\d*[+\-−–])\)"
    r"|\^(?P<caret>\{[^{}]*\}|\(?[^\s{}()<>]{1,8}\)?)"
    r"|_(?P<braced>\{[^{}]*\}|[^\s{}<>])"
    r"|(?<=[A-Za-z)\]}>])(?P<charge>\d*[+-])(?=[\s|)\]]|\Z)"
    r"|(?<=[A-Za-z)\]}'])(?P<index>\d+)(?![\d]*[+-](?:\s|\Z))"
    r"|(?P<dot>\s?[*]\s?)"
)
_ARROWS = {"<->": "⇌", "<=>": "⇌", "->": "→", "<-": "←", "&lt;-&gt;": "⇌", "-&gt;": "→"}


@template("chem2", "ce")
def chem2(call: TemplateCall) -> str | None:
    """``{{chem2|CH4 + 2 O2 -> CO2 + 2 H2O}}`` -> ``CH<sub>4</sub> + 2 O<sub>2</sub> → ...``; ``{{ce|..}}`` likewise."""
    text = call.get("1")
    if not text and call.name == "ce":
        # Without a formula it is no chemistry.
        return None
    if len(text) > 2000:
        return text
    if "\\" in text:
        text = _CHEM2_GREEK.sub(_chem2_greek, text)
    shown = _CHEM2.sub(_chem2_part, text)
    target = call.get("link")
    return link(target, shown) if target else shown


# A Greek letter in {{chem2}}: "\\a", "\\h{5}"; how many atoms a ligand binds by, or bridges, is raised or set low.
_CHEM2_GREEK = re.compile(r"\\([abgdeghkmswDW])(?:\{([^{}]{0,9})\})?")
_GREEK = dict(zip("abgdehkmswDW", "αβγδεηκμσωΔΩ", strict=True))


def _chem2_greek(match: re.Match[str]) -> str:
    letter, number = _GREEK.get(match[1], match[1]), match[2]
    if not number:
        return letter
    return f"{letter}_{{{number}}}-" if letter == "μ" else f"{letter}^{{{number}}}-"


def _chem2_part(match: re.Match[str]) -> str:
    if match["arrow"]:
        return _ARROWS[match["arrow"]]
    if match["bracketed"]:
        return f"<sup>{match['bracketed'].replace('-', MINUS)}</sup>"
    if match["caret"]:
        return f"<sup>{match['caret'].strip('{}').replace('-', MINUS)}</sup>"
    if match["braced"]:
        return f"<sub>{match['braced'].strip('{}')}</sub>"
    if match["charge"]:
        return f"<sup>{match['charge'].replace('-', MINUS)}</sup>"
    if match["dot"]:
        return "·"
    return f"<sub>{match['index']}</sub>"


_SYMBOLS = read_pairs("elements")


@template(
    "nuclide", "nuclide2", "SimpleNuclide", "SimpleNuclide2", "simple nuclide", "isotope", "nuclide link"
)
def nuclide(call: TemplateCall) -> str | None:
    """``{{nuclide|calcium|48}}`` -> ``<sup>48</sup>Ca``."""
    element, mass = call.get("1"), call.get("2")
    symbol = _SYMBOLS.get(element.lower(), element)
    if not symbol:
        return None
    shown = f"<sup>{mass}</sup>{symbol}" if mass else symbol
    wanted = call.is_called("nuclide link") or call.get("link").lower() in ("y", "yes")
    linked = wanted and element.lower() in _SYMBOLS and mass
    return link(f"{element.capitalize()}-{mass}", shown) if linked else shown


def _register_elements() -> None:
    for element, symbol in _SYMBOLS.items():
        if element in ("tin", "lead", "gold", "silver", "mercury", "iron"):
            continue

        @template(element)
        def element_symbol(call: TemplateCall, element: str = element, symbol: str = symbol) -> str:
            """``{{carbon}}`` -> ``[[Carbon|C]]``; an argument is the number of atoms."""
            count = call.get("2", "1")
            return link(element.capitalize(), symbol) + (f"<sub>{count}</sub>" if count.isdecimal() else "")


_register_elements()


@template_family("element-symbol")
def symbol_of_element(call: TemplateCall) -> str | None:
    """``{{element-symbol|gold}}`` -> ``Au``."""
    return _SYMBOLS.get(plain(call.get("1")).lower())


@template("subatomic particle", "SubatomicParticle", "PhysicsParticle", "physics particle", "subatomic")
def particle(call: TemplateCall) -> str | None:
    """``{{subatomic particle|electron}}`` -> ``e<sup>−</sup>``; others by their name."""
    known = {
        "electron": "e<sup>−</sup>",
        "positron": "e<sup>+</sup>",
        "antielectron": "e<sup>+</sup>",
        "proton": "p",
        "neutron": "n",
        "photon": "γ",
        "muon": "μ<sup>−</sup>",
        "tau": "τ<sup>−</sup>",
        "neutrino": "ν",
        "pion+": "π<sup>+</sup>",
        "pion-": "π<sup>−</sup>",
        "pion0": "π<sup>0</sup>",
        "gluon": "g",
        "higgs boson": "H",
        "w boson": "W",
        "z boson": "Z",
    }
    name = call.get("1")
    if call.name.startswith("physics"):
        return f"{name}{call.get('TR') and '<sup>' + call.get('TR') + '</sup>'}"
    return known.get(name.lower(), name or None)


@template("h-phrases", "p-phrases", "GHS phrases", "ghs phrases")
def phrases(call: TemplateCall) -> str:
    """``{{H-phrases|225|319}}`` -> ``H225, H319``."""
    letter = call.name[0].upper() if call.name[1:2] == "-" else ""
    return ", ".join(f"{letter}{number}" for number in call.positional() if number)
