"""Steps on a cluster that Apache Beam reaches: the pipeline, its job server, and what went wrong, in one line."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import secrets
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from kc_schema.errors import UserError
from pipelines.engine.beam_options import quiet_beam, starts_job_server
from pipelines.engine.code_version import CodeVersion, code_version
from pipelines.engine.errors import RunError
from pipelines.engine.flink_jobs import cancel_jobs, flink_address, job_name
from pipelines.engine.job_server import with_watch
from pipelines.engine.timing import Elsewhere, WorkerMeter, note_elsewhere

__all__ = ["Cluster"]

I = TypeVar("I")  # noqa: E741
R = TypeVar("R")

_MARK = "\x1f"
"""Encloses the message of an error of the project on its way through a cluster, which keeps only text."""
_HOW_TO = "docs/cluster.md shows the whole command"


class Cluster:
    """Runs a pipeline for every step; one job server of Beam's serves all of them."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self._arguments = list(arguments)
        self._given = tuple(arguments)
        self._job_server: Any = None
        self._begun = False
        self._place = ""
        self._driver = secrets.token_hex(8)

    def start(self) -> None:
        """Start the job server, where the runner has one that nobody has started; several calls are as one.

        Raises:
            RunError: it is not to be had, or does not start.
        """
        if self._begun:
            return
        runner = starts_job_server(self._arguments)
        if runner is not None:
            quiet_beam()
            from apache_beam.options.pipeline_options import PipelineOptions

            port = _free_port()
            self._arguments.append(f"--job_port={port}")
            try:
                server = runner.default_job_server(with_watch(PipelineOptions(self._arguments), self._driver))
                with _handler_of_interrupts_kept():
                    server.start()
            except Exception as error:
                raise RunError(_explain_job_server(error, type(runner).__name__)) from error
            self._job_server = server
            self._arguments.append(f"--job_endpoint=localhost:{port}")
        self._begun = True

    def stop(self) -> None:
        """End the job server."""
        server, self._job_server = self._job_server, None
        if server is not None:
            server.stop()

    def begin_writing(self, place: str) -> list[str]:
        """Name all jobs from now on after `place`; cancel those that an earlier driver left, and return their names.

        Raises:
            RunError: the cluster cannot be asked, or a job does not end.
        """
        address = flink_address(self._given)
        cancelled = cancel_jobs(address, place=place) if address else []
        self._place = place
        return cancelled

    def end_writing(self) -> None:
        """Name no more jobs after a place."""
        self._place = ""

    def run(self, step: Callable[[I], R], items: Sequence[I], label: str) -> None:
        """Do a step for all items; what it returns is not brought here.

        Raises:
            RunError: the pipeline failed; a step's own error keeps its message.
        """
        self.start()
        import apache_beam as beam
        from apache_beam.options.pipeline_options import PipelineOptions

        name = job_name(self._given, label, place=self._place, driver=self._driver)
        pipeline = beam.Pipeline(options=PipelineOptions([*self._arguments, f"--job_name={name}"]))
        _ = (
            pipeline
            | f"{label}: items" >> beam.Create(items)
            | f"{label}: spread" >> beam.Reshuffle()
            | label >> beam.Map(_Marked(step, code_version(), Path.cwd(), _Meters(secrets.token_hex(8))))
        )
        try:
            running = pipeline.run()
            try:
                running.wait_until_finish()
            except KeyboardInterrupt:
                self._cancel(running)  # else the job would go on without us
                raise
        except Exception as error:
            raise _explain(error, label) from error
        _note_usage(running)

    def _cancel(self, running: Any) -> None:
        running.cancel()
        if address := flink_address(self._given):
            cancel_jobs(address, driver=self._driver)


@dataclass(frozen=True)
class _Marked(Generic[I, R]):
    """A step on a cluster: an error of the project is marked, so that its message can be found again."""

    step: Callable[[I], R]
    code: CodeVersion
    """That of the driver; a worker of another would write what no build on one machine does."""
    folder: Path
    """The driver's working folder: paths that the user gave may be relative to it."""
    meters: _Meters

    def __call__(self, item: I) -> None:
        meter = self.meters.of_this_process()
        try:
            self._check_code()
            if Path.cwd() != self.folder:
                with contextlib.suppress(OSError):  # then absolute paths alone are right
                    os.chdir(self.folder)
            self.step(item)
        except UserError as error:
            raise RuntimeError(f"{_MARK}{json.dumps(str(error))}{_MARK}") from error
        if meter is not None:
            from apache_beam.metrics import Metrics

            usage = meter.take()
            Metrics.counter(_METRICS, _CPU).inc(round(usage.cpu_seconds * 1000))
            Metrics.distribution(_METRICS, _MEMORY).update(usage.memory)

    def _check_code(self) -> None:
        difference = self.code.difference(code_version())
        if difference:
            raise RunError(
                f"worker on {platform.node()}: {difference}; install the same version of the project, with"
                " constraints.txt, for the same Python on all machines"
            )


_METRICS, _CPU, _MEMORY, _PROCESSES = "kc", "cpu milliseconds", "bytes of memory", "processes"
"""Namespace and names of what workers count (https://beam.apache.org/documentation/programming-guide/#metrics)."""
_METERS: dict[str, WorkerMeter] = {}
"""What this process takes for a job; there is one at a time."""
_METERING = threading.Lock()


@dataclass(frozen=True)
class _Meters:
    """The meters of the processes that work for a job."""

    job: str
    driver: tuple[str, int] = field(default_factory=lambda: (platform.node(), os.getpid()))
    """Machine and process that the job comes from, which measures itself."""

    def of_this_process(self) -> WorkerMeter | None:
        """Return the meter of a worker; None in the driver's process."""
        if self.driver == (platform.node(), os.getpid()):
            return None
        with _METERING:
            if self.job not in _METERS:
                from apache_beam.metrics import Metrics

                _METERS.clear()
                _METERS[self.job] = WorkerMeter()
                Metrics.counter(_METRICS, _PROCESSES).inc()
            return _METERS[self.job]


def _note_usage(finished: Any) -> None:
    """Count what the workers of a job took, where its runner keeps metrics."""
    try:
        found = finished.metrics().query()
    except Exception:  # whatever the runner raises: figures are no reason for a build to fail
        return
    counted = {metric.key.metric.name: metric.result or 0 for metric in found["counters"] if _is_ours(metric)}
    peaks = [metric.result.max for metric in found["distributions"] if _is_ours(metric) and metric.result]
    if processes := counted.get(_PROCESSES, 0):
        note_elsewhere(
            Elsewhere(counted.get(_CPU, 0) / 1000, max(map(int, filter(None, peaks)), default=0), processes)
        )


def _is_ours(metric: Any) -> bool:
    return bool(metric.key.metric.namespace == _METRICS)


@contextlib.contextmanager
def _handler_of_interrupts_kept() -> Iterator[None]:
    """Undo what Beam does to Ctrl-C in the block: it would end the job server before the job is cancelled."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, handler)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("localhost", 0))
        return int(listener.getsockname()[1])


def _explain_job_server(error: Exception, runner: str) -> str:
    text = " ".join(str(error).split())
    if isinstance(error, FileNotFoundError):
        return (
            f"--runner {runner}: Java is needed here, which runs Beam's job server ({text}); install a JDK 17, or give"
            f" --job_endpoint HOST:PORT of a job server that runs; {_HOW_TO}"
        )
    kind = "spark" if "Spark" in runner else "flink"
    asked = _ASKED.search(text)
    reason = f"not at {asked[1]}: {asked[2]}" if asked else text[:300]
    return (
        f"--runner {runner}: Beam's job server cannot be had ({reason}); give --{kind}_job_server_jar JAR, or"
        f" --job_endpoint HOST:PORT of a job server that runs; {_HOW_TO}"
    )


_ASKED = re.compile(r"job server jar at (\S+): (.*?)(?:\. Also failed|$)")
"""Where Beam looked for the jar, and why it did not get it."""
_CAUSES = (
    (
        "No module named 'pipelines'",
        "the workers' Python does not find the project: install it on every machine",
    ),
    (
        "No module named 'kc_schema'",
        "the workers' Python does not find the project: install it on every machine",
    ),
    (
        "Can't get attribute",
        "a worker runs another version of the project: install the same one on every machine",
    ),
    ('Cannot run program "docker"', "no Docker on the workers: give --environment_type=PROCESS"),
    ("Cannot run program", "the workers cannot start the program that --environment_config names"),
    (
        "java.io.IOException: error=2, No such file or directory",
        "the workers cannot start the program that --environment_config names; install the project there, or give its"
        " whole path",
    ),
    (
        "NoResourceAvailableException",
        "too few free slots on the cluster: start workers, or lower --parallelism",
    ),
)
"""What stands in Beam's message -> what is to be done."""


def _explain(error: BaseException, label: str) -> RunError:
    if isinstance(error, UserError):
        return RunError(str(error))
    text = str(error)
    marked = text.replace("\\x1f", _MARK).split(_MARK)
    if len(marked) > 2:
        try:
            return RunError(json.loads(marked[1]))
        except ValueError:
            pass
    lines = [line.strip() for line in text.splitlines() if line.strip()] or [type(error).__name__]
    cause = next((f"{todo} ({_HOW_TO}): " for sign, todo in _CAUSES if sign in text), "")
    return RunError(f"{label}: the pipeline failed: {cause}{lines[-1]}")
