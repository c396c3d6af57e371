"""What runs a pipeline, and what becomes of its failures."""

import pytest

from pipelines.beam_run import choose_engine, run_pipeline
from pipelines.beam_workers import RunError


def options_of(engine):
    return engine.options.get_all_options(drop_default=True)


def test_the_cores_of_this_machine_run_it_by_default():
    assert choose_engine([], workers=4).processes == 4
    assert choose_engine([], workers=1).processes == 0
    assert options_of(choose_engine([], workers=4))["direct_num_workers"] == 4


def test_options_of_beam_come_first():
    engine = choose_engine(["--direct_num_workers=3"], workers=8)
    assert (engine.local, engine.processes) == (True, 3)
    threads = choose_engine(["--direct_running_mode=multi_threading"], workers=2)
    assert (threads.local, threads.processes) == (True, 0)
    assert options_of(threads)["direct_num_workers"] == 2
    flink = choose_engine(
        ["--runner=FlinkRunner", "--parallelism=2", "--flink_master=localhost:1"], workers=8
    )
    assert not flink.local
    assert options_of(flink)["runner"] == "FlinkRunner"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--runer", "FlinkRunner"], "unrecognised arguments: --runer"),
        (["--runner=DaskRunner"], "loses rows"),
        (["--runner=apache_beam.runners.dask.dask_runner.DaskRunner"], "loses rows"),
    ],
)
def test_what_would_be_ignored_or_lose_rows_is_refused(arguments, complaint):
    with pytest.raises(RunError, match=complaint):
        choose_engine(arguments, workers=2)


def fail_with_the_projects_own_error(value):
    from pipelines.dump.errors import DumpError

    raise DumpError(f"dump.xml: byte {value}: damaged; download it again")


def fail_by_a_mistake(value):
    return value / 0


def draw(function):
    import apache_beam as beam

    return lambda pipeline: pipeline | beam.Create([7]) | beam.Map(function)


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_of_the_project_is_passed_on_as_it_is(workers):
    looks = []
    engine = choose_engine([], workers=workers)
    with pytest.raises(RunError) as raised:
        run_pipeline(draw(fail_with_the_projects_own_error), engine, lambda: looks.append(1))
    assert str(raised.value) == "dump.xml: byte 7: damaged; download it again"
    assert looks


def never_end(value):
    import time

    from apache_beam.runners.worker.data_plane import GrpcClientDataChannelFactory

    # What a worker does last.
    GrpcClientDataChannelFactory.close = lambda _: time.sleep(600)
    raise ValueError(f"no {value}")


def test_workers_that_do_not_end_are_ended(monkeypatch):
    monkeypatch.setattr("pipelines.beam_run.SECONDS_TO_END", 1.0)
    with pytest.raises(RunError, match="no 7"):
        run_pipeline(draw(never_end), choose_engine([], workers=2), lambda: None)


def test_a_mistake_is_shown_with_its_traceback(capsys):
    with pytest.raises(RunError, match="the pipeline failed: ZeroDivisionError"):
        run_pipeline(draw(fail_by_a_mistake), choose_engine([], workers=1), lambda: None)
    assert "fail_by_a_mistake" in capsys.readouterr().err
