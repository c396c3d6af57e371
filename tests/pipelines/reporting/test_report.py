"""Reports: their numbers are the tables', their text is text, and they need no other file."""

from __future__ import annotations

import json
import shutil
import xml.etree.ElementTree as ElementTree
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kc_schema.anchors import parse, strip
from kc_schema.retrieval_cache import REPORT
from kc_schema.snapshot import open_snapshot
from kc_schema.store import write_json
from pipelines.build_entities import main as build_entities
from pipelines.build_image_kc import main as build_image_kc
from pipelines.engine import TIMINGS
from pipelines.index_text import main as index_text
from pipelines.report import main
from pipelines.reporting.cache import report_cache
from pipelines.reporting.distributions import Distribution
from pipelines.reporting.document import ReportDocument, ReportSection, ReportTable
from pipelines.reporting.snapshot import report_snapshot
from pipelines.snapshots.root import Root
from pipelines.snapshots.watching import RefreshRun
from tests.corpus_builder import build, rows
from tests.dump_writer import DumpPage, write_dump

ADA = (
    "{{Infobox person\n| name = Ada {{small|of <i>London</i>}}\n| born = 1815}}\n"
    "'''Ada''' met [[Charles]] and [[Charles|him]] again. {{Unheard}} She wrote.{{citation needed}}"
    "\n\n== Later ==\nIt rained."
)
CHARLES = (
    "'''Charles''' knew [[Ada <b>]]. <nowiki><script>alert(1)</script></nowiki> is text.\n"
    "[[File:A.jpg|thumb|Him]]\n\n<nowiki><script>alert(2)</script></nowiki>"
)
SEA = "The sea is wide. {{Unheard}} {{Unseen}} See [[Charles]].\n[[File:B.PNG|thumb|It]]"
PAGES = [
    DumpPage("Ada <b>", ADA),
    DumpPage("Charles", CHARLES),
    DumpPage("Sea", SEA),
    DumpPage("Turing", "#REDIRECT [[Ada]]", redirect="Ada"),
    DumpPage("Talk:Sea", "talk", namespace=1),
]


@pytest.fixture(scope="module")
def kc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    dump = write_dump(folder / "testwiki-20250101-pages-articles.xml.bz2", PAGES)
    build(dump, folder / "kc")
    return folder / "kc"


def sections(document) -> dict[str, object]:
    return {section.title: section for section in document.sections}


def table(section, title: str) -> list[tuple[object, ...]]:
    return list(next(t for t in section.tables if t.title == title).rows)


def test_its_numbers_are_those_of_the_tables(kc: Path) -> None:
    found = sections(report_snapshot(kc))
    manifest = open_snapshot(kc).manifest
    assert dict(table(found["What there is"], "Counts")) == manifest.counts
    held = {row[0]: row[2] for row in table(found["What there is"], "Tables and indices")}
    for name in ("pages", "paragraphs", "sentences", "redirects", "image_links"):
        assert held[name] == len(rows(kc, name))
    measured = {row[0]: row for row in found["Distributions"].tables[0].rows}
    words = [len(text.split()) for text in rows(kc, "sentences", "text")]
    assert measured["words of a sentence"][1:3] == (len(words), round(float(np.mean(words)), 2))
    assert measured["words of a sentence"][-1] == max(words)
    per_paragraph = Counter(rows(kc, "sentences", "paragraph_id"))
    assert measured["sentences of a paragraph"][-1] == max(per_paragraph.values())
    anchors = [(page, parse(text)[1]) for page, text in rows(kc, "paragraphs", "page_id", "text")]
    assert measured["anchors of a paragraph"][1:3] == (
        len(anchors), round(float(np.mean([len(a) for _, a in anchors])), 2),
    )  # fmt: skip
    out = Counter()
    linking: dict[str, set[int]] = {}
    for page, own in anchors:
        out[page] += len(own)
        for anchor in own:
            linking.setdefault(anchor.title, set()).add(page)
    assert measured["anchors of a page"][-1] == max(out.values())
    titles = [title.replace(" ", "_") for title in rows(kc, "pages", "title")]
    into = [len(linking.get(title, ())) for title in titles]
    assert measured["pages that link to a page"][1:3] == (len(titles), round(float(np.mean(into)), 2))
    drops = {(what, reason): count for what, reason, count, _ in found["What was left out"].tables[0].rows}
    assert drops == {(w, r): n for w, reasons in manifest.drops.items() for r, n in reasons.items()}
    examples = {(row[0], row[1]): row[3] for row in found["What was left out"].tables[0].rows}
    assert examples["pages", "other namespace"] == ("Talk:Sea",)
    assert examples["paragraphs", "one_word"] == ("Charles: <script>alert(2)</script>",)
    assert table(found["Templates"], "Left out by kind") == [
        ("infobox", 1, ("Ada <b>: {{Infobox person | name = Ada {{small|of London}} | born = 1815}}",)),
        ("maintenance", 1, ("Ada <b>: {{citation needed}}",)),
    ]
    unknown = table(found["Templates"], "Unknown, the most frequent")
    assert unknown[0][:2] == ("Unheard", 2)
    assert unknown[1][:2] == ("Unseen", 1)
    kinds = next(f for f in found["Distributions"].figures if f.title == "Kinds of image files")
    assert kinds.data == {"jpg": 1.0, "png": 1.0}


def test_numbers_are_shown_as_people_read_them() -> None:
    shown = ReportDocument(
        "x", [], [ReportSection("y", tables=[ReportTable("", ("a",), [(10_654.2,), (0.01234,)])])]
    )
    assert "<bdi>10,654</bdi>" in shown.html()
    assert "<bdi>0.01234</bdi>" in shown.html()


def test_paragraphs_by_chance_are_the_same_for_the_same_seed(kc: Path) -> None:
    texts = {strip(text) for text in rows(kc, "paragraphs", "text")}
    first, again, other = (report_snapshot(kc, seed=seed).sections[-1].quotations for seed in (0, 0, 1))
    assert first == again
    assert {text for _, text in first} <= texts
    assert len(first) == min(10, len(texts)) == len(other)


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.addresses: list[str] = []

    def handle_starttag(self, tag, attrs) -> None:
        self.tags[tag] += 1
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src")]


def test_the_page_is_whole_in_itself_and_text_stays_text(kc: Path, tmp_path: Path, capsys) -> None:
    assert main(["--kc", str(kc), "--output", str(tmp_path / "report.html")]) == 0
    assert capsys.readouterr().out == f"report: {tmp_path / 'report.html'}\n"
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    links = _Links()
    links.feed(page)
    assert links.tags["script"] == 0
    assert all(address.startswith("#") for address in links.addresses)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "Charles: &lt;script&gt;alert(2)&lt;/script&gt;" in page
    for start in range(links.tags["svg"]):
        svg = page.split("<svg")[start + 1].partition("</svg>")[0]
        ElementTree.fromstring(f"<svg{svg}</svg>")
    assert links.tags["svg"] > 5


def test_what_changed_is_told(kc: Path, tmp_path: Path) -> None:
    changed = [
        *PAGES[:2],
        DumpPage("Sea", "The sea is deep.", page_id=3),
        DumpPage("Hill", "A hill is high.", page_id=9),
    ]
    dump = write_dump(tmp_path / "testwiki-20250201-pages-articles.xml.bz2", changed)
    build(dump, tmp_path / "kc")
    document = report_snapshot(tmp_path / "kc", compare=kc)
    section = next(s for s in document.sections if s.title.startswith("What changed"))
    counts = {row[0]: row[1:] for row in table(section, "Counts")}
    assert counts["redirects"] == (1, 0, -1)
    changes = {(row[0], row[1]): row[2:] for row in table(section, "Changes")}
    assert changes["pages", "new"][0] == 1
    assert "Hill" in changes["pages", "new"][1]


def test_names_that_are_none_and_image_links_that_do_not_count_are_shown(kc: Path, tmp_path: Path) -> None:
    shutil.copytree(kc, tmp_path / "kc")
    assert "Entities and their names" not in sections(report_snapshot(kc))
    assert build_entities(["--kc", str(tmp_path / "kc"), "--workers", "1"]) == 0
    document = sections(report_snapshot(tmp_path / "kc"))
    found = document["Entities and their names"]
    assert dict(table(found, "Counts"))["entities"] == open_snapshot(kc).manifest.counts["articles"]
    assert ("redirect that leads to no page of the corpus", 1, ("Turing: Ada",)) in table(
        found, "Names left out"
    )
    held = {row[0]: row[3] for row in table(document["What there is"], "Tables and indices")}
    assert held["aliases"] > 0
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    images = ["--kc", str(tmp_path / "kc"), "--images", str(pictures), "--types", "jpeg", "--stage", "fetch"]
    build_image_kc(images)
    links = table(sections(report_snapshot(tmp_path / "kc"))["Images"], "Left out")
    assert ("links", "type png", 1, ("Sea: B.PNG",)) in links


def test_the_times_of_a_refresh_are_told(kc: Path, tmp_path: Path) -> None:
    root = Root(tmp_path)
    root.snapshots.mkdir()
    (root.snapshots / "one").symlink_to(kc)
    told = sections(report_snapshot(kc))["Time and memory"]
    assert [t.title for t in told.tables] == ["Stages"]
    real = root.snapshots / "two"
    real.mkdir()
    for path in kc.iterdir():
        (real / path.name).symlink_to(path)
    write_json(
        root.place.manifest, RefreshRun(snapshot="two", seconds={"build": 2.0}, counts={"sentences": 100})
    )
    rows_ = table(sections(report_snapshot(real))["Time and memory"], "The last refresh")
    assert rows_ == [("build", 2.0, 50)]


def test_the_stages_of_a_build_are_told_in_the_page_and_as_json(kc: Path, tmp_path: Path, capsys) -> None:
    shutil.copytree(kc, tmp_path / "kc")
    assert index_text(["--kc", str(tmp_path / "kc"), "--workers", "1"]) == 0
    counts = open_snapshot(kc).manifest.counts
    capsys.readouterr()
    assert main(["--kc", str(tmp_path / "kc"), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    [stages] = next(s["tables"] for s in document["sections"] if s["title"] == "Time and memory")
    assert stages["columns"][:4] == ["stage", "what", "done", "seconds"]
    told = {row[0]: row for row in stages["rows"]}
    assert told["extract"][1:3] == ["pages", counts["pages read"]]
    assert told["resolve"][1:3] == ["sentences", counts["sentences"]]
    assert told["index"][1:3] == ["sentences", counts["sentences"]]
    assert all(row[3] >= 0 and row[6] > 10 for row in told.values())
    (tmp_path / "kc" / TIMINGS).unlink()
    assert "Nothing is known" in sections(report_snapshot(tmp_path / "kc"))["Time and memory"].text


@given(st.lists(st.lists(st.integers(0, 300), max_size=30), max_size=5))
def test_distributions_are_those_of_all_values(batches) -> None:
    found = Distribution()
    for batch in batches:
        found.add(np.array(batch, np.int64))
    values = sorted(value for batch in batches for value in batch)
    assert found.total == len(values)
    if values:
        assert found.mean == pytest.approx(np.mean(values))
        assert found.quantile(0.5) == values[-(-len(values) // 2) - 1]
        assert found.row("x")[-1] == values[-1]
        assert sum(found.figure("x", "x").data.values()) == len(values)


def test_mistakes_are_one_line(kc: Path, tmp_path: Path, capsys) -> None:
    for arguments, message in (
        (["--kc", str(kc), "--cache", "x"], "--cache stands alone"),
        (["--kc", str(tmp_path)], "no manifest.json, so no finished snapshot"),
        (["--cache", str(tmp_path)], "manifest"),
        (["--kc", str(kc), "--output", str(tmp_path / "no" / "a" / "b.html")], ""),
    ):
        status = main(arguments)
        if message:
            assert status in (1, 2)
            error = capsys.readouterr().err
            assert message in error
            assert error.count("\n") == 1


@pytest.mark.torch
@pytest.mark.xdist_group("the invented corpus")
def test_a_cache_is_reported_by_its_own_numbers(invented: Path, tmp_path: Path) -> None:
    cache = invented / "caches" / "posts"
    written = json.loads((cache / REPORT).read_text())["splits"]["test"]
    document = report_cache(cache)
    section = sections(document)["test"]
    for row in table(section, "What the sources found"):
        own = written["sources"][row[0]]
        assert row[1:4] == (own["hits"], own["hits a query"], own["queries without hits"])
    for row in table(section, "Gold mentions in the evidence"):
        mentions = written["sources"][row[0]]["gold mentions"]
        assert row[1:] == tuple(mentions[w] for w in ("all", "in a title", "in an anchor", "in the text"))
    assert {row[0] for row in table(section, "What the sources share")} == set(written["overlap"])
    stages = {row[0]: row[2] for row in table(sections(document)["Time and memory"], "Stages")}
    examples = sum(about["examples"] for about in json.loads((cache / REPORT).read_text())["splits"].values())
    assert stages["encode"] == stages["choose and write"] == examples
    assert {f"ask {source}" for source in written["sources"]} <= set(stages)
    empty = {row[0]: row[1:] for row in table(section, "Queries for which nothing was found")}
    assert empty["image"] == (1, ("nothing ever happens in Sorland",)), "it has no image"
    assert {source: row[0] for source, row in empty.items()} == {
        source: own["queries without hits"]
        for source, own in written["sources"].items()
        if own["queries without hits"]
    }
    images = sections(report_snapshot(invented / "kc"))["Images"]
    assert dict(table(images, "Counts"))["images"] == 7
    assert table(images, "Recall and speed of the index")[0][1] == 1.0
    assert "<script" not in document.html()
