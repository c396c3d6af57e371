"""Evidence from the image corpus: by the sentence, by the whole image, by crops of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kc_schema.anchors import strip
from kc_schema.hit import Hit
from kc_schema.image_manifest import IMAGES, MANIFEST, read_image_manifest
from kc_schema.snapshot import checksum
from pipelines.image_index import ImageIndex, open_index
from pipelines.image_index.layout import Layout
from pipelines.retrieval.chunks import Chunk, Vector
from pipelines.retrieval.crops import Cropper
from pipelines.retrieval.errors import RetrievalError
from pipelines.retrieval.evidence import Evidence
from pipelines.retrieval.settings import SourceSettings

__all__ = ["ImageCorpus", "find_by_vectors", "find_objects", "with_agreement"]


_COLUMNS = {"records": ["file"], "articles": ["title", "introduction"], "embeddings": ["vector"]}


class ImageCorpus:
    """The image corpus of a snapshot, open for searching."""

    def __init__(self, kc: Path) -> None:
        """Opens the corpus.

        Raises:
            pipelines.image_index.ImageIndexError: no image index.
            kc_schema.snapshot.SnapshotError: no image corpus.
        """
        self.index: ImageIndex = open_index(kc)
        self.layout = Layout(kc)
        self.part_bits = read_image_manifest(kc).part_bits
        self.snapshot = checksum(kc / IMAGES / MANIFEST)
        """Checksum of the image corpus' manifest."""
        self._rows = {
            table: self.layout.rows(table, columns, self.part_bits) for table, columns in _COLUMNS.items()
        }

    @property
    def embedding_files(self) -> list[Path]:
        """The parts of the embeddings: one row for each image that a search can find."""
        parts = (self.layout.part("embeddings", number) for number in range(1 << self.part_bits))
        return [path for path in parts if path.is_file()]

    def fetch(self, table: str, images: Iterable[int]) -> dict[int, list[dict[str, Any]]]:
        """Gives image id -> its rows in ``records``, ``articles`` or ``embeddings``.

        Raises:
            pipelines.image_index.ImageIndexError: a table cannot be read.
        """
        return self._rows[table].fetch_all(images)

    def check_encoder(self, encoder: Any) -> None:
        """Refuses an encoder whose vectors are not of the index' space.

        Raises:
            RetrievalError: it is another one than that which made the index.
        """
        made_by = self.index.encoder
        if encoder.fingerprint != made_by.fingerprint:
            raise RetrievalError(
                f"{self.layout.images}: the index was made by the encoder {made_by.name} (weights"
                f" {made_by.weights_sha256[:12]}), and {encoder.name} (weights {encoder.weights_sha256[:12]})"
                " is not the same: give it with --encoder, or build the index again with this one"
            )

    def mean_vector(self, images: Iterable[int]) -> npt.NDArray[np.float64] | None:
        """Gives the mean of the vectors (of length 1) of some images; None of none.

        Raises:
            pipelines.image_index.ImageIndexError: a table cannot be read.
        """
        wanted = [image for image in images if image >= 0]
        found = self.fetch("embeddings", wanted)
        vectors = [found[image][0]["vector"] for image in wanted if image in found]
        if not vectors:
            return None
        mean: npt.NDArray[np.float64] = np.mean(np.array(vectors, np.float64), axis=0)
        return mean


def find_by_vectors(
    index: ImageIndex,
    chunk: Chunk,
    vectors: Sequence[Vector | None],
    limits: SourceSettings,
    counts: Counter[str],
) -> dict[str, list[Evidence]]:
    """Gives the images nearest to each example's vector, as title and introduction of an article that shows them."""
    asked = [place for place, vector in enumerate(vectors) if vector is not None and np.any(vector)]
    counts["examples without a query"] += len(vectors) - len(asked)
    answers = _search(index, [vectors[place] for place in asked], limits)
    return {
        chunk.examples[place].example_id: [_evidence(hit) for hit in hits]
        for place, hits in zip(asked, answers, strict=True)
    }


def find_objects(
    index: ImageIndex,
    encoder: Any,
    cropper: Cropper,
    chunk: Chunk,
    limits: SourceSettings,
    counts: Counter[str],
) -> dict[str, list[Evidence]]:
    """Gives the images nearest to crops of each example's image: those of all crops, the best first.

    What several crops find is kept once, with the crop to which it is nearest.
    """
    found: dict[str, list[Evidence]] = {}
    for example, path in zip(chunk.examples, chunk.images, strict=True):
        if path is None:
            counts["examples without a query"] += 1
            continue
        crops = list(cropper.crops_of(path, counts))
        counts["crops"] += len(crops)
        vectors = encoder.encode_images([crop.image for crop in crops])
        answers = _search(index, list(vectors), limits)
        pieces = [
            _evidence(hit, box=crop.box, crop=crop.name)
            for crop, hits in zip(crops, answers, strict=True)
            for hit in hits
        ]
        best: dict[tuple[int, str], Evidence] = {}
        for piece in sorted(pieces, key=lambda piece: -piece.score):
            best.setdefault((piece.record_id, piece.title), piece)
        found[example.example_id] = list(best.values())[: limits.candidates]
    return found


def _search(index: ImageIndex, vectors: Sequence[Any], limits: SourceSettings) -> list[list[Hit]]:
    if not vectors:
        return []
    return index.search(np.stack(vectors), limits.candidates, distinct_articles=limits.per_title == 1)


def _evidence(hit: Hit, *, box: tuple[float, ...] | None = None, crop: str | None = None) -> Evidence:
    return Evidence(hit.score, hit.key, hit.title, hit.text.strip("\n"), hit.record_id, box, crop)


def with_agreement(found: dict[str, list[Evidence]], chunk: Chunk, encoder: Any) -> dict[str, list[Evidence]]:
    """Gives the evidence with the cosine of each piece's title and text to the example's image.

    The encoder cuts long texts (CLIP at 77 sub-tokens); an example without an image gets none.
    """
    pictures = {
        example.example_id: vector
        for example, vector in zip(chunk.examples, chunk.image_vectors, strict=True)
        if vector is not None
    }
    texts = {
        text: place
        for place, text in enumerate(
            dict.fromkeys(_spoken(piece) for name in pictures for piece in found.get(name, ()))
        )
    }
    vectors = _unit(encoder.encode_texts(list(texts)))
    agreed = dict(found)
    for name, picture in pictures.items():
        own = _unit(picture[None])[0]
        agreed[name] = [
            replace(piece, agreement=float(vectors[texts[_spoken(piece)]] @ own))
            for piece in found.get(name, ())
        ]
    return agreed


def _spoken(piece: Evidence) -> str:
    return f"{piece.title}. {strip(piece.text)}"


def _unit(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    values = vectors.astype(np.float64)
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    unit: npt.NDArray[np.float64] = values / np.where(lengths > 0, lengths, 1.0)
    return unit
