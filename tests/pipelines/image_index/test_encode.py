"""The encode stage: duplicates, what is taken over, what is never mixed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from rich.console import Console

pytest.importorskip("open_clip")

import torch

from kc_schema.image_tables import embeddings_schema
from kc_schema.snapshot import open_snapshot
from pipelines.engine import Engine
from pipelines.image_index.encoding.encode import Encode, encoded_parts
from pipelines.image_index.encoding.encoder import Encoder, open_encoder
from pipelines.image_index.encoding.options import EncodeOptions
from pipelines.image_index.errors import EncoderError
from pipelines.image_index.fetching.fetch import Fetch, FetchOptions, fetched_parts
from pipelines.image_index.layout import FetchedPart, Layout
from pipelines.image_index.plan import Plan, make_plan
from pipelines.image_index.vectors import Embeddings
from tests.pipelines.image_index.snapshots import write_snapshot
from tests.services.media_server import draw, encode_as

pytestmark = pytest.mark.torch

QUIET = Console(quiet=True)
PROJECTION = "tests.pipelines.image_index.encoders:random_projection"


@pytest.fixture
def encoder() -> Encoder:
    return open_encoder(PROJECTION, device="cpu")


def prepare(kc: Path, images: dict[str, bytes]) -> Path:
    folder = kc.parent / "images"
    folder.mkdir(exist_ok=True)
    for file, content in images.items():
        (folder / file).write_bytes(content)
    return write_snapshot(kc, {"Page": list(images)})


def fetched(kc: Path) -> tuple[Plan, dict[int, FetchedPart]]:
    layout = Layout(kc)
    plan = make_plan(open_snapshot(kc), layout, kinds=["jpeg", "png"], part_bits=2)
    how = FetchOptions(images=str(kc.parent / "images"))
    stage = Fetch(layout, plan, how, "wikipedia/en", Engine(), QUIET)
    if not stage.is_current():
        stage.run()
    return plan, fetched_parts(layout, plan)


def run(kc: Path, encoder: Encoder, *, workers: int = 1, **options: object) -> dict[str, np.ndarray]:
    """Encode, and return the vectors by file."""
    layout = Layout(kc)
    plan, records = fetched(kc)
    how = EncodeOptions(**{"batch_size": 4, **options})  # type: ignore[arg-type]
    stage = Encode(layout, plan, how, workers, QUIET)
    stage.__dict__["_encoder"] = encoder
    if not stage.is_current():
        stage.run()
    assert stage.is_current()
    parts = encoded_parts(layout, records, encoder.fingerprint)
    assert len(parts) == 4
    embeddings = Embeddings(layout.images, tuple(parts[n].part for n in range(4)), encoder.dimension)
    ids, vectors = [], []
    for _, some, matrix in embeddings.blocks():
        ids += some.tolist()
        vectors += list(matrix)
    files = {}
    for number in range(4):
        for row in pq.read_table(layout.part("records", number)).to_pylist():
            files[row["image_id"]] = row["file"]
    return {files[image]: vector for image, vector in zip(ids, vectors, strict=True)}


class Counting:
    """Counts the images that an encoder is given."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.images = 0
        encode_batch = Encoder.encode_batch

        def count(encoder: Encoder, batch: torch.Tensor) -> np.ndarray:
            self.images += len(batch)
            return encode_batch(encoder, batch)

        monkeypatch.setattr(Encoder, "encode_batch", count)


@pytest.fixture
def counted(encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> Counting:
    return Counting(monkeypatch)


IMAGES = {f"F{n}.jpg": encode_as(draw(n), "JPEG") for n in range(15)}


@pytest.mark.parametrize("workers", [1, 2])
def test_every_image_has_a_vector_of_length_one_and_its_norm(
    tmp_path: Path, encoder: Encoder, workers: int
) -> None:
    kc = prepare(tmp_path / "kc", IMAGES)
    vectors = run(kc, encoder, workers=workers)
    assert set(vectors) == set(IMAGES)
    expected = encoder.encode_images([draw(n) for n in range(15)])
    for n in range(15):
        assert vectors[f"F{n}.jpg"] @ expected[n] / np.linalg.norm(expected[n]) > 0.99
        assert np.linalg.norm(vectors[f"F{n}.jpg"].astype(np.float64)) == pytest.approx(1, abs=2e-3)
    table = pq.read_table(Layout(kc).part("embeddings", 0))
    assert table.schema.equals(embeddings_schema(16))
    assert (np.asarray(table["norm"]) > 0).all()


def test_the_same_bytes_are_encoded_once(tmp_path: Path, encoder: Encoder, counted: Counting) -> None:
    copies = {f"Copy_{n}.jpg": IMAGES["F3.jpg"] for n in range(10)}
    kc = prepare(tmp_path / "kc", {**IMAGES, **copies})
    vectors = run(kc, encoder)
    assert counted.images == 15
    assert all(np.array_equal(vectors[copy], vectors["F3.jpg"]) for copy in copies)


def test_finished_parts_stay_as_they_are(tmp_path: Path, encoder: Encoder) -> None:
    kc = prepare(tmp_path / "kc", {**IMAGES, "Copy.jpg": IMAGES["F3.jpg"]})
    before = run(kc, encoder)
    layout = Layout(kc)
    content = layout.part("embeddings", 2).read_bytes()
    times = [layout.part("embeddings", n).stat().st_mtime_ns for n in range(4)]
    layout.part("embeddings", 2).unlink()
    after = run(kc, encoder)
    assert layout.part("embeddings", 2).read_bytes() == content
    assert [layout.part("embeddings", n).stat().st_mtime_ns == t for n, t in enumerate(times)] == [
        True,
        True,
        False,
        True,
    ]
    assert all(np.array_equal(before[file], after[file]) for file in before)


def test_a_refresh_encodes_new_images_only(tmp_path: Path, encoder: Encoder, counted: Counting) -> None:
    kc = prepare(tmp_path / "kc", IMAGES)
    first = run(kc, encoder)
    new = {f"New_{n}.jpg": encode_as(draw(100 + n), "JPEG") for n in range(3)}
    kept = {file: IMAGES[file] for file in list(IMAGES)[5:]}
    prepare(kc, {**kept, **new, "Renamed.jpg": IMAGES["F9.jpg"]})
    counted.images = 0
    second = run(kc, encoder)
    assert set(second) == {*kept, *new, "Renamed.jpg"}
    assert all(np.array_equal(first[file], second[file]) for file in kept)
    assert np.array_equal(second["Renamed.jpg"], first["F9.jpg"])
    # Of a copy under another name the vector is taken over, unless its part comes before the original's.
    assert 3 <= counted.images <= 4


def test_vectors_of_two_encoders_are_never_mixed(tmp_path: Path, encoder: Encoder) -> None:
    from tests.pipelines.image_index.encoders import write_random_clip

    kc = prepare(tmp_path / "kc", IMAGES)
    run(kc, encoder)
    other = open_encoder(str(write_random_clip(tmp_path / "clip")), device="cpu")
    with pytest.raises(EncoderError, match=r"embeddings of another encoder .* never mixed .* --overwrite"):
        run(kc, other)
    assert run(kc, other, overwrite=True)["F1.jpg"].shape == (32,)


def test_what_cannot_be_encoded_is_counted(tmp_path: Path, encoder: Encoder) -> None:
    kc = prepare(tmp_path / "kc", IMAGES)
    fetched(kc)
    (tmp_path / "images" / "F1.jpg").unlink()
    (tmp_path / "images" / "F2.jpg").write_bytes(IMAGES["F3.jpg"])
    vectors = run(kc, encoder)
    assert set(IMAGES) - set(vectors) == {"F1.jpg", "F2.jpg"}
    layout = Layout(kc)
    parts = encoded_parts(layout, fetched(kc)[1], encoder.fingerprint)
    reasons = {reason: n for part in parts.values() for reason, n in part.failed.items()}
    assert reasons == {"changed since it was fetched": 1, "file is gone": 1}
