"""Dumps from a server: the newest complete run of both layouts, resumed, checked, and never half."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from email.utils import formatdate
from pathlib import Path

import pytest
from rich.console import Console

from kc_schema.errors import UserError
from kc_schema.store import PlaceBusyError
from pipelines.download_dump import main
from pipelines.dump.download import (
    DownloadError,
    DumpServer,
    NoRunError,
    Politeness,
    RunGoneError,
    download_run,
    fetch_newest,
    find_run,
    wait_for_run,
)
from pipelines.dump.parts import find_parts
from tests.dump_writer import DumpPage, compress, dump_pieces
from tests.services.dump_server import CONTENT, dump_server

ROOT = Path(__file__).resolve().parents[2]
QUICK = Politeness(attempts=4, first_delay=0.01, longest_delay=0.02, longest_pause=5.0, read_seconds=5.0)
NAME = "testwiki-20260101-pages-articles-multistream.xml.bz2"
DUMP = compress(dump_pieces([DumpPage("Ada", "'''Ada''' was first.")]), ".bz2")


@pytest.fixture
def served():
    with dump_server() as server:
        yield server


@pytest.fixture
def console():
    return Console(record=True, width=400, file=open(os.devnull, "w"))  # noqa: PTH123


def big(size=600_000, seed=1):
    return random.Random(seed).randbytes(size)


def server_of(served, **options):
    return DumpServer(served.url, politeness=QUICK, **options)


def found(served, **options):
    return find_run(server_of(served), "testwiki", **options)


def fetch(served, output, console, **options):
    server = server_of(served)
    return download_run(find_run(server, "testwiki").run, server, output, console=console, **options)


# Which run is taken


def test_the_newest_complete_run_of_both_layouts_is_taken(served):
    served.add_classic("testwiki", "20251201", {"testwiki-20251201-pages-articles-multistream.xml.bz2": DUMP})
    served.add_content("testwiki", "2026-01-01", {"testwiki-2026-01-01-p1p9.xml.bz2": DUMP})
    run = found(served).run
    assert (run.name, run.layout) == ("testwiki-20260101", "content")
    assert [file.algorithm for file in run.files] == ["sha256"]
    served.add_classic("testwiki", "20260101", {NAME: DUMP})
    run = found(served).run
    assert (run.layout, run.files[0].algorithm) == ("classic", "sha1")
    assert found(served, layouts=("content",)).run.layout == "content"
    assert found(served, date="2025-12-01").run.name == "testwiki-20251201"


@pytest.mark.parametrize("lack", ["job not done", "no status", "no _SUCCESS", "no sums", "broken status"])
def test_an_incomplete_run_is_passed_over_and_said(served, lack):
    served.add_classic("testwiki", "20251201", {"testwiki-20251201-pages-articles-multistream.xml.bz2": DUMP})
    if lack.startswith("no _") or lack == "no sums":
        served.add_content(
            "testwiki", "2026-01-01", {"testwiki-2026-01-01-p1p9.xml.bz2": DUMP},
            success=lack == "no sums", sums=lack != "no sums",
        )  # fmt: skip
    else:
        served.add_classic("testwiki", "20260101", {NAME: DUMP}, status="in-progress")
        if lack == "no status":
            del served.files["testwiki/20260101/dumpstatus.json"]
        elif lack == "broken status":
            served.files["testwiki/20260101/dumpstatus.json"] = b'{"jobs": ['
    result = found(served)
    assert result.run.date == "20251201"
    assert len(result.passed_over) == 1
    assert "20260101" in result.passed_over[0]
    with pytest.raises(NoRunError, match=r"20260101.*--wait"):
        found(served, date="20260101")
    with pytest.raises(NoRunError):
        found(served, only_newest=True)


def test_parts_are_taken_before_the_joined_file_and_indexes_left(served):
    parts = {
        f"testwiki-20260101-pages-articles-multistream{n}.xml-p{n}p{n}.bz2": DUMP + bytes(n)
        for n in (2, 10, 1)
    }
    indexes = {"testwiki-20260101-pages-articles-multistream-index1.txt-p1p1.bz2": b"x"}
    served.add_classic("testwiki", "20260101", parts | indexes)
    names = [file.name for file in found(served).run.files]
    assert names == [f"testwiki-20260101-pages-articles-multistream{n}.xml-p{n}p{n}.bz2" for n in (1, 2, 10)]
    served.add_classic("testwiki", "20260101", {NAME: DUMP}, job="articlesmultistreamdumprecombine")
    assert [file.name for file in found(served).run.files] == [NAME]


def test_tables_come_beside_the_articles_and_only_from_classic_runs(served):
    tables = {"pagepropstable": ("testwiki-20260101-page_props.sql.gz", b"props")}
    served.add_classic("testwiki", "20260101", {NAME: DUMP}, tables=tables)
    served.add_content("testwiki", "2026-02-01", {"testwiki-2026-02-01-p1p9.xml.bz2": DUMP})
    run = found(served, what=("articles", "page_props")).run
    assert [file.name for file in run.files] == ["testwiki-20260101-page_props.sql.gz", NAME]
    with pytest.raises(NoRunError, match="langlinks not done"):
        found(served, what=("articles", "langlinks"))


def test_a_mirror_without_checksums_in_its_status_has_lists_of_them(served):
    served.prefix = "/mirror/dumps"
    served.add_classic("testwiki", "20260101", {NAME: DUMP}, checksums=False, sizes=False)
    with pytest.raises(NoRunError, match="no checksum of"):
        found(served)
    import hashlib

    sums = f"{hashlib.md5(DUMP).hexdigest()}  {NAME}\n"
    served.files["testwiki/20260101/testwiki-20260101-md5sums.txt"] = sums.encode()
    file = found(served).run.files[0]
    assert (file.algorithm, file.bytes) == ("md5", len(DUMP))


@pytest.mark.parametrize(
    "name", ["testwiki-20260101-/../../evil.xml.bz2", "otherwiki-20260101-pages-articles.xml.bz2", "a/b.xml"]
)
def test_a_name_that_is_none_of_the_run_is_not_taken(served, name):
    served.add_classic("testwiki", "20260101", {name: DUMP})
    with pytest.raises(NoRunError, match="another name"):
        found(served)
    folder = f"{CONTENT}/testwiki/2026-02-01/xml/bzip2"
    served.files[f"{folder}/_SUCCESS"] = b""
    served.files[f"{folder}/SHA256SUMS"] = f"{'a' * 64}  {name}\n".encode()
    with pytest.raises((NoRunError, DownloadError)):
        found(served)


def test_a_wiki_that_is_not_there_is_said(served):
    with pytest.raises(DownloadError, match=r"no runs of testwiki"):
        found(served)


def test_waiting_takes_the_newest_run_once_it_is_complete(served, console):
    served.add_classic("testwiki", "20251201", {"testwiki-20251201-pages-articles-multistream.xml.bz2": DUMP})
    served.add_classic("testwiki", "20260101", {NAME: DUMP}, status="waiting")
    import threading

    later = threading.Timer(0.3, lambda: served.add_classic("testwiki", "20260101", {NAME: DUMP}))
    later.start()
    run = wait_for_run(
        server_of(served), "testwiki", console=console, wait=True, seconds_between_looks=0.05
    ).run
    assert run.date == "20260101"
    assert "waiting:" in console.export_text()


# Bringing it here


def test_a_run_is_fetched_with_one_connection_and_a_name(served, tmp_path, console):
    files = {
        f"testwiki-20260101-pages-articles-multistream{n}.xml-p{n}p{n}.bz2": big(seed=n) for n in (1, 2, 3)
    }
    served.add_classic("testwiki", "20260101", files)
    server = server_of(served, contact="me@example.org")
    folder = download_run(find_run(server, "testwiki").run, server, tmp_path, console=console)
    assert folder == tmp_path / "testwiki-20260101"
    assert {name: (folder / name).read_bytes() for name in files} == files
    assert served.most_connections == 1
    assert served.agents == {next(iter(served.agents))}
    assert "entity-knowledge-corpus/" in next(iter(served.agents))
    assert "(me@example.org)" in next(iter(served.agents))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["testwiki-20260101"]


def test_several_connections_where_they_are_asked_for(served, tmp_path, console):
    files = {
        f"testwiki-20260101-pages-articles-multistream{n}.xml-p{n}p{n}.bz2": big(seed=n) for n in (1, 2, 3)
    }
    served.bytes_per_second = 3e6
    served.add_classic("testwiki", "20260101", files)
    fetch(served, tmp_path, console, connections=3)
    assert served.most_connections == 3


def test_a_run_that_is_there_is_not_fetched_again_and_more_of_it_is_added(served, tmp_path, console):
    tables = {"pagepropstable": ("testwiki-20260101-page_props.sql.gz", b"props")}
    served.add_classic("testwiki", "20260101", {NAME: DUMP}, tables=tables)
    fetch(served, tmp_path, console)
    before = dict(served.bytes_sent)
    fetch(served, tmp_path, console)
    assert served.bytes_sent == before
    server = server_of(served)
    run = find_run(server, "testwiki", what=("articles", "page_props")).run
    folder = download_run(run, server, tmp_path, console=console)
    assert served.bytes_sent[f"testwiki/20260101/{NAME}"] == len(DUMP)
    assert (folder / "testwiki-20260101-page_props.sql.gz").read_bytes() == b"props"
    fetch(served, tmp_path, console)
    assert [Path(part.path).name for part in find_parts(str(folder))] == [NAME]
    (folder / NAME).write_bytes(b"cut")
    fetch(served, tmp_path, console)
    assert (folder / NAME).read_bytes() == DUMP


def test_connections_that_are_cut_go_on_by_range(served, tmp_path, console):
    data = big()
    served.add_classic("testwiki", "20260101", {NAME: data})
    served.cut_after, served.cuts = 200_000, 2
    folder = fetch(served, tmp_path, console)
    assert (folder / NAME).read_bytes() == data
    assert served.bytes_sent[f"testwiki/20260101/{NAME}"] == len(data)
    assert [wanted for _, path, wanted in served.requests if path.endswith(NAME)] == [
        None, "bytes=200000-", "bytes=400000-",
    ]  # fmt: skip


def test_a_server_that_refuses_ranges_is_read_from_the_start(served, tmp_path, console):
    data = big()
    served.add_classic("testwiki", "20260101", {NAME: data})
    served.cut_after, served.cuts, served.ranges = 200_000, 1, False
    folder = fetch(served, tmp_path, console)
    assert (folder / NAME).read_bytes() == data
    assert served.bytes_sent[f"testwiki/20260101/{NAME}"] == len(data) + 200_000


def test_a_server_that_refuses_ranges_and_always_cuts_is_not_asked_for_ever(served, tmp_path, console):
    served.add_classic("testwiki", "20260101", {NAME: big()})
    served.cut_after, served.ranges = 200_000, False
    with pytest.raises(
        DownloadError, match=r"4 requests in a row brought nothing \(the connection was cut\)"
    ):
        fetch(served, tmp_path, console)


def test_a_connection_that_is_always_cut_ends_in_one_line_and_goes_on_later(served, tmp_path, console):
    served.add_classic("testwiki", "20260101", {NAME: big()})
    served.refusals = [(500, None)] * 100
    with pytest.raises(DownloadError, match=r"4 requests in a row brought nothing .*goes on") as raised:
        fetch(served, tmp_path, console)
    assert "\n" not in str(raised.value)
    served.refusals = []
    served.cut_after, served.cuts = 100_000, 3
    fetch(served, tmp_path, console)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("form", ["seconds", "date"])
def test_the_server_is_waited_for_as_it_asks(served, tmp_path, console, status, form):
    served.add_classic("testwiki", "20260101", {NAME: DUMP})
    served.refusals = [(status, "1" if form == "seconds" else formatdate(time.time() + 2, usegmt=True))]
    started = time.monotonic()
    fetch(served, tmp_path, console)
    assert time.monotonic() - started >= 0.9


def test_a_server_that_asks_for_too_long_a_wait_or_refuses_for_good(served, tmp_path, console):
    served.add_classic("testwiki", "20260101", {NAME: DUMP})
    served.refusals = [(429, "3600")]
    with pytest.raises(DownloadError, match="asks to wait 3,600 s"):
        fetch(served, tmp_path, console)
    served.refusals = [(403, None)]
    with pytest.raises(DownloadError, match=r"refuses \(403\).*--contact"):
        fetch(served, tmp_path, console)
    served.refusals = [(429, None)] * 100
    with pytest.raises(DownloadError, match="4 requests in a row"):
        fetch(served, tmp_path, console)


def test_a_wrong_checksum_is_fetched_once_more_and_then_refused(served, tmp_path, console):
    data = big()
    served.add_classic("testwiki", "20260101", {NAME: data})
    path = f"testwiki/20260101/{NAME}"
    server = server_of(served)
    run = find_run(server, "testwiki").run
    served.files[path] = big(seed=2)
    with pytest.raises(DownloadError, match="came twice with another sha1"):
        download_run(run, server, tmp_path, console=console)
    assert served.bytes_sent[path] == 2 * len(data)
    assert not (tmp_path / "testwiki-20260101").exists()
    # What an earlier run left may be wrong, too: the whole file is fetched then.
    served.files[path] = data
    unfinished = tmp_path / ".testwiki-20260101.partial"
    (unfinished / NAME).write_bytes(b"wrong" * 1000)
    folder = download_run(run, server, tmp_path, console=console)
    assert (folder / NAME).read_bytes() == data


@pytest.mark.parametrize("change", [b"more", None])
def test_a_file_that_changes_its_size_on_the_server_is_refused(served, tmp_path, console, change):
    data = big()
    served.add_classic("testwiki", "20260101", {NAME: data})
    server = server_of(served)
    run = find_run(server, "testwiki").run
    served.files[f"testwiki/20260101/{NAME}"] = data + change if change else data[:-1000]
    with pytest.raises(DownloadError, match=r"another size than the 600,000 bytes .* changed on the server"):
        download_run(run, server, tmp_path, console=console)
    (tmp_path / ".testwiki-20260101.partial" / NAME).write_bytes(data[:-500])
    with pytest.raises(DownloadError, match=r"changed on the server"):
        download_run(run, server, tmp_path, console=console)
    assert not (tmp_path / "testwiki-20260101").exists()


def test_a_run_that_vanishes_while_it_is_read(served, tmp_path, console):
    files = {
        f"testwiki-20260101-pages-articles-multistream{n}.xml-p{n}p{n}.bz2": big(seed=n) for n in (1, 2, 3)
    }
    served.add_classic("testwiki", "20260101", files)
    served.gone_after = 2
    with pytest.raises(RunGoneError, match=r"testwiki-20260101 was taken away while it was read"):
        fetch(served, tmp_path, console)
    assert not (tmp_path / "testwiki-20260101").exists()
    served.gone_after = None
    fetch(served, tmp_path, console)
    assert max(served.bytes_sent.values()) == 600_000


def test_what_came_of_an_older_run_is_removed_by_a_newer_one(served, tmp_path, console):
    for name in (".testwiki-20251201.partial", ".testwiki-20260201.partial", ".otherwiki-20251201.partial"):
        (tmp_path / name).mkdir(parents=True)
    served.add_classic("testwiki", "20260101", {NAME: DUMP})
    fetch(served, tmp_path, console)
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == [".otherwiki-20251201.partial", ".testwiki-20260201.partial", "testwiki-20260101"]


def test_room_is_looked_at_before(served, tmp_path, console, monkeypatch):
    served.add_classic("testwiki", "20260101", {NAME: big()})
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=(64 << 20) + 500_000))
    with pytest.raises(DownloadError, match=r"needs 0.6 MB more .* 67.6 MB are free; make room"):
        fetch(served, tmp_path, console)
    assert not served.bytes_sent


def test_a_disk_that_fills_up_ends_in_one_line_and_the_download_goes_on(served, tmp_path, console):
    # A limit on the size of files fails as a full disk does; it holds for a process of its own.
    data = big(3_000_000)
    served.add_classic("testwiki", "20260101", {NAME: data})
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000000, 1000000));"
        "from pipelines.download_dump import main; sys.exit(main())"
    )
    arguments = ["--wiki", "testwiki", "--base", served.url, "--output", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "File too large; make room" in done.stderr
    assert done.stderr.count("error:") == 1
    assert "Traceback" not in done.stderr
    folder = fetch(served, tmp_path, console)
    assert (folder / NAME).read_bytes() == data
    assert served.bytes_sent[f"testwiki/20260101/{NAME}"] < 2 * len(data)


def test_one_download_at_a_time_writes_to_a_folder(served, tmp_path, console):
    from kc_schema.store import Place

    served.add_classic("testwiki", "20260101", {NAME: DUMP})
    with Place(tmp_path, owns=(), what="download"), pytest.raises(PlaceBusyError, match="another download"):
        fetch(served, tmp_path, console)


def command(served, output, *options):
    return [
        sys.executable, "-m", "pipelines.download_dump", "--wiki", "testwiki", "--base", served.url,
        "--output", str(output), *options,
    ]  # fmt: skip


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_killed_and_run_again_it_goes_on(served, tmp_path, number):
    files = {
        f"testwiki-20260101-pages-articles-multistream{n}.xml-p{n}p{n}.bz2": big(900_000, seed=n)
        for n in (1, 2)
    }
    served.add_classic("testwiki", "20260101", files)
    served.bytes_per_second = 1.5e6
    unfinished = tmp_path / ".testwiki-20260101.partial"
    for _ in range(2):
        process = subprocess.Popen(command(served, tmp_path), cwd=ROOT, stderr=subprocess.PIPE, text=True)
        before = sum(served.bytes_sent.values())
        while sum(served.bytes_sent.values()) - before < 400_000 or not unfinished.exists():
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.01)
        process.send_signal(number)
        process.wait(30)
        assert process.returncode == (-9 if number == signal.SIGKILL else 143)
        assert not (tmp_path / "testwiki-20260101").exists()
    served.bytes_per_second = None
    done = subprocess.run(
        command(served, tmp_path), cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{tmp_path / 'testwiki-20260101'}\n"
    for name, data in files.items():
        assert (tmp_path / "testwiki-20260101" / name).read_bytes() == data
    # What was on its way when the process died comes again, no more.
    assert sum(served.bytes_sent.values()) < 1_800_000 * 1.6
    assert sorted(path.name for path in tmp_path.iterdir()) == ["testwiki-20260101"]


# The command


def test_dry_run_says_what_would_be_fetched(served, tmp_path, capsys):
    served.add_classic("testwiki", "20260101", {NAME: big()})
    arguments = ["--wiki", "testwiki", "--base", served.url, "--output", str(tmp_path / "dumps"), "--dry-run"]
    assert main(arguments) == 0
    assert "testwiki-20260101 (classic run): 1 file, 0.6 MB" in capsys.readouterr().err
    assert not (tmp_path / "dumps").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--wiki", "testwiki"], "give --contact with your mail address"),
        (["--wiki", "testwiki", "--contact", "me"], "--contact me: give a mail address"),
        (["--wiki", "testwiki", "--base", "ftp://x"], "--base ftp://x: give an address"),
        (
            ["--wiki", "Test Wiki", "--base", "http://127.0.0.1:9"],
            "--wiki Test Wiki: give the name of the database",
        ),
        (
            ["--wiki", "testwiki", "--base", "http://127.0.0.1:9", "--date", "soon"],
            "--date soon: give latest",
        ),
        (
            ["--wiki", "testwiki", "--base", "http://127.0.0.1:9", "--what", "articles+"],
            "'' is neither articles",
        ),
    ],
)
def test_mistakes_are_told_before_anything_is_asked(options, message, capsys):
    assert main(options) == 2
    assert message in capsys.readouterr().err


def test_a_server_that_cannot_be_reached_is_told_at_once(capsys):
    started = time.monotonic()
    assert main(["--wiki", "testwiki", "--base", "http://127.0.0.1:9"]) == 1
    assert "cannot be reached (no connection)" in capsys.readouterr().err
    assert time.monotonic() - started < 5


def test_the_newest_dump_is_fetched_for_a_build(served, tmp_path, console):
    served.add_content("testwiki", "2026-01-01", {"testwiki-2026-01-01-p1p9.xml.bz2": DUMP})
    folder = fetch_newest("testwiki", tmp_path, base=served.url, console=console)
    assert [Path(part.path).name for part in find_parts(str(folder))] == ["testwiki-2026-01-01-p1p9.xml.bz2"]


def test_a_build_takes_the_newest_dump_by_itself(served, tmp_path, monkeypatch):
    from pipelines.build_text_kc import main as build

    monkeypatch.chdir(tmp_path)
    served.add_classic("testwiki", "20260101", {NAME: DUMP})
    options = ["--dump", "wiki:testwiki", "--base", served.url, "--text-index", "none", "--workers", "1"]
    assert build(options) == 0
    assert "testwiki-20260101" in (tmp_path / "kc" / "manifest.json").read_text()
    assert (
        build(["--dump", "wiki:testwiki", "--text-index", "none"]) == 2
    )  # the public server asks for a contact


def test_an_output_that_cannot_be_written_is_said(served, tmp_path, console):
    served.add_classic("testwiki", "20260101", {NAME: DUMP})
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match="file"):
        fetch(served, tmp_path / "file", console)
