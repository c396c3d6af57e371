"""The query of an example: its sentence, as written or cleaned of what no encyclopedia holds."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["clean_tokens", "sentence_query"]

_URL = re.compile(r"(?:https?://|www\.|t\.co/)\S*", re.IGNORECASE)
_HANDLE = re.compile(r"@\w+")
# Marks of the sets' tokenisation: zero-width, control and replacement characters say nothing.
_INVISIBLE = re.compile(r"[\u0000-\u001f\u007f-\u009f\u00ad\u200b-\u200f\ufeff\ufffd]")


def sentence_query(tokens: Iterable[str], *, clean: bool) -> str:
    """Gives the query of a sentence: its words, divided by spaces; with `clean` those of `clean_tokens`."""
    return " ".join(clean_tokens(tokens) if clean else tokens)


def clean_tokens(tokens: Iterable[str]) -> list[str]:
    """Gives the tokens without URLs, without a leading ``RT @user :`` and without hash signs.

    ``RT @user :`` goes wherever a retweet begins, in the middle of a sentence too; other mentions of users
    stay. A word that is left empty goes.
    """
    words = [_INVISIBLE.sub("", token) for token in tokens]
    kept: list[str] = []
    place = 0
    while place < len(words):
        word = words[place]
        if word == "RT" and place + 1 < len(words):
            end = _retweet_end(words, place + 1)
            if end is not None:
                place = end
                continue
        place += 1
        if _URL.match(word):
            continue
        word = word.lstrip("#＃").strip()
        if word:
            kept.append(word)
    return kept


def _retweet_end(words: list[str], place: int) -> int | None:
    """Gives the place after ``@user :`` that begins at `place`; None where there is no such thing."""
    if words[place] == "@" and place + 1 < len(words):
        end = place + 2
    elif _HANDLE.fullmatch(words[place].rstrip(":")):
        end = place + 1
    else:
        return None
    return end + 1 if end < len(words) and words[end] == ":" else end
