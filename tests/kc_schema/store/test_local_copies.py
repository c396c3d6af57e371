"""Local copies of objects: fetched once, whole, and gone when they are too many, but not from under who uses them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kc_schema.errors import UserError
from kc_schema.store import ObjectPath, as_path, checksum, local_copy
from tests.services.object_storage import Fault, ObjectStorage

ROOT = Path(__file__).resolve().parents[3]

_COPIES = """
import sys
from kc_schema.store import as_path, local_copy
for address in sys.argv[1:]:
    copy = local_copy(as_path(address))
    print(copy, copy.stat().st_size, flush=True)
sys.stdin.readline()
print(open(copy, "rb").read()[:1], flush=True)
"""


@pytest.fixture
def there(object_storage: ObjectStorage) -> ObjectPath:
    path = as_path(object_storage.address("kc"))
    assert isinstance(path, ObjectPath)
    return path


@pytest.fixture
def cache(object_storage: ObjectStorage) -> Path:
    return Path(os.environ["KC_STORAGE_CACHE"])


def process(*paths: Path) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-c", _COPIES, *map(str, paths)]
    return subprocess.Popen(
        arguments, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def copies(cache: Path) -> set[str]:
    return {path.name for path in cache.glob("*-*/*") if not path.parent.name.startswith("process-")}


def test_an_object_is_fetched_once_and_again_when_it_was_replaced(
    object_storage: ObjectStorage, there: ObjectPath
) -> None:
    (there / "a").write_bytes(b"1" * 100)
    first = local_copy(there / "a")
    assert local_copy(there / "a") == first
    assert object_storage.count("GET", "kc/a") == 1
    (there / "a").write_bytes(b"2" * 100)
    assert local_copy(there / "a").read_bytes() == b"2" * 100
    assert first.read_bytes() == b"1" * 100
    assert local_copy(first) == first


def test_several_processes_fetch_an_object_once(object_storage: ObjectStorage, there: ObjectPath) -> None:
    (there / "a").write_bytes(b"1" * 1000)
    object_storage.faults.append(Fault("wait", methods=("GET",), seconds=1.0))
    running = [process(there / "a") for _ in range(3)]
    said = {one.communicate("\n")[0] for one in running}
    assert len(said) == 1
    assert object_storage.count("GET", "kc/a") == 1


def test_the_least_recently_used_copies_leave(
    there: ObjectPath, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KC_STORAGE_CACHE_BYTES", "2500")
    paths = [there / name for name in "abc"]
    for path in paths:
        path.write_bytes(path.name.encode() * 1000)
    process(*paths[:2]).communicate("\n")
    assert copies(cache) == {"a", "b"}
    process(paths[0]).communicate("\n")
    process(paths[2]).communicate("\n")
    assert copies(cache) == {"a", "c"}


def test_a_copy_in_use_stays(there: ObjectPath, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KC_STORAGE_CACHE_BYTES", "1500")
    for name in "abc":
        (there / name).write_bytes(name.encode() * 1000)
    with process(there / "a") as user:
        assert user.stdout is not None
        user.stdout.readline()
        process(there / "b").communicate("\n")
        assert copies(cache) == {"a", "b"}, "more than the limit, but nothing vanishes before it is opened"
        assert user.communicate("\n")[0] == "b'a'\n"
    process(there / "c").communicate("\n")
    assert copies(cache) == {"c"}


def test_a_map_survives_that_its_copy_leaves(there: ObjectPath, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.arange(100))
    (there / "x.npy").upload(tmp_path / "x.npy")
    mapped = np.load(there / "x.npy", mmap_mode="r")
    local_copy(there / "x.npy").unlink()
    assert mapped.sum() == 4950


def test_what_is_larger_than_all_copies_may_be_is_refused(
    there: ObjectPath, monkeypatch: pytest.MonkeyPatch
) -> None:
    (there / "a").write_bytes(b"1" * 1000)
    monkeypatch.setenv("KC_STORAGE_CACHE_BYTES", "999")
    with pytest.raises(UserError, match=r"kc/a: has 1,000 bytes.*raise KC_STORAGE_CACHE_BYTES"):
        local_copy(there / "a")
    monkeypatch.setenv("KC_STORAGE_CACHE_BYTES", "much")
    with pytest.raises(UserError, match="KC_STORAGE_CACHE_BYTES=much: is no number"):
        local_copy(there / "a")


def test_a_copy_that_is_not_what_the_manifest_says_is_refused(there: ObjectPath) -> None:
    (there / "a").write_bytes(b"1")
    assert local_copy(there / "a", sha256=checksum(there / "a")).read_bytes() == b"1"
    with pytest.raises(UserError, match=r"kc/a: its SHA-256 is 6b86b2.*, listed 00"):
        local_copy(there / "a", sha256="00")


def test_a_folder_is_copied_with_all_that_is_in_it(there: ObjectPath) -> None:
    for name in ("index/a.bin", "index/deep/b.bin", "other"):
        (there / name).write_bytes(name.encode())
    copy = local_copy(there / "index")
    assert sorted(p.relative_to(copy).as_posix() for p in copy.rglob("*") if p.is_file()) == [
        "a.bin",
        "deep/b.bin",
    ]
    (there / "index" / "c.bin").write_bytes(b"")
    assert len(list(local_copy(there / "index").iterdir())) == 3
    with pytest.raises(FileNotFoundError):
        local_copy(there / "none")


def test_a_download_that_was_cut_is_not_taken_for_a_copy(
    object_storage: ObjectStorage, there: ObjectPath, cache: Path
) -> None:
    (there / "a").write_bytes(os.urandom(100_000))
    object_storage.faults.append(Fault("wait", methods=("GET",), seconds=30.0))
    with process(there / "a") as cut:
        while not list(cache.glob("*.unfinished")):
            assert cut.poll() is None
        cut.kill()
    assert copies(cache) <= {"a"}
    object_storage.faults.clear()
    object_storage.faults.append(Fault("cut_reply", methods=("GET",), times=2))
    assert local_copy(there / "a").read_bytes() == (there / "a").read_bytes()
    assert not list(cache.glob("*.unfinished"))


def test_copies_are_not_written_to(there: ObjectPath) -> None:
    (there / "a").write_bytes(b"1")
    assert not local_copy(there / "a").stat().st_mode & 0o222
