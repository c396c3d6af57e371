"""Apache Beam's own options: what they ask for, and mistakes in them before any work is done."""

from __future__ import annotations

import difflib
import logging
import socket
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from kc_schema.errors import UsageError
from pipelines.engine.errors import RunError

__all__ = ["check_beam_options", "quiet_beam", "runs_here", "starts_job_server"]

_LOCAL_RUNNERS = ("", "DirectRunner", "FnApiRunner")
_LOSING_RUNNERS = ("DaskRunner",)
_RUNNERS_WITH_JOB_SERVER = ("FlinkRunner", "SparkRunner")
_SECONDS_TO_ANSWER = 10.0


def quiet_beam() -> None:
    """Keep Beam's log off the terminal; its errors arrive as exceptions all the same."""
    root = logging.getLogger()
    if not root.handlers:  # else the first warning of anybody prints all of them
        root.addHandler(logging.NullHandler())
    logging.getLogger("apache_beam").setLevel(logging.CRITICAL + 1)


def runs_here(arguments: Sequence[str]) -> bool:
    """Tell whether Beam's options leave the work to this machine's worker pool."""
    given = [argument.partition("=")[0] for argument in arguments]
    return _runner(arguments) in _LOCAL_RUNNERS and "--direct_running_mode" not in given


def starts_job_server(arguments: Sequence[str]) -> Any:
    """Return Beam's runner where it is one that starts a job server by itself, for every pipeline anew; else None."""
    name = _runner(arguments)
    if name not in _RUNNERS_WITH_JOB_SERVER:
        return None
    from apache_beam.options.pipeline_options import (
        FlinkRunnerOptions,
        PipelineOptions,
        PortableOptions,
        SparkRunnerOptions,
    )
    from apache_beam.runners.runner import create_runner

    options = PipelineOptions(list(arguments))
    uploads_jar = (
        options.view_as(FlinkRunnerOptions).flink_submit_uber_jar
        or options.view_as(SparkRunnerOptions).spark_submit_uber_jar
    )
    if options.view_as(PortableOptions).job_endpoint or uploads_jar:
        return None
    return create_runner(name)


def check_beam_options(arguments: Sequence[str]) -> None:
    """Refuse options that Beam does not know, runners that lose data, and job servers that do not answer.

    Raises:
        UsageError: an option that is known neither here nor to Beam.
        RunError: a runner that loses data, or nothing answers where the options point.
    """
    if not arguments:  # Beam takes a second to import
        return
    quiet_beam()
    runner = _runner(arguments)
    if runner in _LOSING_RUNNERS:
        raise RunError(
            f"--runner {runner}: it runs only the last branch of a pipeline and loses rows; take the default on one"
            " machine, or FlinkRunner on a cluster"
        )
    unknown, known = _unknown(arguments) if runner in _LOCAL_RUNNERS else ([], [])
    if unknown:
        near = difflib.get_close_matches(unknown[0], known, 1)
        hint = f"; did you mean --{near[0]}?" if near else ""
        raise UsageError(
            f"unrecognised arguments: {' '.join(arguments)} (known neither here nor to Beam; see --help){hint}"
        )
    _check_job_server(arguments)


def _check_job_server(arguments: Sequence[str]) -> None:
    """A job server or master that is named must take connections: Beam would wait for it for minutes."""
    from apache_beam.options.pipeline_options import FlinkRunnerOptions, PipelineOptions, PortableOptions

    options = PipelineOptions(list(arguments))
    job_endpoint = options.view_as(PortableOptions).job_endpoint
    flink_master = options.view_as(FlinkRunnerOptions).flink_master if "Flink" in _runner(arguments) else None
    for option, address in (("--job_endpoint", job_endpoint), ("--flink_master", flink_master)):
        if not address or address == "embed" or address.startswith("["):
            continue
        where = urlsplit(address if "//" in address else f"//{address}")
        try:
            socket.create_connection((where.hostname or "", where.port or 8081), _SECONDS_TO_ANSWER).close()
        except (OSError, ValueError) as error:
            raise RunError(
                f"{option} {address}: nothing answers there ({error}); start it, or mend the address"
            ) from error


def _runner(arguments: Sequence[str]) -> str:
    if not arguments:
        return ""
    from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions

    runner = PipelineOptions(list(arguments)).view_as(StandardOptions).runner or ""
    return str(runner).rpartition(".")[2]


def _unknown(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the names among the options that Beam would silently ignore, and all names that it knows."""
    from apache_beam.options.pipeline_options import PipelineOptions

    known = PipelineOptions([]).get_all_options()
    given = PipelineOptions(list(arguments)).get_all_options(retain_unknown_options=True)
    return sorted(given.keys() - known.keys()), sorted(known)
