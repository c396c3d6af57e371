"""Parser functions on strings: ``{{#len:}}``, ``{{#pos:}}``, ``{{#replace:}}``.

Their meaning is that of https://www.mediawiki.org/wiki/Help:Extension:ParserFunctions/String_functions. Wikipedias have
them switched off and use modules; other wikis have them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import unquote_plus

from pipelines.wikitext.templates.numerals import parse_number

__all__ = ["string_function"]

_LONGEST = 1000
"""Characters of a string at most (MediaWiki's own limit)."""


def string_function(name: str, values: Sequence[str]) -> str | None:
    """Return what ``{{name: values[0] | values[1] | ... }}`` stands for; None where `name` is no such function.

    `name` is in lower case, `values` are trimmed. A string that is too long gives nothing.
    """
    function = _FUNCTIONS.get(name)
    if function is None:
        return None
    return "" if any(len(value) > _LONGEST for value in values) else function(_Values(values))


class _Values:
    """The arguments of a call, by number from 0 on."""

    def __init__(self, values: Sequence[str]) -> None:
        self.values = values

    def text(self, index: int, default: str = "") -> str:
        return (self.values[index] if index < len(self.values) else "") or default

    def number(self, index: int) -> int:
        number = parse_number(self.text(index))
        return int(number) if number is not None else 0


def _length(values: _Values) -> str:
    """``{{#len: Lorem }}`` -> ``5``."""
    return str(len(values.text(0)))


def _position(values: _Values) -> str:
    """``{{#pos: Lorem | r }}`` -> ``2``; empty where it is not found."""
    found = values.text(0).find(values.text(1, " "), max(values.number(2), 0))
    return str(found) if found >= 0 else ""


def _last_position(values: _Values) -> str:
    """``{{#rpos: a/b/c | / }}`` -> ``3``; ``-1`` where it is not found."""
    return str(values.text(0).rfind(values.text(1, " ")))


def _part(values: _Values) -> str:
    """``{{#sub: Lorem | 1 | 3 }}`` -> ``ore``; counted from the end where negative."""
    text, start, count = values.text(0), values.number(1), values.number(2)
    text = text[start:] if start >= 0 or -start <= len(text) else text
    return text if not count else text[:count]


def _count(values: _Values) -> str:
    """``{{#count: banana | a }}`` -> ``3``."""
    return str(values.text(0).count(values.text(1, " ")))


def _replace(values: _Values) -> str:
    """``{{#replace: banana | a | o | 2 }}`` -> ``bonona``."""
    most = values.number(3)
    return values.text(0).replace(values.text(1, " "), values.text(2), most if most > 0 else -1)[:_LONGEST]


def _piece(values: _Values) -> str:
    """``{{#explode: a*b*c | * | 1 }}`` -> ``b``; from the end where negative, at most so many pieces by a fourth."""
    most = values.number(3)
    pieces = values.text(0).split(values.text(1, " "), most - 1 if most > 0 else -1)
    if len(values.values) > 2 and not values.text(2).removeprefix("-").isdecimal():
        return ""
    number = values.number(2)
    return pieces[number] if -len(pieces) <= number < len(pieces) else ""


def _decoded(values: _Values) -> str:
    """``{{#urldecode: a%20b }}`` -> ``a b``."""
    return unquote_plus(values.text(0))


_FUNCTIONS: dict[str, Callable[[_Values], str]] = {
    "#len": _length,
    "#pos": _position,
    "#rpos": _last_position,
    "#sub": _part,
    "#count": _count,
    "#replace": _replace,
    "#explode": _piece,
    "#urldecode": _decoded,
}
