"""Dumps from a server into a bucket: whole or not there, gone on with by byte ranges, on any machine."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from rich.console import Console

from kc_schema.store import ObjectPath, ObjectStorageError, as_path
from pipelines import build_text_kc
from pipelines.download_dump import main
from pipelines.dump.download import DownloadError, DumpServer, Politeness, arrival, download_run, find_run
from pipelines.dump.errors import DumpError
from pipelines.dump.parts import find_parts
from pipelines.refresh import main as refresh
from tests.corpus_builder import build, files
from tests.dump_writer import DumpPage, compress, dump_pieces
from tests.services.dump_server import ServedDumps, dump_server
from tests.services.object_storage import Fault, ObjectStorage

pytestmark = pytest.mark.service

ROOT = Path(__file__).resolve().parents[2]
QUICK = Politeness(attempts=3, first_delay=0.01, longest_delay=0.02, read_seconds=5.0)
NAME = "testwiki-20260101-pages-articles-multistream{}.xml-p{}p{}.bz2"
RUN = "dumps/testwiki-20260101"


def part(number: int, size: int = 0) -> bytes:
    """A part of a dump; bytes that no reader looks at stand behind it where it is to be large."""
    whole = compress(dump_pieces([DumpPage(f"Ada {number}", "'''Ada''' was first.", number)]), ".bz2")
    return whole + random.Random(number).randbytes(size)


@pytest.fixture
def served() -> Iterator[ServedDumps]:
    with dump_server() as server:
        yield server


@pytest.fixture
def dumps(object_storage: ObjectStorage, monkeypatch: pytest.MonkeyPatch) -> ObjectPath:
    """The folder of dumps in a bucket; pieces are small."""
    monkeypatch.setattr(arrival, "_PIECE_BYTES", 100_000)
    folder = as_path(object_storage.address("dumps"))
    assert isinstance(folder, ObjectPath)
    return folder


def add(served: ServedDumps, parts: dict[int, bytes], day: str = "20260101") -> dict[str, bytes]:
    """Let a run have parts, and lists of its own without pages."""
    found = {NAME.format(n, n, n).replace("20260101", day): data for n, data in parts.items()}
    served.add_classic("testwiki", day, found)
    return found


def fetch(served: ServedDumps, dumps: ObjectPath, connections: int = 1) -> Path:
    server = DumpServer(served.url, politeness=QUICK)
    run = find_run(server, "testwiki").run
    return download_run(run, server, dumps, console=Console(quiet=True), connections=connections)


def test_a_run_comes_whole_and_is_a_dump(
    served: ServedDumps, dumps: ObjectPath, object_storage: ObjectStorage, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = add(served, {1: part(1), 2: part(2, 9 << 20)})
    given = ["--wiki", "testwiki", "--base", served.url, "--output", str(dumps)]
    assert main(given) == 0
    assert capsys.readouterr().out.strip() == f"{dumps}/testwiki-20260101"
    found = object_storage.objects()
    assert set(found) == {f"{RUN}/{name}" for name in (*parts, "download.json")}
    assert {name: found[f"{RUN}/{name}"] for name in parts} == parts
    assert len(find_parts(f"{dumps}/testwiki-20260101")) == 2
    sent = sum(served.bytes_sent.values())
    assert main(given) == 0
    assert "is there already" in capsys.readouterr().err
    assert main([*given, "--dry-run"]) == 0
    assert "0.0 MB to fetch" in capsys.readouterr().err
    assert sum(served.bytes_sent.values()) == sent
    # A newer run; what stands of an older one stays, as on a disk.
    add(served, {1: part(7)}, "20260201")
    assert main(given) == 0
    assert len(object_storage.objects("dumps/testwiki-2026")) == 5


def test_nothing_is_a_dump_before_all_of_it_is_there(served: ServedDumps, dumps: ObjectPath) -> None:
    parts = add(served, {1: part(1), 2: part(2, 250_000), 3: part(3)})
    served.gone_after = 1
    with pytest.raises(DownloadError, match="was taken away"):
        fetch(served, dumps)
    folder = dumps / "testwiki-20260101"
    [first, _, _] = parts
    assert (folder / first).read_bytes() == parts[first]
    for dump in (str(folder), f"{folder}/*.bz2"):
        with pytest.raises(DumpError, match=r"is filling this folder.*download_dump again"):
            find_parts(dump)
    # The whole file by its own name is one.
    assert len(find_parts(str(folder / first))) == 1
    served.gone_after = None
    fetch(served, dumps)
    assert served.bytes_sent[f"testwiki/20260101/{first}"] == len(parts[first])
    assert len(find_parts(str(folder))) == 3


def test_a_cut_connection_and_a_stopped_download_go_on_by_ranges(
    served: ServedDumps, dumps: ObjectPath, object_storage: ObjectStorage
) -> None:
    parts = add(served, {1: part(1, 650_000)})
    [(name, data)] = parts.items()
    served.cut_after, served.cuts = 130_000, 2
    fetch(served, dumps)
    assert object_storage.objects(f"{RUN}/{name}")[f"{RUN}/{name}"] == data
    ranges = [wanted for _, path, wanted in served.requests if path.endswith(name)]
    assert ranges == [None, "bytes=130000-", "bytes=260000-"]


@pytest.mark.parametrize("piece", [0, 2, 6])
def test_a_killed_download_goes_on_behind_its_last_piece(
    served: ServedDumps, dumps: ObjectPath, object_storage: ObjectStorage, piece: int
) -> None:
    """Killed at a piece, or (6) while the pieces become the object."""
    parts = add(served, {1: part(1, 650_000)})
    [(name, data)] = parts.items()
    code = (
        "import sys; from pipelines.dump.download import arrival; arrival._PIECE_BYTES = 100_000;"
        "from pipelines.download_dump import main; sys.exit(main())"
    )
    given = ["--wiki", "testwiki", "--base", served.url, "--output", str(dumps)]
    key = rf"partial/{name}" if piece < 6 else rf"{RUN}/{name}"
    fault = Fault("cut_request", ("PUT",), key, skip=piece % 6, times=1)
    process = subprocess.Popen([sys.executable, "-c", code, *given], cwd=ROOT, start_new_session=True)
    fault.then = partial(os.killpg, process.pid, signal.SIGKILL)
    object_storage.faults.append(fault)
    assert process.wait(120) == -signal.SIGKILL
    object_storage.faults.clear()
    assert f"{RUN}/{name}" not in object_storage.objects()
    served.requests.clear()
    fetch(served, dumps)
    assert set(object_storage.objects()) == {f"{RUN}/{name}", f"{RUN}/download.json"}
    assert object_storage.objects()[f"{RUN}/{name}"] == data
    ranges = [wanted for method, path, wanted in served.requests if path.endswith(name) and method == "GET"]
    if piece == 0:
        assert ranges == [None]
    elif piece == 2:
        [wanted] = ranges
        start = int(str(wanted).removeprefix("bytes=").removesuffix("-"))
        assert 200_000 < start < len(data)


def test_a_file_with_another_checksum_never_appears(
    served: ServedDumps, dumps: ObjectPath, object_storage: ObjectStorage
) -> None:
    parts = add(served, {1: part(1, 250_000)})
    [name] = parts
    path = f"testwiki/20260101/{name}"
    good = served.files[path]
    served.files[path] = good[:-1] + bytes([good[-1] ^ 1])
    with pytest.raises(DownloadError, match="came twice with another sha1"):
        fetch(served, dumps)
    assert served.bytes_sent[path] == 2 * len(good)
    assert set(object_storage.objects()) == {f"{RUN}/download.unfinished.json"}
    served.files[path] = good
    fetch(served, dumps, connections=3)
    assert object_storage.objects()[f"{RUN}/{name}"] == good


def test_what_was_begun_of_an_older_run_goes(
    served: ServedDumps, dumps: ObjectPath, object_storage: ObjectStorage
) -> None:
    add(served, {1: part(1), 2: part(2, 250_000)})
    served.cut_after, served.cuts = 150_000, 100
    served.gone_after = 2
    with pytest.raises(DownloadError):
        fetch(served, dumps)
    assert any(".partial/" in key for key in object_storage.objects())
    served.gone_after = served.cut_after = None
    parts = add(served, {1: part(7)}, "20260201")
    fetch(served, dumps)
    assert set(object_storage.objects()) == {
        f"dumps/testwiki-20260201/{name}" for name in (*parts, "download.json")
    }


def test_a_bucket_that_answers_no_more_ends_it_in_one_line(
    served: ServedDumps, dumps: ObjectPath, object_storage: ObjectStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(served, {1: part(1, 250_000)})
    monkeypatch.setenv("KC_STORAGE_RETRY_SECONDS", "0.3")
    object_storage.faults.append(Fault("refuse", ("PUT",), "partial/"))
    with pytest.raises(ObjectStorageError, match=r"\.partial/.*: the server answers 503"):
        fetch(served, dumps)
    object_storage.reset()
    fetch(served, dumps)
    assert len(find_parts(str(dumps / "testwiki-20260101"))) == 1


def test_a_build_and_a_refresh_fetch_into_the_bucket(
    served: ServedDumps, object_storage: ObjectStorage, tmp_path: Path
) -> None:
    [(name, data)] = add(served, {1: part(1)}).items()
    (tmp_path / name).write_bytes(data)
    build(tmp_path / name, tmp_path / "kc")
    common = ["--base", served.url, "--workers", "1", "--text-index", "none"]
    kc = as_path(object_storage.address("kc"))
    assert build_text_kc.main(["--dump", "wiki:testwiki", "--output", str(kc), *common]) == 0
    assert files(kc) == files(tmp_path / "kc")
    assert f"{RUN}/{name}" in object_storage.objects()
    root = object_storage.address("root")
    assert refresh(["--root", root, "--wiki", "testwiki", *common]) == 0
    sent = sum(served.bytes_sent.values())
    assert refresh(["--root", root, "--wiki", "testwiki", *common]) == 0
    assert sum(served.bytes_sent.values()) == sent
    add(served, {1: part(1)}, "20260201")
    assert refresh(["--root", root, "--wiki", "testwiki", *common]) == 0
    kept = {key.split("/")[2] for key in object_storage.objects("root/dumps/")}
    assert kept == {"testwiki-20260201"}
