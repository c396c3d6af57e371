"""Where a file may be had from the media server, in the order in which it is asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

from pipelines.image_index.file_names import (
    file_kind,
    hash_folders,
    is_raster,
    thumbnail_name,
    thumbnail_widths,
)

__all__ = ["PUBLIC_SERVER", "MediaServer", "wiki_folder"]

PUBLIC_SERVER = "https://upload.wikimedia.org"

# What MediaWiki leaves unescaped in the paths that it writes itself.
_UNESCAPED = "!$*(),;@~:"
_PROJECTS = {
    "wiktionary": "wiktionary",
    "wikibooks": "wikibooks",
    "wikinews": "wikinews",
    "wikiquote": "wikiquote",
    "wikisource": "wikisource",
    "wikiversity": "wikiversity",
    "wikivoyage": "wikivoyage",
    "wiki": "wikipedia",
}


@dataclass(frozen=True, slots=True)
class MediaServer:
    """A media server with the public one's layout."""

    base: str = PUBLIC_SERVER
    """Address without a slash at its end."""
    wiki: str = "wikipedia/en"
    """Folder of the wiki's own files; those that all wikis share lie in ``wikipedia/commons``."""
    width: int = 500
    """Pixels of thumbnails."""

    @property
    def repositories(self) -> tuple[str, ...]:
        """Gives the folders that are asked for a file: the shared ones first, then the wiki's own."""
        return tuple(dict.fromkeys(("wikipedia/commons", self.wiki)))

    def thumbnails(self, repository: str, file: str) -> tuple[str, ...]:
        """Gives the URLs of a file's thumbnails that are to be asked for in turn, widest first."""
        folder = f"{self.base}/{repository}/thumb/{hash_folders(file)}/{quote(file, safe=_UNESCAPED)}"
        return tuple(
            f"{folder}/{quote(thumbnail_name(file, width), safe=_UNESCAPED)}"
            for width in thumbnail_widths(file, self.width)
        )

    def original(self, repository: str, file: str) -> str | None:
        """Gives the URL of the file itself; None where it is nothing that can be decoded."""
        if not is_raster(file_kind(file)):
            return None
        return f"{self.base}/{repository}/{hash_folders(file)}/{quote(file, safe=_UNESCAPED)}"


def wiki_folder(database: str) -> str:
    """Gives the folder of a wiki's own files by the name of its database: ``wikipedia/en`` for ``enwiki``."""
    for suffix, project in _PROJECTS.items():
        if match := re.fullmatch(rf"(\w+?){suffix}", database):
            return f"{project}/{match[1].replace('_', '-')}"
    return f"wikipedia/{database}"
