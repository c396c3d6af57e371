"""The container image and the compose profile name what is there, and start what the tests start without containers."""

from __future__ import annotations

import contextlib
import inspect
import json
import os
import re
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

from tests.services.elasticsearch.node import free_port
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


@pytest.mark.service
@pytest.mark.xdist_group("flink")
def test_a_cluster_is_started_without_containers_as_the_page_says(
    tmp_path: Path, flink_library: Path
) -> None:
    home, ports = tmp_path / "flink", {"rest.port": free_port(), "jobmanager.rpc.port": free_port()}
    for name in ("conf", "tmp"):
        (home / name).mkdir(parents=True)
    (home / "lib").symlink_to(flink_library)
    page = (ROOT / "docs" / "cluster.md").read_text()
    [written] = re.findall(r'^(sed "s/.*?) > ', page, re.MULTILINE | re.DOTALL)
    environment = {**os.environ, "FLINK_HOME": str(home), "JAVA_MEMORY": "-Xmx320m"}
    environment["PATH"] = f"{cluster.jdk(17) / 'bin'}:{environment['PATH']}"
    made = subprocess.run(
        ["sh", "-c", written], cwd=ROOT, env=environment, check=True, capture_output=True, text=True
    )
    settings = made.stdout + "".join(f"{name}: {port}\n" for name, port in ports.items())
    assert str(home) in settings
    (home / "conf" / "flink-conf.yaml").write_text(settings)
    processes = []
    try:
        for name in ("job-manager", "task-manager"):
            with (home / f"{name}.log").open("wb") as log:
                command = ["sh", str(RECIPE / "start.sh"), name]
                processes.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))
        end = time.monotonic() + cluster.SECONDS_TO_START
        slots = 0
        while not slots and time.monotonic() < end:
            time.sleep(0.2)
            assert all(process.poll() is None for process in processes)
            with contextlib.suppress(OSError):
                address = f"http://127.0.0.1:{ports['rest.port']}/overview"
                with urllib.request.urlopen(address, timeout=5) as answer:
                    slots = json.load(answer)["slots-total"]
        assert slots == 1
    finally:
        for process in processes:
            process.kill()
            process.wait()
