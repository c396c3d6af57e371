"""Jobs on a Flink cluster, by name: whose they are, and how those of a driver that is gone are cancelled.

Beam's job server forgets a job that it is told to cancel, and Flink goes on with it; so Flink itself is told, by its
REST interface (https://nightlies.apache.org/flink/flink-docs-release-1.19/docs/ops/rest_api/). A job's name ends with a
checksum of the place that its steps write into and a number of the driver that started it. Whoever holds the lock of a
place knows that an older job which writes there is nobody's.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any

from pipelines.engine.errors import RunError

__all__ = ["as_url", "cancel_jobs", "flink_address", "job_name"]

_SECONDS_TO_ANSWER = 30.0
_SECONDS_TO_END = 120.0
_SECONDS_BETWEEN_LOOKS = 0.25
_ENDED = ("CANCELED", "FAILED", "FINISHED")
_NOWHERE = "none"


def job_name(arguments: Sequence[str], label: str, *, place: str, driver: str) -> str:
    """Return the name of the job of a step, in lower-case letters, digits and hyphens, which all runners take.

    Args:
        arguments: Beam's options; a ``--job_name`` among them begins the name.
        place: what the step writes into, if nobody else may; else empty.
        driver: a hexadecimal number that no other driver has.
    """
    from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions

    given = PipelineOptions(list(arguments)).view_as(GoogleCloudOptions).job_name or "kc"
    name = re.sub(r"[^a-z0-9]+", "-", f"{given} {label}".lower()).strip("-")
    return f"{name}-{_checksum(place) if place else _NOWHERE}-{driver}"


def flink_address(arguments: Sequence[str]) -> str | None:
    """Return the URL of the job manager that Beam's options name; None where they name none."""
    from apache_beam.options.pipeline_options import FlinkRunnerOptions, PipelineOptions

    return as_url(PipelineOptions(list(arguments)).view_as(FlinkRunnerOptions).flink_master or "")


def as_url(master: str) -> str | None:
    """Return the URL of ``HOST:PORT``; None for Flink inside the job server (``[local]``, ``[auto]``)."""
    if ":" not in master or master.startswith("["):
        return None
    return master if "//" in master else f"http://{master}"


def cancel_jobs(address: str, *, place: str = "", driver: str = "") -> list[str]:
    """Cancel the jobs that write into `place`, or that `driver` started; return their names when they have ended.

    Raises:
        RunError: Flink cannot be asked, or a job does not end.
    """
    ours = re.compile(rf"-{_checksum(place)}-[0-9a-f]+$" if place else rf"-{driver}$")
    found = {
        job["jid"]: job["name"]
        for job in _ask(f"{address}/jobs/overview")["jobs"]
        if ours.search(job["name"]) and job["state"] not in _ENDED
    }
    for job in found:
        _ask(f"{address}/jobs/{job}?mode=cancel", "PATCH")
    end = time.monotonic() + _SECONDS_TO_END
    for job, name in found.items():
        while _ask(f"{address}/jobs/{job}")["state"] not in _ENDED:
            if time.monotonic() > end:
                raise RunError(
                    f"{address}: the job {name} does not end; cancel it there, then run this again"
                )
            time.sleep(_SECONDS_BETWEEN_LOOKS)
    return list(found.values())


def _checksum(place: str) -> str:
    return hashlib.sha256(place.encode()).hexdigest()[:16]


def _ask(url: str, method: str = "GET") -> Any:
    try:
        with urllib.request.urlopen(
            urllib.request.Request(url, method=method), timeout=_SECONDS_TO_ANSWER
        ) as answer:
            return json.load(answer)
    except (OSError, http.client.HTTPException, ValueError) as error:
        if isinstance(error, urllib.error.HTTPError) and method == "PATCH" and error.code in (404, 409):
            return None  # it has ended meanwhile
        raise RunError(
            f"--flink_master: {url} does not say which jobs run ({error}); mend the address"
        ) from error
