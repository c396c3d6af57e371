"""Bytes to pixels: the content decides what an image is; every image ends as RGB, upright, without alpha.

What cannot be decoded in full is refused with a reason.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipelines.image_index.errors import BrokenImageError

if TYPE_CHECKING:
    from PIL import Image, ImageFile

__all__ = ["MAX_PIXELS", "CheckedImage", "check_image", "decode_image", "to_rgb"]

MAX_PIXELS = 89_478_485
"""Pixels that are decoded at most: a quarter of a gigabyte of RGB, where Pillow itself begins to warn."""

FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP")
_LONGEST_SHAPE = 4
"""Encoders look at the middle square of an image: more than this many squares side by side are not scaled."""


@dataclass(frozen=True, slots=True)
class CheckedImage:
    """What is known of an image whose bytes decode in full."""

    width: int
    height: int
    mime: str


def check_image(content: bytes) -> CheckedImage:
    """Return size and type of an image after decoding all of it, JPEGs at an eighth of their size.

    Raises:
        BrokenImageError: it is none, is not whole, or has more than `MAX_PIXELS` pixels.
    """
    image = _open(content)
    checked = CheckedImage(image.width, image.height, image.get_format_mimetype() or "")
    image.draft(None, (1, 1))
    _load(image)
    return checked


def decode_image(content: bytes, *, side: int | None = None) -> Image.Image:
    """Return an image as RGB, turned upright by its EXIF orientation, with white under what is transparent.

    Of an animation the first frame is given. With `side`, an image may come out smaller, though never below
    twice `side` pixels on either edge: large JPEGs are then decoded several times faster.

    Raises:
        BrokenImageError: it is none, is not whole, or has more than `MAX_PIXELS` pixels.
    """
    from PIL import ImageOps

    image = _open(content)
    if side is not None:
        image.draft(None, (2 * side, 2 * side))
    _load(image)
    try:
        upright = ImageOps.exif_transpose(image)
    except Exception:  # EXIF data of any brokenness: the image itself is whole
        upright = image
    return to_rgb(upright)


def to_rgb(image: Image.Image) -> Image.Image:
    """Return an image of any mode as RGB: 16-bit values scaled, transparency over white, long strips cut.

    An image more than four times as long as wide keeps its middle: scaling all of it to an encoder's size
    would take memory without bound.
    """
    from PIL import Image as Images

    image = _cut_strip(image)
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        image = _scale_to_bytes(image)
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        layer = image.convert("RGBA")
        image = Images.alpha_composite(Images.new("RGBA", layer.size, "white"), layer)
    return image.convert("RGB")


def _open(content: bytes) -> ImageFile.ImageFile:
    from PIL import Image as Images
    from PIL import UnidentifiedImageError

    if not content:
        raise BrokenImageError("no content")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Images.open(io.BytesIO(content), formats=FORMATS)
    except UnidentifiedImageError as error:
        raise BrokenImageError("not an image", f"it starts with {content[:16]!r}") from error
    except Images.DecompressionBombError as error:
        raise BrokenImageError("too many pixels", str(error)) from error
    except Exception as error:  # whatever a decoder makes of hostile bytes
        raise BrokenImageError("broken image", str(error)) from error
    if image.width * image.height > MAX_PIXELS:
        raise BrokenImageError("too many pixels", f"{image.width} x {image.height}")
    return image


def _load(image: Image.Image) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image.load()
    except MemoryError as error:
        raise BrokenImageError("too many pixels", f"{image.width} x {image.height}") from error
    except Exception as error:  # whatever a decoder makes of hostile bytes
        reason = "truncated" if "truncated" in str(error).lower() else "broken image"
        raise BrokenImageError(reason, str(error)) from error


def _cut_strip(image: Image.Image) -> Image.Image:
    width, height = image.size
    longest = _LONGEST_SHAPE * min(width, height)
    if max(width, height) <= longest:
        return image
    left, top = max(0, (width - longest) // 2), max(0, (height - longest) // 2)
    return image.crop((left, top, left + min(width, longest), top + min(height, longest)))


def _scale_to_bytes(image: Image.Image) -> Image.Image:
    """Return grey values of 16 bits, of 32 bits or as floats in 8 bits; floats by the range that they have."""
    import numpy as np
    from PIL import Image as Images

    values: Any = np.asarray(image)
    if image.mode == "F":
        finite = np.nan_to_num(values.astype(np.float64), posinf=0.0, neginf=0.0)
        low, high = float(finite.min()), float(finite.max())
        grey = (finite - low) * (255.0 / (high - low) if high > low else 0.0)
    else:
        grey = np.clip(values.astype(np.int64), 0, 65535) >> 8
    return Images.fromarray(grey.astype(np.uint8))
