"""Refreshes of a root: the corpus of a full build, one switch, nothing lost on the way, whatever happens."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from kc_schema.snapshot import open_snapshot, read_manifest
from kc_schema.verify import verify
from pipelines import refresh as command
from pipelines.entities.lookup import EntityIndex
from pipelines.refresh import main
from pipelines.report_changes import main as report_changes
from pipelines.snapshots.root import Root, parse_share
from pipelines.text_corpus.reuse import count_reused
from pipelines.text_index import TextIndexError, open_index
from pipelines.text_index.embedded_build import build_embedded_index
from tests.corpus_builder import build, files, rows
from tests.dump_writer import DumpPage, compress, dump_pieces, noise, redirect_page
from tests.services.dump_server import dump_server
from tests.sql_writer import write_page_props

ROOT = Path(__file__).resolve().parents[2]


def page(number, *, words="was there", revision=None):
    title = f"Page {number}"
    text = f"'''{title}''' {words} with [[Page {number + 1}]] and [[Way]]. [[File:{number}.jpg|thumb|Of {number}]]\n\n"
    text += f"{title} went on and on {noise(number, 120)}."
    return DumpPage(title, text, number, revision_id=revision or 1000 + number)


PAGES = [*(page(number) for number in range(1, 41)), redirect_page("Way", "Page 1", 100)]
NEWER = [
    *(page(n, words="is here", revision=7000 + n) if n % 20 == 3 else page(n) for n in range(2, 41)),
    redirect_page("Way", "Page 1", 100),
    page(200),
]


def name(day):
    return f"testwiki-{day}-pages-articles-multistream.xml.bz2"


def data(pages):
    return compress(dump_pieces(pages, pages_per_stream=10), ".bz2")


@pytest.fixture
def served():
    with dump_server() as server:
        server.add_classic("testwiki", "20260101", {name("20260101"): data(PAGES)})
        yield server


def add_newer(served, pages=NEWER, **options):
    served.add_classic("testwiki", "20260201", {name("20260201"): data(pages)}, **options)


def arguments(served, root, *options):
    return ["--root", str(root), "--wiki", "testwiki", "--base", served.url, "--workers", "1", *options]


def refresh(served, root, *options):
    return main(arguments(served, root, *options))


def tables(kc):
    kept = re.compile(r"refresh/|\.lock")
    return {path: content for path, content in files(kc.resolve()).items() if not kept.match(path)}


def index_files(kc):
    return {path.name: path.read_bytes() for path in (kc / "text_index").iterdir()}


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """Full builds of both dumps."""
    folder = tmp_path_factory.mktemp("full")
    for day, pages in (("20260101", PAGES), ("20260201", NEWER)):
        (folder / name(day)).write_bytes(data(pages))
        build(folder / name(day), folder / day)
    return folder


def test_a_refresh_gives_the_corpus_of_a_full_build(served, tmp_path, full, capsys):
    root = tmp_path / "root"
    assert refresh(served, root) == 0
    assert tables(root / "current") == tables(full / "20260101")
    first = (root / "current").resolve()
    add_newer(served)
    metrics, told = tmp_path / "kc.prom", tmp_path / "told"
    notify = f'cat > {told}; echo "$KC_STATUS $KC_DUMP $KC_SNAPSHOT" >> {told}'
    assert refresh(served, root, "--metrics-file", str(metrics), "--notify-command", notify) == 0
    assert tables(root / "current") == tables(full / "20260201")
    assert not verify(root / "current").counts
    assert count_reused(root / "current") == 37
    assert first.exists()
    second = (root / "current").resolve()
    assert second != first
    # The same redirects: one file.
    assert (second / "redirects/part-00000.parquet").samefile(first / "redirects/part-00000.parquet")
    found = main_search(root / "current")
    assert "Page 200" in found
    build_embedded_index(full / "20260201")
    assert index_files(root / "current") == index_files(full / "20260201")
    log = (root / "refresh.log").read_text()
    assert f"{second / 'text_index'}: updated by page: 4 of 40 pages differ from {first.name}" in log
    assert "rows of unchanged pages come from" in log
    assert "40 articles, 37 of them unchanged" in log
    text = metrics.read_text()
    assert 'kc_refresh_pages{from="older snapshot"} 37' in text
    assert "kc_refresh_last_status 0" in text
    assert 'kc_corpus_count{what="articles"} 40' in text
    assert re.search(r"^kc_corpus_age_seconds \d+", text, re.MULTILINE)
    assert told.read_text().splitlines() == [
        f"{root / 'current'}: is {second.name} now",
        f"0 testwiki-20260201 {second}",
    ]
    assert sorted(path.name for path in (root / "dumps").iterdir()) == ["testwiki-20260201"]
    # Once more: nothing to do, nothing fetched.
    sent = sum(served.bytes_sent.values())
    assert refresh(served, root) == 0
    assert "is up to date (testwiki-20260201)" in capsys.readouterr().err
    assert sum(served.bytes_sent.values()) == sent


def test_page_properties_are_carried_along(served, tmp_path, capsys):
    root = tmp_path / "root"

    def table(items):
        path = tmp_path / "props.sql.gz"
        write_page_props(path, {number: {"wikibase_item": item} for number, item in items.items()})
        return path.read_bytes()

    def tables_of(day, items):
        return {"pagepropstable": (f"testwiki-{day}-page_props.sql.gz", table(items))}

    first, second = {3: "Q3", 4: "Q4"}, {3: "Q3", 4: "Q44", 200: "Q200"}
    served.add_classic(
        "testwiki", "20260101", {name("20260101"): data(PAGES)}, tables=tables_of("20260101", first)
    )
    assert refresh(served, root, "--page-props", "auto", "--entities") == 0
    assert EntityIndex(root / "current").candidates("Page 4")[0].wikidata_id == "Q4"
    add_newer(served, tables=tables_of("20260201", second))
    assert refresh(served, root) == 0
    assert count_reused(root / "current") == 37
    found = {page: item for page, item in rows(root / "current", "pages", "page_id", "wikidata_id") if item}
    assert found == second
    assert EntityIndex(root / "current").candidates("Page 4")[0].wikidata_id == "Q44"
    assert refresh(served, root) == 0
    assert "is up to date (testwiki-20260201)" in capsys.readouterr().err


def main_search(kc):
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.search", "Page 200 was there", "--kc", str(kc), "--json"],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return [json.loads(line)["title"] for line in done.stdout.splitlines()]


def test_snapshots_make_room_and_open_readers_keep_their_files(served, tmp_path):
    root = tmp_path / "root"
    assert refresh(served, root, "--text-index", "none") == 0
    first = (root / "current").resolve()
    part = open_snapshot(root / "current").files("sentences")[0]
    with pq.ParquetFile(part) as reader:
        add_newer(served)
        assert refresh(served, root, "--keep", "1", "--text-index", "none") == 0
        assert not first.exists()
        assert reader.read().num_rows > 0
    assert [path.name for path in (root / "snapshots").iterdir()] == [(root / "current").resolve().name]


def test_a_reader_that_is_open_answers_from_the_corpus_that_it_opened(served, tmp_path):
    """Behind the last step, too; whoever opens then gets the new one."""
    root = tmp_path / "root"
    query = ["Page 3 was there"]
    assert refresh(served, root) == 0
    add_newer(served)
    with open_index(root / "current") as index:
        assert refresh(served, root) == 0
        # The first look at the tables comes behind the switch.
        assert "was there" in index.search(query)[0][0].text
        shutil.rmtree(next((root / "snapshots").glob("testwiki-20260101-*")))
        with pytest.raises(TextIndexError, match="open it again"):
            index.search(query)
    with open_index(root / "current") as index:
        assert "is here" in index.search(["Page 3 is here"])[0][0].text


def test_current_leads_to_a_whole_snapshot_at_every_moment(tmp_path, full):
    root = Root(tmp_path)
    snapshots = []
    for day in ("20260101", "20260201"):
        snapshots.append(tmp_path / "snapshots" / day)
        shutil.copytree(full / day, snapshots[-1])
    root.switch(snapshots[0])
    names = {read_manifest(path).dump["name"] for path in snapshots}
    seen = set()
    done = threading.Event()

    def look():
        while not done.is_set():
            current = root.current()
            assert current is not None
            seen.add(read_manifest(root.link).dump["name"])

    with ThreadPoolExecutor(2) as threads:
        readers = [threads.submit(look) for _ in range(2)]
        for turn in range(300):
            root.switch(snapshots[turn % 2])
        done.set()
        for reader in readers:
            reader.result()
    assert seen == names


def test_a_dump_that_lost_much_is_refused_and_taken_when_asked(served, tmp_path, capsys):
    root = tmp_path / "root"
    refresh(served, root, "--text-index", "none")
    first = (root / "current").resolve()
    add_newer(served, PAGES[:30])
    metrics = tmp_path / "kc.prom"
    assert refresh(served, root, "--text-index", "none", "--metrics-file", str(metrics)) == 3
    error = capsys.readouterr().err
    assert "articles 40 -> 30 (-25.0%)" in error
    assert "--most-loss 5%" in error
    assert (root / "current").resolve() == first
    assert "kc_refresh_last_status 3" in metrics.read_text()
    assert 'kc_corpus_count{what="articles"} 40' in metrics.read_text()
    assert refresh(served, root, "--text-index", "none", "--most-loss", "30%") == 0
    assert "finished, nothing to do" in capsys.readouterr().err
    assert len(rows(root / "current", "pages")) == 30


def test_what_a_server_may_do_leaves_the_old_corpus(served, tmp_path, capsys):
    root = tmp_path / "root"
    other = ["--root", str(tmp_path / "none"), "--wiki", "otherwiki", "--base", served.url]
    assert main(other) == 75
    refresh(served, root, "--text-index", "none")
    first = (root / "current").resolve()
    add_newer(served, status="in-progress")
    assert refresh(served, root, "--text-index", "none") == 0  # the older run is the newest complete one
    assert "not taken: testwiki-20260201" in capsys.readouterr().err
    add_newer(served)
    path = f"testwiki/20260201/{name('20260201')}"
    good = served.files[path]
    served.files[path] = good[:-1] + bytes([good[-1] ^ 1])
    assert refresh(served, root, "--text-index", "none") == 75
    assert "another sha1" in capsys.readouterr().err
    served.gone_after = 0
    assert refresh(served, root, "--text-index", "none") == 75
    assert "was taken away while it was read" in capsys.readouterr().err
    served.gone_after = None
    served.files[path] = good
    assert (root / "current").resolve() == first
    assert refresh(served, root, "--text-index", "none") == 0
    assert (root / "current").resolve() != first


def test_an_index_that_cannot_be_made_leaves_the_old_corpus(served, tmp_path, capsys, monkeypatch):
    def unreachable(*_arguments, **_options):
        raise TextIndexError("https://127.0.0.1:9: nothing answers there; start the cluster")

    root = tmp_path / "root"
    refresh(served, root, "--text-index", "none")
    first = (root / "current").resolve()
    add_newer(served)
    monkeypatch.setattr(command, "index_snapshot", unreachable)
    assert refresh(served, root) == 1
    assert "error: https://127.0.0.1:9: nothing answers there" in capsys.readouterr().err
    assert (root / "current").resolve() == first
    monkeypatch.undo()
    assert refresh(served, root, "--text-index", "none") == 0
    assert "finished, nothing to do" in capsys.readouterr().err
    assert (root / "current").resolve() != first


def test_a_change_of_code_or_options_is_a_full_build_said_in_one_line(served, tmp_path, monkeypatch, capsys):
    root = tmp_path / "root"
    refresh(served, root, "--text-index", "none")
    monkeypatch.setattr("pipelines.build_text_kc.code_fingerprint", lambda: "other")
    monkeypatch.setattr(command, "code_fingerprint", lambda: "other")
    assert refresh(served, root, "--text-index", "none", "--dry-run") == 0
    assert "all pages are extracted: the extractor or its libraries have changed" in capsys.readouterr().err
    assert refresh(served, root, "--text-index", "none") == 0
    assert "a full build: the extractor or its libraries have changed" in capsys.readouterr().err
    monkeypatch.undo()
    assert refresh(served, root, "--text-index", "none", "--skip-disambiguation") == 0
    assert "a full build: the extractor or its libraries have changed" in capsys.readouterr().err
    assert (
        refresh(served, root, "--text-index", "none", "--without-rule", "all", "--skip-disambiguation") == 0
    )
    assert "a full build: the options have changed" in capsys.readouterr().err
    assert count_reused(root / "current") == 0


def test_files_at_hand_take_the_place_of_a_download(tmp_path, full, capsys):
    root = tmp_path / "root"
    for day, more in (("20260101", []), ("20260201", ["--encoder", "none", "--device", "cpu"])):
        assert (
            main(["--root", str(root), "--dump", str(full / name(day)), "--text-index", "none", *more]) == 0
        )
        assert tables(root / "current") == tables(full / day)
        note = "note: --encoder and --device: the current snapshot has no images, so that is of no use"
        assert " ".join(capsys.readouterr().err.split()).count(note) == bool(more)
    assert count_reused(root / "current") == 37
    assert (full / name("20260101")).exists()


def test_a_dry_run_touches_nothing(served, tmp_path, capsys):
    root = tmp_path / "root"
    assert refresh(served, root, "--dry-run") == 0
    error = capsys.readouterr().err
    assert "download: testwiki-20260101" in error
    assert "build: all pages are extracted" in error
    assert not root.exists()
    refresh(served, root, "--text-index", "none")
    before = sorted(path for path in root.rglob("*"))
    add_newer(served)
    assert refresh(served, root, "--dry-run") == 0
    error = capsys.readouterr().err
    assert re.search(
        r"build: changed pages are extracted, rows of the others come from \S+ \(last time \d+ s\)", error
    )
    assert sorted(path for path in root.rglob("*")) == before


def test_one_refresh_at_a_time(served, tmp_path, capsys):
    with Root(tmp_path / "root").place:
        assert refresh(served, tmp_path / "root") == 75
    assert "another refresh" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "give --wiki NAME"),
        (["--wiki", "testwiki", "--dump", "x"], "give --wiki NAME"),
        (["--wiki", "testwiki", "--most-loss", "much"], "--most-loss much: give a share"),
        (["--wiki", "testwiki"], "--contact"),
    ],
)
def test_mistakes_are_told_before_any_work(tmp_path, options, message, capsys):
    assert main(["--root", str(tmp_path / "root"), *options]) == 2
    assert message in capsys.readouterr().err


def test_shares():
    assert parse_share("5%") == 0.05
    assert parse_share("0.05") == 0.05
    for text in ("", "%", "150%", "-1%"):
        with pytest.raises(ValueError):
            parse_share(text)


def process(served, root):
    return [sys.executable, "-m", "pipelines.refresh", *arguments(served, root)]


def test_killed_again_and_again_it_goes_on(served, tmp_path, full):
    """Killed in the download, the build, the index, the switch: the old corpus answers, the end is the same."""
    root = tmp_path / "root"
    assert refresh(served, root) == 0
    old = (root / "current").resolve()
    add_newer(served)
    served.bytes_per_second = 20_000
    log = root / "refresh.log"
    moments = [
        "download: begins",
        "build: begins",
        "Extract",
        "index: begins",
        "switch: begins",
        "tidy: begins",
    ]
    for moment in moments:
        if moment == "build: begins":
            served.bytes_per_second = None
        length = log.stat().st_size
        run = subprocess.Popen(
            process(served, root), cwd=ROOT, stderr=subprocess.DEVNULL, start_new_session=True
        )
        while run.poll() is None:
            with log.open() as file:
                file.seek(length)
                said = file.read()
            units = list(root.glob("snapshots/*/.work/units*/*/result.json"))
            if moment in said or (moment == "Extract" and units):
                time.sleep(0.2 if moment == "download: begins" else 0)
                break
            time.sleep(0.001)
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)
        run.wait()
        current = (root / "current").resolve()
        assert tables(current) in (tables(full / "20260101"), tables(full / "20260201"))
    assert refresh(served, root) == 0
    assert tables(root / "current") == tables(full / "20260201")
    assert count_reused(root / "current") == 37
    assert main_search(root / "current")[0] == "Page 200"
    names = {path.name for path in root.iterdir()}
    assert names == {"current", "dumps", "refresh.json", "refresh.log", "snapshots"}
    assert {path.name for path in (root / "snapshots").iterdir()} == {
        old.name,
        (root / "current").resolve().name,
    }


def test_a_full_disk_leaves_the_old_corpus_and_one_line(served, tmp_path):
    root = tmp_path / "root"
    refresh(served, root, "--text-index", "none")
    first = (root / "current").resolve()
    pages = [*PAGES, *(replace(page(n), text=noise(n, 60_000)) for n in range(300, 340))]
    add_newer(served, pages)
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (400000, 400000));"
        "from pipelines.refresh import main; sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments(served, root, "--text-index", "none")],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert done.stderr.count("error:") == 1
    assert "make room" in done.stderr
    assert (root / "current").resolve() == first
    assert refresh(served, root, "--text-index", "none") == 0
    assert (root / "current").resolve() != first


def test_changes_are_reported_with_examples(served, tmp_path, full, capsys):
    page_file = tmp_path / "changes.html"
    options = [str(full / "20260101"), str(full / "20260201"), "--json", "--page", str(page_file)]
    assert report_changes(options) == 0
    found = json.loads(capsys.readouterr().out)["changes"]
    counts = {
        what: {kind: change["count"] for kind, change in kinds.items()} for what, kinds in found.items()
    }
    assert counts["pages"] == {"new": 1, "gone": 1, "moved": 0, "changed": 2}
    assert counts["images"] == {"new": 1, "gone": 1}
    assert counts["redirects"] == {"new": 0, "gone": 0, "changed": 0}
    assert counts["sentences"]["new"] == 4
    assert found["pages"]["new"]["examples"] == ["Page 200"]
    assert found["images"]["gone"]["examples"] == ["Page 1: 1.jpg"]
    assert "Page 200" in page_file.read_text()
    assert report_changes(options[:2]) == 0
    assert "changed" in capsys.readouterr().out
    assert report_changes([str(full / "20260101"), str(tmp_path)]) == 1
    assert read_manifest(full / "20260101").counts["articles"] == 40


def test_real_dumps_of_two_years(shared_data, tmp_path, full):
    """The titles that 2016 and 2022 share: a refresh from one to the other is the full build."""
    dumps = shared_data / "dumps"
    old, new = dumps / "enwiki-2016-106-articles.xml.bz2", dumps / "enwiki-2022-139-articles.xml.bz2"
    build(new, tmp_path / "full")
    for dump in (old, new):
        assert main(["--root", str(tmp_path / "root"), "--dump", str(dump), "--text-index", "none"]) == 0
    assert tables(tmp_path / "root/current") == tables(tmp_path / "full")
