"""From image links to files with their articles."""

from __future__ import annotations

import random
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from kc_schema.image_tables import ARTICLES, image_id, part_number
from kc_schema.snapshot import open_snapshot
from pipelines.image_index import plan as plan_module
from pipelines.image_index.layout import Layout
from pipelines.image_index.plan import Plan, make_plan, read_planned
from tests.pipelines.image_index.snapshots import write_snapshot

ALL = ["jpeg", "png", "svg", "video"]


def make(kc: Path, part_bits: int | None = 2, **changes: object) -> Plan:
    return make_plan(open_snapshot(kc), Layout(kc), **{"kinds": ALL, "part_bits": part_bits, **changes})  # type: ignore[arg-type]


def articles(kc: Path, plan: Plan) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for number in range(len(plan.planned)):
        table = pq.read_table(Layout(kc).part("articles", number))
        assert table.schema == ARTICLES
        assert all(part_number(i, plan.part_bits) == number for i in table["image_id"].to_pylist())
        rows += table.to_pylist()
    return rows


def test_every_file_has_all_its_articles(tmp_path: Path) -> None:
    kc = write_snapshot(
        tmp_path,
        {
            "First": ["A.jpg", ("B.png", "a caption", "infobox"), "A.jpg"],
            "Nothing": [],
            "Second": [("A.jpg", "", "gallery"), ("A.jpg", "later caption", "inline"), "C.svg"],
        },
    )
    plan = make(kc)
    rows = articles(kc, plan)
    assert sorted(rows, key=lambda row: (row["image_id"], row["page_id"])) == rows  # type: ignore[operator]
    found = {(r["image_id"], r["title"]): (r["page_id"], r["caption"], r["place"]) for r in rows}
    assert found == {
        (image_id("A.jpg"), "First"): (1, "", "thumbnail"),
        (image_id("B.png"), "First"): (1, "a caption", "infobox"),
        (image_id("A.jpg"), "Second"): (3, "later caption", "inline"),  # the first that has a caption
        (image_id("C.svg"), "Second"): (3, "", "thumbnail"),
    }
    assert rows[0]["introduction"].startswith("This is <e: ")  # type: ignore[attr-defined]
    kinds = {"files, jpeg": 1, "files, png": 1, "files, svg": 1}
    assert plan.counts == {"articles of files": 4, "files": 3, "links": 6, **kinds}
    assert plan.drops == {"links": {"again on the same page": 2}}
    again = {(found.title, found.text) for found in plan.lost["links"]["again on the same page"]}
    assert again == {("First", "A.jpg"), ("Second", "A.jpg")}
    planned = [pair for number in range(4) for pair in read_planned(Layout(kc), number)]
    assert planned == sorted((image_id(f), f) for f in ("A.jpg", "B.png", "C.svg"))


def test_links_are_left_out_for_a_reason(tmp_path: Path) -> None:
    files = [
        "A.jpg",
        "Commons-logo.svg",
        "Sound.ogg",
        "Paper.pdf",
        "a/b.jpg",
        "x" * 300 + ".jpg",
        "Thing.exe",
    ]
    plan = make(write_snapshot(tmp_path, {"Page": files}))
    assert plan.drops["links"] == {
        "file name too long": 1,
        "illegal file name": 1,
        "interface icon": 1,
        "type audio": 1,
        "type other": 1,
        "type pdf": 1,
    }
    assert plan.files == 1


def test_a_link_whose_page_is_missing_is_counted(tmp_path: Path) -> None:
    kc = write_snapshot(tmp_path, {"First": ["A.jpg"], "Second": ["B.jpg"]})
    pages = kc / "pages" / "part-00000.parquet"
    pq.write_table(pq.read_table(pages).slice(1), pages)
    import dataclasses

    from kc_schema.snapshot import read_manifest, write_manifest

    manifest = read_manifest(kc)
    manifest.tables["pages"] = [dataclasses.replace(manifest.tables["pages"][0], bytes=pages.stat().st_size)]
    write_manifest(kc, manifest)
    assert make(kc).drops == {"links": {"page not in the corpus": 1}}


def test_sorting_outside_of_memory_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(4)
    pages = {f"Page {n}": [f"F{rng.randrange(60)}.jpg" for _ in range(rng.randrange(5))] for n in range(80)}
    one = write_snapshot(tmp_path / "one", pages)
    many = write_snapshot(tmp_path / "many", pages)
    whole = make(one)
    monkeypatch.setattr(plan_module, "_ROWS_IN_MEMORY", 7)
    assert make(many) == whole
    assert articles(many, whole) == articles(one, whole)
    assert not (many / "images/.state/runs").exists()


def test_a_plan_is_made_once(tmp_path: Path) -> None:
    kc = write_snapshot(tmp_path, {"Page": ["A.jpg", "B.jpg"]})
    plan = make(kc)
    path = Layout(kc).part("articles", 0)
    before = path.stat().st_mtime_ns
    assert make(kc) == plan
    assert path.stat().st_mtime_ns == before
    assert make(kc, kinds=["png"]).files == 0
    assert make(kc) == plan


def test_parts_follow_from_the_number_of_links(tmp_path: Path) -> None:
    kc = write_snapshot(tmp_path, {"Page": [f"F{n}.jpg" for n in range(90)]})
    assert make(kc, None).part_bits == 0
    assert make(kc, None, images_per_part=10).part_bits == 3
    assert make(kc, 1).part_bits == 1
    with Layout(kc).place() as place:
        place.remove_unlisted(Layout(kc).files(2))
    assert Layout(kc).part("articles", 1).exists()
    assert not Layout(kc).part("articles", 2).exists()


def test_an_empty_snapshot_has_an_empty_plan(tmp_path: Path) -> None:
    plan = make(write_snapshot(tmp_path, {"Page": []}), None)
    assert (plan.files, plan.part_bits, plan.drops) == (0, 0, {"links": {}})


def test_a_limit_takes_a_sample_that_a_larger_one_adds_to(tmp_path: Path) -> None:
    files = [f"F{n}.jpg" for n in range(40)]
    kc = write_snapshot(tmp_path, {"First": files, "Second": files[:20]})
    layout = Layout(kc)

    def planned(**options: object) -> list[tuple[int, str]]:
        plan = make(kc, **options)
        assert sum(len(read_planned(layout, number)) for number in range(4)) == plan.files
        assert {row["image_id"] for row in articles(kc, plan)} == {
            image for number in range(4) for image, _ in read_planned(layout, number)
        }
        return [pair for number in range(4) for pair in read_planned(layout, number)]

    everything = planned()
    assert planned(limit=7) == everything[:7]
    plan = make(kc, limit=7)
    assert plan.counts["files"] == plan.files == 7
    assert plan.drops["links"]["beyond --limit"] == 60 - plan.counts["articles of files"]
    assert planned(limit=25) == everything[:25]
    assert planned(limit=100) == everything
    assert planned() == everything


def test_the_files_of_a_large_part_are_by_id(tmp_path: Path) -> None:
    # Arrow groups in batches of some thousand rows; rows of a few files would come in order anyway.
    kc = write_snapshot(tmp_path, {"First": [f"F{n}.jpg" for n in range(20_000)]})
    make(kc, part_bits=0)
    ids = [image for image, _ in read_planned(Layout(kc), 0)]
    assert ids == sorted(ids)
    assert len(ids) == 20_000
