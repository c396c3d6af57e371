"""What a build of the text corpus will take: slices of the dump are built for real, and what that took is scaled.

The slices become two small dumps of plain XML, which go through the same functions as the whole dump will: all in one
file, as large as a work unit, for what it takes; one file each, for how much slices differ. What it costs to decompress
is measured apart.
"""

from __future__ import annotations

import io
import math
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rich.console import Console

from kc_schema.snapshot import Manifest
from pipelines.dump.parts import DumpFile, dump_name
from pipelines.dump.work_units import plan_work_units
from pipelines.engine.beam_options import quiet_beam
from pipelines.forecast.estimate import Estimate, estimate_total
from pipelines.forecast.sample import Slice, read_head, take_slices
from pipelines.text_corpus.build import Build
from pipelines.text_corpus.extract import UnitResult
from pipelines.text_corpus.output import open_place
from pipelines.text_index.mappings import shards_for

__all__ = ["LARGEST_SAMPLE", "SAMPLE", "WORKER_LIMIT", "TextForecast", "forecast_text", "with_workers"]

SAMPLE = 0.01
"""Share of the dump that is measured."""
LARGEST_SAMPLE = 32_000_000
"""Compressed bytes that are measured at most, unless more is asked for."""
WORKER_LIMIT = 600_000_000
"""Bytes of memory that a worker takes at most, whatever the dump."""
_WRITTEN_AGAIN = ("pages", "redirects", "paragraphs")
"""Tables whose part files a build writes twice; the others get a second name in the snapshot."""
_BLOCK = 900_000
"""Text of a bzip2 block: what a work unit decompresses beyond its own."""
_ELASTICSEARCH = {"sentences": 119, "paragraphs": 180}
"""Bytes of a document in a merged index (docs/elasticsearch.md)."""
_LOADED = 7_900.0
"""Sentences with their paragraphs that two cores load into Elasticsearch in a second (docs/elasticsearch.md)."""
_WHOLE, _SLICES = "whole", "slices"
_TABLES = ("pages", "redirects", "paragraphs", "sentences", "image_links")

BuildText = Callable[..., Manifest]
"""`pipelines.build_text_kc.build_text_corpus`, and the function beside it that describes a build."""


@dataclass(frozen=True)
class TextForecast:
    """What a build will take. Times are in seconds, sizes in bytes."""

    dump: str
    dump_bytes: int
    sample: float
    """Share of the dump that was measured."""
    slices: int
    work_units: int
    workers: int
    rows: dict[str, Estimate]
    """By table, and the pages that are read (``pages read``)."""
    cpu_seconds: Estimate
    wall_seconds: Estimate
    """With so many workers as fast as one core of this machine, and all of its other work beside."""
    steps: dict[str, Estimate]
    """CPU seconds by step."""
    disk_bytes: dict[str, Estimate]
    """``snapshot`` and ``index`` stay; ``work`` is needed until the end."""
    memory_bytes: dict[str, int]
    """What the sample took (``measured``); a ``worker`` and ``all`` of them with the driver at most, at any size."""
    text_index: str
    elasticsearch: ElasticsearchSize


@dataclass(frozen=True)
class ElasticsearchSize:
    """What a cluster would hold."""

    bytes: Estimate
    """Of one copy, merged."""
    shards: int
    loading_seconds: Estimate
    """Of two cores that also run the node."""


@dataclass(frozen=True, slots=True)
class _Measured:
    """What the sample took and gave."""

    manifest: Manifest
    whole: _Stopwatch
    """Of all slices in one file."""
    apart: _Stopwatch
    """Of the slices one by one."""
    index_seconds: float
    index_bytes: int


def forecast_text(
    parts: list[DumpFile],
    *,
    describe: Callable[..., tuple[list[DumpFile], Build]],
    build_text: BuildText,
    workers: int,
    text_index: Literal["tantivy", "elasticsearch", "none"],
    sample: float | None = None,
    starting: float = 0.0,
) -> TextForecast:
    """Measure a sample of a dump and return what its build will take.

    Args:
        describe: returns the files of a dump and the build that is planned, from its path and its output.
        build_text: builds them.
        workers: of the build.
        sample: share of the dump that is measured; by default 1%, at most 32 MB.
        starting: CPU seconds that a process needs before it begins.

    Raises:
        DumpError: the dump cannot be read, or has no pages.
    """
    total = sum(part.size for part in parts)
    asked = int(total * sample) if sample is not None else min(int(total * SAMPLE), LARGEST_SAMPLE)
    with tempfile.TemporaryDirectory(prefix="kc-plan-") as name:
        slices = _write_sample(Path(name), parts, asked)
        measured = _measure(Path(name), describe, build_text, text_index)
    text = estimate_total([s.text for s in slices], [s.compressed for s in slices], total)
    sizes = [s.pages for s in slices]
    whole = text.value / sum(sizes)
    units = plan_work_units(parts)
    again = sum(_BLOCK for unit in units if unit.format == "bz2" and unit.start)

    def scaled(values: Sequence[float]) -> Estimate:
        return estimate_total(values, sizes, text.value)

    # Without the first, which pays for what a process does once.
    spread = estimate_total(
        measured.apart.seconds["Extract"][-max(1, len(sizes) - 1) :],
        sizes[-max(1, len(sizes) - 1) :],
        text.value,
    )

    def seconds(step: str) -> Estimate:
        return _alike(measured.whole.total(step) * whole, spread)

    rows = {name: scaled([float(_rows(unit, name)) for unit in measured.apart.units]) for name in _TABLES}
    rows["pages read"] = scaled([unit.statistics.counts["pages"] for unit in measured.apart.units])
    beam = _seconds_of_beam()
    warming = _warming(measured)
    steps = {
        "decompress": estimate_total(
            [s.seconds for s in slices], [s.text for s in slices], text.value + again
        ),
        "extract": seconds("Extract"),
        "redirects": seconds("Redirects"),
        "resolve": seconds("Resolve"),
        "start": _fixed(beam + starting + workers * (starting + warming)),
    }
    spread_out = _sum(steps[name] for name in ("decompress", "extract", "resolve"))
    wall = with_workers(spread_out, len(units), workers) + steps["redirects"] + (beam + 2 * starting)
    if text_index == "tantivy":
        steps["index"] = _alike(measured.index_seconds * whole, rows["sentences"])
        wall = wall + steps["index"] * (1 / workers)
    snapshot = sum(part.bytes for found in measured.manifest.tables.values() for part in found)
    loading = rows["sentences"] * (1 / _LOADED)
    held = _sum(rows[name] * float(_ELASTICSEARCH[name]) for name in _ELASTICSEARCH)
    return TextForecast(
        dump=dump_name(parts),
        dump_bytes=total,
        sample=sum(s.compressed for s in slices) / total,
        slices=len(slices),
        work_units=len(units),
        workers=workers,
        rows=rows,
        cpu_seconds=_sum(steps.values()),
        wall_seconds=wall,
        steps=steps,
        disk_bytes={
            "snapshot": _alike(snapshot * whole, rows["sentences"]),
            "work": _alike(measured.whole.work_bytes * whole, rows["sentences"]),
            "index": _alike(measured.index_bytes * whole, rows["sentences"]),
        },
        memory_bytes=_memory(workers),
        text_index=text_index,
        elasticsearch=ElasticsearchSize(held, shards_for(round(rows["sentences"].value)), loading),
    )


def with_workers(seconds: Estimate, units: int, workers: int) -> Estimate:
    """Return the time of work that is cut into so many equal units: the last round may leave workers idle."""
    return seconds * (math.ceil(units / workers) / units)


def _write_sample(folder: Path, parts: list[DumpFile], compressed: int) -> list[Slice]:
    """Write slices of the dump as two small dumps: all in one file, and a file each; return what they are."""
    for name in (_WHOLE, _SLICES):
        (folder / name).mkdir()
    head, tail = read_head(parts[0]), b"\n</mediawiki>\n"
    slices = []
    with (folder / _WHOLE / f"{dump_name(parts)}-pages-articles.xml").open("wb") as whole:
        whole.write(head)
        for taken, pages in take_slices(parts, compressed):
            slices.append(taken)
            path = folder / _SLICES / f"{dump_name(parts)}-pages-articles{len(slices)}.xml"
            path.write_bytes(head + pages + tail)
            whole.write(pages + b"\n")
        whole.write(tail)
    return slices


def _measure(
    folder: Path,
    describe: Callable[..., tuple[list[DumpFile], Build]],
    build_text: BuildText,
    text_index: str,
) -> _Measured:
    quiet = Console(file=io.StringIO())

    def build(name: str) -> tuple[Manifest, _Stopwatch, Build]:
        watch = _Stopwatch()
        found, planned = describe(str(folder / name), folder / f"{name}-kc")
        with open_place(planned) as place:
            manifest = build_text(found, planned, place, watch, quiet, unit_bytes=1 << 62)
        return manifest, watch, planned

    # The slices go first: the first of them also pays for what a process does once.
    _, apart, first = build(_SLICES)
    manifest, whole, planned = build(_WHOLE)
    seconds, size = 0.0, 0
    if text_index == "tantivy":
        _index(first.output)  # compiles what indexes, where this machine has never done so
        seconds, size = _index(planned.output)
    return _Measured(manifest, whole, apart, seconds, size)


def _index(kc: Path) -> tuple[float, int]:
    """Build the embedded index of the sample; return its CPU seconds and its size."""
    from pipelines.text_index.embedded_build import build_embedded_index

    began = time.process_time()
    size = build_embedded_index(kc).bytes
    return time.process_time() - began, size


class _Stopwatch:
    """Stands for an engine: does every step here, one after the other, and takes its CPU time."""

    local = True
    workers = 1

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = {}
        self.units: list[UnitResult] = []
        self.work_bytes = 0

    def total(self, label: str) -> float:
        """Return the CPU seconds of a step."""
        return sum(self.seconds[label])

    def map(self, step: Callable[[Any], Any], items: Sequence[Any], *, label: str, **_: object) -> list[Any]:
        """Do `step` for every item."""
        results = []
        taken = self.seconds.setdefault(label, [])
        for item in items:
            began = time.process_time()
            results.append(step(item))
            taken.append(time.process_time() - began)
        if label == "Extract":
            self.units += results
            parts = [
                result.parts[name] for result in results for name in _WRITTEN_AGAIN if name in result.parts
            ]
            self.work_bytes = sum(part.bytes for part in parts)
        return results


def _rows(unit: UnitResult, table: str) -> int:
    return unit.parts[table].rows if table in unit.parts else 0


def _warming(measured: _Measured) -> float:
    """Return the CPU seconds that a process needs once, on its first work unit, beyond what the unit takes."""
    first, *others = measured.apart.seconds["Extract"]
    pages = [unit.statistics.counts["characters of wikitext"] for unit in measured.apart.units]
    rate = sum(others) / max(1, sum(pages[1:]))
    return max(0.0, first - rate * pages[0])


def _sum(estimates: Any) -> Estimate:
    total = Estimate(0.0, 0.0, 0.0)
    for estimate in estimates:
        total = total + estimate
    return total


def _alike(value: float, other: Estimate) -> Estimate:
    """Return an estimate whose interval is as wide as another's."""
    return other * (value / other.value) if other.value else _fixed(value)


def _fixed(value: float) -> Estimate:
    return Estimate(value, value, value)


def _seconds_of_beam() -> float:
    """Return the CPU seconds of importing Beam, which the driver of a build does."""
    quiet_beam()
    began = time.process_time()
    import apache_beam  # noqa: F401

    return time.process_time() - began


def _memory(workers: int) -> dict[str, int]:
    unit = 1 if sys.platform == "darwin" else 1024
    measured = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return {"measured": measured, "worker": WORKER_LIMIT, "all": (workers + 1) * WORKER_LIMIT}
