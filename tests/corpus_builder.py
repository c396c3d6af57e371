"""Builds snapshots in tests, in the test's own process, and reads their rows."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from rich.console import Console

from kc_schema.snapshot import Manifest, open_snapshot
from kc_schema.verify import verify
from pipelines.build_text_kc import build_text_corpus, describe
from pipelines.engine import TIMINGS
from pipelines.text_corpus.output import find_finished, open_place


class HereEngine:
    """Runs every step in this process, one after the other."""

    def writing(self, place: Path | str, tell: Callable[[str], object]) -> AbstractContextManager[None]:
        return nullcontext()

    def map(
        self,
        step: Callable[[Any], Any],
        items: Sequence[Any],
        *,
        finished: Callable[[Any], Any],
        label: str,
        look: Callable[[], None] = lambda: None,
        arrived: Callable[[Any], None] = lambda _: None,
    ) -> list[Any]:
        results = []
        for item in items:
            result = finished(item)
            if result is None:
                result = step(item)
                look()
                arrived(result)
            results.append(result)
        return results


def build(
    dump: Path | str, output: Path, *, unit_bytes: int | None = None, overwrite: bool = False, **options: Any
) -> Manifest:
    """Builds a snapshot without an index and checks it; gives its manifest."""
    console = Console(file=io.StringIO())
    parts, planned = describe(str(dump), output, **options)
    with open_place(planned) as place:
        manifest = find_finished(place, planned, console, overwrite=overwrite)
        if manifest is None:
            manifest = build_text_corpus(
                parts,
                planned,
                place,
                HereEngine(),
                console,
                unit_bytes=unit_bytes,  # type: ignore[arg-type]
            )
    findings = verify(output)
    assert not findings.counts, findings.places
    return manifest


def rows(kc: Path, table: str, *columns: str) -> list[Any]:
    """Gives a table's rows in order: tuples of `columns`, or bare values where there is one."""
    found: list[Any] = []
    for batch in open_snapshot(kc).batches(table, columns or None):
        found += zip(*(column.to_pylist() for column in batch.columns), strict=True)
    return [row[0] for row in found] if len(columns) == 1 else found


def all_rows(kc: Path) -> dict[str, list[Any]]:
    """Gives the rows of every table."""
    return {table: rows(kc, table) for table in open_snapshot(kc).manifest.tables}


def files(kc: Path) -> dict[str, bytes]:
    """Gives the bytes of every file of a snapshot's tables and of its manifest, by path."""
    paths = [path for path in kc.rglob("*") if path.is_file() and "text_index" not in path.parts]
    paths = [path for path in paths if path.name != TIMINGS]
    return {str(path.relative_to(kc)): path.read_bytes() for path in paths}
