"""The encode stage: images in, vectors out, part by part; the same bytes are encoded once.

One stream of batches runs through all parts, so that the device never waits for a part to end; a part is
written when the last of its images is back. Vectors that are there already, of this encoder and of the same
bytes, are taken over, and so are those that were made elsewhere (`ready_vectors`).
"""

from __future__ import annotations

import functools
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
from rich.console import Console

from kc_schema.image_manifest import EncoderDescription
from kc_schema.image_tables import embeddings_schema
from kc_schema.store import Part, Step, fingerprint, read_footer, read_json, read_parquet, write_json
from pipelines.engine import Engine, Progress
from pipelines.image_index.encoding.cluster_vectors import encode_elsewhere, remove_vectors
from pipelines.image_index.encoding.image_vectors import Vector, find_batch_size, vectors_of_images
from pipelines.image_index.encoding.options import EncodeOptions
from pipelines.image_index.encoding.ready_vectors import (
    ReadyVector,
    ready_vectors,
    remove_ready_files,
    taken_vectors,
)
from pipelines.image_index.errors import EncoderError, ImageIndexError
from pipelines.image_index.fetching.fetch import fetched_parts
from pipelines.image_index.layout import FetchedPart, Layout, write_table
from pipelines.image_index.plan import Plan

if TYPE_CHECKING:
    from pipelines.image_index.encoding.encoder import Encoder

__all__ = ["Encode", "EncodedPart", "all_fetched", "encoded_parts", "kept_encoder"]

ENCODER = b"encoder"
"""Key of the encoder's fingerprint in the metadata of a part."""
NOT_ENCODED = "not encoded (--encoder none)"
VECTOR_LOST = "its given vector is gone"
_ENCODER = "encoder.json"
_ROWS_PER_GROUP = 1024


@dataclass(frozen=True, slots=True)
class EncodedPart:
    """A part of the table of embeddings, with what came of its images."""

    part: Part
    encoded: int
    """How many were encoded for it; the vectors of the others were there."""
    failed: dict[str, int]
    """Images without a vector, by reason."""


def encoded_parts(layout: Layout, fetched: Mapping[int, FetchedPart], encoder: str) -> dict[int, EncodedPart]:
    """Return the parts whose embeddings are there and current, by number; `encoder` is its fingerprint."""
    kept = {number: _step(layout, number, part, encoder).result() for number, part in fetched.items()}
    return {number: part for number, part in kept.items() if part is not None}


def kept_encoder(layout: Layout) -> EncoderDescription | None:
    """Return the encoder with which images were encoded last; None before any."""
    try:
        return read_json(layout.work / _ENCODER, EncoderDescription)
    except (OSError, ValueError):
        return None


def _step(layout: Layout, number: int, fetched: FetchedPart, encoder: str) -> Step[EncodedPart]:
    return layout.step("embeddings", number, fingerprint(fetched.digest, encoder), EncodedPart)


class Encode:
    """The stage: encodes the parts of the records whose embeddings are not there or not current."""

    def __init__(
        self,
        layout: Layout,
        plan: Plan,
        encoding: EncodeOptions,
        workers: int,
        console: Console,
        elsewhere: Engine | None = None,
    ) -> None:
        """Prepare the stage.

        Args:
            workers: processes of this machine that decode.
            elsewhere: the engine of a cluster whose workers encode; None encodes here.
        """
        self._layout = layout
        self._plan = plan
        self._options = encoding
        self._workers = workers
        self._console = console
        self._elsewhere = elsewhere

    def check(self) -> None:
        """Open the encoder: what it lacks is said before hours of fetching.

        Raises:
            EncoderError: it cannot be had, not on the device that was asked for, or it did not make the vectors that
                were given.
        """
        described = self._description
        if not self._options.overwrite:
            _check_encoder(self._layout, described)
        if self._options.encodes_nothing:
            line = f"no encoder: images without a vector of {described.name} are counted, not encoded"
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)
            return
        encoder = self._encoder
        line = f"encoder {encoder.name} on {encoder.device_name}, {encoder.dimension} numbers a vector"
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def is_current(self) -> bool:
        """Tell whether all images that were had have vectors of this encoder."""
        fetched = all_fetched(self._layout, self._plan)
        known = kept_encoder(self._layout) == self._description
        return known and len(self._current(fetched)) == len(fetched)

    def run(self) -> int:
        """Encode; return how many images were.

        Raises:
            EncoderError: the embeddings that are there are another encoder's.
            ImageIndexError: not all images are fetched.
        """
        layout, encoder = self._layout, self._description
        fetched = all_fetched(layout, self._plan)
        current = self._current(fetched)
        pending = [number for number in fetched if number not in current]
        if pending and not self._options.overwrite:
            _check_encoder(layout, encoder)
        write_json(layout.work / _ENCODER, encoder)
        if not pending:
            return 0
        repeated = _repeated(layout, fetched)
        shared = _shared_vectors(layout, fetched, current, repeated)
        planned = _plan_items(layout, pending, encoder, repeated, shared)
        total = sum(fetched[number].images + fetched[number].vectors for number in pending)
        with Progress(self._console, "Encode", total, unit="images") as progress:
            results = self._results(pending, planned, progress)
            for number in pending:
                found = dict(itertools.islice(results, len(planned[number])))
                part = _write_part(layout, number, encoder, found, repeated, shared)
                _step(layout, number, fetched[number], encoder.fingerprint).finish(part)
                progress.advance(part.part.rows + sum(part.failed.values()) - len(found))
        remove_vectors(layout)
        remove_ready_files(layout)
        return progress.fresh

    @functools.cached_property
    def _description(self) -> EncoderDescription:
        """What is known of the encoder: of one that is opened all, else what was said with vectors.

        Raises:
            EncoderError: there is none, or the vectors that were given are another encoder's.
        """
        kept, taken = kept_encoder(self._layout), taken_vectors(self._layout)
        if self._options.encodes_nothing:
            if taken is not None:
                return kept if kept is not None and kept.same_space(taken.encoder) else taken.encoder
            if kept is None:
                raise EncoderError(
                    "--encoder none: then vectors are needed; give --embeddings FILE, or an encoder"
                )
            return kept
        own = self._encoder.describe()
        if taken is not None and not taken.encoder.same_space(own):
            raise EncoderError(
                f"--embeddings: its vectors are of {taken.encoder.name} (weights {taken.encoder.weights_sha256[:16]},"
                f" {taken.encoder.dimension} numbers), and --encoder {own.name} has weights {own.weights_sha256[:16]}"
                f" and {own.dimension} numbers; give the encoder that made them, or --encoder none"
            )
        return kept if kept is not None and kept.is_stated and kept.same_space(own) else own

    def _current(self, fetched: Mapping[int, FetchedPart]) -> dict[int, EncodedPart]:
        """Return the parts with which nothing more can be done."""
        parts = encoded_parts(self._layout, fetched, self._description.fingerprint)
        return {number: part for number, part in parts.items() if not self._can_go_on(number, part)}

    def _can_go_on(self, number: int, part: EncodedPart) -> bool:
        if NOT_ENCODED in part.failed and not self._options.encodes_nothing:
            return True
        return VECTOR_LOST in part.failed and bool(ready_vectors(self._layout, number))

    @functools.cached_property
    def _encoder(self) -> Encoder:
        return self._options.open()

    def _results(
        self, pending: Sequence[int], planned: Mapping[int, npt.NDArray[np.int64]], progress: Progress
    ) -> Iterator[tuple[int, Vector | str]]:
        """Yield id and result of every planned item of the pending parts, in order."""

        def report(done: int, size: int, failed: Mapping[str, int]) -> None:
            progress.advance(done, size=size, failures=failed)

        if self._options.encodes_nothing:
            for number in pending:
                report(len(planned[number]), 0, {NOT_ENCODED: len(planned[number])})
                yield from ((image, NOT_ENCODED) for image in planned[number].tolist())
            return
        if self._elsewhere is not None:
            yield from encode_elsewhere(
                self._layout, planned, self._encoder.describe(), self._options, self._elsewhere, report
            )
            return
        numbers = np.repeat(pending, [len(planned[number]) for number in pending])
        items = np.stack([numbers, np.concatenate([planned[number] for number in pending])], axis=1)
        if not len(items):
            return
        size = self._options.batch_size or find_batch_size(self._encoder)
        self._console.print(f"encoding {len(items):,} images in batches of {size}", highlight=False)
        yield from vectors_of_images(
            self._layout, items, self._encoder, batch_size=size, workers=self._workers, report=report
        )


def all_fetched(layout: Layout, plan: Plan) -> dict[int, FetchedPart]:
    """Return all parts of the records.

    Raises:
        ImageIndexError: not all are fetched.
    """
    fetched = fetched_parts(layout, plan)
    if len(fetched) < len(plan.planned):
        raise ImageIndexError(
            f"{layout.images}: {len(fetched)} of {len(plan.planned)} parts are fetched; run"
            f" python -m pipelines.build_image_kc --kc {layout.kc} --stage fetch"
        )
    return fetched


def _check_encoder(layout: Layout, encoder: EncoderDescription) -> None:
    for path in sorted((layout.images / "embeddings").glob("part-*.parquet")):
        fingerprint, name = _made_by(path)
        if fingerprint != encoder.fingerprint:
            raise EncoderError(
                f"{path.parent}: holds embeddings of another encoder ({name}); those of"
                f" {encoder.name} are never mixed with them: give --overwrite to replace them, or the encoder that"
                " made them"
            )


def _made_by(path: Path) -> tuple[str, str]:
    """Return the fingerprint and the name of the encoder that made a part."""
    metadata = read_footer(path).metadata or {}
    return metadata.get(ENCODER, b"").decode(), metadata.get(b"name", b"").decode()


@dataclass(frozen=True, slots=True)
class _Image:
    """An image of a part that has a vector, or is to have one."""

    image: int
    sha256: str
    """Of its bytes; empty where only its vector was given."""


def _images(layout: Layout, number: int) -> list[_Image]:
    """Return the images of a part that were had, or whose vectors were given, by id."""
    table = read_parquet(layout.part("records", number), columns=["image_id", "status", "sha256"])
    table = table.filter(pc.not_equal(table["status"], "failed"))
    return [
        _Image(*row) for row in zip(table["image_id"].to_pylist(), table["sha256"].to_pylist(), strict=True)
    ]


def _ready(layout: Layout, number: int) -> dict[int, ReadyVector]:
    """Return the given vectors that count: of an image that was had only if they are of the same bytes."""
    given = ready_vectors(layout, number)
    if not given:
        return {}
    return {
        one.image: given[one.image]
        for one in _images(layout, number)
        if one.image in given and (not one.sha256 or given[one.image].sha256 in ("", one.sha256))
    }


def _prefixes(checksums: Sequence[str]) -> npt.NDArray[np.uint64]:
    return np.array([int(value[:16], 16) for value in checksums], np.uint64)


def _repeated(layout: Layout, fetched: Mapping[int, Any]) -> frozenset[int]:
    """Return the first 64 bits of the checksums that more than one image has: few, so they fit in memory."""
    prefixes = [
        _prefixes([one.sha256 for one in _images(layout, number) if one.sha256]) for number in fetched
    ]
    values, counts = np.unique(np.concatenate(prefixes), return_counts=True)
    return frozenset(values[counts > 1].tolist())


def _is_repeated(sha256: str, repeated: frozenset[int]) -> bool:
    return int(sha256[:16], 16) in repeated


def _shared_vectors(
    layout: Layout, fetched: Mapping[int, Any], current: Mapping[int, Any], repeated: frozenset[int]
) -> dict[str, Vector | str]:
    """Return the vectors that copies take over, by checksum: those that were given, then those of finished parts."""
    shared: dict[str, Vector | str] = {}
    if repeated:
        for number in fetched:
            given = _ready(layout, number)
            for one in _images(layout, number) if given else ():
                if one.sha256 and one.image in given and _is_repeated(one.sha256, repeated):
                    shared.setdefault(one.sha256, given[one.image].pair)
        for number in current:
            vectors = _kept_vectors(layout, number, None).by_bytes
            for key in vectors:
                if _is_repeated(key, repeated):
                    shared.setdefault(key, vectors[key])
    return shared


@dataclass(frozen=True)
class _KeptVectors:
    """The vectors that a part holds from before."""

    by_bytes: Mapping[str, Vector]
    """Of images whose bytes were encoded, by checksum."""
    by_image: Mapping[int, tuple[str, Vector]]
    """Those of all images, with the checksum of what was encoded."""

    @functools.cached_property
    def elsewhere(self) -> frozenset[int]:
        """The images whose vectors were made elsewhere, of bytes that are not known."""
        return frozenset(image for image, (sha256, _) in self.by_image.items() if not sha256)


def _kept_vectors(layout: Layout, number: int, encoder: EncoderDescription | None) -> _KeptVectors:
    """Return the vectors of a part; with `encoder`, only if it made them."""
    path = layout.part("embeddings", number)
    if not path.is_file() or (encoder is not None and _made_by(path)[0] != encoder.fingerprint):
        return _KeptVectors({}, {})
    table = read_parquet(path).combine_chunks()
    if not len(table):
        return _KeptVectors({}, {})
    values = table["vector"].combine_chunks().flatten().to_numpy(zero_copy_only=False).reshape(len(table), -1)
    columns = [table[name].to_pylist() for name in ("image_id", "sha256", "norm")]
    rows = [
        (image, sha256, (vector, norm)) for image, sha256, norm, vector in zip(*columns, values, strict=True)
    ]
    return _KeptVectors(
        {sha256: vector for _, sha256, vector in rows if sha256},
        {image: (sha256, vector) for image, sha256, vector in rows},
    )


def _plan_items(
    layout: Layout,
    pending: Sequence[int],
    encoder: EncoderDescription,
    repeated: frozenset[int],
    shared: Mapping[str, Any],
) -> dict[int, npt.NDArray[np.int64]]:
    """Return, part by part, the images that must be encoded: one for each checksum that has no vector yet."""
    planned: dict[int, npt.NDArray[np.int64]] = {}
    seen = set(shared)
    for number in pending:
        had, given = _kept_vectors(layout, number, encoder), _ready(layout, number)
        images: list[int] = []
        for one in _images(layout, number):
            if (
                not one.sha256
                or one.sha256 in had.by_bytes
                or one.image in given
                or one.image in had.elsewhere
            ):
                continue
            if _is_repeated(one.sha256, repeated):
                if one.sha256 in seen:
                    continue
                seen.add(one.sha256)
            images.append(one.image)
        planned[number] = np.array(images, np.int64)
    return planned


def _write_part(
    layout: Layout,
    number: int,
    encoder: EncoderDescription,
    found: Mapping[int, Vector | str],
    repeated: frozenset[int],
    shared: dict[str, Vector | str],
) -> EncodedPart:
    """Write the embeddings of a part: of what was found now, what was given, and vectors that were there."""
    had, given = _kept_vectors(layout, number, encoder), _ready(layout, number)
    rows: list[tuple[int, str, Vector]] = []
    failed: Counter[str] = Counter()
    for one in _images(layout, number):
        if one.image in given:
            rows.append((one.image, given[one.image].sha256, given[one.image].pair))
            continue
        if one.image in had.elsewhere or not one.sha256:
            if one.image in had.by_image:
                rows.append((one.image, *had.by_image[one.image]))
            else:
                failed[VECTOR_LOST] += 1
            continue
        result = found.get(one.image, had.by_bytes.get(one.sha256))
        if _is_repeated(one.sha256, repeated):
            result = shared.setdefault(one.sha256, result) if result is not None else shared[one.sha256]
        if result is None or isinstance(result, str):
            failed[str(result)] += 1
        else:
            rows.append((one.image, one.sha256, result))
    part = write_table(
        _table(rows, encoder),
        layout.part("embeddings", number),
        layout.images,
        compression="none",
        row_group_size=_ROWS_PER_GROUP,
        use_dictionary=False,
    )
    return EncodedPart(part, len(found), dict(sorted(failed.items())))


def _table(rows: Sequence[tuple[int, str, Vector]], encoder: EncoderDescription) -> pa.Table:
    metadata = {
        ENCODER: encoder.fingerprint.encode(),
        b"name": encoder.name.encode(),
        b"weights_sha256": encoder.weights_sha256.encode(),
    }
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
