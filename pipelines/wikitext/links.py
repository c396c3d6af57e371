"""Links: ``[[Target|surface]]trail`` become anchors, files become image links, the rest leaves its text.

The rules are those of https://www.mediawiki.org/wiki/Help:Links. A link whose target is no title stays as
the text that it is, as in MediaWiki.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from urllib.parse import unquote

from pipelines.wikitext import marks
from pipelines.wikitext.article_parts import ImageLink
from pipelines.wikitext.character_references import decode_entities
from pipelines.wikitext.emphasis import strip_emphasis
from pipelines.wikitext.page_images import is_interface_icon, parse_file_link
from pipelines.wikitext.site import CATEGORIES, FILES, Site, upper_first

__all__ = ["Links", "strip_external_links"]

# What no title may hold (MediaWiki, $wgLegalTitleChars), and what would read as a character reference.
_ILLEGAL = re.compile(
    r"[<>\[\]{}|\x00-\x1f\x7f\ufffd]|%[0-9A-Fa-f]{2}|&(?:[A-Za-z0-9\x80-\uffff]+|#[0-9]+|#x[0-9A-Fa-f]+);|~~~"
)
# Steps up or nowhere in a title: "./x", "x/../y".
_RELATIVE = re.compile(r"(?:\A|/)\.\.?(?:/|\Z)")
# The pipe trick's name: without brackets at the end, else without what follows a comma and brackets before it.
_IN_BRACKETS = re.compile(r"(.+?) ?(?:\(.+\)|（.+）)", re.DOTALL)
_WITH_COMMA = re.compile(r"(.+?)(?: ?\(.+\))?(?:, |，|، ).+", re.DOTALL)
# What makes a target more than an article's title as it stands: signs with a meaning, odd spaces.
_SIGNS = r"#%&/:<>\[\]_{}~\x00-\x1f\x7f-\xa0\u1680\u2000-\u200f\u2028-\u202f\u205f\u3000\ufeff\ufffd"
_SPECIAL = re.compile(rf"[{_SIGNS}]|  |\A[ .]| \Z")
_LONG_TITLE = 60
"""Characters of a title that may be too long in bytes; a shorter one is not."""
_LONGEST_TITLE = 255
"""Bytes of a title at most (MediaWiki)."""
# Marks of the direction of writing, which titles do not hold.
_DIRECTIONS = re.compile("[\u200e\u200f\u202a-\u202e]")

# An address, which is no title.
_ADDRESS = re.compile(
    r"(?:(?:https?|ftps?|ircs?|gopher|telnet|nntp|svn|git|mms|ssh|sftp):)?//|(?:mailto|news):", re.IGNORECASE
)
_LINE_STARTS = "*#:;=- "
# What the text of a link may begin with that shows nothing.
_MAY_BE_BLANK = "&" + marks.JOINER + marks.REMOVED
_BLANK = f" \u00a0{marks.JOINER}{marks.REMOVED}"
# The marks by short names: a page has many links.
_BEGINNING, _SURFACE, _END = marks.ANCHOR, marks.SURFACE, marks.ANCHOR_END
# Two apostrophes that are not read as emphasis.
_APART = f"'{marks.JOINER}'"
_OPEN_BRACKETS = f"[{marks.JOINER}["

_ARTICLE, _TEXT, _FILE, _NOTHING, _NO_TITLE = range(5)
_MOST_TARGETS = 20_000
"""Targets that are kept resolved, for each site."""


_Target = tuple[int, str, str]
"""What the target of a link means: its kind; of an article, the marks and the title with which its anchors
begin; what is shown where the link has no text of its own."""

_TARGETS: dict[int, tuple[Site, dict[str, _Target | None]]] = {}


def _known_targets(site: Site) -> dict[str, _Target | None]:
    """Return the resolved targets of a site, kept from page to page: most links lead to few pages."""
    known = _TARGETS.get(id(site))
    if known is None or known[0] is not site or len(known[1]) > _MOST_TARGETS:
        if len(_TARGETS) > 8:
            _TARGETS.clear()
        known = _TARGETS[id(site)] = (site, {})
    return known[1]


# Options of pictures that stand beside the text.
_SIDES = frozenset(("left", "right", "none", "center", "centre"))


class Links:
    """Reads the links of one page and collects the images among them."""

    def __init__(self, title: str, site: Site) -> None:
        self.site = site
        self.page = title
        self.own_opening = _opening(site.normalise_title(title))
        self.images: list[ImageLink] = []
        self.targets = _known_targets(site)

    def read(self, text: str) -> str:
        """Return `text` with marked anchors in place of its links.

        Only files may hold links in their text; of other links the innermost is one, as in MediaWiki.
        """
        if "[[" in text:
            text = self._read_usual(text)
        return self._read_others(text) if "[[" in text else text

    def _read_usual(self, text: str) -> str:
        """Return `text` with marked anchors in place of the links whose target is an article's title as it stands.

        These are most of all links. They hold no other link, so that it is the same whether they are read first.
        """
        parts = _usual_link(self.site.link_trail).split(text)
        pieces = [parts[0]]
        append = pieces.append
        own_opening = self.own_opening
        any_first = not self.site.first_letter_upper
        for name, surface, trail, after in zip(
            parts[1::4], parts[2::4], parts[3::4], parts[4::4], strict=True
        ):
            shown = surface or name
            if (
                "  " not in name
                and name[-1] != " "
                and "''" not in name
                and shown[0] != " "
                and shown[-1] != " "
                and shown.isprintable()
                and len(name) < _LONG_TITLE
            ):
                title = name.replace(" ", "_")
                if not title.isascii():
                    title = unicodedata.normalize("NFC", title)
                if not (any_first or "A" <= title[0] <= "Z"):
                    title = upper_first(title)
                opening = f"{_BEGINNING}{title}{_SURFACE}"
                if opening != own_opening:
                    if "''" in shown:
                        shown = _without_emphasis(strip_emphasis(shown))
                    append(f"{opening}{shown}{trail}{_END}{after}")
                    continue
            append(f"[[{name}]]{trail}{after}" if surface is None else f"[[{name}|{surface}]]{trail}{after}")
        return "".join(pieces)

    def _read_others(self, text: str) -> str:
        """Do as `read` for every kind of link; those that were read already are anchors."""
        first, *rest = text.split("[[")
        pieces = [first]
        append = pieces.append
        files: list[int] = []
        targets = self.targets
        is_trail = self.site.link_trail.match
        for piece in rest:
            inside, closed, after = piece.partition("]]")
            name, pipe, surface = inside.partition("|")
            try:
                target = targets[name]
            except KeyError:
                target = self._resolve(name)
            if not closed:
                if target is not None and target[0] == _FILE:
                    files.append(len(pieces))
                append(_OPEN_BRACKETS + piece)
                continue
            kind, opening, text = target or _LITERAL
            if kind != _FILE and marks.ANCHOR in inside:
                kind = _NO_TITLE
            if kind <= _TEXT:
                if not surface:
                    surface = _pipe_trick(text) if pipe else _with_spaces(text, name)
                if "''" in surface:
                    # Emphasis is paired within a link; a target shown as it stands has none.
                    surface = _without_emphasis(strip_emphasis(surface) if pipe else surface)
                begins = after[:1]
                if begins.isalpha():
                    if trail := is_trail(after):
                        surface += trail[0]
                        after = after[trail.end() :]
                elif begins == "]" and "[" in surface and after[1:2] != "]":
                    surface += "]"
                    after = after[1:]
                if "[" in surface and "//" in surface:
                    # No external link within an internal one.
                    surface = surface.replace("[", "[" + marks.JOINER)
                append(_marked(surface, "" if opening == self.own_opening else opening))
            elif kind == _FILE:
                if after[:1] == "]" and "[" in surface and after[1:2] != "]":
                    inside += "]"
                    after = after[1:]
                append(self._add_image(inside))
            elif kind == _NO_TITLE:
                append(_OPEN_BRACKETS + inside + "]]")
            else:
                # A category or a language link takes the line break before it along.
                before = pieces[-1]
                stripped = before.rstrip()
                if "\n" in before[len(stripped) :] and stripped[-1:] != "=":
                    pieces[-1] = stripped
            if files:
                after = self._close_files(pieces, files, after)
            append(after)
        return "".join(pieces)

    def _close_files(self, pieces: list[str], files: list[int], after: str) -> str:
        """End the innermost open files at each further ``]]``; return the text behind the last."""
        parts = after.split("]]", len(files))
        for index, caption in enumerate(parts[:-1], 1):
            start = files.pop()
            if parts[index][:1] == "]" and "[" in caption and parts[index][1:2] != "]":
                caption += "]"
                parts[index] = parts[index][1:]
            pieces.append(caption)
            trace = self._add_image("".join(pieces[start:])[3:])
            del pieces[start:]
            pieces.append(trace)
        return parts[-1]

    def _add_image(self, inside: str) -> str:
        """Keep the image, and return what stands in its place: nothing, but words on both sides stay apart where it
        stands beside the text.
        """
        name, *options = inside.split("|")
        # The word for files is canonical from here on.
        parts = ["File:" + name.partition(":")[2], *options]
        image = parse_file_link(parts, self.site)
        if image.file and not is_interface_icon(image.file, options):
            self.images.append(image)
        beside = image.place == "thumbnail" or any(option.strip().lower() in _SIDES for option in options)
        return f"{marks.REMOVED} " if beside else marks.REMOVED

    def _resolve(self, written: str) -> _Target | None:
        """Return what a link's target means, or None where it is no title."""
        target: _Target | None
        if marks.REMOVED in written:
            # A call or a footnote stood in the target; without it, it may still name a page.
            written = written.replace(marks.REMOVED, "")
            if not written.strip():
                return (_TEXT, "", "")
        if written and not _SPECIAL.search(written):
            title = written.replace(" ", "_")
            if not title.isascii():
                title = unicodedata.normalize("NFC", title)
            if self.site.first_letter_upper:
                title = upper_first(title)
            target = (
                (_ARTICLE, _opening(title), written)
                if len(title) < _LONG_TITLE
                else _article(title, written, self.site)
            )
        elif written.startswith(("/", "../")) and not written.startswith("//"):
            return self._subpage(written.strip())
        else:
            target = _read_target(written, self.site)
        self.targets[written] = target
        return target

    def _subpage(self, written: str) -> _Target | None:
        """Resolve ``/x``, ``/x/`` and ``../x`` against the page's title."""
        if written[0] == "/":
            if "/" not in self.page and not self.site.has_subpages(self.page):
                return _article(written, written, self.site)
            path = written.rstrip("/")
            return _article(self.page + path, path[1:] if written[-1] == "/" else written, self.site)
        base = self.page.split("/")
        rest = written
        while rest.startswith("../") and len(base) > 1:
            base.pop()
            rest = rest[3:]
        path = "/".join((*base, rest.rstrip("/"))).rstrip("/")
        if not rest:
            return _article(path, path, self.site)
        return _article(path, rest.rstrip("/") if rest[-1] == "/" else written, self.site)


_LITERAL: _Target = (_NO_TITLE, "", "")


@cache
def _usual_link(trail: re.Pattern[str]) -> re.Pattern[str]:
    """Return the pattern of a link that holds no other: a plain target, its text if it has one, its trail."""
    plain = rf"[^|{_SIGNS}"
    return re.compile(rf"\[\[(?<!\[\[\[)({plain} .]{plain}]*)(?:\|([^\[\]|]+))?\]\]((?:{trail.pattern})?)")


def _without_emphasis(surface: str) -> str:
    """Keep apostrophes that are left in a surface from being read as emphasis."""
    return surface.replace("''", _APART)


def _with_spaces(text: str, written: str) -> str:
    """Return what a link without a text of its own shows: its target with a space behind it."""
    return f"{text} " if written[-1:] == " " else text


def _marked(surface: str, opening: str) -> str:
    """Return the marks of an anchor; without `opening`, of a link that leads nowhere, its text."""
    surface = marks.join_lines(surface)
    if not opening:
        # Not to be read as a list item where it begins a line.
        return marks.JOINER + surface if surface[:1] in _LINE_STARTS else surface
    visible = surface.strip(" ")
    if not visible:
        return surface
    if visible[0] in _MAY_BE_BLANK and not decode_entities(visible).strip(_BLANK):
        return f" {marks.REMOVED}"
    before = " " if surface[0] == " " else ""
    behind = " " if surface[-1] == " " else ""
    return f"{before}{opening}{visible}{_END}{behind}"


def _opening(title: str) -> str:
    """Return the marks with which an anchor to the article `title` begins."""
    if "''" in title:
        title = title.replace("''", _APART)
    return f"{_BEGINNING}{title}{_SURFACE}"


def _read_target(written: str, site: Site) -> _Target | None:
    """Read a target that is more than a plain title: namespaces, prefixes, escapes."""
    text = written.strip()
    if "%" in text:
        text = unquote(text)
    target = decode_entities(text)
    if _ADDRESS.match(target):
        return None
    plain = target.startswith(":")
    if plain:
        target = target[1:].strip()
        text = text[1:].strip()
    if target.startswith("#"):
        return None if "\n" in target else (_TEXT, "", text)
    if _ILLEGAL.search(target.partition("#")[0]):
        return None
    prefix, colon, rest = target.partition(":")
    if colon:
        number = site.namespace_number(prefix)
        if number is not None:
            if not rest.partition("#")[0].strip():
                return None
            if number == FILES and not plain:
                return (_FILE, "", text)
            return (_NOTHING if number == CATEGORIES and not plain else _TEXT, "", text)
        interwiki = prefix.strip().lower()
        if interwiki == site.language and rest.strip():
            second = rest.partition(":")[0].strip().lower() if ":" in rest else ""
            if second and (site.namespace_number(second) is not None or site.is_interwiki(second)):
                return (_TEXT, "", text)
            if rest.strip()[0] == "#":
                return (_TEXT, "", text)
            return _article(rest, text, site)
        if site.is_interwiki(interwiki):
            shown = plain or not site.is_interlanguage(interwiki)
            return (_TEXT if shown else _NOTHING, "", text)
    return _article(target, text, site)


def _article(target: str, text: str, site: Site) -> _Target | None:
    """Return the meaning of a target that can only be an article's title; None where it is none."""
    if not target.isascii():
        target = unicodedata.normalize("NFC", target)
    title = site.normalise_title(_DIRECTIONS.sub("", target))
    if not title or title[0] == ":" or len(title.encode(errors="replace")) > _LONGEST_TITLE:
        return None
    if _ILLEGAL.search(target.partition("#")[0]) or ("." in title and _RELATIVE.search(title)):
        return None
    return (_ARTICLE, _opening(title), text)


def _pipe_trick(text: str) -> str:
    """``[[Help:Page (topic)|]]`` -> ``Page``"""
    _, colon, rest = text.partition(":")
    name = rest.strip() if colon and rest else text
    if len(name) > _LONGEST_TITLE:
        return name
    name = name.replace("_", " ")
    shorter = _IN_BRACKETS.fullmatch(name) or _WITH_COMMA.fullmatch(name)
    return shorter[1] if shorter else name


# What an address consists of, apart from apostrophes.
_URL = r"[^\[\]<>\"\s\x00-\x08\x0b-\x1f\x7f\ufffd']"
# The host of an address where it is a number of IPv6.
_NUMBERED_HOST = r"(?:\[[0-9A-Fa-f:.]+\])"
# A link in single brackets: the address, up to two apostrophes, then its text, in which no such link begins.
_BRACKETED = re.compile(
    r"\[(?:(?:(?:https?|ftps?|ircs?|gopher|telnet|nntp|worldwind|svn|git|mms|ssh|sftp|redis)://|//)"
    rf"(?:{_NUMBERED_HOST}|(?={_URL}))"
    rf"|(?:news|mailto|bitcoin|magnet|urn|geo|sips?|sms|tel|xmpp):(?={_URL})){_URL}*(?:'(?!'){_URL}*)*(?!{_URL}|'(?!'))"
    r"([^\[\]\n\ufffd]*(?:\[(?![a-z]+:|//)[^\[\]\n\ufffd]*)*)\]",
    re.IGNORECASE,
)


def strip_external_links(text: str) -> str:
    """Return `text` with ``[address text]`` replaced by its text; ``[address]`` alone leaves nothing."""
    if "[" not in text:
        return text
    return _BRACKETED.sub(_text_of, text)


def _text_of(link: re.Match[str]) -> str:
    return link[1].strip() or marks.REMOVED
