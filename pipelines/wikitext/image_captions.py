"""Which argument of a template holds the caption of a picture, by the names that templates give them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

__all__ = ["caption_of"]

_TRAILING_NUMBER = re.compile(r"\d*[a-z]?\Z")
_MAIN_CAPTIONS = [
    "caption",
    "image_caption",
    "image caption",
    "imagecaption",
    "caption1",
    "Caption",
    "footer",
    "Description",
    "description",
    "photo_caption",
    "logo_caption",
    "cover_caption",
    "map_caption",
]
_MAIN_PARAMETERS = frozenset(
    [
        "image",
        "img",
        "photo",
        "picture",
        "pic",
        "cover",
        "file",
        "filename",
        "image_skyline",
        "image_name",
        "image_file",
        "imagefile",
        "screenshot",
        "boxart",
        "image1",
        "main_image",
        "portrait",
        "map",
        "image_map",
        "logo",
        "bild",
    ]
)


def caption_of(key: str, arguments: Mapping[str, str]) -> str:
    """Gives the caption that belongs to the file in the argument `key`, by the names in use."""
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
    if number in ("", "1") and (stem in _MAIN_PARAMETERS or lowered in _MAIN_PARAMETERS):
        yield from _MAIN_CAPTIONS
