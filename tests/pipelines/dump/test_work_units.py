from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from pipelines.dump.errors import DumpError
from pipelines.dump.parts import DumpFile, find_parts
from pipelines.dump.work_units import WorkUnit, plan_work_units
from tests.dump_writer import DumpPage, noise, write_dump


def sparse(path: Path, size: int) -> DumpFile:
    """A file that only claims its size."""
    with path.open("wb") as file:
        file.truncate(size)
    return DumpFile(str(path), size, "bz2")


@pytest.mark.parametrize(
    ("sizes", "units"),
    [
        ([300_000], 1),
        ([10_000_000], 10),
        ([640_000_000], 32),
        ([20_000_000_000], 625),
        ([64_000_000] * 3, 33),
    ],
)
def test_units_are_a_32nd_of_the_dump_between_1_and_32_mb(
    tmp_path: Path, sizes: list[int], units: int
) -> None:
    parts = [sparse(tmp_path / f"{number}.xml.bz2", size) for number, size in enumerate(sizes)]
    plan = plan_work_units(parts)
    assert len(plan) == units
    assert [unit.number for unit in plan] == list(range(units))
    lengths = [unit.end - unit.start for unit in plan]
    assert sum(lengths) == sum(sizes)
    assert max(lengths) - min(lengths) <= 1


def test_units_of_plain_xml_are_four_times_as_long(tmp_path: Path) -> None:
    part = sparse(tmp_path / "a.xml", 8_000_000)
    assert len(plan_work_units([DumpFile(part.path, part.size, "xml")])) == 2


@pytest.mark.parametrize("suffix", [".xml", ".bz2", ".gz", ".zst"])
@pytest.mark.parametrize("unit_bytes", [1, 100, 5_000, None])
def test_units_cover_every_byte_once(tmp_path: Path, suffix: str, unit_bytes: int | None) -> None:
    pages = [DumpPage(f"Page {number}", noise(number, 700)) for number in range(9)]
    parts = find_parts(str(write_dump(tmp_path / f"a{suffix}", pages, pages_per_stream=2)))
    plan = plan_work_units(parts, unit_bytes)
    assert [unit.start for unit in plan] == [0, *(unit.end for unit in plan[:-1])]
    assert plan[-1].end == parts[0].size == plan[0].size
    if unit_bytes == 1:
        assert (
            len(plan)
            == {".xml": (parts[0].size + 2) // 4, ".bz2": parts[0].size, ".gz": 1, ".zst": 7}[suffix]
        )


def test_a_unit_goes_through_json(tmp_path: Path) -> None:
    (unit,) = plan_work_units(find_parts(str(write_dump(tmp_path / "a.xml", [DumpPage("A", "a")]))))
    assert WorkUnit(**json.loads(json.dumps(asdict(unit)))) == unit


def test_what_stands_between_zstd_frames_is_named(tmp_path: Path) -> None:
    path = write_dump(tmp_path / "a.zst", [DumpPage("A", "a")])
    size = path.stat().st_size
    path.write_bytes(path.read_bytes() + b"no frame at all")
    with pytest.raises(DumpError, match=f"a.zst: byte {size}: no zstd frame"):
        plan_work_units(find_parts(str(path)))
