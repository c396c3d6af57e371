"""Arrow schemas of the image corpus' tables, every field with its description (see docs/image-corpus.md).

An image's id is a hash of its file name: stable from dump to dump, and spread evenly, so that a range of ids
is a part of every table that stays the same size when the corpus grows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import pyarrow as pa

__all__ = [
    "ARTICLES",
    "EMBEDDINGS",
    "IMAGE_ID_BITS",
    "IMAGE_SORT_KEYS",
    "IMAGE_TABLES",
    "LICENCES",
    "LICENCE_KINDS",
    "RECORDS",
    "embeddings_schema",
    "image_id",
    "part_number",
]

IMAGE_ID_BITS = 63
"""Bits of an image's id: it fits a signed integer of 64 bits."""


def image_id(file: str) -> int:
    """Return the id of the image with the normalised file name `file`: the first 63 bits of its SHA-256."""
    return int.from_bytes(hashlib.sha256(file.encode()).digest()[:8], "big") >> 1


def part_number(image: int, part_bits: int) -> int:
    """Return the number of the part, of ``2 ** part_bits``, that holds the image with the id `image`."""
    return image >> (IMAGE_ID_BITS - part_bits)


def _schema(fields: Mapping[str, tuple[pa.DataType, str]]) -> pa.Schema:
    return pa.schema(
        [
            pa.field(name, kind, nullable=False, metadata={"description": description})
            for name, (kind, description) in fields.items()
        ]
    )


RECORDS = _schema(
    {
        "image_id": (pa.int64(), "first 63 bits of the SHA-256 of the file name"),
        "file": (pa.string(), "normalised file name, without its namespace"),
        "url": (pa.string(), "where the image came from: the URL that answered, or a path in the folder"),
        "status": (
            pa.string(),
            "ok | failed | vector (not asked for: its vector was made elsewhere, --embeddings)",
        ),
        "error": (pa.string(), "why it failed, one of a fixed list of reasons; empty where it did not"),
        "width": (pa.int32(), "pixels of the image that was fetched; 0 where there is none"),
        "height": (pa.int32(), "pixels of the image that was fetched; 0 where there is none"),
        "sha256": (
            pa.string(),
            "checksum of the bytes that were fetched, in hex; empty where there are none",
        ),
        "mime": (pa.string(), "type by content, such as image/jpeg; empty where it is not known"),
        "bytes": (pa.int64(), "size of what was fetched; 0 where there is nothing"),
        "repository": (
            pa.string(),
            "commons (shared by all wikis) | wiki (its own, where files that are not free lie); empty where not known",
        ),
    }
)
ARTICLES = _schema(
    {
        "image_id": (pa.int64(), "the image"),
        "page_id": (pa.int64(), "an article that shows it"),
        "title": (pa.string(), "the article's title as displayed"),
        "introduction": (pa.string(), "all text before the article's first heading, tagged"),
        "caption": (pa.string(), "plain text beside the image; empty where there is none"),
        "place": (pa.string(), "infobox | thumbnail | gallery | multiple_image | inline"),
    }
)


LICENCE_KINDS = ("public-domain", "cc0", "cc-by", "cc-by-sa", "other", "not-free", "unknown")
"""What a licence may be; ``other`` are those that forbid something, and rare ones; ``unknown`` is no permission."""
LICENCES = _schema(
    {
        "image_id": (pa.int64(), "the image"),
        "file": (pa.string(), "normalised file name, without its namespace"),
        "repository": (pa.string(), "commons | wiki: where the file lies; empty where it is missing"),
        "status": (pa.string(), "ok | renamed | missing (deleted, or never there) | no metadata"),
        "renamed_to": (pa.string(), "normalised name that the file has now; empty where it is the same"),
        "licence": (pa.string(), "one of LICENCE_KINDS"),
        "licence_name": (
            pa.string(),
            "the licence as the file's page calls it, such as CC BY-SA 3.0; or empty",
        ),
        "licence_url": (pa.string(), "address of its text; or empty"),
        "author": (pa.string(), "plain text; or empty"),
        "credit": (pa.string(), "source or credit line, plain text; or empty"),
        "attribution": (pa.string(), "how the author wants to be named, plain text; or empty"),
        "usage_terms": (pa.string(), "plain text; or empty"),
        "restrictions": (pa.string(), "further rights, such as trademarked or personality; or empty"),
        "description_url": (pa.string(), "address of the file's page; or empty"),
    }
)


def embeddings_schema(dimension: int) -> pa.Schema:
    """Return the schema of the embeddings of an encoder with vectors of `dimension` numbers."""
    return _schema(
        {
            "image_id": (pa.int64(), "the image"),
            "sha256": (
                pa.string(),
                "checksum of the bytes that were encoded, in hex; empty where the vector was made elsewhere",
            ),
            "vector": (pa.list_(pa.float16(), dimension), "the encoder's output, divided by its length"),
            "norm": (pa.float32(), "length of the encoder's output (L2)"),
        }
    )


EMBEDDINGS = embeddings_schema(512)

IMAGE_TABLES: Mapping[str, pa.Schema] = {
    "records": RECORDS,
    "articles": ARTICLES,
    "embeddings": EMBEDDINGS,
    "licences": LICENCES,
}
"""The tables of the image corpus by folder name; embeddings have the width of their encoder."""

IMAGE_SORT_KEYS: Mapping[str, tuple[str, ...]] = {
    "records": ("image_id",),
    "articles": ("image_id", "page_id"),
    "embeddings": ("image_id",),
    "licences": ("image_id",),
}
"""The columns by which each table's rows ascend, over all of its parts."""
