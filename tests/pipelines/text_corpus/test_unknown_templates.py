"""Templates that nobody renders: the most frequent first, by the name of their page, with a page that calls them."""

import io

import pytest
from rich.console import Console

from kc_schema.snapshot import read_manifest
from pipelines.text_corpus.report import show_summary
from pipelines.text_corpus.statistics import Statistics
from tests.corpus_builder import build
from tests.dump_writer import DumpPage, DumpSite, noise, write_dump

PAGES = [
    DumpPage("First", f"One {{{{zebra_sign|1}}}} and {{{{apple sign}}}} text. {noise(1, 1500)}", 1),
    DumpPage("Second", f"Two {{{{Zebra sign}}}} and {{{{zebra  sign|2}}}} text. {noise(2, 1500)}", 2),
    DumpPage(
        "Third",
        f"Three {{{{mango sign|[b]}}}} and {{{{zebra sign}}}} and {{{{mango sign}}}}. {noise(3, 1500)}",
        3,
    ),
]


def shown(manifest, tmp_path):
    console = Console(file=io.StringIO(), width=100)
    show_summary(console, tmp_path / "kc", manifest, seconds=None)
    lines = console.file.getvalue().splitlines()
    return [line.split() for line in lines if "sign" in line]


@pytest.mark.parametrize("unit_bytes", [None, 400])
def test_the_summary_shows_them_by_frequency_with_their_titles_and_a_page(tmp_path, unit_bytes):
    manifest = build(write_dump(tmp_path / "dump.xml", PAGES), tmp_path / "kc", unit_bytes=unit_bytes)
    expected = [
        ["Zebra", "sign", "4", "First"],
        ["Mango", "sign", "2", "Third"],
        ["Apple", "sign", "1", "First"],
    ]
    assert shown(manifest, tmp_path) == expected
    read = read_manifest(tmp_path / "kc")
    assert shown(read, tmp_path) == expected
    assert read.templates["unknown"] == {"Zebra sign": 4, "Mango sign": 2, "Apple sign": 1}
    assert read.templates["unknown_examples"]["Mango sign"] == "Third"
    assert (read.templates["unknown_total"], read.templates["unknown_names"]) == (7, 3)


def test_a_wiki_whose_titles_begin_with_small_letters_keeps_them(tmp_path):
    site = DumpSite(case="case-sensitive")
    manifest = build(write_dump(tmp_path / "dump.xml", PAGES[:1], site=site), tmp_path / "kc")
    assert set(manifest.templates["unknown"]) == {"zebra sign", "apple sign"}


def test_there_are_never_too_many_names_and_no_call_is_lost():
    statistics = Statistics()
    for number in range(100):
        statistics.count_unknown({f"name {number:03d}": 1 + number % 3, "often": 5}, f"Page {number}")
    statistics.forget_rare_templates(kept=10)
    assert len(statistics.templates_unknown) == len(statistics.unknown_examples) == 10
    assert statistics.templates_unknown["often"] == 500
    assert set(statistics.templates_unknown) - {"often"} == {
        f"name {number:03d}" for number in range(2, 29, 3)
    }
    assert statistics.templates_unknown.total() + statistics.unknown_rarer == 500 + sum(
        1 + number % 3 for number in range(100)
    )
    again = Statistics()
    again.add(Statistics.unpack(statistics.pack()))
    assert again == statistics


def test_names_longer_than_a_title_do_not_fill_the_memory():
    statistics = Statistics()
    statistics.count_unknown({"x" * 10_000: 1, "x" * 9_999: 1}, "Page")
    assert statistics.templates_unknown == {"x" * 255: 2}
