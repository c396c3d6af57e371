"""The plan of a text corpus: measured on slices, true of the whole, and nothing is written."""

import json
import re
import time

import msgspec
import pytest
from rich.console import Console

from pipelines.build_text_kc import main
from pipelines.dump.parts import find_parts
from pipelines.forecast.estimate import Estimate
from pipelines.forecast.report import show_text_forecast
from pipelines.forecast.sample import read_head, take_slices
from pipelines.forecast.text import TextForecast, index_processes, with_workers
from pipelines.text_index import embedded_build
from tests.corpus_builder import build
from tests.dump_writer import DumpPage, write_dump

WORDS = "quick brown fox of Bletchley went over a lazy dog near the old river and came back".split()  # noqa: SIM905


def page(number):
    sentences = [
        f"Sentence {n} of page {number} says that {' '.join(WORDS[(number * n) % 7 : 9 + n % 8])}."
        for n in range(4 + number % 9)
    ]
    return DumpPage(f"Page {number}", "\n\n".join(sentences), number)


PAGES = [page(number) for number in range(1, 3001)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("plans")


def dump_of(folder, ending):
    path = folder / f"testwiki-20260101-pages-articles.xml{ending}"
    return path if path.exists() else write_dump(path, PAGES, pages_per_stream=50 if ending else None)


def ids(xml):
    return [int(found) for found in re.findall(rb"<id>(\d+)</id>\s*<revision>", xml)]


@pytest.mark.parametrize("ending", ["", ".bz2", ".gz", ".zst"])
def test_slices_are_whole_pages_from_all_over_the_dump(folder, ending):
    parts = find_parts(str(dump_of(folder, ending)))
    head = read_head(parts[0])
    assert head.startswith(b"<mediawiki")
    assert b"<page" not in head
    taken = list(take_slices(parts, parts[0].size // 20))
    assert len(taken) >= (1 if ending == ".gz" else 4)
    for number, (piece, xml) in enumerate(taken):
        assert len(xml) == piece.pages
        assert xml.startswith(b"<page")
        assert xml.endswith(b"</page>")
        assert xml.count(b"<page") == xml.count(b"</page>") == len(ids(xml)) > 0
        assert 0 < piece.compressed <= parts[0].size
        if ending in (".bz2", ".zst"):  # one begins in each part of the dump
            assert number * 700 < ids(xml)[0] < (number + 1) * 800


def test_a_page_longer_than_a_slice_is_taken_whole(tmp_path):
    pages = [DumpPage(f"Page {n}", f"Start. {'Long text. ' * 30_000} End of {n}.", n) for n in range(1, 9)]
    dump = write_dump(tmp_path / "testwiki-20260101-pages-articles.xml.bz2", pages, pages_per_stream=1)
    taken = list(take_slices(find_parts(str(dump)), 1000))
    assert taken
    assert all(xml.count(b"End of") == len(ids(xml)) for _, xml in taken)


@pytest.fixture(scope="module")
def truth(folder):
    """The snapshot's manifest and the bytes of its tables."""
    return build(dump_of(folder, ".bz2"), folder / "kc")


def plan(capsys, *arguments):
    assert main([*map(str, arguments), "--plan", "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_what_is_foretold_is_what_a_build_gives(folder, truth, tmp_path, capsys):
    dump = dump_of(folder, ".bz2")
    found = plan(capsys, "--dump", dump, "--workers", 4, "--output", tmp_path / "none", "--sample", 0.2)
    assert not (tmp_path / "none").exists()
    assert found["dump_bytes"] == dump.stat().st_size
    assert (found["work_units"], found["workers"], found["text_index"]) == (1, 4, "tantivy")
    for table in ("pages", "paragraphs", "sentences"):
        estimate, rows = found["rows"][table], truth.rows(table)
        assert estimate["value"] == pytest.approx(rows, rel=0.2)
        assert estimate["low"] <= rows <= estimate["high"]
    size = sum(part.bytes for parts in truth.tables.values() for part in parts)
    assert found["disk_bytes"]["snapshot"]["value"] == pytest.approx(size, rel=0.3)
    index = found["disk_bytes"]["index"]["value"]
    assert 0 < index < found["disk_bytes"]["index work"]["value"]
    assert found["driver_disk_bytes"]["value"] == 0
    steps = {name: estimate["value"] for name, estimate in found["steps"].items()}
    assert set(steps) == {"decompress", "extract", "redirects", "resolve", "start", "index"}
    assert all(seconds >= 0 for seconds in steps.values())
    assert found["cpu_seconds"]["value"] == pytest.approx(sum(steps.values()))
    for name in ("cpu_seconds", "wall_seconds"):
        assert 0 < found[name]["low"] <= found[name]["value"] <= found[name]["high"]
    assert found["memory_bytes"]["measured"] > 0
    assert found["elasticsearch"]["shards"] == 1


def test_a_dump_of_less_than_a_block_is_its_own_sample(tmp_path):
    dump = write_dump(tmp_path / "testwiki-20260101-pages-articles.xml.bz2", PAGES[:20])
    [(taken, xml)] = take_slices(find_parts(str(dump)), dump.stat().st_size // 100)
    assert len(ids(xml)) == 20
    assert taken.compressed <= dump.stat().st_size


def test_units_that_do_not_share_out_evenly_leave_workers_idle():
    work = Estimate(32.0, 16.0, 64.0)
    assert with_workers(work, 32, 1) == work
    assert with_workers(work, 32, 8) == Estimate(4.0, 2.0, 8.0)
    assert with_workers(work, 32, 31).value == 2.0
    assert with_workers(work, 32, 1000).value == 1.0


def test_few_sentences_are_indexed_by_one_process_and_many_by_all_workers():
    assert index_processes(200_000, 16) == 1
    assert index_processes(600_000, 16) == 3
    assert index_processes(600_000, 2) == 2


def test_repeats_are_no_part_of_the_index(tmp_path, capsys):
    copies = [
        DumpPage(f"{page.title} in copy {copy}", page.text, copy * 10_000 + n)
        for copy in range(6)
        for n, page in enumerate(PAGES[:300], 1)
    ]
    dump = write_dump(tmp_path / "testwiki-20260101-pages-articles.xml", copies)
    found = plan(capsys, "--dump", dump, "--output", "s3://bucket/kc", "--sample", "0.1")
    sentences, indexed = (found["rows"][name]["value"] for name in ("sentences", "indexed"))
    assert indexed == pytest.approx(sentences / 6, rel=0.3)
    # What lies in object storage is indexed on this machine's disk.
    assert found["driver_disk_bytes"] == found["disk_bytes"]["index work"]
    assert found["driver_disk_bytes"]["value"] > found["disk_bytes"]["index"]["value"] > 0
    show_text_forecast(Console(), msgspec.convert(found, TextForecast))
    assert "of it here (KC_STORAGE_CACHE)" in capsys.readouterr().out


def test_a_plan_without_an_index_has_none(tmp_path, capsys):
    dumps = [write_dump(tmp_path / f"testwiki-pages-articles{n}.xml", PAGES[n:400:4]) for n in range(4)]
    without = plan(capsys, "--dump", dumps[0].parent, "--text-index", "none")
    assert without["work_units"] == 4
    assert "index" not in without["steps"]
    assert without["disk_bytes"]["index"]["value"] == without["disk_bytes"]["index work"]["value"] == 0


def test_what_the_index_costs_a_machine_once_is_not_taken_for_its_rate(folder, monkeypatch, capsys):
    build_index, calls = embedded_build.build_embedded_index, []

    def compiling_first(kc, **options):
        calls.append(kc)
        end = time.process_time() + (3 if len(calls) == 1 else 0)
        while time.process_time() < end:
            pass
        return build_index(kc, **options)

    monkeypatch.setattr(embedded_build, "build_embedded_index", compiling_first)
    found = plan(capsys, "--dump", dump_of(folder, ".bz2"), "--sample", "0.2")
    assert found["steps"]["index"]["value"] < 3


def test_a_plan_for_a_person_is_one_screen(folder, capsys):
    assert main(["--dump", str(dump_of(folder, ".bz2")), "--plan", "--text-index", "none"]) == 0
    shown = capsys.readouterr().out
    for words in ("work units", "time with", "memory", "sentences", "primary shards", "nine times of ten"):
        assert words in shown
    assert len(shown.splitlines()) < 60


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--dump", "wiki:simplewiki", "--plan"], "fetch it first"),
        (["--dump", "DUMP", "--plan", "--limit", "5"], "leave out --limit"),
        (["--dump", "DUMP", "--sample", "0.5"], "--sample goes with --plan"),
    ],
)
def test_what_does_not_go_with_a_plan_is_refused(folder, options, complaint, capsys):
    dump = str(dump_of(folder, ".bz2"))
    assert main([dump if word == "DUMP" else word for word in options]) == 2
    assert complaint in capsys.readouterr().err


def test_a_dump_without_pages_is_one_line(tmp_path, capsys):
    dump = write_dump(tmp_path / "testwiki-20260101-pages-articles.xml", [])
    assert main(["--dump", str(dump), "--plan"]) == 1
    assert "no <page>" in capsys.readouterr().err
