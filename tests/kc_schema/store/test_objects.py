"""Paths of object storage against a real server: they do what paths of this machine do."""

from __future__ import annotations

import io
import multiprocessing
import os
import pickle
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kc_schema.errors import UserError
from kc_schema.store import (
    ByteRanges,
    ObjectPath,
    ObjectStorageError,
    Rows,
    Step,
    as_path,
    checksum,
    describe_part,
    find_matching,
    list_row_groups,
    local_copy,
    open_parquet,
    read_json,
    remove,
    replacing,
    sizes,
    switch_link,
    write_json,
)
from kc_schema.store.object_storage import ChangedObjectError, ObjectAccessError
from tests.services.object_storage import Fault, ObjectStorage

ROOT = Path(__file__).resolve().parents[3]
FOLDERS = ("", "d/", "d/e/", "ü 1/")
FILES = ("a.txt", "b+c.txt", "50% #1~.json", ".hidden", "é (2).txt")


@pytest.fixture
def there(object_storage: ObjectStorage) -> Path:
    return as_path(object_storage.address("kc"))


def tree(folder: Path) -> dict[str, bytes | None]:
    """Everything beneath a folder: the content of files, None for folders that hold something."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file():
            found[path.relative_to(folder).as_posix()] = path.read_bytes()
        elif any(inner.is_file() for inner in path.rglob("*")):
            found[path.relative_to(folder).as_posix()] = None
    return found


places = st.builds("{}{}".format, st.sampled_from(FOLDERS), st.sampled_from(FILES))
operations = st.one_of(
    st.tuples(st.just("write"), places, st.binary(max_size=20)),
    st.tuples(st.just("text"), places, st.text("aü\n", max_size=5)),
    st.tuples(st.just("open"), places, st.binary(max_size=20)),
    st.tuples(st.just("replacing"), places, st.binary(max_size=20)),
    st.tuples(st.just("unlink"), places),
    st.tuples(st.just("rename"), places, places),
    st.tuples(st.just("remove"), st.sampled_from(["d", "d/e", "ü 1", "none"])),
    st.tuples(st.just("touch"), places),
)


def apply(folder: Path, name: str, *rest: object) -> str:
    """Do an operation; return the name of its error, or nothing."""
    path = folder / str(rest[0])
    try:
        if name == "write":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(rest[1])  # type: ignore[arg-type]
        elif name == "text":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(str(rest[1]), encoding="utf-8")
        elif name == "open":
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                file.write(rest[1])
        elif name == "replacing":
            with replacing(path) as temporary:
                temporary.write_bytes(rest[1])  # type: ignore[arg-type]
        elif name == "unlink":
            path.unlink()
        elif name == "rename":
            target = folder / str(rest[1])
            target.parent.mkdir(parents=True, exist_ok=True)
            path.replace(target)
        elif name == "remove":
            remove(path)
        elif name == "touch":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    except OSError as error:
        return type(error).__name__
    return ""


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(operations, min_size=1, max_size=8),
    st.sampled_from(["*", "*.txt", "d/*", "**/*.txt", "d/**/*", "?.txt"]),
)
def test_the_same_operations_give_the_same_tree(
    there: Path, tmp_path: Path, done: list[tuple[str, ...]], pattern: str
) -> None:
    here = tmp_path / "here"
    remove(here)
    remove(there)
    here.mkdir()
    for operation in done:
        assert apply(there, *operation) == apply(here, *operation)
    assert tree(there) == tree(here)
    found = {path.relative_to(here).as_posix() for path in here.glob(pattern) if path.is_file()}
    assert {path.relative_to(there).as_posix() for path in there.glob(pattern) if path.is_file()} == found
    assert sorted(path.name for path in there.iterdir()) == sorted(
        {name.partition("/")[0] for name in tree(here)}
    )


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 5_000_000), st.integers(0, 3_000_000)), max_size=6))
def test_ranges_are_those_of_the_file(there: Path, tmp_path: Path, wanted: list[tuple[int, int]]) -> None:
    here = tmp_path / "file"
    if not here.exists():
        here.write_bytes(np.random.default_rng(1).bytes(4_500_000))
        (there / "file").upload(here)  # type: ignore[attr-defined]
    with ByteRanges(here) as mine, ByteRanges(there / "file") as theirs:
        assert theirs.size == mine.size
        assert [theirs.read(*one) for one in wanted] == [mine.read(*one) for one in wanted]
        assert theirs.read_several(wanted) == mine.read_several(wanted)
    with here.open("rb") as mine_file, (there / "file").open("rb") as their_file:
        for offset, length in wanted:
            assert (mine_file.seek(offset), mine_file.read(length)) == (
                their_file.seek(offset),
                their_file.read(length),
            )


def test_a_kept_piece_is_not_fetched_again(object_storage: ObjectStorage, there: Path) -> None:
    (there / "dump").write_bytes(bytes(6_000_000))
    with ByteRanges(there / "dump") as file:
        for start in range(0, 6_000_000, 50_000):
            file.read(start, 50_000)
    assert object_storage.count("GET", "dump") == 2


def test_a_file_read_here_and_there_is_fetched_whole_in_the_end(
    object_storage: ObjectStorage, there: Path
) -> None:
    (there / "part").write_bytes(bytes(range(250)) * 40)
    with ByteRanges(there / "part", copy_after=3) as file:
        assert [file.read(250 * place, 2) for place in range(20)] == [b"\0\1"] * 20
    assert object_storage.count("GET", "part") == 4


def test_text_is_read_and_written_as_here(there: Path) -> None:
    with (there / "lines").open("w") as file:
        file.write("one\nzwölf\n")
    with (there / "lines").open() as file:
        assert file.readlines() == ["one\n", "zwölf\n"]
    assert (there / "lines").read_text() == "one\nzwölf\n"
    with pytest.raises(FileExistsError):
        (there / "lines").open("x")


def test_what_ends_with_an_error_is_not_written(there: Path) -> None:
    for mode in ("w", "wb"):
        with suppress(ZeroDivisionError), (there / "half").open(mode) as file:
            file.write("one" if mode == "w" else b"one")
            raise ZeroDivisionError
    with suppress(ZeroDivisionError), replacing(there / "half") as temporary:
        temporary.write_text("one")
        raise ZeroDivisionError
    forgotten = (there / "half").open("wb")
    forgotten.write(b"one")
    del forgotten
    assert not (there / "half").exists()


def test_a_large_file_is_uploaded_in_parts_and_appears_whole(
    object_storage: ObjectStorage, there: Path
) -> None:
    content = np.random.default_rng(1).bytes(20_000_000)
    with replacing(there / "large") as temporary:
        temporary.write_bytes(content)
        assert not (there / "large").exists()
    assert object_storage.objects("kc/large") == {"kc/large": content}
    assert object_storage.count("PUT", "kc/large") == 3
    assert checksum(there / "large") == checksum(local_copy(there / "large"))
    assert object_storage.count("GET", "kc/large") == 0, "what was written here needs not be fetched"


def test_an_object_that_is_replaced_while_it_is_read_is_noticed(there: Path) -> None:
    path = there / "file"
    path.write_bytes(bytes(3_000_000))
    with path.open("rb") as file, ByteRanges(path) as ranges:
        file.read(10)
        path.write_bytes(bytes(2_999_999) + b"1")
        with pytest.raises(ChangedObjectError, match=f"{path}: was replaced while it was read"):
            file.read()
        with pytest.raises(ChangedObjectError):
            ranges.read(0, 10)


def test_libraries_that_need_a_file_get_a_local_copy(object_storage: ObjectStorage, there: Path) -> None:
    with replacing(there / "numbers.npy") as temporary, temporary.open("wb") as file:
        np.save(file, np.arange(5))
    with replacing(there / "table.sqlite") as temporary, sqlite3.connect(temporary) as connection:
        connection.execute("CREATE TABLE t AS SELECT 7 AS x")
    assert np.load(there / "numbers.npy", mmap_mode="r").sum() == 10
    assert sqlite3.connect(there / "table.sqlite").execute("SELECT x FROM t").fetchall() == [(7,)]
    assert open(there / "numbers.npy", "rb").read(6) == b"\x93NUMPY"  # noqa: SIM115, PTH123
    assert (
        pickle.loads(pickle.dumps(there / "numbers.npy")).read_bytes() == (there / "numbers.npy").read_bytes()
    )
    with pytest.raises(IsADirectoryError):
        os.fspath(there)


def test_row_groups_are_fetched_by_ranges(object_storage: ObjectStorage, there: Path, tmp_path: Path) -> None:
    table = pa.table({"id": range(100_000), "text": [os.urandom(20).hex() for _ in range(100_000)]})
    pq.write_table(table, tmp_path / "part", row_group_size=10_000, compression="none")
    for name in ("a", "b"):
        (there / name).upload(tmp_path / "part")  # type: ignore[attr-defined]
    assert Rows([there / "a"], ["text"], key="id").fetch([77]) == {77: {"text": table["text"][77].as_py()}}
    with open_parquet(there / "b") as file:
        assert file.read_row_group(3, ["id"])["id"].to_pylist() == list(range(30_000, 40_000))
    assert list_row_groups([there / "b"], "id").num_rows == 10
    assert describe_part(there / "a", there).rows == 100_000
    ranged = [r for r in object_storage.requests if r.method == "GET" and r.range]
    asked = 0
    for request in ranged:
        first, last = map(int, request.range.removeprefix("bytes=").split("-"))
        asked += last + 1 - first
    assert ranged
    whole = (tmp_path / "part").stat().st_size
    assert asked < whole * 1.6, "describe_part reads all of one, nothing else does"


def test_what_was_written_here_is_described_with_one_request(
    object_storage: ObjectStorage, there: Path
) -> None:
    with replacing(there / "part") as temporary:
        pq.write_table(pa.table({"id": range(10)}), temporary)
    object_storage.reset()
    part = describe_part(there / "part", there)
    assert (part.file, part.rows) == ("part", 10)
    assert object_storage.counts() == Counter(HEAD=1)


def test_records_and_steps_are_kept(there: Path) -> None:
    (there / "part").write_bytes(b"123")
    part = describe_part(there / "part", there, rows=0)
    step = Step(there / ".work" / "step.json", "inputs", Counter[str], there)
    assert step.result() is None
    assert step.run(lambda: Counter(a=1)) == Counter(a=1) == step.run(lambda: Counter())
    write_json(there / "parts.json", [part])
    assert read_json(there / "parts.json", list[type(part)]) == [part]  # type: ignore[misc]
    assert sizes(there, ["part", "missing"]) == {"part": 3}
    step.forget()
    assert step.result() is None


def test_patterns_find_objects(object_storage: ObjectStorage, there: Path) -> None:
    for name in ("x-1.bz2", "x-2.bz2", "y.txt", "deep/x-3.bz2"):
        (there / name).write_bytes(b"1")
    for pattern, found in {
        "kc/x-*.bz2": ["x-1.bz2", "x-2.bz2"],
        "k?/x-[2].bz2": ["x-2.bz2"],
        "**/*.bz2": ["deep/x-3.bz2", "x-1.bz2", "x-2.bz2"],
        "none/*": [],
    }.items():
        assert find_matching(object_storage.address(pattern)) == [there / name for name in found]
    with pytest.raises(UserError, match="no name of a bucket"):
        find_matching("s3://buck*/x")


def test_what_object_storage_does_not_know_is_refused_in_one_line(there: Path) -> None:
    (there / "a").write_bytes(b"1")
    for refused in (
        lambda: (there / "a").open("ab"),
        lambda: (there / "a").open("r+b"),
        lambda: (there / "a").chmod(0o600),
        lambda: (there / "b").symlink_to(there / "a"),
        lambda: (there / "b").hardlink_to(there / "a"),
        lambda: there.rename(there.with_name("other")),
    ):
        with pytest.raises(UserError, match="give a folder of this machine"):
            refused()  # type: ignore[no-untyped-call]
    with pytest.raises(OSError, match="not empty"):
        there.rmdir()


def test_a_bucket_that_is_missing_is_named(object_storage: ObjectStorage) -> None:
    missing = as_path("s3://no-such-bucket/kc")
    for act in (lambda: (missing / "a").write_bytes(b""), lambda: list(missing.iterdir())):
        with pytest.raises(ObjectStorageError, match="there is no bucket no-such-bucket") as error:
            act()
        assert "\n" not in str(error.value)


def test_faults_that_pass_are_waited_for(object_storage: ObjectStorage, there: Path) -> None:
    object_storage.faults += [
        Fault("refuse", methods=("PUT",), times=2),
        Fault("cut_request", methods=("PUT",), times=1),
        Fault("lose_reply", methods=("PUT",), times=1),
        Fault("refuse", methods=("GET", "HEAD", "LIST"), times=3),
        Fault("cut_reply", methods=("GET",), times=1),
    ]
    (there / "a").write_bytes(b"content" * 1000)
    assert [path.read_bytes() for path in there.iterdir()] == [b"content" * 1000]
    assert sum(fault.struck for fault in object_storage.faults) >= 7


_UNANSWERED = """
import sys
from kc_schema.store import as_path
try:
    as_path(sys.argv[1]).read_bytes()
except OSError as error:
    print(type(error).__name__, error)
"""


def in_a_process(program: str, *arguments: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_does_not_pass_is_one_line_without_secrets(object_storage: ObjectStorage, there: Path) -> None:
    object_storage.faults.append(Fault("refuse", methods=("GET",)))
    said = in_a_process(_UNANSWERED, f"{there}/a", KC_STORAGE_RETRY_SECONDS="0.2")
    assert said.startswith(f"ObjectStorageError {there}/a: the server answers 503")
    assert said.count("\n") == 1
    gone = in_a_process(
        _UNANSWERED,
        f"{there}/a",
        KC_STORAGE_RETRY_SECONDS="0.2",
        AWS_ENDPOINT_URL="http://user:hidden@127.0.0.1:9",
        AWS_SECRET_ACCESS_KEY="hidden-too",
    )
    assert "hidden" not in gone
    assert gone.count("\n") == 1


def test_errors_survive_the_way_between_processes() -> None:
    error = ObjectAccessError(13, "no", "s3://bucket/key")
    copied = pickle.loads(pickle.dumps(error))
    assert (type(copied), str(copied)) == (ObjectAccessError, "s3://bucket/key: no")
    assert isinstance(copied, PermissionError)
    assert isinstance(copied, UserError)


def _read_forked(path: ObjectPath, said: multiprocessing.Queue[str]) -> None:
    try:
        path.read_bytes()
        said.put("read")
    except RuntimeError as error:
        said.put(str(error))


def test_a_forked_process_says_so_instead_of_standing_still(there: Path) -> None:
    (there / "a").write_bytes(b"1")
    context = multiprocessing.get_context("fork")
    said = context.Queue()
    process = context.Process(target=_read_forked, args=(there / "a", said))
    process.start()
    assert "forked" in said.get(timeout=30)
    process.join(timeout=10)


_WRITES = """
import os, sys, time
from kc_schema.store import as_path, replacing
with replacing(as_path(sys.argv[1])) as temporary:
    temporary.write_bytes(bytes(1_000_000))
    print(temporary, flush=True)
    time.sleep(60)
"""


def test_a_killed_process_leaves_nothing_and_its_temporary_file_goes(
    object_storage: ObjectStorage, there: Path
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _WRITES, f"{there}/a"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        temporary = Path(process.stdout.readline().strip())
        assert temporary.is_file()
        os.kill(process.pid, signal.SIGKILL)
    assert object_storage.objects() == {}
    with replacing(there / "b") as mine:
        mine.write_bytes(b"1")
    assert not temporary.parent.exists()


def test_raw_files_are_files_of_python(there: Path) -> None:
    (there / "a").write_bytes(b"0123456789")
    with (there / "a").open("rb", buffering=0) as raw:
        assert isinstance(raw, io.RawIOBase)
        assert (raw.read(3), raw.tell(), raw.seek(-2, os.SEEK_END), raw.readall()) == (b"012", 3, 8, b"89")


def test_a_link_leads_to_a_folder_and_to_the_next_one(there: Path, object_storage: ObjectStorage) -> None:
    link = there / "current"
    for name in ("one", "two"):
        write_json(there / "snapshots" / name / "in" / "a.json", name)
    assert not link.is_symlink()
    assert not link.exists()
    assert link.resolve() == link
    for name in ("one", "two"):
        switch_link(link, there / "snapshots" / name)
        assert object_storage.objects("kc/current") == {"kc/current": f"snapshots/{name}\n".encode()}
        assert link.is_symlink()
        assert link.is_dir()
        assert not link.is_file()
        assert link.readlink() == Path("snapshots") / name
        assert link.resolve(strict=True) == there / "snapshots" / name
        assert read_json(link / "in" / "a.json", str) == name
        assert [str(path) for path in link.rglob("*.json")] == [f"{there}/current/in/a.json"]
        assert sizes(link, ["in/a.json"]) == {"in/a.json": len(name) + 3}
        assert local_copy(link / "in" / "a.json").read_text() == f'"{name}"\n'
    remove(link)
    assert set(object_storage.objects()) == {f"kc/snapshots/{name}/in/a.json" for name in ("one", "two")}
    with pytest.raises(FileNotFoundError):
        read_json(link / "in" / "a.json", str)
    with pytest.raises(UserError, match="only an object called current is"):
        switch_link(there / "newest", there / "snapshots" / "one")


@pytest.mark.parametrize(
    "content", ["", "\n", "../one", "/one", "one/../two", "a b", "one\ntwo", "x" * 2000, "\xff"]
)
def test_what_is_no_link_is_a_file_of_that_name(there: Path, content: str) -> None:
    path = there / "current"
    path.write_text(content)
    assert not path.is_symlink()
    assert path.read_text() == content
    (there / "current" / "kc.json").write_text("1")
    assert read_json(path / "kc.json", int) == 1


def test_of_two_that_switch_a_link_at_once_one_is_refused(there: Path, object_storage: ObjectStorage) -> None:
    link = there / "current"
    switch_link(link, there / "one")
    fault = Fault("wait", ("PUT",), "kc/current", times=1, then=lambda: switch_link(link, there / "two"))
    object_storage.faults.append(fault)
    with pytest.raises(ObjectStorageError, match=f"{link}: another process has written it"):
        switch_link(link, there / "three")
    assert link.readlink() == Path("two")


def test_a_switch_whose_answer_is_lost_is_done(there: Path, object_storage: ObjectStorage) -> None:
    object_storage.faults.append(Fault("lose_reply", ("PUT",), "kc/current", times=1))
    switch_link(there / "current", there / "one")
    assert (there / "current").readlink() == Path("one")


def test_pieces_that_lie_in_the_bucket_become_one_object(there: Path, object_storage: ObjectStorage) -> None:
    parts = [bytes([number]) * (5 << 20) for number in range(4)]
    for number, part in enumerate(parts):
        (there / str(number)).write_bytes(part)
    whole = ObjectPath(f"{there}/whole")

    def pieces(fail: bool) -> Iterator[bytes]:
        for number in range(4):
            yield (there / str(number)).read_bytes()
        if fail:
            raise ValueError("no, they are others")

    with pytest.raises(ValueError, match="no, they are others"):
        whole.write_pieces(pieces(fail=True), 20 << 20)
    assert not whole.exists()
    uploads = object_storage.client().list_multipart_uploads(Bucket=object_storage.bucket)
    assert not uploads.get("Uploads")
    whole.write_pieces(pieces(fail=False), 20 << 20)
    assert whole.read_bytes() == b"".join(parts)
    small = ObjectPath(f"{there}/small")
    small.write_pieces(iter([b"a", b"", b"b"]), 2)
    assert small.read_bytes() == b"ab"
