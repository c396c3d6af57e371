"""BM25 over the sentences: the embedded index and Elasticsearch behind one protocol."""

from __future__ import annotations

from pathlib import Path

from pipelines.text_index.protocol import Hit, QueryError, TextIndex, TextIndexError

__all__ = ["Hit", "QueryError", "TextIndex", "TextIndexError", "open_index"]


def open_index(path_or_url: str | Path, *, max_document_frequency: float | None = None) -> TextIndex:
    """Opens the text index of a snapshot's folder, or of a cluster by its address.

    Args:
        path_or_url: folder of a snapshot with an embedded index.
        max_document_frequency: leave out terms found in more than this share of the sentences, which is
            faster and not the same (docs/elasticsearch.md); None keeps all.

    Raises:
        kc_schema.snapshot.SnapshotError: no finished snapshot there.
        TextIndexError: no index there, a stale one, or a cluster that cannot be reached.
        ValueError: `max_document_frequency` is not a share.
    """
    if max_document_frequency is not None and not 0.0 < max_document_frequency <= 1.0:
        raise ValueError(
            f"max_document_frequency is {max_document_frequency}: give a share above 0, at most 1"
        )
    from pipelines.text_index.embedded import EmbeddedIndex

    return EmbeddedIndex(path_or_url, max_document_frequency=max_document_frequency)
