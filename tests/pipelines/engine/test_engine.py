"""What runs the steps on this machine: results in order, errors as they are, and no process left behind."""

import functools
import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from kc_schema.errors import UsageError
from pipelines.engine import Engine, RunError, WorkerDiedError
from tests.pipelines.engine import steps


def run(step, items, *, workers=2, finished=lambda _: None, **options):
    with Engine(workers) as engine:
        return engine.map(step, items, finished=finished, label="Step", **options)


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_the_order_of_the_items(workers):
    looks, arrived = [], []
    results = run(
        steps.square,
        [3, 1, 2],
        workers=workers,
        look=lambda: looks.append(1),
        arrived=arrived.append,
    )
    assert results == [9, 1, 4]
    assert sorted(arrived) == [1, 4, 9]
    assert looks


def test_what_is_finished_is_not_done_again():
    arrived = []
    results = run(
        steps.square, [2, 3, 4], finished=lambda item: -1 if item == 3 else None, arrived=arrived.append
    )
    assert results == [4, -1, 16]
    assert sorted(arrived) == [4, 16]
    assert run(steps.refuse, [1], finished=lambda item: item) == [1]


def test_workers_never_import_beam():
    assert run(steps.count_modules, [0, 1]) == [False, False]


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    ("step", "kind", "message"),
    [
        (steps.refuse, steps.DamagedError, "dump.xml: byte 7: damaged; download it again"),
        (steps.divide, ZeroDivisionError, "division by zero"),
        (steps.look_up, IndexError, "list index out of range"),
    ],
)
def test_an_exception_arrives_as_itself_with_the_workers_traceback(step, kind, message, workers):
    with pytest.raises(kind) as raised:
        run(step, [7], workers=workers)
    assert type(raised.value) is kind
    assert str(raised.value) == message
    assert f"in {step.__name__}" in str(raised.value.__cause__)


def test_a_killed_worker_is_noticed():
    with pytest.raises(WorkerDiedError, match="a worker process died"):
        run(steps.die, [1, 2, 3])


def test_threads_and_signal_handlers_are_as_before():
    before = threading.active_count(), signal.getsignal(signal.SIGINT), threading.excepthook
    run(steps.square, [1])
    with pytest.raises(ZeroDivisionError):
        run(steps.divide, [1])
    assert (threading.active_count(), signal.getsignal(signal.SIGINT), threading.excepthook) == before


def test_one_pool_serves_several_steps():
    with Engine(1) as engine:
        first = engine.map(steps.process_id, [0], finished=lambda _: None, label="One")
        assert engine.map(steps.process_id, [0], finished=lambda _: None, label="Two") == first
    assert first != [os.getpid()]


DRIVER = """
import functools, sys
from pipelines.engine import Engine
from tests.pipelines.engine import steps
if __name__ == "__main__":
    with Engine(2) as engine:
        step = functools.partial(steps.sleep_beside, sys.argv[1])
        engine.map(step, [60, 60], finished=lambda _: None, label="Sleep")
"""


def is_alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{process}/stat") as file:  # noqa: PTH123 (a file that may be gone)
        return file.read().rpartition(")")[2].split()[0] != "Z"


def wait_until(condition, seconds=30.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "still not so"
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 1), (signal.SIGTERM, -15), (signal.SIGKILL, -9)]
)
def test_no_worker_outlives_a_driver_that_is_stopped(tmp_path, number, status):
    script = tmp_path / "driver.py"
    script.write_text(DRIVER)
    marks = tmp_path / "marks"
    marks.mkdir()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, script, marks], env=environment, stderr=subprocess.DEVNULL
    ) as driver:
        wait_until(lambda: len(list(marks.iterdir())) == 2)
        workers = [int(path.name) for path in marks.iterdir()]
        driver.send_signal(number)
        driver.wait(30)
    assert driver.returncode in (status, -number)
    wait_until(lambda: not any(is_alive(worker) for worker in workers), 10)


@pytest.mark.parametrize(
    ("arguments", "error", "complaint"),
    [
        (["--runer", "FlinkRunner"], UsageError, "unrecognised arguments: --runer.*did you mean --runner"),
        (["--runner=DaskRunner"], RunError, "loses rows"),
        (["--runner=apache_beam.runners.dask.dask_runner.DaskRunner"], RunError, "loses rows"),
        (
            ["--runner=FlinkRunner", "--flink_master=localhost:1"],
            RunError,
            "flink_master localhost:1: nothing answers",
        ),
        (
            ["--runner=PortableRunner", "--job_endpoint=localhost:1"],
            RunError,
            "job_endpoint.*nothing answers",
        ),
    ],
)
def test_what_would_be_ignored_lose_rows_or_wait_for_ever_is_refused_at_once(arguments, error, complaint):
    started = time.monotonic()
    with pytest.raises(error, match=complaint):
        Engine(2, arguments)
    assert time.monotonic() - started < 20


class HasNothing(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_error(404)

    def log_message(self, *_):
        pass


@pytest.fixture
def answering():
    """The address of a server that takes connections and has nothing."""
    with ThreadingHTTPServer(("127.0.0.1", 0), HasNothing) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_flink_cluster_without_a_job_server_is_one_line_that_says_what_to_do(answering, tmp_path, capfd):
    there = ["--runner=FlinkRunner", f"--flink_master={answering}", f"--jar_cache_dir={tmp_path}"]
    url = f"http://{answering}/gone"
    cases = {
        (f"--flink_job_server_jar={url}",): f"not at {url}: HTTP Error 404: Not Found",
        (f"--flink_job_server_jar={tmp_path}/none.jar",): "none.jar",
        (f"--flink_job_server_jar={__file__}", "--job_server_java_launcher=/no/java"): "Java is needed here",
    }
    for more, complaint in cases.items():
        engine = Engine(2, [*there, *more])
        with pytest.raises(RunError) as raised, engine:
            pass
        message = str(raised.value)
        assert complaint in message
        assert "--job_endpoint HOST:PORT" in message
        assert "docs/cluster.md" in message
        assert "\n" not in message
    assert capfd.readouterr().err == ""


def test_steps_run_on_the_runner_that_beams_options_name(tmp_path):
    """Beam's own threads stand for a cluster: what a step returns is read back, not passed."""
    step = functools.partial(steps.write_square, str(tmp_path))
    with Engine(2, ["--direct_running_mode=multi_threading"]) as engine:
        assert not engine.local
        finished = functools.partial(steps.read_square, str(tmp_path))
        assert engine.map(step, [2, 3], finished=finished, label="Step") == [4, 9]
        with pytest.raises(RunError) as raised:
            engine.map(steps.refuse, [7], finished=lambda _: None, label="Step")
        assert str(raised.value) == "dump.xml: byte 7: damaged; download it again"
        with pytest.raises(RunError, match=r"Step: the pipeline failed: .*division by zero"):
            engine.map(steps.divide, [7], finished=lambda _: None, label="Step")
        with pytest.raises(RunError, match="is not finished"):
            engine.map(steps.square, [7], finished=lambda _: None, label="Step")
