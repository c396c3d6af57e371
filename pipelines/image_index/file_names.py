"""File names of a wiki: which are names at all, what they stand for, where the media server keeps them.

The layout is MediaWiki's (https://www.mediawiki.org/wiki/Manual:$wgHashedUploadDirectory); the names of
thumbnails are those of its handlers for each type of file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

__all__ = [
    "KINDS",
    "THUMBNAIL_WIDTHS",
    "file_kind",
    "hash_folders",
    "is_raster",
    "name_problem",
    "thumbnail_name",
]

THUMBNAIL_WIDTHS = (20, 40, 60, 120, 250, 330, 500, 960, 1280, 1920, 3840)
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
"""Kinds of files that are told by their extension; anything else is ``other``."""

_KIND = {extension: kind for kind, extensions in _EXTENSIONS.items() for extension in extensions.split()}
_RASTER = frozenset(("jpeg", "png", "gif", "webp"))
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
_LONGEST_IN_THUMBNAIL = 160


def file_kind(name: str) -> str:
    """Gives one of `KINDS` for a file name by its extension, or ``other``."""
    return _KIND.get(name.rpartition(".")[2].lower(), "other")


def is_raster(kind: str) -> bool:
    """Tells whether files of this kind are pixels as every browser shows them, without the server's drawing."""
    return kind in _RASTER


def name_problem(name: str) -> str | None:
    """Gives why a name can be no file's, or None: no separators, no control characters, at most 240 bytes.

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
    """Gives the folders of a file: ``2/2a`` for ``Innsbruck.jpg``, from the MD5 of its name."""
    digest = hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()
    return f"{digest[0]}/{digest[:2]}"


def thumbnail_name(name: str, width: int) -> str:
    """Gives the name of a file's raster thumbnail of a width in pixels; of a document, that of its first page."""
    kind = file_kind(name)
    base = name
    if len(name.encode()) > _LONGEST_IN_THUMBNAIL:
        base = f"thumbnail.{name.rpartition('.')[2]}"
    dashes = "--" if kind == "video" else "-"
    return f"{_PREFIX.get(kind, '')}{width}px{dashes}{base}{_SUFFIX.get(kind, '')}"
