"""Titles of the corpus to page ids: a map on disk that all workers share, and where the names are cut into ranges."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from kc_schema.entity_tables import fold_name
from kc_schema.snapshot import Snapshot
from kc_schema.store import Part, describe_part, replacing

__all__ = ["TitleMap", "Titles", "open_titles", "write_titles"]

ANCHORS_PER_RANGE = 500_000
"""Anchors for each range of names; what is gathered of a range is merged in memory."""
MOST_RANGES = 1024
_SAMPLE = 1 << 17
_CACHE_KIB = 65_536
_MAPPED_BYTES = 1 << 34
_TITLES_PER_QUERY = 500


@dataclass(frozen=True)
class Titles:
    """The map, and the names at which ranges begin."""

    database: Part
    pages: int
    bounds: tuple[str, ...]
    """Folded names, ascending: range 0 holds what is less than the first, and so on."""


def write_titles(snapshot: Snapshot, path: Path) -> Titles:
    """Write the map of a snapshot to `path`. Memory stays bounded.

    The ranges hold about as many titles each; they depend on the snapshot alone.
    """
    pages = snapshot.manifest.rows("pages")
    every = max(1, pages // _SAMPLE)
    sample: list[str] = []
    with replacing(path) as temporary:
        connection = sqlite3.connect(temporary, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode = OFF")
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            connection.execute("BEGIN")
            connection.execute("CREATE TABLE found (page_id INTEGER PRIMARY KEY, title TEXT NOT NULL)")
            done = 0
            for batch in snapshot.batches("pages", ["page_id", "title"]):
                titles = batch["title"].to_pylist()
                sample += [fold_name(title) for title in titles[-done % every :: every]]
                done += len(titles)
                normalised = (title.replace(" ", "_") for title in titles)
                connection.executemany(
                    "INSERT INTO found VALUES (?, ?)",
                    zip(batch["page_id"].to_pylist(), normalised, strict=True),
                )
            connection.execute("CREATE TABLE titles (title TEXT PRIMARY KEY, page_id INTEGER) WITHOUT ROWID")
            # Two pages of one title: a dump that was not consistent. The first stays.
            connection.execute(
                "INSERT OR IGNORE INTO titles SELECT title, page_id FROM found ORDER BY title, page_id"
            )
            connection.execute("DROP TABLE found")
            connection.execute("COMMIT")
        finally:
            connection.close()
    ranges = min(MOST_RANGES, 1 + snapshot.manifest.counts.get("anchors", 0) // ANCHORS_PER_RANGE)
    sample.sort()
    cuts = {sample[len(sample) * number // ranges] for number in range(1, ranges)} if sample else set()
    return Titles(describe_part(path, snapshot.folder, rows=0), pages, tuple(sorted(cuts)))


@lru_cache(maxsize=2)
def open_titles(path: Path, sha256: str) -> TitleMap:
    """Return the map at `path`; opened once a process for each state of it, which `sha256` tells apart."""
    del sha256
    return TitleMap(path)


class TitleMap:
    """The finished map, for reading."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(
            f"file:{os.fspath(path)}?mode=ro&immutable=1", uri=True, check_same_thread=False
        )
        self._connection.execute(f"PRAGMA mmap_size = {_MAPPED_BYTES}")

    def page_ids(self, titles: Iterable[str]) -> dict[str, int]:
        """Return the page of every normalised title that has one."""
        wanted = sorted(titles)
        found: dict[str, int] = {}
        for start in range(0, len(wanted), _TITLES_PER_QUERY):
            some = wanted[start : start + _TITLES_PER_QUERY]
            marks = ",".join("?" * len(some))
            query = f"SELECT title, page_id FROM titles WHERE title IN ({marks})"
            found.update(self._connection.execute(query, some))
        return found
