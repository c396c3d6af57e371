"""Pieces of wikitext that renderers are made of."""

from __future__ import annotations

import re

__all__ = ["italic", "link", "plain", "sentence_case"]

# A link without another inside: its target, and behind a pipe its surface.
_LINK = re.compile(r"\[\[([^\[\]|\n]*)(?:\|([^\[\]\n]*))?\]\]")
_TAG = re.compile(r"<[^<>\n]*>")
_QUOTES = re.compile(r"'{2,5}")


def plain(text: str) -> str:
    """Return `text` without its links, tags and emphasis, for comparing and for targets of links."""
    if "[" in text:
        text = _LINK.sub(lambda match: match[2] if match[2] is not None else match[1], text)
    if "<" in text:
        text = _TAG.sub("", text)
    return _QUOTES.sub("", text) if "''" in text else text


def italic(text: str) -> str:
    """Return `text` in italics; as it is where it holds quotes that would pair with those around it."""
    if not text or "''" in text or text[0] == "'" or text[-1] == "'" or "\n" in text:
        return text
    return f"''{text}''"


def link(target: str, surface: str = "") -> str:
    """Return a link to the page `target`, or just the surface where no page can have that name."""
    target = target.strip()
    shown = surface or target
    if not target or len(target) > 255 or any(sign in target for sign in "[]{}|<>\n"):
        return shown
    if "[[" in shown or "]]" in shown or "\n" in shown:
        return shown
    return f"[[{target}]]" if shown == target else f"[[{target}|{shown}]]"


def sentence_case(text: str) -> str:
    """Return `text` with its first letter in upper case."""
    return text[:1].upper() + text[1:]
