"""The command as a process: killed, short of room, wrongly called; and the same with several workers."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kc_schema.verify import verify
from pipelines.engine import TIMINGS
from pipelines.text_index import open_index
from tests.corpus_builder import files, rows
from tests.dump_writer import DumpPage, write_dump

ROOT = Path(__file__).resolve().parents[2]


def command(dump, output, *options):
    return [
        sys.executable, "-m", "pipelines.build_text_kc", "--dump", str(dump), "--output", str(output),
        *([] if "--text-index" in options else ["--text-index", "none"]), *options,
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
        ["pgrep", "-P", str(process.pid), "-f", "spawn_main"], capture_output=True, text=True, check=False
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
    wait_for_work(kc)
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


def wait_for_work(kc):
    deadline = time.monotonic() + 60
    while not list((kc / ".work" / "progress").glob("[0-9]*.json")):
        assert time.monotonic() < deadline
        time.sleep(0.005)


def session_of(process):
    """The processes that live in the session that `process` began."""
    found = subprocess.run(["pgrep", "-s", str(process.pid)], capture_output=True, text=True, check=False)
    return [pid for pid in found.stdout.split() if not is_dead(pid)]


def is_dead(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def wait_until_alone(process):
    """Wait until nothing of the session is left; the last to go is Python's own tracker of resources."""
    deadline = time.monotonic() + 10
    while session_of(process):
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("number", "group", "status"),
    [
        (signal.SIGINT, True, 130),
        (signal.SIGINT, False, 130),
        (signal.SIGTERM, True, 143),
        (signal.SIGTERM, False, 143),
        (signal.SIGKILL, False, -signal.SIGKILL),
    ],
)
def test_a_build_that_is_stopped_says_so_and_leaves_no_process(demo_dump, tmp_path, number, group, status):
    process = subprocess.Popen(
        command(demo_dump, tmp_path / "kc", "--workers", "2"),
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    wait_for_work(tmp_path / "kc")
    (os.killpg if group else os.kill)(process.pid, number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == status
    assert "Traceback" not in errors
    if number != signal.SIGKILL:
        assert errors.splitlines()[-1] == "stopped; the same command goes on where this one was"
    wait_until_alone(process)


def test_a_build_leaves_neither_processes_nor_folders(demo_dump, tmp_path):
    (tmp_path / "tmp").mkdir()
    process = subprocess.Popen(
        command(demo_dump, tmp_path / "kc", "--workers", "2"),
        cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        env={**os.environ, "TMPDIR": str(tmp_path / "tmp")},
    )  # fmt: skip
    assert process.wait(120) == 0
    wait_until_alone(process)
    assert list((tmp_path / "tmp").iterdir()) == []
    assert sorted(path.name for path in (tmp_path / "kc").iterdir()) == [
        "image_links", "manifest.json", "pages", "paragraphs", "redirects", "repeats", "sentences", TIMINGS
    ]  # fmt: skip


WITH_A_MISTAKE = """
import sys
from pipelines import build_text_kc

def make_a_mistake(build, unit, articles=None):
    return [][unit.number]

if __name__ == "__main__":
    build_text_kc.extract_unit = make_a_mistake
    sys.exit(build_text_kc.main(sys.argv[1:]))
"""


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_mistake_in_a_step_is_shown_with_its_traceback(demo_dump, tmp_path, workers):
    script = tmp_path / "mistake.py"
    script.write_text(WITH_A_MISTAKE)
    options = command(demo_dump, tmp_path / "kc", "--workers", workers)[3:]
    done = subprocess.run(
        [sys.executable, script, *options],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 1
    assert "in make_a_mistake" in done.stderr
    assert done.stderr.splitlines()[-1] == "IndexError: list index out of range"


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
        (["--workers", "0"], 'Invalid value "0" for --workers. Must be >= 1'),
        (["--workers", "many"], "--workers"),
        (["--owerwrite"], "did you mean --overwrite?"),
        (["--text-index", "paper"], 'Choose from: "tantivy", "elasticsearch", "none"'),
    ],
)
def test_wrong_options_are_refused_before_any_work(demo_dump, tmp_path, options, complaint):
    done = run(demo_dump, tmp_path / "kc", *options)
    assert done.returncode in (1, 2)
    assert complaint in done.stderr
    assert done.stderr.count("\n") == 1
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


WITH_LITTLE_ADDRESS_SPACE = """
import resource, sys
from pathlib import Path
from pipelines import build_text_kc

if __name__ == "__main__":
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    limit = size + int(sys.argv[1]) * 1_000_000
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    sys.exit(build_text_kc.main(sys.argv[2:]))
"""


@pytest.mark.parametrize("megabytes", [200, 300])
def test_out_of_address_space_is_told_in_a_line(demo_dump, undisturbed, tmp_path, megabytes):
    script = tmp_path / "little.py"
    script.write_text(WITH_LITTLE_ADDRESS_SPACE)
    options = command(demo_dump, tmp_path / "kc", "--workers", "2")[3:]
    done = subprocess.run(
        [sys.executable, script, str(megabytes), *options],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    if done.returncode:
        assert done.returncode == 1
        assert re.search(
            r"^error: (out of memory: give|a worker process died|\w+, perhaps for want of memory)",
            done.stderr,
            re.MULTILINE,
        )
        assert run(demo_dump, tmp_path / "kc", "--workers", "1").returncode == 0
    assert files(tmp_path / "kc") == files(undisturbed)


@pytest.mark.parametrize("overwrite", [True, False])
def test_of_two_builds_at_once_the_second_is_refused_and_what_stands_is_whole(tmp_path, overwrite):
    names = ("first", "second") if overwrite else ("first", "first")
    options = ["--workers", "2", "--text-index", "tantivy", *(["--overwrite"] if overwrite else [])]
    dumps = []
    for name in names:
        pages = [DumpPage(f"{name} {number}", f"Page {number} of {name}. " * 40) for number in range(300)]
        dumps.append(write_dump(tmp_path / f"{name}.xml", pages))
    refused = 0
    for delay in (0.0, 0.9, 2.2):
        kc = tmp_path / f"kc-{delay}"
        builds = []
        for dump in dumps:
            builds.append(
                subprocess.Popen(
                    command(dump, kc, *options),
                    cwd=ROOT,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
            time.sleep(delay)
        errors = [build.communicate(timeout=120)[1] for build in builds]
        ends = [build.returncode for build in builds]
        for end, error in zip(ends, errors, strict=True):
            assert "Traceback" not in error
            if end:
                assert end == 1
                assert "another build (process " in error.splitlines()[-1]
                refused += 1
        assert 0 in ends
        assert not verify(kc).counts
        # Who ended well last has written what stands there.
        possible = {name for name, end in zip(names, ends, strict=True) if end == 0}
        assert {title.split()[0].lower() for title in rows(kc, "pages", "title")} <= possible
        assert len(rows(kc, "pages", "title")) == 300
        assert sorted(path.name for path in kc.iterdir()) == [
            "image_links", "manifest.json", "pages", "paragraphs", "redirects", "repeats", "sentences", "text_index",
            TIMINGS,
        ]  # fmt: skip
        assert open_index(kc).search(["page"], k=1)[0]
    assert refused
