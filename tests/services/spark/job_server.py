"""Beam's job server for Spark with Spark inside it (``local[2,4]``), from the jars in the Maven registry.

The jars are fetched once, into ``SPARK_CACHE`` (default ``~/.cache/entity-knowledge-corpus/spark``).
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.services.elasticsearch.node import free_port, jdk
from tests.services.maven import fetch_jars, locked

ROOT = Path(__file__).parents[3]
SECONDS_TO_START = 90
OPENED = (
    "java.io",
    "java.lang",
    "java.lang.invoke",
    "java.lang.reflect",
    "java.net",
    "java.nio",
    "java.util",
    "java.util.concurrent",
    "java.util.concurrent.atomic",
    "sun.nio.ch",
    "sun.nio.cs",
    "sun.security.action",
    "sun.util.calendar",
)
"""Packages of Java into which Spark looks (its own list: JavaModuleOptions)."""
PROPERTIES = ("spark.ui.enabled=false", "spark.driver.bindAddress=127.0.0.1", "spark.driver.host=127.0.0.1")


def cache_folder() -> Path:
    """Where the jars are kept."""
    return Path(os.environ.get("SPARK_CACHE") or Path.home() / ".cache" / "entity-knowledge-corpus" / "spark")


@dataclass
class SparkJobServer:
    """A job server; as a context manager it runs within the block."""

    folder: Path
    """For its log and the launcher of Python workers."""
    port: int = field(default_factory=free_port)

    def __enter__(self) -> SparkJobServer:
        """Start it and wait until it answers.

        Raises:
            UnavailableError: it cannot run on this machine.
        """
        library = cache_folder() / "lib"
        with locked(cache_folder() / "lock"):
            fetch_jars(ROOT / "docker" / "spark" / "pom.xml", library)
        launcher = self.folder / "kc-beam-worker"
        launcher.write_text(
            f"#!{sys.executable}\nfrom pipelines.engine.beam_worker import main\nraise SystemExit(main())\n"
        )
        launcher.chmod(0o755)
        command = [str(jdk(17) / "bin" / "java"), "-Xmx768m"]
        command += [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in OPENED]
        command += [f"-D{name}" for name in PROPERTIES]
        command += ["-cp", f"{library}/*", "org.apache.beam.runners.spark.SparkJobServerDriver"]
        # Four tries a task: a plain local[2] has one.
        command += ["--spark-master-url=local[2,4]", f"--job-port={self.port}", "--artifact-port=0"]
        command += ["--expansion-port=0", f"--artifacts-dir={self.folder / 'artifacts'}"]
        with (self.folder / "job-server.log").open("wb") as log:
            self._server = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=subprocess.STDOUT)
        end = time.monotonic() + SECONDS_TO_START
        while not self._answers():
            assert self._server.poll() is None, self.log()
            assert time.monotonic() < end, self.log()
            time.sleep(0.2)
        return self

    def __exit__(self, *error: object) -> None:
        workers = self.python_workers()
        self._server.kill()
        self._server.wait()
        for worker in workers:
            try:
                os.kill(worker, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def _answers(self) -> bool:
        with socket.socket() as client:
            return client.connect_ex(("localhost", self.port)) == 0

    def log(self) -> str:
        """What it has written last."""
        return (self.folder / "job-server.log").read_text(errors="replace")[-4000:]

    def options(self) -> list[str]:
        """Beam's options that send a pipeline here."""
        config = {
            "command": str(self.folder / "kc-beam-worker"),
            "env": {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        }
        return [
            "--runner=PortableRunner",
            f"--job_endpoint=localhost:{self.port}",
            "--environment_type=PROCESS",
            f"--environment_config={json.dumps(config)}",
        ]

    def python_workers(self) -> list[int]:
        """Return the ids of the Python workers that run now."""
        mark = str(self.folder / "kc-beam-worker").encode()
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                if mark in path.read_bytes().split(b"\0"):
                    found.append(int(path.parent.name))
            except OSError:
                continue
        return found
