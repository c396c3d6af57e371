"""Images and evidence made on a real Flink cluster whose workers are killed meanwhile: the files of a local run."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("open_clip")
pytest.importorskip("faiss")

from pipelines import build_retrieval_cache
from pipelines.engine import Engine
from tests.pipelines.evidence.picture_corpus import SPEC, write_pictures_kc, write_posts
from tests.pipelines.image_index.snapshots import write_snapshot
from tests.services.flink.cluster import FlinkCluster
from tests.services.flink.test_commands import images_of, tables
from tests.services.media_server import draw, encode_as

pytestmark = [pytest.mark.service, pytest.mark.slow, pytest.mark.torch, pytest.mark.xdist_group("flink")]

PAUSE = "ENCODER_PAUSE"
"""For the workers alone: seconds that the encoders of the tests take longer for a picture."""


@contextmanager
def killing(cluster: FlinkCluster, finished: Callable[[], int], items: int) -> Iterator[None]:
    """In the block, kill a Python worker and then a task manager, each when some more of `items` are finished."""
    failures: list[BaseException] = []

    def kill() -> None:
        try:
            _wait_until(lambda: finished() >= 1)
            before = finished()
            os.kill(cluster.python_workers()[0], signal.SIGKILL)
            _wait_until(lambda: finished() > before)
            assert finished() < items, "too late to kill a task manager"
            cluster.kill(cluster.running_task_managers()[0])
            cluster.add_task_manager()
        except BaseException as error:
            failures.append(error)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        yield
    finally:
        killer.join()
    assert not failures, failures


def _wait_until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end, "still not so"
        time.sleep(0.02)


def test_images_are_fetched_and_encoded_all_the_same(cluster: FlinkCluster, tmp_path: Path) -> None:
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    pages = {f"Page {n}": [f"Image_{n}.jpg"] for n in range(400)}
    contents = [encode_as(draw(number, (2400, 1600)), "JPEG") for number in range(20)]
    for number in range(400):
        (mirror / f"Image_{number}.jpg").write_bytes(contents[number % 20])
    local, there = (write_snapshot(tmp_path / name, pages) for name in ("local", "there"))
    with Engine(2) as engine:
        images_of(local, mirror, engine)
    work = there / "images" / ".work"
    with Engine(1, cluster.options(**{PAUSE: "0.02"})) as engine:
        for step, stage in (("records", "fetch"), ("vectors", "encode")):
            with killing(cluster, lambda step=step: len(list((work / step).glob("*.json"))), 16):  # type: ignore[misc]
                images_of(there, mirror, engine, stages=(stage,))
            cluster.wait_for(cluster.task_managers)
        images_of(there, mirror, engine)
    found = tables(there / "images")
    assert "index.faiss" in found
    assert found == tables(local / "images")


def test_evidence_is_found_all_the_same(
    cluster: FlinkCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kc = write_pictures_kc(tmp_path / "kc")
    data = write_posts(tmp_path / "posts")
    posts = [f"IMGID:{('red', 'half')[n % 2]}\nNumber\tO\n{n}\tO\nRose\tB-MISC\n\n" for n in range(1600)]
    (data / "train.txt").write_text("".join(posts))
    monkeypatch.chdir(tmp_path)
    given = ["--kc", kc.name, "--dataset", "conll", "--data", data.name, "--images", f"{data.name}/pictures"]
    given += ["--sources", "text,image,random_text", "--encoder", SPEC, "--device", "cpu"]
    assert build_retrieval_cache.main([*given, "--output", "local"]) == 0
    work = tmp_path / "there" / ".work"
    with killing(cluster, lambda: len(list(work.glob("train/image-*.json"))), 7):
        assert (
            build_retrieval_cache.main([*given, "--output", "there", *cluster.options(**{PAUSE: "0.004"})])
            == 0
        )
    assert tables(tmp_path / "there") == tables(tmp_path / "local")
