"""The tables of facts beside the code: they are read in full, packed with it, and part of its fingerprint."""

import shutil
from pathlib import Path

import pytest

import pipelines.wikitext
from pipelines.text_corpus.build import checksum_of_source
from pipelines.wikitext import data
from pipelines.wikitext.templates.money import currency
from pipelines.wikitext.templates.registry import TemplateCall, find_renderer, normalise_template_name

PACKAGE = Path(pipelines.wikitext.__path__[0])
TABLES = sorted(path.stem for path in (PACKAGE / "data").glob("*.tsv"))


@pytest.mark.parametrize("name", TABLES)
def test_a_table_says_what_it_is_and_names_its_columns(name):
    lines = (PACKAGE / "data" / f"{name}.tsv").read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("# ")
    header = next(line for line in lines if not line.startswith("# "))
    assert all(column.isidentifier() for column in header.split("\t"))
    rows = data.read_table(name)
    assert rows
    assert len(set(rows)) == len(rows), "a row stands there twice"


def test_cells_that_are_left_out_are_empty_and_surplus_ones_are_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "_FOLDER", tmp_path)
    (tmp_path / "x.tsv").write_text("# what it is\na\tb\n1\n \t2\n#\t3\n", encoding="utf-8")
    assert data.read_table("x") == [("1", ""), (" ", "2"), ("#", "3")]
    (tmp_path / "x.tsv").write_text("a\n1\t2\n", encoding="utf-8")
    with pytest.raises(ValueError, match="more cells"):
        data.read_table("x")


def test_a_changed_table_changes_the_fingerprint_of_the_code(tmp_path):
    package = tmp_path / "wikitext"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    before = checksum_of_source([], [package])
    assert checksum_of_source([], [package]) == before
    with (package / "data" / "units.tsv").open("a", encoding="utf-8") as table:
        table.write("pace\tpace\n")
    assert checksum_of_source([], [package]) != before


def test_names_are_spelled_as_on_the_wiki_and_found_by_the_registry():
    assert ("USD|usd", "US$", "before") in data.read_table("currencies")
    assert normalise_template_name("USD") == "uSD"
    assert find_renderer(normalise_template_name("USD")) is not None
    assert currency(TemplateCall("currency", {"1": "5", "2": "gbp", "linked": "no"})) == "£5"
