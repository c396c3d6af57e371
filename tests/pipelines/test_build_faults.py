"""The command as a process: killed, short of room, wrongly called; and the same with several workers."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kc_schema.verify import verify
from tests.corpus_builder import files

ROOT = Path(__file__).resolve().parents[2]


def command(dump, output, *options):
    return [
        sys.executable, "-m", "pipelines.build_text_kc", "--dump", str(dump), "--output", str(output),
        "--text-index", "none", *options,
    ]  # fmt: skip


def run(dump, output, *options):
    return subprocess.run(
        command(dump, output, *options),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def undisturbed(demo_dump, tmp_path_factory):
    """The demo's snapshot, built by one worker without a disturbance."""
    kc = tmp_path_factory.mktemp("undisturbed") / "kc"
    done = run(demo_dump, kc, "--workers", "1")
    assert done.returncode == 0, done.stderr
    assert "106" in done.stdout
    assert not verify(kc).counts
    return kc


def test_tables_are_the_same_with_any_number_of_workers(demo_dump, undisturbed, tmp_path):
    done = run(demo_dump, tmp_path / "kc", "--workers", "3")
    assert done.returncode == 0, done.stderr
    assert files(tmp_path / "kc") == files(undisturbed)


def newest_state(kc):
    """What lies in the folder of an unfinished build: a moment to kill at."""
    work = kc / ".work"
    finished = len(list((work / "units").glob("[0-9]*/result.json"))) if work.exists() else 0
    return finished, (work / "redirects.json").exists(), len(list((work / "resolved").glob("*")))


def kill_when(process, condition):
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        if condition():
            os.killpg(process.pid, signal.SIGKILL)
            break
        time.sleep(0.002)
    return process.wait(timeout=60)


MOMENTS = {
    "while the first units are read": lambda kc: list((kc / ".work" / "progress").glob("*.json")),
    "with one unit finished": lambda kc: newest_state(kc)[0] >= 1,
    "with the redirects resolved": lambda kc: newest_state(kc)[1],
    "while parts are written": lambda kc: newest_state(kc)[2] >= 1,
}


@pytest.mark.parametrize("workers", ["1", "2"])
def test_killed_at_any_moment_the_same_command_finishes_with_the_same_bytes(
    demo_dump, undisturbed, tmp_path, workers
):
    kc = tmp_path / "kc"
    killed = 0
    for moment in MOMENTS.values():
        process = subprocess.Popen(
            command(demo_dump, kc, "--workers", workers),
            cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        killed += kill_when(process, lambda moment=moment: moment(kc)) == -signal.SIGKILL
    assert killed >= 2
    done = run(demo_dump, kc, "--workers", workers)
    assert done.returncode == 0, done.stderr
    assert files(kc) == files(undisturbed)


def workers_of(process):
    return subprocess.run(
        ["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=False
    ).stdout.split()


def test_a_killed_worker_ends_the_run_with_one_line_and_loses_nothing(demo_dump, undisturbed, tmp_path):
    kc = tmp_path / "kc"
    process = subprocess.Popen(
        command(demo_dump, kc, "--workers", "2"),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not list((kc / ".work" / "progress").glob("*.json")) and time.monotonic() < deadline:
        time.sleep(0.005)
    os.kill(int(workers_of(process)[0]), signal.SIGKILL)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    message = errors.strip().splitlines()[-1]
    assert message.startswith("error: a worker process died")
    assert "being read" in message
    assert "work units; the same command goes on" in message
    done = run(demo_dump, kc, "--workers", "2")
    assert done.returncode == 0, done.stderr
    assert files(kc) == files(undisturbed)


def test_ctrl_c_says_that_the_same_command_goes_on(demo_dump, tmp_path):
    process = subprocess.Popen(
        command(demo_dump, tmp_path / "kc", "--workers", "2"),
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not list((tmp_path / "kc" / ".work" / "progress").glob("*.json")) and time.monotonic() < deadline:
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the same command goes on" in errors
    assert "Traceback" not in errors


# Set by the process itself, not between fork and exec: a test before may have left threads of gRPC in this
# one, which do not survive a fork.
WITH_SMALL_FILES = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.mark.parametrize("workers", ["1", "2"])
def test_no_room_is_one_line_that_names_the_folder_and_the_rest_goes_on_later(
    demo_dump, undisturbed, tmp_path, workers
):
    done = subprocess.run(
        [sys.executable, "-c", WITH_SMALL_FILES, *command(demo_dump, tmp_path / "kc", "--workers", workers)],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1] == (
        f"error: {tmp_path / 'kc'}: File too large; make room and rights there, then the same command goes on"
    )
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "kc" / "manifest.json").exists()
    assert run(demo_dump, tmp_path / "kc", "--workers", "1").returncode == 0
    assert files(tmp_path / "kc") == files(undisturbed)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--runer", "FlinkRunner"], "unrecognised arguments: --runer FlinkRunner"),
        (["--runner", "DaskRunner"], "loses rows"),
        (["--without-rule", "nothing"], "no such rule"),
        (["--workers", "0"], "is no whole number from 1 on"),
        (["--text-index", "paper"], "invalid choice"),
    ],
)
def test_wrong_options_are_refused_before_any_work(demo_dump, tmp_path, options, complaint):
    done = run(demo_dump, tmp_path / "kc", *options)
    assert done.returncode in (1, 2)
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "kc").exists()


@pytest.mark.shared_data
@pytest.mark.parametrize(
    "name",
    [
        "aawiki-20260101-schema-0.11.xml.bz2",
        "content-file-export-schema-0.11-simplewiki.xml",
        "enwiki-2022-139-articles.xml.bz2",
        "enwiki-2025-tiny.xml.bz2",
    ],
)
def test_real_dumps_give_snapshots_in_which_everything_holds(shared_data, tmp_path, name):
    done = run(shared_data / "dumps" / name, tmp_path / "kc", "--workers", "2")
    assert done.returncode == 0, done.stderr
    findings = verify(tmp_path / "kc")
    assert not findings.counts, findings.places
