"""The images of a corpus encoded on a cluster: a step for each part, whose vectors wait on the shared storage."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kc_schema.image_manifest import EncoderDescription
from kc_schema.store import Part, Step, fingerprint, read_parquet, remove
from pipelines.engine import Engine
from pipelines.image_index.encoding.encoder import Encoder
from pipelines.image_index.encoding.image_vectors import Report, Vector, find_batch_size, vectors_of_images
from pipelines.image_index.encoding.options import EncodeOptions
from pipelines.image_index.errors import EncoderError
from pipelines.image_index.layout import Layout, write_table

__all__ = ["encode_elsewhere", "remove_vectors"]

_ASKED, _FOUND = "asked", "vectors"
"""Folders of the lists of images to be encoded, and of what came of them."""


@dataclass(frozen=True, slots=True)
class _Vectors:
    """What came of the images of a part."""

    part: Part
    bytes: int
    failed: dict[str, int]


@dataclass(frozen=True, slots=True)
class _Encoding:
    """What all workers agree on."""

    layout: Layout
    encoder: EncoderDescription
    options: EncodeOptions

    def step(self, asked: tuple[int, str]) -> Step[_Vectors]:
        """Return the step for a part; `asked` is its number and the checksum of the list of its images."""
        number, images = asked
        inputs = fingerprint(images, self.encoder.fingerprint, self.options.batch_size)
        return self.layout.step(_FOUND, number, inputs, _Vectors)


def encode_elsewhere(
    layout: Layout,
    planned: Mapping[int, npt.NDArray[np.int64]],
    encoder: EncoderDescription,
    options: EncodeOptions,
    engine: Engine,
    report: Report,
) -> Iterator[tuple[int, Vector | str]]:
    """Encode the `planned` images, ids by part, on the workers of a cluster; yield id and result, part after part.

    Raises:
        pipelines.engine.RunError: the pipeline failed, or the encoder of a worker is another one.
    """
    asked = [(number, _ask(layout, number, ids)) for number, ids in planned.items() if len(ids)]
    work = _Encoding(layout, encoder, options)
    found = engine.map(
        functools.partial(_encode_part, work),
        asked,
        finished=lambda part: work.step(part).result(),
        label="Encode",
    )
    for (number, _), vectors in zip(asked, found, strict=True):
        report(vectors.part.rows, vectors.bytes, vectors.failed)
        yield from _read(layout, number)


def remove_vectors(layout: Layout) -> None:
    """Remove what is not needed when all parts of the embeddings are written."""
    for name in (_ASKED, _FOUND):
        remove(layout.work / name, ignore_errors=True)


def _ask(layout: Layout, number: int, ids: npt.NDArray[np.int64]) -> str:
    """Write down which images of a part are to be encoded; return the checksum of the list."""
    table = pa.table({"image_id": pa.array(ids, pa.int64())})
    path = layout.work / _ASKED / f"{number:05d}.parquet"
    return write_table(table, path, layout.images).sha256


def _encode_part(work: _Encoding, asked: tuple[int, str]) -> _Vectors:
    step = work.step(asked)
    return step.run(lambda: _write(work, asked[0]))


@functools.lru_cache(maxsize=1)
def _open(options: EncodeOptions) -> tuple[Encoder, int]:
    """Return the encoder and its size of batches; opened once a process."""
    encoder = options.open()
    return encoder, options.batch_size or find_batch_size(encoder)


def _write(work: _Encoding, number: int) -> _Vectors:
    layout = work.layout
    encoder, batch_size = _open(work.options)
    if encoder.fingerprint != work.encoder.fingerprint:
        raise EncoderError(
            f"encoder {encoder.name}: its weights on this worker ({encoder.weights_sha256[:12]}) are not the driver's"
            f" ({work.encoder.weights_sha256[:12]}); give --encoder with files on the shared storage"
        )
    ids = read_parquet(layout.work / _ASKED / f"{number:05d}.parquet")["image_id"].to_numpy()
    items = np.stack([np.full(len(ids), number, np.int64), ids], axis=1)
    failed: Counter[str] = Counter()
    size = 0

    def report(_done: int, more: int, reasons: Mapping[str, int]) -> None:
        nonlocal size
        size += more
        failed.update(reasons)

    found = vectors_of_images(layout, items, encoder, batch_size=batch_size, workers=1, report=report)
    table = _table(list(found), encoder.dimension)
    part = write_table(table, layout.work / _FOUND / f"{number:05d}.parquet", layout.images)
    return _Vectors(part, size, dict(sorted(failed.items())))


def _table(found: list[tuple[int, Vector | str]], dimension: int) -> pa.Table:
    values = np.zeros((len(found), dimension), np.float16)
    norms = np.zeros(len(found))
    reasons = ["" for _ in found]
    for place, (_, result) in enumerate(found):
        if isinstance(result, str):
            reasons[place] = result
        else:
            values[place], norms[place] = result
    return pa.table(
        {
            "image_id": pa.array([image for image, _ in found], pa.int64()),
            "reason": pa.array(reasons, pa.string()),
            "norm": pa.array(norms, pa.float64()),
            "vector": pa.FixedSizeListArray.from_arrays(
                pa.array(values.reshape(-1), pa.float16()), dimension
            ),
        }
    )


def _read(layout: Layout, number: int) -> Iterator[tuple[int, Vector | str]]:
    table = read_parquet(layout.work / _FOUND / f"{number:05d}.parquet").combine_chunks()
    values = table["vector"].combine_chunks().flatten().to_numpy(zero_copy_only=False).reshape(len(table), -1)
    rows = zip(
        table["image_id"].to_pylist(),
        table["reason"].to_pylist(),
        table["norm"].to_pylist(),
        values,
        strict=True,
    )
    for image, reason, norm, vector in rows:
        yield image, reason or (vector, norm)
