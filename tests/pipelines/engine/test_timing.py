"""What stages took: of this process and of those that worked for it, one line each."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.engine import TIMINGS, Engine, StageTimes, read_timings, timed
from pipelines.engine.timing import Elsewhere, note_elsewhere

MB = 1_000_000


def hold(size: int) -> int:
    """Hold so many bytes for a moment."""
    return len(bytearray(os.urandom(1000)) * (size // 1000))


def nothing(_: object) -> None:
    return None


def test_the_memory_of_a_stage_is_its_own(tmp_path: Path) -> None:
    with timed(tmp_path, "large", "things") as time_of:
        time_of.done = hold(300 * MB)
    with timed(tmp_path, "small", "things") as time_of:
        time_of.done = 1
    large, small = read_timings(tmp_path)
    assert (large.stage, large.done, large.unit) == ("large", 300 * MB, "things")
    assert large.memory >= 300 * MB
    assert small.memory <= large.memory - 200 * MB
    assert (small.worker_memory, small.processes) == (0, 0)


@pytest.mark.parametrize("workers", [1, 2])
def test_processes_that_work_for_a_stage_are_measured(tmp_path: Path, workers: int) -> None:
    with Engine(workers) as engine:
        for stage, sizes in (("large", [250 * MB, MB, 2 * MB]), ("small", [MB, MB, 3 * MB])):
            with timed(tmp_path, stage):
                engine.map(hold, sizes, finished=nothing, label=stage)
    large, small = read_timings(tmp_path)
    assert large.worker_memory >= 250 * MB
    assert 0 < small.worker_memory <= large.worker_memory - 150 * MB
    assert 1 <= large.processes <= workers
    assert large.cpu_seconds > 0


def test_the_last_run_of_a_stage_is_told_and_one_that_found_all_done_is_none(tmp_path: Path) -> None:
    for done in (5, 7, 0):
        with timed(tmp_path, "extract", "pages") as time_of:
            time_of.done = done
    with pytest.raises(ValueError, match="stopped"), timed(tmp_path, "resolve", "sentences"):
        raise ValueError("stopped")
    assert [(found.stage, found.done) for found in read_timings(tmp_path)] == [("extract", 7)]


def test_stages_that_take_turns_are_added_up(tmp_path: Path) -> None:
    times = StageTimes()
    for done, size in ((5, MB), (7, 300 * MB), (0, MB)):
        with times.turn("text", "examples") as time_of:
            hold(size)
            time_of.done += done
        with times.turn("image", "examples") as time_of:
            time_of.done += 2 * done
    with pytest.raises(ValueError, match="stopped"), times.turn("failed"):
        raise ValueError("stopped")
    assert read_timings(tmp_path) == []
    times.write(tmp_path)
    times.write(tmp_path)
    text, image = read_timings(tmp_path)
    assert (tmp_path / TIMINGS).read_bytes().count(b"\n") == 2
    assert [(found.stage, found.done, found.unit) for found in (text, image)] == [
        ("text", 12, "examples"),
        ("image", 24, "examples"),
    ]
    assert text.memory >= 300 * MB
    assert image.memory <= text.memory - 200 * MB


def test_what_a_cluster_took_is_part_of_the_stage(tmp_path: Path) -> None:
    with timed(tmp_path, "one"):
        note_elsewhere(Elsewhere(100.0, 3 * MB, 4))
        note_elsewhere(Elsewhere(50.0, 5 * MB, 2))
    with timed(tmp_path, "two"):
        pass
    one, two = read_timings(tmp_path)
    assert (one.worker_memory, one.processes) == (5 * MB, 4)
    assert 150 <= one.cpu_seconds < 160
    assert (two.worker_memory, two.processes) == (0, 0)


def test_a_line_that_was_cut_off_hides_no_other(tmp_path: Path) -> None:
    assert read_timings(tmp_path) == []
    with timed(tmp_path, "one"):
        pass
    with (tmp_path / TIMINGS).open("a") as file:
        file.write('{"stage":"two","be\n\n[]\n')
    with timed(tmp_path, "three"):
        pass
    assert [found.stage for found in read_timings(tmp_path)] == ["one", "three"]


def test_figures_that_cannot_be_written_do_not_fail_a_build(tmp_path: Path) -> None:
    (tmp_path / TIMINGS).mkdir()
    with timed(tmp_path, "one"):
        pass
    assert read_timings(tmp_path) == []


def test_a_killed_stage_leaves_no_line(tmp_path: Path) -> None:
    code = (
        "import os, sys, pathlib\nfrom pipelines.engine import timed\n"
        "with timed(pathlib.Path(sys.argv[1]), 'one'):\n    os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert read_timings(tmp_path) == []
