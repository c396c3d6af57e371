"""Drivers that are stopped while a real Flink cluster works for them: no job of theirs goes on."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipelines.engine import Engine
from tests.services.flink.cluster import ROOT, FlinkCluster

pytestmark = [pytest.mark.service, pytest.mark.slow, pytest.mark.xdist_group("flink")]

DRIVER = """
import functools, sys
from pathlib import Path
from pipelines.engine import Engine
from tests.pipelines.engine import steps
folder, *options = sys.argv[1:]
with Engine(1, options) as engine, engine.writing(Path(folder), print):
    step = functools.partial(steps.sleep_beside, folder)
    engine.map(step, [120, 120], finished=lambda _: None, label="Sleep")
"""


@contextmanager
def sleeping(folder: Path, options: list[str]) -> Iterator[subprocess.Popen[str]]:
    """Run a driver whose steps sleep on the cluster; yield it when one of them does."""
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-c", DRIVER, str(folder), *options]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as driver:
        try:
            wait_until(lambda: list(folder.iterdir()) or driver.poll() is not None)
            assert driver.poll() is None, driver.stderr.read()  # type: ignore[union-attr]
            yield driver
        finally:
            driver.kill()


def wait_until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < end, "still not so"
        time.sleep(0.1)


def states(cluster: FlinkCluster, *, since: set[str]) -> list[str]:
    return sorted(state for name, state in cluster.jobs().items() if name not in since)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_the_job_of_a_stopped_driver_is_cancelled(
    cluster: FlinkCluster, tmp_path: Path, number: signal.Signals
) -> None:
    before = set(cluster.jobs())
    jars = job_servers(cluster)
    with sleeping(tmp_path / "kc", cluster.options()) as driver:
        assert states(cluster, since=before) == ["RUNNING"]
        driver.send_signal(number)
        driver.wait(60)
        wait_until(lambda: states(cluster, since=before) == ["CANCELED"])
        # That of a test before may have been about to end.
        wait_until(lambda: job_servers(cluster) <= jars)
    wait_until(lambda: not cluster.python_workers())


def job_servers(cluster: FlinkCluster) -> set[str]:
    mark = next(option for option in cluster.options() if "_jar=" in option).partition("=")[2].encode()
    found = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if mark in path.read_bytes().split(b"\0"):
                found.add(path.parent.name)
        except OSError:
            continue
    return found


def test_the_next_driver_cancels_what_a_killed_one_left(cluster: FlinkCluster, tmp_path: Path) -> None:
    mine, others = tmp_path / "mine", tmp_path / "others"
    with cluster.job_server() as endpoint:
        options = [*cluster.options(), f"--job_endpoint={endpoint}", "--parallelism=1"]
        before = set(cluster.jobs())
        with sleeping(mine, options) as killed, sleeping(others, options):
            killed.kill()
            killed.wait()
            time.sleep(2)  # long enough for a job server that would notice
            assert states(cluster, since=before) == ["RUNNING", "RUNNING"]  # the job server goes on with it
            told: list[str] = []
            with Engine(1, options) as engine, engine.writing(mine, told.append):
                assert states(cluster, since=before) == ["CANCELED", "RUNNING"]
            assert len(told) == 1
            assert "cancelled a job that an earlier run had left on the cluster: kc-sleep-" in told[0]
            with Engine(1, options) as engine, engine.writing(others, told.append):
                assert states(cluster, since=before) == ["CANCELED", "CANCELED"]
