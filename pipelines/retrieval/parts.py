"""Finished parts of a cache that is being built: what is computed once is not computed again after a kill."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from kc_schema.files import write_atomically

__all__ = ["WORK", "Parts"]

WORK = ".work"
"""Folder of the parts inside a cache's folder, until the cache is finished."""

_FINGERPRINT = b"fingerprint"
_COUNTS = b"counts"


class Parts:
    """Tables by name, valid for one state of everything that decides what they hold."""

    def __init__(self, cache: Path, fingerprint: str) -> None:
        self._folder = cache / WORK
        self._fingerprint = fingerprint.encode()
        self._folder.mkdir(parents=True, exist_ok=True)
        self.found = 0
        """Parts that an earlier run had finished."""

    def get(self, name: str, compute: Callable[[Counter[str]], pa.Table], counts: Counter[str]) -> pa.Table:
        """Gives a part, computing it where it is not there yet, or was made for another state.

        What `compute` counts in the counter that it is given is kept with the part; it is added to `counts`
        whether the part was computed now or before.
        """
        path = self._folder / f"{name}.parquet"
        try:
            metadata = pq.read_schema(path).metadata or {}
            if metadata.get(_FINGERPRINT) == self._fingerprint:
                table = pq.read_table(path)
                counts.update(json.loads(metadata[_COUNTS]))
                self.found += 1
                return table
        except (OSError, pa.ArrowException):
            pass
        own: Counter[str] = Counter()
        table = compute(own)
        counts.update(own)
        metadata = {_FINGERPRINT: self._fingerprint, _COUNTS: json.dumps(own).encode()}
        path.parent.mkdir(parents=True, exist_ok=True)
        marked = table.replace_schema_metadata(metadata)
        write_atomically(path, lambda place: pq.write_table(marked, place, compression="zstd"))
        return table

    def remove(self) -> None:
        """Takes all parts away."""
        shutil.rmtree(self._folder, ignore_errors=True)
