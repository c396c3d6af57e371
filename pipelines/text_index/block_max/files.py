"""The files of the index, and how they are mapped into memory."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.text_index.block_max.kernels import LONGEST_NUMBER

__all__ = ["GROUP", "Arrays", "Sizes", "load_arrays", "open_arrays", "save_arrays"]

GROUP = 16
"""Words of the vocabulary that are coded by what they share with the one before."""

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Sizes:
    """What the arrays' shapes follow from, and what the scores are computed with."""

    sentences: int
    blocks: int
    terms: int
    """Different words."""
    words: int
    """Words of all sentences."""
    dense: int
    """Words, the most frequent ones, with a bound for every block."""


@dataclass(frozen=True, slots=True)
class Arrays:
    """The index in memory; each array is a file of the same name, little endian.

    Words have numbers from 0, the most frequent one first, equally frequent ones in the order of their bytes.
    """

    sentences: Bytes
    """Block after block, sentence after sentence: twice the number of its words, plus 1 where its id does not follow
    the one before, then the step to its paragraph and its position there; then its words, ascending, as the
    differences of their numbers (plus 1 for the first), 0 where a word stands again. Numbers take seven bits a byte."""
    block_places: npt.NDArray[np.int64]
    """Where each block begins in `sentences`; one more for the end."""
    block_sentences: npt.NDArray[np.int64]
    """The id of each block's first sentence."""
    dense: Bytes
    """[dense words, blocks]: 255 times the largest tf / (tf + norm) in a block, rounded up; 0 without the word."""
    lists: Bytes
    """Of every other word, its blocks ascending: the difference to the one before, and the bound of `dense`."""
    list_places: npt.NDArray[np.int64]
    """Where each list begins; one more for the end."""
    holding: npt.NDArray[np.uint32]
    """How many sentences hold each word."""
    vocabulary: Bytes
    """The words in the order of their bytes: how many bytes each shares with the one before (none in the first of
    `GROUP`), how many follow, and these."""
    vocabulary_places: npt.NDArray[np.int64]
    """Where every `GROUP`th word begins; one more for the end."""
    numbers: npt.NDArray[np.uint32]
    """The number of each word, in the order of `vocabulary`."""


_TYPES: dict[str, Any] = {
    "block_places": np.int64,
    "block_sentences": np.int64,
    "list_places": np.int64,
    "holding": np.uint32,
    "vocabulary_places": np.int64,
    "numbers": np.uint32,
}


def open_arrays(folder: Path, sizes: Sizes) -> Arrays:
    """Map the files in `folder` into memory; pages are read when they are needed.

    Raises:
        OSError: a file cannot be opened.
        ValueError: a file has not the size that follows from `sizes`.
    """
    arrays = {field.name: _map(folder / f"{field.name}.bin", field.name) for field in fields(Arrays)}
    groups = -(-sizes.terms // GROUP)
    expected = {
        "block_places": sizes.blocks + 1,
        "block_sentences": sizes.blocks,
        "dense": sizes.dense * sizes.blocks,
        "list_places": sizes.terms - sizes.dense + 1,
        "holding": sizes.terms,
        "vocabulary_places": groups + 1,
        "numbers": sizes.terms,
    }
    ends = {"sentences": "block_places", "lists": "list_places", "vocabulary": "vocabulary_places"}
    for name, count in expected.items():
        if len(arrays[name]) != count:
            raise ValueError(f"{name}.bin holds {len(arrays[name])} numbers, not {count}")
    for name, places in ends.items():
        size = int(arrays[places][-1]) + LONGEST_NUMBER
        if len(arrays[name]) != size:
            raise ValueError(f"{name}.bin holds {len(arrays[name])} bytes, not {size}")
    arrays["dense"] = arrays["dense"].reshape(sizes.dense, sizes.blocks)
    return Arrays(**arrays)


def _map(path: Path, name: str) -> npt.NDArray[Any]:
    kind = np.dtype(_TYPES.get(name, np.uint8))
    if not path.stat().st_size:
        return np.empty(0, kind)
    # A plain array over the mapping: compiled functions know one type, and slices cost less.
    return np.asarray(np.memmap(path, kind, "r"))


def save_arrays(path: Path, arrays: Mapping[str, Any]) -> None:
    """Write arrays one behind the other into a file for `load_arrays`; the same arrays give the same bytes."""
    with pa.OSFile(os.fspath(path), "wb") as file:
        for name, array in arrays.items():
            table = pa.table({name: array if isinstance(array, pa.Array) else pa.array(array)})
            with pa.ipc.new_stream(file, table.schema) as writer:
                writer.write_table(table)


def load_arrays(path: Path) -> dict[str, pa.Array]:
    """Map the arrays of a file that `save_arrays` wrote into memory.

    Raises:
        OSError: the file cannot be read.
        pyarrow.ArrowInvalid: it is damaged.
    """
    arrays: dict[str, pa.Array] = {}
    with pa.memory_map(os.fspath(path)) as file:
        while file.tell() < file.size():
            table = pa.ipc.open_stream(file).read_all()
            column = table[0]
            arrays[table.column_names[0]] = (
                column.chunk(0) if column.num_chunks else pa.array([], column.type)
            )
    return arrays
