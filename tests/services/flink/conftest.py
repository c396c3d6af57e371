"""One Flink cluster for all tests of this folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from tests.services.flink.cluster import FlinkCluster, prepare_jars
from tests.services.maven import UnavailableError


@pytest.fixture(scope="session")
def running_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlinkCluster]:
    """A job manager and two task managers; a test that needs them is skipped where this machine cannot run them."""
    cluster = FlinkCluster(tmp_path_factory.mktemp("flink"))
    try:
        cluster.start()
    except UnavailableError as error:
        _skip(error)
    yield cluster
    cluster.stop()


@pytest.fixture(scope="session")
def flink_library() -> Path:
    """The folder of Flink's and Beam's jars."""
    try:
        return prepare_jars()[0]
    except UnavailableError as error:
        _skip(error)


def _skip(error: UnavailableError) -> NoReturn:
    if os.environ.get("REQUIRE_SERVICES") == "1":
        pytest.fail(f"REQUIRE_SERVICES is set: {error}")
    pytest.skip(f"Flink: {error}")


@pytest.fixture
def cluster(running_cluster: FlinkCluster) -> FlinkCluster:
    """The cluster with all of its task managers, also behind a test that killed one."""
    while len(running_cluster.running_task_managers()) < running_cluster.task_managers:
        running_cluster.add_task_manager()
    running_cluster.wait_for(running_cluster.task_managers)
    return running_cluster
