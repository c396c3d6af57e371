"""Sentences of a paragraph: `sentencex`, with its known misses mended, and never through an anchor."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise

import sentencex

from kc_schema.anchors import Anchor
from pipelines.text_corpus.abbreviations import HALVES_OF_DAY, Abbreviations, abbreviations_in
from pipelines.text_corpus.sentence_rules import ends_elsewhere
from pipelines.wikitext.scripts import UNSPACED

__all__ = ["split_sentences"]


_TIME_ZONES = frozenset(
    (
        *("Atlantic", "BST", "CDT", "CEST", "CET", "Central", "CST", "EDT", "EST", "Eastern", "ET", "GMT"),
        *("IST", "JST", "MST", "Mountain", "PDT", "PST", "PT", "Pacific", "UTC"),
    )
)
_ROMAN = re.compile(r"[IVXLC]+\b(?!\.\w)")
_WORD = re.compile(r"\w+")
# "3. " at the start of a paragraph numbers what follows.
_ENUMERATION = re.compile(r"\s*\(?\d{1,4}[.)] +")
_SPACE = re.compile(r"\s*")
_OPENERS = "\"'“‘«(["
_FIRST_GREEK = "\u0370"
_MONEY = "$£€¥<>~≈"

_ASCII_PAIR_OPENERS = '"(['
_PAIR_OPENERS = _ASCII_PAIR_OPENERS + "“«"
_INNER_END = re.compile(r'[.!?…]["”’»)\]]*\s')
# Quotations and brackets, of which a bracket may hold others one level deep.
_PAIR = re.compile(
    r'"[^"]{1,4000}"|“[^“”]{1,4000}”|«[^«»]{1,4000}»|\[[^\[\]]{1,4000}\]'
    r"|\([^()]{0,2000}(?:\([^()]{0,500}\)[^()]{0,500}){0,8}\)"
)
_ENDS = ".!?…"
_USUAL_ENDS = ".!?"
# Behind these, what follows goes on: "(1) red, (2) green", "x · 3", "either: (1) ...".
_NO_END = frozenset(",;:([{+-−–—=<>·×÷*/|&~≈")
# A question or a cry in quotation marks, which a bracket explains: "who are you?" (WRU).
_ASKED = re.compile(r'[?!]["”]\Z')
# Where these follow a full stop, it belonged to an abbreviation.
_NO_START = frozenset(",;:=+/×÷|&)]}<>≈→")
# A quotation inside a sentence is cut into its own sentences only where the whole would be longer than this.
_LONG = 300
_WINDOW = 20_000
_FEWEST_QUOTED_WORDS = 2
_FEWEST_WORDS_OF_ASIDE = 3
_LONGEST_ABBREVIATION = 4


def split_sentences(text: str, anchors: Sequence[Anchor] = (), language: str = "en") -> list[tuple[int, int]]:
    """Return the sentences of `text` as spans of code points, in order, without white space at their ends.

    Args:
        text: plain text of one paragraph.
        anchors: links in `text`, in order; no sentence ends inside one, so that ``Jeopardy!`` stays whole.
        language: code of the wiki's language, which chooses the abbreviations (``abbreviations.tsv``); only English
            has rules for quotations and brackets.

    Returns:
        The spans; together they hold every character of `text` but white space between sentences.
    """
    pieces = _mended(_segments(text, language))
    if language == "en":
        ends = _true_ends(text, pieces)
        candidates = _ASCII_PAIR_OPENERS if text.isascii() else _PAIR_OPENERS
        openers = [opener for opener in candidates if opener in text]
        if openers:
            ends = _with_ends_at_pairs(text, ends, openers)
    else:
        ends = ends_elsewhere(text, list(accumulate(map(len, pieces))), language)
    if anchors and len(ends) > 1:
        ends = _outside_anchors(ends, anchors)
    return _trimmed(text, ends)


def _segments(text: str, language: str) -> list[str]:
    """What `sentencex` gives; by windows, as its time grows with the square of some texts' length."""
    if len(text) <= _WINDOW:
        return list(sentencex.segment(language, text))
    pieces: list[str] = []
    for start in range(0, len(text), _WINDOW):
        more = sentencex.segment(language, text[start : start + _WINDOW])
        if pieces:
            # A window ends anywhere, a sentence does not.
            more[0] = pieces.pop() + more[0]
        pieces += more
    return pieces


# What ends a sentence without white space behind it: full stops of scripts that use none.
_FULL_WIDTH_ENDS = "。｡！？．"
# Particles that go on behind a Japanese quotation.
_PARTICLES = "とのをはがにでもっなや"
_CLOSERS = "\"'”’»)]」』）】》〉"
# A particle with the word behind it goes on where a name ends in a full stop: モーニング娘。の曲. (は虫類 is a word.)
_GOES_ON = re.compile("(?:[のがをにもへと]|は(?!虫))[々一-龥ァ-ヶ]")
# A sentence's last word and the first of the next, where the space between them was forgotten.
_LAST_WORD = re.compile(r"(?<![^\s(\"“«])[^\W\d_]*[a-zß-ÿ]{3}\.\Z")
_FIRST_WORD = re.compile(r"[A-ZÀ-Þ][a-zß-ÿ]*\s")
# Quotation marks and brackets that open what follows: behind white space, and nothing behind them.
_OPENED = re.compile(r"\s([\"'“‘’«„(\[]+)\Z")


def _mended(pieces: list[str]) -> list[str]:
    """Return `pieces` without the cuts that stand inside a word, and with opening marks at what they open."""
    last = len(pieces) - 1
    for number, piece in enumerate(pieces):
        if piece[-1:] not in " \n" and number < last:
            break
    else:
        return pieces
    mended: list[str] = []
    parts: list[str] = []
    tail = ""
    for piece in pieces:
        if not tail or not piece or tail[-1].isspace() or piece[0].isspace():
            cut, opened = True, None
        else:
            opened = _OPENED.search(tail)
            if opened is not None and tail[: opened.start()].rstrip(_CLOSERS)[-1:] not in _ENDS:
                opened = None
            cut = opened is not None or _is_end_without_space(tail, piece)
        if opened is not None:
            parts = ["".join(parts)]
            parts[0] = parts[0][: len(parts[0]) - len(opened[1])]
            piece = opened[1] + piece
        if cut and parts:
            mended.append("".join(parts))
            parts = []
        parts.append(piece)
        tail = piece[-_TAIL:] if len(piece) >= _TAIL or len(parts) == 1 else (tail + piece)[-_TAIL:]
    mended.append("".join(parts))
    return mended


# How much of what stands before a cut is looked at.
_TAIL = 60


def _is_end_without_space(before: str, behind: str) -> bool:
    """Whether a sentence ends between two pieces without white space between them."""
    if before[-1] in _CLOSERS and ((before[-1] in "」』" and behind[0] in _PARTICLES) or behind[0] == "（"):
        return False
    if behind[0] in "」』）】〉》" or before[-1] == "》" or _GOES_ON.match(behind) is not None:
        return False
    end = before.rstrip(_CLOSERS)[-1:]
    return (
        end in _FULL_WIDTH_ENDS
        or (end in "!?…" and UNSPACED.match(behind) is not None)
        or (_LAST_WORD.search(before) is not None and _FIRST_WORD.match(behind) is not None)
    )


def _trimmed(text: str, ends: Sequence[int]) -> list[tuple[int, int]]:
    spans = []
    start = 0
    for end in ends:
        last = start + len(text[start:end].rstrip())
        while start < last and text[start].isspace():
            start += 1
        if start < last:
            spans.append((start, last))
        start = end
    return spans


def _outside_anchors(ends: Sequence[int], anchors: Sequence[Anchor]) -> list[int]:
    kept, number = [], 0
    for end in ends:
        while number < len(anchors) and anchors[number].end <= end:
            number += 1
        if number == len(anchors) or anchors[number].start >= end:
            kept.append(end)
    return kept


def _true_ends(text: str, pieces: Sequence[str]) -> list[int]:
    """Return the ends of `pieces`, which make up `text`, without those that stand inside a sentence."""
    words = abbreviations_in("en")
    ends: list[int] = []
    end = 0
    for piece, following in pairwise(pieces):
        end += len(piece)
        word = piece[piece.rfind(" ", 0, -1) + 1 :].rstrip(". \n").lstrip(_OPENERS)
        if (
            word in words.all or piece[-2:-1] not in _USUAL_ENDS or not following[0].isupper()
        ) and _is_false_end(text, piece, word, end, words):
            continue
        ends.append(end)
    if ends and ends[0] == len(pieces[0]) and _ENUMERATION.fullmatch(pieces[0]) is not None:
        del ends[0]
    if pieces:
        ends.append(end + len(pieces[-1]))
    return ends


def _is_false_end(text: str, piece: str, word: str, end: int, words: Abbreviations) -> bool:
    """Whether a sentence goes on at `end`, behind `piece` and its last `word`, by what follows."""
    stripped = piece.rstrip()
    if not stripped or len(stripped) == len(piece) or "\n" in piece[len(stripped) :]:
        return False
    first = text[end]
    if first in _NO_START or stripped[-1] in _NO_END:
        return True
    if first == "(" and (stripped[-1].isalnum() or _ASKED.search(stripped, len(stripped) - 2) is not None):
        return True
    next_word = _WORD.match(text, end)
    if first.islower():
        # "iPhone sales rose." and "δ Arietis is a star." are sentences.
        return next_word is not None and next_word[0].islower() and first < _FIRST_GREEK
    if stripped[-1] != ".":
        return False
    if word in words.never_last:
        return True
    if first.isdigit() or first in _MONEY or _ROMAN.match(text, end) is not None:
        return word.lower() in words.before_number
    if next_word is None:
        return False
    if word in HALVES_OF_DAY:
        return next_word[0] in _TIME_ZONES
    return word in words.before_name and next_word[0] not in words.often_first


def _with_ends_at_pairs(text: str, ends: Sequence[int], openers: Sequence[str]) -> list[int]:
    """Return `ends` and those that stand in or right behind quotations and brackets that were kept whole."""
    all_ends: list[int] = []
    start = 0
    for end in ends:
        opened = end
        for opener in openers:
            at = text.find(opener, start, opened)
            if at >= 0:
                opened = at
        if opened < end and _INNER_END.search(text, opened, end - 1) is not None:
            all_ends.extend(_ends_at_pairs(text, start, end))
        all_ends.append(end)
        start = end
    return all_ends


def _ends_at_pairs(text: str, start: int, end: int) -> Iterator[int]:
    stop = start + len(text[start:end].rstrip())
    sentence = start
    for pair in _PAIR.finditer(text, start, stop):
        inside = pair[0][1:-1]
        if inside.rstrip()[-1:] not in _ENDS or len(inside) < 2:
            continue
        leads = _behind_space(text, sentence) == pair.start()
        is_quotation = pair[0][0] not in "(["
        if leads or (is_quotation and stop - sentence > _LONG):
            inner = [pair.start() + 1 + at for at in _inner_ends(inside)]
            yield from inner
            sentence = inner[-1] if inner else sentence
        following = _behind_space(text, pair.end())
        if not pair.end() < following < stop:
            continue
        if (
            _ends_with(pair, text, following)
            if leads or is_quotation
            else _holds_end(inside, text, following)
        ):
            sentence = following
            yield sentence


def _inner_ends(inside: str) -> list[int]:
    """Where sentences end inside a quotation or bracket, but for the last one."""
    ends = _true_ends(inside, _mended(list(sentencex.segment("en", inside))))
    return [end for end in ends if end < len(inside) and inside[end - 1].isspace()]


def _behind_space(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return at if space is None else space.end()


def _ends_with(pair: re.Match[str], text: str, following: int) -> bool:
    """Whether a sentence ends with `pair` and another one starts at `following`."""
    first = text[following : following + 2].lstrip(_OPENERS)[:1]
    inside = pair[0][1:-1].split()
    if not first.isupper() or len(inside) < _FEWEST_QUOTED_WORDS:
        return False
    if inside[-1][-1] == ".":
        return True
    # A title that ends in "!" or "?" is written in capitals; a sentence is not.
    return sum(word[:1].islower() for word in inside) * 2 > len(inside)


def _holds_end(inside: str, text: str, following: int) -> bool:
    """Whether the full stop of the sentence before `following` stands in its last bracket: ``(that it is.)``."""
    words = inside.split()
    last = words[-1].rstrip(".")
    next_word = _WORD.match(text, following)
    return (
        len(words) >= _FEWEST_WORDS_OF_ASIDE
        and last[1:].islower()
        and len(last) > _LONGEST_ABBREVIATION
        and next_word is not None
        and next_word[0] in abbreviations_in("en").often_first
    )
