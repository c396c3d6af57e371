"""Errors of the image corpus; the message is one line that says what is wrong and what to do."""

from __future__ import annotations

from kc_schema.errors import UserError

__all__ = ["BrokenImageError", "EncoderError", "FetchError", "ImageIndexError"]


class ImageIndexError(UserError):
    """The image corpus cannot be built, opened or searched."""


class FetchError(ImageIndexError):
    """Images cannot be fetched as asked."""


class EncoderError(ImageIndexError):
    """An encoder cannot be had, or not on the device that was asked for."""


class BrokenImageError(ImageIndexError):
    """Bytes that give no image; `reason` is one of a fixed list."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail
