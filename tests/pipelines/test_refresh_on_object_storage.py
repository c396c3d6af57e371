"""Refreshes of a root in object storage: the corpus of a full build, one switch, nothing lost, as on a disk."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from kc_schema.store import ObjectPath, as_path, switch_link
from kc_schema.verify import verify
from pipelines.refresh import main
from pipelines.report_changes import main as report_changes
from pipelines.snapshots.root import Root
from pipelines.text_corpus.reuse import count_reused
from pipelines.text_index import open_index
from pipelines.text_index.embedded_build import build_embedded_index
from tests.corpus_builder import build, files
from tests.dump_writer import DumpPage, noise, redirect_page, write_dump
from tests.services.corpus_service import running_service
from tests.services.object_storage import Fault, ObjectStorage

pytestmark = pytest.mark.service

ROOT = Path(__file__).resolve().parents[2]


def page(number: int, words: str = "was there", revision: int = 0) -> DumpPage:
    title = f"Page {number}"
    text = (
        f"'''{title}''' {words} with [[Page {number + 1}]] and [[Way]].\n\n{title} says {noise(number, 120)}."
    )
    return DumpPage(title, text, number, revision_id=revision or 1000 + number)


PAGES = [*(page(number) for number in range(1, 41)), redirect_page("Way", "Page 1", 100)]
NEWER = [
    *(page(n, "is here", 7000 + n) if n % 20 == 3 else page(n) for n in range(2, 41)),
    redirect_page("Way", "Page 1", 100),
    page(200),
]
DAYS = {"20260101": PAGES, "20260201": NEWER}


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two dumps, full builds of both on a disk, and a root there that was refreshed with the first."""
    folder = tmp_path_factory.mktemp("full")
    for day, pages in DAYS.items():
        (folder / f"dump-{day}").mkdir()
        write_dump(folder / f"dump-{day}" / f"testwiki-{day}-pages-articles.xml.bz2", pages)
        build(folder / f"dump-{day}", folder / day)
        build_embedded_index(folder / day)
    assert main(["--root", str(folder / "root"), "--dump", str(folder / "dump-20260101")]) == 0
    return folder


@pytest.fixture
def root(object_storage: ObjectStorage, full: Path) -> ObjectPath:
    """The root of the snapshots, nothing there yet; the dumps lie beside it."""
    for day in DAYS:
        object_storage.upload(full / f"dump-{day}", f"dumps/{day}")
    object_storage.reset()
    folder = as_path(object_storage.address("corpora/testwiki"))
    assert isinstance(folder, ObjectPath)
    return folder


@pytest.fixture
def refreshed(root: ObjectPath, full: Path, object_storage: ObjectStorage) -> ObjectPath:
    """The root with the first dump's snapshot, which came from a disk."""
    snapshot = (full / "root" / "current").resolve()
    object_storage.upload(snapshot, f"corpora/testwiki/snapshots/{snapshot.name}")
    switch_link(root / "current", root / "snapshots" / snapshot.name)
    object_storage.reset()
    return root


def arguments(root: ObjectPath, day: str, *more: str) -> list[str]:
    bucket = f"s3://{root.written.bucket}"
    return ["--root", str(root), "--dump", f"{bucket}/dumps/{day}", "--workers", "1", *more]


def tables(kc: Path) -> dict[str, bytes]:
    """What a snapshot holds, but what a refresh keeps beside it."""
    return {path: content for path, content in files(kc).items() if not re.match(r"refresh/|\.lock", path)}


def test_a_refresh_gives_the_corpus_of_a_full_build(
    root: ObjectPath, full: Path, object_storage: ObjectStorage, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(root, "20260101")) == 0
    first = Root(root).current()
    assert first is not None
    assert tables(root / "current") == tables(full / "20260101")
    assert main(arguments(root, "20260201", "--metrics-file", str(root / "kc.prom"))) == 0
    second = Root(root).current()
    assert second is not None
    assert second != first
    assert tables(root / "current") == tables(full / "20260201")
    assert tables(first) == tables(full / "20260101")
    assert not verify(root / "current").counts
    assert count_reused(root / "current") == 37
    written = object_storage.objects("corpora/testwiki/")
    assert written["corpora/testwiki/current"] == f"snapshots/{second.name}\n".encode()
    log = written["corpora/testwiki/refresh.log"].decode()
    assert "updated by page: 4 of 40 pages differ" in log
    assert log.count("switch: begins") == 2
    assert b'kc_refresh_pages{from="older snapshot"} 37' in written["corpora/testwiki/kc.prom"]
    capsys.readouterr()
    assert report_changes([str(first), str(root / "current"), "--json"]) == 0
    assert '"count": 2' in capsys.readouterr().out
    # Once more: nothing is built, and what is there stays.
    assert main(arguments(root, "20260201")) == 0
    assert "finished, nothing to do" in capsys.readouterr().err
    again = object_storage.objects("corpora/testwiki/snapshots")
    assert again == {key: content for key, content in written.items() if "/snapshots/" in key}


def test_the_server_copies_parts_that_have_not_changed_and_tidying_leaves_what_is_kept(
    root: ObjectPath, full: Path, object_storage: ObjectStorage, tmp_path: Path
) -> None:
    """Two parts of 256 pages, of which the first stays as it is."""
    dumps = as_path(object_storage.address("dumps"))
    pages = [page(number) for number in range(1, 300)]
    for day, more in (("20260301", []), ("20260401", [page(400)])):
        dump = write_dump(tmp_path / f"testwiki-{day}-pages-articles.xml.bz2", [*pages, *more])
        (dumps / day / dump.name).write_bytes(dump.read_bytes())
    build(dump, tmp_path / "full")
    assert main(arguments(root, "20260301", "--text-index", "none")) == 0
    first = Root(root).current()
    assert first is not None
    object_storage.reset()
    assert main(arguments(root, "20260401", "--text-index", "none", "--keep", "1")) == 0
    for table in ("pages", "paragraphs", "sentences", "refresh"):
        # A copy has no body; the older part was not read whole for it.
        sizes = [
            request.bytes
            for request in object_storage.requests
            if request.method == "PUT" and re.search(rf"20260401-\w+/{table}/part-", request.key)
        ]
        assert sizes.count(0) == 1, (table, sizes)
        assert len(sizes) == 2
    assert object_storage.objects(f"corpora/testwiki/snapshots/{first.name}/") == {}
    assert tables(root / "current") == tables(tmp_path / "full")
    assert not verify(root / "current").counts


def test_a_dry_run_writes_nothing(
    refreshed: ObjectPath, object_storage: ObjectStorage, capsys: pytest.CaptureFixture[str]
) -> None:
    root = refreshed
    nothing = root / "elsewhere"
    assert isinstance(nothing, ObjectPath)
    assert main(arguments(nothing, "20260101", "--dry-run")) == 0
    assert "build: all pages are extracted" in capsys.readouterr().err
    before = object_storage.objects("corpora/")
    assert main(arguments(root, "20260201", "--dry-run")) == 0
    said = capsys.readouterr().err
    assert re.search(
        r"build: changed pages are extracted, rows of the others come from testwiki-20260101-", said
    )
    assert "tidy: --keep 2 snapshots" in said
    assert object_storage.objects("corpora/") == before


def test_a_dump_that_lost_much_is_refused(
    refreshed: ObjectPath, full: Path, object_storage: ObjectStorage, capsys: pytest.CaptureFixture[str]
) -> None:
    root = refreshed
    first = Root(root).current()
    fewer = full / "fewer"
    fewer.mkdir()
    write_dump(fewer / "testwiki-20260301-pages-articles.xml.bz2", PAGES[:30])
    object_storage.upload(fewer, "dumps/20260301")
    assert main(arguments(root, "20260301", "--text-index", "none")) == 3
    assert "articles 40 -> 30 (-25.0%)" in capsys.readouterr().err
    assert Root(root).current() == first


def started(root: ObjectPath, day: str, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "pipelines.refresh", *arguments(root, day, *more)],
        cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


@pytest.mark.slow
def test_killed_before_every_kind_of_write_it_goes_on(
    refreshed: ObjectPath, full: Path, object_storage: ObjectStorage
) -> None:
    """In the build, the index, the switch, the tidying: the old corpus answers, the end is that of a full build."""
    root = refreshed
    moments = [
        ("PUT", r"units[^/]*/00000/result\.json"),
        ("PUT", r"snapshots/testwiki-20260201-\w+/sentences/"),
        ("PUT", r"snapshots/testwiki-20260201-\w+/manifest\.json"),
        ("PUT", r"snapshots/testwiki-20260201-\w+/text_index/"),
        ("PUT", r"corpora/testwiki/current$"),
        ("POST", "tidying"),
    ]

    def kill(process: subprocess.Popen[str], key: str) -> None:
        now = object_storage.objects("corpora/testwiki/current").popitem()[1]
        if key != "tidying" or b"20260201" in now:
            os.killpg(process.pid, signal.SIGKILL)

    for method, key in moments:
        # Objects are removed by a request that names no key.
        fault = Fault("cut_request", (method,), key, times=1) if method == "PUT" else Fault("wait", (method,))
        process = started(root, "20260201", "--keep", "1")
        fault.then = partial(kill, process, key)
        object_storage.faults.append(fault)
        process.communicate(timeout=240)
        assert process.returncode == -signal.SIGKILL, key
        object_storage.faults.clear()
        day = "20260101" if method == "PUT" else "20260201"
        assert tables(root / "current") == tables(full / day), key
    assert main(arguments(root, "20260201", "--keep", "1")) == 0
    assert tables(root / "current") == tables(full / "20260201")
    assert count_reused(root / "current") == 37
    assert [path.name for path in root.iterdir()] == ["current", "refresh.json", "refresh.log", "snapshots"]
    assert len(list((root / "snapshots").iterdir())) == 1
    with open_index(root / "current") as index:
        assert index.search(["Page 200"])[0][0].title == "Page 200"


def test_of_two_refreshes_one_is_refused_by_name(
    root: ObjectPath, object_storage: ObjectStorage, capsys: pytest.CaptureFixture[str]
) -> None:
    refused: list[int] = []
    fault = Fault("wait", ("PUT",), r"units[^/]*/.*result\.json", times=1)
    fault.then = lambda: refused.append(main(arguments(root, "20260101")))
    object_storage.faults.append(fault)
    process = started(root, "20260101", "--text-index", "none")
    process.communicate(timeout=240)
    assert (process.returncode, refused) == (0, [75])
    assert f"{root}: another refresh (process {process.pid} on" in capsys.readouterr().err
    assert Root(root).current() is not None


def test_who_has_lost_the_lock_does_not_switch(
    refreshed: ObjectPath, object_storage: ObjectStorage, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another refresh took this one for dead; what it has made current stays so."""
    first = Root(refreshed).current()

    def take_lock() -> None:
        other = b'{"holder": "process 7 on elsewhere", "token": "x", "count": 1, "seconds": 1}'
        object_storage.client().put_object(
            Bucket=object_storage.bucket, Key="corpora/testwiki/.lock", Body=other
        )

    object_storage.faults.append(
        Fault("wait", ("PUT",), r"20260201-\w+/manifest\.json", times=1, then=take_lock)
    )
    assert main(arguments(refreshed, "20260201", "--text-index", "none")) == 75
    assert "the lock was taken over by process 7 on elsewhere" in capsys.readouterr().err
    assert Root(refreshed).current() == first


@pytest.mark.parametrize("key", [r"snapshots/testwiki-20260201.*/(sentences|text_index)/", "current$"])
def test_a_server_that_fails_in_the_middle_leaves_the_old_corpus_and_one_line(
    refreshed: ObjectPath,
    full: Path,
    object_storage: ObjectStorage,
    key: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = refreshed
    monkeypatch.setenv("KC_STORAGE_RETRY_SECONDS", "0.5")
    object_storage.faults.append(Fault("refuse", ("PUT",), key))
    process = started(root, "20260201", "--text-index", "none")
    said = process.communicate(timeout=240)[1]
    assert process.returncode == 75
    [line] = [line for line in said.splitlines() if line.startswith("error:")]
    assert "the server answers 503" in line
    assert "Traceback" not in said
    object_storage.faults.clear()
    assert tables(root / "current") == tables(full / "20260101")
    assert main(arguments(root, "20260201", "--text-index", "none")) == 0
    assert tables(root / "current") == tables(full / "20260201")


def test_a_service_goes_over_to_the_corpus_that_a_refresh_brings(refreshed: ObjectPath) -> None:
    root = refreshed
    with running_service("--kc", root / "current") as service:
        assert service.get("/search?q=Page%20200&k=1").json["results"][0][0]["title"] != "Page 200"
        assert main(arguments(root, "20260201")) == 0
        end = time.monotonic() + 60
        while service.get("/search?q=Page%20200&k=1").json["results"][0][0]["title"] != "Page 200":
            assert time.monotonic() < end
            time.sleep(0.2)


def test_a_refresh_through_googles_interface(google_storage: ObjectStorage, full: Path) -> None:
    root = as_path(google_storage.address("corpora/testwiki"))
    for day in DAYS:
        assert main(["--root", str(root), "--dump", str(full / f"dump-{day}"), "--workers", "1"]) == 0
        assert tables(root / "current") == tables(full / day)
    assert not verify(root / "current").counts
    assert len(list((root / "snapshots").iterdir())) == 2
    with open_index(root / "current") as index:
        assert index.search(["Page 200"])[0][0].title == "Page 200"
