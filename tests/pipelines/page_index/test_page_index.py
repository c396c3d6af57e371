from __future__ import annotations

import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from kc_schema.anchors import targets
from kc_schema.snapshot import open_snapshot
from kc_schema.store import Place
from kc_schema.tables import TEXT_TABLES, paragraph_id, sentence_id
from pipelines.page_index import build, open_pages
from pipelines.page_index.layout import FOLDER, MANIFEST
from tests.pipelines.text_index.snapshots import write_tables

PAGES = {
    1: ("Alan Turing", ["In <e: London> London </e>, of <e: London> the city </e>.", "He knew <e: Ada> Ada </e>."]),
    2: ("London", ["A town on the <e: River_Thames> Thames </e>."]),
    3: ("Ada", ["She lived in <e: London> London </e> <\\e: no> tag."]),
    7: ("Ñandú", []),
}  # fmt: skip
REDIRECTS = {"A._Turing": "Alan_Turing", "Londres": "London", "Londinium": "London", "Nowhere": "Gone"}


def write_corpus(folder: Path, pages=PAGES, redirects=REDIRECTS) -> Path:
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in TEXT_TABLES}
    for page, (title, texts) in pages.items():
        rows["pages"].append(
            {"page_id": page, "title": title, "revision_id": 10 * page, "sha1": "", "disambiguation": False,
             "introduction": texts[0] if texts else ""}
        )  # fmt: skip
        for place, text in enumerate(texts):
            own = paragraph_id(page, place)
            rows["paragraphs"].append(
                {"paragraph_id": own, "page_id": page, "title": title, "section": "", "position": place,
                 "kind": "prose", "text": text}
            )  # fmt: skip
            rows["sentences"].append(
                {
                    "sentence_id": sentence_id(own, 0),
                    "paragraph_id": own,
                    "position": 0,
                    "text": f"sentence {place}",
                }
            )
        rows["image_links"].append(
            {"page_id": page, "file": f"{page}.jpg", "caption": "seen", "place": "infobox", "position": 0}
        )
    rows["redirects"] = [{"from_title": a, "to_title": b} for a, b in sorted(redirects.items())]
    return write_tables(folder, rows, parts=2, rows_per_group=2)


def test_an_index_that_another_process_makes_is_waited_for(tmp_path: Path) -> None:
    snapshot = open_snapshot(write_corpus(tmp_path / "kc"))
    told: list[str] = []
    waiting = threading.Event()

    def tell(line: str) -> None:
        told.append(line)
        if "another process" in line:
            waiting.set()

    with ThreadPoolExecutor(1) as threads:
        with Place(snapshot.folder / FOLDER, owns=()):
            opened = threads.submit(open_pages, snapshot, tell)
            assert waiting.wait(60), told
            assert not opened.done()
        assert opened.result(60).find("London") is not None
    assert sum("another process" in line for line in told) == 1


@pytest.fixture
def pages(tmp_path: Path):
    return open_pages(open_snapshot(write_corpus(tmp_path / "kc")))


def test_a_page_is_found_by_every_spelling_of_its_title(pages) -> None:
    for title in ("Alan Turing", "Alan_Turing", "alan Turing", " Alan_Turing_"):
        assert pages.find(title) == (1, ""), title
    assert pages.find("Ñandú") == (7, "")
    assert pages.find("Londres") == (2, "Londres")
    assert pages.find("londinium") == (2, "Londinium")
    for title in ("Nowhere", "Gone", "", "_", "LONDON", "\ud800", "x" * 10_000, "\x00"):
        assert pages.find(title) is None, title


def test_a_page_says_what_it_shows_and_what_leads_to_it(pages) -> None:
    london = pages.read(2)
    assert (london.title, london.revision_id, london.introduction) == ("London", 20, PAGES[2][1][0])
    assert london.redirects == ["Londinium", "Londres"]
    assert [(link.title, link.anchors) for link in london.links_in] == [("Alan Turing", 2), ("Ada", 1)]
    assert (london.redirects_count, london.links_in_count) == (2, 2)
    turing = pages.read(1)
    assert turing.links_out == ["London", "Ada"]
    assert [(p.text, p.sentences) for p in turing.paragraphs] == [
        (PAGES[1][1][0], ["sentence 0"]), (PAGES[1][1][1], ["sentence 1"]),
    ]  # fmt: skip
    assert [(image.file, image.caption, image.place) for image in turing.images] == [
        ("1.jpg", "seen", "infobox")
    ]
    assert pages.read(7).paragraphs == []
    assert pages.read(4) is None


def test_lists_are_cut_and_their_numbers_are_not(pages, monkeypatch) -> None:
    monkeypatch.setattr("pipelines.page_index.lookup.MOST_LISTED", 1)
    london = pages.read(2)
    assert (london.redirects, [link.title for link in london.links_in]) == (["Londinium"], ["Alan Turing"])
    assert (london.redirects_count, london.links_in_count) == (2, 2)


def test_many_buckets_hold_what_one_does(tmp_path: Path, monkeypatch) -> None:
    many = {
        n: (f"Page {n}", [f"To <e: Page_{n % 7}> it </e> and <e: Page_{n + 1}> on </e>."])
        for n in range(1, 200)
    }
    counted = Counter(title for _, texts in many.values() for text in texts for title in targets(text))
    snapshot = open_snapshot(
        write_corpus(tmp_path / "kc", many, {f"To_{n}": f"Page_{n}" for n in range(1, 200)})
    )
    monkeypatch.setattr(build, "ROWS_PER_BUCKET", 16)
    monkeypatch.setattr(build, "_ROWS_AT_ONCE", 50)
    pages = open_pages(snapshot)
    assert len(list((snapshot.folder / FOLDER / "links").iterdir())) > 8
    for n in range(1, 200):
        found = pages.read(n)
        assert pages.find(f"To {n}") == (n, f"To_{n}")
        assert found.redirects == [f"To_{n}"]
        assert found.links_in_count == counted[f"Page_{n}"]


def test_it_is_made_once_and_again_for_another_snapshot(tmp_path: Path) -> None:
    lines: list[str] = []
    kc = write_corpus(tmp_path / "kc")
    open_pages(open_snapshot(kc), lines.append)
    open_pages(open_snapshot(kc), lines.append)
    assert len(lines) == 1
    write_corpus(kc, {5: ("New", [])}, {})
    assert open_pages(open_snapshot(kc), lines.append).find("New") == (5, "")
    assert len(lines) == 2
    next((kc / FOLDER / "titles").iterdir()).write_bytes(b"damaged")
    assert open_pages(open_snapshot(kc), lines.append).find("New") == (5, "")


def test_killed_anywhere_the_same_call_gives_the_same_files(tmp_path: Path) -> None:
    whole = write_corpus(tmp_path / "whole")
    open_pages(open_snapshot(whole))
    code = (
        "import os, signal, sys\n"
        "from pipelines.page_index import build\n"
        "from kc_schema.snapshot import open_snapshot\n"
        "write, left = build.write_atomically, [int(sys.argv[2])]\n"
        "def dying(path, work):\n"
        "    left[0] -= 1\n"
        "    if left[0] < 0: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    write(path, work)\n"
        "build.write_atomically = dying\n"
        "build.build_page_index(open_snapshot(sys.argv[1]))\n"
    )
    killed = write_corpus(tmp_path / "killed")
    for left in (0, 1, 1, 0):
        done = subprocess.run([sys.executable, "-c", code, killed, str(left)], check=False)
        assert done.returncode == -9
        assert not (killed / FOLDER / MANIFEST).exists()
    open_pages(open_snapshot(killed))
    files = {p.relative_to(whole): p.read_bytes() for p in (whole / FOLDER).rglob("*") if p.is_file()}
    assert {
        p.relative_to(killed): p.read_bytes() for p in (killed / FOLDER).rglob("*") if p.is_file()
    } == files
