"""Crops of an example's image: from a list of boxes, from crops that a data set brings, or from a grid."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kc_schema.store import checksum, files_beneath
from pipelines.datasets import DatasetError, Quirks, open_image
from pipelines.datasets.dataset import malformed
from pipelines.datasets.files import read_lines
from pipelines.evidence import EvidenceError

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["Crop", "Cropper", "read_boxes", "read_crops"]

Box = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Crop:
    """A part of an image."""

    image: Image.Image
    box: Box | None
    """Left, top, right, bottom in pixels; None where only the crop itself is known."""
    name: str | None = None
    """File name, of crops that a data set brings."""


@dataclass(frozen=True, slots=True)
class Cropper:
    """Where crops come from; one of `boxes` and `crops`, or else the grid."""

    grid: tuple[int, int] = (2, 2)
    """Rows and columns."""
    boxes: dict[str, list[Box]] | None = None
    """Image name -> boxes in pixels."""
    crops: dict[str, list[Path]] | None = None
    """Image name -> files."""
    origin: str = ""
    """Checksum of where boxes or crops were read from."""

    def describe(self) -> dict[str, Any]:
        """Return what the manifest keeps."""
        if self.boxes is not None:
            return {"boxes": self.origin}
        if self.crops is not None:
            return {"crops": self.origin}
        return {"grid": list(self.grid)}

    def crops_of(self, name: str, path: Path, counts: Counter[str]) -> Iterator[Crop]:
        """Yield the crops of the image `name` in `path`; what cannot be used is counted by its reason."""
        if self.crops is not None:
            yield from self._brought(name, counts)
            return
        image = open_image(path)
        boxes = self._grid(image.size) if self.boxes is None else self.boxes.get(name, [])
        if not boxes:
            counts["image without boxes"] += 1
        for box in boxes:
            inside = _inside(box, image.size)
            if inside is None:
                counts["box outside its image"] += 1
            else:
                yield Crop(image.crop(inside), box)

    def _brought(self, name: str, counts: Counter[str]) -> Iterator[Crop]:
        paths = (self.crops or {}).get(name, [])
        if not paths:
            counts["image without crops"] += 1
        for path in paths:
            try:
                yield Crop(open_image(path), None, path.name)
            except OSError:
                counts["crop broken"] += 1

    def _grid(self, size: tuple[int, int]) -> list[Box]:
        rows, columns = self.grid
        width, height = size[0] / columns, size[1] / rows
        return [
            (column * width, row * height, (column + 1) * width, (row + 1) * height)
            for row in range(rows)
            for column in range(columns)
        ]


def _inside(box: Box, size: tuple[int, int]) -> tuple[int, int, int, int] | None:
    """Return whole pixels of a box that lie in the image; None where there are none."""
    left, top = max(0, int(box[0])), max(0, int(box[1]))
    right, bottom = min(size[0], int(-(-box[2] // 1))), min(size[1], int(-(-box[3] // 1)))
    return (left, top, right, bottom) if left < right and top < bottom else None


def read_boxes(path: Path) -> Cropper:
    """Read boxes: a line for each image, ``{"image": "7.jpg", "boxes": [[left, top, right, bottom], ...]}``.

    Raises:
        DatasetError: it cannot be read, or a line is not that; the line is named.
    """
    boxes: dict[str, list[Box]] = {}
    for number, line in read_lines(path, "boxes", Quirks()):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            given = [tuple(float(side) for side in box) for box in row["boxes"]]
            name = row["image"]
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise malformed(path, number, f"not {{'image': name, 'boxes': [...]}}: {error!r}") from error
        for box in given:
            if len(box) != 4 or not (box[0] < box[2] and box[1] < box[3]):
                raise malformed(path, number, f"{list(box)} is not [left, top, right, bottom] in pixels")
        boxes.setdefault(name, []).extend(given)
    return Cropper(boxes=boxes, origin=checksum(path))


def read_crops(folder: Path, images: set[str]) -> Cropper:
    """Find the crops that a data set brings.

    A folder may hold maps ``{image name: [crop, ...]}`` (``.json``, or ``.pth`` as the releases of HVPNeT
    have them); without a map a crop belongs to the image whose name without suffix, and an underscore, its
    own begins with (``7_pred_yolo_crop_0.png`` to ``7.jpg``).

    Args:
        folder: crops at any depth.
        images: names of the data set's images.

    Raises:
        DatasetError: no folder, a map that cannot be read, or no crop that belongs to an image.
        EvidenceError: a map in ``.pth``, and torch is not installed.
    """
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder of crops")
    found_files = sorted(files_beneath(folder), key=lambda path: (str(path.parent), path.name))
    files = {path.name: path for path in found_files}
    maps = [path for name, path in files.items() if path.suffix in (".json", ".pth")]
    crops: dict[str, list[Path]] = {}
    if maps:
        for path in maps:
            for image, names in _read_map(path).items():
                found = [files[Path(name).name] for name in names if Path(name).name in files]
                crops.setdefault(image if image in images else Path(image).name, []).extend(found)
    else:
        by_stem = {Path(name).stem: name for name in images}
        for name, path in files.items():
            owner = _owner(Path(name).stem, by_stem)
            if owner is not None:
                crops.setdefault(owner, []).append(path)
    crops = {image: paths for image, paths in crops.items() if image in images and paths}
    if not crops:
        raise DatasetError(f"{folder}: no crop belongs to an image of the data set")
    listing = [
        f"{image} {path.name} {path.stat().st_size}" for image in sorted(crops) for path in crops[image]
    ]
    return Cropper(crops=crops, origin=hashlib.sha256("\n".join(listing).encode()).hexdigest())


def _owner(stem: str, by_stem: dict[str, str]) -> str | None:
    while "_" in stem:
        stem = stem.rpartition("_")[0]
        if stem in by_stem:
            return by_stem[stem]
    return None


def _read_map(path: Path) -> dict[str, list[str]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8")) if path.suffix == ".json" else _load(path)
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path}: cannot be read as a map from images to crops: {error}") from error
    good = isinstance(content, dict) and all(isinstance(names, list) for names in content.values())
    if not good:
        raise DatasetError(f"{path}: not a map from image names to lists of crops")
    return {str(image): [str(name) for name in names] for image, names in content.items()}


def _load(path: Path) -> Any:
    try:
        import torch
    except ImportError as error:
        raise EvidenceError(
            f"{path}: reading it needs torch; install it, or write the map as JSON"
        ) from error
    import pickle

    try:
        # Weights only: a pickle could run any code.
        return torch.load(os.fspath(path), weights_only=True)
    except (RuntimeError, pickle.UnpicklingError) as error:
        raise ValueError(str(error).splitlines()[0]) from error
