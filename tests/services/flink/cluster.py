"""A real Flink session cluster on loopback for tests, from the jars in the Maven registry; no container is needed.

One job manager and some task managers, a process each; and a thin job server jar, which Beam's Python side starts for
every pipeline. The jars are fetched once, into ``FLINK_CACHE`` (default
``~/.cache/entity-knowledge-corpus/flink``). By hand::

    python -m tests.services.flink.cluster WORKDIR --task-managers 2

prints what a pipeline passes, and runs until Ctrl-C.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.services.elasticsearch.node import free_port, jdk
from tests.services.maven import fetch_jars, locked

ROOT = Path(__file__).parents[3]
RECIPE = ROOT / "docker" / "flink"
SECONDS_TO_START = 90
_OPENED = (
    "java.lang",
    "java.lang.reflect",
    "java.util",
    "java.util.concurrent",
    "java.io",
    "java.net",
    "java.nio",
    "java.time",
    "sun.nio.ch",
)
"""Packages of Java into which Flink's and Beam's serialisers look."""
SETTINGS = {
    "jobmanager.rpc.address": "127.0.0.1",
    "jobmanager.bind-host": "127.0.0.1",
    "taskmanager.bind-host": "127.0.0.1",
    "taskmanager.host": "127.0.0.1",
    "rest.address": "127.0.0.1",
    "rest.bind-address": "127.0.0.1",
    "jobmanager.memory.process.size": "768m",
    # One slot a task manager: all slots of one share a single Python worker.
    "taskmanager.numberOfTaskSlots": "1",
    "taskmanager.cpu.cores": "1",
    "taskmanager.memory.task.heap.size": "256m",
    "taskmanager.memory.task.off-heap.size": "0m",
    "taskmanager.memory.framework.heap.size": "128m",
    "taskmanager.memory.framework.off-heap.size": "128m",
    "taskmanager.memory.network.min": "32m",
    "taskmanager.memory.network.max": "32m",
    "taskmanager.memory.managed.size": "128m",
    "taskmanager.memory.jvm-metaspace.size": "256m",
    "taskmanager.memory.jvm-overhead.min": "128m",
    "taskmanager.memory.jvm-overhead.max": "128m",
    "classloader.resolve-order": "parent-first",
    "heartbeat.interval": "1000",
    "heartbeat.timeout": "8000",
    "restart-strategy.type": "fixed-delay",
    "restart-strategy.fixed-delay.attempts": "3",
    "restart-strategy.fixed-delay.delay": "1s",
}


def cache_folder() -> Path:
    """Where the jars are kept."""
    return Path(os.environ.get("FLINK_CACHE") or Path.home() / ".cache" / "entity-knowledge-corpus" / "flink")


def prepare_jars() -> tuple[Path, Path]:
    """Return the folder of the jars and the thin job server's jar, made on first use.

    Raises:
        UnavailableError: no Java, no Maven, or the registry does not answer.
    """
    java = jdk(17)
    cache = cache_folder()
    library, thin = cache / "lib", cache / "job-server.jar"
    with locked(cache / "lock"):
        fetch_jars(RECIPE / "pom.xml", library)
        source = RECIPE / "ThinJobServer.java"
        if not thin.exists() or thin.stat().st_mtime < source.stat().st_mtime:
            _compile(java, library, source, thin)
    return library, thin


def _compile(java: Path, library: Path, source: Path, thin: Path) -> None:
    with tempfile.TemporaryDirectory(dir=thin.parent) as name:
        folder = Path(name)
        command = [
            java / "bin" / "javac",
            "-nowarn",
            "-proc:none",
            "-cp",
            f"{library}/*",
            "-d",
            folder,
            source,
        ]
        subprocess.run(command, check=True, capture_output=True)
        fields = {
            "Main-Class": source.stem,
            "Add-Opens": " ".join(f"java.base/{package}" for package in _OPENED),
            "Class-Path": " ".join(jar.as_uri() for jar in sorted(library.glob("*.jar"))),
        }
        manifest = folder / "MANIFEST.MF"
        manifest.write_text("".join(_manifest_lines(f"{key}: {value}") for key, value in fields.items()))
        jar = [
            java / "bin" / "jar",
            "cfm",
            folder / "made.jar",
            manifest,
            "-C",
            folder,
            f"{source.stem}.class",
        ]
        subprocess.run(jar, check=True, capture_output=True)
        (folder / "made.jar").replace(thin)


def _manifest_lines(line: str) -> str:
    """Break a line of a jar's manifest: 72 bytes at most, those that follow begin with a space."""
    pieces = [line[:72], *(line[start : start + 71] for start in range(72, len(line), 71))]
    return "\n ".join(pieces) + "\n"


@dataclass
class FlinkCluster:
    """A job manager and task managers; as a context manager they run within the block."""

    folder: Path
    """For configuration, logs and what Flink keeps for a while."""
    task_managers: int = 2
    settings: dict[str, str] = field(default_factory=dict)
    """Of Flink, in place of those above."""
    rest_port: int = field(default_factory=free_port)
    _processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _started: int = 0

    def __enter__(self) -> FlinkCluster:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start all processes and wait until the task managers have reported for work.

        Raises:
            UnavailableError: it cannot run on this machine.
            AssertionError: it does not come up.
        """
        library, self._job_server = prepare_jars()
        java = jdk(17)
        opens = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPENED]
        self._command = [str(java / "bin" / "java"), "-XX:+UseSerialGC", *opens, "-cp", f"{library}/*"]
        self._java = java
        for name in ("conf", "blob", "tmp"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        settings = {
            **SETTINGS,
            "jobmanager.rpc.port": str(free_port()),
            "rest.port": str(self.rest_port),
            "blob.storage.directory": str(self.folder / "blob"),
            "io.tmp.dirs": str(self.folder / "tmp"),
            **self.settings,
        }
        lines = "".join(f"{key}: {value}\n" for key, value in settings.items())
        (self.folder / "conf" / "flink-conf.yaml").write_text(lines)
        self._launcher().chmod(0o755)
        try:
            self._start_process(
                "job-manager",
                ["-Xmx320m"],
                "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint",
                ["--executionMode", "cluster"],
            )
            for _ in range(self.task_managers):
                self.add_task_manager()
            self.wait_for(self.task_managers)
        except BaseException:
            self.stop()
            raise

    def _launcher(self) -> Path:
        """The program that a task manager starts as a Python worker: ``kc-beam-worker`` of this checkout."""
        path = self.folder / "kc-beam-worker"
        path.write_text(
            f"#!{sys.executable}\nfrom pipelines.engine.beam_worker import main\nraise SystemExit(main())\n"
        )
        return path

    def add_task_manager(self) -> str:
        """Start one more task manager; return its name."""
        self._started += 1
        name = f"task-manager-{self._started}"
        memory = ["-Xmx384m", "-XX:MaxDirectMemorySize=320m", "-XX:MaxMetaspaceSize=256m"]
        main = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"
        self._start_process(name, memory, main, ["-D", f"taskmanager.resource-id={name}"])
        return name

    def _start_process(self, name: str, memory: list[str], main: str, arguments: list[str]) -> None:
        command = [*self._command[:1], *memory, *self._command[1:], main]
        command += ["--configDir", str(self.folder / "conf"), *arguments]
        with (self.folder / f"{name}.log").open("wb") as log:
            # A group of its own: Python workers that a killed task manager leaves are found by it.
            self._processes[name] = subprocess.Popen(
                command, cwd=self.folder, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )

    def wait_for(self, task_managers: int) -> None:
        """Wait until so many task managers are there."""
        end = time.monotonic() + SECONDS_TO_START
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                if self.ask("overview")["taskmanagers"] == task_managers:
                    return
            dead = [name for name, process in self._processes.items() if process.poll() is not None]
            assert not dead, f"{dead[0]} ended:\n{self.log(dead[0])[-4000:]}"
            time.sleep(0.2)
        raise AssertionError(f"no {task_managers} task managers:\n{self.log('job-manager')[-4000:]}")

    def ask(self, what: str) -> Any:
        """Ask the job manager's REST interface."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.rest_port}/{what}", timeout=5) as answer:
            return json.load(answer)

    def log(self, name: str) -> str:
        """What a process has written."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def options(self, **environment: str) -> list[str]:
        """Beam's options that send a pipeline here; `environment` is set for its Python workers."""
        config = {
            "command": str(self.folder / "kc-beam-worker"),
            "env": {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **environment},
        }
        return [
            "--runner=FlinkRunner",
            f"--flink_master=127.0.0.1:{self.rest_port}",
            f"--flink_job_server_jar={self._job_server}",
            f"--job_server_java_launcher={self._java / 'bin' / 'java'}",
            f"--parallelism={self.task_managers}",
            "--environment_type=PROCESS",
            f"--environment_config={json.dumps(config)}",
        ]

    @contextlib.contextmanager
    def job_server(self) -> Iterator[str]:
        """Run a job server that serves several drivers; yield its address."""
        port = free_port()
        command = [str(self._java / "bin" / "java"), "-jar", str(self._job_server)]
        command += [f"--flink-master=127.0.0.1:{self.rest_port}", f"--job-port={port}"]
        command += ["--artifact-port=0", "--expansion-port=0", f"--artifacts-dir={self.folder / 'artifacts'}"]
        with (self.folder / "job-server.log").open("wb") as log:
            server = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=subprocess.STDOUT)
        try:
            end = time.monotonic() + SECONDS_TO_START
            while not _answers(port):
                assert time.monotonic() < end, self.log("job-server")[-4000:]
                time.sleep(0.2)
            yield f"localhost:{port}"
        finally:
            server.kill()
            server.wait()

    def jobs(self) -> dict[str, str]:
        """Return the jobs that Flink knows, name -> state (of several of one name, the newest's)."""
        found = sorted(self.ask("jobs/overview")["jobs"], key=lambda job: job["start-time"])
        return {job["name"]: job["state"] for job in found}

    def python_workers(self) -> list[int]:
        """Return the ids of the Python workers that run now."""
        mark = str(self.folder / "kc-beam-worker").encode()
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                if mark in path.read_bytes().split(b"\0"):
                    found.append(int(path.parent.name))
        return found

    def running_task_managers(self) -> list[str]:
        """Return the names of the task managers that run."""
        return [
            name
            for name, process in self._processes.items()
            if name.startswith("task-manager") and process.poll() is None
        ]

    def kill(self, name: str) -> None:
        """Kill a process as a power cut would."""
        process = self._processes.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        """End everything, Python workers too."""
        for process in self._processes.values():
            process.kill()
        for process in self._processes.values():
            process.wait()
        self._processes.clear()
        for worker in self.python_workers():
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)


def _answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("localhost", port)) == 0


def main() -> None:
    """Run a cluster until Ctrl-C or SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--task-managers", type=int, default=2)
    given = parser.parse_args()
    with FlinkCluster(given.folder.absolute(), given.task_managers) as cluster:
        print(shlex.join(cluster.options()), flush=True)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
        signal.sigwait({signal.SIGTERM, signal.SIGINT})


if __name__ == "__main__":
    main()
