"""Sections of references, notes and links are in the tables; an index has them only where it is told."""

import dataclasses

import pytest

from kc_schema.retrieval_cache import Example
from kc_schema.snapshot import open_snapshot, read_manifest, write_manifest
from kc_schema.tables import paragraph_id
from pipelines import index_text, refresh
from pipelines.evidence.queries import QueryBatch
from pipelines.evidence.sources import RandomText
from pipelines.text_index import open_index
from pipelines.text_index.embedded_build import build_embedded_index
from pipelines.text_index.indexed_rows import count_indexed, left_out_files
from tests.corpus_builder import build
from tests.dump_writer import DumpPage, write_dump

ADA = """Ada {0} wrote programs for the engine.

== References ==
* Toole, Betty: Ada {0} and the engine of programs, 1992.
* Ada's engine, a talk on {0} programs that she gave.
== Legacy ==
A language of {0} programs is named for her.
"""
PAGES = [DumpPage(f"Ada {number}", ADA.format(number), page_id=number) for number in range(1, 40)]


@pytest.fixture(scope="module")
def kc(tmp_path_factory):
    folder = tmp_path_factory.mktemp("apparatus")
    build(write_dump(folder / "testwiki-20250101-pages-articles.xml", PAGES), folder / "kc", pages_per_part=8)
    return folder / "kc"


def found(kc, k=200):
    with open_index(kc) as index:
        return [
            hit.record_id for hit in index.search(["the programs of the engine"], k)[0]
        ], index.with_apparatus


def test_the_default_index_leaves_apparatus_out_and_an_option_keeps_it(kc, capsys):
    manifest = read_manifest(kc)
    assert manifest.counts["apparatus paragraphs"] == manifest.counts["apparatus sentences"] == 78
    assert len(manifest.tables["sentences"]) > 2
    index_text.main(["--kc", str(kc)])
    paragraphs, with_apparatus = found(kc)
    wanted = {paragraph_id(page, position) for page in range(1, 40) for position in (0, 3)}
    assert set(paragraphs) == wanted
    assert not with_apparatus
    index_text.main(["--kc", str(kc), "--with-apparatus"])
    paragraphs, with_apparatus = found(kc)
    assert len(paragraphs) == 4 * 39
    assert with_apparatus
    assert build_embedded_index(kc).seconds > 0
    assert set(found(kc)[0]) == wanted
    assert build_embedded_index(kc).seconds == 0
    assert "156 sentences" in capsys.readouterr().err


@pytest.mark.parametrize("rows", [1, 3, 1000])
@pytest.mark.parametrize("table", ["sentences", "paragraphs"])
def test_rows_are_left_out_whatever_the_size_of_a_batch(kc, table, rows):
    snapshot = open_snapshot(kc)
    key = f"{table[:-1]}_id"

    def batches(with_apparatus):
        left_out = left_out_files(snapshot, table, with_apparatus=with_apparatus)
        return left_out.filter(snapshot.batches(table, [key, *left_out.columns()], rows=rows))

    left = [value for batch in batches(False) for value in batch[0].to_pylist()]
    bits = 28 if table == "sentences" else 16
    assert {(value >> bits, (value >> (bits - 16)) % (1 << 16)) for value in left} == {
        (page, position) for page in range(1, 40) for position in (0, 3)
    }
    assert len(left) == count_indexed(snapshot, table, with_apparatus=False) == 78
    everything = batches(True)
    assert sum(map(len, everything)) == count_indexed(snapshot, table, with_apparatus=True) == 156


def test_an_index_that_does_not_hold_what_the_manifest_counts_is_refused(kc, tmp_path):
    snapshot = open_snapshot(kc)
    other = tmp_path / "kc"
    other.mkdir()
    for table in ("pages", "redirects", "paragraphs", "sentences", "image_links"):
        (other / table).symlink_to(kc / table)
    counts = {**snapshot.manifest.counts, "apparatus sentences": 77}
    write_manifest(other, dataclasses.replace(snapshot.manifest, counts=counts))
    with pytest.raises(Exception, match="holds 78 sentences, the manifest says 79"):
        build_embedded_index(other)


def test_without_an_index_the_option_is_refused(kc, capsys):
    assert index_text.main(["--kc", str(kc), "--text-index", "none", "--with-apparatus"]) == 2
    assert "--with-apparatus goes with an index" in capsys.readouterr().err


def test_a_refresh_carries_the_option(tmp_path):
    dump = write_dump(tmp_path / "testwiki-20250101-pages-articles.xml", PAGES[:3])
    options = ["--root", str(tmp_path / "root"), "--dump", str(dump), "--workers", "1"]
    for more, with_apparatus in ((["--with-apparatus"], True), ([], False)):
        assert refresh.main([*options, *more]) == 0
        with open_index(tmp_path / "root" / "current") as index:
            keys = [hit.key for hit in index.search(["Toole and the engine"])[0]]
            assert index.with_apparatus is with_apparatus
        assert any("Toole" in key for key in keys) is with_apparatus


def test_chance_draws_what_a_search_may_find_and_no_text_twice(tmp_path):
    pages = [
        DumpPage(f"Ada {n}", f"Ada wrote.\n\nIt ran {n % 4}.\n== Notes ==\nA note, of {n}.", page_id=n)
        for n in range(1, 30)
    ]
    build(write_dump(tmp_path / "testwiki-20250101-pages-articles.xml", pages), tmp_path / "kc")
    snapshot = open_snapshot(tmp_path / "kc")
    examples = [Example(f"e{n}", tokens=["Ada"], labels=["O"]) for n in range(40)]
    batch = QueryBatch("test", 0, examples, ["Ada"] * len(examples), [None] * len(examples))
    drawn = RandomText(snapshot, 6, seed=0).ask(batch).hits
    for hits in drawn.values():
        texts = [hit.key for hit in hits]
        assert sorted(texts) == ["Ada wrote.", "It ran 0.", "It ran 1.", "It ran 2.", "It ran 3."]
    drawn = RandomText(snapshot, 6, seed=0, with_apparatus=True).ask(batch).hits
    assert any("note" in hit.key for hits in drawn.values() for hit in hits)
    assert all(len({hit.key for hit in hits}) == 6 for hits in drawn.values())
