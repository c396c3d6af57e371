"""Terms of definition lists: where on a line that begins with a semicolon the definition begins.

MediaWiki looks for the first colon that stands in no link, address, element, bold or italic words
(``BlockLevelPass::findColonNoLinks``, https://www.mediawiki.org/wiki/Help:Lists). That is seen best in the wikitext,
where links and calls still have their brackets.
"""

from __future__ import annotations

import re

from pipelines.wikitext import marks

__all__ = ["has_terms", "split_terms", "stands_in_term"]

_FIRST_TERM = re.compile(r"\n[*#:;]*;(?![*#:;])")
_BULLETS = re.compile("[*#:;]*;(?![*#:;])")
_LONGEST_TERM = 300
_TERM = re.compile(r"^([*#:;]*;)(?![*#:;])([^\n]*)", re.MULTILINE)
_ADDRESS_END = r"[^\s\[\]<>\"{}]*[^\s\[\]<>\"{},;.:!?\\]"
_TOKEN = re.compile(
    rf"\{{\{{+|\}}\}}+|\[\[|\[(?=[A-Za-z]+:|//)|''+|[{marks.ELEMENT}{marks.ELEMENT_END}]"
    rf"|\b(?:[A-Za-z]+://|(?:news|mailto|bitcoin|magnet|urn|geo|sips?|sms|tel|xmpp):){_ADDRESS_END}|:",
    re.IGNORECASE,
)


def has_terms(text: str) -> bool:
    """Return whether a line of `text` begins with signs of lists of which one is a semicolon."""
    return _FIRST_TERM.search(text) is not None or _BULLETS.match(text) is not None


def stands_in_term(text: str, position: int) -> bool:
    """Return whether `position` lies on such a line, not far behind its beginning."""
    before = text.rfind("\n", max(0, position - _LONGEST_TERM), position)
    return (before >= 0 or position < _LONGEST_TERM) and _BULLETS.match(text, before + 1) is not None


def split_terms(text: str) -> str:
    """Return `text` with each definition on a line of its own; a joiner tells that a term was looked at.

    `text` has no tags any more but `marks.ELEMENT` around the elements of terms, which are taken out.
    """
    if not has_terms(text):
        return text
    text = _TERM.sub(_split, text)
    if marks.ELEMENT in text or marks.ELEMENT_END in text:
        text = text.replace(marks.ELEMENT, "").replace(marks.ELEMENT_END, "")
    return text


def _split(line: re.Match[str]) -> str:
    bullets, words = line.groups()
    colon = _colon(words) if ":" in words else -1
    if colon < 0:
        return f"{bullets}{marks.JOINER}{words}"
    return f"{bullets}{marks.JOINER}{words[:colon].rstrip()}\n{bullets[:-1]}:{words[colon + 1 :]}"


def _colon(words: str) -> int:
    """Return the position of the colon that ends the term, or -1."""
    calls = elements = position = 0
    # Brackets that never close are looked for once.
    closed = {"]]": True, "]": True}
    emphasis: set[str] = set()
    while token := _TOKEN.search(words, position):
        sign = token[0]
        position = token.end()
        if sign[0] == "{":
            calls += len(sign) // 2
        elif sign[0] == "}":
            calls = max(0, calls - len(sign) // 2)
        elif calls:
            continue
        elif sign[0] == "[":
            bracket = "]]" if sign == "[[" else "]"
            end = words.find(bracket, position) if closed[bracket] else -1
            closed[bracket] = end >= 0
            position = end if end >= 0 else position
        elif sign == marks.ELEMENT:
            elements += 1
        elif sign == marks.ELEMENT_END:
            elements = max(0, elements - 1)
        elif sign[0] == "'":
            emphasis ^= _RUNS.get(len(sign), _BOTH)
        elif sign == ":" and not elements and not emphasis:
            return token.start()
    return -1


_BOTH = frozenset(("''", "'''"))
_RUNS = {2: frozenset(("''",)), 3: frozenset(("'''",)), 4: frozenset(("'''",))}
