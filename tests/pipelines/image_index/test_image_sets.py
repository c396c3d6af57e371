"""Ready sets of images fill the corpus without a download, by file name or by address."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytest.importorskip("PIL")

from kc_schema.image_manifest import read_image_manifest
from pipelines.build_image_kc import main
from pipelines.image_index.fetching.archive import PartContent
from pipelines.image_index.fetching.image_sets import file_of
from pipelines.image_index.layout import Layout
from tests.pipelines.image_index.snapshots import write_snapshot
from tests.services.media_server import draw, encode_as

MEDIA = "https://upload.wikimedia.org/wikipedia"
PICTURES = {
    name: encode_as(draw(seed), "JPEG")
    for seed, name in enumerate(("A_b.jpg", "É.jpg", "Own.jpg", "Twice.jpg"))
}


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("A_b.jpg", "A_b.jpg"),
        ("a b.jpg", "A_b.jpg"),
        ("File:A b.jpg", "A_b.jpg"),
        (f"{MEDIA}/commons/2/2a/A_b.jpg", "A_b.jpg"),
        (f"{MEDIA}/commons/c/c3/%C3%89.jpg", "É.jpg"),
        (f"{MEDIA}/commons/thumb/2/2a/A_b.jpg/300px-A_b.jpg", "A_b.jpg"),
        ("https://commons.wikimedia.org/wiki/Special:FilePath/A%20b.jpg?width=300", "A_b.jpg"),
        ("https://commons.wikimedia.org/wiki/File:A_b.jpg", "A_b.jpg"),
    ],
)
def test_names_and_addresses_stand_for_files(name: str, file: str) -> None:
    assert file_of(name) == file


def write_set(path: Path, rows: list[dict[str, Any]]) -> Path:
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=2)
    return path


def fetch(kc: Path, images: str, *more: str) -> dict[str, dict[str, Any]]:
    assert main(["--kc", str(kc), "--images", images, "--stage", "fetch", "--workers", "2", *more]) == 0
    return {row["file"]: row for row in pq.read_table(Layout(kc).part("records", 0)).to_pylist()}


@pytest.fixture
def kc(tmp_path: Path) -> Path:
    return write_snapshot(
        tmp_path / "kc", {"Page": ["A_b.jpg", "É.jpg", "Own.jpg", "Twice.jpg", "Lacking.jpg", "Broken.jpg"]}
    )


def wit_rows() -> list[dict[str, Any]]:
    """As Hugging Face's datasets write images with their addresses."""
    places = {
        "A_b.jpg": "commons/2/2a/A_b.jpg",
        "É.jpg": "commons/c/c3/%C3%89.jpg",
        "Own.jpg": "en/1/1a/Own.jpg",
    }
    rows = [
        {"image": {"bytes": PICTURES[file], "path": None}, "image_url": f"{MEDIA}/{place}", "caption": "x"}
        for file, place in places.items()
    ]
    other = {
        "image": {"bytes": b"other", "path": None},
        "image_url": f"{MEDIA}/commons/9/99/Other.jpg",
        "caption": "x",
    }
    return [other, *rows, {"image": None, "image_url": None, "caption": "nothing"}]


def test_a_set_by_address_fills_the_corpus(
    kc: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = str(write_set(tmp_path / "wit.parquet", wit_rows()))
    rows = fetch(kc, images)
    errors = {file: row["error"] for file, row in rows.items()}
    missing = "not in the image set"
    assert errors == {
        "A_b.jpg": "", "É.jpg": "", "Own.jpg": missing,
        "Twice.jpg": missing, "Lacking.jpg": missing, "Broken.jpg": missing,
    }  # fmt: skip
    assert rows["A_b.jpg"]["url"] == f"{MEDIA}/commons/2/2a/A_b.jpg"
    assert rows["A_b.jpg"]["repository"] == "commons"
    content = PartContent(Layout(kc), 0)
    assert content.read(rows["É.jpg"]) == PICTURES["É.jpg"]
    assert read_image_manifest(kc).drops["images"] == {missing: 4}
    assert missing in capsys.readouterr().out, "what is missing is said"
    assert fetch(kc, images, "--repository", "all")["Own.jpg"]["repository"] == "wiki"


def test_a_set_by_name_adds_to_what_is_there(kc: Path, tmp_path: Path) -> None:
    fetch(kc, str(write_set(tmp_path / "wit.parquet", wit_rows())))
    named = [
        {"file_name": "Twice.jpg", "bytes": b"broken"},
        {"file_name": "Twice.jpg", "bytes": PICTURES["Twice.jpg"]},
        {"file_name": "Twice.jpg", "bytes": PICTURES["A_b.jpg"]},
        {"file_name": "A b.jpg", "bytes": PICTURES["Twice.jpg"]},
        {"file_name": "Broken.jpg", "bytes": PICTURES["A_b.jpg"][: len(PICTURES["A_b.jpg"]) // 2]},
    ]
    write_set(tmp_path / "set-0.parquet", named[:3])
    write_set(tmp_path / "set-1.parquet", named[3:])
    rows = fetch(kc, str(tmp_path / "set-*.parquet"), "--retry-failed")
    content = PartContent(Layout(kc), 0)
    assert content.read(rows["Twice.jpg"]) == PICTURES["Twice.jpg"]
    assert content.read(rows["A_b.jpg"]) == PICTURES["A_b.jpg"], "what is there stays"
    assert rows["Broken.jpg"]["error"] == "truncated"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"url": "x", "text": "y"}], "has no column of bytes"),
        ([{"image": {"path": "x"}, "url": "y"}], "has no column of bytes"),
        ([{"bytes": b"x", "id": 7}], "has no column of names"),
    ],
)
def test_a_set_that_does_not_fit_is_refused(
    kc: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], rows: list[dict[str, Any]], message: str
) -> None:
    path = write_set(tmp_path / "set.parquet", rows)
    assert main(["--kc", str(kc), "--images", str(path), "--stage", "fetch"]) == 1
    assert message in capsys.readouterr().err


def test_files_that_are_no_set_are_named(
    kc: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.parquet").write_bytes(b"no parquet")
    for path, message in (("nowhere.parquet", "no such file"), ("x.parquet", "is no Parquet file")):
        assert main(["--kc", str(kc), "--images", str(tmp_path / path), "--stage", "fetch"]) == 1
        assert message in capsys.readouterr().err
    path = write_set(
        tmp_path / "other.parquet", [{"bytes": PICTURES["A_b.jpg"], "url": "https://x/Other.jpg"}]
    )
    assert main(["--kc", str(kc), "--images", str(path), "--stage", "fetch"]) == 1
    assert "none of 6 files could be had (not in the image set 6); give a set of" in capsys.readouterr().err
