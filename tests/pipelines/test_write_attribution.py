"""The notice of a corpus: source and licence of texts and pictures, carried along by caches and exports."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kc_schema.attribution import ATTRIBUTION, text_rights
from kc_schema.export import main as export
from kc_schema.image_manifest import ImageManifest, ImageSource, write_image_manifest
from kc_schema.image_tables import IMAGE_TABLES
from kc_schema.snapshot import open_snapshot
from kc_schema.store import describe_part
from pipelines.build_retrieval_cache import main as build_cache
from pipelines.build_text_kc import main as build_text
from pipelines.write_attribution import main
from tests.dump_writer import DumpPage, DumpSite, write_dump

SITE = DumpSite(database="enwiki", base="https://en.wikipedia.org/wiki/Main_Page")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kc")
    pages = [
        DumpPage("Ada & Co?", "'''Ada''' wrote the first program for an engine that was never built.", 7)
    ]
    dump = write_dump(folder / "enwiki-20250101-pages-articles.xml", pages, site=SITE)
    assert build_text(["--dump", str(dump), "--output", str(folder / "kc"), "--workers", "1"]) == 0
    return folder / "kc"


def add_pictures(kc: Path, rows: list[dict[str, object]], *, licences: bool = True) -> None:
    tables = {}
    records = [
        {**dict.fromkeys(("url", "error", "sha256", "mime", "repository"), ""), "width": 1, "height": 1, "bytes": 1,
         "image_id": row["image_id"], "file": row["file"], "status": row.pop("had")}
        for row in rows
    ]  # fmt: skip
    for table, content in (("records", records), ("licences", rows)):
        path = kc / "images" / table / "part-00000.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(content, schema=IMAGE_TABLES[table]), path)
        if table != "licences" or licences:
            tables[table] = [describe_part(path, kc / "images")]
    source = ImageSource("x", "wikipedia/en", 500, ("jpeg",))
    write_image_manifest(kc, ImageManifest(open_snapshot(kc).fingerprint, source, 0, tables))


def picture(number: int, **columns: str) -> dict[str, object]:
    empty = dict.fromkeys(IMAGE_TABLES["licences"].names, "")
    return {**empty, "image_id": number, "file": f"P_{number}.jpg", "status": "ok", "had": "ok", **columns}


def test_texts_and_pictures_are_attributed(corpus: Path) -> None:
    assert main(["--kc", str(corpus)]) == 0
    notice = (corpus / ATTRIBUTION).read_text()
    assert "[enwiki](https://en.wikipedia.org/wiki/Main_Page), dump enwiki-20250101" in notice
    assert "[CC BY-SA 4.0](https://creativecommons.org/licenses/by-sa/4.0/)" in notice
    assert pq.read_table(corpus / "attribution" / "texts.parquet").to_pylist() == [
        {
            "page_id": 7,
            "title": "Ada & Co?",
            "url": "https://en.wikipedia.org/wiki/Ada_%26_Co%3F",
            "revision_url": "https://en.wikipedia.org/w/index.php?oldid=1001",
            "licence": "CC BY-SA 4.0",
        }
    ]
    rows = [
        picture(
            1,
            author="Eve [x](http://evil) <b>",
            licence="cc-by",
            licence_name="CC BY 2.0",
            licence_url="https://l",
        ),
        picture(2, licence="public-domain"),
        picture(3, licence="other", had="failed"),
    ]
    add_pictures(corpus, rows)
    assert main(["--kc", str(corpus)]) == 0
    notice = (corpus / ATTRIBUTION).read_text()
    assert "Pictures: 2, each under" in notice
    assert "- cc-by: 1\n" in notice
    assert "P 1.jpg: Eve \\[x\\](http://evil) \\<b\\>; [CC BY 2.0](<https://l>)" in notice
    assert pq.read_table(corpus / "attribution" / "images.parquet")["image_id"].to_pylist() == [1, 2]
    add_pictures(corpus, [picture(1)], licences=False)
    assert main(["--kc", str(corpus)]) == 0
    assert "their licences were not asked for" in (corpus / ATTRIBUTION).read_text()
    assert not (corpus / "attribution" / "images.parquet").exists()


def test_another_wiki_has_terms_of_its_own() -> None:
    rights = text_rights({"wiki": "x", "name": "x-1", "base": "https://wikipedia.org.evil.example/wiki/Main"})
    assert rights.licence == ""
    assert "not known here" in rights.describe()
    assert text_rights({}).page_url("A") == ""
    assert text_rights({"base": "https://de.wikipedia.org/wiki/Haupt"}).licence == "CC BY-SA 4.0"


def test_caches_and_exports_carry_the_notice(corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for split in ("train", "dev", "test"):
        row = {"tokens": ["Ada", "wrote", "a", "program"], "labels": ["B-PER", "O", "O", "O"]}
        (tmp_path / "data" / f"{split}.jsonl").write_text(json.dumps(row) + "\n")
    cache = tmp_path / "cache"
    arguments = [
        "--kc",
        str(corpus),
        "--dataset",
        "jsonl",
        "--data",
        str(tmp_path / "data"),
        "--sources",
        "text",
    ]
    assert build_cache([*arguments, "--output", str(cache)]) == 0
    assert "CC BY-SA 4.0" in (cache / ATTRIBUTION).read_text()
    for form in ("datasets", "jsonl", "adaseq"):
        assert export(["--cache", str(cache), "--format", form]) == 0
        assert "CC BY-SA 4.0" in (tmp_path / f"cache-{form}" / ATTRIBUTION).read_text()
    card = (tmp_path / "cache-datasets" / "README.md").read_text()
    assert card.startswith("---\nlicense: cc-by-sa-4.0\nconfigs:")
    assert "## Sources and licences of the evidence" in card
