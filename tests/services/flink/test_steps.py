"""Steps on a real Flink cluster: what they keep is found, errors come as they are, and other code is refused."""

from __future__ import annotations

import functools
import shutil
from pathlib import Path

import pytest

import kc_schema
import pipelines
from pipelines.engine import Engine, RunError, read_timings, timed
from tests.pipelines.engine import steps
from tests.services.flink.cluster import ROOT, FlinkCluster

pytestmark = [pytest.mark.service, pytest.mark.xdist_group("flink")]


def nothing(_: object) -> None:
    return None


def test_what_steps_keep_is_found_and_errors_come_as_they_are(cluster: FlinkCluster, tmp_path: Path) -> None:
    step = functools.partial(steps.write_square, str(tmp_path))
    finished = functools.partial(steps.read_square, str(tmp_path))
    arrived: list[int] = []
    with Engine(1, cluster.options()) as engine:
        assert not engine.local
        found = engine.map(step, [3, 1, 2], finished=finished, label="Step", arrived=arrived.append)
        assert found == [9, 1, 4]
        assert sorted(arrived) == [1, 4, 9]
        with pytest.raises(RunError) as raised:
            engine.map(steps.refuse, [7], finished=nothing, label="Step")
        assert str(raised.value) == "dump.xml: byte 7: damaged; download it again"


def test_what_workers_take_is_counted(cluster: FlinkCluster, tmp_path: Path) -> None:
    step = functools.partial(steps.write_square_with, str(tmp_path), 300_000_000)
    finished = functools.partial(steps.read_square, str(tmp_path))
    with Engine(1, cluster.options()) as engine:
        for stage, values in (("large", [3, 1, 2]), ("none", [3, 1, 2])):
            with timed(tmp_path, stage):
                engine.map(step, values, finished=finished, label="Step")
    large, none = read_timings(tmp_path)
    assert large.worker_memory >= 300_000_000
    assert 1 <= large.processes <= 3
    assert large.cpu_seconds > 0
    assert (none.worker_memory, none.processes) == (0, 0)


def test_a_worker_with_other_code_is_refused(cluster: FlinkCluster, tmp_path: Path) -> None:
    for package in (kc_schema, pipelines):
        folder = Path(package.__path__[0])
        shutil.copytree(folder, tmp_path / folder.name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "tests" / "pipelines" / "engine", tmp_path / "tests" / "pipelines" / "engine")
    with (tmp_path / "pipelines" / "wikitext" / "article.py").open("a") as file:
        file.write("\n# not what the driver runs\n")
    options = cluster.options(PYTHONPATH=str(tmp_path))
    step = functools.partial(steps.write_square, str(tmp_path))
    with Engine(1, options) as engine, pytest.raises(RunError) as raised:
        engine.map(step, [3], finished=nothing, label="Step")
    message = str(raised.value)
    assert "its code of the project is not the driver's" in message
    assert "install the same version of the project" in message
    assert "\n" not in message
    assert not (tmp_path / "3").exists()


def test_a_worker_that_cannot_be_started_is_explained(cluster: FlinkCluster, tmp_path: Path) -> None:
    options = [option for option in cluster.options() if not option.startswith("--environment_config")]
    options.append('--environment_config={"command": "/no/such/program"}')
    with Engine(1, options) as engine, pytest.raises(RunError) as raised:
        engine.map(functools.partial(steps.write_square, str(tmp_path)), [3], finished=nothing, label="Step")
    assert "the workers cannot start the program that --environment_config names" in str(raised.value)
    assert "\n" not in str(raised.value)
