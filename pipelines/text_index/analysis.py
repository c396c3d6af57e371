"""Text to terms: the word boundaries of Unicode (UAX #29) as Lucene's standard analyser draws them.

Terms are words, numbers, single ideographs and kana as the standard specifies, whole runs of the scripts that
write no spaces (Thai, Lao, Khmer, Myanmar), and emoji; then lower case. No stop words, no stemming. What is
left of a difference to Elasticsearch's ``standard`` analyser is described in docs/elasticsearch.md.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.metadata import version
from typing import NamedTuple

import tantivy

__all__ = ["ANALYSER", "FoundTerm", "analyser", "analyser_version", "find_terms", "foldable", "word_pattern"]

ANALYSER = "uax29-lowercase-1"
"""Name and version of the analysis; an index made by another one must be built again."""

# Rule WB4: these attach to the character before them and never end a word.
_EXTEND = r"\p{wb=Format}\p{wb=Extend}\p{wb=ZWJ}"
_DIGIT = r"\p{wb=Numeric}\x{FF10}-\x{FF19}"
# Line-break class SA (complex context), which the pattern language has no name for.
_NO_SPACES = "".join(
    rf"\p{{sc={script}}}"
    for script in ("Thai", "Lao", "Myanmar", "Khmer", "Tai_Le", "New_Tai_Lue", "Tai_Tham", "Tai_Viet", "Ahom")
)


def _one(members: str) -> str:
    """One character of a class with all that attaches to it."""
    return f"(?:[{members}][{_EXTEND}]*)"


def _run(members: str) -> str:
    """One or more of a class, with all that attaches to them."""
    return f"[{members}][{members}{_EXTEND}]*"


def word_pattern() -> str:
    r"""Return the regular expression of one term, in the syntax of Rust's ``regex`` (``\p{wb=...}``).

    UAX #29, rules WB5 to WB13b and WB15; the alternatives are tried in order, so the longest come first.
    """
    letters = _run(r"\p{wb=ALetter}")
    inside_letters = _one(r"\p{wb=MidLetter}\p{wb=MidNumLet}\p{wb=Single_Quote}")
    inside_digits = _one(r"\p{wb=MidNum}\p{wb=MidNumLet}\p{wb=Single_Quote}")
    digits = _run(_DIGIT)
    segment = f"(?:{letters}(?:{inside_letters}{letters})*|{digits}(?:{inside_digits}{digits})*)"
    connector = _one(r"\p{wb=ExtendNumLet}")
    # Hebrew takes quotes inside and a single one at its end; apart from the rest, which is faster without it.
    hebrew = _run(r"\p{wb=Hebrew_Letter}")
    inside_hebrew = _one(r"\p{wb=MidLetter}\p{wb=MidNumLet}\p{wb=Single_Quote}\p{wb=Double_Quote}")
    katakana = _run(r"\p{wb=Katakana}")
    pictograph = r"[\p{Extended_Pictographic}\p{Emoji_Modifier}]"
    return "|".join(
        (
            f"(?:{connector}+{segment}|{segment})(?:{segment}|{connector})*",
            f"{hebrew}(?:{inside_hebrew}{hebrew})*" + _one(r"\p{wb=Single_Quote}") + "?",
            f"{connector}*{katakana}(?:{connector}+{katakana})*{connector}*",
            f"[{_NO_SPACES}&&[\\p{{L}}\\p{{M}}]]+",
            _one(r"\p{sc=Han}\p{sc=Hiragana}"),
            _one(r"\p{wb=Regional_Indicator}") + "{2}",
            f"{pictograph}(?:[{_EXTEND}]*\\x{{200D}}{pictograph})*[{_EXTEND}]*",
        )
    )


def analyser() -> tantivy.TextAnalyzer:
    """Return the analyser, for an index (which needs it again each time it is opened) and for queries."""
    words = tantivy.Tokenizer.regex(word_pattern())
    return tantivy.TextAnalyzerBuilder(words).filter(tantivy.Filter.lowercase()).build()


def analyser_version() -> str:
    """Return what decides where words end beside `ANALYSER`: the library, whose tables of characters change."""
    return f"tantivy {version('tantivy')}"


def foldable(text: str) -> str:
    """Return `text` as the analyser must get it, when it is indexed and when it is asked.

    Lucene folds the Turkish capital dotted I to ``i``; tantivy would make two characters of it.
    """
    return text.replace("İ", "i")


class FoundTerm(NamedTuple):
    """A term where it stands: ``text[start:end]`` is what it was made of."""

    term: str
    start: int
    end: int


@lru_cache(maxsize=1)
def _shared_analyser() -> tantivy.TextAnalyzer:
    return analyser()


def find_terms(text: str) -> list[FoundTerm]:
    """Return the terms of `text` in order, each with its place."""
    folded = foldable(text)
    lowered: list[str] = []
    places: list[int] = []
    for place, character in enumerate(folded):
        small = character.lower()
        lowered.append(small)
        places += [place] * len(small)
    small_text = "".join(lowered)
    found = []
    done = 0
    for term in _shared_analyser().analyze(folded):
        start = small_text.find(term, done)
        if start < 0:  # a letter that is folded otherwise elsewhere
            continue
        done = start + len(term)
        found.append(FoundTerm(term, places[start], places[done - 1] + 1))
    return found
