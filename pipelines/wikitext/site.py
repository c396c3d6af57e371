"""What a wiki says of itself: namespaces, title case, language, so that any Wikipedia's dump can be read."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["ENGLISH_WIKIPEDIA", "Site"]


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

    def normalise_title(self, title: str) -> str:
        """Gives `title` as anchors hold it: underscores, first letter by the site's rule, no section."""
        title = title.partition("#")[0].replace("_", " ")
        title = "_".join(title.split())
        return title[:1].upper() + title[1:] if self.first_letter_upper else title


ENGLISH_WIKIPEDIA = Site()
