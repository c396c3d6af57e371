"""What all tests share: real data, and their order: what takes longest begins first."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from tests.services.object_storage import ObjectStorage

# Before anything imports torch or the hub's client, which read these once: several test processes share the cores,
# sums do not depend on their number, and a model that is not there is an error at once.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["HF_HUB_OFFLINE"] = "1"

# Cores are shared, so that nothing can be told from the time that an example takes.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

_STORAGE = {"running_object_storage", "running_google_storage"}
_FIRST = ("service", "slow", "torch")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs object storage as a service; sort servers to the front, then training, then networks."""
    for item in items:
        if _STORAGE & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.service)

    def place(item: pytest.Item) -> int:
        return next(
            (number for number, name in enumerate(_FIRST) if item.get_closest_marker(name)), len(_FIRST)
        )

    items.sort(key=place)


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name long contents by their length: compressed ones hold the time, and processes compare their lists of tests."""
    if isinstance(val, (str, bytes)) and len(val) > 80:
        return f"{len(val)} {'characters' if isinstance(val, str) else 'bytes'}"
    return None


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real dumps and data sets; tests that need it are skipped where it is missing."""
    folder = Path(os.environ.get("SHARED_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no folder {folder}; set SHARED_DATA")
    return folder


@pytest.fixture(scope="session")
def demo_dump() -> Path:
    """The slice of a real dump (106 articles) that gensim's wheel carries."""
    from pipelines.demo import find_dump

    return find_dump()


@pytest.fixture(scope="session")
def invented(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The invented corpus with its photographs, posts and run; INVENTED_CORPUS names a folder that has it already."""
    ready = os.environ.get("INVENTED_CORPUS")
    if ready:
        return Path(ready)
    from tests.invented_corpus import write_invented

    return write_invented(tmp_path_factory.mktemp("invented"))


@pytest.fixture(scope="session")
def running_object_storage() -> Iterator[ObjectStorage]:
    """A real S3 server, shared by the tests of one process."""
    from tests.services.object_storage import object_storage

    with object_storage() as storage:
        yield storage


@pytest.fixture(scope="session")
def running_google_storage() -> Iterator[ObjectStorage]:
    """A server of Google's interface, shared by the tests of one process."""
    from tests.services.google_storage import google_storage

    with google_storage() as storage:
        yield storage


@pytest.fixture
def object_storage(
    running_object_storage: ObjectStorage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[ObjectStorage]:
    """The server with a bucket of the test's own, without faults; this process may write there."""
    with _own_bucket(running_object_storage, monkeypatch, tmp_path) as storage:
        yield storage


@pytest.fixture
def google_storage(
    running_google_storage: ObjectStorage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[ObjectStorage]:
    """The same of Google's interface."""
    with _own_bucket(running_google_storage, monkeypatch, tmp_path) as storage:
        yield storage


@contextmanager
def _own_bucket(
    storage: ObjectStorage, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> Iterator[ObjectStorage]:
    storage.new_bucket()
    monkeypatch.setenv("KC_STORAGE_CACHE", str(folder / "local copies"))
    monkeypatch.setenv("KC_STORAGE_LEASE_SECONDS", "1")
    for name, value in storage.environment.items():
        monkeypatch.setenv(name, value)
    yield storage
    storage.reset()
