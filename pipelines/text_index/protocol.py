"""What every text index offers: the only names that callers need. What it finds are `kc_schema.hit.Hit`s."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Protocol

from kc_schema.errors import UserError
from kc_schema.hit import Hit

__all__ = [
    "BM25_B",
    "BM25_K1",
    "MOST_HITS",
    "Progress",
    "QueryError",
    "TextIndex",
    "TextIndexError",
    "check_queries",
]

BM25_K1 = 1.2
"""Saturation of a term's frequency in the sentence."""
BM25_B = 0.75
"""Share of the sentence's length in the normalisation."""


MOST_HITS = 10_000
"""Paragraphs that a query may ask for."""

Progress = Callable[[int, int], None]
"""Takes how many are done, and all."""


class TextIndexError(UserError):
    """An index that cannot be opened, built, loaded or asked; the message says what to do."""


class QueryError(TextIndexError, ValueError):
    """A query that the index cannot answer; the message names the query by its number, from 1."""


class TextIndex(Protocol):
    """A searchable text corpus: embedded or on Elasticsearch."""

    @property
    def base(self) -> str:
        """Address of the wiki's main page, as its dump gives it; empty where it is not known."""

    @property
    def fingerprint(self) -> str:
        """`kc_schema.snapshot.Snapshot.fingerprint` of the snapshot that was indexed."""

    @property
    def with_apparatus(self) -> bool:
        """Whether sections of references, notes and links are found, too."""

    def search(self, queries: Sequence[str], k: int = 10) -> list[list[Hit]]:
        """Return the best `k` distinct paragraphs of every query, in the order of the queries.

        A query is plain text: an OR of its words, each weighted by how often it stands in the query. Hits
        come by score, then by ascending id of the sentence, which is their key. A query without words has no hits.
        All hits come from the state of the corpus that was opened.

        Raises:
            QueryError: a query that cannot be answered, or a `k` below 1 or above `MOST_HITS`.
            TextIndexError: the index fails, or the corpus was built again; it must be opened again.
        """

    def term_weights(self, query: str) -> dict[str, float]:
        """Return the distinct terms by which a query is searched, each with its weight in every score.

        The weight is how often the term stands in the query times its inverse document frequency
        (`pipelines.text_index.ranking.inverse_document_frequency`); of a cluster, by the figures of one shard.

        Raises:
            TextIndexError: the index fails, or the corpus was built again.
        """

    def close(self) -> None:
        """Give back files and connections."""

    def __enter__(self) -> TextIndex: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def check_queries(queries: Sequence[str], k: int) -> None:
    """Refuse what no index can be asked.

    Raises:
        QueryError: a query is not text, or holds code points that are no characters (lone surrogates); or `k` is
            below 1 or above `MOST_HITS`.
    """
    if not 1 <= k <= MOST_HITS:
        raise QueryError(f"k is {k}: ask for 1 to {MOST_HITS:,} paragraphs")
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
