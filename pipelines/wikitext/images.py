"""Image links: from ``[[File:..]]``, ``<gallery>`` and the parameters of templates.

Captions are given as wikitext; the extractor turns them into plain text.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import unquote

from pipelines.wikitext.image_captions import caption_of
from pipelines.wikitext.records import ImageLink
from pipelines.wikitext.site import Site
from pipelines.wikitext.templates.kinds import template_kind

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
    """Gives the name of the media file that `text` names, or None where it names none.

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


_FRAME_WORDS = "thumb thumbnail frame framed enframed"
# What else may stand between the pipes of a file link without being its caption.
_OPTION_WORDS = """
frameless border left right center centre none baseline sub super top text-top middle bottom text-bottom upright
noicon nolink loop muted
"""
# The same in other languages, as the largest wikis write them.
_FOREIGN_FRAME_WORDS = """
mini miniatur gerahmt vignette cadre miniaturadeimagen miniatura marco encadré miniatyr ram minidatur riquadro
мини миниатюра обрамить 縮圖 缩略图 サムネイル フレーム 섬네일 náhled náhľad tumb bélyegkép küçükresim تصغير ממוזער
"""
_FOREIGN_OPTION_WORDS = """
links rechts zentriert ohne rahmenlos rand hochkant gauche droite centré néant sans_cadre bordure redresse
izquierda derecha centro centrado ninguna ninguno sinmarco destra sinistra nessuno bordo direita esquerda слева
справа центр без граница безрамки gecentreerd geen prawo lewo brak 右 左 中央 なし 無
"""
_FRAMES = frozenset((_FRAME_WORDS + _FOREIGN_FRAME_WORDS).split())
_OPTIONS = _FRAMES | frozenset((_OPTION_WORDS + _FOREIGN_OPTION_WORDS).split())
# "300px", "x300px", "300x200px", "300 px", in any language's spelling of px; a few mistypings of it.
_SIZE = re.compile(r"(\d{0,5})\s?(?:x\s?\d{1,5})?\s?(?:px|пкс|pks|pt|ピクセル|像素)+\Z", re.IGNORECASE)
# "alt=...", "link=...": the name of an option with a value.
_NAMED = re.compile(
    r"(?:alt|link|upright|page|lang|class|start|starttime|end|endtime|thumbtime|thumb|thumbnail|manualthumb|size"
    r"|mini|vignette|hochkant|redresse|seite|ersatz|alternativtext|sprache|verweis|lien|альт|ссылка|страница)\s*=",
    re.IGNORECASE,
)


def parse_file_link(parts: Sequence[str], site: Site) -> ImageLink:
    """Gives the image link of a ``[[File:...]]`` whose inside, cut at its own ``|``, is `parts`.

    The caption is the last part that is no option, as in MediaWiki
    (https://www.mediawiki.org/wiki/Help:Images). The file is empty where the first part names none.
    """
    file = normalise_file_name(parts[0], site) if parts else None
    caption = ""
    place = "inline"
    for part in parts[1:]:
        option = part.strip()
        lowered = option.lower()
        if lowered in _FRAMES or lowered.startswith(("thumb=", "thumbnail=")):
            place = "thumbnail"
        elif not _is_option(lowered):
            caption = option
    return ImageLink(file or "", caption, place)


def _is_option(text: str) -> bool:
    if not text or text in _OPTIONS:
        return True
    return bool(_SIZE.match(text) or _NAMED.match(text) or text.startswith("upright "))


_LARGEST_ICON = 30
# Pictures of the interface, and marks that stand for a subject, a project or a quality on many pages.
_ICON = re.compile(
    r"(?:Edit-clear|Edit-copy|Edit_icon|Question_book|Question-book|Commons-logo|Commons-emblem|Commons_logo"
    r"|Wikiquote-logo|Wikisource-logo|Wiktionary-logo|Wikibooks-logo|Wikinews-logo|Wikiversity-logo|Wikiversity_logo"
    r"|Wikispecies-logo|Wikivoyage-logo|Wikivoyage-Logo|Wikidata-logo|Wikimedia-logo|Wikipedia-logo|Notification-icon"
    r"|WikiProject|Wiki_letter|Ambox|Imbox|Emblem-|Gnome-|Nuvola_|Crystal_|Crystal-|Crystal128|Tango_|Office-book|Text-x-"
    r"|Symbol_(?:book|category|support|question|stub|star|information|oppose|neutral|portal|list|template)"
    r"|Disambig|Merge-|Merge_|Split-arrows|Padlock|Semi-protection|Full-protection|Lock-(?:green|gray|red|yellow)"
    r"|Folder_Hexagonal|P_(?:history|literature|vip|religion|philosophy|physics|music|sport)|Portal[_.-]|Portal-puzzle|Stub_|"
    r"Loudspeaker|Speaker_Icon|Speakerlink|Sound-icon|Gtk-|Red_pog|Green_pog|Blue_pog|Cyan_pog|Pink_pog|Orange_pog"
    r"|Yellow_pog|Black_pog|Purple_pog|White_pog|Steel_pog|Location_dot|Increase[2.]|Decrease[2.]|Steady[2.]"
    r"|IncreaseNegative|DecreasePositive|Arrow_?(?:up|down|left|right|Blue|Red)|Yes_check|X_mark|Check_mark|Check-green"
    r"|Dark_Green_check|Red_x\b|Green_tick|Cscr-|Featured_article_star|LinkFA-star|Lua-logo|Information_icon|Info_icon|OOjs_"
    r"|Blank\.(?:png|svg|gif)|Transparent|1x1|Spacer|No_image|No_photo|Noimage|Replace_this_image|Replacethisimage"
    r"|Placeholder|Image_not_available|Translation_to_english|Translation_arrow|Closed_Access|Open_Access_logo"
    r"|Free-to-read|Lock-|External\.|Magnify-clip|Searchtool|Clock_and_warning|Ballot|Unbalanced_scales|Mergefrom"
    r"|Star_full|Star_empty|Star_half|Rating_|Rod_of_Asclepius2|Stop_hand|Current_event|Sports_icon|Soccerball(?:_|\.)"
    r"|Soccer_ball|Yellow_card|Red_card|Sub_o|Kit_(?:body|left|right|shorts|socks)|Kit_[a-z]+_|Gold_medal|Silver_medal|"
    r"Bronze_medal|(?:Gold|Silver|Bronze)_medal_|Medaille|BSicon|[A-Z]?BSicon_|Flag_icon|Flagicon|.*[_-]icon\.(?:svg|png|gif)\Z"
    r"|.*_stub\.(?:svg|png)\Z|.*-stub\.(?:svg|png)\Z|Pictogram_voting|Audio-input|Headphones?[_.]|Terra\.png|Globe_icon)",
)


def is_interface_icon(file: str, options: Sequence[str] = ()) -> bool:
    """Tells whether the file with the normalised name `file` is a sign of the interface, no picture of anything.

    `options` are the options of its link: a picture drawn at most 30 pixels wide, within the line, is a sign
    (a flag before a name, say) whatever its name.
    """
    if _ICON.match(file):
        return True
    small = False
    for option in options:
        option = option.strip().lower()
        if option in _FRAMES:
            return False
        if (size := _SIZE.match(option)) and size[1]:
            small = int(size[1]) <= _LARGEST_ICON
    return small


_GALLERY_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)


def gallery_images(body: str, site: Site) -> list[ImageLink]:
    """Gives the image links of the body of a ``<gallery>``: one a line, ``File:Name.jpg|caption``."""
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
    """Gives the caption among the parts of a gallery's line: what stands between options before and behind it."""
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
_MULTIPLE = frozenset(
    [
        "multiple image",
        "multiple images",
        "multipleimage",
        "multi image",
        "auto images",
        "double image",
        "triple image",
        "image stack",
        "image array",
        "photomontage",
        "photo montage",
        "imagestackright",
    ]
)
_GALLERIES = frozenset(("gallery", "image gallery", "photo gallery", "flag array"))
_IN_RUNNING_PAGE = frozenset(
    [
        "wide image",
        "wide image 2",
        "tall image",
        "panorama",
        "css image crop",
        "cssimagecrop",
        "css crop",
        "annotated image",
        "image frame",
        "annotated image 4",
        "listen",
        "listen image",
        "image label begin",
        "superimpose",
        "superimpose2",
        "overlay",
        "external media",
        "quote box",
        "largest cities",
        "stack",
        "location map",
        "location map+",
        "location map many",
        "location map~",
        "side box",
        "external image",
    ]
)


def template_images(name: str, arguments: Mapping[str, str], site: Site) -> list[ImageLink]:
    """Gives the image links in the arguments of the template with the normalised name `name`.

    A file stands as a bare name or as ``File:Name.jpg`` (place ``infobox``, or ``multiple_image``,
    ``gallery`` and ``thumbnail`` in the templates made for pictures), or as a whole ``[[File:..]]``.
    Templates for sources and remarks have none.
    """
    lowered = name.lower()
    if template_kind(name) in KINDS_WITHOUT_IMAGES:
        return []
    if lowered in _MULTIPLE:
        place = "multiple_image"
    elif lowered in _GALLERIES:
        return _gallery_template(arguments, site)
    elif lowered in _IN_RUNNING_PAGE:
        place = "thumbnail"
    else:
        place = "infobox"
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
            images.append(ImageLink(file, caption_of(key, arguments), place))
        elif "<gallery" in value or "\n" in value:
            images.extend(gallery_images(_GALLERY_TAG.sub("\n", value), site))
    return images


_GALLERY_TAG = re.compile(r"</?gallery[^<>]*>", re.IGNORECASE)


def _gallery_template(arguments: Mapping[str, str], site: Site) -> list[ImageLink]:
    """Reads ``{{gallery|File:A.jpg|caption|File:B.jpg|caption}}`` and its older form, one picture an argument."""
    images: list[ImageLink] = []
    for key, value in arguments.items():
        if not key.isdecimal():
            if (file := normalise_file_name(value, site)) is not None:
                images.append(ImageLink(file, caption_of(key, arguments), "gallery"))
        elif "\n" in value.strip() or "|" in value:
            images.extend(gallery_images(value, site))
        elif (file := normalise_file_name(value, site)) is not None:
            images.append(ImageLink(file, "", "gallery"))
        elif images and not images[-1].caption and not value.strip().lower().startswith("alt"):
            images[-1].caption = value.strip()
    return images


def _linked_images(value: str, site: Site, place: str) -> Iterator[ImageLink]:
    """Finds the ``[[File:..]]`` in a value; their captions may hold links."""
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
    """Gives the insides of the outermost ``[[..]]`` in `text`."""
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
    """Cuts `text` at the pipes that stand outside of inner links."""
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
