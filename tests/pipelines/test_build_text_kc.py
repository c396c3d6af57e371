"""The build of the text corpus, from dumps written here to the rows of its tables."""

import io
import re
import time

import pytest
from rich.console import Console

from kc_schema.snapshot import LostText, open_snapshot
from kc_schema.store import Place, PlaceBusyError
from pipelines import build_text_kc
from pipelines.dump.errors import DumpError
from pipelines.text_corpus.build import BuildError
from pipelines.text_corpus.report import show_summary
from tests.corpus_builder import all_rows, build, files, rows
from tests.dump_writer import GERMAN_SITE, DumpPage, head_xml, noise, redirect_page, write_dump

TURING = DumpPage(
    "Alan Turing",
    """{{Infobox person|image=Turing at work.jpg|caption=Turing in 1930}}
'''Alan Turing''' was a [[mathematician]]. He worked at [[Bletchley]].

== Work ==
He broke the [[Enigma cipher|Enigma]] with several [[code breaker]]s and wrote many papers.
[[File:Bombe.jpg|thumb|The machine that he built.]]
""",
    page_id=10,
)


def test_a_page_becomes_rows_of_every_table(tmp_path):
    pages = [
        TURING,
        redirect_page("Bletchley", "Bletchley Park", 11),
        redirect_page("Enigma cipher", "Enigma code", 12),
        redirect_page("Enigma code", "Enigma machine", 13),
    ]
    kc = tmp_path / "kc"
    manifest = build(write_dump(tmp_path / "testwiki-20250101-pages-articles.xml.bz2", pages), kc)
    introduction = (
        "Alan Turing was a <e: Mathematician> mathematician </e>."
        " He worked at <e: Bletchley_Park> Bletchley </e>."
    )
    first, second = 10 << 16, (10 << 16) + 1
    assert rows(kc, "pages", "page_id", "title", "revision_id", "disambiguation", "introduction") == [
        (10, "Alan Turing", 1001, False, introduction)
    ]
    assert len(rows(kc, "pages", "sha1")[0]) == 31
    assert rows(kc, "paragraphs") == [
        (first, 10, "Alan Turing", "", 0, "prose", introduction),
        (
            second,
            10,
            "Alan Turing",
            "Work",
            1,
            "prose",
            "He broke the <e: Enigma_machine> Enigma </e> with several"
            " <e: Code_breaker> code breakers </e> and wrote many papers.",
        ),
    ]
    assert rows(kc, "sentences") == [
        (first << 12, first, 0, "Alan Turing was a mathematician."),
        ((first << 12) + 1, first, 1, "He worked at Bletchley."),
        (second << 12, second, 0, "He broke the Enigma with several code breakers and wrote many papers."),
    ]
    assert rows(kc, "redirects") == [
        ("Bletchley", "Bletchley_Park"),
        ("Enigma_cipher", "Enigma_machine"),
        ("Enigma_code", "Enigma_machine"),
    ]
    assert rows(kc, "image_links") == [
        (10, "Turing_at_work.jpg", "Turing in 1930", "infobox", 0),
        (10, "Bombe.jpg", "The machine that he built.", "thumbnail", 1),
    ]
    assert manifest.counts["anchors"] == 4
    assert manifest.counts["anchors resolved"] == 2
    assert manifest.dump["name"] == "testwiki-20250101"
    assert manifest.dump["date"] == "2025-01-01"
    assert manifest.templates["dropped"] == {"infobox": 1}


def articles(count, length=1500):
    """Pages of text that hardly compresses, so that a small dump has many bz2 blocks, with links between them."""
    pages = []
    for number in range(count):
        words = " ".join(f"{noise(number * 100 + i, 9)}" for i in range(length // 10))
        text = f"Page {number} leads to [[Page {number + 1}]] and [[Old {number}|an old one]]. {words}."
        pages.append(DumpPage(f"Page {number}", text))
        pages.append(redirect_page(f"Old {number}", f"Page {number // 2}"))
    return pages


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    folder = tmp_path_factory.mktemp("expected")
    build(write_dump(folder / "dump.xml", articles(40)), folder / "kc", unit_bytes=1 << 30)
    return all_rows(folder / "kc")


@pytest.mark.parametrize("schema", ["0.10", "0.11"])
@pytest.mark.parametrize(
    ("name", "pages_per_stream"),
    [
        ("dump.xml.bz2", None),
        ("dump.xml.bz2", 7),
        ("dump.xml.gz", None),
        ("dump.xml.zst", 7),
        ("dump.xml", None),
    ],
)
def test_rows_do_not_depend_on_the_format(tmp_path, expected, name, pages_per_stream, schema):
    dump = write_dump(tmp_path / name, articles(40), schema=schema, pages_per_stream=pages_per_stream)
    build(dump, tmp_path / "kc")
    assert all_rows(tmp_path / "kc") == expected


@pytest.mark.parametrize("unit_bytes", [3_000, 7_001, 20_000])
@pytest.mark.parametrize(
    ("name", "pages_per_stream"), [("dump.xml.bz2", None), ("dump.xml.bz2", 3), ("dump.xml", None)]
)
def test_rows_do_not_depend_on_the_cut(tmp_path, expected, name, pages_per_stream, unit_bytes):
    dump = write_dump(tmp_path / name, articles(40), pages_per_stream=pages_per_stream, level=1)
    build(dump, tmp_path / "kc", unit_bytes=unit_bytes)
    assert all_rows(tmp_path / "kc") == expected


def test_numbered_parts_are_read_in_their_order(tmp_path, expected):
    pages = articles(40)
    for number, first in enumerate(range(0, 80, 30), start=1):
        part = pages[first : first + 30]
        part = [DumpPage(p.title, p.text, first + i + 1, redirect=p.redirect, revision_id=1001 + first + i)
                for i, p in enumerate(part)]  # fmt: skip
        name = f"testwiki-20250101-pages-articles{number}.xml-p{first + 1}p{first + 30}.bz2"
        write_dump(tmp_path / "dumps" / name, part)
    build(tmp_path / "dumps", tmp_path / "kc")
    assert all_rows(tmp_path / "kc") == expected
    build(f"{tmp_path}/dumps/*-pages-articles*.bz2", tmp_path / "kc2")
    assert all_rows(tmp_path / "kc2") == expected


@pytest.mark.parametrize("unit_bytes", [1 << 30, 4_000])
@pytest.mark.parametrize(("first", "second"), [(100, 200), (200, 100), (100, 100)])
def test_pages_that_do_not_ascend_or_come_twice_are_sorted_and_counted(tmp_path, unit_bytes, first, second):
    def page(number, text, revision):
        words = f"{text} text of the page with number {number}."
        return DumpPage(f"Page {number}", words, number, revision_id=revision + number)

    pages = [page(number, "First " + noise(number, 900), first) for number in (9, 3, 7, 1)]
    pages += [page(number, "Second " + noise(number, 900), second) for number in (3, 8, 9, 2)]
    manifest = build(write_dump(tmp_path / "dump.xml", pages), tmp_path / "kc", unit_bytes=unit_bytes // 4)
    texts = dict(rows(tmp_path / "kc", "paragraphs", "page_id", "text"))
    newest = "Second" if second > first else "First"
    assert {page_id: text.split()[0] for page_id, text in texts.items()} == {
        1: "First", 2: "Second", 3: newest, 7: "First", 8: "Second", 9: newest
    }  # fmt: skip
    assert rows(tmp_path / "kc", "pages", "page_id") == [1, 2, 3, 7, 8, 9]
    assert manifest.drops["pages"] == {"page seen before": 2}
    examples = manifest.lost["pages"]["page seen before"]
    assert sorted(found.title for found in examples) == ["Page 3", "Page 9"]


@pytest.mark.parametrize("newer_first", [True, False])
def test_of_a_page_in_several_files_of_a_dump_the_newest_revision_counts(tmp_path, newer_first):
    older = DumpPage("Ada", "The older words of the page about Ada.", 7, revision_id=70)
    newer = DumpPage("Ada", "The newer words of the page about Ada.", 7, revision_id=71)
    other = DumpPage("Turing", "Turing was a man who thought about machines.", 8, revision_id=60)
    parts = [[newer, other], [older]] if newer_first else [[older, other], [newer]]
    (tmp_path / "dumps").mkdir()
    for number, part in enumerate(parts, 1):
        name = f"testwiki-20250101-pages-articles{number}.xml-p{number}p{number + 30}.bz2"
        write_dump(tmp_path / "dumps" / name, part)
    manifest = build(tmp_path / "dumps", tmp_path / "kc")
    assert rows(tmp_path / "kc", "pages", "page_id", "revision_id") == [(7, 71), (8, 60)]
    assert rows(tmp_path / "kc", "paragraphs", "text")[0] == "The newer words of the page about Ada."
    assert manifest.drops["pages"] == {"page seen before": 1}


def test_a_page_that_became_a_redirect_is_none_whatever_the_order(tmp_path):
    article = DumpPage("Countess", "The page as it was before it led elsewhere.", 7, revision_id=70)
    redirect = DumpPage("Countess", "#REDIRECT [[Ada]]", 7, redirect="Ada", revision_id=71)
    ada = DumpPage("Ada", "Ada was the first who wrote [[Countess|programs]] for a machine.", 8)
    for number, pages in enumerate(([article, redirect, ada], [redirect, article, ada])):
        build(write_dump(tmp_path / f"{number}.xml", pages), tmp_path / f"kc{number}")
        assert rows(tmp_path / f"kc{number}", "pages", "page_id") == [8]


@pytest.mark.parametrize("unit_bytes", [1 << 30, 1000])
def test_apparatus_of_a_page_that_stood_in_the_dump_before_is_not_counted(tmp_path, unit_bytes):
    def page(number, text):
        return DumpPage(f"Page {number}", f"{text}\n== Notes ==\nOne note is here. And another.", number)

    pages = [page(number, "First " + noise(number, 900)) for number in (9, 3, 7, 1)]
    pages += [page(number, "Second " + noise(number, 900)) for number in (3, 8, 9, 2)]
    manifest = build(write_dump(tmp_path / "dump.xml", pages), tmp_path / "kc", unit_bytes=unit_bytes)
    assert manifest.counts["apparatus paragraphs"] == 6
    assert manifest.counts["apparatus sentences"] == 12


def test_every_loss_has_a_reason_and_a_count(tmp_path):
    pages = [
        TURING,
        DumpPage("Talk:Alan Turing", "Talk about him, for long and with care.", namespace=1),
        DumpPage("Gone", None),
        DumpPage("Module data", "return {}", model="Scribunto"),
        DumpPage("", "", xml="  <page>\n<title>No id</title><ns>0</ns>\n  </page>\n"),
        redirect_page("Self", "Self"),
        redirect_page("Help me", "Wikipedia:Help"),
    ]
    manifest = build(write_dump(tmp_path / "dump.xml", pages), tmp_path / "kc")
    drops = manifest.drops["pages"]
    assert drops["other namespace"] == 1
    assert drops["text deleted"] == 1
    assert drops["content model Scribunto"] == 1
    assert sum(drops.values()) == 4
    assert manifest.drops["redirects"] == {"leads in a circle": 1, "target in another namespace": 1}
    assert manifest.counts["pages read"] == 7
    assert manifest.counts["articles"] == 1
    assert manifest.templates["examples"]["text deleted"] == ["Gone"]
    assert manifest.lost["pages"]["other namespace"] == [LostText("Talk:Alan Turing", "")]
    assert manifest.lost["redirects"] == {
        "leads in a circle": [LostText("Self", "Self")],
        "target in another namespace": [LostText("Help me", "Wikipedia:Help")],
    }


def test_of_every_lost_text_the_beginning_is_kept_as_an_example(tmp_path):
    text = "'''It''' is. 12 34 {0}.\n\n1990 {0}\n\n2000\n\n== References ==\nIbid. It is {0}."
    pages = [DumpPage(f"Page {number}", text.format(number)) for number in range(1, 40)]
    lost = build(write_dump(tmp_path / "dump.xml", pages), tmp_path / "kc").lost
    found = lost["paragraphs"]["no_words"]
    assert len(found) == 3
    assert all(example.text == f"1990 {example.title.removeprefix('Page ')}" for example in found)
    assert [example.text for example in lost["sentences"]["citation_rest"]] == ["Ibid."] * 3


def test_a_page_that_breaks_the_extractor_is_dropped_by_name(tmp_path, monkeypatch):
    def fail(text, *, title, site, from_xml):
        raise RecursionError(title)

    monkeypatch.setattr("pipelines.text_corpus.extract.extract_article", fail)
    manifest = build(write_dump(tmp_path / "dump.xml", [TURING]), tmp_path / "kc")
    assert manifest.drops["pages"] == {"extractor failed: RecursionError": 1}
    assert manifest.templates["examples"] == {"extractor failed: RecursionError": ["Alan Turing"]}


DISAMBIGUATION = DumpPage(
    "Turing",
    "'''Turing''' may refer to:\n* [[Alan Turing]], a mathematician of great renown\n{{disambiguation}}",
    20,
)


def test_disambiguation_pages_are_marked_or_left_out(tmp_path):
    dump = write_dump(tmp_path / "dump.xml", [TURING, DISAMBIGUATION])
    build(dump, tmp_path / "kept")
    assert rows(tmp_path / "kept", "pages", "title", "disambiguation") == [
        ("Alan Turing", False),
        ("Turing", True),
    ]
    manifest = build(dump, tmp_path / "skipped", skip_disambiguation=True)
    assert rows(tmp_path / "skipped", "pages", "title") == ["Alan Turing"]
    assert manifest.drops["pages"] == {"disambiguation": 1}


def test_pronunciations_are_left_out_or_kept(tmp_path):
    page = DumpPage("Ulm", "Ulm ({{IPA|de|ʊlm}}) is a city on the river Danube in Germany.")
    dump = write_dump(tmp_path / "dump.xml", [page])
    build(dump, tmp_path / "without")
    assert rows(tmp_path / "without", "sentences", "text") == [
        "Ulm is a city on the river Danube in Germany."
    ]
    manifest = build(dump, tmp_path / "with", pronunciations=True)
    assert rows(tmp_path / "with", "sentences", "text") == [
        "Ulm (German: [ʊlm]) is a city on the river Danube in Germany."
    ]
    assert manifest.options["pronunciations"] is True


def test_another_wiki_is_read_by_its_site_information(tmp_path):
    page = DumpPage(
        "Österreich",
        "'''Österreich''' liegt in [[mitteleuropa|Mitteleuropa]]. [[Datei:Wien.jpg|mini|Die Stadt Wien.]]"
        " Es hat viele Berge.[[Kategorie:Staat]]",
    )
    redirect = redirect_page("Mitteleuropa", "Zentraleuropa")
    dump = write_dump(tmp_path / "dewiki-20250101.xml.gz", [page, redirect], site=GERMAN_SITE)
    manifest = build(dump, tmp_path / "kc")
    assert rows(tmp_path / "kc", "sentences", "text") == [
        "Österreich liegt in Mitteleuropa.",
        "Es hat viele Berge.",
    ]
    assert "<e: Zentraleuropa> Mitteleuropa </e>" in rows(tmp_path / "kc", "paragraphs", "text")[0]
    assert rows(tmp_path / "kc", "image_links", "file") == ["Wien.jpg"]
    assert (manifest.dump["wiki"], manifest.dump["language"]) == ("dewiki", "de")


def test_text_that_looks_like_an_anchor_stays_text(tmp_path):
    page = DumpPage(
        "Tags", "The tag &lt;e: Title> is written so, and [[Ada]] ends it with &lt;/e> in the corpus."
    )
    build(write_dump(tmp_path / "dump.xml", [page]), tmp_path / "kc")
    assert rows(tmp_path / "kc", "sentences", "text") == [
        "The tag <e: Title> is written so, and Ada ends it with </e> in the corpus."
    ]


def test_rules_for_fragments_can_be_switched_off(tmp_path):
    page = DumpPage("Short", "The sentence is long enough to stay in the corpus.\n\n1234567\n\nWord")
    dump = write_dump(tmp_path / "dump.xml", [page])
    kept = build(dump, tmp_path / "with")
    assert kept.rows("paragraphs") == 1
    assert sum(kept.drops["paragraphs"].values()) == 2
    assert build(dump, tmp_path / "without", rules=frozenset()).rows("paragraphs") == 3


def test_a_finished_snapshot_is_left_as_it_is(tmp_path):
    dump = write_dump(tmp_path / "dump.xml", [TURING])
    build(dump, tmp_path / "kc")
    before = open_snapshot(tmp_path / "kc").fingerprint
    build(dump, tmp_path / "kc")
    assert open_snapshot(tmp_path / "kc").fingerprint == before
    assert not (tmp_path / "kc" / ".work").exists()


def test_another_dump_or_other_options_are_refused_with_the_way_out(tmp_path):
    dump, other = (
        write_dump(tmp_path / name, [page]) for name, page in (("a.xml", TURING), ("b.xml", DISAMBIGUATION))
    )
    build(dump, tmp_path / "kc")
    with pytest.raises(BuildError, match=r"snapshot of another dump, a.*--overwrite"):
        build(other, tmp_path / "kc")
    with pytest.raises(
        BuildError, match=r"other options \(skip_disambiguation: False, asked True\).*--overwrite"
    ):
        build(dump, tmp_path / "kc", skip_disambiguation=True)
    build(other, tmp_path / "kc", overwrite=True)
    assert rows(tmp_path / "kc", "pages", "title") == ["Turing"]


def test_an_unfinished_build_of_another_dump_is_refused(tmp_path):
    dump = write_dump(tmp_path / "a.xml.bz2", articles(40), level=1)
    whole = dump.read_bytes()
    dump.write_bytes(whole[:-2000])
    with pytest.raises(DumpError, match=r"a\.xml\.bz2: byte \d+.*--allow-truncated"):
        build(dump, tmp_path / "kc", unit_bytes=5_000)
    assert not (tmp_path / "kc" / "manifest.json").exists()
    with pytest.raises(BuildError, match="unfinished build of another dump"):
        build(write_dump(tmp_path / "b.xml", [TURING]), tmp_path / "kc")


def test_an_unfinished_build_goes_on_with_options_that_help_it(tmp_path):
    dump = write_dump(tmp_path / "a.xml.bz2", articles(40), level=1)
    dump.write_bytes(dump.read_bytes()[:-2000])
    with pytest.raises(DumpError):
        build(dump, tmp_path / "kc", unit_bytes=5_000)
    build(dump, tmp_path / "kc", unit_bytes=5_000, allow_truncated=True)
    build(dump, tmp_path / "afresh", unit_bytes=5_000, allow_truncated=True)
    assert files(tmp_path / "kc") == files(tmp_path / "afresh")


@pytest.mark.parametrize("limit", [1, 3, 17, 40, 99])
def test_a_limit_takes_the_first_articles_of_the_dump(tmp_path, expected, limit):
    dump = write_dump(tmp_path / "dump.xml.bz2", articles(40), level=1)
    manifest = build(dump, tmp_path / "kc", unit_bytes=6_000, limit=limit)
    found = rows(tmp_path / "kc", "sentences")
    assert found == expected["sentences"][: len(found)]
    assert rows(tmp_path / "kc", "pages", "title") == [f"Page {number}" for number in range(min(limit, 40))]
    assert manifest.options["limit"] == limit
    assert manifest.counts["articles"] == min(limit, 40)


def test_a_limited_build_is_not_mixed_with_another(tmp_path):
    dump = write_dump(tmp_path / "dump.xml.bz2", articles(40), level=1)
    build(dump, tmp_path / "kc", limit=3)
    with pytest.raises(BuildError, match=r"other options \(limit: 3, asked None\).*--overwrite"):
        build(dump, tmp_path / "kc")
    with pytest.raises(BuildError, match=r"other options \(limit: 3, asked 4\).*--overwrite"):
        build(dump, tmp_path / "kc", limit=4)
    dump.write_bytes(dump.read_bytes()[:-2000])
    with pytest.raises(DumpError):
        build(dump, tmp_path / "unfinished", unit_bytes=5_000)
    with pytest.raises(BuildError, match=r"unfinished build with other options \(limit: None, asked 4\)"):
        build(dump, tmp_path / "unfinished", unit_bytes=5_000, limit=4)


def test_a_folder_of_other_files_is_not_touched(tmp_path):
    (tmp_path / "kc").mkdir()
    (tmp_path / "kc" / "thesis.tex").write_text("mine")
    dump = write_dump(tmp_path / "a.xml", [TURING])
    with pytest.raises(BuildError, match="no snapshot"):
        build(dump, tmp_path / "kc")
    build(dump, tmp_path / "kc", overwrite=True)
    assert (tmp_path / "kc" / "thesis.tex").read_text() == "mine"


def test_a_cut_off_dump_is_read_as_far_as_it_goes_on_request(tmp_path):
    pages = articles(40)
    dump = write_dump(tmp_path / "dump.xml.bz2", pages, pages_per_stream=4)
    whole = build(dump, tmp_path / "whole")
    dump.write_bytes(dump.read_bytes()[: dump.stat().st_size * 2 // 3])
    manifest = build(dump, tmp_path / "kc", allow_truncated=True)
    assert 0 < manifest.rows("pages") < whole.rows("pages")
    titles = rows(tmp_path / "whole", "pages", "title")
    assert rows(tmp_path / "kc", "pages", "title") == titles[: manifest.rows("pages")]
    assert [reason for reason in manifest.drops["pages"] if "ends early" in reason]


def test_a_flipped_bit_is_found_and_placed(tmp_path):
    dump = write_dump(tmp_path / "dump.xml.bz2", articles(40), level=1)
    damaged = bytearray(dump.read_bytes())
    damaged[len(damaged) // 2] ^= 4
    dump.write_bytes(damaged)
    with pytest.raises(DumpError, match=r"dump\.xml\.bz2: byte \d+.*damaged"):
        build(dump, tmp_path / "kc", unit_bytes=6_000)


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("empty.xml.bz2", b"", "is empty"),
        ("page.xml.bz2", b"<!DOCTYPE html><html>404</html>", "web page"),
        ("noise.xml.bz2", b"\x00\x01\x02nothing", "no dump"),
        ("other.xml", b"<?xml version='1.0'?><rss></rss>", "no <mediawiki>"),
    ],
)
def test_files_that_are_no_dumps_are_named(tmp_path, name, content, complaint):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DumpError, match=rf"{name}.*{complaint}"):
        build(tmp_path / name, tmp_path / "kc")


def test_a_missing_dump_is_named(tmp_path):
    with pytest.raises(DumpError, match="no such file"):
        build(tmp_path / "none.xml.bz2", tmp_path / "kc")


def test_a_second_build_in_one_folder_is_refused_also_one_that_would_replace_it(tmp_path):
    dump = write_dump(tmp_path / "dump.xml", [TURING])
    with Place(tmp_path / "kc", owns=()):
        for overwrite in (False, True):
            with pytest.raises(PlaceBusyError, match=r"another build .* is writing there"):
                build(dump, tmp_path / "kc", overwrite=overwrite)
    build(dump, tmp_path / "kc")


def test_a_snapshot_is_no_dump(tmp_path):
    build(write_dump(tmp_path / "dump.xml", [TURING]), tmp_path / "kc")
    with pytest.raises(BuildError, match=r"is a text corpus that was built.*pipelines\.search QUERY --kc"):
        build(tmp_path / "kc", tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_the_summary_tells_what_was_counted(tmp_path):
    pages = [TURING, redirect_page("Bletchley", "Bletchley Park", 11)]
    manifest = build(write_dump(tmp_path / "dump.xml", pages), tmp_path / "kc")
    console = Console(file=io.StringIO(), width=100)
    show_summary(console, tmp_path / "kc", manifest, seconds=2)
    lines = [line.split("  ") for line in console.file.getvalue().splitlines()]
    counts = {cells[0].strip(): cells[-1].strip() for cells in lines if len(cells) > 1}
    assert counts["anchors (links to articles)"] == "4"
    assert counts["of these, through a redirect"] == "1"


def test_workers_are_a_number(capsys):
    assert build_text_kc.main(["--dump", "x", "--workers", "0"]) == 2
    error = capsys.readouterr().err
    assert error.startswith('error: Invalid value "0" for --workers. Must be >= 1; ')
    assert error.count("\n") == 1


@pytest.mark.parametrize("unit_bytes", [1 << 30, 500])
def test_a_page_that_comes_twice_is_counted_once(tmp_path, unit_bytes):
    pages = [
        DumpPage("Turing", f"{noise(number, 900)}\n{DISAMBIGUATION.text}", page_id=20) for number in range(4)
    ]
    pages += [DumpPage("Ada", f"Ada was the first who wrote programs. {noise(9, 900)}", page_id=7)]
    manifest = build(write_dump(tmp_path / "dump.xml", pages), tmp_path / "kc", unit_bytes=unit_bytes)
    assert manifest.counts["articles"] == manifest.rows("pages") == 2
    assert manifest.counts["disambiguations"] == sum(rows(tmp_path / "kc", "pages", "disambiguation")) == 1
    assert manifest.drops["pages"] == {"page seen before": 3}


@pytest.mark.parametrize("title", ["A|B", "A [b]", "{{A}}", "A<b>", "#b", "|"])
@pytest.mark.parametrize("place", ["from", "to"])
def test_a_redirect_with_a_title_that_cannot_be_is_dropped_and_counted(tmp_path, title, place):
    redirect = redirect_page("Countess", title) if place == "to" else redirect_page(title, "Ada")
    pages = [DumpPage("Ada", "Ada was the first who wrote [[Countess|programs]] for a machine."), redirect]
    manifest = build(write_dump(tmp_path / "dump.xml", pages), tmp_path / "kc")
    assert rows(tmp_path / "kc", "redirects") == []
    assert sum(manifest.drops["redirects"].values()) == 1


def test_a_page_with_an_empty_title_is_dropped_and_named(tmp_path):
    pages = [TURING, DumpPage("", "Words of a page."), redirect_page("", "Ada")]
    manifest = build(write_dump(tmp_path / "dump.xml", pages), tmp_path / "kc")
    assert manifest.drops["pages"] == {"the page has no title": 2}
    assert "dump.xml: byte" in manifest.templates["examples"]["the page has no title"][0]


@pytest.mark.parametrize("prefix", ["", "mw:"])
def test_a_dump_without_a_single_page_is_an_error(tmp_path, prefix):
    page = f"<{prefix}page><{prefix}title>Ada</{prefix}title></{prefix}page>" if prefix else ""
    dump = tmp_path / "dump.xml"
    dump.write_text(f"{head_xml()}{page}</mediawiki>\n")
    with pytest.raises(BuildError, match=r"dump\.xml: no <page> in the dump; .* without a prefix"):
        build(dump, tmp_path / "kc")
    build(write_dump(tmp_path / "right.xml", [TURING]), tmp_path / "kc", overwrite=True)


def test_a_renamed_copy_of_a_dump_is_the_same_dump(tmp_path):
    dump = write_dump(tmp_path / "testwiki-pages-articles.xml.bz2", articles(40), level=1)
    build(dump, tmp_path / "kc", unit_bytes=6_000)
    copy = dump.rename(tmp_path / "my copy.xml.bz2")
    build(copy, tmp_path / "copy", unit_bytes=6_000)
    of_dump, of_copy = files(tmp_path / "kc"), files(tmp_path / "copy")
    assert of_dump.pop("manifest.json") != of_copy.pop("manifest.json")
    assert of_dump == of_copy
    build(copy, tmp_path / "kc")  # finished: nothing to do


def test_an_output_that_cannot_be_made_is_one_line(tmp_path, capsys):
    dump = write_dump(tmp_path / "dump.xml", [TURING])
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    (tmp_path / "file").touch()
    for output, reason in (
        (tmp_path / "a", "(Too many levels of symbolic links|File exists)"),
        (tmp_path / "a" / "kc", "Too many levels of symbolic links"),
        (tmp_path / ("x" * 300), "File name too long"),
        (tmp_path / "file", "File exists"),
        (tmp_path / "file" / "kc", "Not a directory"),
    ):
        options = ["--dump", str(dump), "--output", str(output), "--text-index", "none"]
        assert build_text_kc.main(options) == 1
        assert re.fullmatch(rf"error: {output}: {reason}; give another .*\n", capsys.readouterr().err)
    for given in ("x" * 300, str(tmp_path / "a")):
        assert build_text_kc.main(["--dump", given, "--text-index", "none"]) == 1
        assert capsys.readouterr().err.count("\n") == 1


def test_a_cluster_that_does_not_answer_is_refused_before_any_work(tmp_path, capsys):
    dump = write_dump(tmp_path / "dump.xml", [TURING])
    options = ["--dump", str(dump), "--output", str(tmp_path / "kc")]
    started = time.monotonic()
    assert build_text_kc.main([*options, "--elasticsearch-url", "http://127.0.0.1:9"]) == 1
    assert time.monotonic() - started < 15
    error = capsys.readouterr().err
    assert error.startswith("error: http://127.0.0.1:9: ")
    assert error.count("\n") == 1
    assert not (tmp_path / "kc").exists()
