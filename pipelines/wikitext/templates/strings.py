"""Pieces of strings and sums of numbers: templates by which pages make text out of text."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

from pipelines.wikitext.templates.markup import plain
from pipelines.wikitext.templates.numerals import parse_number, write_number
from pipelines.wikitext.templates.registry import TemplateCall, template

__all__: list[str] = []

_LONGEST = 10_000
_SMALL_WORDS_TEXT = "a an the and but or nor for of in on at to by as from with vs via"
_SMALL_WORDS = frozenset(_SMALL_WORDS_TEXT.split())


def _whole(text: str) -> int | None:
    """Return the whole number that `text` writes, or None."""
    number = parse_number(text)
    return int(number) if number is not None and number == int(number) and abs(number) < _LONGEST else None


@template("first word", "last word")
def end_word(call: TemplateCall) -> str:
    """``{{first word|Foo bar}}`` -> ``Foo``, ``{{last word|Foo bar}}`` -> ``bar``; ``sep=`` parts words otherwise."""
    words = call.get("1").split(call.get("sep") or None)
    if not words:
        return ""
    return (words[0] if call.name == "first word" else words[-1]).strip()


@template("str left", "str crop", "trunc", "truncate")
def beginning(call: TemplateCall) -> str:
    """``{{str left|Lorem|3}}`` -> ``Lor``; ``{{str crop|Lorem|2}}`` -> ``Lor``, without the last two."""
    text, count = call.get("1"), _whole(call.get("2", default="1"))
    if count is None or count < 0:
        return text
    return text[: max(len(text) - count, 0)] if call.name == "str crop" else text[:count]


@template("str right", "str mid", "str sub", "str index", "str sub new")
def middle(call: TemplateCall) -> str | None:
    """``{{str mid|Lorem|2|3}}`` -> ``ore``, ``{{str right|Lorem|2}}`` -> ``rem``, counted from 1 and from 0."""
    text = call.get("1")
    start, count = _whole(call.get("2", default="0")), _whole(call.get("3", default=str(len(text))))
    if start is None or count is None or start < 0 or count < 0:
        return None
    if call.name == "str index":
        start, count = start - 1, 1
    elif call.name == "str mid":
        start -= 1
    return text[max(start, 0) :][:count]


@template("str len", "strlen", "string length", "length")
def length(call: TemplateCall) -> str:
    """``{{str len|Lorem}}`` -> ``5``."""
    return str(len(call.get("1")))


@template("replace", "str rep", "str replace")
def replaced(call: TemplateCall) -> str:
    """``{{replace|a-b|-|+}}`` -> ``a+b``."""
    text, old = call.get("1"), call.arguments.get("2", "")
    new = call.arguments.get("3", "")
    return text.replace(old, new) if old and len(text) * max(len(new), 1) < _LONGEST * 10 else text


@template("digits", "digits only")
def digits(call: TemplateCall) -> str:
    """``{{digits|a1b2}}`` -> ``12``."""
    return "".join(sign for sign in plain(call.get("1")) if sign.isdecimal())


@template("title case", "ucwords", "capitalise", "title caps")
def title_case(call: TemplateCall) -> str:
    """``{{title case|the lord of rings}}`` -> ``The Lord of Rings``."""
    words = call.get("1").split(" ")
    return " ".join(
        word
        if position and word in _SMALL_WORDS and call.name == "title case"
        else word[:1].upper() + word[1:]
        for position, word in enumerate(words)
    )


_ENDS_IN_Y = re.compile(r"[^aeiou]y\Z")
_TAKES_ES = re.compile(r"(?:s|x|z|ch|sh)\Z")


def plural_of(word: str) -> str:
    """Return the plural of an English noun by its ending: ``city`` -> ``cities``."""
    if _ENDS_IN_Y.search(word):
        return f"{word[:-1]}ies"
    return f"{word}es" if _TAKES_ES.search(word) else f"{word}s"


@template("plural", "plural form", "pluralize")
def plural(call: TemplateCall) -> str | None:
    """``{{plural|2|city}}`` -> ``2 cities``, ``{{plural|1|person|people}}`` -> ``1 person``.

    `plural form` gives the noun alone; `pluralize` takes the noun first.
    """
    number, noun, many = [*call.positional(), "", "", ""][:3]
    if call.name == "pluralize":
        number, noun = noun, number
    if not noun:
        return None
    counted = parse_number(plain(number))
    shown = noun if counted == 1 else many or plural_of(noun)
    return shown if call.name == "plural form" else f"{number} {shown}".strip()


def _numbers(call: TemplateCall) -> list[Decimal] | None:
    numbers = [parse_number(plain(argument)) for argument in call.positional() if argument]
    return [number for number in numbers if number is not None] if None not in numbers and numbers else None


_REDUCTIONS: dict[str, Callable[[list[Decimal]], Decimal]] = {
    "max": max,
    "min": min,
    "sum": lambda numbers: sum(numbers, Decimal(0)),
    "multiply": lambda numbers: numbers[0] * numbers[-1],
    "average": lambda numbers: sum(numbers, Decimal(0)) / len(numbers),
}


def _register_reductions() -> None:
    for name, reduce in _REDUCTIONS.items():

        @template(name)
        def reduced(call: TemplateCall, reduce: Callable[[list[Decimal]], Decimal] = reduce) -> str | None:
            """``{{max|1|3|2}}`` -> ``3``."""
            numbers = _numbers(call)
            return write_number(reduce(numbers), separator="") if numbers else None


_register_reductions()


@template("p1", "p2", "p3", "1x", "2x", "3x", "echo")
def one_of_several(call: TemplateCall) -> str:
    """``{{p2|a|b}}`` -> ``b``; ``{{2x|a}}`` -> ``aa``, white space included."""
    if call.name == "echo":
        return call.arguments.get("1", "")
    if call.name[1] == "x":
        return call.arguments.get("1", "") * int(call.name[0])
    return call.get(call.name[1])


@template("splitspan")
def parted_words(call: TemplateCall) -> str:
    """``{{splitspan|above|below}}`` -> ``above below``."""
    return f"{call.get('1')} {call.get('2')}".strip()


@template("no spam", "nospam", "email", "mailto")
def mail_address(call: TemplateCall) -> str:
    """``{{no spam|someone|example.org}}`` -> ``someone@example.org``."""
    account, domain = call.get("1"), call.get("2")
    return f"{account}@{domain}" if call.name in ("no spam", "nospam") and domain else domain or account


@template("parity")
def parity(call: TemplateCall) -> str | None:
    """``{{parity|4|even|odd}}`` -> ``even``."""
    number = _whole(call.get("1"))
    if number is None:
        return None
    return call.get("3", default="odd") if number % 2 else call.get("2", default="even")


@template("title year", "title decade", "title century", "title number")
def from_title(call: TemplateCall) -> str:
    """``{{title year}}`` on the page *1990 in film* -> ``1990``."""
    wanted = {"title year": r"\b\d{4}\b", "title decade": r"\b\d{3}0(?=s\b)"}
    wanted |= {"title century": r"\b\d{1,2}(?=(?:st|nd|rd|th)\b)", "title number": r"\d+"}
    found = re.search(wanted[call.name], call.get("page", default=call.title))
    return found[0] if found else call.get("nomatch", "2")
