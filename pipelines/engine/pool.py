"""Worker processes of this machine: they never import Beam, and they never outlive the process that began them."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from pipelines.engine.errors import WorkerDiedError

__all__ = ["SECONDS_BETWEEN_LOOKS", "WorkerPool"]

SECONDS_BETWEEN_LOOKS = 0.25

I = TypeVar("I")  # noqa: E741
R = TypeVar("R")


class WorkerPool:
    """A pool of `count` processes, begun afresh (spawn), so that they inherit neither threads nor locks."""

    def __init__(self, count: int) -> None:
        context = get_context("spawn")
        # Only this process holds the end that writes: when it closes it, or dies, every worker reads its end.
        life, self._life = context.Pipe(duplex=False)
        self._count = count
        self._executor = ProcessPoolExecutor(
            count, mp_context=context, initializer=_begin_worker, initargs=(life,)
        )

    def warm_up(self, step: Callable[..., Any]) -> None:
        """Begin the processes, and let them import what `step` needs, without waiting for them."""
        for _ in range(self._count):
            self._executor.submit(_hold, step)

    def run(
        self,
        step: Callable[[I], R],
        items: list[I],
        look: Callable[[], None],
        stopped: Callable[[], bool],
    ) -> Iterator[tuple[int, R]]:
        """Yield the place and the result of every item as it is finished; `look` is called in between.

        The first exception of a step is raised as it is, with the worker's traceback as its cause.

        Raises:
            WorkerDiedError: a worker process was killed.
        """
        try:
            futures: dict[Future[R], int] = {
                self._executor.submit(step, item): place for place, item in enumerate(items)
            }
            while futures and not stopped():
                finished, _ = wait(futures, SECONDS_BETWEEN_LOOKS, FIRST_COMPLETED)
                for future in finished:
                    yield futures.pop(future), future.result()
                look()
        except BrokenProcessPool as error:
            raise WorkerDiedError("a worker process died (killed, perhaps for memory)") from error

    def stop(self) -> None:
        """End all workers at once; what they were writing stays under its temporary name."""
        self._life.close()
        self._executor.shutdown(wait=True, cancel_futures=True)

    def close(self) -> None:
        """Let idle workers end."""
        self._executor.shutdown(wait=True, cancel_futures=True)
        self._life.close()


def _hold(step: Callable[..., Any]) -> None:
    """Nothing: that `step` arrived means that its modules are imported."""


def _begin_worker(life: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that the user started
    threading.Thread(target=_end_with_parent, args=(life,), daemon=True).start()


def _end_with_parent(life: Connection) -> None:
    with contextlib.suppress(EOFError, OSError):
        life.recv()
    os.kill(os.getpid(), signal.SIGKILL)
