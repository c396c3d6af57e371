"""Image links: from ``[[File:..]]``, ``<gallery>`` and the parameters of templates.

Captions are given as wikitext; the extractor turns them into plain text.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from urllib.parse import unquote

from pipelines.wikitext.article_parts import ImageLink
from pipelines.wikitext.data import read_column, read_table
from pipelines.wikitext.site import Site
from pipelines.wikitext.templates.other_languages import template_kind_on

__all__ = [
    "KINDS_WITHOUT_IMAGES",
    "gallery_images",
    "is_interface_icon",
    "normalise_file_name",
    "parse_file_link",
    "template_images",
]

KINDS_WITHOUT_IMAGES = frozenset(("citation", "reference", "maintenance", "metadata", "hatnote", "layout"))
"""Kinds of templates that show no picture of the page's subject."""

_FILE_NAMESPACE = 6
_FILE_WORDS = frozenset(("file", "image", "media"))
# A file name ends in a dot and a known extension.
_MEDIA_FILE = re.compile(
    r"[^<>\[\]{}|\n]+\.(?:jpe?g|jpe|png|gif|svg|tiff?|webp|xcf|pdf|djvu?|og[vga]|opus|webm|mp[34]|wav|flac|midi?"
    r"|stl|mpe?g|bmp|ico)\Z",
    re.IGNORECASE,
)
# "File:Name.jpg": the word before the first colon, which must still be looked up.
_NAMESPACE_WORD = re.compile(r"\s*:?\s*([^:|\[\]{}<>\n]{1,40}?)[ _]*:")


def normalise_file_name(text: str, site: Site) -> str | None:
    """Return the name of the media file that `text` names, or None where it names none.

    The namespace word (``File:``, ``Image:``, the site's own) goes, entities are decoded, underscores stand
    for spaces and the first letter is in upper case: ``Image: big ben.jpg`` -> ``Big_ben.jpg``.
    """
    if "." not in text or len(text) > 400 or "//" in text:
        return None
    name = text.strip()
    if word := _NAMESPACE_WORD.match(name):
        if not _is_file_word(word[1], site):
            return None
        name = name[word.end() :]
    if "&" in name:
        name = html.unescape(name)
    if "%" in name:
        name = unquote(name)
    name = "_".join(name.replace("_", " ").replace("\u200e", "").split())
    if not _MEDIA_FILE.match(name):
        return None
    return name[:1].upper() + name[1:]


def _is_file_word(word: str, site: Site) -> bool:
    word = " ".join(word.replace("_", " ").split()).lower()
    return word in _FILE_WORDS or site.namespaces.get(word) == _FILE_NAMESPACE


@cache
def _options() -> tuple[frozenset[str], frozenset[str]]:
    """Return the words that are options of a file link, and those of them that set the picture beside the text."""
    rows = read_table("file_options")
    return frozenset(word for word, _ in rows), frozenset(word for word, use in rows if use == "frame")


# "300px", "x300px", "300x200px", "300 px", in any language's spelling of px; a few mistypings of it.
_SIZE = re.compile(r"(\d{0,5})\s?(?:x\s?\d{1,5})?\s?(?:px|пкс|pks|pt|ピクセル|像素)+\Z", re.IGNORECASE)
# "alt=...", "link=...": the name of an option with a value.
_NAMED = re.compile(
    r"(?:alt|link|upright|page|lang|class|start|starttime|end|endtime|thumbtime|thumb|thumbnail|manualthumb|size"
    r"|mini|vignette|hochkant|redresse|seite|ersatz|alternativtext|sprache|verweis|lien|альт|ссылка|страница)\s*=",
    re.IGNORECASE,
)


def parse_file_link(parts: Sequence[str], site: Site) -> ImageLink:
    """Return the image link of a ``[[File:...]]`` whose inside, cut at its own ``|``, is `parts`.

    The caption is the last part that is no option, as in MediaWiki
    (https://www.mediawiki.org/wiki/Help:Images). The file is empty where the first part names none.
    """
    file = normalise_file_name(parts[0], site) if parts else None
    caption = ""
    place = "inline"
    for part in parts[1:]:
        option = part.strip()
        lowered = option.lower()
        if lowered in _options()[1] or lowered.startswith(("thumb=", "thumbnail=")):
            place = "thumbnail"
        elif not _is_option(lowered):
            caption = option
    return ImageLink(file or "", caption, place)


def _is_option(text: str) -> bool:
    if not text or text in _options()[0]:
        return True
    return bool(_SIZE.match(text) or _NAMED.match(text) or text.startswith("upright "))


_LARGEST_ICON = 30


@cache
def _interface_icon() -> re.Pattern[str]:
    return re.compile("(?:" + "|".join(read_column("interface_icons")) + ")")


def is_interface_icon(file: str, options: Sequence[str] = ()) -> bool:
    """Return whether the file with the normalised name `file` is a sign of the interface, no picture of anything.

    `options` are the options of its link: a picture drawn at most 30 pixels wide, within the line, is a sign
    (a flag before a name, say) whatever its name.
    """
    if _interface_icon().match(file):
        return True
    small = False
    for option in options:
        option = option.strip().lower()
        if option in _options()[1]:
            return False
        if (size := _SIZE.match(option)) and size[1]:
            small = int(size[1]) <= _LARGEST_ICON
    return small


_GALLERY_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)


def gallery_images(body: str, site: Site) -> list[ImageLink]:
    """Return the image links of the body of a ``<gallery>``: one a line, ``File:Name.jpg|caption``."""
    images: list[ImageLink] = []
    for line in _GALLERY_COMMENT.sub("", body).splitlines():
        line = line.strip()
        if line.startswith("[["):
            line = line.strip("[]")
        name, _, rest = line.partition("|")
        file = normalise_file_name(name, site)
        if file is not None:
            images.append(ImageLink(file, _gallery_caption(rest), "gallery"))
    return images


def _gallery_caption(rest: str) -> str:
    """Return the caption among the parts of a gallery's line: what stands between options before and behind it."""
    parts = rest.split("|")
    first, last = 0, len(parts)
    while first < last and _is_option(parts[first].strip().lower()):
        first += 1
    while last > first and _NAMED.match(parts[last - 1].strip()):
        last -= 1
    return "|".join(parts[first:last]).strip()


# Parameters whose file is no illustration, or is no file of the wiki.
_FOREIGN_PARAMETERS = re.compile(
    r"(?:url|website|web|link|archive.*|accessdate|title|chapter|homepage|source)\Z"
)


@cache
def _picture_templates() -> dict[str, str]:
    """Return the places of the pictures in templates that are made for pictures, by name in lower case."""
    return {name.lower(): place for name, place in read_table("picture_templates")}


def template_images(name: str, arguments: Mapping[str, str], site: Site) -> list[ImageLink]:
    """Return the image links in the arguments of the template with the normalised name `name`.

    A file stands as a bare name or as ``File:Name.jpg`` (place ``infobox``, or ``multiple_image``,
    ``gallery`` and ``thumbnail`` in the templates made for pictures), or as a whole ``[[File:..]]``.
    Templates for sources and remarks have none.
    """
    if template_kind_on(site.language, name) in KINDS_WITHOUT_IMAGES:
        return []
    place = _picture_templates().get(name.lower(), "infobox")
    if place == "gallery":
        return _gallery_template(arguments, site)
    images: list[ImageLink] = []
    for key, value in arguments.items():
        if "." not in value:
            continue
        if "[[" in value:
            images.extend(_linked_images(value, site, place))
            continue
        if _FOREIGN_PARAMETERS.match(key.lower()):
            continue
        file = normalise_file_name(value, site)
        if file is not None:
            images.append(ImageLink(file, _caption_of(key, arguments), place))
        elif "<gallery" in value or "\n" in value:
            images.extend(gallery_images(_GALLERY_TAG.sub("\n", value), site))
    return images


_GALLERY_TAG = re.compile(r"</?gallery[^<>]*>", re.IGNORECASE)


def _gallery_template(arguments: Mapping[str, str], site: Site) -> list[ImageLink]:
    """Read ``{{gallery|File:A.jpg|caption|File:B.jpg|caption}}`` and its older form, one picture an argument."""
    images: list[ImageLink] = []
    for key, value in arguments.items():
        if not key.isdecimal():
            if (file := normalise_file_name(value, site)) is not None:
                images.append(ImageLink(file, _caption_of(key, arguments), "gallery"))
        elif "\n" in value.strip() or "|" in value:
            images.extend(gallery_images(value, site))
        elif (file := normalise_file_name(value, site)) is not None:
            images.append(ImageLink(file, "", "gallery"))
        elif images and not images[-1].caption and not value.strip().lower().startswith("alt"):
            images[-1].caption = value.strip()
    return images


def _linked_images(value: str, site: Site, place: str) -> Iterator[ImageLink]:
    """Find the ``[[File:..]]`` in a value; their captions may hold links."""
    for inside in _double_brackets(value):
        word = _NAMESPACE_WORD.match(inside)
        if word is None or not _is_file_word(word[1], site):
            continue
        parts = _split_at_pipes(inside)
        link = parse_file_link(parts, site)
        if link.file and not is_interface_icon(link.file, parts[1:]):
            yield ImageLink(link.file, link.caption, place)


# Opening and closing double brackets, and pipes.
_BRACKETS = re.compile(r"\[\[|\]\]")
_PIPE_OR_BRACKETS = re.compile(r"\[\[|\]\]|\|")


def _double_brackets(text: str) -> Iterator[str]:
    """Return the insides of the outermost ``[[..]]`` in `text`."""
    depth = start = 0
    for bracket in _BRACKETS.finditer(text):
        if bracket[0] == "[[":
            if depth == 0:
                start = bracket.end()
            depth += 1
        elif depth:
            depth -= 1
            if depth == 0:
                yield text[start : bracket.start()]


def _split_at_pipes(text: str) -> list[str]:
    """Cut `text` at the pipes that stand outside of inner links."""
    parts: list[str] = []
    depth = start = 0
    for token in _PIPE_OR_BRACKETS.finditer(text):
        if token[0] == "[[":
            depth += 1
        elif token[0] == "]]":
            depth = max(0, depth - 1)
        elif depth == 0:
            parts.append(text[start : token.start()])
            start = token.end()
    parts.append(text[start:])
    return parts


@cache
def _main_parameters() -> tuple[frozenset[str], list[str]]:
    """Return the parameters of a template for its main picture, and those for that picture's caption."""
    rows = read_table("picture_parameters")
    pictures = frozenset(name for name, use in rows if use == "picture")
    return pictures, [name for name, use in rows if use == "caption"]


_TRAILING_NUMBER = re.compile(r"\d*[a-z]?\Z")


def _caption_of(key: str, arguments: Mapping[str, str]) -> str:
    """Return the caption that belongs to the file in the argument `key`, by the names in use."""
    for caption_key in _caption_keys(key):
        caption = arguments.get(caption_key, "").strip()
        if caption:
            return caption
    return ""


def _caption_keys(key: str) -> Iterator[str]:
    lowered = key.lower()
    if lowered.isdecimal():
        # {{wide image|file|width|caption}}, {{double image|side|file|width|file|width|caption|caption}}
        position = int(lowered) if len(lowered) < 3 else 0
        yield from (("3", "caption") if position == 1 else ())
        yield from ((str(position // 2 + 5),) if position in (2, 4) else ())
        return
    match = _TRAILING_NUMBER.search(lowered)
    number = match[0] if match and match[0][:1].isdecimal() else ""
    stem = lowered[: len(lowered) - len(number)].rstrip("_ ")
    for separator in ("_", " ", ""):
        yield f"{stem}{number}{separator}caption"
        yield f"{stem}{separator}caption{number}"
    yield f"caption_{stem}{number}"
    subject = stem.removeprefix("image").strip("_ ")
    if subject and subject != stem:
        for separator in ("_", " ", ""):
            yield f"{subject}{separator}caption{number}"
        yield f"caption_{subject}{number}"
        yield f"image_{subject}_caption{number}"
    if number:
        yield f"caption{number}"
    main_pictures, main_captions = _main_parameters()
    if number in ("", "1") and not main_pictures.isdisjoint((stem, lowered)):
        yield from main_captions
