"""The embeddings as matrices: read part by part, so that memory does not grow with the corpus."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from kc_schema.store import Part
from pipelines.image_index.errors import ImageIndexError

__all__ = ["Embeddings", "HalfMatrix", "Ids", "read_vectors"]

Ids = npt.NDArray[np.int64]
HalfMatrix = npt.NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class Embeddings:
    """The parts of the embeddings table; a row's number is its place over all of them."""

    folder: Path
    """The image corpus."""
    parts: tuple[Part, ...]
    dimension: int

    @property
    def rows(self) -> int:
        """Return the number of vectors."""
        return sum(part.rows for part in self.parts)

    @property
    def fingerprint(self) -> str:
        """Return a checksum over all vectors."""
        return hashlib.sha256("".join(part.sha256 for part in self.parts).encode()).hexdigest()

    def first_rows(self) -> list[int]:
        """Return the number of every part's first row, and that of all rows at the end."""
        return [0, *np.cumsum([part.rows for part in self.parts], dtype=np.int64).tolist()]

    def read(self, number: int) -> tuple[Ids, HalfMatrix]:
        """Return ids and vectors of a part."""
        return read_vectors(self.folder / self.parts[number].file, self.dimension)

    def blocks(self) -> Iterator[tuple[int, Ids, HalfMatrix]]:
        """Return the first row, the ids and the vectors of every part that has any."""
        for number, first in enumerate(self.first_rows()[:-1]):
            if self.parts[number].rows:
                yield first, *self.read(number)

    def rows_at(self, rows: Sequence[int] | Ids) -> HalfMatrix:
        """Return the vectors with these row numbers, which ascend."""
        wanted = np.asarray(rows, np.int64)
        found = np.empty((len(wanted), self.dimension), np.float16)
        for first, ids, vectors in self.blocks():
            start, end = np.searchsorted(wanted, [first, first + len(ids)])
            found[start:end] = vectors[wanted[start:end] - first]
        return found


def read_vectors(path: Path, dimension: int) -> tuple[Ids, HalfMatrix]:
    """Return the ids and vectors of a part of the embeddings.

    Raises:
        ImageIndexError: it cannot be read, or holds vectors of another width.
    """
    try:
        table = pq.read_table(
            os.fspath(path), columns=["image_id", "vector"], memory_map=True
        ).combine_chunks()
    except (OSError, pa.ArrowException) as error:
        raise ImageIndexError(f"{path}: cannot be read ({error}); encode the images again") from error
    kind = table.schema.field("vector").type
    if kind != pa.list_(pa.float16(), dimension):
        raise ImageIndexError(f"{path}: vectors of type {kind}, expected {dimension} numbers of 16 bits")
    column = table["vector"].combine_chunks()
    values = column.flatten().to_numpy(zero_copy_only=False) if len(table) else np.zeros(0, np.float16)
    return table["image_id"].to_numpy(), values.reshape(-1, dimension)
