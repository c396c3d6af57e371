"""The files of the index, and how they are mapped into memory."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.text_index.block_max.coding import BLOCK, SLOTS_PER_IDENTITY, SPARE, STRETCH

__all__ = ["GROUP", "Arrays", "Sizes", "load_arrays", "open_arrays", "save_arrays"]

GROUP = 16
"""Words of the vocabulary that are coded by what they share with the one before; lists to the next place."""

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Sizes:
    """What the arrays' shapes follow from, and what the scores are computed with."""

    sentences: int
    blocks: int
    """A multiple of `coding.STRETCH`; those at the end of a unit of the build may be empty."""
    terms: int
    """Different words."""
    words: int
    """Words of all sentences."""
    dense: int
    """Words, the most frequent ones, with a byte for every block."""
    common: int
    """Words, the next frequent ones, whose entries stand together by stretch."""


class Arrays(NamedTuple):
    """The index in memory; each array is a file of the same name, little endian.

    Words have numbers from 0, the most frequent one first, equally frequent ones in the order of their bytes: first
    the dense ones, then the common ones, then those with lists. Sentences have slots, eight of a block one after the
    other. The *bound* of a word in a block is 255 times the largest tf / (tf + norm) there, rounded up. An *entry* of
    a list says which sentences of a block hold the word, how often, and its bound. Where one sentence holds it once,
    it is a byte: a level (`coding.LEVELS`) and the sentence in the block. Otherwise it is `coding.MANY` plus the bytes
    of the frequencies (0 where all are 1, `coding.SIZED` where their number follows the mask), the bound, a bit for
    each sentence, and the frequencies. Numbers take seven bits a byte.
    """

    blocks: Bytes
    """Of every block, the length class (`scoring`) of each of its sentences, `coding.EMPTY` where there is none; a byte
    for every dense word with a bit for each sentence that holds it; and, ascending, 8 times the word plus the sentence
    where a dense word stands once more (twice where it stands three times), as differences to the one before."""
    block_places: npt.NDArray[np.int64]
    """Where each block begins there; one more for the end."""
    identities: Bytes
    """Of `coding.SLOTS_PER_IDENTITY` slots, the first id, a bit for each sentence whose id is not the next one, and of
    these twice the step to its paragraph, plus 1 where its position follows, as it is not 0."""
    identity_places: npt.NDArray[np.int64]
    """Where these begin; one more for the end."""
    dense: Bytes
    """[dense words, blocks]: bounds; 0 without the word."""
    common: Bytes
    """Of every common word and `coding.STRETCH` blocks where one holds it: how many do, less 1; ascending, these blocks
    (the first one is 0); their bounds; of each a bit for each sentence that holds the word; and of those whose bound is
    odd, how often each of these sentences holds it. All others hold it once."""
    common_places: npt.NDArray[np.int64]
    """Where those of each common word begin; one more for the end."""
    common_ends: npt.NDArray[np.uint32]
    """[common words, blocks / `coding.STRETCH`]: where they end, from the word's first one."""
    lists: Bytes
    """Of every other word, the bytes of its list, and the list: of its blocks, ascending, the difference to the one
    before, and the entry."""
    list_places: npt.NDArray[np.int64]
    """Where every `GROUP`th of these begins; one more for the end."""
    holding: npt.NDArray[np.int64]
    """[different counts, 2]: how many sentences hold a word, descending, and the first word that so many hold."""
    vocabulary: Bytes
    """The words in the order of their bytes: how many bytes each shares with the one before (none in the first of
    `GROUP`), how many follow, and these."""
    vocabulary_places: npt.NDArray[np.int64]
    """Where every `GROUP`th word begins; one more for the end."""
    numbers: npt.NDArray[np.uint32]
    """The number of each word, in the order of `vocabulary`."""


_TYPES: dict[str, Any] = {
    "block_places": np.int64,
    "identity_places": np.int64,
    "common_places": np.int64,
    "common_ends": np.uint32,
    "list_places": np.int64,
    "holding": np.int64,
    "vocabulary_places": np.int64,
    "numbers": np.uint32,
}


def open_arrays(folder: Path, sizes: Sizes) -> Arrays:
    """Map the files in `folder` into memory; pages are read when they are needed.

    Raises:
        OSError: a file cannot be opened.
        ValueError: a file has not the size that follows from `sizes`.
    """
    arrays = {name: _map(folder / f"{name}.bin", name) for name in Arrays._fields}
    listed = sizes.terms - sizes.dense - sizes.common
    shapes: dict[str, tuple[int, ...]] = {
        "block_places": (sizes.blocks + 1,),
        "identity_places": (sizes.blocks * BLOCK // SLOTS_PER_IDENTITY + 1,),
        "dense": (sizes.dense, sizes.blocks),
        "common_places": (sizes.common + 1,),
        "common_ends": (sizes.common, sizes.blocks // STRETCH),
        "list_places": (-(-listed // GROUP) + 1,),
        "holding": (len(arrays["holding"]) // 2, 2),
        "vocabulary_places": (-(-sizes.terms // GROUP) + 1,),
        "numbers": (sizes.terms,),
    }
    for name, shape in shapes.items():
        if len(arrays[name]) != prod(shape):
            raise ValueError(f"{name}.bin holds {len(arrays[name])} numbers, not {prod(shape)}")
        arrays[name] = arrays[name].reshape(shape)
    for name, places in _ENDS.items():
        size = int(arrays[places][-1]) + SPARE
        if len(arrays[name]) != size:
            raise ValueError(f"{name}.bin holds {len(arrays[name])} bytes, not {size}")
    return Arrays(**arrays)


_ENDS = {
    "blocks": "block_places",
    "identities": "identity_places",
    "common": "common_places",
    "lists": "list_places",
    "vocabulary": "vocabulary_places",
}
"""Arrays of bytes, `coding.SPARE` more than the last of these says."""


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
