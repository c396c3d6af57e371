"""Character references: ``&nbsp;``, ``&#8212;``, ``&#x2014;``."""

from __future__ import annotations

import re
from html.entities import html5

__all__ = ["decode_entities"]

# A named, decimal or hexadecimal reference; MediaWiki asks for the semicolon.
_REFERENCE = re.compile(
    r"&(?:#(?:[xX]0*([0-9a-fA-F]{1,8})|0*([0-9]{1,10}))|([A-Za-z][A-Za-z0-9]{1,31}|\u05e8\u05dc\u05de|\u0631\u0644\u0645));"
)
_NAMED = {name[:-1]: value for name, value in html5.items() if name.endswith(";")}
_NAMED["nbsp"] = " "
# Aliases of marks for the direction of writing that MediaWiki alone knows.
_NAMED["רלמ"] = _NAMED["رلم"] = "\u200f"


def decode_entities(text: str) -> str:
    """Return `text` with its character references replaced, once, by what they stand for; unknown ones stay."""
    return _REFERENCE.sub(_decode, text) if "&" in text else text


def _decode(match: re.Match[str]) -> str:
    hexadecimal, decimal, name = match.groups()
    if name:
        return _NAMED.get(name, match[0])
    code = int(hexadecimal, 16) if hexadecimal else int(decimal)
    if code in (0xA0, 0x0A, 0x09):
        return " "
    # Other control characters, surrogates and what is no character stay as they are written, as in MediaWiki.
    if (
        code < 0x20
        or 0x7F <= code < 0xA0
        or 0xD800 <= code < 0xE000
        or code in (0xFFFE, 0xFFFF)
        or code > 0x10FFFF
    ):
        return match[0]
    return chr(code)
