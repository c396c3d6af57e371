"""Control characters that stand for structure while an article is read.

XML 1.0 allows none of them, so no dump holds any, and a string that carries them stays a plain string on
which `str` methods and regular expressions work at the speed of C.
"""

from __future__ import annotations

import re

JOINER = "\x00"
"""Something of no width that MediaWiki keeps apart from what stands around it (an empty ``<nowiki/>``)."""
ANCHOR, SURFACE, ANCHOR_END = "\x01", "\x02", "\x03"
"""A link: `ANCHOR`, the title it leads to, `SURFACE`, the surface, `ANCHOR_END`."""
REMOVED = "\x04"
"""Where something inside a line was left out, whose spaces and brackets are to be tidied."""
BREAK = "\x05"
"""Where a block begins or ends, and with it a paragraph."""
QUOTE, QUOTE_END = "\x06", "\x07"
"""Around a block quotation."""
ITEM = "\x08"
"""Where an item of an HTML list begins."""
NEWLINE = "\x0b"
"""A line break that stays in the paragraph's text (poems, preformatted text)."""
LINE_BREAK = "\x0c"
"""A ``<br>``: a space in the text, and the end of the paragraph where two follow each other."""

ARGUMENT_PIPE, ARGUMENT_EQUALS, ARGUMENT_APOSTROPHE = ANCHOR, SURFACE, ANCHOR_END
"""Signs inside an argument that must not cut the call around it, and the apostrophes of its emphasis, which must not
pair with what the template prints. They live only while the calls of templates are expanded; no link has been read
then, so that the characters of anchors are free for them."""
ITALIC = "\x1f"
"""Where italics begin and end in what a renderer prints. On the wiki that is a tag: it pairs with no apostrophes."""
ELEMENT, ELEMENT_END = "\x1c", "\x1d"
"""Around an element on a line of a definition list, until the term is told from the definition."""
OVER = JOINER
"""LaTeX's ``\\over`` until its group ends; it lives only inside the text of one formula."""

_LITERALS = "<>&[]{}|'=*#:;"
_STAND_INS = "\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b"
# A joiner goes with each, so that looking for joiners finds every one of them.
_TO_STAND_INS = str.maketrans(
    {literal: JOINER + stand_in for literal, stand_in in zip(_LITERALS, _STAND_INS, strict=True)}
    | {"_": "_" + JOINER, "-": "-" + JOINER, "\n": " "}
)
_TO_LITERALS = str.maketrans(dict(zip(_STAND_INS, _LITERALS, strict=True)) | {JOINER: None})
APOSTROPHE = JOINER + _STAND_INS[_LITERALS.index("'")]
"""An apostrophe that is none of emphasis, wherever it stands."""
COLON = JOINER + _STAND_INS[_LITERALS.index(":")]
"""A colon that ends no term of a definition."""
_CONTROL_CHARACTERS = bytes((*range(0x09), 0x0B, 0x0C, *range(0x0E, 0x20)))
# An anchor's marks with its title; what is left without them is its surface.
_ANCHOR_MARK = re.compile(f"{ANCHOR}[^{SURFACE}]*{SURFACE}|{ANCHOR_END}")
# Marks of structure that have no place inside a caption, a heading or a link's surface.
_BLOCK_MARK = re.compile(f"[{BREAK}{QUOTE}{QUOTE_END}{ITEM}{NEWLINE}{LINE_BREAK}\n]+")


def remove_marks(text: str) -> str:
    """Return `text` without the control characters that are used as marks (an XML dump holds none)."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", " ")
    data = text.encode("utf-8", "surrogatepass")
    cleaned = data.translate(None, _CONTROL_CHARACTERS)
    return text if len(cleaned) == len(data) else cleaned.decode("utf-8", "surrogatepass")


def protect(text: str) -> str:
    """Return `text` such that nothing in it is read as wikitext; `restore` gives it back, line breaks as spaces."""
    return JOINER + text.translate(_TO_STAND_INS) + JOINER


def protect_lines(text: str) -> str:
    """Do as `protect`, but keep the line breaks."""
    return JOINER + text.replace("\n", NEWLINE).translate(_TO_STAND_INS) + JOINER


def restore(text: str) -> str:
    """Return the text that `protect` was given, wherever `text` holds such."""
    return text.translate(_TO_LITERALS) if JOINER in text else text


def written_text(text: str) -> str:
    """Return `text` as it was written: what was protected is given back, all other marks are gone."""
    return remove_marks(_ANCHOR_MARK.sub("", restore(text)))


def strip_anchors(text: str) -> str:
    """Return `text` with only the surfaces of its anchors."""
    return _ANCHOR_MARK.sub("", text) if ANCHOR in text else text


def join_lines(text: str) -> str:
    """Return `text` on one line and without marks of blocks."""
    return text if text.isprintable() else _BLOCK_MARK.sub(" ", text)
