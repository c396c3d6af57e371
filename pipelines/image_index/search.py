"""Searching the image corpus: vectors in, images with the articles that show them out."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kc_schema.hit import Hit
from kc_schema.image_manifest import EncoderDescription, read_image_manifest
from kc_schema.image_tables import part_number
from kc_schema.snapshot import SnapshotError, folder_behind, open_snapshot
from kc_schema.store import local_copy
from kc_schema.wikidata_ids import WikidataIds
from pipelines.image_index.errors import ImageIndexError
from pipelines.image_index.fetching.archive import PartContent
from pipelines.image_index.layout import Layout, Row
from pipelines.image_index.vector_index.probing import search_by_need
from pipelines.image_index.vector_index.served import (
    IndexDescription,
    multiply_small_batches,
    read_description,
    stop_prefetching,
)

__all__ = ["ImageIndex", "open_index"]

# What a reader sees first on a page stands first among the articles of one image.
_PLACES = {"infobox": 0, "thumbnail": 1, "multiple_image": 2, "gallery": 3, "inline": 4}


class ImageIndex:
    """A nearest-neighbour index over images, memory-mapped, with the articles of every image."""

    def __init__(
        self,
        layout: Layout,
        description: IndexDescription,
        index: Any,
        part_bits: int,
        wikidata_ids: WikidataIds | None = None,
    ) -> None:
        self._layout = layout
        self._wikidata_ids = wikidata_ids
        self._index = index
        self._part_bits = part_bits
        self._records = layout.rows("records", ["image_id", "file", "url", "bytes"], part_bits)
        columns = ["page_id", "title", "introduction", "caption", "place"]
        self._articles = layout.rows("articles", columns, part_bits)
        self.description = description
        """What ``index.json`` says: encoder, kind, recall and speed at its build."""

    def __len__(self) -> int:
        """Return the number of images."""
        return int(self._index.ntotal)

    @property
    def dimension(self) -> int:
        """Numbers of a vector."""
        return int(self._index.d)

    @property
    def encoder(self) -> EncoderDescription:
        """The encoder that made the vectors."""
        return self.description.encoder

    def search(
        self, vectors: npt.ArrayLike, k: int = 10, *, distinct_articles: bool = False
    ) -> list[list[Hit]]:
        """Return the best `k` hits of every query vector, in the order of the queries.

        The key of a hit is the image's file name, its text the article's introduction. An image that several
        articles show gives a hit for each of them, best placed first (infobox before thumbnail and so on), then by
        page id; equally near images come by id.

        Args:
            vectors: shape [n, dimension], of any length: they are normalised here.
            k: hits a query.
            distinct_articles: whether an article comes once only, with the nearest of its images.

        Raises:
            ValueError: `k` is not positive, or vectors of another width, all zero or not finite.
            UserError: a table of the corpus cannot be read.
        """
        if k < 1:
            raise ValueError(f"k is {k}: ask for one hit or more")
        queries = _normalised(vectors, self.dimension)
        wanted = range(len(queries))
        hits: dict[int, list[Hit]] = {}
        images = k
        while wanted and len(self):
            images = min(images, len(self))
            found = self.nearest(queries[list(wanted)], images)
            hits.update(zip(wanted, self._hits(found, k, distinct_articles), strict=True))
            if not distinct_articles or images == len(self):
                break
            wanted = [query for query in wanted if len(hits[query]) < k]  # type: ignore[assignment]
            images *= 4
        return [hits.get(query, []) for query in range(len(queries))]

    def has(self, image: int) -> bool:
        """Tell whether the corpus has the bytes of an image, or had them when it was built."""
        record = self._records.fetch_all([image]).get(image)
        return record is not None and record[0]["bytes"] > 0

    def content(self, image: int) -> bytes:
        """Return the bytes of an image as they were fetched.

        Raises:
            ImageIndexError: the corpus has no such image, or not any more.
        """
        record = self._records.fetch_all([image]).get(image)
        if record is None:
            raise ImageIndexError(f"{self._layout.images}: no image {image}")
        if not record[0]["bytes"]:
            raise ImageIndexError(
                f"{self._layout.images}: image {image}: its vector is known, its bytes are not"
            )
        try:
            return PartContent(self._layout, part_number(image, self._part_bits)).read(record[0])
        except OSError as error:
            raise ImageIndexError(f"{record[0]['url']}: cannot be read: {error.strerror}") from error

    def nearest(self, queries: npt.NDArray[np.float32], k: int) -> list[list[tuple[float, int]]]:
        """Return score and id of the `k` images nearest to each of the normalised `queries`, best first."""
        if not len(queries):
            return []
        scores, ids = search_by_need(
            self._index, np.asarray(queries, np.float32), k, self.description.probing
        )
        return [
            sorted(
                ((float(s), int(i)) for s, i in zip(row, row_ids, strict=True) if i >= 0),
                key=lambda pair: (-pair[0], pair[1]),
            )
            for row, row_ids in zip(scores, ids, strict=True)
        ]

    def _hits(
        self, found: Sequence[Sequence[tuple[float, int]]], k: int, distinct_articles: bool
    ) -> list[list[Hit]]:
        hits = self._hits_of_images(found, k, distinct_articles)
        return self._wikidata_ids.add(hits) if self._wikidata_ids is not None else list(hits)

    def _hits_of_images(
        self, found: Sequence[Sequence[tuple[float, int]]], k: int, distinct_articles: bool
    ) -> Iterable[list[Hit]]:
        wanted = {image for row in found for _, image in row}
        records, articles = self._records.fetch_all(wanted), self._articles.fetch_all(wanted)
        for row in found:
            hits: list[Hit] = []
            pages: set[int] = set()
            for score, image in row:
                if image not in records:
                    raise ImageIndexError(
                        f"{self._layout.images}: no record of the image {image}, which the index knows; run"
                        f" python -m pipelines.build_image_kc --kc {self._layout.kc} --stage index"
                    )
                for article in sorted(articles.get(image, ()), key=_by_place):
                    if len(hits) == k:
                        break
                    if distinct_articles and article["page_id"] in pages:
                        continue
                    pages.add(article["page_id"])
                    hits.append(
                        Hit(
                            rank=len(hits),
                            score=round(score, 6),
                            key=records[image][0]["file"],
                            title=article["title"],
                            text=article["introduction"],
                            record_id=image,
                            page_id=article["page_id"],
                            url=records[image][0]["url"],
                            caption=article["caption"],
                            place=article["place"],
                        )
                    )
            yield hits


def open_index(kc: Path | str) -> ImageIndex:
    """Open the image index of the snapshot in `kc`, in milliseconds: it is mapped into memory, not read.

    Raises:
        ImageIndexError: there is none, it cannot be read, or faiss is not installed.
    """
    layout = Layout(folder_behind(kc))
    description = read_description(layout)
    if description is None:
        command = f"python -m pipelines.build_image_kc --kc {kc}"
        if layout.index_description.is_file():
            raise ImageIndexError(
                f"{layout.index_description}: of another version, or not of the index beside it; build it again with:"
                f" {command} --stage index"
            )
        raise ImageIndexError(f"{kc}: no image index; build one with: {command}")
    try:
        import faiss
    except ImportError as error:
        raise ImageIndexError(
            f"searching images needs faiss ({error}); install it with:"
            " pip install 'entity-knowledge-corpus[image]'"
        ) from error
    # Codes in inverted lists of the plain kind and codes in one array are mapped by different flags.
    mapped = faiss.IO_FLAG_MMAP if description.kind == "ivf" else faiss.IO_FLAG_MMAP_IFC
    try:
        part_bits = read_image_manifest(layout.kc).part_bits
        index = faiss.read_index(os.fspath(local_copy(layout.index, sha256=description.sha256)), mapped)
        stop_prefetching(index)
        multiply_small_batches(index.d)
    except (RuntimeError, SnapshotError) as error:
        raise ImageIndexError(f"{layout.index}: cannot be read ({error}); build the index again") from error
    try:
        wikidata_ids = WikidataIds(open_snapshot(layout.kc))
    except SnapshotError:
        wikidata_ids = None  # images alone, without the text corpus that they were made from
    return ImageIndex(layout, description, index, part_bits, wikidata_ids)


def _by_place(article: Row) -> tuple[int, int]:
    return _PLACES.get(article["place"], len(_PLACES)), article["page_id"]


def _normalised(vectors: npt.ArrayLike, dimension: int) -> npt.NDArray[np.float32]:
    queries = np.asarray(vectors, dtype=np.float32)
    if queries.ndim != 2 or (len(queries) and queries.shape[1] != dimension):
        raise ValueError(f"vectors of shape {queries.shape}; the index takes [n, {dimension}]")
    lengths = np.linalg.norm(queries.astype(np.float64), axis=1, keepdims=True)
    wrong = np.flatnonzero(~(np.isfinite(lengths[:, 0]) & (lengths[:, 0] > 0)))
    if wrong.size:
        raise ValueError(f"vector {int(wrong[0])} is all zero or not finite; nothing is near it")
    normalised: npt.NDArray[np.float32] = (queries / lengths).astype(np.float32)
    return normalised
