"""Worker processes of this machine: they never import Beam, and they never outlive the process that began them."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection
from typing import TypeVar

from pipelines.engine.errors import WorkerDiedError
from pipelines.engine.timing import Measured, measure, note_usage

__all__ = ["SECONDS_BETWEEN_LOOKS", "WorkerPool"]

SECONDS_BETWEEN_LOOKS = 0.25

_DIED = "a worker process died (killed, perhaps for memory)"

I = TypeVar("I")  # noqa: E741
R = TypeVar("R")


class WorkerPool:
    """A pool of `count` processes, begun afresh (spawn), so that they inherit neither threads nor locks."""

    def __init__(self, count: int) -> None:
        context = get_context("spawn")
        # Only this process holds the end that writes: when it closes it, or dies, every worker reads its end.
        life, self._life = context.Pipe(duplex=False)
        self._executor = ProcessPoolExecutor(
            count, mp_context=context, initializer=_begin_worker, initargs=(life,)
        )

    def submit(self, step: Callable[[I], R], items: list[I]) -> dict[Future[Measured[R]], int]:
        """Begin with the items at once; return what `collect` waits for, with each item's place.

        Raises:
            WorkerDiedError: a worker process was killed.
        """
        resource_tracker.ensure_running()  # else the first process begun would end the block below
        # Ctrl-C in a terminal goes to all processes; one that is only starting could not ignore it yet.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return {self._executor.submit(measure, step, item): place for place, item in enumerate(items)}
        except BrokenProcessPool as error:
            raise WorkerDiedError(_DIED) from error
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def collect(
        self, futures: dict[Future[Measured[R]], int], look: Callable[[], None], stopped: Callable[[], bool]
    ) -> Iterator[tuple[int, R]]:
        """Yield the place and the result of every item as it is finished; `look` is called in between.

        The first exception of a step is raised as it is, with the worker's traceback as its cause.

        Raises:
            WorkerDiedError: a worker process was killed.
        """
        try:
            while futures and not stopped():
                finished, _ = wait(futures, SECONDS_BETWEEN_LOOKS, FIRST_COMPLETED)
                for future in finished:
                    place, measured = futures.pop(future), future.result()
                    note_usage(measured.usage)
                    yield place, measured.result
                look()
        except BrokenProcessPool as error:
            raise WorkerDiedError(_DIED) from error

    def stop(self) -> None:
        """End all workers at once; what they were writing stays under its temporary name."""
        self._life.close()
        self._executor.shutdown(wait=True, cancel_futures=True)

    def close(self) -> None:
        """Let idle workers end."""
        self._executor.shutdown(wait=True, cancel_futures=True)
        self._life.close()


def _begin_worker(life: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that the user started
    threading.Thread(target=_end_with_parent, args=(life,), daemon=True).start()


def _end_with_parent(life: Connection) -> None:
    with contextlib.suppress(EOFError, OSError):
        life.recv()
    os.kill(os.getpid(), signal.SIGKILL)
