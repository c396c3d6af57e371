"""Running a Beam pipeline with progress, clear errors and whole cores: shared by all build commands.

By default the work runs on all cores of this machine, each worker a process of its own. Any of Beam's own
options may stand behind a command's; with ``--runner`` the same pipeline runs on a cluster, whose workers
must see the same files under the same paths.
"""

from __future__ import annotations

import logging
import os
import re
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

LOCAL_RUNNERS = ("", "DirectRunner", "FnApiRunner")
SECONDS_BETWEEN_LOOKS = 0.25

# Beam hands a worker's exception on as text; the last line that names an error of ours is the one to show.
_OWN_ERROR = re.compile(
    r"^(?:[\w.]*\.)?(DumpError|BuildError|OSError|PermissionError|FileNotFoundError): (.+)$", re.M
)
_WORKER_DIED = re.compile(
    r"Channel closed prematurely|Worker subprocess exited|Socket closed|StatusCode\.UNAVAILABLE"
)


class RunError(Exception):
    """A pipeline that failed; the message is one line."""


class WorkerDiedError(RunError):
    """A worker process ended without saying why: killed, most often for memory."""


def default_workers() -> int:
    """Gives the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def parse_beam_options(arguments: Sequence[str], *, workers: int) -> Any:
    """Gives Beam's pipeline options for `arguments`, those that a command does not know itself.

    Raises:
        RunError: an option that Beam does not know either, or a runner that is known to lose data.
    """
    from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions
    from apache_beam.options.pipeline_options import _BeamArgumentParser as Parser

    options = PipelineOptions(list(arguments))
    runner = (options.view_as(StandardOptions).runner or "").rpartition(".")[2]
    if runner == "DaskRunner":
        raise RunError(
            "--runner DaskRunner: it runs only the last branch of a pipeline and loses rows; use another"
        )
    if runner not in LOCAL_RUNNERS:
        return options
    parser = Parser(allow_abbrev=False)
    for kind in PipelineOptions.__subclasses__():
        kind._add_argparse_args(parser)
    _, unknown = parser.parse_known_args(list(arguments))
    if unknown:
        raise RunError(
            f"unrecognised arguments: {' '.join(unknown)} (neither of this command nor of Beam; see --help)"
        )
    given = {argument.partition("=")[0] for argument in arguments}
    local = ["--runner=FnApiRunner"]
    if "--direct_num_workers" not in given:
        local.append(f"--direct_num_workers={workers}")
    if "--direct_running_mode" not in given:
        local.append(f"--direct_running_mode={'multi_processing' if workers > 1 else 'in_memory'}")
    kept = [argument for argument in arguments if not argument.startswith("--runner")]
    return PipelineOptions([*kept, *local, "--default_sdk_harness_log_level=ERROR"])


def quiet_beam() -> None:
    """Keeps Beam's notes about itself off the terminal; errors still reach it as exceptions."""
    logging.getLogger().addFilter(lambda record: "apitools" not in record.getMessage())
    for name in ("apache_beam", "root"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def make_importable() -> None:
    """Lets worker processes find the project, from wherever it was started."""
    root = str(Path(__file__).resolve().parent.parent)
    paths = [root, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(paths))


def run_pipeline(draw_graph: Callable[[Any], None], options: Any, look: Callable[[], None]) -> None:
    """Runs the pipeline that `draw_graph` draws; calls `look` a few times a second until it is done.

    Raises:
        RunError: the pipeline failed; a message of the project's own errors is passed on as it is.
        WorkerDiedError: a worker process died.
        KeyboardInterrupt: Ctrl-C; the workers end by themselves.
    """
    import apache_beam as beam

    failure: list[BaseException] = []

    def run() -> None:
        try:
            with beam.Pipeline(options=options) as pipeline:
                draw_graph(pipeline)
        except BaseException as error:  # handed to the thread that waits
            failure.append(error)

    thread = threading.Thread(target=run, name="beam", daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(SECONDS_BETWEEN_LOOKS)
        look()
    if failure:
        raise _explain(failure[0]) from failure[0]


def _explain(error: BaseException) -> BaseException:
    text = f"{type(error).__name__}: {error}"
    own = _OWN_ERROR.findall(text)
    if own:
        return RunError(own[-1][1].split(" [while running")[0])
    if _WORKER_DIED.search(text):
        return WorkerDiedError("a worker process died (killed, perhaps for memory)")
    return RunError(" ".join(text.split())[:2000])
