"""Damaged and cut files: an error that names file and place, never silently other pages."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.dump.errors import DumpError, TruncatedDumpError
from pipelines.dump.pages import BrokenPage, Page, read_pages
from pipelines.dump.parts import find_parts
from pipelines.dump.work_units import plan_work_units
from tests.dump_writer import DumpPage, compress, head_xml, noise, page_xml, write_dump

PAGES = [DumpPage(f"Page {number}", f"words of {number}, " + noise(number, 30)) for number in range(4)]


def read(
    path: Path, unit_bytes: int | None = None, *, allow_truncated: bool = False
) -> list[Page | BrokenPage]:
    units = plan_work_units(find_parts(str(path)), unit_bytes)
    return [page for unit in units for page in read_pages(unit, allow_truncated=allow_truncated)]


@pytest.mark.parametrize(
    ("suffix", "pages_per_stream", "unit_bytes"),
    [(".bz2", None, None), (".bz2", 2, 300), (".gz", 3, None), (".zst", 3, 300)],
)
def test_a_flipped_bit_never_gives_other_pages(
    tmp_path: Path, suffix: str, pages_per_stream: int | None, unit_bytes: int | None
) -> None:
    path = write_dump(tmp_path / f"a{suffix}", PAGES, pages_per_stream=pages_per_stream)
    content, expected, refused = path.read_bytes(), read(path), 0
    for at in range(len(content)):
        path.write_bytes(content[:at] + bytes([content[at] ^ 1 << at % 8]) + content[at + 1 :])
        try:
            found = read(path, unit_bytes)
        except DumpError as error:
            found, refused = expected, refused + (str(path) in str(error))
        assert found == expected
    assert refused > 0.9 * len(content)


@pytest.mark.parametrize(
    ("suffix", "pages_per_stream"), [(".bz2", None), (".bz2", 3), (".gz", 3), (".zst", 3)]
)
def test_a_file_cut_at_any_byte_is_refused(tmp_path: Path, suffix: str, pages_per_stream: int | None) -> None:
    path = write_dump(tmp_path / f"a{suffix}", PAGES, pages_per_stream=pages_per_stream)
    content, expected = path.read_bytes(), read(path)
    for length in range(20, len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(DumpError, match="a"):
            read(path)
        kept = read(path, allow_truncated=True)
        *pages, last = kept
        assert pages == expected[: len(pages)]
        assert isinstance(last, BrokenPage)
        assert last.reason == "truncated"
        assert str(path) in last.where


@pytest.mark.parametrize("unit_bytes", [None, 100_000])
def test_what_stands_before_the_cut_is_kept(tmp_path: Path, unit_bytes: int | None) -> None:
    pages = [DumpPage(f"Page {number}", noise(number, 50_000)) for number in range(12)]
    path = write_dump(tmp_path / "a.bz2", pages, level=1)
    expected = read(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    kept = read(path, unit_bytes, allow_truncated=True)
    whole = [page for page in kept if isinstance(page, Page)]
    assert 5 <= len(whole) <= 8
    assert whole == expected[: len(whole)]
    assert {page.reason for page in kept if isinstance(page, BrokenPage)} == {"truncated"}


@pytest.mark.parametrize("suffix", [".xml", ".bz2", ".gz", ".zst"])
@pytest.mark.parametrize("unit_bytes", [None, 60])
def test_xml_that_ends_inside_a_page(tmp_path: Path, suffix: str, unit_bytes: int | None) -> None:
    xml = write_dump(tmp_path / "whole.xml", PAGES).read_bytes()
    path = tmp_path / f"a{suffix}"
    path.write_bytes(compress([xml[: xml.index(b"words of 3")]], suffix))
    with pytest.raises(TruncatedDumpError, match="ends inside a page"):
        read(path, unit_bytes)
    *pages, last = read(path, unit_bytes, allow_truncated=True)
    assert [page.title for page in pages if isinstance(page, Page)] == ["Page 0", "Page 1", "Page 2"]
    assert isinstance(last, BrokenPage)
    assert last.reason == "truncated"


@pytest.mark.parametrize("unit_bytes", [None, 7, 60])
@pytest.mark.parametrize(("suffix", "pages_per_stream"), [(".xml", None), (".bz2", 1), (".zst", 2)])
def test_an_export_that_is_not_closed(
    tmp_path: Path, suffix: str, pages_per_stream: int | None, unit_bytes: int | None
) -> None:
    path = write_dump(tmp_path / f"a{suffix}", PAGES, closed=False, pages_per_stream=pages_per_stream)
    with pytest.raises(TruncatedDumpError, match="without </mediawiki>"):
        read(path, unit_bytes)
    *pages, last = read(path, unit_bytes, allow_truncated=True)
    assert len(pages) == 4
    assert isinstance(last, BrokenPage)


@pytest.mark.parametrize("suffix", [".bz2", ".gz", ".zst"])
@pytest.mark.parametrize("unit_bytes", [None, 60])
def test_one_whole_stream_that_is_not_closed_is_read_with_a_warning(
    tmp_path: Path, suffix: str, unit_bytes: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_dump(tmp_path / f"a{suffix}", PAGES, closed=False)
    with caplog.at_level(logging.WARNING):
        assert len(read(path, unit_bytes)) == 4
    (record,) = caplog.records
    assert f"{path}: no </mediawiki>" in record.getMessage()


@pytest.mark.parametrize("suffix", [".bz2", ".gz", ".zst"])
def test_the_end_may_be_spread_over_streams(tmp_path: Path, suffix: str) -> None:
    xml = write_dump(tmp_path / "whole.xml", PAGES).read_bytes()
    expected = read(tmp_path / "whole.xml")
    for cut in range(1, 16):
        path = tmp_path / f"a{suffix}"
        path.write_bytes(compress([xml[:-cut], xml[-cut:-1], xml[-1:]], suffix))
        assert read(path, 1) == read(path) == expected


def test_what_is_no_export_is_refused(tmp_path: Path) -> None:
    for suffix in (".xml", ".bz2", ".gz", ".zst"):
        path = tmp_path / f"a{suffix}"
        path.write_bytes(compress([b"<?xml version='1.0'?><svg/>"], suffix))
        with pytest.raises(DumpError, match="no <mediawiki>"):
            read(path)


def test_a_file_that_changes_after_the_plan_is_refused(tmp_path: Path) -> None:
    path = write_dump(tmp_path / "a.bz2", PAGES)
    (unit,) = plan_work_units(find_parts(str(path)))
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(DumpError, match="when the work was planned"):
        list(read_pages(unit))
    path.unlink()
    with pytest.raises(DumpError, match="No such file"):
        list(read_pages(unit))


@pytest.mark.parametrize("broken", ["<page/>", "<page>", "<page>x</pag>", "<page a='1' />\n"])
def test_pages_without_an_end_take_linear_time(tmp_path: Path, broken: str) -> None:
    path, count = tmp_path / "a.xml", 80_000
    path.write_text(head_xml() + broken * count + page_xml(PAGES[0]).replace("None", "7") + "</mediawiki>")
    started = time.monotonic()
    *lost, last = read(path)
    assert time.monotonic() - started < 10
    assert len(lost) == count
    assert {page.reason for page in lost if isinstance(page, BrokenPage)} == {"unfinished_page"}
    assert isinstance(last, Page)


LONG = "9" * 5000


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("<id>8</id>", f"<id>{LONG}</id>", "no_page_id"),
        ("<id>8</id>", f"<id>{1 << 35}</id>", "no_page_id"),
        ("<ns>0</ns>", f"<ns>{LONG}</ns>", "no_namespace"),
        ("<ns>0</ns>", f"<ns>-{1 << 64}</ns>", "no_namespace"),
        ("<id>1008</id>", f"<id>{LONG}</id>", "no_revision"),
        ("<id>1008</id>", f"<id>{1 << 63}</id>", "no_revision"),
        ("<title>Page 1</title>", "<title></title>", "no_title"),
        ("<title>Page 1</title>", "<title> \t</title>", "no_title"),
    ],
)
@pytest.mark.parametrize("layout", ["usual", "unusual"])
def test_numbers_and_titles_that_cannot_be_cost_one_page_that_is_named(
    tmp_path: Path, old: str, new: str, reason: str, layout: str
) -> None:
    xml = page_xml(replace(PAGES[1], page_id=8, revision_id=1008)).replace(old, new)
    assert new in xml
    if layout == "unusual":
        xml = xml.replace("<page>", "<page>\n<!-- a comment -->", 1)
    path = write_dump(tmp_path / "a.xml", [PAGES[0], DumpPage("", "", xml=xml), PAGES[2]])
    first, broken, last = read(path)
    assert isinstance(first, Page)
    assert isinstance(last, Page)
    assert isinstance(broken, BrokenPage)
    assert broken.reason == reason
    assert broken.where.startswith(f"{path}: byte ")
    assert len(broken.where) < len(str(path)) + 200


@pytest.mark.parametrize("pages_per_stream", [None, 2])
@pytest.mark.parametrize("missing", range(1, 11))
def test_a_last_block_of_bzip2_without_its_end_is_kept(
    tmp_path: Path, pages_per_stream: int | None, missing: int
) -> None:
    path = write_dump(tmp_path / "a.xml.bz2", PAGES, pages_per_stream=pages_per_stream)
    whole = read(path)
    content = path.read_bytes()
    if pages_per_stream:  # without the stream that holds </mediawiki> alone
        content = content[: content.rfind(b"BZh")]
    path.write_bytes(content[:-missing])
    with pytest.raises(TruncatedDumpError, match="ends inside the bzip2 block or stream"):
        read(path)
    *kept, last = read(path, allow_truncated=True)
    assert kept == whole
    assert isinstance(last, BrokenPage)
    assert last.reason == "truncated"


def test_a_last_frame_of_zstd_without_its_check_sum_is_kept(tmp_path: Path) -> None:
    path = write_dump(tmp_path / "a.xml.zst", PAGES)
    whole = read(path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(TruncatedDumpError, match="ends in the middle of a frame"):
        read(path)
    *kept, last = read(path, allow_truncated=True)
    assert kept == whole
    assert isinstance(last, BrokenPage)
