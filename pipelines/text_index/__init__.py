"""BM25 over the sentences: the embedded index and Elasticsearch behind one protocol."""

from __future__ import annotations

from pathlib import Path

from pipelines.text_index.connection import Connection, Tell, is_url
from pipelines.text_index.protocol import QueryError, TextIndex, TextIndexError

__all__ = ["Connection", "QueryError", "TextIndex", "TextIndexError", "open_index"]


def open_index(
    path_or_url: str | Path | Connection,
    *,
    max_document_frequency: float | None = None,
    index_prefix: str = "kc",
    tell: Tell | None = None,
) -> TextIndex:
    """Open the text index of a snapshot's folder, or of a cluster by its address.

    Args:
        path_or_url: folder of a snapshot with an embedded index; or ``http(s)://...`` of a cluster, with
            credentials from the environment (`pipelines.text_index.connection.VARIABLES`); or a connection.
        max_document_frequency: leave out terms found in more than this share of the sentences, which is
            faster and not the same (docs/elasticsearch.md); None keeps all.
        index_prefix: of the cluster's aliases, ``PREFIX-sentences`` and ``PREFIX-paragraphs``.
        tell: takes a line where a cluster that is not ready is waited for, or the first search will take longer.

    Raises:
        kc_schema.snapshot.SnapshotError: no finished snapshot there.
        TextIndexError: no index there, a stale one, or a cluster that cannot be reached.
        ValueError: `max_document_frequency` is not a share.
    """
    if max_document_frequency is not None and not 0.0 < max_document_frequency <= 1.0:
        raise ValueError(
            f"max_document_frequency is {max_document_frequency}: give a share above 0, at most 1"
        )
    if isinstance(path_or_url, Connection) or is_url(path_or_url):
        from pipelines.text_index.cluster import ElasticsearchIndex

        connection = (
            path_or_url if isinstance(path_or_url, Connection) else Connection.from_url(str(path_or_url))
        )
        return ElasticsearchIndex(
            connection, prefix=index_prefix, max_document_frequency=max_document_frequency, tell=tell
        )
    from pipelines.text_index.embedded import EmbeddedIndex

    return EmbeddedIndex(path_or_url, max_document_frequency=max_document_frequency, tell=tell)
