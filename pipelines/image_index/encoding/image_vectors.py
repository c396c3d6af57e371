"""Vectors of images, batch by batch: the same for the same batches, wherever they are computed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from pipelines.image_index.layout import Layout

if TYPE_CHECKING:
    import torch

    from pipelines.image_index.encoding.encoder import Encoder

__all__ = ["Report", "Vector", "find_batch_size", "vectors_of_images"]

_BATCH_ON_CPU = 32
_TRIED_BATCHES = (32, 64, 128, 256, 512, 1024)
_WORTHWHILE = 1.05

Vector = tuple[npt.NDArray[np.float16], float]
"""A vector of length 1, and the length that it had."""
Report: TypeAlias = "Callable[[int, int, Mapping[str, int]], None]"
"""Takes how many images more are done, their bytes, and the failures among them by reason."""


def vectors_of_images(
    layout: Layout,
    items: npt.NDArray[np.int64],
    encoder: Encoder,
    *,
    batch_size: int,
    workers: int,
    report: Report = lambda *_: None,
) -> Iterator[tuple[int, Vector | str]]:
    """Yield id and vector of every item, in order; where there is none, the reason.

    Args:
        items: number of a part and id of an image, shape [n, 2]; n is 1 or more, parts one after the other.
        workers: processes that decode.
    """
    from pipelines.image_index.encoding.image_batches import ImageBatches, load_batches

    batches = ImageBatches(layout, items, batch_size, encoder.preprocess, encoder.side)
    loaded = load_batches(batches, workers=workers, pin_memory=encoder.device.type == "cuda")
    for number, batch in enumerate(loaded):
        asked = batches.items(number)
        results: dict[tuple[int, int], Vector | str] = dict(batch.failures)
        if batch.pixels is not None:
            vectors = _encode_batch(encoder, batch.pixels)
            results.update(zip(batch.items, map(_normalise, vectors), strict=True))
        failed = Counter(result for result in results.values() if isinstance(result, str))
        report(len(asked), batch.bytes, failed)
        yield from ((image, results[part, image]) for part, image in asked)


def find_batch_size(encoder: Encoder) -> int:
    """Return the batch that encodes most images a second on the encoder's device, smaller ones preferred."""
    if encoder.device.type == "cpu":
        return _BATCH_ON_CPU
    import time

    import torch

    best, best_rate = _TRIED_BATCHES[0], 0.0
    for size in _TRIED_BATCHES:
        batch = encoder.blank_batch(size)
        try:
            encoder.encode_batch(batch)
            started = time.perf_counter()
            for _ in range(3):
                encoder.encode_batch(batch)
        except torch.OutOfMemoryError:
            break
        rate = 3 * size / (time.perf_counter() - started)
        if rate < best_rate * _WORTHWHILE:
            break
        best, best_rate = size, rate
    return best


def _encode_batch(encoder: Encoder, pixels: torch.Tensor) -> npt.NDArray[np.float32]:
    """Encode a batch; where the device has too little memory just now, half by half."""
    import torch

    try:
        return encoder.encode_batch(pixels)
    except torch.OutOfMemoryError:
        if len(pixels) == 1:
            raise
        half = len(pixels) // 2
        return np.concatenate([_encode_batch(encoder, pixels[:half]), _encode_batch(encoder, pixels[half:])])


def _normalise(vector: npt.NDArray[np.float32]) -> Vector | str:
    norm = float(np.linalg.norm(vector.astype(np.float64)))
    if not np.isfinite(norm) or norm == 0.0:
        return "vector without direction"
    return (vector / norm).astype(np.float16), norm
