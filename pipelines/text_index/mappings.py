"""The two indices of a corpus on Elasticsearch: names, mappings, settings while loading and afterwards."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from kc_schema.snapshot import Snapshot
from kc_schema.wikidata_ids import knows_wikidata_ids
from pipelines.text_index.protocol import BM25_B, BM25_K1

__all__ = ["TABLES", "Generation", "alias", "generation", "loading_settings", "mappings", "serving_settings"]

FORMAT = 1
"""Version of mappings and settings; part of every generation's name."""

TABLES = ("paragraphs", "sentences")
"""The tables that are loaded, each into an index of its own. A sentence is searchable only where its paragraph is."""

SENTENCES_PER_SHARD = 50_000_000
"""Sentences of a shard of some 7 GB, well inside of what is searched and recovered quickly (docs/elasticsearch.md)."""


@dataclass(frozen=True, slots=True)
class Generation:
    """The indices of one snapshot in a cluster."""

    prefix: str
    token: str
    """Stands for the snapshot and what is loaded of it: the same always gives the same names."""

    with_apparatus: bool = False
    """Whether sections of references, notes and links are loaded, too."""

    with_wikidata_ids: bool = False
    """Whether paragraphs carry the Wikidata id of their page."""

    def index(self, table: str) -> str:
        """Return the name of a table's index."""
        return f"{self.prefix}-{table}-{self.token}"

    @property
    def progress(self) -> str:
        """The index that lists finished parts while a load lasts."""
        return f"{self.prefix}-loading-{self.token}"


def alias(prefix: str, table: str) -> str:
    """Return the name under which a table is searched."""
    return f"{prefix}-{table}"


def generation(snapshot: Snapshot, prefix: str, *, with_apparatus: bool = False) -> Generation:
    """Return the generation of a snapshot."""
    identified = knows_wikidata_ids(snapshot)
    more = (" apparatus" if with_apparatus else "") + (" wikidata" if identified else "")
    token = hashlib.sha256(f"{FORMAT} {snapshot.fingerprint}{more}".encode()).hexdigest()[:12]
    return Generation(prefix, token, with_apparatus, identified)


def mappings(table: str, *, with_wikidata_ids: bool = False) -> dict[str, Any]:
    """Return a table's mapping, as the cluster gives it back (nothing that is a default is stated).

    Sentences: terms with frequencies and norms, no positions; the id as a column, to order ties. The source is
    kept as it is: one without the id would be stored twice, as the cluster keeps what was sent for recovery.
    Paragraphs: nothing is indexed, they are fetched by their document's id.
    """
    if table == "sentences":
        return {
            "dynamic": "strict",
            "properties": {
                "sentence_id": {"type": "long", "index": False},
                "text": {"type": "text", "index_options": "freqs", "analyzer": "standard"},
            },
        }
    unsearched = {"type": "keyword", "index": False, "doc_values": False}
    return {
        "dynamic": "strict",
        "properties": {
            "section": unsearched,
            "text": unsearched,
            "title": unsearched,
            **({"wikidata_id": unsearched} if with_wikidata_ids else {}),
        },
    }


def shards_for(sentences: int) -> int:
    """Return the number of shards for a corpus of this size."""
    return max(1, -(-sentences // SENTENCES_PER_SHARD))


def loading_settings(shards: int) -> dict[str, Any]:
    """Return the settings under which an index is made and filled as fast as it goes."""
    return {
        "number_of_shards": shards,
        "number_of_replicas": 0,
        "refresh_interval": "-1",
        "codec": "best_compression",
        "translog": {"durability": "async", "sync_interval": "30s", "flush_threshold_size": "1gb"},
        "similarity": {"default": {"type": "BM25", "k1": BM25_K1, "b": BM25_B}},
    }


def serving_settings(replicas: int | None) -> dict[str, Any]:
    """Return the settings of a finished index; without `replicas`, one copy where there is another node for it."""
    copies: dict[str, Any] = (
        {"auto_expand_replicas": "0-1"}
        if replicas is None
        else {"auto_expand_replicas": "false", "number_of_replicas": replicas}
    )
    return {
        "refresh_interval": None,
        "translog": {"durability": "request", "sync_interval": None, "flush_threshold_size": None},
        **copies,
    }
