"""Numbers of works in a composer's catalogue, chess moves, playing cards, spacecraft: names of things by a code."""

from __future__ import annotations

from pipelines.wikitext.templates.markup import italic, link
from pipelines.wikitext.templates.registry import TemplateCall, template

__all__: list[str] = []

# Catalogues: names of the template, what stands in front of the number, the catalogue's article.
_CATALOGUES = """
bWV,bwv|BWV|Bach-Werke-Verzeichnis
hWV,hwv|HWV|Händel-Werke-Verzeichnis
tWV,twv|TWV|Telemann-Werke-Verzeichnis
k.,köchel|K.|Köchel catalogue
hob.|Hob.|Hoboken catalogue
woO,woo|WoO|
op.,opus|Op.|
rISM|RISM|
"""


def _register_catalogues() -> None:
    for line in _CATALOGUES.strip().splitlines():
        names, label, article = line.split("|")

        @template(*names.split(","))
        def number_of_work(call: TemplateCall, label: str = label, article: str = article) -> str:
            """``{{BWV|988}}`` -> ``[[Bach-Werke-Verzeichnis|BWV]] 988``."""
            shown = link(article, label) if article else label
            return f"{shown} {call.get('1')}".rstrip()


_register_catalogues()


@template("24hLM", "24h LM", "24h Le Mans")
def le_mans(call: TemplateCall) -> str | None:
    """``{{24hLM|2007}}`` -> ``[[2007 24 Hours of Le Mans|2007]]``."""
    year = call.get("1")
    return link(f"{year} 24 Hours of Le Mans", call.get("2", default=year)) if year else None


@template("based on", "basedon")
def based_on(call: TemplateCall) -> str | None:
    """``{{based on|''Dune''|Frank Herbert}}`` -> ``''Dune'' by Frank Herbert``; several authors are joined."""
    title, *authors = [argument for argument in call.positional() if argument] or [""]
    names = f"{', '.join(authors[:-1])} and {authors[-1]}" if len(authors) > 1 else "".join(authors)
    return f"{title} by {names}" if title and names else title or None


_ORBITERS = {
    "099": "Challenger",
    "101": "Enterprise",
    "102": "Columbia",
    "103": "Discovery",
    "104": "Atlantis",
    "105": "Endeavour",
}


@template("OV")
def orbiter(call: TemplateCall) -> str | None:
    """``{{OV|102}}`` -> ``[[Space Shuttle Columbia|''Columbia'']]``: an orbiter by its number."""
    name = _ORBITERS.get(call.get("1"))
    return link(f"Space Shuttle {name}", italic(name)) if name else None


@template("AN", "ChessAN")
def chess_move(call: TemplateCall) -> str:
    """``{{AN|Nf3}}`` -> ``Nf3``."""
    return call.get("1")


_SUITS = {"s": "♠", "h": "♥", "d": "♦", "c": "♣"}


@template("playing card", "card")
def card(call: TemplateCall) -> str | None:
    """``{{card|A|s}}`` -> ``A♠``."""
    rank, suit = call.get("1"), call.get("2")
    return f"{rank}{_SUITS.get(suit[:1].lower(), suit)}" if rank else None


@template("cuegloss", "cuegloss2", "cue gloss", "cuegloss1")
def cue_term(call: TemplateCall) -> str | None:
    """``{{cuegloss|Kiss|kiss shot}}`` -> ``[[Glossary of cue sports terms#kiss|kiss shot]]``."""
    word = call.get("1")
    return link(f"Glossary of cue sports terms#{word}", call.get("2", default=word)) if word else None


@template("earthquake magnitude", "m")
def magnitude(call: TemplateCall) -> str | None:
    """``{{M|w|7.8}}`` -> ``M<sub>w</sub> 7.8``: an earthquake's magnitude on a scale."""
    scale, size = [*call.positional(), "", ""][:2]
    if not scale or len(scale) > 3:
        return None
    letter = "m" if scale == "b" else "M"
    return f"{letter}<sub>{scale}</sub> {size}".rstrip() if scale != "unk" else f"{letter} {size}".rstrip()
