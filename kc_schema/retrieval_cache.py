"""Retrieval caches: examples, their evidence and their features, the only bridge from pipelines to training.

A cache is a folder (see docs/retrieval-cache.md)::

    manifest.json                what the cache holds and the checksum of every file; written last
    examples/SPLIT.parquet       one row an example, in the data set's order
    hits/SOURCE/SPLIT.parquet    the evidence that one source found, best first, example by example
    features/SPLIT.parquet       one row an example: vectors for the gate, L2-normalised, and their raw norms

A folder without a manifest is not a cache. The same input gives the same bytes: nothing in a file depends
on the time, the machine or the order in which sources are written.
"""

from __future__ import annotations

from kc_schema.cache_reader import MANIFEST, REPORT, SPEED, Example, RetrievalCache, open_cache
from kc_schema.cache_tables import EXAMPLES, FEATURES, HITS, NO_RELATION, CacheError
from kc_schema.cache_writer import CacheWriter, extend_cache
from kc_schema.hit import Hit

__all__ = [
    "EXAMPLES",
    "FEATURES",
    "HITS",
    "MANIFEST",
    "NO_RELATION",
    "REPORT",
    "SPEED",
    "CacheError",
    "CacheWriter",
    "Example",
    "Hit",
    "RetrievalCache",
    "extend_cache",
    "open_cache",
]
