"""Vectors made elsewhere: read from their files once, and cut into the parts of the corpus.

Rows stand in any order, so they are sorted outside of memory: runs with one batch a part, then part by part from all
runs.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from cyclopts import Parameter

from kc_schema.command import options
from kc_schema.image_manifest import EncoderDescription
from kc_schema.image_tables import IMAGE_ID_BITS
from kc_schema.store import (
    checksum,
    fingerprint,
    read_json,
    read_parquet,
    remove,
    temporary_folder,
    write_json,
)
from pipelines.image_index.encoding.vector_files import (
    VectorBatch,
    VectorFile,
    open_vector_files,
    read_vector_file,
    stated_by,
)
from pipelines.image_index.errors import EncoderError
from pipelines.image_index.layout import Layout, write_table
from pipelines.image_index.plan import Plan

__all__ = [
    "ReadyVector",
    "ReadyVectorOptions",
    "ReadyVectors",
    "forget_vectors",
    "ready_images",
    "ready_vectors",
    "remove_ready_files",
    "take_vectors",
    "taken_vectors",
]

_RECORD, _FOLDER = "ready.json", "ready"
_ROWS_IN_MEMORY = 32_768
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class ReadyVector:
    """The vector of one image."""

    sha256: str
    """Checksum of the bytes that were encoded; empty where it is not told."""
    vector: npt.NDArray[np.float16]
    """Of length 1."""
    norm: float
    """The length that it had."""

    @property
    def pair(self) -> tuple[npt.NDArray[np.float16], float]:
        """Return the vector and its length, as encoding gives them."""
        return self.vector, self.norm


@options
@dataclass(frozen=True, kw_only=True)
class ReadyVectorOptions:
    """Vectors that need no encoding."""

    embeddings: Annotated[str, Parameter(show_default=False)] = ""
    """Vectors made elsewhere: Parquet, or .npy with names beside it; a pattern in quotes for several files."""
    embeddings_encoder: Annotated[str, Parameter(show_default=False)] = ""
    """The encoder that made them, where the files do not say it: as --encoder names it."""
    embeddings_sha256: Annotated[str, Parameter(show_default=False)] = ""
    """Checksum of its weights, where the files do not say it."""


@dataclass(frozen=True, slots=True)
class ReadyVectors:
    """What was given for a corpus."""

    source: str
    """Checksum of all that decides the vectors."""
    encoder: EncoderDescription
    parts: tuple[str, ...]
    """A checksum of the vectors of every part; of nothing where there are none."""
    vectors: int
    """Files of the corpus that have one."""
    left_out: dict[str, int]
    """Vectors that were given and not taken, by reason."""


def taken_vectors(layout: Layout) -> ReadyVectors | None:
    """Return what was given for a corpus, in this run or before; None where nothing was."""
    try:
        return read_json(layout.work / _RECORD, ReadyVectors)
    except (OSError, ValueError):
        return None


def forget_vectors(layout: Layout) -> None:
    """Forget what was given: the images are encoded, or nothing is known of them."""
    (layout.work / _RECORD).unlink(missing_ok=True)
    remove_ready_files(layout)


def remove_ready_files(layout: Layout) -> None:
    """Remove the given vectors, which now stand in the table of embeddings; that they were given is kept."""
    remove(layout.work / _FOLDER, ignore_errors=True)


def ready_images(layout: Layout, number: int) -> Mapping[int, str]:
    """Return the images of a part whose vectors are at hand, with the address that was given; or nothing."""
    path = _path(layout, number)
    if not path.is_file():
        return {}
    table = read_parquet(path, columns=["image_id", "url"])
    return dict(zip(table["image_id"].to_pylist(), table["url"].to_pylist(), strict=True))


def ready_vectors(layout: Layout, number: int) -> dict[int, ReadyVector]:
    """Return the given vectors of a part by image."""
    path = _path(layout, number)
    if not path.is_file():
        return {}
    table = read_parquet(path).combine_chunks()
    if not len(table):
        return {}
    values = table["vector"].combine_chunks().flatten().to_numpy(zero_copy_only=False).reshape(len(table), -1)
    rows = zip(
        table["image_id"].to_pylist(),
        table["sha256"].to_pylist(),
        values,
        table["norm"].to_pylist(),
        strict=True,
    )
    return {image: ReadyVector(sha256, vector, norm) for image, sha256, vector, norm in rows}


def take_vectors(
    given: ReadyVectorOptions,
    layout: Layout,
    plan: Plan,
    encoder: EncoderDescription | None,
    *,
    is_finished: Callable[[ReadyVectors], bool],
) -> ReadyVectors:
    """Cut the vectors that are given into the parts of the plan, or find that this was done.

    Args:
        plan: without conditions of rights.
        encoder: that made the vectors that are there; None where there are none, or they may be replaced.
        is_finished: tells whether vectors that were taken before stand in the table of embeddings.

    Raises:
        EncoderError: the files cannot be read, do not say which encoder made them, or do not fit the corpus.
    """
    files = open_vector_files(given.embeddings)
    stated = stated_by(
        files, given.embeddings, name=given.embeddings_encoder, weights_sha256=given.embeddings_sha256
    )
    if encoder is not None and not stated.same_space(encoder):
        raise EncoderError(
            f"--embeddings {given.embeddings}: vectors of {stated.name} (weights {stated.weights_sha256[:16]},"
            f" {stated.dimension} numbers); {layout.images} holds embeddings of another encoder ({encoder.name},"
            f" weights {encoder.weights_sha256[:16]}, {encoder.dimension} numbers), which are never mixed with them:"
            " give --overwrite to replace them"
        )
    source = fingerprint(
        _FORMAT, [checksum(path) for one in files for path in one.paths()], stated, plan.planned
    )
    kept = taken_vectors(layout)
    there = all(_path(layout, number).is_file() for number in range(len(plan.planned)))
    if kept is not None and kept.source == source and (there or is_finished(kept)):
        return kept
    remove_ready_files(layout)
    left_out: Counter[str] = Counter()
    planned = np.concatenate(
        [
            read_parquet(layout.planned(number), columns=["image_id"])["image_id"].to_numpy()
            for number in range(len(plan.planned))
        ]
    )
    planned.sort()
    with temporary_folder(layout.work / _FOLDER / "runs") as runs:
        paths = list(_write_runs(_wanted(files, planned, left_out), runs, plan.part_bits))
        if not paths:
            raise EncoderError(
                f"--embeddings {given.embeddings}: none of its {left_out.total():,} vectors is of a file of this"
                " corpus; give names or addresses of files, or the ids of kc/images/records"
            )
        parts, vectors = _merge_runs(paths, layout, plan, stated.dimension, left_out)
    losses = {reason: count for reason, count in sorted(left_out.items()) if count}
    found = ReadyVectors(source, stated, tuple(parts), vectors, losses)
    write_json(layout.work / _RECORD, found)
    return found


def _path(layout: Layout, number: int) -> Path:
    return layout.work / _FOLDER / f"part-{number:05d}.parquet"


def _wanted(
    files: list[VectorFile], planned: npt.NDArray[np.int64], left_out: Counter[str]
) -> Iterator[VectorBatch]:
    """Yield the rows that are of files of the corpus and have a direction, vectors of length 1; count the others."""
    for one in files:
        for batch in read_vector_file(one):
            places = np.minimum(np.searchsorted(planned, batch.ids), max(len(planned) - 1, 0))
            ours = planned[places] == batch.ids if len(planned) else np.zeros(len(batch.ids), bool)
            directed = np.linalg.norm(batch.vectors.astype(np.float64), axis=1) > 0
            left_out["of no file of the corpus"] += int((~ours).sum())
            left_out["without direction"] += int((ours & ~directed).sum())
            if (kept := batch.take(ours & directed)).ids.size:
                lengths = np.linalg.norm(kept.vectors.astype(np.float64), axis=1, keepdims=True)
                vectors = (kept.vectors / lengths).astype(np.float32)
                yield VectorBatch(kept.ids, kept.urls, kept.sha256, vectors, kept.norms)


def _table_schema(dimension: int) -> pa.Schema:
    return pa.schema(
        [
            ("image_id", pa.int64()),
            ("url", pa.string()),
            ("sha256", pa.string()),
            ("norm", pa.float32()),
            ("vector", pa.list_(pa.float16(), dimension)),
        ]
    )


def _write_runs(batches: Iterator[VectorBatch], folder: Path, part_bits: int) -> Iterator[Path]:
    chunk: list[pa.Table] = []
    number = 0
    for batch in batches:
        chunk.append(_table_of(batch))
        if sum(map(len, chunk)) >= _ROWS_IN_MEMORY:
            yield _write_run(pa.concat_tables(chunk), folder / f"run-{number:05d}.arrow", part_bits)
            chunk, number = [], number + 1
    if chunk:
        yield _write_run(pa.concat_tables(chunk), folder / f"run-{number:05d}.arrow", part_bits)


def _table_of(batch: VectorBatch) -> pa.Table:
    width = batch.vectors.shape[1]
    values = pa.array(batch.vectors.astype(np.float16).reshape(-1), pa.float16())
    return pa.table(
        [
            pa.array(batch.ids, pa.int64()),
            pa.array(batch.urls, pa.string()),
            pa.array(batch.sha256, pa.string()),
            pa.array(batch.norms, pa.float32()),
            pa.FixedSizeListArray.from_arrays(values, width),
        ],
        schema=_table_schema(width),
    )


def _write_run(table: pa.Table, path: Path, part_bits: int) -> Path:
    """Write one batch a part; the rows of a part stay in the order in which they were given."""
    numbers = np.asarray(table["image_id"]) >> (IMAGE_ID_BITS - part_bits)
    with pa.ipc.new_file(os.fspath(path), table.schema) as writer:
        for number in range(1 << part_bits):
            own = table.take(pa.array(np.flatnonzero(numbers == number))).combine_chunks().to_batches()
            writer.write_batch(own[0] if own else pa.RecordBatch.from_pylist([], schema=table.schema))
    return path


def _merge_runs(
    paths: list[Path], layout: Layout, plan: Plan, dimension: int, left_out: Counter[str]
) -> tuple[list[str], int]:
    """Write the vectors of every part by image, the first of each; return checksums and the count."""
    readers = [pa.ipc.open_file(pa.memory_map(os.fspath(path))) for path in paths]
    checksums = []
    vectors = 0
    for number in range(len(plan.planned)):
        table = pa.Table.from_batches(
            [reader.get_batch(number) for reader in readers], schema=_table_schema(dimension)
        ).combine_chunks()
        _, first = np.unique(np.asarray(table["image_id"]), return_index=True)
        left_out["given twice"] += len(table) - len(first)
        kept = table.take(pa.array(first))
        part = write_table(kept, _path(layout, number), layout.images, compression="none")
        checksums.append(part.sha256 if len(kept) else "")
        vectors += len(kept)
    return checksums, vectors
