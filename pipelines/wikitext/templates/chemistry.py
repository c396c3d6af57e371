"""Formulas of substances, and nuclides."""

from __future__ import annotations

import re

from pipelines.wikitext.templates.markup import link, plain
from pipelines.wikitext.templates.numerals import MINUS
from pipelines.wikitext.templates.registry import TemplateCall, template, template_family

__all__: list[str] = []

# An argument of {{chem}} that is set low: digits, or an expression with n.
_INDEX = re.compile(r"(?:[\d.,\-–−+()xynm' ]|''[a-z]''|&minus;)+\Z")
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


@template("chem2")
def chem2(call: TemplateCall) -> str:
    """``{{chem2|CH4 + 2 O2 -> CO2 + 2 H2O}}`` -> ``CH<sub>4</sub> + 2 O<sub>2</sub> → ...``."""
    text = call.get("1")
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


_ELEMENTS = """
hydrogen H|helium He|lithium Li|beryllium Be|boron B|carbon C|nitrogen N|oxygen O|fluorine F|neon Ne|sodium Na
magnesium Mg|aluminium Al|aluminum Al|silicon Si|phosphorus P|sulfur S|sulphur S|chlorine Cl|argon Ar|potassium K
calcium Ca|scandium Sc|titanium Ti|vanadium V|chromium Cr|manganese Mn|iron Fe|cobalt Co|nickel Ni|copper Cu|zinc Zn
gallium Ga|germanium Ge|arsenic As|selenium Se|bromine Br|krypton Kr|rubidium Rb|strontium Sr|yttrium Y|zirconium Zr
niobium Nb|molybdenum Mo|technetium Tc|ruthenium Ru|rhodium Rh|palladium Pd|silver Ag|cadmium Cd|indium In|tin Sn
antimony Sb|tellurium Te|iodine I|xenon Xe|caesium Cs|cesium Cs|barium Ba|lanthanum La|cerium Ce|praseodymium Pr
neodymium Nd|promethium Pm|samarium Sm|europium Eu|gadolinium Gd|terbium Tb|dysprosium Dy|holmium Ho|erbium Er
thulium Tm|ytterbium Yb|lutetium Lu|hafnium Hf|tantalum Ta|tungsten W|rhenium Re|osmium Os|iridium Ir|platinum Pt
gold Au|mercury Hg|thallium Tl|lead Pb|bismuth Bi|polonium Po|astatine At|radon Rn|francium Fr|radium Ra|actinium Ac
thorium Th|protactinium Pa|uranium U|neptunium Np|plutonium Pu|americium Am|curium Cm|berkelium Bk|californium Cf
einsteinium Es|fermium Fm|mendelevium Md|nobelium No|lawrencium Lr|rutherfordium Rf|dubnium Db|seaborgium Sg
bohrium Bh|hassium Hs|meitnerium Mt|darmstadtium Ds|roentgenium Rg|copernicium Cn|nihonium Nh|flerovium Fl
moscovium Mc|livermorium Lv|tennessine Ts|oganesson Og|ununennium Uue|unbinilium Ubn|unbiunium Ubu
"""
_SYMBOLS = dict(entry.split(" ") for entry in _ELEMENTS.strip().replace("\n", "|").split("|"))


@template("nuclide", "nuclide2", "simpleNuclide", "simpleNuclide2", "simple nuclide", "isotope")
def nuclide(call: TemplateCall) -> str | None:
    """``{{nuclide|calcium|48}}`` -> ``<sup>48</sup>Ca``."""
    element, mass = call.get("1"), call.get("2")
    symbol = _SYMBOLS.get(element.lower(), element)
    if not symbol:
        return None
    shown = f"<sup>{mass}</sup>{symbol}" if mass else symbol
    linked = call.get("link").lower() in ("y", "yes") and element.lower() in _SYMBOLS and mass
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


@template("subatomic particle", "subatomicParticle", "physicsParticle", "physics particle", "subatomic")
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


@template("h-phrases", "p-phrases", "gHS phrases", "ghs phrases")
def phrases(call: TemplateCall) -> str:
    """``{{H-phrases|225|319}}`` -> ``H225, H319``."""
    letter = call.name[0].upper() if call.name[1:2] == "-" else ""
    return ", ".join(f"{letter}{number}" for number in call.positional() if number)
