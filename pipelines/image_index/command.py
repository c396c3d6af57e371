"""What ``python -m pipelines.search --image`` does: an image in, the images nearest to it out."""

from __future__ import annotations

import base64
import errno
import html
import io
import json
import os
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from kc_schema.anchors import strip
from kc_schema.command import options
from kc_schema.hit import FoundImage, Hit
from kc_schema.store import write_text
from pipelines.image_index.decoding import decode_image
from pipelines.image_index.errors import BrokenImageError, EncoderError, ImageIndexError
from pipelines.image_index.search import ImageIndex, open_index

__all__ = ["ImageSearchOptions", "search_by_image", "thumbnail_sheet"]

_SIDE = 240
_SHOWN = 300


@options
@dataclass(frozen=True, kw_only=True)
class ImageSearchOptions:
    """A search by image."""

    image: Path | None = None
    """Look for images near this one, in place of a text."""
    distinct_articles: bool = False
    """Show every article once, with the nearest of its images."""
    thumbnails: Path | None = None
    """Write an HTML page that shows the images that were found."""
    encoder: str | None = None
    """Where the encoder is, if not where the index says (a file of weights)."""
    encoder_cache: Path | None = None
    """Folder of downloaded weights."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 or mps."""


def search_by_image(given: ImageSearchOptions, kc: Path, k: int, *, as_json: bool) -> None:
    """Look for the image and print what is found, with ranks from 1.

    Raises:
        ImageIndexError: the image, the index or its encoder cannot be had.
    """
    from pipelines.image_index.encoding.encoder import open_encoder

    if given.image is None:
        raise ValueError("no image to look for")
    index = open_index(kc)
    try:
        query = decode_image(given.image.read_bytes())
    except OSError as error:
        raise ImageIndexError(f"--image {given.image}: cannot be read: {error.strerror}") from error
    except BrokenImageError as error:
        raise ImageIndexError(f"--image {given.image}: {error}") from error
    made_by = index.encoder
    encoder = open_encoder(given.encoder or made_by.name, device=given.device, cache=given.encoder_cache)
    if not encoder.describe().same_space(made_by):
        raise EncoderError(
            f"{encoder.name} is not the encoder of this index ({made_by.name}, weights"
            f" {made_by.weights_sha256[:16]}); give it with --encoder"
        )
    (hits,) = index.search(encoder.encode_images([query]), k, distinct_articles=given.distinct_articles)
    if as_json:
        for hit in hits:
            line = json.dumps(asdict(FoundImage.of(hit)), ensure_ascii=False)
            # JSON lets these stand, and a terminal may obey them.
            print(re.sub(r"[\x7f-\x9f]", lambda found: f"\\u{ord(found[0]):04x}", line), flush=True)
    else:
        Console().print(_hits_table(hits))
    if given.thumbnails:
        _write_sheet(given.thumbnails, thumbnail_sheet(index, hits, title=given.image.name))


def _write_sheet(path: Path, sheet: str) -> None:
    try:
        if not path.parent.is_dir():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        write_text(path, sheet)
    except OSError as error:
        raise ImageIndexError(f"--thumbnails {path}: cannot be written: {error.strerror}") from error
    Console(stderr=True).print(f"thumbnails of what was found: {path}", highlight=False, soft_wrap=True)


def thumbnail_sheet(index: ImageIndex, hits: Sequence[Hit], *, title: str) -> str:
    """Return an HTML page, whole in itself, with the images of the hits and what their articles say."""
    figures = []
    for hit in hits:
        try:
            picture = decode_image(index.content(hit.record_id), side=_SIDE)
            picture.thumbnail((_SIDE, _SIDE))
            buffer = io.BytesIO()
            picture.save(buffer, "JPEG", quality=80)
            data = base64.b64encode(buffer.getvalue()).decode()
            shown = f'<img alt="" src="data:image/jpeg;base64,{data}">'
        except ImageIndexError as error:
            shown = f"<p>{html.escape(str(error))}</p>"
        caption = f"{hit.rank + 1}. {hit.title} ({hit.score:.3f})"
        figures.append(
            f"<figure>{shown}<figcaption><b>{html.escape(caption)}</b><br>{html.escape(hit.key)}<br>"
            f"{html.escape(_shortened(hit.caption or hit.text))}</figcaption></figure>"
        )
    style = f"main{{display:flex;flex-wrap:wrap}}figure{{width:{_SIDE}px;font:13px sans-serif;overflow-wrap:anywhere}}"
    return (
        f'<!doctype html><html><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{style}</style></head><body><main>{''.join(figures)}</main></body></html>\n"
    )


def _hits_table(hits: Sequence[Hit]) -> Table:
    table = Table(show_lines=True, expand=True)
    table.add_column("rank", justify="right")
    table.add_column("score", justify="right")
    table.add_column("image", ratio=2, overflow="fold")
    table.add_column("article", ratio=4, overflow="fold")
    for hit in hits:
        article = Text(hit.title, style="bold")
        article.append(f"\n{_shortened(hit.text)}", style="not bold")
        image = Text(hit.key)
        if hit.caption:
            image.append(f"\n{_shortened(hit.caption)}", style="dim")
        table.add_row(str(hit.rank + 1), f"{hit.score:.3f}", image, article)
    return table


def _shortened(text: str) -> str:
    plain = " ".join(strip(text).split())
    return plain if len(plain) <= _SHOWN else f"{plain[:_SHOWN].rpartition(' ')[0]} ..."
