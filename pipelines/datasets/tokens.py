"""What is odd about single tokens, and how running text is divided into tokens."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from pipelines.datasets.quirks import Quirks

__all__ = ["count_token_quirks", "divide", "fold"]

_SIGN = re.compile(r"[^\w\s]+|_+")
_URL = re.compile(r"https?://|www\.", re.IGNORECASE)
# Words with what may stand inside them (don't, U.S., co-op, 3.5), else single signs.
_TOKEN = re.compile(r"\w+(?:[.,'’\-]\w+)*|[^\w\s]")


def count_token_quirks(tokens: Sequence[str], split: str, place: str, quirks: Quirks) -> None:
    """Counts the tokens that trip programs up; none of them is changed."""
    for token in tokens:
        if not token:
            quirks.count("empty token", split, place)
        elif token.isspace():
            quirks.count("token of white space", split, f"{place}: {token!a}")
        elif _URL.match(token):
            quirks.count("token that is a URL", split, place)
        elif not token.isascii():
            if "\ufffd" in token:
                quirks.count("token with U+FFFD", split, place)
            elif all(unicodedata.category(character) in ("Cf", "Cc") for character in token):
                quirks.count("token of invisible characters", split, f"{place}: {token!a}")


def fold(tokens: Iterable[str]) -> str:
    """Gives the letters and digits of a text in lower case, words divided by one space: what it says."""
    return " ".join(_SIGN.sub("", " ".join(tokens)).casefold().split())


def divide(text: str, cuts: Iterable[int]) -> tuple[list[tuple[int, int]], int]:
    """Divides a text into tokens.

    Args:
        text: running text.
        cuts: offsets (code points) at which a token must end, whatever stands there: ends of mentions.

    Returns:
        The tokens' [start, end) in `text`, and how many of the cuts fell inside a word.
    """
    inside = 0
    spans = [match.span() for match in _TOKEN.finditer(text)]
    for cut in sorted(set(cuts)):
        for number, (start, end) in enumerate(spans):
            if start < cut < end:
                spans[number : number + 1] = [(start, cut), (cut, end)]
                inside += 1
                break
    return spans, inside
