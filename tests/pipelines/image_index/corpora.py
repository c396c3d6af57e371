"""Small image corpora written for tests, without a network and without an encoder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from kc_schema.image_manifest import EncoderDescription, ImageManifest, ImageSource, write_image_manifest
from kc_schema.image_tables import IMAGE_TABLES, embeddings_schema, part_number
from kc_schema.store import Part, checksum
from pipelines.image_index.vectors import Embeddings

ENCODER = EncoderDescription("test", "0" * 64, "1" * 64, 32)
SOURCE = ImageSource("https://media.example.org", "wikipedia/en", 500, ("jpeg",))


def clustered_vectors(
    rows: int, dimension: int = 32, *, clusters: int = 64, spread: float = 0.5, seed: int = 0
) -> npt.NDArray[np.float16]:
    """Return vectors of length 1 that lie in clusters, as those of real images do."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(clusters, dimension))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    noise = rng.normal(size=(rows, dimension)) / np.sqrt(dimension)
    vectors = centres[rng.integers(0, clusters, rows)] + spread * noise
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)


def random_ids(rows: int, *, seed: int = 1) -> npt.NDArray[np.int64]:
    """Return ascending ids, spread over all that an image may have."""
    rng = np.random.default_rng(seed)
    return np.sort(rng.choice(1 << 62, rows, replace=False).astype(np.int64) * 2)


def write_embeddings(
    images: Path, ids: npt.NDArray[np.int64], vectors: npt.NDArray[np.float16], *, part_bits: int = 2
) -> Embeddings:
    """Write a table of embeddings, cut into parts by id."""
    dimension = vectors.shape[1]
    parts = []
    numbers = np.array([part_number(int(i), part_bits) for i in ids])
    for number in range(1 << part_bits):
        chosen = numbers == number
        table = pa.table(
            [
                pa.array(ids[chosen]),
                pa.array(["" for _ in range(int(chosen.sum()))], pa.string()),
                pa.FixedSizeListArray.from_arrays(pa.array(vectors[chosen].reshape(-1)), dimension),
                pa.array(np.ones(int(chosen.sum()), np.float32)),
            ],
            schema=embeddings_schema(dimension),
        )
        parts.append(_write(images, "embeddings", number, table))
    return Embeddings(images, tuple(parts), dimension)


def write_corpus(
    kc: Path,
    ids: npt.NDArray[np.int64],
    vectors: npt.NDArray[np.float16],
    articles: dict[int, list[tuple[int, str, str]]] | None = None,
    *,
    part_bits: int = 2,
) -> Embeddings:
    """Write all tables of an image corpus.

    The image at place i is `image_i.jpg`, shown by the articles (page id, title, place) under its id, or by
    one article "Article i" with the page id i.
    """
    images = kc / "images"
    embeddings = write_embeddings(images, ids, vectors, part_bits=part_bits)
    for number in range(1 << part_bits):
        places = [i for i, image in enumerate(ids.tolist()) if part_number(image, part_bits) == number]
        records = [_record(int(ids[i]), i) for i in places]
        shown = [row for i in places for row in _articles(int(ids[i]), i, articles or {})]
        for table, rows in (("records", records), ("articles", shown)):
            _write(images, table, number, pa.Table.from_pylist(rows, schema=IMAGE_TABLES[table]))
    write_image_manifest(kc, ImageManifest(snapshot="", source=SOURCE, part_bits=part_bits, tables={}))
    return embeddings


def _record(image: int, place: int) -> dict[str, Any]:
    return {
        "image_id": image,
        "file": f"image_{place}.jpg",
        "url": f"image_{place}.jpg",
        "status": "ok",
        "error": "",
        "width": 1,
        "height": 1,
        "sha256": "",
        "mime": "image/jpeg",
        "bytes": 1,
        "repository": "commons",
    }


def _articles(
    image: int, place: int, articles: dict[int, list[tuple[int, str, str]]]
) -> list[dict[str, Any]]:
    shown = sorted(articles.get(image, [(place, f"Article {place}", "thumbnail")]))
    return [
        {
            "image_id": image,
            "page_id": page,
            "title": title,
            "introduction": f"About <e: It> {title} </e>.",
            "caption": "",
            "place": where,
        }
        for page, title, where in shown
    ]


def _write(images: Path, table: str, number: int, rows: pa.Table) -> Part:
    path = images / table / f"part-{number:05d}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(rows, path, row_group_size=100)
    return Part(f"{table}/{path.name}", len(rows), path.stat().st_size, checksum(path))
