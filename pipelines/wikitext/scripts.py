"""Scripts that put no white space between words: lengths in them are judged by characters."""

from __future__ import annotations

import re

__all__ = ["UNSPACED", "width"]

UNSPACED = re.compile(
    "[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]"
)
"""A letter or sign of such a script: Thai to Tibetan, Burmese, Khmer, kana, Chinese characters, full-width signs."""


def width(text: str) -> int:
    """Return the length of `text`, where characters of these scripts, which say more than a letter, count twice."""
    return len(text) if text.isascii() else len(text) + len(UNSPACED.findall(text))
