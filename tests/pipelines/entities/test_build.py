"""Entities and their names: priors are what a direct count gives, whatever was cut, killed or done by how many."""

import json
import re
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kc_schema.anchors import Anchor, parse, render
from kc_schema.entity_tables import ENTITY_TABLES, EntityError, fold_name
from kc_schema.snapshot import LostText, open_snapshot
from kc_schema.verify import verify
from pipelines.build_entities import main
from pipelines.entities import titles
from pipelines.entities.lookup import EntityIndex
from pipelines.search import main as search
from tests.corpus_builder import build
from tests.dump_writer import DumpPage, redirect_page
from tests.entity_corpora import entity_corpus, make_entities
from tests.killed_process import killed_when, run_to_its_end
from tests.pipelines.text_index.snapshots import write_snapshot

ROOT = Path(__file__).resolve().parents[3]
PAGES = [
    DumpPage(
        "Alan Turing", "'''Alan Mathison Turing''' was in [[Turing, Sweden|Turing]].[[File:A.jpg|thumb]]", 1
    ),
    DumpPage(
        "Turing, Sweden",
        "'''Turing''' is a place. It is [[us]], or [[us|US]], with [[Alan Turing|Turing]].",
        2,
    ),
    DumpPage(
        "US", "The '''US''': [[Alan Turing|Turing]], [[Alan Turing|Alan  Turing]], [[Nowhere|Turing]].", 3
    ),
    DumpPage("Us", "[[US]], [[US]] and [[A. Turing|turing]].", 4),
    redirect_page("A. Turing", "Alan Turing", 5),
    redirect_page("Gone", "Nobody", 6),
]
PROPS = {1: {"wikibase_item": "Q7251", "page_image": "Best.png"}, 3: {"wikibase_item": "Q30"}}


def table(kc, name):
    return [row for path in sorted((kc / name).glob("*.parquet")) for row in pq.read_table(path).to_pylist()]


def files(kc):
    paths = [kc / "entities.json", *(path for name in ENTITY_TABLES for path in (kc / name).iterdir())]
    return {str(path.relative_to(kc)): path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return entity_corpus(tmp_path_factory.mktemp("corpus"), PAGES, PROPS, unit_bytes=500)


def test_names_come_from_anchors_redirects_titles_and_bold_print(corpus):
    rows = [
        (row["surface"], row["page_id"], row["links"], row["prior"], row["folded_prior"],
         "".join(mark[0] for mark in ("title", "redirect", "bold") if row[mark]))
        for row in table(corpus, "aliases")
    ]  # fmt: skip
    assert rows == [
        ("A. Turing", 1, 0, 0.0, 0.0, "r"),
        ("Alan Mathison Turing", 1, 0, 0.0, 0.0, "b"),
        ("Alan Turing", 1, 1, 1.0, 1.0, "t"),
        ("Turing", 1, 2, 2 / 3, 3 / 4, ""),
        ("Turing", 2, 1, 1 / 3, 1 / 4, "b"),
        ("turing", 1, 1, 1.0, 3 / 4, ""),
        ("Turing, Sweden", 2, 0, 0.0, 0.0, "t"),
        ("US", 3, 2, 2 / 3, 2 / 4, "tb"),
        ("US", 4, 1, 1 / 3, 2 / 4, ""),
        ("Us", 4, 0, 0.0, 2 / 4, "t"),
        ("us", 4, 1, 1.0, 2 / 4, ""),
    ]


def test_entities_are_the_pages_with_what_is_known_of_them(corpus):
    columns = ("page_id", "title", "wikidata_id", "in_links", "image", "types")
    assert [tuple(row[column] for column in columns) for row in table(corpus, "entities")] == [
        (1, "Alan Turing", "Q7251", 4, "Best.png", None),
        (2, "Turing, Sweden", None, 1, None, None),
        (3, "US", "Q30", 2, None, None),
        (4, "Us", None, 2, None, None),
    ]
    assert table(corpus, "entities")[1]["introduction_length"] == len(
        "Turing is a place. It is us, or US, with Turing."
    )
    manifest = EntityIndex(corpus).manifest
    assert manifest.drops == {
        "anchor that leads to no page of the corpus": 1,
        "redirect that leads to no page of the corpus": 1,
    }
    assert manifest.lost == {
        "anchor that leads to no page of the corpus": [LostText("Turing", "Nowhere")],
        "redirect that leads to no page of the corpus": [LostText("Gone", "Nobody")],
    }
    assert manifest.counts["anchors"] == 10


def test_candidates_are_ranked_by_the_name_as_it_is_written(corpus):
    index = EntityIndex(corpus)
    found = index.candidates("Turing")
    assert [(one.title, one.alias.prior, one.alias.links) for one in found] == [
        ("Alan Turing", 2 / 3, 3),
        ("Turing, Sweden", 1 / 3, 1),
    ]
    assert [one.title for one in index.candidates("us")] == ["Us", "US"]
    assert [one.title for one in index.candidates("US")] == ["US", "Us"]
    assert [one.alias.prior for one in index.candidates("uS")] == [0.5, 0.5], (
        "in no case it was seen: all cases"
    )
    assert index.candidates("Turing", k=1) == found[:1]
    assert index.candidates("Babbage") == []
    assert index.aliases(["Turing", " TURING ", "nobody"]).keys() == {"Turing", " TURING "}


def test_the_command_prints_candidates(corpus, capsys):
    assert search(["--entity", "Turing", "--kc", str(corpus), "--json"]) == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["rank"], first["title"], first["wikidata_id"]) == (1, "Alan Turing", "Q7251")
    assert first["prior"] == pytest.approx(2 / 3)
    assert second["also"] == ["bold"]
    assert search(["--entity", "Turing", "--kc", str(corpus)]) == 0
    assert "0.667" in capsys.readouterr().out
    assert search(["--entity", "x\x1b[31m", "--kc", str(corpus)]) == 0
    assert "\x1b[31m" not in capsys.readouterr().out
    for wrong in (["--entity", " "], ["--entity", "a", "b"]):
        assert search([*wrong, "--kc", str(corpus)]) == 2


def test_entities_that_are_missing_stale_or_damaged_are_said(tmp_path, corpus, capsys):
    kc = write_snapshot(tmp_path / "kc", {"A": [["<e: B> b </e>"]], "B": []})
    with pytest.raises(
        EntityError, match=r"has no entities; make them with: python -m pipelines\.build_entities"
    ):
        EntityIndex(kc)
    assert main(["--kc", str(kc), "--workers", "1"]) == 0
    EntityIndex(kc)
    assert main(["--kc", str(kc), "--workers", "1"]) == 0
    assert "there already" in capsys.readouterr().err
    (kc / "aliases" / "part-00000.parquet").unlink()
    with pytest.raises(EntityError, match="missing or damaged"):
        EntityIndex(kc)
    assert main(["--kc", str(kc), "--workers", "1", "--overwrite"]) == 0
    EntityIndex(kc)
    write_snapshot(kc, {"A": [["<e: C> c </e>"]], "C": []})
    with pytest.raises(EntityError, match="another state of the corpus"):
        EntityIndex(kc)
    assert main(["--kc", str(kc), "--workers", "1"]) == 0
    assert EntityIndex(kc).candidates("c")[0].title == "C"


def test_verify_reads_every_byte_of_the_entities(tmp_path):
    kc = write_snapshot(tmp_path / "kc", {"A": [["<e: B> b </e>."]], "B": [["A page."]]})
    make_entities(kc)
    assert not verify(kc).counts
    assert verify(kc).checked["files of the entities"] == 2
    path = kc / "aliases" / "part-00000.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    found = verify(kc)
    assert found.counts == {"checksum differs from the manifest": 1}
    assert any("build_entities" in remedy for remedy in found.remedies)


SURFACES = st.text(st.sampled_from("aAbBßİ ſﬁ<\\e:/é\t"), max_size=5)
TITLES = ("A", "B b", "İx", "ſ")
ANCHORS = st.lists(st.tuples(SURFACES, st.sampled_from([*TITLES, "Red"])), max_size=30)


@settings(max_examples=25, deadline=None)
@given(paragraphs=st.lists(ANCHORS, min_size=1, max_size=4), cut=st.integers(1, 9), parts=st.integers(1, 3))
def test_priors_are_those_of_a_direct_count(tmp_path_factory, paragraphs, cut, parts):
    texts = []
    for anchors in paragraphs:
        text, spans = "", []
        for surface, title in anchors:
            spans.append(Anchor(len(text), len(text) + len(surface), title.replace(" ", "_")))
            text += surface + "; "
        texts.append([render(text, spans)])
    pages = {title: texts if title == "A" else [] for title in TITLES}
    kc = write_snapshot(tmp_path_factory.mktemp("kc"), pages, parts=parts)
    manifest = open_snapshot(kc).manifest
    manifest.counts["anchors"] = sum(map(len, paragraphs))
    (kc / "manifest.json").write_text(manifest.to_json())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(titles, "ANCHORS_PER_RANGE", cut)
        make_entities(kc)
    ids = {title.replace(" ", "_"): page_id for page_id, title in enumerate(TITLES, start=1)}
    counted: Counter[tuple[str, int]] = Counter()
    for [tagged] in texts:
        plain, anchors = parse(tagged)
        for anchor in anchors:
            surface = " ".join(plain[anchor.start : anchor.end].split())
            if anchor.title in ids and re.search(r"[^\W_]", surface):
                counted[surface, ids[anchor.title]] += 1
    rows = table(kc, "aliases")
    assert {(row["surface"], row["page_id"]): row["links"] for row in rows if row["links"]} == dict(counted)
    for row in rows:
        own = sum(n for (surface, _), n in counted.items() if surface == row["surface"])
        assert row["prior"] == (row["links"] / own if own else 0)
        folded = {k: n for k, n in counted.items() if fold_name(k[0]) == row["folded"]}
        of_page = sum(n for (_, page), n in folded.items() if page == row["page_id"])
        assert row["folded_prior"] == (of_page / sum(folded.values()) if folded else 0)
        assert row["folded"] == fold_name(row["surface"])
    keys = [(row["folded"], row["surface"], -row["links"], row["page_id"]) for row in rows]
    assert keys == sorted(keys)
    index = EntityIndex(kc)
    for surface, _ in counted:
        best = index.candidates(surface)[0]
        assert best.alias.prior == max(row["prior"] for row in rows if row["surface"] == surface)
    links = Counter({page: sum(n for (_, p), n in counted.items() if p == page) for page in ids.values()})
    assert [row["in_links"] for row in table(kc, "entities")] == [
        links[page] for page in sorted(ids.values())
    ]


def many(folder):
    """A corpus whose entities take several parts and ranges."""
    names = [f"Name {number}" for number in range(240)]
    pages = {
        name: [
            [f"<e: {names[(i * 7 + j * 31) % 240].replace(' ', '_')}> N{j} {i % 5} </e>."] for j in range(9)
        ]
        for i, name in enumerate(names)
    }
    kc = write_snapshot(folder, pages, parts=6)
    manifest = open_snapshot(kc).manifest
    manifest.counts["anchors"] = 4 * titles.ANCHORS_PER_RANGE
    (kc / "manifest.json").write_text(manifest.to_json())
    return kc


def run(kc, workers):
    return ["pipelines.build_entities", "--kc", str(kc), "--workers", str(workers)]


def test_killed_again_and_again_by_any_number_of_workers_the_bytes_are_the_same(tmp_path):
    expected = many(tmp_path / "one")
    make_entities(expected)
    kc = many(tmp_path / "two")
    work = kc / ".work" / "entities"
    for moment in ("titles.json", "names/paragraphs-00002.json", "aliases/00001.json", "entities/00003.json"):
        killed_when(run(kc, 2), (work / moment).exists)
        if not (kc / "entities.json").exists():
            with pytest.raises(EntityError):
                EntityIndex(kc)
    run_to_its_end(run(kc, 2))
    assert files(kc) == files(expected)
    assert len(files(kc)) > 10
    assert not (kc / ".work").exists()


def test_a_real_dump_gives_the_priors_of_a_direct_count(shared_data, tmp_path):
    kc = tmp_path / "kc"
    build(shared_data / "dumps" / "itwiki-747-pages.xml.gz", kc)
    make_entities(kc)
    ids = {row["title"].replace(" ", "_"): row["page_id"] for row in table(kc, "pages")}
    counted: Counter[tuple[str, int]] = Counter()
    for row in table(kc, "paragraphs"):
        plain, anchors = parse(row["text"])
        for anchor in anchors:
            name = " ".join(plain[anchor.start : anchor.end].split())
            if anchor.title in ids and any(map(str.isalnum, name)) and len(name) <= 200:
                counted[name, ids[anchor.title]] += 1
    rows = table(kc, "aliases")
    assert {(row["surface"], row["page_id"]): row["links"] for row in rows if row["links"]} == dict(counted)
    assert len(counted) > 300
