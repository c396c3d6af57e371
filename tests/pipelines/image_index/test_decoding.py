"""Bytes to pixels: every kind of image, and everything that is none."""

from __future__ import annotations

import contextlib
import io
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("PIL")

from PIL import Image

from pipelines.image_index.decoding import MAX_PIXELS, check_image, decode_image, to_rgb
from pipelines.image_index.errors import BrokenImageError
from tests.services.media_server import bomb, draw, encode_as

JPEG = encode_as(draw(3, (640, 480)), "JPEG")
PNG = encode_as(draw(3, (64, 48)), "PNG")


def reason(content: bytes) -> str:
    with pytest.raises(BrokenImageError) as caught:
        check_image(content)
    with pytest.raises(BrokenImageError):
        decode_image(content)
    return caught.value.reason


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP"])
def test_types_are_told_by_content(kind: str) -> None:
    content = encode_as(draw(1), kind)
    checked = check_image(content)
    assert (checked.width, checked.height) == (320, 240)
    assert checked.mime == f"image/{kind.lower()}"
    pixels = np.asarray(decode_image(content), np.int16)
    assert np.abs(pixels - np.asarray(draw(1), np.int16)).mean() < 12


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "no content"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not an image"),
        (b"%PDF-1.4", "not an image"),
        (JPEG[: len(JPEG) // 2], "truncated"),
        (PNG[: len(PNG) // 2], "truncated"),
        (encode_as(draw(1), "WEBP")[:500], "broken image"),
        (bomb(), "too many pixels"),
        (bomb(10_000), "too many pixels"),
    ],
)
def test_what_is_no_whole_image_is_refused_with_a_reason(content: bytes, expected: str) -> None:
    assert reason(content) == expected


def test_pixels_are_counted_before_they_are_decoded() -> None:
    import tracemalloc

    content = bomb(30_000)
    tracemalloc.start()
    assert reason(content) == "too many pixels"
    assert tracemalloc.get_traced_memory()[1] < 50_000_000
    tracemalloc.stop()
    assert MAX_PIXELS < 10_000**2


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([JPEG, PNG]), st.data())
def test_damaged_bytes_give_an_image_or_a_reason(content: bytes, data: st.DataObject) -> None:
    damaged = bytearray(content)
    for _ in range(data.draw(st.integers(1, 5))):
        damaged[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(damaged[: data.draw(st.integers(1, len(content)))])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for read in (check_image, lambda c: decode_image(c, side=32)):
            with contextlib.suppress(BrokenImageError):  # nothing else may come out
                read(cut)


def test_large_jpegs_are_decoded_at_a_fraction_of_their_size() -> None:
    content = encode_as(draw(2, (4000, 3000)), "JPEG")
    small = decode_image(content, side=224)
    assert small.size == (1000, 750)
    assert min(decode_image(content, side=1000).size) >= 2000
    whole = decode_image(content).resize(small.size, Image.Resampling.BOX)
    assert np.abs(np.asarray(whole, np.int16) - np.asarray(small, np.int16)).mean() < 2


def test_images_are_turned_upright() -> None:
    image = draw(5, (60, 40))
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        buffer = io.BytesIO()
        image.save(buffer, "PNG", exif=exif)
        decoded = decode_image(buffer.getvalue())
        assert decoded.size == ((60, 40) if orientation < 5 else (40, 60))
    turned = np.asarray(decoded)  # orientation 8: turned left
    assert np.array_equal(turned, np.rot90(np.asarray(image)))


def pixel(image: Image.Image) -> tuple[int, ...]:
    decoded = decode_image(encode_as(image, "TIFF" if image.mode in ("CMYK", "F", "I") else "PNG"))
    assert decoded.mode == "RGB"
    value = decoded.getpixel((0, 0))
    assert isinstance(value, tuple)
    return value


def test_every_mode_becomes_rgb() -> None:
    size = (4, 4)
    assert pixel(Image.new("RGBA", size, (255, 0, 0, 255))) == (255, 0, 0)
    assert pixel(Image.new("RGBA", size, (0, 0, 0, 0))) == (255, 255, 255)  # what is transparent is white
    assert pixel(Image.new("LA", size, (0, 128)))[0] in range(120, 136)
    assert pixel(Image.new("CMYK", size, (0, 255, 255, 0))) == (255, 0, 0)
    assert pixel(Image.new("L", size, 77)) == (77, 77, 77)
    assert pixel(Image.new("1", size, 1)) == (255, 255, 255)
    assert pixel(Image.new("RGB", size, "blue").convert("P")) == (0, 0, 255)
    assert pixel(Image.fromarray(np.full(size, 0x80FF, np.uint16))) == (128, 128, 128)
    assert pixel(Image.fromarray(np.full(size, 40_000, np.int32))) == (156, 156, 156)
    ramp = np.linspace(-3, 5, 16, dtype=np.float32).reshape(size)
    assert pixel(Image.fromarray(ramp)) == (0, 0, 0)


def test_a_transparent_palette_is_laid_on_white() -> None:
    image = Image.new("P", (4, 4), 0)
    image.putpalette([10, 20, 30] + [0] * 765)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", transparency=0)
    assert decode_image(buffer.getvalue()).getpixel((0, 0)) == (255, 255, 255)


def test_of_an_animation_the_first_frame_is_taken() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "green", "blue")]
    for kind in ("GIF", "WEBP", "PNG"):
        buffer = io.BytesIO()
        frames[0].save(buffer, kind, save_all=True, append_images=frames[1:], lossless=True)
        red, green, blue = decode_image(buffer.getvalue()).getpixel((0, 0))  # type: ignore[misc]
        assert red > 200
        assert max(green, blue) < 50


@pytest.mark.parametrize("size", [(1, 20_000), (20_000, 1), (3, 5000)])
def test_long_strips_keep_their_middle(size: tuple[int, int]) -> None:
    strip = to_rgb(Image.new("L", size, 9))
    assert max(strip.size) == 4 * min(strip.size)
