"""What every text index offers, and the record that it gives: the only names that callers need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

__all__ = ["BM25_B", "BM25_K1", "Hit", "QueryError", "TextIndex", "TextIndexError", "check_queries"]

BM25_K1 = 1.2
"""Saturation of a term's frequency in the sentence."""
BM25_B = 0.75
"""Share of the sentence's length in the normalisation."""


class TextIndexError(Exception):
    """An index that cannot be opened, built, loaded or asked; the message says what to do."""


class QueryError(TextIndexError):
    """A query that the index cannot answer; the message names the query by its number, from 1."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A paragraph that was found, with the best of its sentences."""

    rank: int
    """Place among the hits of the query, from 1."""
    score: float
    """BM25 (k1 1.2, b 0.75) of the sentence, with the factor k1 + 1; five significant digits."""
    paragraph_id: int
    title: str
    """Title of the page as displayed."""
    sentence: str
    """Plain text of the sentence that scored best."""
    text: str
    """The paragraph, with anchors as tags (`kc_schema.anchors`)."""
    section: str
    """Headings above the paragraph, outermost first; empty in the introduction."""


class TextIndex(Protocol):
    """A searchable text corpus: embedded (tantivy) or on Elasticsearch."""

    @property
    def base(self) -> str:
        """Address of the wiki's main page, as its dump gives it; empty where it is not known."""

    @property
    def fingerprint(self) -> str:
        """`kc_schema.snapshot.Snapshot.fingerprint` of the snapshot that was indexed."""

    def search(self, queries: Sequence[str], k: int = 10) -> list[list[Hit]]:
        """Gives the best `k` distinct paragraphs of every query, in the order of the queries.

        A query is plain text: an OR of its words, each weighted by how often it stands in the query. Hits
        come by score, then by ascending id of the sentence. A query without words has no hits.

        Raises:
            QueryError: a query that cannot be answered.
            TextIndexError: the index fails.
            ValueError: `k` is not positive.
        """

    def close(self) -> None:
        """Gives back files and connections."""

    def __enter__(self) -> TextIndex: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def check_queries(queries: Sequence[str], k: int) -> None:
    """Refuses what no index can be asked.

    Raises:
        QueryError: a query is not text, or holds code points that are no characters (lone surrogates).
        ValueError: `k` is not positive.
    """
    if k < 1:
        raise ValueError(f"k is {k}: ask for one paragraph or more")
    if isinstance(queries, str):
        raise QueryError("queries is one string; give a list of queries")
    for number, query in enumerate(queries, start=1):
        if not isinstance(query, str):
            raise QueryError(f"query {number} is a {type(query).__name__}, not text")
        try:
            query.encode()
        except UnicodeEncodeError as error:
            raise QueryError(
                f"query {number}: offset {error.start} is not a character (a lone surrogate, as badly decoded"
                " bytes leave it); give valid UTF-8"
            ) from error
