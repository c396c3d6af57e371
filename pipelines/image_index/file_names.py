"""File names of a wiki: which are names at all, what they stand for, and where the media server has them.

The layout is MediaWiki's (https://www.mediawiki.org/wiki/Manual:$wgHashedUploadDirectory). Names of thumbnails
follow its sources: ``File::generateThumbName`` and ``FileRepo::nameForThumb`` put them together, and
``makeParamString`` and ``getThumbType`` of the handlers (ImageHandler, SvgHandler, DjVuHandler, WebPHandler,
XCFHandler in the core; PdfHandler, PagedTiffHandler, TimedMediaHandler, 3D among the extensions) say what stands
before and behind the file's name. A page, a language or a second of the video are named only where an article
asks for other than the first page, the default language or the middle.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args
from urllib.parse import quote, urlsplit

__all__ = [
    "COMMONS",
    "KINDS",
    "PUBLIC_SERVER",
    "THUMBNAIL_WIDTHS",
    "MediaServer",
    "Width",
    "file_kind",
    "hash_folders",
    "is_raster",
    "name_problem",
    "repository_of",
    "thumbnail_name",
    "thumbnail_widths",
    "wiki_folder",
]

COMMONS = "wikipedia/commons"
"""Folder of the files that all wikis share."""
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

Width = Literal[20, 40, 60, 120, 250, 330, 500, 960, 1280, 1920, 3840]
THUMBNAIL_WIDTHS: tuple[int, ...] = get_args(Width)
"""Pixels; the media server refuses any other width (https://www.mediawiki.org/wiki/Common_thumbnail_sizes)."""

_EXTENSIONS: Mapping[str, str] = {
    "jpeg": "jpg jpeg jpe",
    "png": "png",
    "gif": "gif",
    "webp": "webp",
    "svg": "svg",
    "tiff": "tif tiff",
    "xcf": "xcf",
    "stl": "stl",
    "pdf": "pdf",
    "djvu": "djvu djv",
    "video": "ogv webm mpg mpeg mp4",
    "audio": "ogg oga opus mp3 wav flac mid midi",
}
KINDS = tuple(_EXTENSIONS)
"""Kinds of files, by their extension; anything else is ``other``."""

_KIND = {extension: kind for kind, extensions in _EXTENSIONS.items() for extension in extensions.split()}
_RASTER = frozenset(("jpeg", "png", "gif", "webp"))
_VECTOR = frozenset(("svg", "stl"))
# What stands before the width and behind the name of the thumbnail that the server draws of a file.
_PREFIX = {"tiff": "lossy-page1-", "pdf": "page1-", "djvu": "page1-"}
_SUFFIX = {
    "webp": ".png",
    "svg": ".png",
    "tiff": ".jpg",
    "xcf": ".png",
    "stl": ".png",
    "pdf": ".jpg",
    "djvu": ".jpg",
    "video": ".jpg",
}
_LONGEST_NAME = 240
# Wikimedia's setting of $wgLocalFileRepo['abbrvThreshold'], in bytes.
_LONGEST_IN_THUMBNAIL = 160
# The public server draws no thumbnail of a file for an hour after four failures
# (FAILURE_THROTTLING_MAX in wikimedia_thumbor/handler/images/images.py).
_MOST_WIDTHS = 4


def file_kind(name: str) -> str:
    """Return one of `KINDS` for a file name by its extension, or ``other``."""
    return _KIND.get(name.rpartition(".")[2].lower(), "other")


def is_raster(kind: str) -> bool:
    """Tell whether files of this kind are pixels as every browser shows them, without the server's drawing."""
    return kind in _RASTER


def name_problem(name: str) -> str | None:
    """Return why a name can be no file's, or None: no separators, no control characters, at most 240 bytes.

    MediaWiki allows none of these either; what is refused here can never become part of a path.
    """
    if not name.rpartition(".")[0].strip("._ "):
        return "illegal file name"
    if any(character in "/\\:#<>[]|{}" or not character.isprintable() for character in name):
        return "illegal file name"
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return "illegal file name"
    return "file name too long" if size > _LONGEST_NAME else None


def hash_folders(name: str) -> str:
    """Return the folders of a file: ``2/2a`` for ``Innsbruck.jpg``, from the MD5 of its name."""
    digest = hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()
    return f"{digest[0]}/{digest[:2]}"


def thumbnail_name(name: str, width: int) -> str:
    """Return the name of a file's raster thumbnail of a width in pixels; of a document, that of its first page."""
    kind = file_kind(name)
    base = name
    if len(name.encode()) > _LONGEST_IN_THUMBNAIL:
        base = f"thumbnail.{name.rpartition('.')[2].lower()}"
    dashes = "--" if kind == "video" else "-"
    return f"{_PREFIX.get(kind, '')}{width}px{dashes}{base}{_SUFFIX.get(kind, '')}"


def thumbnail_widths(name: str, width: int) -> tuple[int, ...]:
    """Return the widths to ask for in turn, the wanted one first.

    The server draws no pixels wider than they are (400). Vectors have no width of their own, and browsers show
    small photographs as they are; of documents and videos it draws the next narrower width
    (``ImageHandler::getSteppedThumbWidth``), which can only be found by trying.
    """
    kind = file_kind(name)
    if is_raster(kind) or kind in _VECTOR:
        return (width,)
    return tuple(w for w in reversed(THUMBNAIL_WIDTHS) if w <= width)[:_MOST_WIDTHS]


@dataclass(frozen=True, slots=True)
class MediaServer:
    """A media server with the public one's layout."""

    base: str = PUBLIC_SERVER
    """Address without a slash at its end."""
    wiki: str = "wikipedia/en"
    """Folder of the wiki's own files; those that all wikis share lie in ``wikipedia/commons``."""
    width: int = 500
    """Pixels of thumbnails."""
    shared_only: bool = False
    """Whether the wiki's own files, many of which are not free, are left alone."""

    @property
    def repositories(self) -> tuple[str, ...]:
        """Return the folders that are asked for a file: the shared ones first, then the wiki's own."""
        return (COMMONS,) if self.shared_only else tuple(dict.fromkeys((COMMONS, self.wiki)))

    def thumbnails(self, repository: str, file: str) -> tuple[str, ...]:
        """Return the URLs of a file's thumbnails that are to be asked for in turn, widest first."""
        folder = f"{self.base}/{repository}/thumb/{hash_folders(file)}/{quote(file, safe=_UNESCAPED)}"
        return tuple(
            f"{folder}/{quote(thumbnail_name(file, width), safe=_UNESCAPED)}"
            for width in thumbnail_widths(file, self.width)
        )

    def original(self, repository: str, file: str) -> str | None:
        """Return the URL of the file itself; None where it is nothing that can be decoded."""
        if not is_raster(file_kind(file)):
            return None
        return f"{self.base}/{repository}/{hash_folders(file)}/{quote(file, safe=_UNESCAPED)}"


def repository_of(url: str, wiki: str) -> Literal["commons", "wiki", ""]:
    """Return the repository of a file by where it came from; empty where nothing tells, as in a flat folder.

    Args:
        url: where it came from, in a server's layout or in a mirror's.
        wiki: the folder of the wiki's own files.
    """
    place = urlsplit(url).path
    if "/commons/" in place:
        return "commons"
    return "wiki" if f"/{wiki}/" in place or f"/{wiki.rpartition('/')[2]}/" in place else ""


def wiki_folder(database: str) -> str:
    """Return the folder of a wiki's own files by the name of its database: ``wikipedia/en`` for ``enwiki``."""
    for suffix, project in _PROJECTS.items():
        if match := re.fullmatch(rf"(\w+?){suffix}", database):
            return f"{project}/{match[1].replace('_', '-')}"
    return f"wikipedia/{database}"
