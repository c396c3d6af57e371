"""Pieces of wikitext that renderers are made of."""

from __future__ import annotations

import re

from pipelines.wikitext.marks import ARGUMENT_APOSTROPHE, ITALIC

__all__ = ["italic", "link", "plain", "sentence_case"]

# A link without another inside: its target, and behind a pipe its surface.
_LINK = re.compile(r"\[\[([^\[\]|\n]*)(?:\|([^\[\]\n]*))?\]\]")
_TAG = re.compile(r"<[^<>\n]*>")
# Apostrophes of emphasis, as a page or an argument holds them, and italics that a renderer printed.
_EMPHASIS = re.compile(f"'{{2,5}}|{ARGUMENT_APOSTROPHE}+|{ITALIC}")


def plain(text: str) -> str:
    """Return `text` without its links, tags and emphasis, for comparing and for targets of links."""
    if "[" in text:
        text = _LINK.sub(lambda match: match[2] if match[2] is not None else match[1], text)
    if "<" in text:
        text = _TAG.sub("", text)
    return _EMPHASIS.sub("", text)


def italic(text: str) -> str:
    """Return `text` in italics, which pair with no apostrophes in it or around it; as it is over several lines."""
    return f"{ITALIC}{text}{ITALIC}" if text and "\n" not in text else text


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
