"""Decoded, preprocessed batches: worker processes make them ahead of the device, in order."""

from __future__ import annotations

import hashlib
import itertools
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from torch.utils.data import DataLoader, Dataset

from kc_schema.store import may_fork
from pipelines.engine.timing import Usage, measure, note_usage
from pipelines.image_index.decoding import decode_image
from pipelines.image_index.errors import BrokenImageError, EncoderError
from pipelines.image_index.fetching.archive import PartContent
from pipelines.image_index.layout import Layout, Row, read_records

if TYPE_CHECKING:
    import torch
    from PIL import Image

__all__ = ["Batch", "ImageBatches", "Item", "load_batches"]

_BATCHES_AHEAD = 4
"""Of a worker."""

Item = tuple[int, int]
"""Number of a part, and id of an image in it."""


@dataclass(slots=True)
class Batch:
    """Some items, preprocessed."""

    items: list[Item]
    """The items whose images are in `pixels`, in order."""
    pixels: torch.Tensor | None
    """Shape [len(items), ...]; None without items."""
    failures: dict[Item, str] = field(default_factory=dict)
    """Why the others of the batch are not."""
    bytes: int = 0
    usage: Usage | None = None
    """What making it took."""


class ImageBatches(Dataset[Batch]):
    """Batches of items by number."""

    def __init__(
        self,
        layout: Layout,
        items: npt.NDArray[np.int64],
        batch_size: int,
        preprocess: Callable[[Image.Image], Any],
        side: int,
    ) -> None:
        self._layout = layout
        self._items = items
        self._bounds = _bounds(items[:, 0], batch_size)
        self._preprocess = preprocess
        self._side = side
        self._parts: dict[int, tuple[dict[int, Row], PartContent]] = {}

    def __len__(self) -> int:
        """Return the number of batches."""
        return len(self._bounds)

    def items(self, number: int) -> list[Item]:
        """Return the items of a batch, those that cannot be decoded too."""
        start, end = self._bounds[number]
        return [(part, image) for part, image in self._items[start:end].tolist()]

    def __getitem__(self, number: int) -> Batch:
        """Return a batch; what cannot be decoded is among its failures."""
        measured = measure(self._make, number)
        measured.result.usage = measured.usage
        return measured.result

    def _make(self, number: int) -> Batch:
        import torch

        batch = Batch([], None)
        tensors: list[torch.Tensor] = []
        for part, image in self.items(number):
            try:
                content = self._read(part, image)
                batch.bytes += len(content)
                tensors.append(torch.as_tensor(self._preprocess(decode_image(content, side=self._side))))
                batch.items.append((part, image))
            except BrokenImageError as error:
                batch.failures[part, image] = error.reason
        if tensors:
            batch.pixels = torch.stack(tensors)
        return batch

    def _read(self, part: int, image: int) -> bytes:
        records, content_of = self._part(part)
        row = records[image]
        try:
            content = content_of.read(row)
        except OSError as error:
            raise BrokenImageError("file is gone", str(error)) from error
        if hashlib.sha256(content).hexdigest() != row["sha256"]:
            raise BrokenImageError("changed since it was fetched")
        return content

    def _part(self, number: int) -> tuple[dict[int, Row], PartContent]:
        parts = self._parts
        if number not in parts:  # one at a time: batches come part after part
            parts = {number: (read_records(self._layout, number), PartContent(self._layout, number))}
            self._parts = parts
        return parts[number]


def load_batches(batches: ImageBatches, *, workers: int, pin_memory: bool) -> Iterator[Batch]:
    """Return all batches in order, made by worker processes; by this one with one worker.

    By threads, once this process has asked object storage: those that are forked from it could not.

    Raises:
        EncoderError: a worker process died.
    """
    if workers > 1 and not may_fork():
        yield from _load_in_threads(batches, workers)
        return
    loader: DataLoader[Batch] = DataLoader(
        batches,
        batch_size=None,
        shuffle=False,
        num_workers=workers if workers > 1 else 0,
        pin_memory=pin_memory,
        prefetch_factor=_BATCHES_AHEAD if workers > 1 else None,
    )
    try:
        for batch in loader:
            if batch.usage is not None:
                note_usage(batch.usage)
            yield batch
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise EncoderError(
            "a process that decodes images died (killed, perhaps for memory); the same command goes on, with fewer"
            " --workers in less memory"
        ) from error


def _load_in_threads(batches: ImageBatches, workers: int) -> Iterator[Batch]:
    threads = ThreadPoolExecutor(workers, thread_name_prefix="decode")
    waiting: deque[Future[Batch]] = deque()
    try:
        for number in range(len(batches)):
            waiting.append(threads.submit(batches.__getitem__, number))
            if len(waiting) >= _BATCHES_AHEAD * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        threads.shutdown(cancel_futures=True)


def _bounds(parts: npt.NDArray[np.int64], batch_size: int) -> list[tuple[int, int]]:
    """Return where batches begin and end: no batch holds images of two parts.

    So the batches of a part are the same whichever parts are finished already, and with them the last bits of
    its vectors.
    """
    edges = [0, *(np.flatnonzero(np.diff(parts)) + 1).tolist(), len(parts)]
    return [
        (start, min(start + batch_size, end))
        for first, end in itertools.pairwise(edges)
        for start in range(first, end, batch_size)
    ]
