"""Whom a corpus owes what: the source and the licence of its texts, in words that go where the texts go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

__all__ = ["ATTRIBUTION", "TextRights", "read_attribution", "text_rights"]

ATTRIBUTION = "ATTRIBUTION.md"
"""File of a corpus, of a cache and of an export that says where their texts and pictures come from."""
_LICENCE = ("CC BY-SA 4.0", "https://creativecommons.org/licenses/by-sa/4.0/")
_UNDER_IT = (
    "wikipedia.org",
    "wiktionary.org",
    "wikibooks.org",
    "wikiquote.org",
    "wikisource.org",
    "wikiversity.org",
    "wikivoyage.org",
)
"""Wikis whose texts are under it (https://foundation.wikimedia.org/wiki/Policy:Terms_of_Use, section 7)."""


@dataclass(frozen=True, slots=True)
class TextRights:
    """Where the texts of a corpus come from, and under which licence."""

    wiki: str
    dump: str
    base: str
    """Address of the wiki's main page; empty where the dump does not tell."""
    licence: str
    """Empty where it is not known: a wiki that is none of Wikimedia's."""
    licence_url: str

    def page_url(self, title: str) -> str:
        """Return the address of a page by its title; empty where that of the wiki is not known."""
        if not self.base:
            return ""
        return f"{self.base.rpartition('/')[0]}/{quote(title.replace(' ', '_'), safe='/:@!$*(),;')}"

    def revision_url(self, revision_id: int) -> str:
        """Return the address of a revision, from which its history and authors are found."""
        parts = urlsplit(self.base)
        return f"{parts.scheme}://{parts.netloc}/w/index.php?oldid={revision_id}" if self.base else ""

    def describe(self) -> str:
        """Return the notice for texts, as Markdown."""
        wiki = f"[{self.wiki}]({self.base})" if self.base else self.wiki or "a wiki"
        lines = [
            f"Texts: from articles of {wiki}, dump {self.dump}, by their authors, whom each article's history lists."
        ]
        if self.licence:
            lines.append(
                f"Licence: [{self.licence}]({self.licence_url}). Whoever passes on these texts, or what is made of"
                " them, names the source and the licence, and passes them on under the same."
            )
        else:
            lines.append("Licence: not known here; the wiki's own terms hold.")
        lines.append(
            "Changes: markup, tables, footnotes and templates were taken out or rendered as text, and the text was cut"
            " into paragraphs and sentences."
        )
        return "\n\n".join(lines) + "\n"


def text_rights(dump: Mapping[str, Any]) -> TextRights:
    """Return the rights of the texts of a snapshot by what its manifest says of the dump."""
    base = str(dump.get("base") or "")
    host = urlsplit(base).netloc.lower().partition(":")[0]
    known = any(host == name or host.endswith(f".{name}") for name in _UNDER_IT)
    licence, url = _LICENCE if known else ("", "")
    return TextRights(str(dump.get("wiki") or ""), str(dump.get("name") or ""), base, licence, url)


def read_attribution(folder: Path) -> str:
    """Return the notice that lies in a folder; empty where there is none."""
    try:
        return (folder / ATTRIBUTION).read_text(encoding="utf-8")
    except OSError:
        return ""
