"""A build that is killed while it reads the wiki's page properties ends with the same bytes, by one worker or two."""

from __future__ import annotations

from pathlib import Path

from kc_schema.store import checksum
from pipelines.engine import TIMINGS
from tests.corpus_builder import rows
from tests.dump_writer import DumpPage, write_dump
from tests.killed_process import killed_when, run_to_its_end
from tests.sql_writer import write_page_props

PAGES = 40


def command(dump: Path, kc: Path, workers: int) -> list[str]:
    given = ["--dump", str(dump), "--output", str(kc), "--page-props", "auto", "--text-index", "none"]
    return ["pipelines.build_text_kc", *given, "--workers", str(workers)]


def contents(kc: Path) -> dict[str, str]:
    """What the build wrote, but for the times that it took."""
    files = [path for path in sorted(kc.rglob("*")) if path.is_file() and path.name != TIMINGS]
    return {path.relative_to(kc).as_posix(): checksum(path) for path in files}


def test_killed_while_page_props_are_read_and_behind_that(tmp_path: Path) -> None:
    dump = write_dump(
        tmp_path / "testwiki-20250101-pages-articles.xml.bz2",
        [
            DumpPage(f"Page {n}", f"'''Page {n}''' was there for a long time. It went on.", n)
            for n in range(1, PAGES)
        ],
    )
    # Most of the table is of pages of other kinds, as on every wiki: enough to be killed at.
    props = {n: {"wikibase_item": f"Q{n}", "page_image_free": f"P{n}.jpg"} for n in range(1, 60_000)}
    write_page_props(tmp_path / "testwiki-20250101-page_props.sql.gz", props)
    killed, undisturbed, two = (tmp_path / name for name in ("killed", "undisturbed", "two"))
    moments = (".work/.page-props-*", ".work/page-props-*.sqlite", ".work/page-props.json")
    kills = [
        killed_when(command(dump, killed, 2), lambda m=moment: any(killed.glob(m))) for moment in moments
    ]
    assert sum(kills) >= 2
    for kc, workers in ((killed, 1), (undisturbed, 1), (two, 2)):
        run_to_its_end(command(dump, kc, workers))
    assert contents(killed) == contents(undisturbed) == contents(two)
    assert rows(killed, "pages", "wikidata_id")[:3] == ["Q1", "Q2", "Q3"]
