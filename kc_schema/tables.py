"""Arrow schemas of the snapshot's tables, every field with its description (see docs/text-corpus.md).

Ids are stable from dump to dump, so that a refresh can compare: a paragraph's id is its page's id and its
position in the page, a sentence's id its paragraph's id and its position in the paragraph.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import pyarrow as pa

APPARATUS = "apparatus"
"""The kind of paragraphs in sections of references, notes and links, which an index leaves out unless it is told."""
PARAGRAPHS_PER_PAGE = 1 << 16
SENTENCES_PER_PARAGRAPH = 1 << 12


# What no title of a wiki holds (MediaWiki, $wgLegalTitleChars), and what normalising takes away.
_NOT_NORMALISED = re.compile(r"[\s#<>\[\]{}|]|^_|_$|__")


def is_normalised(title: str) -> bool:
    """Tell whether `title` may stand in anchors and in the columns of normalised titles."""
    return bool(title) and _NOT_NORMALISED.search(title) is None


def paragraph_id(page_id: int, position: int) -> int:
    """Return the id of the paragraph at `position` (from 0) of a page.

    Raises:
        ValueError: the position needs more than 16 bits.
    """
    if not 0 <= position < PARAGRAPHS_PER_PAGE:
        raise ValueError(f"page {page_id}: paragraph position {position} is not below {PARAGRAPHS_PER_PAGE}")
    return page_id * PARAGRAPHS_PER_PAGE + position


def sentence_id(paragraph: int, position: int) -> int:
    """Return the id of the sentence at `position` (from 0) of the paragraph with id `paragraph`.

    Raises:
        ValueError: the position needs more than 12 bits.
    """
    if not 0 <= position < SENTENCES_PER_PARAGRAPH:
        raise ValueError(
            f"paragraph {paragraph}: sentence position {position} is not below {SENTENCES_PER_PARAGRAPH}"
        )
    return paragraph * SENTENCES_PER_PARAGRAPH + position


def _schema(
    fields: Mapping[str, tuple[pa.DataType, str]],
    nullable: Mapping[str, tuple[pa.DataType, str]] | None = None,
) -> pa.Schema:
    """Return a schema; the fields in `nullable` come last, and snapshots of older versions lack them."""
    described = [(name, kind, False, about) for name, (kind, about) in fields.items()]
    described += [(name, kind, True, about) for name, (kind, about) in (nullable or {}).items()]
    return pa.schema(
        [
            pa.field(name, kind, nullable=may_be_null, metadata={"description": about})
            for name, kind, may_be_null, about in described
        ]
    )


def fits_schema(found: pa.Schema, table: str) -> bool:
    """Tell whether a file's schema is that of the text corpus' `table`, or an older one without its last columns."""
    schema = REPEATS if table == "repeats" else TEXT_TABLES[table]
    newer = [name for name in schema.names if schema.field(name).nullable and name not in found.names]
    return bool(found.equals(pa.schema([field for field in schema if field.name not in newer])))


PAGES = _schema(
    {
        "page_id": (pa.int64(), "the wiki's own page id"),
        "title": (pa.string(), "title as displayed"),
        "revision_id": (pa.int64(), "id of the revision that was read"),
        "sha1": (pa.string(), "the revision's checksum as the dump gives it; empty where it gives none"),
        "disambiguation": (pa.bool_(), "whether the page only tells articles of one name apart"),
        "introduction": (
            pa.string(),
            "all text before the first heading, tagged; paragraphs end in a newline",
        ),
    },
    nullable={
        "wikidata_id": (pa.string(), "the item in Wikidata, such as Q7251; null where it is not known"),
        "page_image": (
            pa.string(),
            "normalised name of the file that the wiki shows for the page; null as above",
        ),
        "page_image_free": (pa.string(), "the same of a free file; null as above"),
        "bold_names": (pa.list_(pa.string()), "what the introduction prints in bold, in order, plain text"),
    },
)
REDIRECTS = _schema(
    {
        "from_title": (pa.string(), "normalised title of the redirect"),
        "to_title": (pa.string(), "normalised title of the page that it leads to in the end"),
    }
)
PARAGRAPHS = _schema(
    {
        "paragraph_id": (pa.int64(), "page_id * 2^16 + position"),
        "page_id": (pa.int64(), "the page that holds the paragraph"),
        "title": (pa.string(), "the page's title as displayed"),
        "section": (pa.string(), "headings above the paragraph, outermost first, joined by ' / '"),
        "position": (pa.int32(), "place among the page's paragraphs, from 0"),
        "kind": (pa.string(), "prose | list | quote | apparatus"),
        "text": (pa.string(), "text with anchors as tags"),
    }
)
SENTENCES = _schema(
    {
        "sentence_id": (pa.int64(), "paragraph_id * 2^12 + position"),
        "paragraph_id": (pa.int64(), "the paragraph that holds the sentence"),
        "position": (pa.int32(), "place among the paragraph's sentences, from 0"),
        "text": (pa.string(), "plain text"),
    }
)
IMAGE_LINKS = _schema(
    {
        "page_id": (pa.int64(), "the page that shows the image"),
        "file": (pa.string(), "normalised file name, without its namespace"),
        "caption": (pa.string(), "plain text; empty where there is none"),
        "place": (pa.string(), "infobox | thumbnail | gallery | multiple_image | inline"),
        "position": (pa.int32(), "place among the page's images, from 0"),
    }
)

REPEATS = _schema(
    {
        "sentence_id": (pa.int64(), "a sentence whose text another one says before"),
        "first_id": (pa.int64(), "that other one: the first outside of apparatus, or else the first of all"),
    }
)
"""Which sentences repeat others; a snapshot lists this table as ``repeats`` where there are some."""

TEXT_TABLES: Mapping[str, pa.Schema] = {
    "pages": PAGES,
    "redirects": REDIRECTS,
    "paragraphs": PARAGRAPHS,
    "sentences": SENTENCES,
    "image_links": IMAGE_LINKS,
}
"""The tables of the text corpus by folder name, in the order in which they are written."""

SORT_KEYS: Mapping[str, tuple[str, ...]] = {
    "pages": ("page_id",),
    "redirects": ("from_title",),
    "paragraphs": ("paragraph_id",),
    "sentences": ("sentence_id",),
    "image_links": ("page_id", "position"),
}
"""The columns by which each table's rows ascend, over all of its parts."""
