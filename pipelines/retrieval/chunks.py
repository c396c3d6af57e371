"""The examples that are asked for together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kc_schema.retrieval_cache import Example
from pipelines.datasets.images import open_image

__all__ = ["CHUNK", "Chunk", "encode_examples"]

CHUNK = 256
"""Examples of a chunk: what is asked for at once, and what a kill can cost."""

Vector = npt.NDArray[np.float32]


@dataclass(slots=True)
class Chunk:
    """Some examples of a split with what sources ask by."""

    split: str
    start: int
    """Place of the first of them in the split."""
    examples: Sequence[Example]
    queries: Sequence[str]
    """One an example."""
    images: Sequence[Path | None]
    """One an example: its image's file."""
    text_vectors: Sequence[Vector | None] = field(default_factory=list)
    """One an example, as the encoder gives them, or none at all."""
    image_vectors: Sequence[Vector | None] = field(default_factory=list)

    def only(self, places: Sequence[int]) -> Chunk:
        """Gives some of the examples, without vectors."""
        return Chunk(
            self.split,
            self.start,
            [self.examples[place] for place in places],
            [self.queries[place] for place in places],
            [self.images[place] for place in places],
        )

    def set_vectors(self, table: pa.Table) -> None:
        """Takes the vectors of a table that `encode_examples` gave."""
        for name in ("text", "image"):
            rows = table.column(f"{name}_vector").to_pylist()
            vectors = [None if row is None else np.array(row, np.float32) for row in rows]
            setattr(self, f"{name}_vectors", vectors)


def encode_examples(encoder: Any, chunk: Chunk) -> pa.Table:
    """Gives the raw vectors of queries and images: columns example_id, text_vector, image_vector.

    `encoder` is a `pipelines.image_index.encoding.encoder.Encoder`. A text vector is null where it has no text tower,
    an image vector where the example has no image.
    """
    texts = list(encoder.encode_texts(chunk.queries)) if encoder.has_text_tower else []
    with_image = [place for place, path in enumerate(chunk.images) if path is not None]
    pictures = [open_image(path) for path in chunk.images if path is not None]
    images = dict(zip(with_image, encoder.encode_images(pictures), strict=True))
    vector = pa.list_(pa.float32())
    places = range(len(chunk.examples))
    return pa.table(
        {
            "example_id": pa.array([example.example_id for example in chunk.examples], pa.string()),
            "text_vector": pa.array([texts[place] if texts else None for place in places], vector),
            "image_vector": pa.array([images.get(place) for place in places], vector),
        }
    )
