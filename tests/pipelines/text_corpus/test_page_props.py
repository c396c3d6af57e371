"""What the wiki's own table says of its pages stands in the table of pages, and changes nothing else."""

from dataclasses import replace

import pytest

from kc_schema.tables import TEXT_TABLES
from pipelines.dump.errors import DumpError
from pipelines.text_corpus import page_props
from pipelines.text_corpus.build import BuildError
from tests.corpus_builder import all_rows, build, files, rows
from tests.dump_writer import DumpPage, redirect_page, write_dump
from tests.sql_writer import table_text, write_page_props

COUNTED = ("wikidata ids", "page images", "page images that are not free", "disambiguations")
ADDED = ("wikidata_id", "page_image", "page_image_free")
PAGES = [
    DumpPage("Ada Lovelace", "'''Ada Lovelace''' wrote a program for the [[Analytical Engine]].", 10),
    DumpPage("Mercury", "'''Mercury''' can be a planet, a god or a metal, among other things.", 20),
    DumpPage("Analytical Engine", "The '''Analytical Engine''' was a machine of [[Babbage]].", 30),
    redirect_page("Babbage", "Charles Babbage", 40),
    DumpPage(
        "Lists", "A '''list''' is not a {{disambiguation}} page in any language.\n{{disambiguation}}", 50
    ),
]
PROPS = {
    10: {"wikibase_item": "Q7259", "page_image_free": "Ada_d'Lovelace.jpg", "defaultsort": "Lovelace, Ada"},
    20: {"wikibase_item": "Q151", "disambiguation": "", "notoc": ""},
    30: {"page_image": "Unfree.png", "page_image_free": "Free.png", "wikibase_item": "Q193"},
    40: {"wikibase_item": "Q46633"},
    999: {"wikibase_item": "Q5"},
}


@pytest.fixture
def dump(tmp_path):
    return write_dump(tmp_path / "testwiki-20250101-pages-articles.xml.bz2", PAGES)


@pytest.fixture
def props(tmp_path):
    return write_page_props(tmp_path / "testwiki-20250101-page_props.sql.gz", PROPS, rows_per_statement=2)


@pytest.mark.parametrize("unit_bytes", [None, 60])
def test_pages_get_what_the_wiki_says_of_them(tmp_path, dump, props, unit_bytes):
    manifest = build(dump, tmp_path / "kc", page_props="auto", unit_bytes=unit_bytes)
    assert rows(tmp_path / "kc", "pages", "page_id", *ADDED, "disambiguation") == [
        (10, "Q7259", "Ada_d'Lovelace.jpg", "Ada_d'Lovelace.jpg", False),
        (20, "Q151", None, None, True),
        (30, "Q193", "Unfree.png", "Free.png", False),
        (50, None, None, None, False),
    ]
    assert {name: manifest.counts[name] for name in COUNTED} == {
        "wikidata ids": 3,
        "page images": 2,
        "page images that are not free": 1,
        "disambiguations": 1,
    }


def test_without_the_file_the_columns_are_null_and_nothing_else_is_another(tmp_path, dump, props):
    one, other = tmp_path / "with", tmp_path / "without"
    build(dump, one, page_props=str(props))
    manifest = build(dump, other)
    assert rows(other, "pages", *ADDED) == [(None, None, None)] * 4
    assert rows(other, "pages", "disambiguation") == [False, False, False, True]
    assert "page_props" not in manifest.options
    assert "wikidata ids" not in manifest.counts
    before, after = all_rows(other), all_rows(one)
    kept = [name for name in TEXT_TABLES["pages"].names if name not in (*ADDED, "disambiguation")]
    assert rows(one, "pages", *kept) == rows(other, "pages", *kept)
    assert {t: r for t, r in before.items() if t != "pages"} == {
        t: r for t, r in after.items() if t != "pages"
    }


def test_names_in_bold_are_those_of_the_introduction(tmp_path):
    text = (
        "* '''Not in a list'''\n'''Ada, [[Countess of Lovelace]]''' or '''''The Enchantress''''' (10 '''''' x)"
        " '''Ada, Countess of Lovelace''' '''!''' {{lang|fr|'''La Dame'''}}\n\n== Life ==\n'''Later''' she wrote.\n"
    )
    build(write_dump(tmp_path / "d.xml", [DumpPage("Ada", text)]), tmp_path / "kc")
    assert rows(tmp_path / "kc", "pages", "bold_names") == [
        ["Ada, Countess of Lovelace", "The Enchantress", "La Dame"]
    ]


def test_disambiguations_are_left_out_as_the_wiki_knows_them(tmp_path, dump, props):
    manifest = build(dump, tmp_path / "kc", page_props="auto", skip_disambiguation=True)
    assert rows(tmp_path / "kc", "pages", "title") == ["Ada Lovelace", "Analytical Engine", "Lists"]
    assert manifest.drops["pages"]["disambiguation"] == 1
    assert "disambiguations" not in manifest.counts


def test_a_page_that_comes_twice_is_counted_once(tmp_path, props):
    dump = write_dump(tmp_path / "testwiki-20250101-pages-articles.xml", [*PAGES[:3], *PAGES[:2]])
    manifest = build(dump, tmp_path / "kc", page_props="auto", unit_bytes=300)
    assert manifest.counts["disambiguations"] == 1
    assert manifest.counts["wikidata ids"] == 3


def test_values_that_are_none_are_counted_and_left_out(tmp_path, dump):
    odd = {
        10: {"wikibase_item": "Q12; DROP", "page_image": "a[b.png"},
        20: {"wikibase_item": "q1"},
        30: {"page_image_free": b"\xff\xfe.png"},
    }
    path = write_page_props(tmp_path / "props.sql", odd)
    manifest = build(dump, tmp_path / "kc", page_props=str(path))
    assert rows(tmp_path / "kc", "pages", *ADDED) == [(None, None, None)] * 4
    assert manifest.drops["page properties"] == {
        "image with a name that no file can have": 2,
        "no Wikidata id": 2,
    }
    examples = {(found.title, found.text) for found in manifest.lost["page properties"]["no Wikidata id"]}
    assert examples == {("page 10", "Q12; DROP"), ("page 20", "q1")}


def test_rows_of_a_page_that_do_not_stand_together_are_joined(tmp_path, dump):
    path = tmp_path / "props.sql"
    mixed = [
        (20, b"disambiguation", b"", None),
        (10, b"wikibase_item", b"Q1", None),
        (20, b"wikibase_item", b"Q2", None),
    ]
    path.write_bytes(table_text(mixed))
    build(dump, tmp_path / "kc", page_props=str(path))
    assert rows(tmp_path / "kc", "pages", "wikidata_id", "disambiguation")[:2] == [
        ("Q1", False),
        ("Q2", True),
    ]


def test_a_build_with_another_file_is_another_build(tmp_path, dump, props):
    build(dump, tmp_path / "kc", page_props="auto")
    before = files(tmp_path / "kc")
    build(dump, tmp_path / "kc", page_props=str(props.rename(tmp_path / "renamed.sql.gz")))
    assert files(tmp_path / "kc") == before, "a renamed copy is the same file"
    other = write_page_props(tmp_path / "other.sql.gz", {10: {"wikibase_item": "Q1"}})
    for options in ({"page_props": str(other)}, {}):
        with pytest.raises(BuildError, match=r"other options \(page_props"):
            build(dump, tmp_path / "kc", **options)


def test_a_file_that_does_not_belong_to_the_dump_is_refused(tmp_path, dump, props):
    other = props.rename(tmp_path / "dewiki-20250101-page_props.sql.gz")
    with pytest.raises(DumpError, match="is dewiki's, the dump is testwiki's"):
        build(dump, tmp_path / "kc", page_props=str(other))
    with pytest.raises(DumpError, match=r"auto: no testwiki-20250101-page_props\.sql\* beside"):
        build(dump, tmp_path / "kc", page_props="auto")
    with pytest.raises(DumpError, match="nowhere: no such file"):
        build(dump, tmp_path / "kc", page_props="nowhere")


def test_a_damaged_file_ends_the_build_and_a_whole_one_goes_on(tmp_path, dump, props):
    whole = props.read_bytes()
    props.write_bytes(whole[:-20])
    with pytest.raises(DumpError, match="cut off"):
        build(dump, tmp_path / "kc", page_props="auto")
    props.write_bytes(whole)
    build(dump, tmp_path / "kc", page_props="auto")
    build(dump, tmp_path / "undisturbed", page_props="auto")
    assert files(tmp_path / "kc") == files(tmp_path / "undisturbed")
    assert not (tmp_path / "kc" / ".work").exists()


def test_unchanged_pages_get_what_the_wiki_says_now(tmp_path, dump, props):
    build(dump, tmp_path / "old", page_props="auto", keep=True)
    later = [replace(PAGES[0], text="'''Ada''' wrote more.", revision_id=5), *PAGES[1:]]
    newer = write_dump(tmp_path / "testwiki-20250201-pages-articles.xml.bz2", later)
    said = {**PROPS, 20: {"wikibase_item": "Q777"}, 50: {"disambiguation": ""}}
    write_page_props(tmp_path / "testwiki-20250201-page_props.sql.gz", said)
    for name in ("new", "full"):
        reuse = {"older": tmp_path / "old"} if name == "new" else {}
        manifest = build(newer, tmp_path / name, page_props="auto", keep=True, **reuse)
        assert manifest.counts["disambiguations"] == 1
    assert all_rows(tmp_path / "new") == all_rows(tmp_path / "full")
    assert rows(tmp_path / "new", "pages", "wikidata_id", "disambiguation")[1:] == [
        ("Q777", False),
        ("Q193", False),
        (None, True),
    ]


def test_the_map_is_read_once(tmp_path, dump, props, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("pipelines.build_text_kc.plan_ranges", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            build(dump, tmp_path / "kc", page_props="auto")
    monkeypatch.setattr(page_props, "read_sql_table", lambda *_, **__: 1 / 0)
    build(dump, tmp_path / "kc", page_props="auto")
    assert rows(tmp_path / "kc", "pages", "wikidata_id")[0] == "Q7259"
