"""Images that a request brings: its bytes, or an address on a host that may be asked."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipelines.image_index.decoding import decode_image
from pipelines.image_index.errors import BrokenImageError, FetchError
from pipelines.service.limits import RequestError

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["PictureFetcher", "decode_upload", "thumbnail"]

_SIDE = 240
"""Pixels of a thumbnail's longer edge."""
_SECONDS = 15.0


def decode_upload(content: bytes, *, side: int = 512) -> Image.Image:
    """Return the image that a request brought, decoded no larger than an encoder needs.

    Raises:
        RequestError: 422, it is none, or not whole.
    """
    try:
        return decode_image(content, side=side)
    except BrokenImageError as error:
        raise RequestError(422, f"image: {error}") from error


def thumbnail(content: bytes) -> bytes:
    """Return an image as a small JPEG.

    Raises:
        BrokenImageError: it is none, or not whole.
    """
    picture = decode_image(content, side=_SIDE)
    picture.thumbnail((_SIDE, _SIDE))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()


class PictureFetcher:
    """Fetches images from the hosts of a list; from nowhere where the list is empty."""

    def __init__(self, hosts: Sequence[str], *, most_bytes: int, private_addresses: bool = False) -> None:
        """Prepare the connections.

        Args:
            hosts: names, with a port where it is not the scheme's own.
            most_bytes: of one image.
            private_addresses: whether hosts in private networks may be asked.

        Raises:
            FetchError: a host that is none.
        """
        self._transport = None
        if not hosts:
            return
        from pipelines.image_index.fetching.politeness import HostGate, Limits
        from pipelines.image_index.fetching.sources import AGENT
        from pipelines.image_index.fetching.transport import Transport, host_of

        self._transport = Transport(
            HostGate(hosts[0], Limits()),
            [host_of(host if "://" in host else f"http://{host}") for host in hosts],
            user_agent=AGENT,
            max_bytes=most_bytes,
            max_seconds=_SECONDS,
            private_addresses=private_addresses,
        )

    def fetch(self, address: str) -> bytes:
        """Return the bytes at an address.

        Raises:
            RequestError: 403 where the host may not be asked, 422 where it does not give an image.
        """
        if self._transport is None:
            raise RequestError(
                403,
                "url: addresses are not fetched here; upload the image, or start the service with --image-host HOST",
            )
        from pipelines.image_index.fetching.sources import TransportError

        try:
            answer = self._transport.get(address)
        except TransportError as error:
            status = 403 if error.reason in ("redirect elsewhere", "private address") else 422
            raise RequestError(status, f"url: cannot be fetched: {error.reason}") from error
        except (FetchError, ValueError) as error:
            raise RequestError(422, f"url: cannot be fetched: {error}") from error
        if answer.status != 200:
            raise RequestError(422, f"url: the server answers {answer.status}")
        return answer.content
