"""Running a Beam pipeline with progress, clear errors and whole cores: shared by all build commands.

By default the work runs on all cores of this machine, each worker a process of its own. Any of Beam's own
options may stand behind a command's; with ``--runner`` the same pipeline runs on a cluster, whose workers
must see the same files under the same paths.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import re
import shlex
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.beam_workers import WORKER_DIED, RunError, WorkerDiedError, worker_registry

LOCAL_RUNNERS = ("", "DirectRunner", "FnApiRunner")
SECONDS_BETWEEN_LOOKS = 0.25
SECONDS_TO_END = 20.0
"""How long workers are waited for once all is done."""

# Beam hands a worker's exception on as text; the last line that names an error of ours is the one to show.
_OWN_ERROR = re.compile(
    r"^(?:RuntimeError: )?(?:[\w.]*\.)?\w*(?:DumpError|BuildError|SnapshotError|IndexError|ImageError"
    r"|OSError|PermissionError|FileNotFoundError): (.+)$",
    re.MULTILINE,
)
_WORKER_DIED = re.compile(
    r"Channel closed prematurely|Worker subprocess exited|Socket closed|StatusCode\.UNAVAILABLE"
)


def default_workers() -> int:
    """Gives the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Engine:
    """What runs a pipeline, and how: passed to `run_pipeline`."""

    options: Any
    """Beam's `PipelineOptions`."""
    local: bool = False
    """Whether Beam runs it on this machine, in this process or in worker processes."""
    processes: int = 0
    """Worker processes on this machine that Beam is to start; 0 where its options say what runs."""


def choose_engine(arguments: Sequence[str], *, workers: int) -> Engine:
    """Gives what runs a pipeline: this machine's cores, or what Beam's options in `arguments` name.

    Args:
        arguments: the options that a command does not know itself.
        workers: processes on this machine; one runs in the command's own process.

    Raises:
        RunError: an option that Beam does not know either, or a runner that is known to lose data.
    """
    from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions, StandardOptions

    options = PipelineOptions(list(arguments))
    runner = (options.view_as(StandardOptions).runner or "").rpartition(".")[2]
    if runner == "DaskRunner":
        raise RunError(
            "--runner DaskRunner: it runs only the last branch of a pipeline and loses rows; take another runner"
        )
    if runner not in LOCAL_RUNNERS:
        return Engine(options)
    unknown = _unknown_options(arguments)
    if unknown:
        raise RunError(
            f"unrecognised arguments: {' '.join(unknown)} (known neither here nor to Beam; see --help)"
        )
    options.view_as(StandardOptions).runner = "FnApiRunner"
    given = {argument.partition("=")[0] for argument in arguments}
    if "--direct_running_mode" in given:
        if "--direct_num_workers" not in given:
            options.view_as(DirectOptions).direct_num_workers = workers
        return Engine(options, local=True)
    if "--direct_num_workers" in given:
        workers = options.view_as(DirectOptions).direct_num_workers or default_workers()
    options.view_as(DirectOptions).direct_num_workers = workers
    return Engine(options, local=True, processes=workers if workers > 1 else 0)


def _unknown_options(arguments: Sequence[str]) -> list[str]:
    """Gives those of `arguments` that Beam would silently ignore."""
    from apache_beam.options.pipeline_options import PipelineOptions, _BeamArgumentParser

    parser = _BeamArgumentParser(allow_abbrev=False)
    for kind in PipelineOptions.__subclasses__():
        kind._add_argparse_args(parser)
    unknown: list[str] = parser.parse_known_args(list(arguments))[1]
    return unknown


def _local_runner() -> Any:
    """Gives Beam's runner on this machine with worker processes that keep quiet."""
    from apache_beam.runners.portability.fn_api_runner import FnApiRunner
    from apache_beam.transforms.environments import SubprocessSDKEnvironment

    # "exec": the shell that Beam starts it with must not stay, to report on it when it is killed.
    command = f"exec {shlex.quote(sys.executable)} -m pipelines.beam_worker"
    return FnApiRunner(default_environment=SubprocessSDKEnvironment.from_command_string(command))


def quiet_beam() -> None:
    """Keeps Beam's talk about itself off the terminal; its errors arrive as exceptions all the same."""
    root = logging.getLogger()
    root.addHandler(logging.NullHandler())
    root.addFilter(lambda record: record.name.startswith("pipelines"))
    logging.getLogger("apache_beam").setLevel(logging.CRITICAL + 1)


def show_notes() -> None:
    """Writes what the project's own code warns of to standard error, as lines that start with ``note:``."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("note: %(message)s"))
    logging.getLogger("pipelines").addHandler(handler)


def make_importable() -> None:
    """Lets worker processes find the project, from wherever it was started."""
    root = str(Path(__file__).resolve().parent.parent)
    paths = [root, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(paths))


def run_pipeline(draw_graph: Callable[[Any], None], engine: Engine, look: Callable[[], None]) -> None:
    """Runs the pipeline that `draw_graph` draws; calls `look` a few times a second until it is done.

    Raises:
        RunError: the pipeline failed; the message of an error of the project's own is passed on as it is.
        WorkerDiedError: a worker process died.
        KeyboardInterrupt: Ctrl-C; the workers end by themselves.
    """
    make_importable()
    if engine.local:
        _run_watched(draw_graph, engine, look)
    else:
        _run_elsewhere(draw_graph, engine, look)


def _run(draw_graph: Callable[[Any], None], engine: Engine) -> None:
    import apache_beam as beam

    runner = _local_runner() if engine.processes else None
    with beam.Pipeline(runner=runner, options=engine.options) as pipeline:
        if engine.local:
            # A folder for transforms in other languages, which a killed process would leave behind.
            Path(pipeline.local_tempdir).rmdir()
        draw_graph(pipeline)


def _run_watched(draw_graph: Callable[[Any], None], engine: Engine, look: Callable[[], None]) -> None:
    """Runs on this machine: Beam in a thread of its own, so that this one can watch the workers."""
    failure: list[BaseException] = []

    def run() -> None:
        try:
            _run(draw_graph, engine)
        except BaseException as error:  # handed to the thread that waits
            failure.append(error)

    thread = threading.Thread(target=run, name="beam", daemon=True)
    # Beam prints a worker's traceback before it raises it; whoever writes meanwhile holds the stream itself.
    with contextlib.redirect_stderr(io.StringIO()), worker_registry() as workers:
        thread.start()
        waited = 0.0
        try:
            while thread.is_alive():
                thread.join(SECONDS_BETWEEN_LOOKS)
                if waited or _waits_for_workers(thread):
                    waited += SECONDS_BETWEEN_LOOKS
                    if waited > SECONDS_TO_END:
                        threading.excepthook = lambda _: None
                        workers.kill()
                else:
                    workers.look()
                look()
        except BaseException:
            # What Beam's threads say of workers that we end ourselves helps nobody.
            threading.excepthook = lambda _: None
            workers.kill()
            raise
    if failure:
        raise _explain(failure[0]) from failure[0]


def _waits_for_workers(thread: threading.Thread) -> bool:
    """Tells whether all is done but for workers to end, for which Beam waits without limit; some never do."""
    frame = sys._current_frames().get(thread.ident or 0)
    while frame is not None:
        if frame.f_code.co_name == "close_all":
            return True
        frame = frame.f_back
    return False


def _run_elsewhere(draw_graph: Callable[[Any], None], engine: Engine, look: Callable[[], None]) -> None:
    """Runs on the engine that Beam's options name, from this thread: its job server sets signal handlers."""
    done = threading.Event()

    def keep_looking() -> None:
        while not done.wait(SECONDS_BETWEEN_LOOKS):
            look()

    looking = threading.Thread(target=keep_looking, name="progress", daemon=True)
    looking.start()
    try:
        _run(draw_graph, engine)
    except Exception as error:
        raise _explain(error) from error
    finally:
        done.set()
        looking.join()


def _explain(error: BaseException) -> BaseException:
    text = f"{type(error).__name__}: {error}"
    own: list[str] = _OWN_ERROR.findall(text)
    if own:
        return RunError(own[-1].split(" [while running")[0])
    if _WORKER_DIED.search(text):
        return WorkerDiedError(WORKER_DIED)
    print(text, file=sys.stderr)
    lines = [line for line in text.splitlines() if line.strip()]
    return RunError(f"the pipeline failed: {lines[-1].strip()} (the whole traceback stands above)")
