"""A text corpus built on a real Flink cluster from and to object storage, while a worker is killed."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from kc_schema.store import as_path
from kc_schema.verify import verify
from tests.bench.bench_build import grow_dump
from tests.corpus_builder import files
from tests.services.flink.cluster import ROOT, FlinkCluster
from tests.services.flink.test_text_corpus import command, run, wait_until
from tests.services.object_storage import ObjectStorage

pytestmark = [pytest.mark.service, pytest.mark.xdist_group("flink")]


@pytest.mark.slow
def test_a_killed_worker_loses_nothing_in_a_bucket(
    cluster: FlinkCluster, demo_dump: Path, tmp_path: Path, object_storage: ObjectStorage
) -> None:
    dump = tmp_path / "enwiki-20200101-pages-articles-multistream.xml.bz2"
    grow_dump(demo_dump, dump, 12_000_000)
    run(*command(dump, tmp_path / "local", "--workers", "2"))
    object_storage.client().upload_file(str(dump), object_storage.bucket, f"dumps/{dump.name}")
    there = as_path(object_storage.address("kc"))
    # The workers' local copies lie elsewhere than the driver's, as on machines of their own.
    environment = {**object_storage.environment, "KC_STORAGE_CACHE": str(tmp_path / "of the workers")}
    sources = command(Path("dump"), tmp_path, *cluster.options(**environment))
    sources[sources.index("--dump") + 1] = object_storage.address("dumps")
    sources[sources.index("--output") + 1] = str(there)
    with subprocess.Popen(
        sources, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as build:
        wait_until(lambda: object_storage.count("PUT", r"units/.*/result\.json"), build)
        os.kill(cluster.python_workers()[0], signal.SIGKILL)
        _, errors = build.communicate(timeout=240)
    assert build.returncode == 0, errors
    assert files(there) == files(tmp_path / "local")
    assert not verify(there).counts
    assert not [key for key in object_storage.objects("kc/") if "/." in key]
