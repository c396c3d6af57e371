"""Invented pictures where photographs are not at hand: coloured blocks, the same for the same name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from PIL import Image

__all__ = ["draw", "write_pictures"]

_BLOCKS = 4
_SIDE = 64
SUFFIXES = (".jpg", ".jpeg", ".png", ".gif")


def draw(name: str) -> Image.Image:
    """Gives a picture of 4 x 4 coloured blocks that the name decides; it shows nothing."""
    seed = hashlib.shake_128(name.encode()).digest(3 * _BLOCKS * _BLOCKS)
    return Image.frombytes("RGB", (_BLOCKS, _BLOCKS), seed).resize((_SIDE, _SIDE), Image.Resampling.NEAREST)


def write_pictures(folder: Path, names: Iterable[str]) -> int:
    """Writes a picture for every name of a kind that Pillow writes; gives how many there are in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in sorted(set(names)):
        path = folder / name
        if path.suffix.lower() in SUFFIXES and path.name == name and not path.exists():
            draw(name).save(path)
    return sum(1 for _ in folder.iterdir())
