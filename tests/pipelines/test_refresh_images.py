"""The image corpus follows a refresh: only new images are had and encoded, and files that stay are shared."""

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

pytest.importorskip("open_clip")
pytest.importorskip("faiss")

from kc_schema.image_manifest import read_image_manifest
from kc_schema.snapshot import open_snapshot
from kc_schema.store import as_path
from kc_schema.verify import verify
from pipelines.engine import Engine
from pipelines.image_index.encoding import image_vectors
from pipelines.image_index.encoding.encode import EncodeOptions
from pipelines.image_index.fetching.fetch import FetchOptions
from pipelines.image_index.licences.stage import LicenceOptions
from pipelines.image_index.stages import build_image_corpus
from pipelines.image_index.vector_index.build import IndexOptions
from pipelines.refresh import main
from pipelines.snapshots.images import refresh_images
from tests.corpus_builder import files
from tests.dump_writer import DumpPage, write_dump
from tests.pipelines.image_index.snapshots import write_snapshot
from tests.services.media_server import draw, encode_as
from tests.services.object_storage import Fault
from tests.services.wiki_api import wiki_api

pytestmark = pytest.mark.torch
ROOT = Path(__file__).resolve().parents[2]
ENCODER = "tests.pipelines.image_index.encoders:random_projection"


def page(number):
    title = f"Page {number}"
    return DumpPage(title, f"'''{title}''' is here. [[File:{number}.jpg|thumb|Of {number}]]", number)


def arguments(root, dump, *options):
    common = ["--root", str(root), "--dump", str(dump), "--text-index", "none", "--workers", "1"]
    return [*common, "--encoder", ENCODER, "--device", "cpu", *options]


def refresh(root, dump, *options):
    return main(arguments(root, dump, *options))


def image_tables(kc):
    folder = kc.resolve() / "images"
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for name in ("records", "articles", "embeddings")
        for path in (folder / name).iterdir()
    }


def test_only_new_images_are_fetched_and_encoded(tmp_path, monkeypatch):
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    for number in range(1, 31):
        (mirror / f"{number}.jpg").write_bytes(encode_as(draw(number), "JPEG"))
    old = write_dump(tmp_path / "testwiki-20260101-pages-articles.xml.bz2", [page(n) for n in range(1, 29)])
    new = write_dump(tmp_path / "testwiki-20260201-pages-articles.xml.bz2", [page(n) for n in range(2, 31)])
    root = tmp_path / "root"
    assert refresh(root, old, "--images", str(mirror)) == 0
    first = (root / "current").resolve()
    before = image_tables(root / "current")
    encoded = []
    batch = image_vectors._encode_batch
    monkeypatch.setattr(image_vectors, "_encode_batch", lambda *a: encoded.append(len(a[1])) or batch(*a))
    assert refresh(root, new) == 0  # where the images come from is known
    assert sum(encoded) == 2
    assert image_tables(first) == before
    assert refresh(tmp_path / "full", new, "--images", str(mirror)) == 0
    found, expected = image_tables(root / "current"), image_tables(tmp_path / "full" / "current")
    vectors, expected_vectors = (
        pq.read_table(pa.BufferReader(tables.pop("embeddings/part-00000.parquet")))
        for tables in (found, expected)
    )
    assert found == expected
    assert vectors["image_id"] == expected_vectors["image_id"]
    # A network's sums depend on the batch in their last bits.
    one, other = (np.array(table["vector"].to_pylist(), np.float32) for table in (vectors, expected_vectors))
    np.testing.assert_allclose(one, other, atol=2e-3)
    manifest = json.loads((root / "current" / "images" / "manifest.json").read_text())
    assert manifest["counts"]["images"] == 29
    assert "images: " in (root / "refresh.log").read_text()


def test_images_that_stay_are_one_file(tmp_path):
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    for number in range(1, 9):
        (mirror / f"{number}.jpg").write_bytes(encode_as(draw(number), "JPEG"))
    pages = [page(n) for n in range(1, 9)]
    old = write_dump(tmp_path / "testwiki-20260101-pages-articles.xml.bz2", pages)
    pages.append(DumpPage("New", "'''New''' is a page without an image.", 20))
    new = write_dump(tmp_path / "testwiki-20260201-pages-articles.xml.bz2", pages)
    root = tmp_path / "root"
    assert refresh(root, old, "--images", str(mirror)) == 0
    first = (root / "current").resolve() / "images"
    assert refresh(root, new) == 0
    second = (root / "current").resolve() / "images"
    for name in ("records", "embeddings"):
        for path in (second / name).iterdir():
            assert path.samefile(first / name / path.name)


def test_licences_are_carried_along(tmp_path, monkeypatch):
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    for number in range(1, 6):
        (mirror / f"{number}.jpg").write_bytes(encode_as(draw(number), "JPEG"))
    said = {f"{number}.jpg": {"License": "cc0" if number % 2 else "cc-by-nc-2.0"} for number in range(1, 6)}
    old = write_snapshot(tmp_path / "old", {"Page": ["1.jpg", "2.jpg", "3.jpg"]})
    new = write_snapshot(tmp_path / "new", {"Page": ["2.jpg", "3.jpg", "4.jpg", "5.jpg"]})
    with wiki_api(said) as api:
        monkeypatch.setattr(
            "pipelines.snapshots.images.LicenceOptions",
            partial(LicenceOptions, commons_api=api.url, seconds_between_requests=0),
        )
        fetching = FetchOptions(images=str(mirror), private_addresses=True)
        encoding = EncodeOptions(encoder=ENCODER, device="cpu")
        with Engine(1) as engine:
            first = LicenceOptions(licences=("cc0",), commons_api=api.url, seconds_between_requests=0)
            make = {"encoding": encoding, "engine": engine, "console": Console(quiet=True)}
            build_image_corpus(
                open_snapshot(old), fetching=fetching, indexing=IndexOptions(), licensing=first, **make
            )
            refresh_images(new, old, fetching=fetching, **make)
    manifest = read_image_manifest(new)
    assert manifest.source.licences == ("cc0",)
    assert manifest.rows("licences") == 4
    assert manifest.drops["images"] == {"licence other": 2}
    assert manifest.counts["images encoded"] == 2
    assert sorted(api.requests[-1]) == ["File:4.jpg", "File:5.jpg"]


def kill_when(root, dump, happened):
    """Begin a refresh in a process and kill it, with all of its processes, when something has happened."""
    command = [sys.executable, "-m", "pipelines.refresh", *arguments(root, dump)]
    run = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL, start_new_session=True)
    while run.poll() is None and not happened():
        time.sleep(0.002)
    killed = run.poll() is None
    if killed:
        os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    return killed


def test_killed_in_the_images_it_goes_on(tmp_path):
    """Copying older images, fetching, indexing: the old corpus answers meanwhile, and the end is the same."""
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    for number in range(1, 31):
        (mirror / f"{number}.jpg").write_bytes(encode_as(draw(number), "JPEG"))
    old = write_dump(tmp_path / "testwiki-20260101-pages-articles.xml.bz2", [page(n) for n in range(1, 29)])
    new = write_dump(tmp_path / "testwiki-20260201-pages-articles.xml.bz2", [page(n) for n in range(2, 31)])
    root = tmp_path / "root"
    assert refresh(root, old, "--images", str(mirror)) == 0
    first = (root / "current").resolve()
    before = image_tables(first)

    def newer(pattern):
        return [path for path in (root / "snapshots").glob(f"*/{pattern}") if first not in path.parents]

    log = root / "refresh.log"
    assert kill_when(root, new, lambda: log.read_text().count("images: begins") == 2)
    assert (root / "current").resolve() == first
    for moment in ("images/.work/planned/*", "images/index.faiss"):
        kill_when(root, new, lambda moment=moment: newer(moment))
        assert image_tables(first) == before
    assert refresh(root, new) == 0
    assert (root / "current").resolve() != first
    assert refresh(tmp_path / "full", new, "--images", str(mirror)) == 0
    found, expected = image_tables(root / "current"), image_tables(tmp_path / "full" / "current")
    assert {name for name in found if found[name] != expected[name]} <= {"embeddings/part-00000.parquet"}
    manifest = json.loads((root / "current" / "images" / "manifest.json").read_text())
    assert manifest["counts"]["images"] == 29
    assert not list(root.rglob(".images.seed"))
    assert not list(root.rglob("*.tmp"))


@pytest.mark.service
@pytest.mark.slow
def test_in_object_storage_only_new_images_are_encoded_also_after_a_kill(
    object_storage, tmp_path, monkeypatch
):
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    for number in range(1, 9):
        (mirror / f"{number}.jpg").write_bytes(encode_as(draw(number), "JPEG"))
    old = write_dump(tmp_path / "testwiki-20260101-pages-articles.xml.bz2", [page(n) for n in range(1, 8)])
    new = write_dump(tmp_path / "testwiki-20260201-pages-articles.xml.bz2", [page(n) for n in range(2, 9)])
    root = as_path(object_storage.address("root"))
    assert refresh(root, old, "--images", str(mirror)) == 0
    before = files(root / "current")
    # Killed while the server copies what the older snapshot has.
    fault = Fault("cut_request", ("PUT",), r"20260201.*/images/embeddings/", times=1)
    process = subprocess.Popen(
        [sys.executable, "-m", "pipelines.refresh", *arguments(root, new)], cwd=ROOT, start_new_session=True
    )
    fault.then = partial(os.killpg, process.pid, signal.SIGKILL)
    object_storage.faults.append(fault)
    assert process.wait(240) == -signal.SIGKILL
    assert files(root / "current") == before
    object_storage.faults.clear()
    encoded = []
    batch = image_vectors._encode_batch
    monkeypatch.setattr(image_vectors, "_encode_batch", lambda *a: encoded.append(len(a[1])) or batch(*a))
    assert refresh(root, new) == 0
    assert sum(encoded) == 1
    assert refresh(tmp_path / "full", new, "--images", str(mirror)) == 0
    found, expected = files(root / "current" / "images"), image_tables(tmp_path / "full" / "current")
    assert {name: found[name] for name in expected if not name.startswith("embeddings")} == {
        name: content for name, content in expected.items() if not name.startswith("embeddings")
    }
    assert ".seeding" not in found
    assert json.loads(found["manifest.json"])["counts"]["images"] == 7
    assert not verify(root / "current").counts
