"""Real dumps: the slice in gensim's wheel, and the shared data folder where it is present."""

from __future__ import annotations

import bz2
import os
import re
from pathlib import Path

import pytest

from pipelines.dump.pages import BrokenPage, Page, read_pages
from pipelines.dump.parts import find_parts
from pipelines.dump.site_information import read_site, schema_version
from pipelines.dump.work_units import plan_work_units
from tests.dump_writer import sha1_base36

SHARED = Path(os.environ.get("SHARED_DATA", Path(__file__).parents[4] / "shared" / "data")) / "dumps"
GENSIM = "enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2"


def read(path: Path, unit_bytes: int | None = None) -> list[Page]:
    pages: list[Page] = []
    for unit in plan_work_units(find_parts(str(path)), unit_bytes):
        for page in read_pages(unit):
            assert not isinstance(page, BrokenPage), page
            pages.append(page)
    return pages


def check(path: Path, pages: int, redirects: int, articles: int) -> list[Page]:
    found = read(path)
    assert len(found) == pages
    assert sum(page.redirect is not None for page in found) == redirects
    assert sum(page.namespace == 0 and page.redirect is None for page in found) == articles
    assert read(path, 700_000) == found
    return found


def test_the_slice_in_gensim() -> None:
    datapath = pytest.importorskip("gensim.test.utils").datapath
    path = Path(datapath(GENSIM))
    found = check(path, pages=206, redirects=100, articles=106)
    assert found[0].title == "AccessibleComputing"
    xml = bz2.decompress(path.read_bytes())
    assert [page.page_id for page in found] == [int(n) for n in re.findall(rb"</ns>\s*<id>(\d+)</id>", xml)]


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("name", "schema", "database", "pages", "redirects", "articles"),
    [
        ("aawiki-20260101-schema-0.11.xml.bz2", "0.11", "aawiki", 507, 19, 1),
        ("content-file-export-schema-0.11-simplewiki.xml", "0.11", "simplewiki", 2, 0, 0),
        ("enwiki-2016-106-articles.xml.bz2", "0.10", "enwiki", 206, 100, 106),
        ("enwiki-2022-139-articles.xml.bz2", "0.10", "enwiki", 251, 112, 139),
        ("enwiki-2025-tiny.xml.bz2", "0.11", "enwiki", 70, 64, 6),
    ],
)
def test_shared_dumps(
    name: str, schema: str, database: str, pages: int, redirects: int, articles: int
) -> None:
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{path} is not there")
    parts = find_parts(str(path))
    assert schema_version(parts) == schema
    assert read_site(parts).database == database
    found = check(path, pages, redirects, articles)
    # MediaWiki's own check sum of the text: what was read is what was stored.
    wrong = [page.title for page in found if page.text is not None and page.sha1 != sha1_base36(page.text)]
    assert wrong == []
