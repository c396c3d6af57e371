"""The folder of a data set's images: which are there, and which can be read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from kc_schema.store import files_beneath
from pipelines.datasets.dataset import Dataset, DatasetError

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["ImageFolder", "keep_readable_images", "open_image"]

_SUFFIXES = {".jpg", ".jpeg", ".png", ".gif", ".webp", ".bmp", ".tif", ".tiff"}
# Folders of the known releases that hold parts of images under names of their own.
_PARTS = ("crop", "aux", "detect", "img_vg")
_OTHER_NAMES = {"train": ("train",), "dev": ("dev", "val", "valid"), "test": ("test",)}


class ImageFolder:
    """Images by file name, wherever below a folder they lie."""

    def __init__(self, folder: Path) -> None:
        """List the folder.

        Raises:
            DatasetError: there is no such folder.
        """
        if not folder.is_dir():
            raise DatasetError(f"{folder}: no such folder of images")
        self.folder = folder
        self._paths: dict[str, list[Path]] = {}
        # Data sets are often linked from another disk.
        for path in files_beneath(folder, skip=lambda name: any(part in name.lower() for part in _PARTS)):
            if path.suffix.lower() in _SUFFIXES:
                self._paths.setdefault(path.name, []).append(path)

    def __len__(self) -> int:
        return len(self._paths)

    def find(self, name: str, split: str) -> Path | None:
        """Return the path of an image; of several with one name that in a folder named for the split.

        A `name` with folders before it (``week1/7.jpg``) is looked for from `folder` on, then at any depth.
        """
        if "/" in name:
            whole = self.folder / name
            if whole.is_file():
                return whole
        own = PurePosixPath(name).parts
        paths = [path for path in self._paths.get(own[-1], ()) if path.parts[-len(own) :] == own]
        if not paths:
            return None
        wanted = _OTHER_NAMES.get(split, (split,))
        return min(
            paths,
            key=lambda path: (
                not any(part.lower() in wanted for part in path.relative_to(self.folder).parts[:-1]),
                len(path.parts),
                str(path),
            ),
        )


def open_image(path: Path) -> Image.Image:
    """Return an image, decoded in full.

    Raises:
        DatasetError: Pillow is not installed.
        OSError: the file is broken, cut off, or no image.
    """
    image = _open(path)
    try:
        image.load()
    except Exception as error:  # Pillow's decoders raise whatever the bytes lead them to
        raise OSError(f"{path}: {error}") from error
    return image


def _open(path: Path) -> Image.Image:
    try:
        from PIL import Image
    except ImportError as error:
        raise DatasetError(
            f"{path.parent}: looking at images needs Pillow; install it with: pip install pillow"
        ) from error
    try:
        return Image.open(path)
    except Exception as error:  # likewise
        raise OSError(f"{path}: {error}") from error


def _is_readable(path: Path) -> bool:
    try:
        image = _open(path)
        # A JPEG is decoded at an eighth of its size: every byte is read, and little is computed.
        image.draft("RGB", (1, 1))
        image.load()
    except DatasetError:
        raise
    except Exception:  # whatever it is, this image cannot be used
        return False
    return True


def keep_readable_images(
    dataset: Dataset,
    folder: ImageFolder,
    progress: Callable[[int, int], object] | None = None,
) -> dict[str, dict[str, Path]]:
    """Take the images out of the examples whose image is missing or broken, and counts them as quirks.

    Args:
        dataset: changed in place; an example's image becomes the name of the file that is there.
        folder: where to look.
        progress: called with how many examples are done, of how many.

    Returns:
        Split -> image name (with its folders, where the data set gives them) -> its path, for the images that
        can be read.

    Raises:
        DatasetError: there are images, and Pillow is not installed.
    """
    found: dict[str, dict[str, Path]] = {}
    readable: dict[Path, bool] = {}
    total, done = sum(map(len, dataset.splits.values())), 0
    for split, examples in dataset.splits.items():
        found[split] = {}
        for number, example in enumerate(examples):
            done += 1
            if progress is not None:
                progress(done, total)
            if example.image is None:
                continue
            path = _find(dataset, folder, example.image, split)
            if path is not None and path not in readable:
                readable[path] = _is_readable(path)
            if path is not None and readable[path]:
                # Two folders may hold images of one name.
                name = example.image if "/" in example.image else path.name
                found[split][name] = path
                examples[number] = replace(example, image=name)
                continue
            quirk = "image missing" if path is None else "image broken"
            dataset.quirks.count(quirk, split, f"example {example.example_id}: {example.image}")
            examples[number] = replace(example, image=None)
    return found


def _find(dataset: Dataset, folder: ImageFolder, image: str, split: str) -> Path | None:
    names: Iterable[str] = (image, *dataset.other_image_names.get(image, ()))
    return next((path for name in names if (path := folder.find(name, split)) is not None), None)
