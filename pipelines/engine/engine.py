"""`Engine.map`: a step for every item, with a barrier behind it, on this machine's cores or on a cluster.

Both ways run a pipeline of Apache Beam with the same step functions. On this machine Beam's runner in this
process has one element, whose function hands the items to a pool of worker processes. On a cluster every item is
an element; what steps give back lies on the storage that all workers share, and is read from there.
"""

from __future__ import annotations

import itertools
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Generic, TypeVar

from kc_schema.errors import UserError
from pipelines.engine.beam_options import check_beam_options, quiet_beam, runs_here
from pipelines.engine.cluster import Cluster
from pipelines.engine.errors import RunError
from pipelines.engine.pool import SECONDS_BETWEEN_LOOKS, WorkerPool
from pipelines.engine.timing import Measured

__all__ = ["Engine", "default_workers", "kept_results"]

_SECONDS_BETWEEN_NOTES = 5.0
_LOOKED_AHEAD = 32
"""Items on a cluster that are not finished, behind which no more are looked at for once."""

_FEW = 4
_LOOKED_AT_AT_ONCE = 16

I = TypeVar("I")  # noqa: E741
R = TypeVar("R")


def default_workers() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def kept_results(items: Sequence[I], finished: Callable[[I], R | None]) -> list[R | None]:
    """Return what is kept for every item, None where nothing is; several are looked at at once, as each may be far."""
    if len(items) < _FEW:
        return [finished(item) for item in items]
    with ThreadPoolExecutor(_LOOKED_AT_AT_ONCE) as threads:
        return list(threads.map(finished, items))


class Engine:
    """Runs steps; use it as a context manager, so that no process outlives it.

    ::

        with Engine(workers=4) as engine:
            units = engine.map(extract_unit, plan, finished=read_unit, label="Extract")
    """

    def __init__(self, workers: int = 1, beam_arguments: Sequence[str] = ()) -> None:
        """Check the options; nothing is begun before it is needed.

        Args:
            workers: processes on this machine, unless `beam_arguments` name another runner.
            beam_arguments: options of Apache Beam, such as ``--runner=FlinkRunner``.

        Raises:
            RunError: options that Beam does not know, or nothing answers where they point.
        """
        check_beam_options(beam_arguments)
        self.workers = workers
        self.local = runs_here(beam_arguments)
        """Whether the work is done by this machine's worker pool."""
        self._cluster = Cluster(beam_arguments)
        self._pool: WorkerPool | None = None

    def __enter__(self) -> Engine:
        """Start what the cluster needs on this machine.

        Raises:
            RunError: it is not to be had.
        """
        if not self.local:
            self._cluster.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            if error is None:
                self._pool.close()
            else:
                self._pool.stop()
            self._pool = None
        self._cluster.stop()

    @contextmanager
    def writing(self, place: Path | str, tell: Callable[[str], object]) -> Iterator[None]:
        """Let the steps of the block be the only ones that write into `place`, whose lock this process holds.

        The lock keeps other drivers out, but not the job that a driver which was killed left on a cluster: that is
        cancelled first.

        Args:
            place: a folder, or a name of what the steps write into.
            tell: takes a line about each job that was cancelled.

        Raises:
            RunError: the cluster cannot be asked, or a job does not end.
        """
        if self.local:  # workers of this machine end with their driver
            yield
            return
        name = str(place.absolute()) if isinstance(place, Path) else place
        for job in self._cluster.begin_writing(name):
            tell(f"cancelled a job that an earlier run had left on the cluster: {job}")
        try:
            yield
        finally:
            self._cluster.end_writing()

    def map(
        self,
        step: Callable[[I], R],
        items: Sequence[I],
        *,
        finished: Callable[[I], R | None],
        label: str,
        look: Callable[[], None] = lambda: None,
        arrived: Callable[[R], None] = lambda _: None,
    ) -> list[R]:
        """Do `step` for every item that is not finished; return the results in the order of the items.

        Args:
            step: a function of a module (or a `functools.partial` of one) that keeps its result before it returns.
            finished: returns the result that is kept for an item, None where there is none.
            label: names the step in Beam's graph.
            look: called a few times a second while the steps run, perhaps from another thread.
            arrived: called with each result that is new, in the order in which they come, perhaps from another thread.

        Raises:
            WorkerDiedError: a worker process of this machine was killed.
            RunError: the pipeline failed on a cluster.
            KeyboardInterrupt: Ctrl-C; all workers are ended.
            Exception: whatever a step raised on this machine, as itself.
        """
        found = kept_results(items, finished)
        results = {place: result for place, result in enumerate(found) if result is not None}
        todo = [place for place in range(len(items)) if place not in results]
        if todo and self.local:
            self._map_here(step, items, todo, results, label, look, arrived)
        elif todo:
            self._map_elsewhere(step, items, todo, results, finished, label, look, arrived)
        return [results[place] for place in range(len(items))]

    def _map_elsewhere(
        self,
        step: Callable[[I], R],
        items: Sequence[I],
        todo: list[int],
        results: dict[int, R],
        finished: Callable[[I], R | None],
        label: str,
        look: Callable[[], None],
        arrived: Callable[[R], None],
    ) -> None:
        waiting = list(todo)

        def note(most_missed: int) -> None:
            """Take note of what is finished; give up behind so many items that are not."""
            missed = 0
            for place in list(waiting):
                result = finished(items[place])
                if result is not None:
                    waiting.remove(place)
                    results[place] = result
                    arrived(result)
                elif (missed := missed + 1) >= most_missed:
                    return

        with _looking(look, lambda: note(_LOOKED_AHEAD)):
            self._cluster.run(step, [items[place] for place in todo], label)
        note(1)
        if waiting:
            raise RunError(
                f"{label}: the pipeline ended without an error, and {items[waiting[0]]} is not finished; do all"
                " workers see the same storage under the same path?"
            )

    def _map_here(
        self,
        step: Callable[[I], R],
        items: Sequence[I],
        todo: list[int],
        results: dict[int, R],
        label: str,
        look: Callable[[], None],
        arrived: Callable[[R], None],
    ) -> None:
        if self._pool is None:
            self._pool = WorkerPool(min(self.workers, len(todo)) if self.workers > 1 else 1)
        # The workers begin while this process imports Beam.
        futures = self._pool.submit(step, [items[place] for place in todo])
        run = _LocalRun(self._pool, futures, look, arrived)
        with _signals_noted(run):
            _run_with_beam(run, label)
        if run.failure is not None or run.stopped_by is not None:
            pool, self._pool = self._pool, None
            pool.stop()
        if run.stopped_by is not None:
            _raise_signal(run.stopped_by)
        if run.failure is not None:
            raise run.failure
        results.update((todo[place], result) for place, result in run.results.items())


@dataclass
class _LocalRun(Generic[R]):
    """What the one element of a pipeline on this machine stands for."""

    pool: WorkerPool
    futures: dict[Future[Measured[R]], int]
    look: Callable[[], None]
    arrived: Callable[[R], None]
    results: dict[int, R] = field(default_factory=dict)
    failure: BaseException | None = None
    stopped_by: int | None = None
    """The signal that asked to stop."""

    def __call__(self) -> None:
        """Wait for all items. An exception is kept as itself: Beam would wrap it into another."""
        try:
            for place, result in self.pool.collect(
                self.futures, self.look, lambda: self.stopped_by is not None
            ):
                self.results[place] = result
                self.arrived(result)
        except BaseException as error:
            self.failure = error


_LOCAL_RUNS: dict[int, _LocalRun[Any]] = {}
_numbers = itertools.count()


def _do_local_run(number: int) -> None:
    _LOCAL_RUNS[number]()


def _run_with_beam(run: _LocalRun[Any], label: str) -> None:
    quiet_beam()
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions

    number = next(_numbers)
    _LOCAL_RUNS[number] = run
    try:
        with beam.Pipeline(runner="FnApiRunner", options=PipelineOptions([])) as pipeline:
            _ = pipeline | f"{label}: items" >> beam.Create([number]) | label >> beam.Map(_do_local_run)
    finally:
        del _LOCAL_RUNS[number]


@contextmanager
def _signals_noted(run: _LocalRun[Any]) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM stop the run between two looks, so that Beam always ends in order."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def note(number: int, _frame: FrameType | None) -> None:
        run.stopped_by = number

    previous = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _raise_signal(number: int) -> None:
    """Do what the signal does outside of a run."""
    signal.raise_signal(number)
    raise KeyboardInterrupt  # where its handler returns


@contextmanager
def _looking(look: Callable[[], None], note: Callable[[], None]) -> Iterator[None]:
    """Call `look` often and `note` now and then from a thread of its own until the block ends."""
    done = threading.Event()

    def keep_looking() -> None:
        noted = time.monotonic()
        while not done.wait(SECONDS_BETWEEN_LOOKS):
            look()
            if time.monotonic() - noted > _SECONDS_BETWEEN_NOTES:
                with suppress(UserError):  # what cannot be read now is read when the pipeline has ended
                    note()
                noted = time.monotonic()

    thread = threading.Thread(target=keep_looking, name="progress")
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
