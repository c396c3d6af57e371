"""What a wiki says of itself: namespaces, title case, language, so that any Wikipedia's dump can be read."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import NamedTuple

from pipelines.wikitext.data import read_pairs, read_table

__all__ = ["ENGLISH_WIKIPEDIA", "Site"]

MEDIA, ARTICLES, PROJECT, FILES, TEMPLATES, CATEGORIES = -2, 0, 4, 6, 10, 14
"""Numbers of the namespaces that wikitext treats in a way of their own; they are the same on every wiki."""

# Subject namespaces without sub-pages, as Wikipedias configure them.
_WITHOUT_SUBPAGES = frozenset((-2, -1, 0, 6, 14))


@cache
def _interwiki() -> dict[str, str]:
    """Return the prefixes of links to other wikis with their kinds: ``language`` or ``project``."""
    return read_pairs("interwiki")


class _Grammar(NamedTuple):
    """What a language changes in MediaWiki's grammar and a dump's site information does not say."""

    trail: str = "a-z"
    file_words: tuple[str, ...] = ()
    redirect_words: tuple[str, ...] = ()


@cache
def _grammar(language: str) -> _Grammar:
    for code, trail, files, redirects in read_table("wiki_languages"):
        if code == language:
            letters = {"": "a-z", "none": ""}.get(trail, trail)
            return _Grammar(letters, _words(files), _words(redirects))
    return _Grammar()


def _words(cell: str) -> tuple[str, ...]:
    return tuple(cell.split("|")) if cell else ()


def _namespace_names(wiki: str) -> dict[str, int]:
    return {name: int(number) for name, number, only in read_table("namespaces") if only == wiki}


@dataclass(frozen=True)
class Site:
    """A wiki, as far as its wikitext depends on it."""

    database: str = "enwiki"
    """Name of the database (``enwiki``), as in the dump's file name."""
    language: str = "en"
    base: str = "https://en.wikipedia.org/wiki/Main_Page"
    """Address of the main page."""
    first_letter_upper: bool = True
    """Whether titles start with an upper-case letter (siteinfo ``<case>first-letter</case>``)."""
    namespaces: Mapping[str, int] = field(default_factory=dict)
    """Namespace number by name and alias, in lower case with spaces; the article namespace is ``""``."""
    date: datetime.date | None = None
    """The dump's date, against which ages are reckoned; None where it is not known."""
    pronunciations: bool = False
    """Whether the pronunciations of an article's subject are kept, which are left out otherwise."""

    def normalise_title(self, title: str) -> str:
        """Return `title` as anchors hold it: underscores, first letter by the site's rule, no section."""
        title = title.partition("#")[0].replace("_", " ")
        title = "_".join(title.split())
        return upper_first(title) if self.first_letter_upper else title

    def namespace_number(self, name: str) -> int | None:
        """Return the number of the namespace called `name` (any case, underscores or spaces), or None.

        The canonical English names and ``Image`` hold on every wiki.
        """
        return self._namespace_numbers.get(" ".join(name.replace("_", " ").split()).lower())

    def namespace_name(self, number: int) -> str | None:
        """Return the name of the namespace `number`, the wiki's own or the canonical one; None where there is none."""
        if number in (PROJECT, PROJECT + 1) and self.language == "en":
            return "Wikipedia" if number == PROJECT else "Wikipedia talk"
        names = [name for name, of in self.namespaces.items() if of == number]
        names += [name for name, of in self._namespace_numbers.items() if of == number]
        return upper_first(names[0]) if names else None

    def is_interlanguage(self, prefix: str) -> bool:
        """Return whether ``[[prefix:Page]]`` names the page of another language, shown beside the text."""
        return _interwiki().get(prefix) == "language" and prefix != self.language

    def is_interwiki(self, prefix: str) -> bool:
        """Return whether `prefix`, in lower case, leads to another wiki (a language or another project)."""
        return _interwiki().get(prefix) == "project" or self.is_interlanguage(prefix)

    def has_subpages(self, title: str) -> bool:
        """Return whether ``[[/Page]]`` on the page `title` means a page below it."""
        name, colon, _ = title.partition(":")
        number = self.namespace_number(name) if colon else None
        return number is not None and number not in _WITHOUT_SUBPAGES

    @cached_property
    def link_trail(self) -> re.Pattern[str]:
        """Letters that join a link before them (``[[peace]]ful``)."""
        letters = _grammar(self.language).trail
        return re.compile(f"[{letters}]+" if letters else "(?!)")

    @cached_property
    def file_link(self) -> re.Pattern[str]:
        """What a link to a media file begins with, up to the colon."""
        names = sorted(name for name, number in self._namespace_numbers.items() if number == FILES)
        return re.compile(rf"\[\[[ _]*(?:{'|'.join(map(re.escape, names))})[ _]*:", re.IGNORECASE)

    @cached_property
    def redirect(self) -> re.Pattern[str]:
        """What the wikitext of a redirect begins with; the group is the link's target."""
        words = ["redirect", *_grammar(self.language).redirect_words]
        alternatives = "|".join(map(re.escape, words))
        return re.compile(
            rf"\s*#(?:{alternatives})\s*:?\s*\[\[([^\[\]|\n]+)(?:\|[^\[\]]*)?\]\]", re.IGNORECASE
        )

    @cached_property
    def _namespace_numbers(self) -> dict[str, int]:
        numbers = {**_namespace_names(""), **_namespace_names(self.language)}
        numbers.update((name, FILES) for name in _grammar(self.language).file_words)
        numbers.update((name.lower(), number) for name, number in self.namespaces.items() if name)
        return numbers


def upper_first(title: str) -> str:
    """Return `title` with its first letter in upper case, where that is one letter (no ``ß``)."""
    first = title[:1].upper()
    return first + title[1:] if len(first) == 1 else title


ENGLISH_WIKIPEDIA = Site(namespaces={"": ARTICLES, **_namespace_names(""), **_namespace_names("en")})
