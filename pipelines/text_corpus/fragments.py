"""Rules that leave out what is no text to retrieve: numbers alone, coordinates, bare names, rests of citations.

A rule holds for a whole paragraph or a whole sentence, never for a part of one, and none of them can hold for a
sentence with a subject and a verb, but for those that only say where a work can be read.
"""

from __future__ import annotations

import re

__all__ = ["FRAGMENT_RULES", "ends_as_sentence", "fragment_reason", "is_without_spaces"]

FRAGMENT_RULES = {
    "no_words": "no letter in it: numbers, years, punctuation",
    "coordinates": "geographic coordinates and nothing else",
    "citation_rest": "what is left of a citation: page numbers, ISBN, DOI, an address, names with a year, a date of"
    " retrieval, where a work can be read",
    "one_word": "a single word that is no sentence (list items with a full stop, too)",
    "short_item": "a list item of fewer than four words (six characters without spaces) that is no sentence",
}
"""What is left out, by the name under which it is counted and can be switched off."""

_DEGREES = r"[-+−]?\d{1,3}(?:\.\d+)?\s*°\s*(?:\d{1,2}(?:\.\d+)?\s*[′'’]\s*)?(?:\d{1,2}(?:\.\d+)?\s*[″\"”]\s*)?[NSEWO]?"
_COORDINATES = re.compile(rf"(?:Coordinates:?\s*)?{_DEGREES}(?:[\s,;/]+{_DEGREES})*[\s.]*", re.IGNORECASE)

_DATE = r"(?:(?:\d{1,2}\s+)?[A-Z][a-z]+\.?\s+(?:\d{1,2},\s+)?\d{4}|\d{4}-\d\d-\d\d)"
_NUMBERS = r"(?:\d+|[ivxlcIVXLC]+)(?:\s?[-–—]\s?(?:\d+|[ivxlcIVXLC]+))?"
_IDENTIFIER = (
    r"(?:ISBN|ISSN|OCLC|LCCN|PMID|PMC|JSTOR|ASIN|doi|DOI|arXiv|Bibcode|S2CID|hdl)(?:\s?:\s?|\s)"
    r"(?=[\w./()–-]*\d)[\w./()–-]+"
)
_AUTHOR = r"(?:(?:(?:van|von|de[rn]?|du|di|da|l[ae]|al|el|bin|ibn|te[nr]|af|zu) ){0,2}[A-Z][\w'’.-]+)"
_AUTHORS_TOGETHER = rf"(?:{_AUTHOR} et al\.|{_AUTHOR}(?:, {_AUTHOR},?)? (?:&|and) {_AUTHOR})"
_AUTHORS = rf"(?:{_AUTHORS_TOGETHER}|{_AUTHOR}(?:,? {_AUTHOR})?)"
_YEAR = r"(?:1[5-9]|20)\d\d[a-z]?"
_POINTER = r"[Cc]f\.|[Qq]uoted in|[Cc]ited in|[Rr]eprinted in"
_CITATION_PARTS = [
    r"(?:https?://|www\.)\S+",
    _IDENTIFIER,
    rf"(?:[Pp]p?|[Vv]ols?|[Nn]os?|[Cc]hs?|[Ff]igs?|[Ii]ssue)\.?\s?{_NUMBERS}(?:\s?,\s?{_NUMBERS})*",
    rf"(?:Retrieved|Accessed|Archived)(?: from the original)?(?: on)? {_DATE}",
    r"Archived from the original",
    r"\((?:in|In) [A-Z]\w+\)",
    r"\[(?:citation needed|clarification needed|by whom\?|who\?|when\?|which\?|where\?|\d+)\]",
    r"(?:[Ii]bid|et al|[Oo]p\. cit|[Ll]oc\. cit|eds?|trans|n\.d)\.",
]
_NAMES_WITH_A_YEAR = [
    rf"(?:see(?: also)?|in|from|{_POINTER}) {_AUTHORS} \({_YEAR}\)",
    rf"(?:See(?: also)?|In|From) {_AUTHORS_TOGETHER} \({_YEAR}\)",
]


def _series(parts: list[str]) -> re.Pattern[str]:
    one = "|".join(parts)
    return re.compile(rf"[\s(\[]*(?:{one})(?:[\s,;.:)\]]+(?:{one}))*[\s,;.)\]]*")


_CITATION = _series(_CITATION_PARTS)
# Looked for only where a bracket closes.
_CITATION_BY_NAME = _series([*_CITATION_PARTS, *_NAMES_WITH_A_YEAR])

# Says where a work can be read, and nothing of it.
_AVAILABLE = re.compile(
    r"\(?(?:(?:The|Its|An?) )?(?:[\w-]+ ){0,2}"
    r"(?:chapter|text|abstract|excerpt|PDF|preprint|preview|version|edition|transcript)s?"
    r"(?: (?:is|are))?(?: freely| also)? available on-?line[.)]*",
    re.IGNORECASE,
)

_LETTER = re.compile(r"[^\W\d_]")
# Scripts that put no spaces between words: Thai to Tibetan, Myanmar, Khmer, kana, Chinese characters.
_WITHOUT_SPACES = re.compile(
    r"[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003ffff]"
)
_SENTENCE_ENDS = ".!?…。！？।"
# Longer texts are no fragments; a look at their length spares the patterns.
_LONGEST = 200
_WORDS_OF_AN_ITEM = 4
# In scripts without spaces.
_CHARACTERS_OF_AN_ITEM = 6
# Kinds of paragraphs that are hardly ever sentences.
_ITEMS = ("list", "apparatus")


def fragment_reason(text: str, kind: str) -> str | None:
    """Gives the name of the rule (`FRAGMENT_RULES`) by which `text` is left out; None to keep it.

    Args:
        text: a whole paragraph or a whole sentence, plain.
        kind: ``prose``, ``list``, ``quote`` or ``apparatus``, of the paragraph.
    """
    if not text[:1].isalpha() and _LETTER.search(text) is None:
        return "no_words"
    if len(text) > _LONGEST:
        return None
    if "°" in text and _COORDINATES.fullmatch(text) is not None:
        return "coordinates"
    citation = _CITATION_BY_NAME if ")" in text else _CITATION
    if citation.fullmatch(text) is not None or ("available" in text and _AVAILABLE.fullmatch(text)):
        return "citation_rest"
    text = text.strip()
    if " " not in text and _is_one_word(text, kind):
        return "one_word"
    return "short_item" if kind in _ITEMS and _is_short_item(text) else None


def ends_as_sentence(text: str) -> bool:
    """Tell whether a text ends with what ends a sentence, behind which quotes and brackets may close."""
    return text.rstrip("\"'”’»)]")[-1:] in _SENTENCE_ENDS


def is_without_spaces(text: str) -> bool:
    """Tell whether a text is in a script that puts no spaces between words."""
    return _WITHOUT_SPACES.search(text) is not None


def _is_short_item(text: str) -> bool:
    if ends_as_sentence(text) or len(text.split()) >= _WORDS_OF_AN_ITEM:
        return False
    return len(text) < _CHARACTERS_OF_AN_ITEM or not is_without_spaces(text)


def _is_one_word(text: str, kind: str) -> bool:
    if len(text.split()) > 1 or is_without_spaces(text):
        return False
    ends = text.rstrip("\"'”’»)]")[-1:]
    return ends not in _SENTENCE_ENDS or (kind in _ITEMS and ends == ".")
