"""Beam's job server as a process that ends with the driver that started it, however that ends.

    python -m pipelines.engine.job_server DRIVER java -jar JAR --flink-master HOST:PORT ...

Beam starts the program that ``--job_server_java_launcher`` names; `with_watch` puts this one before it. When the driver
is gone (killed, out of memory), its jobs are cancelled, so that they keep no slots of the cluster, and Java is ended.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from types import FrameType
from typing import Any

from kc_schema.errors import UserError
from pipelines.engine.flink_jobs import as_url, cancel_jobs

__all__ = ["main", "with_watch"]

_SECONDS_BETWEEN_LOOKS = 0.5
_SECONDS_TO_END = 2.0
_MASTER = "--flink-master"


def with_watch(options: Any, driver: str) -> Any:
    """Return Beam's options with this program in front of the one that starts Java, for the jobs of `driver`.

    Raises:
        FileNotFoundError: there is no such program.
    """
    from apache_beam.options.pipeline_options import JobServerOptions

    server = options.view_as(JobServerOptions)
    java = server.job_server_java_launcher
    if shutil.which(java) is None:
        raise FileNotFoundError(f"no program {java}")
    server.job_server_jvm_properties = ["-m", __name__, driver, java, *server.job_server_jvm_properties]
    server.job_server_java_launcher = sys.executable
    return options


def main(argv: Sequence[str] | None = None) -> int:
    """Run a job server until it ends, or the process that started this one does; return its exit status."""
    driver, *command = sys.argv[1:] if argv is None else argv
    parent = os.getppid()
    os.setsid()  # Ctrl-C in a terminal is for the driver, which cancels its job with this server's help
    asked: list[float] = []

    def note(_number: int, _frame: FrameType | None) -> None:
        asked.append(time.monotonic())

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, note)
    with subprocess.Popen(command) as server:
        while server.poll() is None:
            if asked:
                # Not SIGINT, as Beam sends it: in the background of a shell's script it is ignored from the start.
                server.terminate()
            if os.getppid() != parent:
                _cancel_jobs(driver, command)
            # Beam waits for five seconds and then kills this process, and Java would stay.
            if os.getppid() != parent or (asked and time.monotonic() - asked[0] > _SECONDS_TO_END):
                server.kill()
                break
            time.sleep(_SECONDS_BETWEEN_LOOKS)
    return server.returncode


def _cancel_jobs(driver: str, command: Sequence[str]) -> None:
    master = command[command.index(_MASTER) + 1] if _MASTER in command else ""
    if address := as_url(master):
        with contextlib.suppress(UserError):  # nobody is there to hear of it; the next driver tries again
            cancel_jobs(address, driver=driver)


if __name__ == "__main__":
    sys.exit(main())
