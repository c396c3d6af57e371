"""The lock of a folder in object storage, among processes that are stopped, killed and cut off."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from kc_schema.store import ObjectStorageError, Place, PlaceBusyError, as_path, write_json
from kc_schema.store.lease import LeaseLostError
from tests.services.object_storage import Fault, ObjectStorage

ROOT = Path(__file__).resolve().parents[3]

_HOLDS = """
import sys
from kc_schema.store import Place, write_json
with Place(sys.argv[1], owns=("pages",)) as place:
    write_json(place.folder / "pages" / "half.json", 1)
    print("held", flush=True)
    sys.stdin.readline()
    place.commit({"by": "the other"}, ["pages/half.json"])
"""


@pytest.fixture
def folder(object_storage: ObjectStorage) -> Path:
    return as_path(object_storage.address("kc"))


@contextmanager
def holder(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the place until it is given a line."""
    pipe = subprocess.PIPE
    arguments = [sys.executable, "-c", _HOLDS, str(folder)]
    with subprocess.Popen(arguments, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def test_a_place_is_locked_committed_and_left(object_storage: ObjectStorage, folder: Path) -> None:
    with Place(folder, owns=("pages",)) as place:
        assert set(object_storage.objects()) == {"kc/.lock"}
        write_json(folder / "pages" / "a.json", 1)
        write_json(folder / "pages" / "stray.json", 1)
        write_json(folder / "notes.json", 1)
        write_json(place.work / "step.json", 1)
        assert (place.is_used(), place.has_manifest(), place.strangers()) == (True, False, ["notes.json"])
        place.commit({"parts": 1}, ["pages/a.json"])
        place.remove_work()
    assert set(object_storage.objects()) == {"kc/manifest.json", "kc/notes.json", "kc/pages/a.json"}
    with Place(folder, owns=("pages",)) as place:
        place.clear()
    assert set(object_storage.objects()) == {"kc/notes.json"}


def test_who_gives_signs_of_life_keeps_the_place(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with holder(folder) as process:
        with pytest.raises(
            PlaceBusyError, match=f"another build \\(process {process.pid} on .*\\) is writing"
        ):
            Place(folder, owns=("pages",)).__enter__()
        assert "looking for a sign of life" in caplog.text
        process.communicate("\n")
        assert process.returncode == 0
    assert json.loads((folder / "manifest.json").read_bytes()) == {"by": "the other"}
    assert not (folder / ".lock").exists()


def test_the_place_of_a_killed_process_is_taken_over(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with holder(folder) as process:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        with Place(folder, owns=("pages",)) as place:
            assert f"process {process.pid}" in caplog.text
            assert (folder / "pages" / "half.json").is_file(), "it goes on where the other was"
            place.commit({"by": "me"}, [])
    assert json.loads((folder / "manifest.json").read_bytes()) == {"by": "me"}


def test_who_was_stopped_for_long_commits_nothing(folder: Path) -> None:
    with holder(folder) as process:
        os.kill(process.pid, signal.SIGSTOP)
        with Place(folder, owns=("pages",)) as place:
            place.commit({"by": "me"}, [])
        os.kill(process.pid, signal.SIGCONT)
        _, errors = process.communicate("\n")
    assert process.returncode == 1
    assert "LeaseLostError" in errors
    assert json.loads((folder / "manifest.json").read_bytes()) == {"by": "me"}


def test_a_lost_lock_ends_every_change(folder: Path) -> None:
    with Place(folder, owns=("pages",)) as place:
        write_json(folder / "pages" / "a.json", 1)
        (folder / ".lock").write_text('{"holder": "a thief", "token": "x", "count": 1, "seconds": 1}')
        for change in (
            place.clear,
            place.remove_work,
            lambda: place.commit({}, []),
            lambda: place.remove_unlisted([]),
        ):
            with pytest.raises(LeaseLostError, match="was taken over by a thief"):
                change()
    assert (folder / "pages" / "a.json").is_file()
    assert "a thief" in (folder / ".lock").read_text(), "nobody gives back what another holds"


def test_a_place_that_is_given_back_meanwhile_is_taken(folder: Path) -> None:
    with holder(folder) as process:
        release = threading.Timer(0.3, lambda: process.communicate("\n"))
        release.start()
        end = time.monotonic() + 30
        while True:
            try:
                with Place(folder, owns=("pages",)) as place:
                    assert place.has_manifest()
                break
            except PlaceBusyError:
                assert time.monotonic() < end
        release.join()


def test_one_of_many_takes_over(folder: Path) -> None:
    (folder / ".lock").write_text('{"holder": "gone", "token": "x", "count": 1, "seconds": 0.5}')
    held: list[int] = []
    busy: list[int] = []
    done = threading.Barrier(4)

    def take(number: int) -> None:
        try:
            with Place(folder, owns=("pages",)):
                held.append(number)
                done.wait(30)
        except PlaceBusyError:
            busy.append(number)
            done.wait(30)

    threads = [threading.Thread(target=take, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(held), len(busy)) == (1, 3)


def test_answers_that_are_lost_lose_no_lock(object_storage: ObjectStorage, folder: Path) -> None:
    object_storage.faults.append(Fault("lose_reply", methods=("PUT",), key=r"\.lock", every=2, times=4))
    with Place(folder, owns=("pages",)) as place:
        time.sleep(1.0)
        place.commit({"by": "me"}, [])
    assert object_storage.faults[0].struck >= 3
    assert set(object_storage.objects()) == {"kc/manifest.json"}


def test_a_file_that_is_no_lock_is_watched_too(folder: Path) -> None:
    (folder / ".lock").write_text("locked by hand")
    with Place(folder, owns=("pages",)) as place:
        place.commit({}, [])


class _RefusesConditions(BaseHTTPRequestHandler):
    """A server of object storage that does not know conditional writes."""

    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        said = (
            b"<Error><Code>NotImplemented</Code><Message>If-None-Match is not implemented</Message></Error>"
        )
        self.send_response(501)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *arguments: object) -> None:
        pass


def test_a_server_without_conditional_writes_is_named(
    object_storage: ObjectStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KC_STORAGE_RETRY_SECONDS", "0.2")
    with ThreadingHTTPServer(("127.0.0.1", 0), _RefusesConditions) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        with pytest.raises(
            ObjectStorageError, match="locks need a server that knows conditional writes"
        ) as error:
            Place("s3://without-conditions/kc", owns=()).__enter__()
        server.shutdown()
    assert "\n" not in str(error.value)
