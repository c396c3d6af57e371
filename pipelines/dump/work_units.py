"""The plan: a dump cut into work units of similar size, by the dump alone."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from pipelines.dump.parts import DumpFile
from pipelines.dump.zst_frames import frame_starts

__all__ = ["WorkUnit", "plan_work_units"]

_SMALLEST = 1_000_000
_LARGEST = 32_000_000
_UNITS = 32
# About what the other formats save: a unit of plain XML takes as long as a unit of compressed data.
_XML_SCALE = 4


@dataclass(frozen=True)
class WorkUnit:
    """A range of a dump file, small enough to be lost and read again; `dataclasses.asdict` gives its JSON.

    Where a page straddles two units it belongs to the one in which its ``<page>`` starts, so that pages
    never depend on the cut.
    """

    number: int
    """Place in the plan, from 0, over all files."""
    path: str
    format: str
    """``xml``, ``bz2``, ``gz`` or ``zst``."""
    start: int
    end: int
    """First byte of the range and the byte behind its last, in the file as it lies on the disk."""
    size: int
    """Bytes of the whole file."""


def plan_work_units(parts: list[DumpFile], unit_bytes: int | None = None) -> list[WorkUnit]:
    """Cuts `parts` into work units of about `unit_bytes` of compressed data (plain XML: four times that).

    The default is a 32nd of the dump, but 1 MB at least and 32 MB at most. Plain XML and bzip2 are cut at any
    byte (the reader finds pages and blocks by itself), zstd between frames, gzip not at all.

    Raises:
        DumpError: the frames of a zstd file cannot be walked.
    """
    if unit_bytes is None:
        total = sum(part.size // _XML_SCALE if part.format == "xml" else part.size for part in parts)
        unit_bytes = min(max(total // _UNITS, _SMALLEST), _LARGEST)
    units: list[WorkUnit] = []
    for part in parts:
        cuts = [*_cuts(part, unit_bytes), part.size]
        for start, end in pairwise(cuts):
            units.append(WorkUnit(len(units), part.path, part.format, start, end, part.size))
    return units


def _cuts(part: DumpFile, unit_bytes: int) -> list[int]:
    """Where the units of `part` start."""
    if part.format == "gz":
        return [0]
    if part.format == "zst":
        return _grouped(frame_starts(part.path, part.size), unit_bytes)
    step = unit_bytes * (_XML_SCALE if part.format == "xml" else 1)
    count = max(1, round(part.size / step))
    return [part.size * number // count for number in range(count)]


def _grouped(starts: list[int], unit_bytes: int) -> list[int]:
    """The first of each run of frames that together hold `unit_bytes` or more."""
    cuts = starts[:1]
    for start in starts[1:]:
        if start - cuts[-1] >= unit_bytes:
            cuts.append(start)
    return cuts
