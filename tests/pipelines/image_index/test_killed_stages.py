"""Licences that are asked for, and ready sets that are read: killed at any moment, the same command ends the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytest.importorskip("requests")
pytest.importorskip("PIL")

from kc_schema.image_manifest import ImageManifest, write_image_manifest
from kc_schema.store import checksum
from pipelines.image_index.fetching.archive import PartContent
from pipelines.image_index.layout import Layout, read_records
from tests.killed_process import killed_when, run_to_its_end
from tests.pipelines.image_index.corpora import SOURCE
from tests.pipelines.image_index.snapshots import write_snapshot
from tests.services.media_server import draw, encode_as
from tests.services.wiki_api import wiki_api

FILES = [f"P{n}.jpg" for n in range(240)]
TREES = ("killed", "undisturbed", "two")


def prepared(kc: Path) -> Path:
    """Write a snapshot whose image corpus has eight parts."""
    write_snapshot(kc, {f"Page {n}": [file] for n, file in enumerate(FILES)})
    (kc / "images").mkdir()
    source = replace(SOURCE, repository="commons")
    write_image_manifest(kc, ImageManifest(snapshot="", source=source, part_bits=3, tables={}))
    return kc


def command(kc: Path, *options: str, workers: int = 1) -> list[str]:
    return ["pipelines.build_image_kc", "--kc", str(kc), "--workers", str(workers), *options]


def tables(kc: Path, names: Sequence[str]) -> dict[str, str]:
    images = kc / "images"
    paths = [
        images / "manifest.json",
        *(path for name in names for path in (images / name).glob("*.parquet")),
    ]
    return {path.relative_to(images).as_posix(): checksum(path) for path in sorted(paths)}


def finish(trees: Sequence[Path], *options: str) -> None:
    """Let the killed build end, and two others run from front to end, with one worker and with two."""
    for kc, workers in zip(trees, (1, 1, 2), strict=True):
        run_to_its_end(command(kc, *options, workers=workers))


def test_licences(tmp_path: Path) -> None:
    trees = [prepared(tmp_path / name) for name in TREES]
    said = {file: {"License": "cc-by-sa-4.0", "Artist": f"<b>{file}</b>"} for file in FILES[:-3]}
    with wiki_api(said, files_an_answer=9, delay=0.03) as api:
        options = ["--stage", "licences", "--commons-api", api.url, "--private-addresses"]
        options += ["--seconds-between-requests", "0", "--contact", "a@example.org"]
        parts = trees[0] / "images" / "licences"
        kills = [
            killed_when(command(trees[0], *options), lambda n=n: len(list(parts.glob("part-*"))) >= n)
            for n in (1, 4)
        ]
        asked = len(api.requests)
        finish(trees, *options)
    assert all(kills)
    killed, undisturbed, two = (tables(kc, ["licences", "articles"]) for kc in trees)
    assert killed == undisturbed == two
    assert len(killed) == 17
    whole = len({title for titles in api.requests for title in titles})
    assert whole == len(FILES)
    repeated = sum(map(len, api.requests[:asked])) / 9
    assert repeated < 2 * len(FILES), "finished parts are not asked for again"


def test_ready_sets_of_images(tmp_path: Path) -> None:
    trees = [prepared(tmp_path / name) for name in TREES]
    pictures = [encode_as(draw(n), "JPEG") for n in range(12)]
    rows = [{"file_name": file, "bytes": pictures[n % 12]} for n, file in enumerate(FILES[:-5])]
    rows.append({"file_name": FILES[-5], "bytes": b"broken"})
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "set.parquet", row_group_size=10)
    options = ["--images", str(tmp_path / "set.parquet"), "--stage", "fetch"]
    images = trees[0] / "images"
    kills = [
        killed_when(command(trees[0], *options), condition)
        for condition in (
            lambda: any(images.glob("downloads/part-*.tar")),
            lambda: sum(path.stat().st_size for path in images.glob("downloads/part-*.tar")) > 100_000,
            lambda: len(list(images.glob("records/part-*"))) >= 2,
        )
    ]
    finish(trees, *options)
    assert any(kills)
    killed, undisturbed, two = (tables(kc, ["records", "articles"]) for kc in trees)
    assert killed == undisturbed == two
    layout = Layout(trees[0])
    for number in range(8):
        content = PartContent(layout, number)
        for row in read_records(layout, number).values():
            if row["status"] == "ok":
                assert content.read(row) == pictures[int(row["file"][1:-4]) % 12]
            else:
                assert row["error"] in ("not in the image set", "not an image")
