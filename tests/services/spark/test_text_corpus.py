"""A text corpus built on a real Spark, one of whose Python workers is killed meanwhile: the tables of a local build."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from kc_schema.verify import verify
from tests.bench.bench_build import grow_dump
from tests.corpus_builder import files
from tests.services.flink.test_text_corpus import command, run, wait_until
from tests.services.maven import UnavailableError
from tests.services.spark.job_server import ROOT, SparkJobServer

pytestmark = [pytest.mark.service, pytest.mark.slow]


def test_a_killed_worker_changes_nothing(demo_dump: Path, tmp_path: Path) -> None:
    dump = tmp_path / "enwiki-20200101-pages-articles-multistream.xml.bz2"
    grow_dump(demo_dump, dump, 30_000_000)
    local, there = tmp_path / "local", tmp_path / "there"
    run(*command(dump, local, "--workers", "2"))
    units = there / ".work" / "units"
    try:
        with (
            SparkJobServer(tmp_path) as server,
            subprocess.Popen(
                command(dump, there, *server.options()),
                cwd=ROOT,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            ) as build,
        ):
            wait_until(lambda: list(units.glob("*/result.json")), build)
            os.kill(server.python_workers()[0], signal.SIGKILL)
            _, errors = build.communicate(timeout=240)
    except UnavailableError as error:
        if os.environ.get("REQUIRE_SERVICES") == "1":
            pytest.fail(f"REQUIRE_SERVICES is set: {error}")
        pytest.skip(f"Spark: {error}")
    assert build.returncode == 0, errors
    assert files(there) == files(local)
    assert not verify(there).counts
