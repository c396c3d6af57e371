"""The steps of a build of a retrieval cache, kept in ``.work`` until it is finished."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from kc_schema.hit import Hit
from kc_schema.store import WORK, Part, Step, describe_part, read_parquet, write_atomically
from pipelines.evidence.sources import SourceAnswer

__all__ = ["BuildSteps"]


@dataclass(frozen=True, slots=True)
class _Kept:
    """What a step wrote."""

    file: Part
    counts: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BuildSteps:
    """The steps of a build: what was asked or encoded once is not asked again after a kill."""

    folder: Path
    """The cache's folder."""
    inputs: str
    """Fingerprint of all that decides what a cache holds."""

    def has(self, name: str) -> bool:
        """Tell whether a step is finished."""
        return self._step(name).result() is not None

    def answer(self, name: str, ask: Callable[[], SourceAnswer]) -> SourceAnswer:
        """Return what a source has for some examples, as it was kept or as `ask` gives it."""
        step = self._step(name)
        path = self.folder / WORK / f"{name}.msgpack"
        if (kept := step.result()) is not None:
            hits = msgspec.msgpack.decode(path.read_bytes(), type=dict[str, list[Hit]])
            return SourceAnswer(hits, Counter(kept.counts))
        answer = ask()
        content = msgspec.msgpack.encode(answer.hits)
        write_atomically(path, lambda temporary: temporary.write_bytes(content))
        rows = sum(map(len, answer.hits.values()))
        step.finish(_Kept(describe_part(path, self.folder, rows=rows), dict(answer.counts)))
        return answer

    def table(self, name: str, compute: Callable[[], pa.Table]) -> pa.Table:
        """Return a table, as it was kept or as `compute` gives it."""
        step = self._step(name)
        path = self.folder / WORK / f"{name}.parquet"
        if step.result() is not None:
            return read_parquet(path)
        table = compute()
        write_atomically(path, lambda temporary: pq.write_table(table, temporary, compression="zstd"))
        step.finish(_Kept(describe_part(path, self.folder)))
        return table

    def _step(self, name: str) -> Step[_Kept]:
        return Step(self.folder / WORK / f"{name}.json", self.inputs, _Kept, self.folder)
