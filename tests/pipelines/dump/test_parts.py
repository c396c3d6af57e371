from __future__ import annotations

import bz2
import datetime
import os
from pathlib import Path

import pytest

from pipelines.dump.errors import DumpError
from pipelines.dump.file_names import holds_no_pages, natural_order, parse_name
from pipelines.dump.parts import dump_date, dump_name, find_parts
from tests.dump_writer import DumpPage, write_dump

PAGES = [DumpPage("Ada", "'''Ada''' wrote programs.")]


def names(dump: str | Path) -> list[str]:
    return [Path(part.path).name for part in find_parts(str(dump))]


def filled(folder: Path, *files: str) -> Path:
    for name in files:
        write_dump(folder / name, PAGES)
    return folder


@pytest.mark.parametrize("suffix", [".xml", ".xml.bz2", ".xml.gz", ".xml.zst"])
@pytest.mark.parametrize("given_as", ["right", "wrong"])
def test_the_format_is_judged_by_content(tmp_path: Path, suffix: str, given_as: str) -> None:
    path = write_dump(tmp_path / f"enwiki-20250101-pages-articles{suffix}", PAGES)
    if given_as == "wrong":
        path = path.rename(tmp_path / "a.xml.bz2")
    (part,) = find_parts(str(path))
    assert (part.format, part.size) == (suffix.rpartition(".")[2], path.stat().st_size)


def test_parts_are_sorted_by_number_then_pages(tmp_path: Path) -> None:
    stem = "enwiki-20250101-pages-articles-multistream"
    expected = [
        f"{stem}{tail}.bz2" for tail in ("1.xml-p1p9", "2.xml-p10p99", "2.xml-p100p150", "10.xml-p151p900")
    ]
    filled(tmp_path, *reversed(expected))
    assert names(tmp_path) == expected
    assert names(tmp_path / "*.bz2") == expected
    assert names(tmp_path / "*multistream2*") == expected[1:3]


def test_content_file_exports_are_sorted_by_pages(tmp_path: Path) -> None:
    expected = ["enwiki-2025-12-01-p10p900.xml.bz2", "enwiki-2025-12-01-p901p1200.xml.bz2"]
    filled(tmp_path, *reversed(expected))
    (tmp_path / "SHA256SUMS").write_text("0 x\n")
    (tmp_path / "_SUCCESS").write_text("")
    assert names(tmp_path) == expected


def test_companions_of_a_dump_are_passed_over(tmp_path: Path) -> None:
    name = "enwiki-20250101-pages-articles-multistream.xml.bz2"
    filled(tmp_path, name)
    for other in (
        "enwiki-20250101-pages-articles-multistream-index.txt.bz2",
        "enwiki-20250101-pages-articles-multistream-index1.txt-p1p9.bz2",
        "enwiki-20250101-sha1sums.txt",
        "enwiki-20250101-stub-articles.xml.gz",
        "enwiki-20250101-abstract.xml.gz",
        "enwiki-20250101-redirect.sql.gz",
        "dumpstatus.json",
        ".enwiki-20250101-pages-articles-multistream.xml.bz2.part",
    ):
        (tmp_path / other).write_bytes(bz2.compress(b"600:10:Ada\n"))
    assert names(tmp_path) == [name]
    assert names(tmp_path / "*.bz2") == [name]


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        (
            ["enwiki-20250101-pages-articles.xml.bz2", "enwiki-20250101-pages-articles-multistream.xml.bz2"],
            "pages-articles, pages-articles-multistream",
        ),
        (
            ["enwiki-20250101-pages-articles.xml.bz2", "enwiki-20250120-pages-articles.xml.bz2"],
            "dates: 20250101, 2025",
        ),
        (
            ["enwiki-20250101-pages-articles.xml.bz2", "dewiki-20250101-pages-articles.xml.bz2"],
            "wikis: dewiki, enwiki",
        ),
        (
            ["enwiki-20250101-pages-articles.xml.bz2", "enwiki-20250101-pages-articles1.xml-p1p9.bz2"],
            "holds the same pages as its parts",
        ),
        (["enwiki-20250101-pages-articles.xml.bz2", "enwiki-20250101-pages-articles.xml"], "one file twice"),
    ],
    ids=["kinds", "dates", "wikis", "whole and parts", "twice"],
)
def test_files_that_do_not_belong_together_are_refused(
    tmp_path: Path, files: list[str], complaint: str
) -> None:
    filled(tmp_path, *files)
    with pytest.raises(DumpError, match=complaint) as caught:
        find_parts(str(tmp_path))
    assert "glob" in str(caught.value)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "empty"),
        (b"just words", "is no dump"),
        (b"BZh9 but no block", "no block follows"),
        (b"7z\xbc\xaf\x27\x1c", "7z archive"),
        (b"\xfd7zXZ\x00", "xz"),
        (b"PK\x03\x04", "zip"),
        (b"<!DOCTYPE html><html>", "web page"),
        ("<mediawiki>".encode("utf-16"), "UTF-16"),
        (b"\0" * 600, "is no dump"),
    ],
)
def test_what_is_no_dump_is_named(tmp_path: Path, content: bytes, complaint: str) -> None:
    path = tmp_path / "enwiki-20250101-pages-articles.xml.bz2"
    path.write_bytes(content)
    for dump in (path, tmp_path, tmp_path / "*.bz2"):
        with pytest.raises(DumpError, match=complaint) as caught:
            find_parts(str(dump))
        assert str(path) in str(caught.value)


def test_nothing_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "20250101").mkdir()
    for dump, complaint in (
        (tmp_path / "missing.xml.bz2", "no such file"),
        (tmp_path, r"no dump file.*folders \(20250101\)"),
        (tmp_path / "*.bz2", "no dump file matches"),
    ):
        with pytest.raises(DumpError, match=complaint):
            find_parts(str(dump))


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_rights_is_named(tmp_path: Path) -> None:
    path = write_dump(tmp_path / "a.xml", PAGES)
    path.chmod(0)
    with pytest.raises(DumpError, match="rights"):
        find_parts(str(path))


@pytest.mark.parametrize(
    ("file", "name", "date"),
    [
        ("enwiki-20250101-pages-articles-multistream1.xml-p1p41242.bz2", "enwiki-20250101", (2025, 1, 1)),
        ("enwiki-2025-12-01-p10p30303.xml.bz2", "enwiki-20251201", (2025, 12, 1)),
        ("zh_min_nanwiki-20240220-pages-articles.xml.bz2", "zh_min_nanwiki-20240220", (2024, 2, 20)),
        ("enwiki-latest-pages-articles.xml.bz2", "enwiki-latest", None),
        ("enwiki-2022-139-articles.xml.bz2", "enwiki-2022-139-articles", None),
        ("my-pages.xml", "my-pages", None),
        ("enwiki-20259999-pages-articles.xml", "enwiki-20259999", None),
    ],
)
def test_the_name_of_a_dump(tmp_path: Path, file: str, name: str, date: tuple[int, int, int] | None) -> None:
    parts = find_parts(str(write_dump(tmp_path / file, PAGES)))
    assert dump_name(parts) == name
    assert dump_date(parts) == (None if date is None else datetime.date(*date))


def test_what_names_tell() -> None:
    name = parse_name("dewiki-20250101-pages-meta-current3.xml-p5p6.bz2")
    assert (name.wiki, name.kind, name.is_part) == ("dewiki", "pages-meta-current", True)
    assert not parse_name("dewiki-20250101-pages-articles.xml").is_part
    assert holds_no_pages("md5sums.txt")
    assert not holds_no_pages("enwiki-20250101-pages-articles.xml.bz2")
    assert natural_order("part2.xml") < natural_order("part10.xml")


def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.xml.bz2")
    for dump in (tmp_path / "a.xml.bz2", tmp_path):
        with pytest.raises(DumpError, match=r"a\.xml\.bz2: is no file but a pipe.*write it to a file first"):
            find_parts(str(dump))


def test_a_name_that_is_too_long_is_one_line() -> None:
    with pytest.raises(DumpError, match=r"^x{200}: cannot be read \(File name too long\)"):
        find_parts("x" * 5000)


def test_links_in_a_circle_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.xml").symlink_to(tmp_path / "b.xml")
    (tmp_path / "b.xml").symlink_to(tmp_path / "a.xml")
    with pytest.raises(DumpError, match=r"a\.xml: cannot be read \(Too many levels"):
        find_parts(str(tmp_path / "a.xml"))


@pytest.mark.parametrize(
    ("files", "notes"),
    [
        (["1.xml-p1p9", "2.xml-p10p19"], []),
        (["1.xml-p1p9", "3.xml-p20p29"], ["numbered up to 3, but missing: 2", "no part holds the pages 10 to 19"]),
        (["2.xml-p10p19", "2.xml-p20p29"], ["numbered up to 2, but missing: 1"]),
        (["1.xml-p1p9", "1.xml-p12p19"], ["no part holds the pages 10 to 11"]),
    ],
)  # fmt: skip
def test_a_gap_in_numbered_parts_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, files: list[str], notes: list[str]
) -> None:
    filled(tmp_path, *(f"enwiki-20250101-pages-articles{file}.bz2" for file in files))
    find_parts(str(tmp_path))
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == len(notes)
    assert all(note in line for note, line in zip(notes, told, strict=True))
