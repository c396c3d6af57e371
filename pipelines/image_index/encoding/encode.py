"""The encode stage: images in, vectors out, part by part; the same bytes are encoded once.

One stream of batches runs through all parts, so that the device never waits for a part to end; a part is
written when the last of its images is back. Vectors that are there already, of this encoder and of the same
bytes, are taken over.
"""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from rich.console import Console

from kc_schema.files import write_atomically
from kc_schema.image_tables import embeddings_schema
from kc_schema.snapshot import Part, checksum
from pipelines.image_index.errors import EncoderError
from pipelines.image_index.layout import Layout
from pipelines.image_index.progress import StageProgress
from pipelines.image_index.vectors import Embeddings

if TYPE_CHECKING:
    import torch

    from pipelines.image_index.encoding.encoder import Encoder

__all__ = ["EncodeOptions", "embeddings_of", "encode", "encoded_states"]

ENCODER = b"encoder"
"""Key of the encoder's fingerprint in the metadata of a part."""
_ROWS_PER_GROUP = 1024
_BATCH_ON_CPU = 32
_TRIED_BATCHES = (32, 64, 128, 256, 512, 1024)
_WORTHWHILE = 1.05

Vector = tuple[npt.NDArray[np.float16], float]
"""A vector of length 1, and the length that it had."""


@dataclass(frozen=True, slots=True)
class EncodeOptions:
    """How images are encoded."""

    batch_size: int | None = None
    """Images a batch; found by trying with None."""
    workers: int = 1
    """Processes that decode."""
    overwrite: bool = False
    """Whether embeddings of another encoder may be replaced."""


def encode(
    layout: Layout,
    records: Mapping[int, Mapping[str, Any]],
    encoder: Encoder,
    options: EncodeOptions,
    console: Console,
) -> None:
    """Encodes the parts of the records whose embeddings are not there or not current.

    Args:
        records: the states of the parts' records, by number.

    Raises:
        EncoderError: the embeddings that are there are another encoder's.
    """
    current = encoded_states(layout, records, encoder.fingerprint)
    _remove_stray_parts(layout, records)
    pending = [number for number in records if number not in current]
    if not pending:
        return
    if not options.overwrite:
        _check_encoder(layout, encoder)
    repeated = _repeated(layout, records)
    shared = _shared_vectors(layout, current, repeated)
    planned = _plan_items(layout, pending, encoder, repeated, shared)
    numbers = np.repeat(pending, [len(planned[number]) for number in pending])
    items = np.stack([numbers, np.concatenate([planned[number] for number in pending])], axis=1)
    total = sum(records[number]["ok"] for number in pending)
    with StageProgress(console, "encoding", total) as progress:
        results = _results(layout, items, encoder, options, console, progress)
        for number in pending:
            found = dict(itertools.islice(results, len(planned[number])))
            state = _write_part(layout, number, records[number], encoder, found, repeated, shared)
            failures = sum(state["failed"].values())
            progress.add(state["parts"][0]["rows"] + failures - len(found))


def encoded_states(
    layout: Layout, records: Mapping[int, Mapping[str, Any]], encoder_fingerprint: str
) -> dict[int, dict[str, Any]]:
    """Gives the states of the parts whose embeddings are there and current, by number."""
    states = {}
    for number, record in records.items():
        state = layout.read_state("embeddings", number, _fingerprint(record, encoder_fingerprint))
        if state is not None:
            states[number] = state
    return states


def embeddings_of(layout: Layout, states: Mapping[int, Mapping[str, Any]], dimension: int) -> Embeddings:
    """Gives the table of embeddings whose parts have these states."""
    parts = [Part(**states[number]["parts"][0]) for number in sorted(states)]
    return Embeddings(layout.images, tuple(parts), dimension)


def find_batch_size(encoder: Encoder) -> int:
    """Gives the batch that encodes most images a second on the encoder's device, smaller ones preferred."""
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


def _fingerprint(record: Mapping[str, Any], encoder_fingerprint: str) -> str:
    return hashlib.sha256(f"{record['digest']} {encoder_fingerprint}".encode()).hexdigest()


def _remove_stray_parts(layout: Layout, records: Mapping[int, Any]) -> None:
    for path in (layout.images / "embeddings").glob("part-*"):
        if int(path.stem.partition("-")[2]) not in records:
            path.unlink()


def _check_encoder(layout: Layout, encoder: Encoder) -> None:
    for path in sorted((layout.images / "embeddings").glob("part-*.parquet")):
        fingerprint, name = _made_by(path)
        if fingerprint != encoder.fingerprint:
            raise EncoderError(
                f"{path.parent}: holds embeddings of another encoder ({name}); those of"
                f" {encoder.name} are never mixed with them: give --overwrite to replace them, or the encoder that"
                " made them"
            )


def _made_by(path: Path) -> tuple[str, str]:
    """Gives the fingerprint and the name of the encoder that made a part."""
    metadata = pq.read_schema(path).metadata or {}
    return metadata.get(ENCODER, b"").decode(), metadata.get(b"name", b"").decode()


def _images(layout: Layout, number: int) -> tuple[list[int], list[str]]:
    """Gives ids and checksums of the images of a part that were had, by id."""
    table = pq.read_table(layout.part("records", number), columns=["image_id", "status", "sha256"])
    table = table.filter(pc.equal(table["status"], "ok"))
    return table["image_id"].to_pylist(), table["sha256"].to_pylist()


def _prefixes(checksums: Sequence[str]) -> npt.NDArray[np.uint64]:
    return np.array([int(value[:16], 16) for value in checksums], np.uint64)


def _repeated(layout: Layout, records: Mapping[int, Any]) -> frozenset[int]:
    """Gives the first 64 bits of the checksums that more than one image has: few, so they fit in memory."""
    prefixes = [_prefixes(_images(layout, number)[1]) for number in records]
    values, counts = np.unique(np.concatenate(prefixes), return_counts=True)
    return frozenset(values[counts > 1].tolist())


def _is_repeated(sha256: str, repeated: frozenset[int]) -> bool:
    return int(sha256[:16], 16) in repeated


def _shared_vectors(
    layout: Layout, current: Mapping[int, Any], repeated: frozenset[int]
) -> dict[str, Vector | str]:
    """Gives the vectors of finished parts whose images are to be found in others too, by checksum."""
    shared: dict[str, Vector | str] = {}
    if repeated:
        for number in current:
            vectors = _vectors_of(layout, number, None)
            shared.update((key, vectors[key]) for key in vectors if _is_repeated(key, repeated))
    return shared


def _vectors_of(layout: Layout, number: int, encoder: Encoder | None) -> dict[str, Vector]:
    """Gives the vectors of a part by checksum; with `encoder`, only if it made them."""
    path = layout.part("embeddings", number)
    if not path.is_file():
        return {}
    if encoder is not None and _made_by(path)[0] != encoder.fingerprint:
        return {}
    table = pq.read_table(path).combine_chunks()
    if not len(table):
        return {}
    values = table["vector"].combine_chunks().flatten().to_numpy(zero_copy_only=False).reshape(len(table), -1)
    rows = zip(table["sha256"].to_pylist(), values, table["norm"].to_pylist(), strict=True)
    return {sha256: (vector, norm) for sha256, vector, norm in rows}


def _plan_items(
    layout: Layout,
    pending: Sequence[int],
    encoder: Encoder,
    repeated: frozenset[int],
    shared: Mapping[str, Any],
) -> dict[int, npt.NDArray[np.int64]]:
    """Gives, part by part, the images that must be encoded: one for each checksum that has no vector yet."""
    planned: dict[int, npt.NDArray[np.int64]] = {}
    seen = set(shared)
    for number in pending:
        had = _vectors_of(layout, number, encoder)
        images: list[int] = []
        for image, sha256 in zip(*_images(layout, number), strict=True):
            if sha256 in had:
                continue
            if _is_repeated(sha256, repeated):
                if sha256 in seen:
                    continue
                seen.add(sha256)
            images.append(image)
        planned[number] = np.array(images, np.int64)
    return planned


def _results(
    layout: Layout,
    items: npt.NDArray[np.int64],
    encoder: Encoder,
    options: EncodeOptions,
    console: Console,
    progress: StageProgress,
) -> Iterator[tuple[int, Vector | str]]:
    """Gives id and result of every item, in order."""
    from pipelines.image_index.encoding.image_batches import ImageBatches, load_batches

    if not len(items):
        return
    size = options.batch_size or find_batch_size(encoder)
    console.print(f"encoding {len(items):,} images in batches of {size}", highlight=False)
    batches = ImageBatches(layout, items, size, encoder.preprocess, encoder.side)
    pin_memory = encoder.device.type == "cuda"
    loaded = load_batches(batches, workers=options.workers, pin_memory=pin_memory)
    for number, batch in enumerate(loaded):
        asked = batches.items(number)
        results: dict[tuple[int, int], Vector | str] = dict(batch.failures)
        if batch.pixels is not None:
            vectors = _encode_batch(encoder, batch.pixels)
            results.update(zip(batch.items, map(_normalise, vectors), strict=True))
        failed = Counter(result for result in results.values() if isinstance(result, str))
        progress.add(len(asked), batch.bytes, dict(failed))
        yield from ((image, results[part, image]) for part, image in asked)


def _encode_batch(encoder: Encoder, pixels: torch.Tensor) -> npt.NDArray[np.float32]:
    """Encodes a batch; where the device has too little memory just now, half by half."""
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


def _write_part(
    layout: Layout,
    number: int,
    record: Mapping[str, Any],
    encoder: Encoder,
    found: Mapping[int, Vector | str],
    repeated: frozenset[int],
    shared: dict[str, Vector | str],
) -> dict[str, Any]:
    """Writes the embeddings of a part and the state of the step; gives the state."""
    had = _vectors_of(layout, number, encoder)
    rows: list[tuple[int, str, Vector]] = []
    failed: Counter[str] = Counter()
    for image, sha256 in zip(*_images(layout, number), strict=True):
        result = found.get(image, had.get(sha256))
        if _is_repeated(sha256, repeated):
            result = shared.setdefault(sha256, result) if result is not None else shared[sha256]
        if result is None or isinstance(result, str):
            failed[str(result)] += 1
        else:
            rows.append((image, sha256, result))
    path = layout.part("embeddings", number)
    path.parent.mkdir(parents=True, exist_ok=True)
    table = _table(rows, encoder)
    write_atomically(
        path,
        lambda temporary: pq.write_table(
            table, temporary, compression="none", row_group_size=_ROWS_PER_GROUP, use_dictionary=False
        ),
    )
    state = {
        "fingerprint": _fingerprint(record, encoder.fingerprint),
        "parts": [
            {
                "file": f"embeddings/{path.name}",
                "rows": len(rows),
                "bytes": path.stat().st_size,
                "sha256": checksum(path),
            }
        ],
        "encoded": len(found),
        "failed": dict(sorted(failed.items())),
    }
    layout.write_state("embeddings", number, state)
    return state


def _table(rows: Sequence[tuple[int, str, Vector]], encoder: Encoder) -> pa.Table:
    metadata = {ENCODER: encoder.fingerprint.encode(), b"name": encoder.name.encode()}
    schema = embeddings_schema(encoder.dimension).with_metadata(metadata)
    vectors = np.zeros((len(rows), encoder.dimension), np.float16)
    for place, (_, _, (vector, _)) in enumerate(rows):
        vectors[place] = vector
    columns = [
        pa.array([image for image, _, _ in rows], pa.int64()),
        pa.array([sha256 for _, sha256, _ in rows], pa.string()),
        pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1), pa.float16()), encoder.dimension),
        pa.array([norm for _, _, (_, norm) in rows], pa.float32()),
    ]
    return pa.table(columns, schema=schema)
