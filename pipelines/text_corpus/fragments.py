"""Rules that leave out what is no text to retrieve: numbers alone, coordinates, bare names, rests of citations.

A rule holds for a whole paragraph or a whole sentence, never for a part of one, and none of them can hold for a
sentence with a subject and a verb.
"""

from __future__ import annotations

import re

__all__ = ["FRAGMENT_RULES", "fragment_reason"]

FRAGMENT_RULES = {
    "no_words": "no letter in it: numbers, years, punctuation",
    "coordinates": "geographic coordinates and nothing else",
    "citation_rest": "what is left of a citation: page numbers, ISBN, DOI, an address, a date of retrieval",
    "one_word": "a single word that is no sentence (list items with a full stop, too)",
    "short_item": "a list item of fewer than four words that is no sentence: a bare name, a number and a name",
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
_CITATION_PARTS = "|".join(
    [
        r"(?:https?://|www\.)\S+",
        _IDENTIFIER,
        rf"(?:[Pp]p?|[Vv]ols?|[Nn]os?|[Cc]hs?|[Ff]igs?|[Ii]ssue)\.?\s?{_NUMBERS}(?:\s?,\s?{_NUMBERS})*",
        rf"(?:Retrieved|Accessed|Archived)(?: from the original)?(?: on)? {_DATE}",
        r"Archived from the original",
        r"\((?:in|In) [A-Z]\w+\)",
        r"\[(?:citation needed|clarification needed|by whom\?|who\?|when\?|which\?|where\?|\d+)\]",
        r"(?:[Ii]bid|et al|[Oo]p\. cit|[Ll]oc\. cit|eds?|trans|n\.d)\.",
    ]
)
_CITATION = re.compile(rf"[\s(\[]*(?:{_CITATION_PARTS})(?:[\s,;.:)\]]+(?:{_CITATION_PARTS}))*[\s,;.)\]]*")

_LETTER = re.compile(r"[^\W\d_]")
# Scripts that put no spaces between words: Thai to Tibetan, Myanmar, Khmer, kana, Chinese characters.
_WITHOUT_SPACES = re.compile(
    r"[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003ffff]"
)
_SENTENCE_ENDS = ".!?…。！？।"
# Longer texts are no fragments; a look at their length spares the patterns.
_LONGEST = 200
_WORDS_OF_AN_ITEM = 4
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
    if _CITATION.fullmatch(text) is not None:
        return "citation_rest"
    text = text.strip()
    if " " not in text and _is_one_word(text, kind):
        return "one_word"
    return "short_item" if kind in _ITEMS and _is_short_item(text) else None


def _is_short_item(text: str) -> bool:
    return (
        text.rstrip("\"'”’»)]")[-1:] not in _SENTENCE_ENDS
        and len(text.split()) < _WORDS_OF_AN_ITEM
        and _WITHOUT_SPACES.search(text) is None
    )


def _is_one_word(text: str, kind: str) -> bool:
    if len(text.split()) > 1 or _WITHOUT_SPACES.search(text) is not None:
        return False
    ends = text.rstrip("\"'”’»)]")[-1:]
    return ends not in _SENTENCE_ENDS or (kind in _ITEMS and ends == ".")
