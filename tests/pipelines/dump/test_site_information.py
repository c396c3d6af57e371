from __future__ import annotations

import datetime
import logging
from pathlib import Path

import pytest

from pipelines.dump.errors import DumpError
from pipelines.dump.parts import find_parts
from pipelines.dump.site_information import read_site, refuse_mixture, schema_version
from tests.dump_writer import GERMAN_SITE, DumpPage, DumpSite, compress, dump_pieces, write_dump

PAGES = [DumpPage("Ada", "text <siteinfo>")]


@pytest.mark.parametrize("suffix", [".xml", ".bz2", ".gz", ".zst"])
@pytest.mark.parametrize("schema", ["0.10", "0.11"])
def test_what_the_dump_says_of_its_wiki(tmp_path: Path, suffix: str, schema: str) -> None:
    path = tmp_path / f"dewiki-20250120-pages-articles{suffix}"
    parts = find_parts(str(write_dump(path, PAGES, site=GERMAN_SITE, schema=schema, pages_per_stream=1)))
    site = read_site(parts)
    assert (site.database, site.language, site.base) == (
        "dewiki",
        "de",
        "https://de.wikipedia.org/wiki/Wikipedia:Hauptseite",
    )
    assert site.first_letter_upper
    assert site.date == datetime.date(2025, 1, 20)
    assert schema_version(parts) == schema
    # Its own names, and those that every wiki understands.
    assert {
        name: site.namespaces[name] for name in ("", "datei", "file", "image", "kategorie", "benutzer")
    } == {
        "": 0,
        "datei": 6,
        "file": 6,
        "image": 6,
        "kategorie": 14,
        "benutzer": 2,
    }


def test_a_wiki_whose_titles_keep_their_case(tmp_path: Path) -> None:
    site = DumpSite(database="enwiktionary", case="case-sensitive")
    read = read_site(find_parts(str(write_dump(tmp_path / "a.xml", PAGES, site=site))))
    assert not read.first_letter_upper
    assert read.date is None


@pytest.mark.parametrize(
    ("name", "root", "database", "language"),
    [
        ("frwiki-20250101-pages-articles.xml", "<mediawiki>", "frwiki", "fr"),
        ("zh_min_nanwiki-20250101.xml", '<mediawiki version="0.11">', "zh_min_nanwiki", "zh-min-nan"),
        ("some.xml", "<mediawiki xml:lang='de'>", "dewiki", "de"),
        ("some.xml", "<mediawiki>", "enwiki", "en"),
        ("simplewiki-20250101.xml", "<mediawiki>", "simplewiki", "en"),
    ],
)
def test_without_siteinfo_what_is_assumed_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, root: str, database: str, language: str
) -> None:
    (tmp_path / name).write_text(f"<?xml version='1.0'?>\n{root}<page></page></mediawiki>")
    with caplog.at_level(logging.WARNING):
        site = read_site(find_parts(str(tmp_path / name)))
    assert (site.database, site.language) == (database, language)
    assert site.namespaces["file"] == 6
    (record,) = caplog.records
    assert f"no <siteinfo>; taken for {database}" in record.getMessage()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (b"<html></html>", "web page"),
        (b"<?xml version='1.0'?><svg></svg>", "no <mediawiki>"),
        (
            b"<mediawiki><siteinfo><case></siteinfo><page></page></mediawiki>",
            "siteinfo> at its head is broken",
        ),
    ],
)
def test_what_is_no_export_is_named(tmp_path: Path, text: bytes, complaint: str) -> None:
    for suffix in (".xml", ".gz"):
        path = tmp_path / f"a{suffix}"
        path.write_bytes(compress([text], suffix))
        with pytest.raises(DumpError, match=complaint if suffix == ".xml" else "mediawiki|siteinfo"):
            read_site(find_parts(str(path)))


def test_two_dumps_of_one_wiki_are_refused_whatever_their_names(tmp_path: Path) -> None:
    for name in ("enwiki-2016-106-articles.xml.bz2", "enwiki-2022-139-articles.xml.bz2"):
        write_dump(tmp_path / name, PAGES)
    with pytest.raises(
        DumpError, match=r"2016-106-articles.* and .*2022-139.* both begin with the page 1: they are"
    ):
        refuse_mixture(find_parts(str(tmp_path)))
    refuse_mixture(find_parts(str(tmp_path / "*2022*")))


def test_files_of_several_wikis_are_refused_whatever_their_names(tmp_path: Path) -> None:
    write_dump(tmp_path / "a.xml", PAGES)
    write_dump(tmp_path / "b.xml.gz", [DumpPage("Ada", "text", 7)], site=GERMAN_SITE)
    with pytest.raises(DumpError, match=r"several wikis: a\.xml \(testwiki\), b\.xml\.gz \(dewiki\)"):
        refuse_mixture(find_parts(str(tmp_path)))


def test_files_of_one_wiki_that_begin_with_other_pages_are_parts(tmp_path: Path) -> None:
    write_dump(tmp_path / "a.xml", PAGES)
    write_dump(tmp_path / "b.xml.gz", [DumpPage("Eva", "text", 7)])
    refuse_mixture(find_parts(str(tmp_path)))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("suffix", [".xml", ".bz2", ".gz", ".zst"])
def test_a_dump_in_utf_16_is_named_whatever_packs_it(tmp_path: Path, suffix: str, encoding: str) -> None:
    xml = b"".join(dump_pieces([DumpPage("Ada", "Ada wrote.")])).decode().encode(encoding)
    path = tmp_path / f"dump.xml{suffix.removeprefix('.xml')}"
    path.write_bytes(compress([xml], suffix))
    with pytest.raises(DumpError, match="is in UTF-16: dumps are in UTF-8, convert it"):
        read_site(find_parts(str(path)))
