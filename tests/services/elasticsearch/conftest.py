"""Real nodes for the tests of this folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from pipelines.text_index.connection import Connection, RetryPolicy
from pipelines.text_index.load import LoadStatistics, PartLoad, load_snapshot
from tests.services.elasticsearch.node import Node
from tests.services.maven import UnavailableError

OLDER, NEWER = "8.19.21", "9.5.3"
POLICY = RetryPolicy(first_seconds=0.05, most_seconds=0.5, give_up_seconds=60.0)
SECRETS = ("ELASTICSEARCH_API_KEY", "ELASTICSEARCH_USER", "ELASTICSEARCH_PASSWORD", "ELASTICSEARCH_CA_FILE")


def start(node: Node) -> Node:
    """Starts a node; where this machine cannot, skips the test, or fails it where services must be there."""
    try:
        return node.start()
    except UnavailableError as error:
        if os.environ.get("REQUIRE_SERVICES") == "1":
            pytest.fail(f"REQUIRE_SERVICES is set: {error}")
        pytest.skip(f"Elasticsearch {node.version}: {error}")


@pytest.fixture(autouse=True)
def _no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SECRETS:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session", params=[OLDER, NEWER])
def node(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node of each version, shared by the tests that leave it as it is; each takes a prefix of its own."""
    running = start(Node(request.param, tmp_path_factory.mktemp("shared") / "data"))
    yield running
    running.kill()


@pytest.fixture(scope="session")
def older_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node that tests may kill and start again; it is running when a test gets it."""
    running = start(Node(OLDER, tmp_path_factory.mktemp("older") / "data"))
    yield running
    running.kill()


@pytest.fixture
def mortal_node(older_node: Node) -> Node:
    """`older_node`, started again if a test before has left it dead."""
    if not older_node.is_up():
        older_node.kill()
        older_node.start()
    return older_node


@pytest.fixture
def prefix(request: pytest.FixtureRequest) -> str:
    """A prefix of this test's own."""
    return "".join(c if c.isalnum() else "-" for c in request.node.name.lower())[:60].strip("-")


class ThisProcess:
    """Stands for an engine: does the parts one after the other, without Beam."""

    def map(
        self,
        step: Callable[[PartLoad], int],
        parts: Sequence[PartLoad],
        *,
        look: Callable[[], None],
        **_: object,
    ) -> list[int]:
        sent = []
        for part in parts:
            sent.append(step(part))
            look()
        return sent


def load(kc: Path, url: str, prefix: str, **options: object) -> LoadStatistics:
    """Loads a snapshot with little patience and small requests."""
    settings: dict[str, object] = {"policy": POLICY, "request_bytes": 4000, **options}
    return load_snapshot(kc, Connection(url), ThisProcess(), prefix=prefix, **settings)  # type: ignore[arg-type]
