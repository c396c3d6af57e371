"""What sources ask by: the sentence as written or cleaned, the image, their vectors."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kc_schema.retrieval_cache import Example
from pipelines.datasets import open_image

if TYPE_CHECKING:
    from pipelines.image_index.encoding.encoder import Encoder

__all__ = ["BATCH", "QueryBatch", "Vector", "clean_tokens", "encode_examples", "sentence_query"]

BATCH = 256
"""Examples of a batch: what is asked for at once, and what a kill can cost."""

Vector = npt.NDArray[np.float32]

_URL = re.compile(r"(?:https?://|www\.|t\.co/)\S*", re.IGNORECASE)
_HANDLE = re.compile(r"@\w+")
# Marks of the sets' tokenisation: zero-width, control and replacement characters say nothing.
_INVISIBLE = re.compile(r"[\u0000-\u001f\u007f-\u009f\u00ad\u200b-\u200f\ufeff\ufffd]")


def sentence_query(tokens: Iterable[str], *, clean: bool) -> str:
    """Return the query of a sentence: its words, divided by spaces; with `clean` those of `clean_tokens`."""
    return " ".join(clean_tokens(tokens) if clean else tokens)


def clean_tokens(tokens: Iterable[str]) -> list[str]:
    """Return the tokens without URLs, without a leading ``RT @user :`` and without hash signs.

    ``RT @user :`` goes wherever a retweet begins, in the middle of a sentence too; other mentions of users
    stay. A word that is left empty goes.
    """
    words = [_INVISIBLE.sub("", token) for token in tokens]
    kept: list[str] = []
    place = 0
    while place < len(words):
        word = words[place]
        if word == "RT" and place + 1 < len(words):
            end = _retweet_end(words, place + 1)
            if end is not None:
                place = end
                continue
        place += 1
        if _URL.match(word):
            continue
        word = word.lstrip("#＃").strip()
        if word:
            kept.append(word)
    return kept


def _retweet_end(words: list[str], place: int) -> int | None:
    """Return the place after ``@user :`` that begins at `place`; None where there is no such thing."""
    if words[place] == "@" and place + 1 < len(words):
        end = place + 2
    elif _HANDLE.fullmatch(words[place].rstrip(":")):
        end = place + 1
    else:
        return None
    return end + 1 if end < len(words) and words[end] == ":" else end


@dataclass(frozen=True, slots=True)
class QueryBatch:
    """Some examples of a split with what sources ask by; of every list there is one item an example."""

    split: str
    start: int
    """Place of the first of them in the split."""
    examples: Sequence[Example]
    queries: Sequence[str]
    images: Sequence[Path | None]
    """The files of the images."""
    text_vectors: Sequence[Vector | None] = ()
    """As the encoder gives them; empty where nothing was encoded."""
    image_vectors: Sequence[Vector | None] = ()

    def only(self, places: Sequence[int]) -> QueryBatch:
        """Return some of the examples, without vectors."""
        return QueryBatch(
            self.split,
            self.start,
            [self.examples[place] for place in places],
            [self.queries[place] for place in places],
            [self.images[place] for place in places],
        )

    def with_vectors(self, table: pa.Table) -> QueryBatch:
        """Return the batch with the vectors of a table that `encode_examples` gave."""
        return replace(
            self,
            text_vectors=_vectors(table, "text_vector"),
            image_vectors=_vectors(table, "image_vector"),
        )


def _vectors(table: pa.Table, name: str) -> list[Vector | None]:
    return [None if row is None else np.array(row, np.float32) for row in table.column(name).to_pylist()]


def encode_examples(encoder: Encoder, batch: QueryBatch) -> pa.Table:
    """Return the raw vectors of queries and images: columns example_id, text_vector, image_vector.

    A text vector is null where the encoder has no text tower, an image vector where the example has no image.
    """
    texts = list(encoder.encode_texts(batch.queries)) if encoder.has_text_tower else []
    with_image = [place for place, path in enumerate(batch.images) if path is not None]
    pictures = [open_image(path) for path in batch.images if path is not None]
    images = dict(zip(with_image, encoder.encode_images(pictures), strict=True))
    vector = pa.list_(pa.float32())
    places = range(len(batch.examples))
    return pa.table(
        {
            "example_id": pa.array([example.example_id for example in batch.examples], pa.string()),
            "text_vector": pa.array([texts[place] if texts else None for place in places], vector),
            "image_vector": pa.array([images.get(place) for place in places], vector),
        }
    )
