"""A place has one writer, holds either something finished or the way to it, and forgets what is not listed."""

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from kc_schema.errors import UserError
from kc_schema.store import (
    Part,
    Place,
    PlaceBusyError,
    Step,
    describe_part,
    fingerprint,
    replacing,
    write_text,
)


@dataclass(frozen=True)
class Written:
    parts: dict[str, Part]
    words: int


def place(folder, **options):
    return Place(folder, owns=("pages", "index.bin"), **options)


def test_a_second_writer_is_refused_in_one_line_that_names_the_first(tmp_path):
    with place(tmp_path / "kc"), pytest.raises(PlaceBusyError) as raised:
        place(tmp_path / "kc", what="refresh").__enter__()
    assert str(raised.value) == (
        f"{tmp_path / 'kc'}: another refresh (process {os.getpid()} on {os.uname().nodename}) is writing there;"
        " wait for it or stop it"
    )


def test_clearing_does_not_let_a_second_writer_in(tmp_path):
    with place(tmp_path) as first:
        first.clear()
        with pytest.raises(PlaceBusyError):
            place(tmp_path).__enter__()


def test_a_place_that_was_left_can_be_entered_and_no_lock_stays(tmp_path):
    for _ in range(2):
        with place(tmp_path):
            pass
    assert list(tmp_path.iterdir()) == []


def _count_up(folder, times):
    for _ in range(times):
        while True:
            try:
                with place(folder):
                    number = int((folder / "number").read_text())
                    time.sleep(0.001)
                    (folder / "number").write_text(str(number + 1))
                break
            except PlaceBusyError:
                time.sleep(0.0005)


def test_processes_that_come_and_go_never_write_at_once(tmp_path):
    (tmp_path / "number").write_text("0")
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_count_up, args=(tmp_path, 40)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert (tmp_path / "number").read_text() == "160"


def test_a_killed_writer_leaves_the_place_free_and_its_temporary_files_go(tmp_path):
    code = (
        "import sys, time; from kc_schema.store import *\n"
        "def write(path):\n    path.write_text('half'); print('writing', flush=True); time.sleep(60)\n"
        "with Place(sys.argv[1], owns=('pages',)) as place:\n"
        "    write_atomically(place.folder / 'pages' / 'part', write)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, tmp_path], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"writing\n"
        assert len(list((tmp_path / "pages").iterdir())) == 1
        process.send_signal(signal.SIGKILL)
    stranger = tmp_path / "other" / ".notes.tmp"
    stranger.parent.mkdir()
    stranger.touch()
    half = tmp_path / ".index.bin.17-abcdef.tmp"
    half.touch()
    with place(tmp_path):
        assert list((tmp_path / "pages").iterdir()) == []
    assert not half.exists()
    assert stranger.exists()


def test_only_what_belongs_to_the_place_is_cleared(tmp_path):
    with place(tmp_path) as mine:
        for name in ("pages/part", "index.bin", "manifest.json", "notes.txt", "images/part"):
            write_text(tmp_path / name, "x")
        assert mine.strangers() == ["images", "notes.txt"]
        mine.clear()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["images", "notes.txt"]


def test_committing_removes_what_the_manifest_does_not_list(tmp_path):
    with place(tmp_path) as mine:
        for name in ("pages/a", "pages/b", "pages/deep/c", "index.bin", "notes.txt"):
            write_text(tmp_path / name, "x")
        mine.commit({"format": 1}, [describe_part(tmp_path / "pages" / "a", tmp_path, rows=1)])
        assert mine.has_manifest()
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "manifest.json", "notes.txt", "pages"]


def test_clearing_without_the_lock_is_a_mistake(tmp_path):
    with pytest.raises(RuntimeError, match="not locked"):
        place(tmp_path).clear()


def test_a_folder_that_cannot_be_made_is_told_in_one_line(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"file.*give another folder"):
        place(tmp_path / "file" / "kc").__enter__()


def step(folder, *inputs):
    return Step(folder / ".work" / "count.json", fingerprint(*inputs), Written, folder)


def finish(folder, *inputs):
    write_text(folder / "pages" / "part", "four words in all")
    part = describe_part(folder / "pages" / "part", folder, rows=1)
    return step(folder, *inputs).finish(Written({"pages": part}, 4))


def test_a_step_is_done_once_for_the_same_inputs(tmp_path):
    assert step(tmp_path, "dump", 1).result() is None
    written = finish(tmp_path, "dump", 1)
    assert step(tmp_path, "dump", 1).result() == written
    assert step(tmp_path, "dump", 1).run(lambda: pytest.fail("done twice")) == written
    assert step(tmp_path, "dump", 2).result() is None


@dataclass
class Counted:
    words: Counter[str]
    by_file: dict[str, Counter[str]]
    folder: Path


def test_a_step_may_return_counters_and_paths(tmp_path):
    counted = Counted(Counter(a=2), {"x": Counter(b=1)}, tmp_path)
    kept = Step(tmp_path / "count.json", "inputs", Counted, tmp_path)
    kept.finish(counted)
    assert kept.result() == counted
    assert type(kept.result().by_file["x"]) is Counter


def test_a_block_that_fails_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "deep" / "notes"
    with replacing(path) as temporary:
        temporary.write_text("first")
    with contextlib.suppress(ZeroDivisionError), replacing(path) as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert [file.read_text() for file in path.parent.iterdir()] == ["first"]


@pytest.mark.parametrize("damage", ["missing", "shorter", "no json", "another result"])
def test_a_step_whose_files_or_record_are_damaged_is_done_again(tmp_path, damage):
    finish(tmp_path, "dump")
    part, record = tmp_path / "pages" / "part", tmp_path / ".work" / "count.json"
    if damage == "missing":
        part.unlink()
    elif damage == "shorter":
        part.write_text("four")
    elif damage == "no json":
        record.write_text(record.read_text()[:-5])
    else:
        record.write_text(record.read_text().replace('"words"', '"letters"'))
    assert step(tmp_path, "dump").result() is None


def test_a_fingerprint_depends_on_values_not_on_their_order_in_sets_and_mappings():
    assert fingerprint({"a": 1, "b": {3, 1, 2}}) == fingerprint({"b": {2, 3, 1}, "a": 1})
    assert fingerprint(Written({}, 1)) != fingerprint(Written({}, 2))
    assert fingerprint("a", "b") != fingerprint("ab")
    assert fingerprint([1], [2]) != fingerprint([1, 2])
