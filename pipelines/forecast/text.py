"""What a build of the text corpus will take: slices of the dump are built for real, and what that took is scaled.

The slices become two small dumps of plain XML, which go through the same functions as the whole dump will: all in one
file, as large as a work unit, for what it takes; one file each, for how much slices differ. What it costs to decompress
is measured apart. How much text and prose there is, and how many sentences are repeats, which no index holds, is told
by many more places (`survey`), so that it does not matter whether the slices hold more prose than the rest.
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
from typing import TYPE_CHECKING, Any, Literal

from rich.console import Console

from kc_schema.snapshot import Manifest
from kc_schema.tables import APPARATUS
from pipelines.dump.parts import DumpFile, dump_name
from pipelines.dump.work_units import WorkUnit, plan_work_units
from pipelines.engine.beam_options import quiet_beam
from pipelines.engine.pool import WorkerPool
from pipelines.forecast.estimate import Estimate, estimate_total
from pipelines.forecast.sample import Slice, read_head, take_slices
from pipelines.forecast.survey import Survey, survey_dump
from pipelines.text_corpus.build import Build
from pipelines.text_corpus.extract import UnitResult
from pipelines.text_corpus.output import open_place
from pipelines.text_index.embedded_files import DESCRIPTION, index_folder
from pipelines.text_index.mappings import shards_for

if TYPE_CHECKING:
    from pipelines.text_index.embedded_build import IndexStatistics

__all__ = ["LARGEST_SAMPLE", "SAMPLE", "WORKER_LIMIT", "TextForecast", "forecast_text", "with_workers"]

SAMPLE = 0.01
"""Share of the dump that is measured."""
LARGEST_SAMPLE = 32_000_000
"""Compressed bytes that are measured at most, unless more is asked for."""
WORKER_LIMIT = 600_000_000
"""Bytes of memory that a worker takes at most, whatever the dump."""
_INDEX_WORK = 5.0
"""Bytes needed while the embedded index is built, for each byte of it and with it (docs/performance.md)."""
_WRITTEN_AGAIN = ("pages", "redirects", "paragraphs")
"""Tables whose part files a build writes twice; the others get a second name in the snapshot."""
_BLOCK = 900_000
"""Text of a bzip2 block: what a work unit decompresses beyond its own."""
_ELASTICSEARCH = {"indexed": 119, "paragraphs": 180}
"""Bytes of a document in a merged index (docs/elasticsearch.md)."""
_LOADED = 7_900.0
"""Sentences with their paragraphs that two cores load into Elasticsearch in a second (docs/elasticsearch.md)."""
_WHOLE, _SLICES = "whole", "slices"
_PROSE = ("paragraphs", "sentences")
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
    """By table, the pages that are read (``pages read``) and the sentences that an index holds (``indexed``)."""
    cpu_seconds: Estimate
    wall_seconds: Estimate
    """With so many workers as fast as one core of this machine, and all of its other work beside."""
    steps: dict[str, Estimate]
    """CPU seconds by step."""
    disk_bytes: dict[str, Estimate]
    """``snapshot`` and ``index`` stay; ``work`` is needed until the tables are done, and then ``index work``, in which
    the index is built."""
    driver_disk_bytes: Estimate
    """Of these, what a disk of this machine must hold where the output lies in object storage; 0 elsewhere."""
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
    kept_by_index: float
    """Share of the sentences that an index holds, as long as they are no repeats."""
    index: _IndexMeasured | None


@dataclass(frozen=True, slots=True)
class _IndexMeasured:
    """What the embedded index of the sample took."""

    sentences: int
    """That are in it, of those in the tables."""
    seconds: float
    """CPU time."""
    bytes: int
    once: float
    """CPU seconds that a process needs before its first sentence, beyond those of any process of a build."""


def forecast_text(
    parts: list[DumpFile],
    *,
    describe: Callable[..., tuple[list[DumpFile], Build]],
    build_text: BuildText,
    workers: int,
    text_index: Literal["tantivy", "elasticsearch", "none"],
    with_apparatus: bool = False,
    elsewhere: bool = False,
    sample: float | None = None,
    starting: float = 0.0,
) -> TextForecast:
    """Measure a sample of a dump and return what its build will take.

    Args:
        describe: returns the files of a dump and the build that is planned, from its path and its output.
        build_text: builds them.
        workers: of the build.
        with_apparatus: whether the index holds sections of references and notes.
        elsewhere: whether the output lies in object storage, where nothing can be mapped into memory.
        sample: share of the dump that is measured; by default 1%, at most 32 MB.
        starting: CPU seconds that a process needs before it begins.

    Raises:
        DumpError: the dump cannot be read, or has no pages.
    """
    total = sum(part.size for part in parts)
    asked = int(total * sample) if sample is not None else min(int(total * SAMPLE), LARGEST_SAMPLE)
    with tempfile.TemporaryDirectory(prefix="kc-plan-") as name:
        slices = _write_sample(Path(name), parts, asked)
        measured = _measure(Path(name), describe, build_text, text_index, with_apparatus, starting)
    scale = _Scale(slices, survey_dump(parts, slices))
    units = plan_work_units(parts)
    rows = _rows(measured, scale)
    steps = _steps(measured, scale, units)
    beam, warming = _seconds_of_beam(), _warming(measured)
    spread_out = _sum(steps[name] for name in ("decompress", "extract", "resolve"))
    wall = with_workers(spread_out, len(units), workers) + steps["redirects"]
    wall = wall + (beam + 2 * starting + warming)
    start = beam + starting + min(workers, len(units)) * (starting + warming)
    index_bytes = nothing = _fixed(0.0)
    if measured.index is not None:
        index = measured.index
        steps["index"] = rows["indexed"] * (index.seconds / index.sentences)
        index_bytes = rows["indexed"] * (index.bytes / index.sentences)
        processes = index_processes(rows["sentences"].value, workers)
        wall = wall + steps["index"] * (1 / processes) + (index.once * (2 if processes > 1 else 1))
        start += index.once + (processes * (starting + index.once) if processes > 1 else 0.0)
    steps["start"] = _fixed(start)
    snapshot = sum(part.bytes for found in measured.manifest.tables.values() for part in found)
    loading = rows["indexed"] * (1 / _LOADED)
    held = _sum(rows[name] * float(size) for name, size in _ELASTICSEARCH.items())
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
            "snapshot": _alike(snapshot * scale.prose, rows["sentences"]),
            "work": _alike(measured.whole.work_bytes * scale.prose, rows["sentences"]),
            "index": index_bytes,
            "index work": index_bytes * _INDEX_WORK,
        },
        driver_disk_bytes=index_bytes * _INDEX_WORK if elsewhere else nothing,
        memory_bytes=_memory(workers),
        text_index=text_index,
        elasticsearch=ElasticsearchSize(held, shards_for(round(rows["indexed"].value)), loading),
    )


@dataclass(frozen=True, slots=True)
class _Scale:
    """Takes what slices have to what the whole dump has: by their text, by their prose, or by both."""

    slices: Sequence[Slice]
    survey: Survey

    @property
    def text(self) -> float:
        """How many times as much text the dump has as the slices."""
        return self.survey.text.value / sum(s.pages for s in self.slices)

    @property
    def prose(self) -> float:
        """How many times as many sentences the dump has as the slices."""
        known = sum(s.sentences for s in self.slices)
        return self.survey.prose.value / known if known and self.survey.prose.value else self.text

    @property
    def both(self) -> float:
        """Of what text and prose make in equal parts: extraction (docs/performance.md)."""
        return (self.text + self.prose) / 2

    def estimate(self, values: Sequence[float], factor: float) -> Estimate:
        """Return what the dump has by what the last slices have; the interval is that of the values a byte of text."""
        sizes = [s.pages for s in self.slices][-len(values) :]
        found = estimate_total(values, sizes, self.survey.text.value)
        return found * (factor / self.text)


def index_processes(sentences: float, workers: int) -> int:
    """Return how many processes split so many sentences into words: one where there are few."""
    from pipelines.text_index.block_max.tokens import ROWS_PER_UNIT

    return min(workers, math.ceil(sentences / ROWS_PER_UNIT)) if sentences > ROWS_PER_UNIT else 1


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
    with_apparatus: bool,
    starting: float,
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
    sentences = manifest.rows("sentences")
    apparatus = 0 if with_apparatus else manifest.counts.get(f"{APPARATUS} sentences", 0)
    kept = (sentences - apparatus) / max(1, sentences)
    index = None
    if text_index == "tantivy":
        index = _measure_index(first.output, planned.output, with_apparatus, starting)
    return _Measured(manifest, whole, apart, kept, index)


def _measure_index(slices: Path, whole: Path, with_apparatus: bool, starting: float) -> _IndexMeasured | None:
    """Build the embedded index of the sample; return what it takes, None where it holds nothing."""
    first, _ = _index(slices, with_apparatus)  # compiles what indexes, where this machine has never done so
    found, seconds = _index(whole, with_apparatus)
    if not found.sentences:
        return None
    (index_folder(slices) / DESCRIPTION).unlink()  # without it there is no index
    pool = WorkerPool(1)
    try:
        [(_, afresh)] = pool.collect(
            pool.submit(_index_from_start, [(slices, with_apparatus)]), lambda: None, bool
        )
    finally:
        pool.stop()
    once = afresh - starting - seconds * first.sentences / found.sentences
    return _IndexMeasured(found.sentences, seconds, found.bytes, max(0.0, once))


def _index(kc: Path, with_apparatus: bool) -> tuple[IndexStatistics, float]:
    """Build the embedded index of the sample; return what was made, and the CPU seconds of it."""
    from pipelines.text_index.embedded_build import build_embedded_index

    began = time.process_time()
    found = build_embedded_index(kc, with_apparatus=with_apparatus)
    return found, time.process_time() - began


def _index_from_start(given: tuple[Path, bool]) -> float:
    """Build the embedded index of the sample; return the CPU seconds of this process since it began."""
    _index(*given)
    return time.process_time()


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


def _rows(measured: _Measured, scale: _Scale) -> dict[str, Estimate]:
    """Return the rows of every table, the pages that are read, and the sentences that an index holds."""
    units = measured.apart.units

    def of(table: str) -> Estimate:
        values = [float(unit.parts[table].rows) if table in unit.parts else 0.0 for unit in units]
        return scale.estimate(values, scale.prose if table in _PROSE else scale.text)

    rows = {table: of(table) for table in _TABLES}
    rows["pages read"] = scale.estimate(
        [float(unit.statistics.counts["pages"]) for unit in units], scale.text
    )
    rows["indexed"] = (rows["sentences"] * measured.kept_by_index).times(scale.survey.said_once)
    return rows


def _steps(measured: _Measured, scale: _Scale, units: Sequence[WorkUnit]) -> dict[str, Estimate]:
    """Return the CPU seconds of the steps that make the tables."""
    again = sum(_BLOCK for unit in units if unit.format == "bz2" and unit.start)
    # Without the first, which pays for what a process does once.
    apart = measured.apart.seconds["Extract"]
    spread = scale.estimate(apart[1:] or apart, scale.both)
    whole = measured.whole
    return {
        "decompress": scale.survey.seconds * (1 + again / scale.survey.text.value),
        "extract": _alike(whole.total("Extract") * scale.both, spread),
        "redirects": _alike(whole.total("Redirects") * scale.text, spread),
        "resolve": _alike(whole.total("Resolve") * scale.prose, spread),
    }


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
