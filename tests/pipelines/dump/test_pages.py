from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.dump.pages import BROKEN_PAGE_REASONS, BrokenPage, Page, read_pages
from pipelines.dump.parts import find_parts
from pipelines.dump.work_units import plan_work_units
from tests.dump_writer import DumpPage, noise, page_xml, redirect_page, sha1_base36, write_dump

SUFFIXES = [".xml", ".bz2", ".gz", ".zst"]


def read(path: Path, unit_bytes: int | None = None) -> list[Page | BrokenPage]:
    return [page for unit in plan_work_units(find_parts(str(path)), unit_bytes) for page in read_pages(unit)]


def read_one(tmp_path: Path, page: DumpPage | str, schema: str = "0.11") -> Page | BrokenPage:
    if isinstance(page, str):
        page = DumpPage("", "", xml=page)
    (result,) = read(write_dump(tmp_path / "one.xml", [page], schema=schema))
    return result


MIXED = [
    DumpPage("Ada Lovelace", "'''Ada''' & <ref>\"a\"</ref> wrote — programs.\n\nSecond & last."),
    redirect_page('Countess <of> "Lovelace" & Co', "Ada Lovelace & Co"),
    DumpPage("Talk:Ada", "hello", namespace=1),
    DumpPage("Deleted", None),
    DumpPage("Empty", ""),
    DumpPage("Module:Data", "{}", namespace=828, model="json", format="application/json"),
    DumpPage("日本 🙂", "漢字 & 🙂 " * 40),
    DumpPage("&lt; is no entity here", "&amp; &lt;page> <page> </page> </mediawiki> ]]>"),
]


class TestLayouts:
    @pytest.mark.parametrize("schema", ["0.10", "0.11"])
    def test_every_field_is_read(self, tmp_path: Path, schema: str) -> None:
        pages = read(write_dump(tmp_path / "a.xml", MIXED, schema=schema))
        assert pages == [
            Page(
                page_id=number,
                namespace=page.namespace,
                title=page.title,
                redirect=page.redirect,
                revision_id=1000 + number,
                sha1=sha1_base36(page.text or ""),
                text=page.text,
                model=page.model,
                format=page.format,
            )
            for number, page in enumerate(MIXED, start=1)
        ]

    def test_other_orders_and_spellings(self, tmp_path: Path) -> None:
        page = read_one(
            tmp_path,
            """<page xml:lang='en' ><id>5</id><ns> 0 </ns><title>A &amp; B&#33;</title><restrictions>move</restrictions>
            <redirect  title='C &quot;D&quot;'></redirect><revision><text sha1='abc' xml:space='preserve' >x &#x1F642;
            &apos;y&apos;<![CDATA[ <b> & ]]></text><timestamp/><id>77</id></revision></page>""",
        )
        text = "x 🙂\n            'y' <b> & "
        assert page == Page(5, 0, "A & B!", 'C "D"', 77, "abc", text, "", "")

    @pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
    def test_the_newest_of_several_revisions_counts_whatever_their_order(
        self, tmp_path: Path, order: tuple[int, ...]
    ) -> None:
        """By time, then by id: an imported revision has a later id than newer ones."""
        known = [("2020-05-01T00:00:00Z", 30), ("2024-01-01T00:00:00Z", 20), ("2024-01-01T00:00:00Z", 21)]
        revisions = [
            f"<revision><id>{number}</id><timestamp>{time}</timestamp><text>text {number}</text></revision>"
            for time, number in known
        ]
        xml = "".join(revisions[place] for place in order)
        page = read_one(tmp_path, f"<page><title>A</title><ns>0</ns><id>1</id>{xml}</page>")
        assert isinstance(page, Page)
        assert (page.revision_id, page.text, page.older_revisions) == (21, "text 21", 2)

    def test_without_times_the_greatest_id_is_the_newest(self, tmp_path: Path) -> None:
        revisions = "".join(f"<revision><id>{n}</id><text>text {n}</text></revision>" for n in (9, 11, 10))
        page = read_one(tmp_path, f"<page><title>A</title><ns>0</ns><id>1</id>{revisions}</page>")
        assert isinstance(page, Page)
        assert (page.revision_id, page.older_revisions) == (11, 2)

    @pytest.mark.parametrize(
        ("raw", "text"),
        [
            ("one<br />two", "one<br />two"),
            ("one<br/>two &lt;b>", "one<br />two <b>"),
            ("a <ref name='x'>b <i>c</i> d</ref> e", 'a <ref name="x">b <i>c</i> d</ref> e'),
            ("<div><div><br/></div></div>", "<div><div><br /></div></div>"),
            ("one&#13;\ntwo&#13;three&#xD;&#xA;four", "one\ntwo\nthree\nfour"),
            ("<br/>one&#13;two", "<br />one\ntwo"),
        ],
    )
    def test_raw_tags_and_carriage_returns_are_wikitext(self, tmp_path: Path, raw: str, text: str) -> None:
        usual = page_xml(DumpPage("A", "x", page_id=1, revision_id=2))
        page = read_one(tmp_path, usual.replace(">x</text>", f">{raw}</text>"))
        assert isinstance(page, Page)
        assert page.text == text

    def test_raw_tags_may_be_nested_deeply(self, tmp_path: Path) -> None:
        usual = page_xml(DumpPage("A", "x", page_id=1, revision_id=2))
        raw = "<b>" * 900 + "x" + "</b>" * 900
        page = read_one(tmp_path, usual.replace(">x</text>", f">{raw}</text>"))
        assert isinstance(page, Page)
        assert page.text == raw

    def test_the_last_of_several_revisions_counts(self, tmp_path: Path) -> None:
        first = page_xml(DumpPage("A", "old", page_id=1, revision_id=1))
        last = page_xml(DumpPage("A", "new", page_id=1, revision_id=2))
        revision = last[last.index("    <revision>") : last.index("  </page>")]
        page = read_one(tmp_path, first.replace("  </page>", revision + "  </page>"))
        assert isinstance(page, Page)
        assert (page.revision_id, page.text) == (2, "new")

    def test_other_slots_are_no_text(self, tmp_path: Path) -> None:
        slot = "<content><role>media</role><model>json</model><format>j</format><text>{}</text></content>"
        xml = page_xml(DumpPage("A", "the text", page_id=1, revision_id=1))
        page = read_one(tmp_path, xml.replace("</text>\n", f"</text>\n{slot}\n"))
        assert isinstance(page, Page)
        assert (page.text, page.model) == ("the text", "wikitext")

    def test_a_page_without_a_text_element_has_no_text(self, tmp_path: Path) -> None:
        page = read_one(
            tmp_path, "<page><title>A</title><ns>0</ns><id>1</id><revision><id>2</id></revision></page>"
        )
        assert page == Page(1, 0, "A", None, 2, None, None, "", "")

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ('<text bytes="0" />', ""),
            ("<text/>", ""),
            ('<text xml:space="preserve"></text>', ""),
            ('<text deleted="deleted" />', None),
            ('<text bytes="9" deleted="deleted"></text>', None),
            ('<text id="1" bytes="12" />', None),
            ('<text bytes="1"> </text>', " "),
            ("<text>a\r\nb\rc</text>", "a\nb\nc"),
        ],
    )
    def test_texts_that_are_not_there(self, tmp_path: Path, text: str, expected: str | None) -> None:
        usual = page_xml(DumpPage("A", "x", page_id=1, revision_id=2))
        start, end = usual.index("<text"), usual.index("</text>") + 7
        for xml in (usual[:start] + text + usual[end:], usual[:start] + "<other/>" + text + usual[end:]):
            path = write_dump(tmp_path / "one.xml.gz", [DumpPage("", "", xml=xml)])
            (page,) = read(path)
            assert isinstance(page, Page)
            assert page.text == expected

    def test_contributors_and_comments_of_every_kind(self, tmp_path: Path) -> None:
        usual = page_xml(DumpPage("A", "x", page_id=1, revision_id=2))
        start, end = usual.index("<contributor>"), usual.index("<origin>")
        for between in (
            "<contributor><ip>::1</ip></contributor>",
            '<contributor deleted="deleted" /><minor/><comment deleted="deleted" />',
            "<contributor><username/><id>3</id></contributor><comment></comment>",
            "<contributor><username>a &lt;page&gt;</username><id>3</id></contributor><minor /><comment />",
        ):
            page = read_one(tmp_path, usual[:start] + between + usual[end:])
            assert isinstance(page, Page)
            assert (page.page_id, page.revision_id, page.text) == (1, 2, "x")


class TestBrokenPages:
    GOOD = DumpPage("Good", "text")
    REVISION = "<revision><id>2</id><text>x</text></revision>"

    @pytest.mark.parametrize(
        ("xml", "reason"),
        [
            (
                f"<page><title>A</title><ns>0</ns><id>1</id>{REVISION.replace('x', '<b>')}</page>",
                "broken_xml",
            ),
            (
                f"<page><title>A</title><ns>0</ns><id>1</id>{REVISION.replace('x', '&nbsp;')}</page>",
                "broken_xml",
            ),
            (
                f"<page><title>A</title><ns>0</ns><id>1</id>{REVISION.replace('x', 'a & b')}</page>",
                "broken_xml",
            ),
            (
                f"<page><title>A</title><ns>0</ns><id>1</id>{REVISION.replace('x', 'a&#0;b')}</page>",
                "broken_xml",
            ),
            (f"<page><title>A</title><ns>0</ns>{REVISION}</page>", "no_page_id"),
            (f"<page><title>A</title><ns>0</ns><id>0</id>{REVISION}</page>", "no_page_id"),
            (f"<page><title>A</title><ns>0</ns><id>{1 << 35}</id>{REVISION}</page>", "no_page_id"),
            (f"<page><title>A</title><ns>main</ns><id>1</id>{REVISION}</page>", "no_namespace"),
            (f"<page><title>A</title><id>1</id>{REVISION}</page>", "no_namespace"),
            (f"<page><title/><ns>0</ns><id>1</id>{REVISION}</page>", "no_title"),
            ("<page><title>A</title><ns>0</ns><id>1</id></page>", "no_revision"),
            (
                "<page><title>A</title><ns>0</ns><id>1</id><revision><text>x</text></revision></page>",
                "no_revision",
            ),
            ("<page><title>A</title><ns>0</ns>", "unfinished_page"),
            ("<page/>", "unfinished_page"),
        ],
    )
    def test_a_broken_page_is_named_and_the_next_is_read(self, tmp_path: Path, xml: str, reason: str) -> None:
        path = write_dump(tmp_path / "a.xml", [self.GOOD, DumpPage("", "", xml=xml), self.GOOD])
        for unit_bytes in (None, 50):
            first, broken, last = read(path, unit_bytes)
            assert isinstance(first, Page)
            assert isinstance(last, Page)
            assert isinstance(broken, BrokenPage)
            assert broken.reason == reason
            assert broken.reason in BROKEN_PAGE_REASONS
            assert f"a.xml: byte {path.read_bytes().index(xml.encode())}" in broken.where

    @pytest.mark.parametrize("reference", ["", "&amp; "], ids=["alone", "with a reference"])
    @pytest.mark.parametrize("raw", [b"\xff\xfe", b"\xed\xa0\x80", b"\xc3"])
    def test_bytes_that_are_no_utf8(self, tmp_path: Path, raw: bytes, reference: str) -> None:
        path = write_dump(tmp_path / "a.xml", [DumpPage("A", "TEXT"), self.GOOD])
        path.write_bytes(path.read_bytes().replace(b"TEXT", reference.encode() + raw))
        broken, good = read(path)
        assert isinstance(broken, BrokenPage)
        assert broken.reason == "not_utf8"
        assert isinstance(good, Page)

    def test_a_control_character_is_no_xml(self, tmp_path: Path) -> None:
        broken = read_one(tmp_path, DumpPage("A", "a\x0bb"))
        assert isinstance(broken, BrokenPage)
        assert broken.reason == "broken_xml"


class TestCuts:
    """Pages never depend on where the dump was cut, or on how it was compressed."""

    @pytest.mark.parametrize("suffix", SUFFIXES)
    @pytest.mark.parametrize("pages_per_stream", [None, 1, 3])
    def test_all_formats_and_all_small_units_give_the_same_pages(
        self, tmp_path: Path, suffix: str, pages_per_stream: int | None
    ) -> None:
        expected = read(write_dump(tmp_path / "plain.xml", MIXED))
        path = write_dump(tmp_path / f"a{suffix}", MIXED, pages_per_stream=pages_per_stream)
        for unit_bytes in (1, 2, 37, 400, None):
            assert read(path, unit_bytes) == expected

    @pytest.mark.parametrize("pages_per_stream", [None, 4])
    def test_blocks_inside_pages(self, tmp_path: Path, pages_per_stream: int | None) -> None:
        sizes = [3, 150_000, 40, 99_000, 60_000, 5, 250_000, 7]
        pages = [DumpPage(f"Page {number}", noise(number, size)) for number, size in enumerate(sizes)]
        expected = read(write_dump(tmp_path / "plain.xml", pages))
        path = write_dump(tmp_path / "a.bz2", pages, pages_per_stream=pages_per_stream, level=1)
        for unit_bytes in (9_000, 33_333, 75_001, 76_000, 200_000, None):
            assert read(path, unit_bytes) == expected

    def test_every_byte_of_plain_xml(self, tmp_path: Path) -> None:
        pages = [DumpPage("A", "a"), DumpPage("B", "<page>"), DumpPage("C", "c" * 30)]
        path = write_dump(tmp_path / "a.xml", pages)
        (whole,) = plan_work_units(find_parts(str(path)))
        expected = list(read_pages(whole))
        for cut in range(1, whole.size):
            first, second = (
                type(whole)(number, whole.path, whole.format, start, end, whole.size)
                for number, (start, end) in enumerate([(0, cut), (cut, whole.size)])
            )
            assert [*read_pages(first), *read_pages(second)] == expected

    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        st.lists(st.integers(0, 130_000), max_size=6),
        st.sampled_from([None, 1, 2]),
        st.sampled_from([".bz2", ".zst", ".xml"]),
        st.integers(1_000, 300_000),
    )
    def test_pages_of_any_size(
        self, tmp_path: Path, sizes: Sequence[int], pages_per_stream: int | None, suffix: str, unit_bytes: int
    ) -> None:
        pages = [DumpPage(f"Page {number}", noise(number, size)) for number, size in enumerate(sizes)]
        path = write_dump(tmp_path / f"a{suffix}", pages, pages_per_stream=pages_per_stream, level=1)
        found = read(path, unit_bytes)
        assert [page.text for page in found if isinstance(page, Page)] == [page.text for page in pages]

    def test_two_exports_in_one_file_are_both_read(self, tmp_path: Path) -> None:
        path = write_dump(tmp_path / "a.bz2", [DumpPage("A", "a")])
        path.write_bytes(
            path.read_bytes() + write_dump(tmp_path / "b.bz2", [DumpPage("B", "b")]).read_bytes()
        )
        for unit_bytes in (None, 100):
            assert [page.title for page in read(path, unit_bytes) if isinstance(page, Page)] == ["A", "B"]

    def test_skippable_frames_of_zstd_are_skipped(self, tmp_path: Path) -> None:
        path = write_dump(tmp_path / "a.zst", MIXED)
        skippable = (0x184D2A5E).to_bytes(4, "little") + (9).to_bytes(4, "little") + b"whatever."
        path.write_bytes(skippable + path.read_bytes() + skippable)
        assert read(path, 1) == read(path) == read(write_dump(tmp_path / "plain.xml", MIXED))

    def test_a_dump_without_pages_has_none(self, tmp_path: Path) -> None:
        for suffix in SUFFIXES:
            for unit_bytes in (None, 1):
                assert read(write_dump(tmp_path / f"a{suffix}", []), unit_bytes) == []


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("unit_bytes", [None, 20_000, 500])
def test_progress_adds_up_to_the_unit(tmp_path: Path, suffix: str, unit_bytes: int | None) -> None:
    pages = [DumpPage(f"Page {number}", noise(number, 30_000)) for number in range(8)]
    path = write_dump(tmp_path / f"a{suffix}", pages, pages_per_stream=3)
    for unit in plan_work_units(find_parts(str(path)), unit_bytes):
        steps: list[int] = []
        for _ in read_pages(unit, progress=steps.append):
            pass
        assert sum(steps) == unit.end - unit.start
        assert all(step > 0 for step in steps)
