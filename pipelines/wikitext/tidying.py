"""Tidying: the spaces, brackets and commas that removals leave behind, and nothing else."""

from __future__ import annotations

import re

from pipelines.wikitext.character_references import decode_entities
from pipelines.wikitext.marks import ANCHOR_END, JOINER, REMOVED, SURFACE

__all__ = ["tidy"]

_SPECIAL_SPACES = "\u00a0\u2009\u202f\u200a\u2002\u2003"
# Two or more spaces; spaces before a comma or a full stop that end something; spaces between dots.
_SPACES = re.compile(rf" (?=[ ,.])(?: *[,.](?=[\s{JOINER}{ANCHOR_END}{REMOVED}]|\Z)|(?<=\. )\.(?!\d)| +)")
# Brackets around nothing that are not part of a word.
_EMPTY_BRACKETS = re.compile(r"\( ?\)|（ ?）")


def tidy(text: str) -> str:
    """Return lines of text with character references decoded, single spaces, and removals tidied away."""
    text = decode_entities(text)
    if "\t" in text:
        text = text.replace("\t", " ")
    if not text.isascii():
        for space in _SPECIAL_SPACES:
            if space in text:
                text = text.replace(space, " ")
    if REMOVED in text:
        text = _close_gaps(text)
    if "()" in text or "( )" in text or "（" in text:
        text = _EMPTY_BRACKETS.sub(_empty_brackets, text)
    return _SPACES.sub(_space, text)


def _space(spaces: re.Match[str]) -> str:
    """Leave a comma, a full stop, or one space."""
    return spaces[0][-1]


def _empty_brackets(brackets: re.Match[str]) -> str:
    """Drop brackets around nothing, unless they stand at a word, as in ``main()``."""
    start = brackets.start()
    if start == 0 or brackets[0][0] != "(" or brackets.string[start - 1] in " \n":
        return ""
    return brackets[0]


_LONGEST_TAIL, _SHORTEST_TAIL = 400, 80


def _close_gaps(text: str) -> str:
    """Remove the marks of removals together with the spaces and signs that only they had kept apart."""
    left, *rest = text.split(REMOVED)
    pieces: list[str] = []
    for right in rest:
        if not right:
            continue
        if left[-1:] in _BEFORE_GAP or right[:1] in _BEHIND_GAP:
            if pieces and left.isspace():
                # Two removals with a space between them: what stands before both is to be seen.
                before = pieces.pop()
                pieces.append(before[:-_SHORTEST_TAIL])
                left = before[-_SHORTEST_TAIL:] + left
            left = _join(left, right)
            if len(left) > _LONGEST_TAIL:
                pieces.append(left[:-_SHORTEST_TAIL])
                left = left[-_SHORTEST_TAIL:]
        else:
            pieces.append(left)
            left = right
    pieces.append(left)
    return "".join(pieces)


# What may need tidying before a removal and behind it; both hold the empty string.
_BEFORE_GAP = " ([\n（「『【〈《〔［«“„‘‚‹、，；：" + SURFACE
_BEHIND_GAP = ")]）」』】〉》〕］、，；" + ANCHOR_END
_SEPARATORS = " ,;:、，；：・"
# What announces nothing once it stands alone in its brackets.
_ANNOUNCEMENTS = ("(pronounced", "(pronunciation", "(IPA", "(listen")
_CLOSING = {"(": ")", "[": "]", "（": "）", "「": "」", "『": "』", "【": "】", "〈": "〉", "《": "》"}
_CLOSING |= {"〔": "〕", "［": "］"}
_CLOSERS = frozenset(_CLOSING.values())
# Quotation marks, which fall where nothing is left between them; some close in one language what they open in another.
_QUOTATION = {"«": "»", "“": "”", "„": "“”", "‘": "’", "‚": "‘", "‹": "›"}
_FULL_WIDTH_SEPARATORS = "、，；"


def _join(left: str, right: str) -> str:
    """Join the text on both sides of a removal: "(; born" -> "(born", "word ," -> "word,", "( )" -> ""."""
    before, behind = left.rstrip(" "), right.lstrip(" ")
    if not behind:
        return left + right if left[-1:] == " " else before + right
    last, first = before[-1:], behind[0]
    if not last or last == "\n":
        return before + behind.lstrip(_SEPARATORS)
    if last == SURFACE:
        return before + behind
    if first == ANCHOR_END:
        return _join(before + (ANCHOR_END + " " if len(before) < len(left) else ANCHOR_END), behind[1:])
    if last in _CLOSING:
        behind = behind.lstrip(_SEPARATORS)
        if behind[:1] == _CLOSING[last]:
            if last not in "([":
                return before[:-1] + behind[1:]
            return _join(before[:-1].rstrip(" ") + " ", " " + behind[1:])
        return before + behind
    if first in _CLOSERS:
        before = before.rstrip(_SEPARATORS)
        if before.endswith(_ANNOUNCEMENTS):
            before = before[: before.rindex("(") + 1]
        return _join(before, behind) if before[-1:] in _CLOSING else before + behind
    if first in _QUOTATION.get(last, ""):
        return _join(
            before[:-1].rstrip(" ") + " " * (before[-2:-1] == " "), " " * (behind[1:2] == " ") + behind[1:]
        )
    if last in ",;" or last in _FULL_WIDTH_SEPARATORS:
        if before.rstrip(_SEPARATORS)[-1:] in _CLOSING:
            return before.rstrip(_SEPARATORS) + behind
        if first in ",;" or first in _FULL_WIDTH_SEPARATORS:
            return before + behind[1:]
        if first == "。":
            return before[:-1] + behind
    if last in ":：" and first in ",;、，；" and _is_open(before):
        # A label that has lost what it announced: "(German: , b)".
        return before[:-1] + behind
    if first in ",.;:!?\n、。，；：":
        return before + behind
    return f"{before} {behind}" if len(before) + len(behind) < len(left) + len(right) else before + behind


def _is_open(text: str) -> bool:
    """Whether a round bracket is open at the end of `text`."""
    return max(text.rfind("("), text.rfind("（")) > max(text.rfind(")"), text.rfind("）"))
