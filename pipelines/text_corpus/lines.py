"""Rules that look at a paragraph as a line of its page: lists numbered by hand, headings in bold, formulas alone."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipelines.text_corpus.fragments import ends_as_sentence, is_without_spaces
from pipelines.wikitext.article_parts import Paragraph

__all__ = ["LINE_RULES", "is_formula", "line_reasons"]

LINE_RULES = {
    "numbered_line": "one of a series of lines that are numbered by hand, of a few words that are no sentence",
    "bold_heading": "a line in bold that is no sentence, and nothing else: a heading in all but name",
    "formula": "a formula and no word beside it",
}
"""What is left out, by the name under which it is counted and can be switched off."""

_NUMBERED = re.compile(r"\(?(\d{1,4})[.)]\s+\S")
_WORDS_OF_A_NUMBERED_LINE = 5
_WORDS_OF_A_HEADING = 12
_CHARACTERS_OF_A_HEADING = 30
# Longer texts hold more than a formula; a look at their length spares the patterns.
_LONGEST_FORMULA = 400

# A word of four letters or more that is no function: prose has one among its first.
_WORD = re.compile(r"\b(?!arc|sinh|cosh|tanh|asin|acos|atan)[A-Za-z][a-z]{3}")
_OPERATOR = re.compile(r"[=<>≤≥≈≡≅≠∼→⇒⇔↔⇌↦∝∈⊂⊆∪∩∑∏∫√∇∂+^]")
_LETTERS = re.compile(r"[^\W\d_]+")
# What letters in a formula may be: a sign or two, a function, the symbols of a compound.
_SIGNS = re.compile(
    r"[A-Za-z\u0370-\u03ff\u2102-\u213b\U0001d400-\U0001d7ff]|d[\u03b1-\u03c9]|[A-Za-z]{2}|(?:[A-Z][a-z]?){2,}"
    r"|(?:a(?:rc)?)?(?:sin|cos|tan|cot|sec|csc)h?|log|ln|lg|exp|lim|max|min|sup|inf|mod|det|dim|ker|arg|deg|gcd|lcm|tr|sgn"
)
# Short words of the languages that are written with these letters.
_WORDS_OF_TWO_LETTERS = frozenset(
    "|".join(
        [
            "ab|al|am|an|ao|as|at|be|by|co|da|de|di|do|du|el|en|er|et|go|he|if|il|im|in|is|it|je|la",
            "le|lo|me|my|na|ne|no|of|on|op|or|os|ou|po|se|si|so|su|te|to|tu|um|un|up|us|va|we|za|ze|zu",
        ]
    ).split("|")
)
# Elements whose symbols are such words; in front of all they are taken for words.
_ELEMENTS = frozenset(
    [
        "Al",
        "Am",
        "As",
        "At",
        "Be",
        "Co",
        "Er",
        "He",
        "In",
        "La",
        "Na",
        "Ne",
        "No",
        "Os",
        "Po",
        "Se",
        "Si",
        "Te",
    ]
)


def line_reasons(paragraphs: Sequence[Paragraph]) -> list[str | None]:
    """Return for every paragraph of an article the name of the rule (`LINE_RULES`) that holds for it, or None."""
    reasons: list[str | None] = []
    numbers: dict[int, int] = {}
    for place, paragraph in enumerate(paragraphs):
        text = paragraph.text
        reason = None
        if paragraph.bold and _is_heading(text):
            reason = "bold_heading"
        elif is_formula(text):
            reason = "formula"
        elif paragraph.kind == "prose" and text[:1] in _NUMBER_BEGINS and _is_short_line(text):
            numbers[place] = int(_NUMBERED.match(text)[1])  # type: ignore[index]
        reasons.append(reason)
    for place, number in numbers.items():
        if any(abs(number - numbers.get(beside, -2)) == 1 for beside in (place - 1, place + 1)):
            reasons[place] = "numbered_line"
    return reasons


_NUMBER_BEGINS = "(0123456789"


def _is_short_line(text: str) -> bool:
    return (
        _NUMBERED.match(text) is not None
        and not ends_as_sentence(text)
        and len(text.split()) <= _WORDS_OF_A_NUMBERED_LINE
        and not is_without_spaces(text)
    )


def _is_heading(text: str) -> bool:
    if ends_as_sentence(text):
        return False
    if is_without_spaces(text):
        return len(text) <= _CHARACTERS_OF_A_HEADING
    return len(text.split()) <= _WORDS_OF_A_HEADING


def is_formula(text: str) -> bool:
    """Tell whether a text is a formula, of mathematics or chemistry, without a word of any language."""
    if len(text) > _LONGEST_FORMULA or _WORD.search(text) is not None or _OPERATOR.search(text) is None:
        return False
    return all(map(_is_sign, _LETTERS.findall(text))) and not _BEGINS_AS_SENTENCE.match(text)


def _is_sign(letters: str) -> bool:
    if _SIGNS.fullmatch(letters) is None:
        return False
    return letters.lower() not in _WORDS_OF_TWO_LETTERS or letters in _ELEMENTS or letters.isupper()


_BEGINS_AS_SENTENCE = re.compile(r"\W*(?:Al|Am|As|At|Be|He|In|La|No|Se|Si) ")
