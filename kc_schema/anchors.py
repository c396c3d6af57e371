"""Anchors: links kept in text as ``<e: Alan_Turing> Alan Turing </e>``.

The spelling is that of the MoRe paper (section 3.1, "Retrieval System Configuration"). KB-NER's earlier
release writes ``<e:Alan Turing>Alan Turing</e>``; both are offered as a `Spelling`.

Text that itself contains a tag (``<e:`` or ``</e>``) is kept apart from anchors by a backslash behind the
``<``, one more for every backslash that already stands there, so that rendering loses nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum
from operator import itemgetter
from typing import NamedTuple

__all__ = [
    "Anchor",
    "AnchorError",
    "Spelling",
    "escape",
    "is_title",
    "parse",
    "render",
    "strip",
    "targets",
    "unescape",
]


class AnchorError(ValueError):
    """Anchors that do not fit their text, or a tagged text whose tags do not pair."""


class Spelling(str, Enum):
    """How an anchor is written into text."""

    MORE = "more"
    """``<e: Alan_Turing> Alan Turing </e>``, as in the paper: underscores in the title, inner spaces."""
    KB_NER = "kb-ner"
    """``<e:Alan Turing>Alan Turing</e>``, as in KB-NER's release: spaces in the title, no inner spaces."""


class Anchor(NamedTuple):
    """A link in a plain text: the surface is ``text[start:end]`` (code points), the target is `title`.

    `title` is normalised: underscores for spaces, the first letter by the site's rule, no ``#section``.
    """

    start: int
    end: int
    title: str


# A literal tag, with the backslashes that escaping put behind its "<".
_LITERAL = re.compile(r"<(\\*)(e:|/e>)")
_ESCAPED = re.compile(r"<\\(\\*)(e:|/e>)")
# No title of a wiki holds any of these (MediaWiki, $wgLegalTitleChars), so they cannot end a tag early.
_TITLE = re.compile(r"[_ ]*[^<>\n_ ][^<>\n]*")
_place = itemgetter(0, 1)
_TAG = {
    Spelling.MORE: re.compile(r"<e: (?P<title>[^<>\n]+)> |(?P<end> </e>)|(?P<stray><e:|</e>)"),
    Spelling.KB_NER: re.compile(r"<e:(?P<title>[^<>\n]+)>|(?P<end></e>)|(?P<stray><e:)"),
}


def escape(text: str) -> str:
    r"""Return `text` with every literal ``<e:`` and ``</e>`` written ``<\e:`` and ``<\/e>``."""
    return _LITERAL.sub(r"<\\\1\2", text) if "<" in text else text


def unescape(text: str) -> str:
    """Undo `escape`."""
    return _ESCAPED.sub(r"<\1\2", text) if "<\\" in text else text


def is_title(text: str) -> bool:
    """Tell whether `text` can be the title of an anchor: not empty, and without ``<``, ``>`` and line breaks."""
    return _TITLE.fullmatch(text) is not None


def render(text: str, anchors: Iterable[Anchor], *, spelling: Spelling = Spelling.MORE) -> str:
    """Return `text` with `anchors` written into it as tags.

    Anchors may come in any order; they must lie in the text and must not overlap.

    Raises:
        AnchorError: an anchor lies outside the text or overlaps the one before it, or its title is empty or
            holds a character that no title may hold.
    """
    pieces: list[str] = []
    done = 0
    size = len(text)
    may_hold_tags = "<" in text
    underscores = spelling is Spelling.MORE
    for anchor in sorted(anchors, key=_place):
        start, end, title = anchor
        if not done <= start <= end <= size:
            raise AnchorError(f"anchor {anchor} overlaps the one before it or leaves the text of {size}")
        if not is_title(title):
            raise AnchorError(f"anchor {anchor}: not a title")
        before, surface = text[done:start], text[start:end]
        if may_hold_tags:
            before, surface = escape(before), escape(surface)
        if underscores:
            pieces.append(f"{before}<e: {title.replace(' ', '_')}> {surface} </e>")
        else:
            pieces.append(f"{before}<e:{title.replace('_', ' ')}>{surface}</e>")
        done = end
    rest = text[done:]
    pieces.append(escape(rest) if may_hold_tags else rest)
    return "".join(pieces)


def parse(tagged: str, *, spelling: Spelling = Spelling.MORE) -> tuple[str, list[Anchor]]:
    """Return the plain text of `tagged` and its anchors, in order, with titles as they stand in the tags.

    Raises:
        AnchorError: a tag is not closed, not opened, or opened inside another; the offset is named.
    """
    pieces: list[str] = []
    anchors: list[Anchor] = []
    length = done = 0
    open_title: str | None = None
    open_start = 0
    for tag in _TAG[spelling].finditer(tagged):
        if tag.start() < done:
            continue
        piece = unescape(tagged[done : tag.start()])
        if tag["title"] is not None:
            if open_title is not None:
                raise AnchorError(f"offset {tag.start()}: an anchor opens inside the anchor {open_title!r}")
            open_title, open_start = tag["title"], length + len(piece)
        elif tag["end"] is not None:
            if open_title is None:
                raise AnchorError(f"offset {tag.start()}: an anchor ends that was never opened")
            anchors.append(Anchor(open_start, length + len(piece), open_title))
            open_title = None
        else:
            raise AnchorError(f"offset {tag.start()}: {tag[0]!r} is neither an anchor nor escaped text")
        pieces.append(piece)
        length += len(piece)
        done = tag.end()
    if open_title is not None:
        raise AnchorError(f"the anchor {open_title!r} is never closed")
    pieces.append(unescape(tagged[done:]))
    return "".join(pieces), anchors


_ANY_TAG = {
    Spelling.MORE: re.compile(r"<e: [^<>\n]+> | </e>"),
    Spelling.KB_NER: re.compile(r"<e:[^<>\n]+>|</e>"),
}


def strip(tagged: str, *, spelling: Spelling = Spelling.MORE) -> str:
    """Return the plain text of `tagged`: `parse` without the anchors and without its checks."""
    if "<" not in tagged:
        return tagged
    if "<\\" not in tagged:
        return _ANY_TAG[spelling].sub("", tagged)
    # Piece by piece: text on both sides of a tag must not read as one escaped tag once the tag is gone.
    return "".join(map(unescape, _ANY_TAG[spelling].split(tagged)))


_TARGET = re.compile(r"<e: ([^<>\n]+)> ")


def targets(tagged: str) -> list[str]:
    """Return the titles of the anchors of `tagged`, in order: those of `parse`, without its checks."""
    return _TARGET.findall(tagged) if "<e: " in tagged else []
