"""Ancient Greek in Latin letters."""

from __future__ import annotations

import unicodedata

from pipelines.wikitext.templates.markup import italic, plain
from pipelines.wikitext.templates.registry import TemplateCall, template

__all__ = ["romanize_greek"]

_PAIRS = """
α a β b γ g δ d ε e ζ z η ē θ th ι i κ k λ l μ m ν n ξ x ο o π p ρ r σ s ς s τ t υ y φ ph χ kh ψ ps ω ō
"""
_LETTERS = dict(zip(_PAIRS.split()[::2], _PAIRS.split()[1::2], strict=True))
_VOWELS = frozenset("aeēioōyu")
_ROUGH_BREATHING = "\u0314"
# Acute and grave stay as they are, the circumflex of Greek is another sign than that of Latin letters.
_ACCENTS = {"\u0301": "\u0301", "\u0300": "\u0300", "\u0342": "\u0302", "\u0308": "\u0308"}
_LONGEST = 500


def romanize_greek(word: str) -> str:
    """Gives Greek letters one by one in Latin ones: ``ἀνατομή`` -> ``anatomḗ``, ``Ἑλλάς`` -> ``Hellás``."""
    letters: list[str] = []
    for letter in unicodedata.normalize("NFD", word):
        small = letter.lower()
        latin = _LETTERS.get(small)
        if latin is not None:
            if latin == "y" and letters and letters[-1][0].lower() in ("a", "e", "ē", "o"):
                latin = "u"
            elif latin in ("g", "k", "x", "kh") and letters and letters[-1] in ("g", "G"):
                letters[-1] = "n"
            letters.append(latin.capitalize() if letter != small else latin)
        elif letter == _ROUGH_BREATHING:
            _aspirate(letters)
        elif letter in _ACCENTS and letters:
            letters[-1] += _ACCENTS[letter]
        elif not unicodedata.combining(letter):
            letters.append(letter)
    return unicodedata.normalize("NFC", "".join(letters))


def _aspirate(letters: list[str]) -> None:
    """Adds the h of a rough breathing: behind rho, in front of a vowel or the diphthong that it ends."""
    if not letters:
        return
    if letters[-1] in ("r", "R"):
        letters[-1] += "h"
        return
    start = len(letters) - 1
    if start and letters[start - 1][0].lower() in _VOWELS:
        start -= 1
    first = letters[start]
    letters[start] = f"H{first.lower()}" if first[0].isupper() else f"h{first}"


@template("grc-transl")
def greek_in_latin_letters(call: TemplateCall) -> str | None:
    """``{{grc-transl|ἀνατομή}}`` -> ``''anatomḗ''``."""
    word = plain(call.get("1"))
    return italic(romanize_greek(word)) if word and len(word) <= _LONGEST else None
