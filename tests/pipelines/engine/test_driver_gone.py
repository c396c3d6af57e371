"""What a driver leaves behind it when it is gone: names by which its jobs are known, and no job server."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.engine import RunError
from pipelines.engine.flink_jobs import as_url, cancel_jobs, job_name

DRIVER = """
import subprocess, sys
command = [sys.executable, "-m", "pipelines.engine.job_server", "0a", "sh", "-c", "echo $$; exec sleep 60"]
subprocess.run(command, check=False)
"""


@settings(deadline=None)  # the first call imports Beam
@given(st.text(max_size=20), st.text(min_size=1, max_size=20))
def test_every_runner_takes_the_name_of_a_job(label, place):
    name = job_name([], label, place=place, driver="0a")
    assert re.fullmatch(r"[a-z][-a-z0-9]*[a-z0-9]", name)


def test_a_jobs_name_tells_place_and_driver():
    names = {
        job_name(given, "Find evidence", place=place, driver=driver)
        for given in ([], ["--job_name=nightly"])
        for place in ("/shared/kc", "/shared/kc2", "")
        for driver in ("0a", "0b")
    }
    assert len(names) == 12
    assert "kc-find-evidence-none-0a" in names
    assert "nightly-find-evidence-none-0b" in names


@pytest.mark.parametrize(
    ("master", "url"),
    [
        ("flink:8081", "http://flink:8081"),
        ("https://flink:443", "https://flink:443"),
        ("[auto]", None),
        ("[local]", None),
        ("", None),
    ],
)
def test_where_flink_is_asked(master, url):
    assert as_url(master) == url


def test_a_flink_that_cannot_be_asked_is_named():
    with pytest.raises(RunError, match=r"^--flink_master: http://127.0.0.1:9/jobs/overview does not say"):
        cancel_jobs("http://127.0.0.1:9", place="/shared/kc")


def test_a_job_server_ends_with_its_driver():
    with subprocess.Popen([sys.executable, "-c", DRIVER], stdout=subprocess.PIPE, text=True) as driver:
        server = int(driver.stdout.readline())
        os.kill(driver.pid, signal.SIGKILL)
    end = time.monotonic() + 30
    while is_running(server):
        assert time.monotonic() < end, "the job server still runs"
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    "ignored", ["INT", "INT TERM"]
)  # as in the background of a script; as one that hangs
def test_a_job_server_that_ignores_signals_ends_when_it_is_asked_to(number, ignored):
    program = f"trap '' {ignored}; echo $$; exec sleep 60"
    command = [sys.executable, "-m", "pipelines.engine.job_server", "0a", "sh", "-c", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watch:
        server = int(watch.stdout.readline())
        watch.send_signal(number)
        watch.wait(30)
    assert not is_running(server)


def is_running(process):
    try:
        with open(f"/proc/{process}/stat") as file:  # noqa: PTH123 (a file that may be gone)
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
