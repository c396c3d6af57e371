"""Builds the text corpus of dumps of growing size and prints what each took: nothing but time and disk may grow.

    python -m tests.bench.bench_size                                     0.3, 1 and 2.5 GB of XML on this machine
    python -m tests.bench.bench_size --text-index tantivy
    python -m tests.bench.bench_size --megabytes 300 --task-managers 1 2   on Flink, each number of task managers

The dump of ``make bench`` is repeated until it is so large. On Flink the cluster is that of the tests, on loopback.
Printed a build: CPU seconds of all processes (on Flink also of Java and of the Python workers), wall time, and the peak
memory of the driver (the command itself) and of the largest other process of Python. Memory counts mapped files, which
the processes of a machine share.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kc_schema.verify import verify
from tests.bench.bench_build import PR_SET_CHILD_SUBREAPER, default_dump, grow_dump
from tests.services.flink.cluster import FlinkCluster

SECONDS_BETWEEN_LOOKS = 0.25
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Watched:
    """What all processes below this one have taken, looked at four times a second."""

    cpu: dict[tuple[int, str], float] = field(default_factory=dict)
    """CPU seconds by process and its start, as last seen."""
    peak: dict[tuple[int, str], int] = field(default_factory=dict)
    """Bytes of memory at most."""
    names: dict[tuple[int, str], str] = field(default_factory=dict)

    def look(self) -> None:
        """Take note of every process below this one (proc(5))."""
        waiting = _children(os.getpid())
        while waiting:
            process = waiting.pop()
            with contextlib.suppress(OSError):
                waiting += _children(process)
                fields = Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].split()
                status = Path(f"/proc/{process}/status").read_text()
                key = (process, fields[19])
                self.names[key] = status.split()[1]
                self.cpu[key] = (int(fields[11]) + int(fields[12])) / TICKS
                # A process that has ended tells its time, but not its memory.
                if "VmHWM:" in status:
                    self.peak[key] = int(status.partition("VmHWM:")[2].split()[0]) * 1024


def _children(process: int) -> list[int]:
    paths = Path(f"/proc/{process}/task").glob("*/children")
    return [int(child) for path in paths for child in path.read_text().split()]


@dataclass(frozen=True)
class Taken:
    """What a build took. Memory is in bytes."""

    cpu: float
    wall: float
    driver: int
    largest: int
    """Of the other processes of Python."""
    java: float
    """CPU seconds of Java's processes, which are among `cpu`."""


def build(command: list[str]) -> Taken:
    """Run a build and watch it.

    Raises:
        SystemExit: it failed.
    """
    before, watched = Watched(), Watched()
    before.look()
    done = threading.Event()

    def keep_looking() -> None:
        while not done.wait(SECONDS_BETWEEN_LOOKS):
            watched.look()

    looking = threading.Thread(target=keep_looking)
    looking.start()
    began = time.monotonic()
    with (
        tempfile.TemporaryFile("w+") as output,
        subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT) as running,
    ):
        # The last look must come while the process is there, also as one that has ended and was not waited for.
        os.waitid(os.P_PID, running.pid, os.WEXITED | os.WNOWAIT)
        wall = time.monotonic() - began
        done.set()
        looking.join()
        if running.wait():
            output.seek(0)
            raise SystemExit(f"{' '.join(command)} ended with {running.returncode}:\n{output.read()}")
    taken = {key: seconds - before.cpu.get(key, 0.0) for key, seconds in watched.cpu.items()}
    python = [(key[0], peak) for key, peak in watched.peak.items() if watched.names[key] != "java"]
    return Taken(
        sum(taken.values()),
        wall,
        next(peak for process, peak in python if process == running.pid),
        max((peak for process, peak in python if process != running.pid), default=0),
        sum(seconds for key, seconds in taken.items() if watched.names[key] == "java"),
    )


def report(name: str, size: int, taken: Taken, kc: Path) -> None:
    """Print a line, and whether the snapshot is as its manifest says."""
    faults = sum(verify(kc).counts.values())
    print(
        f"{size / 1e6:,.0f} MB, {name}: {taken.cpu:,.1f} CPU s ({taken.java:,.1f} of Java), {taken.wall:,.1f} s wall,"
        f" {size / 1e6 / taken.cpu:.2f} MB/s of XML a CPU second, {size / 1e6 / taken.wall:.2f} MB/s of wall time;"
        f" driver {taken.driver / 1e6:,.0f} MB, largest worker {taken.largest / 1e6:,.0f} MB; {faults} faults;"
        f" load {os.getloadavg()[0]:.1f}",
        flush=True,
    )


def builds(
    dump: Path, size: int, kc: Path, workers: Sequence[int], task_managers: Sequence[int], text_index: str
) -> None:
    """Build the snapshot with each number of workers, or on clusters of each number of task managers."""
    command = [sys.executable, "-m", "pipelines.build_text_kc", "--dump", str(dump), "--output", str(kc)]
    command += ["--text-index", text_index, "--overwrite"]
    for count in task_managers:
        with FlinkCluster(kc.parent / "flink", count) as cluster:
            taken = build([*command, *cluster.options()])
        report(f"{count} task manager{'s' if count > 1 else ''}", size, taken, kc)
    for count in () if task_managers else workers:
        report(f"{count} worker{'s' if count > 1 else ''}", size, build([*command, f"--workers={count}"]), kc)


def main() -> None:
    """Run the benchmark and print its figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dump", type=Path, default=None)
    parser.add_argument(
        "--megabytes", type=int, nargs="+", default=[300, 1000, 2500], help="XML of the dumps"
    )
    parser.add_argument("--workers", type=int, nargs="+", default=[2])
    parser.add_argument("--task-managers", type=int, nargs="+", default=[], help="build on Flink instead")
    parser.add_argument("--text-index", default="none")
    parser.add_argument("--folder", type=Path, default=None, help="keeps the grown dumps for the next time")
    given = parser.parse_args()
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    with tempfile.TemporaryDirectory(prefix="bench-size-") as name:
        for megabytes in given.megabytes:
            folder = (given.folder or Path(name)) / f"{megabytes}"
            folder.mkdir(parents=True, exist_ok=True)
            dump = folder / "enwiki-20200101-pages-articles-multistream.xml.bz2"
            size_file = folder / "size"
            if not dump.exists():
                size_file.write_text(
                    str(grow_dump(given.dump or default_dump(), dump, megabytes * 1_000_000))
                )
            kc = Path(name) / "kc"
            builds(dump, int(size_file.read_text()), kc, given.workers, given.task_managers, given.text_index)
            shutil.rmtree(kc)


if __name__ == "__main__":
    main()
