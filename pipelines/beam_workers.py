"""The worker processes of a pipeline that runs on this machine: who they are, whether they live.

Beam's local runner waits for ever for a worker that was killed; so each worker says in a folder of its
driver's that it is there, and takes the word back when it ends by itself.
"""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

REGISTRY = "PIPELINE_WORKER_REGISTRY"
"""Environment variable: the folder in which the workers of a run are listed by process id."""

WORKER_DIED = "a worker process died (killed, perhaps for memory)"


class RunError(Exception):
    """A pipeline that failed; the message is one line."""


class WorkerDiedError(RunError):
    """A worker process ended without saying why: killed, most often for memory."""


def is_alive(process: int) -> bool:
    """Tells whether a process of this machine lives."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


class Workers:
    """The workers of one run, as they listed themselves."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def look(self) -> None:
        """Looks whether all workers live.

        Raises:
            WorkerDiedError: one does not.
        """
        for path in self._folder.iterdir():
            if not is_alive(int(path.name)) and path.exists():
                raise WorkerDiedError(WORKER_DIED)

    def kill(self) -> None:
        """Ends all workers; what they were writing is left under its temporary name."""
        for path in self._folder.iterdir():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(path.name), signal.SIGKILL)


@contextlib.contextmanager
def worker_registry() -> Iterator[Workers]:
    """Gives the workers that start while the block runs."""
    with tempfile.TemporaryDirectory(prefix="pipeline-workers-") as folder:
        os.environ[REGISTRY] = folder
        try:
            yield Workers(Path(folder))
        finally:
            del os.environ[REGISTRY]


@contextlib.contextmanager
def registered() -> Iterator[None]:
    """Lists this process as a worker of its driver until the block ends."""
    folder = os.environ.get(REGISTRY)
    if folder is None:
        yield
        return
    path = Path(folder) / str(os.getpid())
    path.touch()
    yield
    path.unlink(missing_ok=True)
