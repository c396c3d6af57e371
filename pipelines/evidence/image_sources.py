"""Sources that read the image corpus: by the sentence, by the whole image, by crops of it, by chance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from kc_schema.anchors import strip
from kc_schema.hit import Hit
from kc_schema.image_manifest import IMAGES, MANIFEST, read_image_manifest
from kc_schema.store import Rows, checksum
from kc_schema.store.rows import Row
from pipelines.evidence import EvidenceError
from pipelines.evidence.crops import Cropper
from pipelines.evidence.options import SourceSettings
from pipelines.evidence.queries import QueryBatch
from pipelines.evidence.sources import SourceAnswer, draw_distinct, draw_rows
from pipelines.image_index import ImageIndex, open_index
from pipelines.image_index.layout import Layout

if TYPE_CHECKING:
    from pipelines.image_index.encoding.encoder import Encoder

__all__ = ["ImageCorpus", "NearestImages", "NearestToCrops", "RandomImages", "with_agreement"]


_COLUMNS = {"records": ["file"], "articles": ["page_id", "title", "introduction"], "embeddings": ["vector"]}


class ImageCorpus:
    """The image corpus of a snapshot, open for searching."""

    def __init__(self, kc: Path) -> None:
        """Open the corpus.

        Raises:
            pipelines.image_index.ImageIndexError: no image index.
            kc_schema.snapshot.SnapshotError: no image corpus.
        """
        self.index: ImageIndex = open_index(kc)
        self.layout = Layout(kc)
        bits = read_image_manifest(kc).part_bits
        self.snapshot = checksum(kc / IMAGES / MANIFEST)
        """Checksum of the image corpus' manifest."""
        self._rows = {table: self.layout.rows(table, columns, bits) for table, columns in _COLUMNS.items()}
        embeddings = [self.layout.part("embeddings", number) for number in range(1 << bits)]
        self.embeddings = Rows([path for path in embeddings if path.is_file()], ["image_id"])
        """One row for each image that a search can find."""

    def fetch(self, table: str, images: Iterable[int]) -> dict[int, list[Row]]:
        """Return image id -> its rows in ``records``, ``articles`` or ``embeddings``; none for an unknown image.

        Raises:
            kc_schema.errors.UserError: a table cannot be read.
        """
        return self._rows[table].fetch_all(images)

    def check_encoder(self, encoder: Encoder) -> None:
        """Refuse an encoder whose vectors are not of the index' space.

        Raises:
            EvidenceError: it is another one than that which made the index.
        """
        made_by = self.index.encoder
        if not encoder.describe().same_space(made_by):
            raise EvidenceError(
                f"{self.layout.images}: the index was made by the encoder {made_by.name} (weights"
                f" {made_by.weights_sha256[:12]}), and {encoder.name} (weights {encoder.weights_sha256[:12]})"
                " is not the same: give it with --encoder, or build the index again with this one"
            )

    def mean_vector(self, images: Iterable[int]) -> npt.NDArray[np.float64] | None:
        """Return the mean of the vectors (of length 1) of some images; None of none.

        Raises:
            kc_schema.errors.UserError: a table cannot be read.
        """
        wanted = [image for image in images if image >= 0]
        found = self.fetch("embeddings", wanted)
        vectors = [found[image][0]["vector"] for image in wanted if image in found]
        if not vectors:
            return None
        mean: npt.NDArray[np.float64] = np.mean(np.array(vectors, np.float64), axis=0)
        return mean


@dataclass(frozen=True, slots=True)
class NearestImages:
    """The images nearest to an example's image or sentence: introductions of the articles that show them."""

    index: ImageIndex
    limits: SourceSettings
    by_sentence: bool
    """Whether the sentence's vector asks, not the image's."""

    def ask(self, batch: QueryBatch) -> SourceAnswer:
        """Return what is nearest to each example; one without a vector has no query, which is counted."""
        vectors = batch.text_vectors if self.by_sentence else batch.image_vectors
        asked = [place for place, vector in enumerate(vectors) if vector is not None and np.any(vector)]
        answers = _search(self.index, [vectors[place] for place in asked], self.limits)
        hits = {batch.examples[place].example_id: found for place, found in zip(asked, answers, strict=True)}
        return SourceAnswer(hits, Counter({"examples without a query": len(vectors) - len(asked)}))


@dataclass(frozen=True, slots=True)
class NearestToCrops:
    """The images nearest to crops of an example's image: those of all crops, the best first."""

    index: ImageIndex
    limits: SourceSettings
    encoder: Encoder
    cropper: Cropper

    def ask(self, batch: QueryBatch) -> SourceAnswer:
        """Return what the crops find; what several find comes once, with the crop to which it is nearest."""
        answer = SourceAnswer({}, Counter())
        hits: dict[str, Sequence[Hit]] = {}
        for example, path in zip(batch.examples, batch.images, strict=True):
            if path is None:
                answer.counts["examples without a query"] += 1
                continue
            crops = list(self.cropper.crops_of(example.image or path.name, path, answer.counts))
            answer.counts["crops"] += len(crops)
            vectors = self.encoder.encode_images([crop.image for crop in crops])
            pieces = [
                replace(hit, box=crop.box, crop=crop.name)
                for crop, found in zip(crops, _search(self.index, list(vectors), self.limits), strict=True)
                for hit in found
            ]
            best: dict[tuple[int, str], Hit] = {}
            for piece in sorted(pieces, key=lambda piece: -piece.score):
                best.setdefault((piece.record_id, piece.title), piece)
            kept = list(best.values())[: self.limits.candidates]
            hits[example.example_id] = [replace(piece, rank=rank) for rank, piece in enumerate(kept)]
        return SourceAnswer(hits, answer.counts)


def _search(index: ImageIndex, vectors: Sequence[Any], limits: SourceSettings) -> list[list[Hit]]:
    if not vectors:
        return []
    found = index.search(np.stack(vectors), limits.candidates, distinct_articles=limits.per_title == 1)
    return [[replace(hit, text=hit.text.strip("\n")) for hit in hits] for hits in found]


@dataclass(frozen=True, slots=True)
class RandomImages:
    """The paper's control (Table 5): as many images as are retrieved, drawn by chance.

    A draw is uniform over the images that a search can find; seed, split and example decide it.
    """

    corpus: ImageCorpus
    k: int
    seed: int

    def ask(self, batch: QueryBatch) -> SourceAnswer:
        """Return `k` random images an example, each in one of the articles that show it."""
        key = f"{self.seed}\n{batch.split}"
        drawn = draw_rows(
            self.corpus.embeddings,
            lambda row: (row["image_id"],),
            batch.examples,
            self.k,
            f"{key}\nimages",
        )
        wanted = sorted({row["image_id"] for rows in drawn.values() for row in rows})
        records, articles = self.corpus.fetch("records", wanted), self.corpus.fetch("articles", wanted)
        hits: dict[str, list[Hit]] = {}
        counts: Counter[str] = Counter()
        for name, rows in drawn.items():
            hits[name] = []
            for row in rows:
                image = int(row["image_id"])
                shown = articles.get(image, [])
                if not shown:
                    counts["image without an article"] += 1
                    continue
                article = shown[draw_distinct(f"{key}\narticle\n{name}\n{image}", 1, len(shown))[0]]
                text = article["introduction"].strip("\n")
                file = records[image][0]["file"]
                page = article["page_id"]
                hits[name].append(
                    Hit(len(hits[name]), 0.0, file, article["title"], text, image, page_id=page)
                )
        return SourceAnswer(hits, counts)


def with_agreement(
    found: Mapping[str, Sequence[Hit]], batch: QueryBatch, encoder: Encoder
) -> dict[str, Sequence[Hit]]:
    """Return the evidence with the cosine of each piece's title and text to the example's image.

    The encoder cuts long texts (CLIP at 77 sub-tokens); an example without an image gets none.
    """
    pictures = {
        example.example_id: vector
        for example, vector in zip(batch.examples, batch.image_vectors, strict=True)
        if vector is not None
    }
    texts = {
        text: place
        for place, text in enumerate(
            dict.fromkeys(_title_and_text(piece) for name in pictures for piece in found.get(name, ()))
        )
    }
    vectors = _unit(encoder.encode_texts(list(texts)))
    agreed = dict(found)
    for name, picture in pictures.items():
        own = _unit(picture[None])[0]
        agreed[name] = [
            replace(piece, agreement=float(vectors[texts[_title_and_text(piece)]] @ own))
            for piece in found.get(name, ())
        ]
    return agreed


def _title_and_text(piece: Hit) -> str:
    return f"{piece.title}. {strip(piece.text)}"


def _unit(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    values = vectors.astype(np.float64)
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    unit: npt.NDArray[np.float64] = values / np.where(lengths > 0, lengths, 1.0)
    return unit
