"""Where sentences end in other languages than English: what `sentencex` cuts wrongly, and what it does not cut.

The words that the rules ask for are in ``abbreviations.tsv``; a language without rows keeps what `sentencex` gives.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

from pipelines.text_corpus.abbreviations import Abbreviations, abbreviations_in

__all__ = ["ends_elsewhere"]

# Languages that write ordinal numbers with a full stop.
_ORDINALS = frozenset(
    (
        *("als", "bar", "bs", "cs", "da", "de", "dsb", "et", "eu", "fi", "fo", "hr", "hsb", "hu"),
        *("is", "lb", "lv", "nb", "nds", "nn", "no", "pl", "sh", "sk", "sl", "sr", "tr"),
    )
)
_ROMAN = re.compile("[IVXLC]+")
_ORDINAL = re.compile(r"\d{1,3}|[IVX]{1,6}")
_ENDS = ".!?…"
_FULL_STOPS = ".!?"
_OPENERS = "\"'“‘«„‚([¿¡»"
_CLOSERS = "\"'”’»)]“‘"
# Where these follow, a sentence goes on.
_NO_START = frozenset(",;:)]}")
_WORD = re.compile(r"\w+")
# "etc. — or others", "— Oh! — said he": a dash with small letters behind it begins no sentence.
_ASIDE = re.compile("[—–-] (?=[^\\W\\d_])(?=[a-zß-ÿа-яёąćęłńóśźż])")
# "3." alone numbers the sentence behind it.
_ENUMERATION = re.compile(r"\s*\(?\d{1,3}\.")
_APOSTROPHES = "'’"
_FIRST_UNSPACED = "\u2e80"
_LATIN = re.compile(r"[A-Za-z][A-Za-z.]*\Z")
# Quotations and brackets, and where a sentence may end: behind the full stop the first word of what follows.
_MARKS = re.compile(r"[()\[\]«»„“”\"]|(?<=[^\s.!?…])[.!?…]+[\"'”’»)\]]*\s+[\"'“«„¿¡]?(?=([^\W\d_]\w*))")
# A full stop that something follows.
_INSIDE = re.compile(r"[.!?…]\S{0,4}\s+\S")
# A quotation inside a sentence is cut into its own sentences only where the whole would be longer than this.
_LONG = 300


def ends_elsewhere(text: str, ends: Sequence[int], language: str) -> list[int]:
    """Return the true ones of `ends`, which `sentencex` gives for `text`, with those that it missed."""
    words = abbreviations_in(language)
    if not words.often_first and not words.never_last:
        return list(ends)
    kept: list[int] = []
    start = 0
    for end in ends[:-1]:
        if _goes_on(text, start, end, words, language):
            continue
        kept.extend(_missed(text, kept[-1] if kept else 0, end, words))
        kept.append(end)
        start = end
    if ends:
        kept.extend(_missed(text, kept[-1] if kept else 0, ends[-1], words))
        kept.append(ends[-1])
    return kept


def _goes_on(text: str, start: int, end: int, words: Abbreviations, language: str) -> bool:
    """Whether the sentence that begins at `start` goes on at `end`, where `sentencex` cuts."""
    stop = end
    while stop > start and text[stop - 1].isspace():
        stop -= 1
    if stop in (start, end) or "\n" in text[stop:end] or text[stop - 1] not in _ENDS + _CLOSERS:
        return False
    first = text[end : end + 1]
    if first in _NO_START or unicodedata.category(first or "a") == "Sm":
        return True
    if _ASIDE.match(text, end) is not None or _ENUMERATION.fullmatch(text, start, stop) is not None:
        return True
    following = end
    while following < len(text) and text[following] in _OPENERS:
        following += 1
    next_word = _WORD.match(text, following)
    if text[stop - 1] not in _FULL_STOPS:
        # A question or an abbreviation in quotation marks inside a sentence: "Dov'è?" (chiede il re).
        unquoted = stop
        while unquoted > start and text[unquoted - 1] in _CLOSERS:
            unquoted -= 1
        end_inside = text[unquoted - 1]
        if text[stop - 1] == ")" or end_inside not in _FULL_STOPS:
            return False
        if next_word is not None and next_word[0].islower() and following == end:
            return True
        word = _last_word(text, start, unquoted)
        return first == "(" and (
            end_inside in "!?" or "." in word or word in words.never_last | words.before_name
        )
    if next_word is not None and next_word[0].islower():
        return True
    if text[stop - 1] != ".":
        return False
    word = _last_word(text, start, stop)
    forms = _forms(word, begins=stop - start <= len(word) + 1)
    if not words.never_last.isdisjoint(forms):
        return True
    if next_word is None:
        return False
    if next_word[0][0].isdigit():
        known = words.before_name | words.before_number
        return not known.isdisjoint(forms) or _is_initial(word)
    if _ROMAN.fullmatch(next_word[0]) is not None and not words.before_number.isdisjoint(forms):
        return True
    if following > end or _is_first(text, next_word, words):
        return False
    if not words.before_name.isdisjoint(forms) or any(map(_is_initial, forms)):
        return True
    return language in _ORDINALS and bool(words.often_first) and _ORDINAL.fullmatch(word) is not None


def _last_word(text: str, start: int, stop: int) -> str:
    """Return the last word before the full stop at `stop`, as the tables hold it."""
    begin = max(start, stop - 40)
    space = max(text.rfind(" ", begin, stop), text.rfind("\n", begin, stop))
    word = text[max(begin, space + 1) : stop].rstrip(".").lstrip(_OPENERS)
    if word[:1] >= _FIRST_UNSPACED and (latin := _LATIN.search(word)) is not None:
        # Scripts without spaces put none before a foreign word either: とMr.
        return latin[0]
    return word


def _forms(word: str, *, begins: bool) -> list[str]:
    """Return what `word` may be in the tables: without an article before it, and small where it begins a sentence."""
    bare = word.replace("’", "'").rpartition("'")[2]
    forms = [word] if bare == word or not bare else [word, bare]
    if begins and word[:1].isupper():
        forms.append(word[0].lower() + word[1:])
    return forms


def _is_initial(word: str) -> bool:
    """Whether `word` is the first letter of a name, alone or with others: ``J``, ``J.R``, ``J.-P``, ``Ю``."""
    return all(len(letter) == 1 and letter.isupper() for letter in word.replace(".-", ".").split("."))


def _is_first(text: str, word: re.Match[str], words: Abbreviations) -> bool:
    """Whether `word` often begins sentences, or is an article that has lost its vowel (``L'``)."""
    behind = text[word.end() : word.end() + 1]
    if word[0] in words.often_first:
        # "С. Пушкин" begins with an initial, not with a preposition.
        return behind != "." or len(word[0]) > 1
    return bool(behind) and behind in _APOSTROPHES and f"{word[0]}'" in words.often_first


def _missed(text: str, start: int, end: int, words: Abbreviations) -> Iterator[int]:
    """Give the ends inside a sentence that words show which often begin one, outside of quotations and brackets."""
    if _INSIDE.search(text, start, end) is None:
        return
    depth = 0
    quoted = False
    sentence = start
    for mark in _MARKS.finditer(text, start, end):
        sign = mark[0]
        if len(sign) == 1 and mark[1] is None:
            if sign in "([«„":
                depth += 1
            elif sign in ")]»":
                depth = max(0, depth - 1)
            elif sign == '"':
                quoted = not quoted
            elif sign == "“":
                # What opens a quotation here closes one in German.
                depth = depth - 1 if depth else 1
            else:
                depth = max(0, depth - 1)
            continue
        at = mark.end() - len(sign) + len(sign.rstrip(_OPENERS))
        closing = sign.rstrip(_OPENERS).strip()[1:]
        depth = max(0, depth - sum(closing.count(closer) for closer in ")]»”"))
        quoted ^= closing.count('"') % 2 == 1
        opened = sign[len(sign.rstrip(_OPENERS)) :]
        word = _WORD.match(text, mark.end())
        inside = depth > 0 or quoted
        if (
            word is not None
            and "\n" not in sign
            and (not inside or at - sentence > _LONG)
            and _is_first(text, word, words)
            and _last_word(text, sentence, mark.start() + 1) not in words.never_last
            and _ENUMERATION.fullmatch(text, sentence, mark.start() + 1) is None
        ):
            sentence = at
            yield at
        depth += sum(opened.count(opener) for opener in "«„“")
        quoted ^= opened.count('"') % 2 == 1
