"""A build that takes rows of unchanged pages from an older snapshot gives the very bytes of one that does not."""

import bz2
import random
import re
from collections import Counter
from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from kc_schema.snapshot import LostText, read_manifest
from pipelines.build_text_kc import describe
from pipelines.text_corpus.changed_redirects import _differences
from pipelines.text_corpus.part_files import ROWS_PER_GROUP
from pipelines.text_corpus.reuse import count_reused, why_not_reusable
from tests.corpus_builder import build, files, rows
from tests.dump_writer import DumpPage, DumpSite, noise, redirect_page, write_dump

AGE = "'''Born''' people are {{age|1990|1|1}} years old today, which changes with every dump."


def text(name, *links):
    shown = " ".join(f"He met [[{link}|{link.lower()}]] in [[{link}]] then." for link in links)
    return f"'''{name}''' was a person who lived in a town. {shown}\n\n== Life ==\nMuch is known of [[{name}]] now."


def picture(file):
    return f"[[File:{file}|thumb|A caption of {file}]]\n"


OLD = [
    DumpPage("Ada", text("Ada", "Engine", "Old name", "Target"), 1),
    DumpPage("Bob", picture("Bob.jpg") + text("Bob", "Ada", "Nobody") + "\n\n1 + 1 = 2\n\n1990", 2),
    DumpPage("Changed", text("Changed", "Ada"), 3),
    DumpPage("Moved", text("Moved", "Bob"), 4),
    DumpPage("Gone", text("Gone", "Bob"), 5),
    DumpPage("Blanked", text("Blanked", "Bob"), 6),
    DumpPage("Undeleted", None, 7),
    DumpPage("One", text("One", "Ada", "Other"), 8),
    DumpPage("Two", text("Two", "Bob", "Other"), 9),
    DumpPage("Born", AGE, 10),
    DumpPage(
        "Mercury",
        "'''Mercury''' may refer to:\n* [[Ada]], a person\n* [[Bob]], a town\n{{disambiguation}}",
        11,
    ),
    DumpPage("Article", text("Article", "Same"), 12),
    redirect_page("Old name", "Ada", 20),
    redirect_page("Target", "Bob", 21),
    redirect_page("Engine", "Target", 22),
    redirect_page("Same", "Ada", 23),
    DumpPage("Talk:Ada", "words", 24, namespace=1),
]


def newer(pages):
    """The next dump of the same wiki, with everything that can happen to a page."""
    changed = {
        3: DumpPage("Changed", text("Changed", "Ada", "New"), 3, revision_id=2003),
        4: DumpPage("Moved away", text("Moved", "Bob"), 4),
        6: DumpPage("Blanked", "", 6, revision_id=2006),
        7: DumpPage("Undeleted", text("Undeleted", "Ada"), 7),
        8: DumpPage("Two", text("One", "Ada", "Other"), 8),
        9: DumpPage("One", text("Two", "Bob", "Other"), 9),
        12: redirect_page("Article", "Ada", 12),
        20: DumpPage("Old name", text("Old name", "Ada"), 20, revision_id=2020),
        21: redirect_page("Target", "Changed", 21),
    }
    kept = [changed.get(page.page_id, page) for page in pages if page.page_id != 5]
    return [
        *kept,
        redirect_page("Nobody", "Ada", 30),
        redirect_page("Moved", "Moved away", 31),
        DumpPage("New", picture("New.png") + text("New", "Nobody", "Moved"), 32),
    ]


def tables(kc):
    return {name: data for name, data in files(kc).items() if not name.startswith("refresh/")}


def kept(kc):
    paths = sorted((kc / "refresh").glob("*.parquet"))
    return [row for path in paths for row in pq.read_table(path).to_pylist()]


def dump(folder, pages, day="20260201", **options):
    pages = [replace(page, revision_id=page.revision_id or 1000 + page.page_id) for page in pages]
    return write_dump(folder / day / f"testwiki-{day}-pages-articles.xml.bz2", pages, **options)


def compare(tmp_path, old, new, *, unit_bytes=None, old_options=None, **options):
    """Builds `new` with and without the rows of `old`; gives how many pages were reused."""
    build(old, tmp_path / "old", keep=True, unit_bytes=unit_bytes, **options)
    build(new, tmp_path / "full", keep=True, unit_bytes=unit_bytes, **options)
    build(new, tmp_path / "plain", unit_bytes=unit_bytes, **options)
    build(new, tmp_path / "refreshed", keep=True, older=tmp_path / "old", unit_bytes=unit_bytes, **options)
    assert tables(tmp_path / "refreshed") == tables(tmp_path / "plain")
    assert tables(tmp_path / "full") == tables(tmp_path / "plain")
    assert kept(tmp_path / "refreshed") == kept(tmp_path / "full")
    return count_reused(tmp_path / "refreshed")


@pytest.mark.parametrize("unit_bytes", [None, 700])
@pytest.mark.parametrize("pages_per_stream", [None, 2])
def test_everything_that_can_happen_to_a_page(tmp_path, unit_bytes, pages_per_stream):
    old = dump(tmp_path, OLD, "20260101", pages_per_stream=pages_per_stream)
    new = dump(tmp_path, newer(OLD), pages_per_stream=pages_per_stream)
    # Ada, Bob and Mercury stand as they were; a redirect that changed touches the first two.
    assert compare(tmp_path, old, new, unit_bytes=unit_bytes, pages_per_part=4) == 3
    assert read_manifest(tmp_path / "refreshed").lost["paragraphs"]["formula"] == [
        LostText("Bob", "1 + 1 = 2")
    ]
    found = dict(rows(tmp_path / "refreshed", "pages", "title", "introduction"))
    assert "<e: Changed> engine </e>" in found["Ada"]
    assert "<e: Old_name> old name </e>" in found["Ada"]
    assert "<e: Ada> nobody </e>" in found["Bob"]


def test_pages_that_depend_on_the_day_are_extracted_again_on_another_day(tmp_path):
    old, new = dump(tmp_path, OLD, "20200101"), dump(tmp_path, OLD, "20300101")
    assert compare(tmp_path, old, new) == len(rows(tmp_path / "full", "pages")) - 1
    assert any("40 years" in sentence for sentence in rows(tmp_path / "refreshed", "sentences", "text"))


def test_the_same_dump_under_the_same_date_is_reused_whole(tmp_path):
    build(dump(tmp_path, OLD, "20260101"), tmp_path / "old", keep=True)
    new = dump(tmp_path / "again", [*OLD, DumpPage("Later", text("Later", "Ada"), 40)], "20260101")
    build(new, tmp_path / "refreshed", keep=True, older=tmp_path / "old")
    build(new, tmp_path / "full")
    assert tables(tmp_path / "refreshed") == tables(tmp_path / "full")
    assert count_reused(tmp_path / "refreshed") == len(rows(tmp_path / "old", "pages"))


@pytest.mark.parametrize("pages_per_part", [None, 2])
def test_a_dump_out_of_order_with_pages_twice(tmp_path, pages_per_part):
    shuffled = [*newer(OLD), *OLD[:4]]
    random.Random(1).shuffle(shuffled)
    old = dump(tmp_path, OLD, "20260101", pages_per_stream=3)
    new = dump(tmp_path, shuffled, pages_per_stream=2)
    assert compare(tmp_path, old, new, unit_bytes=500, pages_per_part=pages_per_part) >= 1


@pytest.mark.parametrize("pages_per_part", [None, 4])
def test_repeats_and_apparatus_are_those_of_a_full_build(tmp_path, pages_per_part):
    def page(number, more=""):
        words = (
            f"Village {number}. It lies in the north. {more}\n== References ==\n* A book of {more}, and more.\n"
            "* It lies in the north."
        )
        return DumpPage(f"Village {number}", words, page_id=number)

    old = dump(tmp_path, [page(number) for number in range(1, 30)], "20260101")
    changed = [
        page(1, "A mill stands there."),
        *(page(number) for number in range(3, 30)),
        page(40, "A mill."),
    ]
    changed[0] = replace(changed[0], revision_id=5000)
    assert compare(tmp_path, old, dump(tmp_path, changed), pages_per_part=pages_per_part) == 27
    manifest = read_manifest(tmp_path / "refreshed")
    assert manifest.counts["apparatus paragraphs"] == 58
    assert manifest.counts["repeats"] > 80
    assert manifest.repeated[0].text == "It lies in the north."
    assert manifest.repeated[0].count == 58


def inodes(kc, table):
    return {path.stat().st_ino for path in (kc / table).glob("*.parquet")}


@pytest.mark.parametrize("change", ["changed", "new", "gone", "redirect"])
def test_parts_without_a_changed_page_are_the_older_snapshots_files(tmp_path, change):
    """Wherever the dump was cut: the cuts of parts are a matter of page ids alone."""
    pages = [
        DumpPage(f"P{n}", picture(f"{n}.jpg") + text(f"P{n}", f"P{n + 1}", "R" if n == 50 else "P1"), n + 1)
        for n in range(100)
    ]
    newer = list(pages)
    if change == "changed":
        newer[50] = replace(pages[50], text=pages[50].text.replace("Much", "Little"), revision_id=7)
    elif change == "new":
        newer.append(DumpPage("New", picture("New.jpg") + text("New", "P1"), 500))
    elif change == "gone":
        del newer[50]
    target = "P2" if change == "redirect" else "P1"
    old = dump(tmp_path, [*pages, redirect_page("R", "P1", 600)], "20260101", pages_per_stream=9)
    new = dump(tmp_path, [*newer, redirect_page("R", target, 600)], pages_per_stream=7)
    make = {"keep": True, "pages_per_part": 8}
    build(old, tmp_path / "old", unit_bytes=1500, **make)
    build(new, tmp_path / "refreshed", older=tmp_path / "old", unit_bytes=1100, **make)
    build(new, tmp_path / "full", **make)
    assert tables(tmp_path / "refreshed") == tables(tmp_path / "full")
    for table in ("pages", "paragraphs", "sentences", "image_links", "refresh"):
        before, after = inodes(tmp_path / "old", table), inodes(tmp_path / "refreshed", table)
        assert len(before) > 8
        assert len(before - after) <= 2
        assert len(after - before) in (1, 2)


def test_a_page_in_front_of_all_others_leaves_their_parts_as_they_are(tmp_path):
    pages = [DumpPage(f"P{n}", text(f"P{n}", "P1"), n + 100) for n in range(40)]
    old = dump(tmp_path, pages, "20260101")
    new = dump(tmp_path, [DumpPage("First", text("First", "P1"), 1), *pages])
    build(old, tmp_path / "old", keep=True, pages_per_part=4)
    build(new, tmp_path / "new", keep=True, older=tmp_path / "old", pages_per_part=4)
    shared = inodes(tmp_path / "old", "pages") & inodes(tmp_path / "new", "pages")
    assert len(shared) >= len(inodes(tmp_path / "old", "pages")) - 1


def test_options_and_disambiguations(tmp_path):
    old, new = dump(tmp_path, OLD, "20260101"), dump(tmp_path, newer(OLD))
    reused = compare(tmp_path, old, new, skip_disambiguation=True, rules=frozenset())
    assert reused == 2


def test_a_checksum_or_a_revision_alone_makes_a_page_another(tmp_path):
    old = dump(tmp_path, OLD[:2], "20260101")
    new = dump(tmp_path, [replace(OLD[0], text=text("Ada", "Bob")), replace(OLD[1], revision_id=9)])
    assert compare(tmp_path, old, new) == 0


def test_pages_without_a_checksum_are_extracted_again(tmp_path):
    def without(folder, day):
        path = dump(tmp_path, OLD[:3], day, schema="0.10")
        path.write_bytes(
            bz2.compress(re.sub(rb"<sha1>[^<]*</sha1>", b"<sha1 />", bz2.decompress(path.read_bytes())))
        )
        return path

    assert compare(tmp_path, without(tmp_path, "20260101"), without(tmp_path, "20260201")) == 0


@pytest.mark.parametrize("seed", range(4))
def test_random_histories(tmp_path, seed):
    """Four dumps in a row, each refreshed from the snapshot before, against full builds."""
    draw = random.Random(seed)
    names = [f"Page {number}" for number in range(30)]

    def page(number):
        if draw.random() < 0.25:
            return redirect_page(names[number], draw.choice(names), number + 1)
        links = draw.sample(names, draw.randrange(4))
        body = picture(f"{number}.jpg") * draw.randrange(2) + text(names[number], *links)
        return DumpPage(names[number], body + noise(draw.randrange(9), draw.randrange(200)), number + 1)

    pages = {number: page(number) for number in range(len(names))}
    before, reused = None, 0
    for turn in range(4):
        for number in draw.sample(range(len(names)), 5 if turn else 0):
            pages[number] = replace(page(number), revision_id=5000 + turn)
        there = [pages[number] for number in sorted(pages) if draw.random() < 0.95]
        new = dump(tmp_path, there, f"2026010{turn + 1}", pages_per_stream=5)
        build(new, tmp_path / f"full{turn}", keep=True, unit_bytes=600, pages_per_part=3)
        output = tmp_path / f"refreshed{turn}"
        build(new, output, keep=True, older=before, unit_bytes=900, pages_per_part=3)
        assert tables(output) == tables(tmp_path / f"full{turn}")
        assert kept(output) == kept(tmp_path / f"full{turn}")
        reused += count_reused(output)
        before = output
    assert reused > 20


def test_many_pages_of_several_row_groups_and_writes(tmp_path, monkeypatch):
    monkeypatch.setattr("pipelines.text_corpus.extract.FLUSH_ROWS", 40)
    monkeypatch.setattr("pipelines.text_corpus.reused_pages.ROWS_PER_GROUP", 7)
    monkeypatch.setattr("pipelines.text_corpus.reuse._GROUPS_IN_MEMORY", 2)
    for table in ("pages", "paragraphs", "sentences", "image_links"):
        monkeypatch.setitem(ROWS_PER_GROUP, table, 16)
    pages = [
        DumpPage(f"P{n}", picture(f"{n}.jpg") + text(f"P{n}", f"P{n + 1}", "R"), n + 1) for n in range(100)
    ]
    pages.append(redirect_page("R", "P1", 200))
    changed = [
        replace(p, text=p.text + " Now.", revision_id=7) if n % 9 == 4 else p for n, p in enumerate(pages)
    ]
    old, new = dump(tmp_path, pages, "20260101"), dump(tmp_path, changed)
    assert compare(tmp_path, old, new) == 100 - 11
    groups = pq.read_metadata(tmp_path / "refreshed/sentences/part-00000.parquet")
    assert groups.num_row_groups > 10


def test_why_rows_cannot_be_taken(tmp_path):
    old, new = dump(tmp_path, OLD, "20260101"), dump(tmp_path, newer(OLD))
    build(old, tmp_path / "old", keep=True)
    build(old, tmp_path / "plain")
    _, planned = describe(str(new), tmp_path / "new")
    assert why_not_reusable(tmp_path / "old", planned) is None
    assert "keeps nothing" in why_not_reusable(tmp_path / "plain", planned)
    assert "keeps nothing" in why_not_reusable(tmp_path / "nowhere", planned)
    assert "extractor" in why_not_reusable(tmp_path / "old", replace(planned, code_fingerprint="other"))
    assert "options" in why_not_reusable(tmp_path / "old", replace(planned, skip_disambiguation=True))
    site = DumpSite(case="case-sensitive")
    _, other = describe(str(dump(tmp_path / "other", OLD, site=site)), tmp_path / "new")
    assert "wiki" in why_not_reusable(tmp_path / "old", other)
    next((tmp_path / "old" / "refresh").glob("*.parquet")).unlink()
    assert "missing" in why_not_reusable(tmp_path / "old", planned)


def test_differences_of_two_ascending_lists():
    draw = random.Random(3)
    for _ in range(200):
        one = {chr(97 + draw.randrange(9)): str(draw.randrange(3)) for _ in range(draw.randrange(9))}
        other = {chr(97 + draw.randrange(9)): str(draw.randrange(3)) for _ in range(draw.randrange(9))}
        expected = {key for key in one | other if one.get(key) != other.get(key)}
        found = list(_differences(sorted(one.items()), sorted(other.items())))
        assert Counter(found) == Counter(expected)
