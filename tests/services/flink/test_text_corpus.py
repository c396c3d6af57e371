"""A text corpus built on a real Flink cluster, whose workers are killed meanwhile: the tables of a local build."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kc_schema.verify import verify
from tests.bench.bench_build import grow_dump
from tests.corpus_builder import files
from tests.services.flink.cluster import ROOT, FlinkCluster

pytestmark = [pytest.mark.service, pytest.mark.xdist_group("flink")]


def command(dump: Path, output: Path, *options: str) -> list[str]:
    module = [sys.executable, "-m", "pipelines.build_text_kc", "--dump", str(dump), "--output", str(output)]
    return [*module, "--text-index", "none", *options]


def run(*arguments: str) -> None:
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr


def wait_until(condition: Callable[[], object], build: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 120
    while not condition():
        assert build.poll() is None, f"the build ended too early:\n{build.stderr.read()}"  # type: ignore[union-attr]
        assert time.monotonic() < end, "still not so"
        time.sleep(0.02)


@pytest.mark.slow
def test_killed_workers_change_nothing(cluster: FlinkCluster, demo_dump: Path, tmp_path: Path) -> None:
    dump = tmp_path / "enwiki-20200101-pages-articles-multistream.xml.bz2"
    grow_dump(demo_dump, dump, 40_000_000)
    local, there = tmp_path / "local", tmp_path / "there"
    run(*command(dump, local, "--workers", "2"))
    units = there / ".work" / "units"

    def finished() -> int:
        return len(list(units.glob("*/result.json")))

    options = cluster.options()
    with subprocess.Popen(
        command(dump, there, *options), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as build:
        wait_until(lambda: finished() >= 1, build)
        before = finished()
        os.kill(cluster.python_workers()[0], signal.SIGKILL)
        wait_until(lambda: finished() > before, build)
        assert finished() < 8, "too late to kill a task manager"
        cluster.kill(cluster.running_task_managers()[0])
        cluster.add_task_manager()
        _, errors = build.communicate(timeout=240)
    assert build.returncode == 0, errors
    assert files(there) == files(local)
    assert not verify(there).counts
    assert not (there / ".work").exists()
