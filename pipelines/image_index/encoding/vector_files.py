"""Files of vectors that were made elsewhere: what they say of themselves, and their rows, checked.

They come as Parquet (a row an image: its name, address or id, and its vector) or as NumPy's ``.npy`` with the names
beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kc_schema.image_manifest import EncoderDescription, stated_encoder
from kc_schema.image_tables import image_id
from kc_schema.store import find_named, open_parquet, read_footer, read_parquet
from pipelines.image_index.errors import EncoderError
from pipelines.image_index.fetching.image_sets import file_of, name_column

__all__ = ["VectorBatch", "VectorFile", "open_vector_files", "read_vector_file", "stated_by"]

_VECTORS = ("vector", "embedding", "embeddings", "image_vector", "image_embedding")
"""Columns of vectors, the first that is there counts."""
_BATCH = 4096
_LENGTH_ONE = 0.01
"""How far from 1 the length of a vector of 16 bits may lie that was divided by its length."""


@dataclass(frozen=True)
class VectorFile:
    """A file of vectors, with what it says of itself."""

    vectors: Path
    names: Path
    """The file of names, ids or addresses; of Parquet the same file."""
    vector_column: str
    """Empty of NumPy's."""
    name_column: str
    """Of names or addresses; ``image_id`` of ids; empty where every line is a name."""
    says: Mapping[str, str]
    """The metadata that count: name, weights_sha256, encoder, dimension, vectors."""

    def paths(self) -> list[Path]:
        """Return the files on disk."""
        return list(dict.fromkeys((self.vectors, self.names)))

    def refuse(self, what: str) -> EncoderError:
        """Return an error that names the file."""
        return EncoderError(f"--embeddings {self.vectors}: {what}")


@dataclass(frozen=True)
class VectorBatch:
    """Vectors as they were read; ids are -1 where a row names no file."""

    ids: npt.NDArray[np.int64]
    urls: list[str]
    sha256: list[str]
    vectors: npt.NDArray[np.float32]
    norms: npt.NDArray[np.float64]

    def take(self, rows: npt.NDArray[np.bool_]) -> VectorBatch:
        """Return some of the rows."""
        chosen = np.flatnonzero(rows).tolist()
        return VectorBatch(
            self.ids[rows],
            [self.urls[row] for row in chosen],
            [self.sha256[row] for row in chosen],
            self.vectors[rows],
            self.norms[rows],
        )


def open_vector_files(pattern: str) -> list[VectorFile]:
    """Open the files that ``--embeddings`` names: one, or a pattern of several.

    Raises:
        EncoderError: there are none, one cannot be read, or it has no vectors or names.
    """
    paths = find_named(pattern)
    if not paths:
        raise EncoderError(
            f"--embeddings {pattern}: no such file; give Parquet or .npy, a pattern of several in quotes"
        )
    # A .npy's names may lie among them.
    arrays = {path.with_suffix("") for path in paths if path.suffix == ".npy"}
    return [
        _open_array(path) if path.suffix == ".npy" else _open_table(path)
        for path in paths
        if path.suffix == ".npy" or path.with_suffix("") not in arrays
    ]


def _open_table(path: Path) -> VectorFile:
    schema = _schema_of(path)
    vector = next((name for name in _VECTORS if name in schema.names), None)
    name = name_column(schema) or ("image_id" if _holds_ids(schema) else None)
    if vector is None or not _is_list(schema.field(vector).type):
        raise EncoderError(
            f"--embeddings {path}: has no column of vectors ({', '.join(_VECTORS)}: lists of numbers); it has"
            f" {', '.join(schema.names)}"
        )
    if name is None:
        raise EncoderError(
            f"--embeddings {path}: has no column of names, addresses (file, file_name, image_url, url, ...) or"
            f" image_id; it has {', '.join(schema.names)}"
        )
    return VectorFile(path, path, vector, name, _metadata(schema))


def _open_array(path: Path) -> VectorFile:
    table, lines = path.with_suffix(".parquet"), path.with_suffix(".txt")
    if table.is_file():
        schema = _schema_of(table)
        name = name_column(schema) or ("image_id" if _holds_ids(schema) else None)
        if name is None:
            raise EncoderError(
                f"--embeddings {table}: has no column of names, addresses or image_id for the rows of {path.name}"
            )
        return VectorFile(path, table, "", name, _metadata(schema))
    if not lines.is_file():
        raise EncoderError(
            f"--embeddings {path}: whose vectors are these? Put {table.name} (a row an image, as ready sets have it) or"
            f" {lines.name} (a file name or address a line) beside it"
        )
    return VectorFile(path, lines, "", "", {})


def _schema_of(path: Path) -> pa.Schema:
    try:
        return read_footer(path).schema.to_arrow_schema()
    except (OSError, pa.ArrowException) as error:
        raise EncoderError(f"--embeddings {path}: is no Parquet file that can be read ({error})") from error


def _metadata(schema: pa.Schema) -> dict[str, str]:
    kept = schema.metadata or {}
    names = ("name", "weights_sha256", "encoder", "dimension", "vectors")
    return {name: kept[name.encode()].decode(errors="replace") for name in names if name.encode() in kept}


def _holds_ids(schema: pa.Schema) -> bool:
    return "image_id" in schema.names and bool(pa.types.is_integer(schema.field("image_id").type))


def _is_list(kind: pa.DataType) -> bool:
    some = pa.types.is_fixed_size_list(kind) or pa.types.is_list(kind) or pa.types.is_large_list(kind)
    return bool(some and pa.types.is_floating(kind.value_type))


def stated_by(
    files: Sequence[VectorFile], pattern: str, *, name: str, weights_sha256: str
) -> EncoderDescription:
    """Return the encoder as files and options say it; they must agree.

    Args:
        files: of vectors.
        pattern: as ``--embeddings`` has it, for messages.
        name: of the encoder, as the options say it; or empty.
        weights_sha256: checksum of its weights, as the options say it; or empty.

    Raises:
        EncoderError: nothing says it, it is said in two ways, or widths and counts are not what is said.
    """
    said: dict[str, str] = {}
    options_say = {"name": name, "weights_sha256": weights_sha256.lower()}
    sources = [*((one, one.says) for one in files), (None, options_say)]
    for one, says in sources:
        for key in ("name", "weights_sha256", "encoder"):
            value = says.get(key, "")
            if value and said.setdefault(key, value) != value:
                where = one.vectors if one is not None else "--embeddings-encoder and --embeddings-sha256"
                raise EncoderError(
                    f"--embeddings {pattern}: {where}: {key} {value}, elsewhere {said[key]}; vectors of two"
                    " encoders are never mixed: give the files of one"
                )
    options = {"name": "--embeddings-encoder NAME", "weights_sha256": "--embeddings-sha256 HEX"}
    if missing := [key for key in options if not said.get(key)]:
        raise EncoderError(
            f"--embeddings {pattern}: nothing says which encoder made these vectors: give"
            f" {' and '.join(options[key] for key in missing)}, or put {' and '.join(missing)} into the metadata of the"
            " Parquet files"
        )
    if not re.fullmatch(r"[0-9a-f]{64}", said["weights_sha256"]):
        raise EncoderError(
            f"--embeddings {pattern}: the checksum of the weights is {said['weights_sha256'][:80]!r}; give"
            " 64 hexadecimal digits (SHA-256)"
        )
    widths = {_width(one): one for one in files}
    if len(widths) > 1:
        (first, one), (second, other) = list(widths.items())[:2]
        raise EncoderError(
            f"--embeddings {pattern}: vectors of {first} numbers in {one.vectors.name}, of {second} in"
            f" {other.vectors.name}; give the files of one encoder"
        )
    described = stated_encoder(said["name"], said["weights_sha256"], next(iter(widths)))
    if not said.get("encoder"):
        return described
    return EncoderDescription(described.name, described.weights_sha256, said["encoder"], described.dimension)


def _width(one: VectorFile) -> int:
    """Return how many numbers a vector of the file has, after looking at what it says of itself.

    Raises:
        EncoderError: it cannot be read, or is not what it says.
    """
    if one.vector_column:
        try:
            with open_parquet(one.vectors) as file:
                rows = file.metadata.num_rows
                kind = file.schema_arrow.field(one.vector_column).type
                width = kind.list_size if pa.types.is_fixed_size_list(kind) else 0
                for batch in file.iter_batches(batch_size=64, columns=[one.vector_column]):
                    lengths = [n for n in pc.list_value_length(batch.column(0)).to_pylist() if n]
                    width = width or (lengths[0] if lengths else 0)
                    if width:
                        break
        except (OSError, pa.ArrowException) as error:
            raise one.refuse(f"cannot be read: {error}") from error
    else:
        array = _array(one)
        rows, width = array.shape
        names = len(_lines(one)) if not one.name_column else read_footer(one.names).num_rows
        if names != rows:
            raise one.refuse(
                f"has {rows:,} vectors, and {one.names.name} {names:,} names; give the names of these rows"
            )
    if not width:
        raise one.refuse("has no vectors")
    for key, found in (("dimension", width), ("vectors", rows)):
        if key in one.says and one.says[key] != str(found):
            raise one.refuse(
                f"says {key} {one.says[key]} of itself and has {found}; it is cut off or another file: bring it again"
            )
    return int(width)


def _array(one: VectorFile) -> npt.NDArray[np.floating]:
    try:
        array = np.load(one.vectors, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise one.refuse(f"is no array that can be read ({error})") from error
    if array.ndim != 2 or array.dtype.kind != "f":
        raise one.refuse(
            f"is an array of shape {array.shape} and type {array.dtype}; expected floats, a row a vector"
        )
    found: npt.NDArray[np.floating] = array
    return found


def _lines(one: VectorFile) -> list[str]:
    try:
        return one.names.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise EncoderError(f"--embeddings {one.names}: cannot be read: {error}") from error


def read_vector_file(one: VectorFile) -> Iterator[VectorBatch]:
    """Yield all rows of a file.

    Raises:
        EncoderError: it cannot be read, or a vector has another width or a number that is not finite.
    """
    width = _width(one)
    row = 0
    for names, sha256, vectors, norms in _raw_table(one) if one.vector_column else _raw_array(one):
        lengths = pc.list_value_length(vectors).to_pylist() if isinstance(vectors, pa.Array) else []
        wrong = next((place for place, length in enumerate(lengths) if length not in (None, width)), None)
        if wrong is not None:
            raise one.refuse(
                f"row {row + wrong}: a vector of {lengths[wrong]} numbers, the others have {width}"
            )
        if isinstance(vectors, pa.Array):
            values = np.zeros((len(vectors), width), np.float32)
            there = np.array([length is not None for length in lengths], bool)
            values[there] = _numbers(vectors.drop_null()).reshape(-1, width)
        else:
            values = np.asarray(vectors, np.float32)
        finite = np.isfinite(values).all(axis=1)
        if not finite.all():
            raise one.refuse(
                f"row {row + int(np.argmin(finite))}: a number that is not finite; make the vectors again"
            )
        found = np.linalg.norm(values.astype(np.float64), axis=1)
        if norms is not None:
            # Of vectors that were divided by their length the column says what it was.
            found = np.where(np.abs(found - 1) <= _LENGTH_ONE, norms, found)
        ids, urls = _ids_of(names)
        yield VectorBatch(ids, urls, sha256, values, found)
        row += len(ids)


_Raw = tuple[list[object], list[str], object, npt.NDArray[np.float64] | None]


def _raw_table(one: VectorFile) -> Iterator[_Raw]:
    try:
        with open_parquet(one.vectors) as file:
            there = file.schema_arrow.names
            more = [name for name in ("sha256", "norm") if name in there]
            columns = [one.name_column, one.vector_column, *more]
            for batch in file.iter_batches(batch_size=_BATCH, columns=columns):
                sha256 = batch.column("sha256").to_pylist() if "sha256" in more else [""] * len(batch)
                norms = batch.column("norm").cast(pa.float64()).fill_null(1.0) if "norm" in more else None
                yield (
                    batch.column(one.name_column).to_pylist(),
                    [value if isinstance(value, str) else "" for value in sha256],
                    batch.column(one.vector_column),
                    norms.to_numpy(zero_copy_only=False) if norms is not None else None,
                )
    except (OSError, pa.ArrowException) as error:
        raise one.refuse(f"cannot be read: {error}") from error


def _raw_array(one: VectorFile) -> Iterator[_Raw]:
    array = _array(one)
    names: list[object] = (
        read_parquet(one.names, columns=[one.name_column]).column(0).to_pylist()
        if one.name_column
        else list(_lines(one))
    )
    for start in range(0, len(array), _BATCH):
        own = names[start : start + _BATCH]
        yield own, [""] * len(own), array[start : start + _BATCH], None


def _numbers(vectors: pa.Array) -> npt.NDArray[np.float32]:
    return np.asarray(vectors.flatten().to_numpy(zero_copy_only=False), np.float32)


def _ids_of(names: list[object]) -> tuple[npt.NDArray[np.int64], list[str]]:
    ids = np.full(len(names), -1, np.int64)
    urls = [""] * len(names)
    for place, name in enumerate(names):
        if isinstance(name, int):
            ids[place] = name
        elif isinstance(name, str) and name and (file := file_of(name)):
            ids[place] = image_id(file)
            urls[place] = name if "://" in name else ""
    return ids, urls
