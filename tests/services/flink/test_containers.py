"""The container image and the compose profile name what is there, and start what the tests start without containers."""

from __future__ import annotations

import inspect
import re
import subprocess

import pytest

from tests.services.flink import cluster
from tests.services.flink.cluster import RECIPE, ROOT, SETTINGS

DOCKERFILE = (ROOT / "docker" / "beam-worker.Dockerfile").read_text()
START = (RECIPE / "start.sh").read_text()
OF_A_MACHINE = ("host", "address", "heartbeat", "restart-strategy", "jobmanager.memory")


def test_everything_that_is_copied_is_there() -> None:
    lines = re.findall(r"^COPY (?!--from)(.*)", DOCKERFILE.replace("\\\n", " "), re.MULTILINE)
    sources = [source for line in lines for source in line.split()[:-1]]
    assert len(sources) > 5
    assert [source for source in sources if not (ROOT / source).exists()] == []


def test_the_same_classes_are_started_as_in_the_tests() -> None:
    subprocess.run(["sh", "-n", str(RECIPE / "start.sh")], check=True)
    source = inspect.getsource(cluster)
    classes = re.findall(r"org\.apache\.flink\.[\w.]+", START)
    assert len(classes) == 2
    assert all(name in source for name in classes)
    packages = re.search(r"for package in (.*); do", START)
    assert packages is not None
    assert packages[1].split() == list(cluster._OPENED)
    assert "ThinJobServer" in START
    assert (RECIPE / "ThinJobServer.java").exists()


def test_flink_has_the_settings_of_the_tests() -> None:
    lines = (RECIPE / "flink-conf.yaml").read_text().splitlines()
    found = dict(line.split(": ") for line in lines if line and not line.startswith("#"))
    ours = {name: value for name, value in SETTINGS.items() if not any(word in name for word in OF_A_MACHINE)}
    assert {name: found.get(name) for name in ours} == ours
    assert found["restart-strategy.type"] == "fixed-delay"


def test_the_compose_profile_starts_all_of_it() -> None:
    yaml = pytest.importorskip("yaml")
    services = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text())["services"]
    commands = {
        name: service["command"]
        for name, service in services.items()
        if service.get("image") == "beam-worker"
    }
    assert commands == {
        "job-manager": ["job-manager"],
        "task-manager": ["task-manager"],
        "job-server": ["job-server"],
        "driver": ["--help"],
    }
    assert all(f"{name})" in START for name in commands if name != "driver")
