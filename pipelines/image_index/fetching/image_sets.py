"""Ready sets of images: Parquet files with the bytes of images by file name or address, as public sets are laid out.

WIT's images are one of them (https://huggingface.co/datasets/wikimedia/wit_base): ``image`` has the bytes,
``image_url`` the address of the file on Wikimedia's media server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pyarrow as pa
import pyarrow.parquet as pq

from kc_schema.image_tables import image_id
from kc_schema.store import find_named, is_address, open_parquet, read_footer
from pipelines.image_index.errors import FetchError
from pipelines.image_index.file_names import name_problem

__all__ = ["NOT_IN_SET", "ImageSet", "SetImage", "file_of", "is_image_set", "name_column", "open_image_set"]

NOT_IN_SET = "not in the image set"
_CONTENT = ("image", "bytes", "image_bytes", "content", "jpg")
"""Columns of bytes; a struct has them in its field ``bytes``, as Hugging Face's datasets write images."""
_NAMES = ("file", "file_name", "filename", "image_name", "image_url", "url", "original_url")
"""Columns of file names or addresses, the first that is there counts."""


@dataclass(frozen=True, slots=True)
class SetImage:
    """One image of a set."""

    image: int
    file: str
    """Its normalised file name."""
    url: str
    """Where the set has it from; its place in the set where that is not told."""
    content: bytes


@dataclass(frozen=True)
class ImageSet:
    """The files of a set, and which of their columns hold what."""

    files: tuple[Path, ...]
    content: str
    name: str

    def images(
        self, wanted: Callable[[int, str], bool], progress: Callable[[int], None]
    ) -> Iterator[SetImage]:
        """Yield the images that are wanted, in the set's order; bytes are read only of row groups that have some.

        Args:
            wanted: takes id and address of an image.
            progress: takes how many rows were passed.

        Raises:
            FetchError: a file cannot be read.
        """
        for path in self.files:
            try:
                with open_parquet(path) as file:
                    for group in range(file.metadata.num_row_groups):
                        names = file.read_row_group(group, columns=[self.name]).column(0).to_pylist()
                        yield from self._group(file, path, group, names, wanted)
                        progress(len(names))
            except (OSError, pa.ArrowException) as error:
                raise FetchError(f"--images {path}: cannot be read: {error}") from error

    def _group(
        self,
        file: pq.ParquetFile,
        path: Path,
        group: int,
        names: list[str],
        wanted: Callable[[int, str], bool],
    ) -> Iterator[SetImage]:
        chosen = []
        for row, name in enumerate(names):
            known = file_of(name) if name else ""
            if known and name_problem(known) is None:
                url = name if "://" in name else f"set:{path.name}"
                if wanted(image := image_id(known), url):
                    chosen.append((row, image, known, url))
        if not chosen:
            return
        column = file.read_row_group(group, columns=[self.content]).column(0).combine_chunks()
        if pa.types.is_struct(column.type):
            column = column.field("bytes")
        for row, image, known, url in chosen:
            yield SetImage(image, known, url, column[row].as_py() or b"")


def is_image_set(images: str) -> bool:
    """Tell whether ``--images`` names Parquet files: one, or a pattern of several."""
    return images.endswith(".parquet") and ("://" not in images or is_address(images))


def open_image_set(images: str) -> ImageSet:
    """Open the Parquet files that ``--images`` names.

    Raises:
        FetchError: there are none, one cannot be read, or they have no columns that fit.
    """
    paths = find_named(images)
    if not paths:
        raise FetchError(
            f"--images {images}: no such file; give a Parquet file, or a pattern of several in quotes"
        )
    found: ImageSet | None = None
    for path in paths:
        try:
            schema = read_footer(path).schema.to_arrow_schema()
        except (OSError, pa.ArrowException) as error:
            raise FetchError(f"--images {path}: is no Parquet file that can be read ({error})") from error
        content = next((name for name in _CONTENT if _holds_bytes(schema, name)), None)
        name = name_column(schema)
        if content is None or name is None:
            lacks = f"bytes ({', '.join(_CONTENT)})" if content is None else f"names ({', '.join(_NAMES)})"
            raise FetchError(f"--images {path}: has no column of {lacks}; it has {', '.join(schema.names)}")
        if found is not None and (found.content, found.name) != (content, name):
            raise FetchError(
                f"--images {path}: has other columns than {paths[0].name}; give the files of one set"
            )
        found = ImageSet(tuple(paths), content, name)
    assert found is not None
    return found


def name_column(schema: pa.Schema) -> str | None:
    """Return the column of file names or addresses; None where there is none."""
    return next((name for name in _NAMES if _holds_text(schema, name)), None)


def file_of(name: str) -> str:
    """Return the normalised file name that a name or an address stands for: of a thumbnail, its file's."""
    if "://" in name or name.startswith("//"):
        steps = [unquote(step) for step in urlsplit(name).path.split("/")]
        name = steps[-2] if "thumb" in steps[:-2] and len(steps) > 2 else steps[-1]
    for prefix in ("File:", "Image:"):
        name = name.removeprefix(prefix)
    name = "_".join(name.split()).replace(" ", "_")
    return name[:1].upper() + name[1:]


def _holds_bytes(schema: pa.Schema, name: str) -> bool:
    if name not in schema.names:
        return False
    kind = schema.field(name).type
    if pa.types.is_struct(kind):
        places = [kind.field(place) for place in range(kind.num_fields)]
        kind = next((field.type for field in places if field.name == "bytes"), pa.null())
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _holds_text(schema: pa.Schema, name: str) -> bool:
    return name in schema.names and bool(
        pa.types.is_string(schema.field(name).type) or pa.types.is_large_string(schema.field(name).type)
    )
