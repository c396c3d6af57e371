"""What a build of the image corpus will take: links are counted, a sample of files is had, decoded and encoded."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kc_schema.image_tables import image_id
from kc_schema.snapshot import Snapshot
from kc_schema.store import as_path
from pipelines.forecast.estimate import Estimate, estimate_total
from pipelines.image_index.decoding import decode_image
from pipelines.image_index.encoding.options import EncodeOptions
from pipelines.image_index.errors import BrokenImageError, FetchError
from pipelines.image_index.fetching.fetch import FetchOptions, ask_server
from pipelines.image_index.fetching.image_sets import is_image_set
from pipelines.image_index.fetching.sources import Outcome, open_folder
from pipelines.image_index.file_names import wiki_folder
from pipelines.image_index.plan import IMAGES_PER_PART, drop_reason
from pipelines.image_index.vector_index.choice import plan_index

if TYPE_CHECKING:
    from pipelines.image_index.encoding.encoder import Encoder

__all__ = ["ImageForecast", "count_files", "forecast_images"]

SAMPLE = 32
"""Files that are asked for."""
_SEED = 11
_FEWEST_BATCHES, _MOST_BATCHES = 3, 16
_BATCH = 32
_LONG_ENOUGH = 4.0
"""Seconds after which no more than the fewest batches are measured."""
_INDEX_SECONDS = 0.0003
"""CPU seconds a vector of training, filling, merging and measuring an index (docs/performance.md, 100k to 4M)."""
_INDEX_BYTES = 2.36
"""Bytes of the index a number of a vector: 16 bits and codes (docs/performance.md)."""
_ROW_BYTES = 90
"""Bytes of a row of embeddings beside its vector."""


@dataclass(frozen=True)
class ImageForecast:
    """What a build will take. Times are in seconds, sizes in bytes."""

    files: int
    """Distinct files of the kinds that are wanted, counted."""
    parts: int
    sample: int
    """Files that were asked for."""
    images: Estimate
    """Files that can be had."""
    device: str
    encoder: str
    workers: int
    network_seconds: Estimate
    """Within the bandwidth and the connections that are allowed; 0 from a folder."""
    decode_seconds: Estimate
    """CPU seconds of decoding and preparing."""
    encode_seconds: Estimate
    """Of the device that was measured."""
    gpu_seconds: Estimate | None
    """The same, where that device is a GPU."""
    index_seconds: Estimate
    wall_seconds: Estimate
    """Of all stages, one after the other."""
    disk_bytes: dict[str, Estimate]
    index: str
    """Faiss' description of the index."""


def forecast_images(
    snapshot: Snapshot, fetching: FetchOptions, encoding: EncodeOptions, *, workers: int
) -> ImageForecast:
    """Measure a sample of the images of a snapshot and return what its image corpus will take.

    Raises:
        FetchError: no links to images that are wanted, none of the sample could be had, or a ready set of images.
        pipelines.image_index.EncoderError: the encoder cannot be had.
    """
    if is_image_set(fetching.images):
        raise FetchError(
            f"--images {fetching.images}: --plan does not measure ready sets of images, which are read as fast as their"
            " disk; give the address of a server or a folder of images"
        )
    names = count_files(snapshot, fetching.types)
    if not names:
        raise FetchError(f"{snapshot.folder}: no links to images of the kinds that are wanted (--types)")
    total = len(names) if fetching.limit is None else min(len(names), fetching.limit)
    chosen = random.Random(_SEED).sample(names, min(SAMPLE, len(names)))
    outcomes, seconds = _had(chosen, fetching, wiki_folder(snapshot.manifest.dump.get("wiki", "enwiki")))
    good = [float(not outcome.error) for outcome in outcomes]
    if not any(good):
        reasons = ", ".join(sorted({outcome.error for outcome in outcomes}))
        raise FetchError(
            f"--images {fetching.images}: none of a sample of {len(chosen)} files could be had ({reasons})"
        )
    encoder = encoding.open()
    ones = [1.0] * len(outcomes)
    images = estimate_total(good, ones, total)
    images = Estimate(images.value, images.low, min(images.high, float(total)))
    content = estimate_total([float(len(outcome.content)) for outcome in outcomes], ones, total)
    decode = estimate_total(_decode_seconds(outcomes, encoder), ones, total)
    batches = _encode_seconds(encoder)
    encode = estimate_total(batches, [float(_BATCH)] * len(batches), images.value)
    network = Estimate(0.0, 0.0, 0.0)
    if fetching.is_address:
        waiting = estimate_total(seconds, ones, total) * (1 / fetching.connections)
        sending = content * (8 / (fetching.megabits_per_second * 1e6))
        network = waiting if waiting.value > sending.value else sending
    plan = plan_index(max(1, round(images.value)), encoder.dimension, factory=None, shards=None)
    index = images * _INDEX_SECONDS
    return ImageForecast(
        files=total,
        parts=max(1, -(-total // IMAGES_PER_PART)),
        sample=len(chosen),
        images=images,
        device=encoder.device_name,
        encoder=encoder.name,
        workers=workers,
        network_seconds=network,
        decode_seconds=decode,
        encode_seconds=encode,
        gpu_seconds=encode if encoder.device.type == "cuda" else None,
        index_seconds=index,
        wall_seconds=network + _slower(decode * (1 / workers), encode) + index * (1 / workers),
        disk_bytes={
            "downloads": content if fetching.is_address else Estimate(0.0, 0.0, 0.0),
            "embeddings": images * (2.0 * encoder.dimension + _ROW_BYTES),
            "index": images * (_INDEX_BYTES * encoder.dimension),
        },
        index=plan.factory,
    )


def count_files(snapshot: Snapshot, kinds: Sequence[str]) -> list[str]:
    """Return the distinct files of some kinds that a snapshot links to, one name each."""
    wanted = frozenset(kinds)
    found: dict[int, str] = {}
    for batch in snapshot.batches("image_links", ["file"]):
        for file in batch.column(0).unique().to_pylist():
            if drop_reason(file, wanted) is None:
                found.setdefault(image_id(file), file)
    return list(found.values())


def _had(names: Sequence[str], fetching: FetchOptions, wiki: str) -> tuple[list[Outcome], list[float]]:
    """Return what came of some files, and the seconds that each took."""
    if fetching.is_address:
        return ask_server(names, fetching, wiki)
    folder = open_folder(
        as_path(fetching.images),
        wiki,
        width=fetching.width,
        max_bytes=fetching.max_bytes,
        shared_only=fetching.repository == "commons",
    )
    outcomes, seconds = [], []
    for name in names:
        began = time.monotonic()
        outcomes.append(folder.find(name))
        seconds.append(time.monotonic() - began)
    return outcomes, seconds


def _decode_seconds(outcomes: Sequence[Outcome], encoder: Encoder) -> list[float]:
    seconds = []
    for outcome in outcomes:
        began = time.process_time()
        try:
            if not outcome.error:
                encoder.preprocess(decode_image(outcome.content, side=encoder.side))
        except BrokenImageError:
            pass  # it takes its time all the same
        seconds.append(time.process_time() - began)
    return seconds


def _encode_seconds(encoder: Encoder) -> list[float]:
    batch = encoder.blank_batch(_BATCH)
    encoder.encode_batch(batch)
    seconds: list[float] = []
    while len(seconds) < _FEWEST_BATCHES or (len(seconds) < _MOST_BATCHES and sum(seconds) < _LONG_ENOUGH):
        began = time.perf_counter()
        encoder.encode_batch(batch)
        seconds.append(time.perf_counter() - began)
    return seconds


def _slower(one: Estimate, other: Estimate) -> Estimate:
    """Return the time of two things that go on at once."""
    return one if one.value > other.value else other
