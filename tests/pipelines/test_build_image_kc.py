"""The whole image corpus: photographs found again, a real dump's links, kills at every stage."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

pytest.importorskip("open_clip")
pytest.importorskip("faiss")

from PIL import Image, ImageEnhance

from kc_schema.image_manifest import ImageManifest, IndexSummary, read_image_manifest, write_image_manifest
from kc_schema.store import checksum
from pipelines import build_image_kc, search
from pipelines.image_index import open_index
from pipelines.image_index.encoding.encoder import open_encoder
from tests.pipelines.image_index.corpora import SOURCE
from tests.pipelines.image_index.encoders import write_random_clip
from tests.pipelines.image_index.snapshots import write_snapshot
from tests.services.media_server import draw, encode_as, media_server

pytestmark = [pytest.mark.torch, pytest.mark.xdist_group("photographs")]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Keeps torch from fighting with the other tests for cores."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


ROOT = Path(__file__).parents[2]
EFFICIENTNET = "tests.pipelines.image_index.encoders:efficientnet"
PROJECTION = "tests.pipelines.image_index.encoders:random_projection"
PHOTOGRAPHS = [
    "astronaut",
    "coffee",
    "chelsea",
    "camera",
    "rocket",
    "retina",
    "coins",
    "horse",
    "moon",
    "brick",
]
PHOTOGRAPHS += [
    "grass",
    "gravel",
    "page",
    "clock",
    "hubble_deep_field",
    "immunohistochemistry",
    "text",
    "logo",
]
DISTRACTORS = 30


def build(kc: Path, *arguments: str) -> int:
    given = ["--kc", str(kc), "--device", "cpu", *arguments]
    return build_image_kc.main([*given, *([] if "--workers" in given else ["--workers", "1"])])


def photographs() -> dict[str, Image.Image]:
    data = pytest.importorskip("skimage.data")
    found = {}
    for name in PHOTOGRAPHS:
        pixels = getattr(data, name)()
        pixels = pixels.astype(np.uint8) * 255 if pixels.dtype == bool else pixels
        found[f"{name.capitalize()}.png"] = Image.fromarray(pixels).convert("RGB")
    return found


def variants(image: Image.Image) -> dict[str, Image.Image]:
    """Return what becomes of a picture on its way through the web."""
    width, height = image.size
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=25)
    return {
        "smaller": image.resize((max(1, width * 2 // 5), max(1, height * 2 // 5))),
        "recompressed": Image.open(buffer).convert("RGB"),
        "cropped": image.crop((width // 10, height // 10, width - width // 10, height - height // 10)),
        "recoloured": ImageEnhance.Color(ImageEnhance.Brightness(image).enhance(1.15)).enhance(0.7),
    }


@pytest.fixture(scope="module")
def photo_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photographs")
    (folder / "images").mkdir()
    pages: dict[str, list[str]] = {}
    for file, image in photographs().items():
        image.save(folder / "images" / file)
        pages[f"Article of {file}"] = [file]
    for number in range(DISTRACTORS):
        file = f"Distractor_{number}.jpg"
        (folder / "images" / file).write_bytes(encode_as(draw(number), "JPEG"))
        pages[f"Other {number}"] = [file, "Distractor_0.jpg"]
    kc = write_snapshot(folder / "kc", pages)
    assert build(kc, "--images", str(folder / "images"), "--encoder", EFFICIENTNET) == 0
    return kc


def test_photographs_are_found_again_whatever_was_done_to_them(photo_corpus: Path) -> None:
    index, encoder = open_index(photo_corpus), open_encoder(EFFICIENTNET, device="cpu")
    assert index.encoder.fingerprint == encoder.fingerprint
    assert len(index) == len(PHOTOGRAPHS) + DISTRACTORS
    for file, image in photographs().items():
        made = variants(image)
        for change, hits in zip(
            made, index.search(encoder.encode_images(list(made.values())), 3), strict=True
        ):
            assert hits[0].key == file, (file, change, hits[0].key)
            assert hits[0].title == f"Article of {file}"
            assert hits[0].text.startswith("This is <e: Article_of_")


def test_index_and_exact_search_agree(photo_corpus: Path) -> None:
    parts = sorted((photo_corpus / "images/embeddings").glob("*.parquet"))
    tables = [pq.read_table(path) for path in parts]
    ids = np.concatenate([table["image_id"].to_numpy() for table in tables])
    vectors = np.array([v for table in tables for v in table["vector"].to_pylist()], np.float32)
    found = open_index(photo_corpus).nearest(vectors, 10)
    exact = ids[np.argsort(-(vectors @ vectors.T), axis=1, kind="stable")[:, :10]]
    hits = sum(
        len({i for _, i in ours} & set(true.tolist())) for ours, true in zip(found, exact, strict=True)
    )
    assert hits / exact.size > 0.99
    assert [row[0][1] for row in found] == ids.tolist()


def test_the_command_searches_by_image(photo_corpus: Path, tmp_path: Path, capsys: Any) -> None:
    photo = tmp_path / "photo.jpg"
    photographs()["Coffee.png"].resize((200, 133)).save(photo, quality=40)
    sheet = tmp_path / "found.html"
    arguments = ["--image", str(photo), "--kc", str(photo_corpus), "--device", "cpu", "--k", "4"]
    assert search.main([*arguments, "--json", "--thumbnails", str(sheet)]) == 0
    hits = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [hit["rank"] for hit in hits] == [1, 2, 3, 4]
    assert (hits[0]["file"], hits[0]["title"]) == ("Coffee.png", "Article of Coffee.png")
    page = sheet.read_text()
    assert page.count("<img") == 4
    assert "Article of Coffee.png" in page
    assert search.main([*arguments, "--thumbnails", str(tmp_path / "nowhere" / "found.html")]) == 1
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.endswith("found.html: cannot be written: No such file or directory")
    assert search.main(arguments) == 0
    assert "Coffee.png" in capsys.readouterr().out
    photo.write_bytes(b"no image")
    assert search.main(arguments) == 1
    assert "not an image" in capsys.readouterr().err


def test_another_encoder_is_refused_in_a_search(photo_corpus: Path, tmp_path: Path, capsys: Any) -> None:
    photo = tmp_path / "photo.png"
    draw(1).save(photo)
    status = search.main(
        ["--image", str(photo), "--kc", str(photo_corpus), "--encoder", PROJECTION, "--device", "cpu"]
    )
    assert status == 1
    assert "is not the encoder of this index" in capsys.readouterr().err


def test_a_second_run_finds_everything_done(photo_corpus: Path, capsys: Any) -> None:
    images = photo_corpus / "images"
    before = {path: path.stat().st_mtime_ns for path in images.rglob("*.parquet")}
    before[images / "index.faiss"] = (images / "index.faiss").stat().st_mtime_ns
    folder = str(photo_corpus.parent / "images")
    assert build(photo_corpus, "--images", folder, "--encoder", EFFICIENTNET, "--json") == 0
    manifest = read_image_manifest(photo_corpus)
    assert capsys.readouterr().out == manifest.to_json()
    assert before == {path: path.stat().st_mtime_ns for path in before}
    for parts in manifest.tables.values():
        for part in parts:
            assert checksum(images / part.file) == part.sha256
    assert manifest.index == IndexSummary("Flat", len(PHOTOGRAPHS) + DISTRACTORS)
    assert manifest.counts["files"] == manifest.counts["images"] == len(PHOTOGRAPHS) + DISTRACTORS
    assert manifest.drops["links"] == {"again on the same page": 1}


def test_where_nothing_is_fetched_the_manifest_keeps_the_source(
    photo_corpus: Path, tmp_path: Path, capsys: Any
) -> None:
    folder = str(photo_corpus.parent / "images")
    assert build(photo_corpus, "--images", str(tmp_path / "none"), "--encoder", EFFICIENTNET) == 1
    assert "no such folder" in capsys.readouterr().err
    assert build(photo_corpus, "--images", str(tmp_path), "--encoder", EFFICIENTNET) == 0
    assert read_image_manifest(photo_corpus).source.images == folder


def test_stages_run_alone_and_in_order_only(tmp_path: Path, capsys: Any) -> None:
    kc = write_snapshot(tmp_path / "kc", {"Page": [f"F{n}.jpg" for n in range(6)]})
    folder = tmp_path / "images"
    folder.mkdir()
    for n in range(6):
        (folder / f"F{n}.jpg").write_bytes(encode_as(draw(n), "JPEG"))
    assert build(kc, "--stage", "encode", "--encoder", PROJECTION) == 1
    assert "no image corpus" in capsys.readouterr().err
    assert build(kc, "--stage", "fetch", "--images", str(folder), "--types", "jpeg") == 0
    assert set(read_image_manifest(kc).tables) == {"articles", "records"}
    assert build(kc, "--stage", "index") == 1
    assert "no images are encoded yet" in capsys.readouterr().err
    assert build(kc, "--stage", "encode", "--encoder", PROJECTION) == 0
    assert read_image_manifest(kc).encoder.name == PROJECTION
    assert build(kc, "--stage", "encode", "--encoder", PROJECTION, "--index", "Flat") == 0
    assert "note: --index: the stage encode has no use for it; it is for index" in capsys.readouterr().err
    assert build(kc, "--stage", "index") == 0
    assert "note: --device: the stage index has no use for it; it is for encode" in capsys.readouterr().err
    manifest = read_image_manifest(kc)
    assert manifest.source.images == str(folder)
    assert manifest.source.types == ("jpeg",)
    assert manifest.index == IndexSummary("Flat", 6)


def test_what_the_encoder_lacks_is_said_before_anything_is_fetched(tmp_path: Path, capsys: Any) -> None:
    kc = write_snapshot(tmp_path / "kc", {"Page": ["Fine_a.jpg"]})
    with media_server() as server:
        options = [
            "--images",
            server.url,
            "--private-addresses",
            "--encoder",
            str(tmp_path / "no-such-folder"),
        ]
        assert build(kc, *options) == 1
        assert "no-such-folder" in capsys.readouterr().err
        assert server.requests == []


def test_a_missing_encoder_is_said_before_anything_else(
    tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    started = time.monotonic()
    kc = write_snapshot(tmp_path / "kc", {"Page": ["Fine_a.jpg"]})
    assert build(kc, "--encoder-cache", str(tmp_path)) == 1
    assert time.monotonic() - started < 5.0
    assert "bring the folder clip-cache here" in capsys.readouterr().err


def test_a_server_that_gives_nothing_is_no_success(tmp_path: Path, capsys: Any) -> None:
    kc = write_snapshot(tmp_path / "kc", {"Page": [f"Fine_{n}.jpg" for n in range(5)]})
    with media_server() as server:
        server.mode = "login"
        options = ["--images", server.url, "--private-addresses", "--stage", "fetch"]
        assert build(kc, *options) == 1
        assert "none of 5 files could be had (not an image 5)" in capsys.readouterr().err
        server.mode = ""
        assert build(kc, *options, "--limit", "3") == 0
        assert read_image_manifest(kc).counts["images"] == 3
        assert build(kc, *options) == 0
        assert read_image_manifest(kc).counts["images"] == 5
        assert len(server.requests) == 10


def test_a_corpus_of_an_older_version_is_taken_over(
    tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before ``.work`` the results of steps lay in ``.state``, in another form; the tables were the same."""
    from pipelines.image_index.encoding.encoder import Encoder

    kc = prepared(tmp_path / "kc", [*(f"Fine_{n}.jpg" for n in range(20)), "Missing_a.jpg"])
    images = kc / "images"
    with media_server() as server:
        options = ["--images", server.url, "--private-addresses", "--encoder", PROJECTION, "--json"]
        assert build(kc, *options) == 0
        before = {path: (images / path).read_bytes() for path in [*tables(kc), "index.faiss", "index.json"]}
        manifest = json.loads(capsys.readouterr().out)
        del manifest["source"]["limit"]
        (images / "manifest.json").write_text(json.dumps(manifest))
        shutil.rmtree(images / ".work")
        (images / ".state/records").mkdir(parents=True)
        (images / ".state/records/00000.json").write_text('{"fingerprint": "", "parts": []}')
        asked = len(server.requests)
        assert build(kc, "--stage", "index") == 1
        assert "run python -m pipelines.build_image_kc" in capsys.readouterr().err
        assert (images / "manifest.json").read_text() == json.dumps(manifest)
        monkeypatch.setattr(Encoder, "blank_batch", None)
        assert build(kc, *options) == 0
        assert len(server.requests) == asked
    assert before == {path: (images / path).read_bytes() for path in before}
    assert "encoding" not in capsys.readouterr().err
    assert not (images / ".state/records").exists()


@pytest.mark.parametrize(("number", "status", "workers"), [(signal.SIGINT, 130, 1), (signal.SIGTERM, 143, 2)])
def test_a_build_that_is_told_to_stop_ends_in_one_line(
    tmp_path: Path, number: int, status: int, workers: int
) -> None:
    kc = write_snapshot(tmp_path / "kc", {"Page": [f"Fine_{n}.jpg" for n in range(300)]})
    with media_server() as server:
        server.delay = 0.02
        command = [sys.executable, "-m", "pipelines.build_image_kc", "--kc", str(kc), "--images", server.url]
        command += ["--private-addresses", "--stage", "fetch", "--workers", str(workers)]
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        end = time.monotonic() + 60
        while len(server.requests) < 20 and time.monotonic() < end:
            time.sleep(0.01)
        process.send_signal(number)
        _, error = process.communicate(timeout=20)
    assert process.returncode == status
    assert error.splitlines()[-1] == "stopped; the same command goes on where this one was"
    assert "Traceback" not in error
    assert read_image_manifest(kc).tables.keys() == {"articles"}
    assert not (kc / "images/.lock").exists()


def test_errors_are_one_line(tmp_path: Path, capsys: Any) -> None:
    kc = write_snapshot(tmp_path / "kc", {"Page": ["A.jpg"]})
    for arguments, message in (
        (["--kc", str(tmp_path / "nowhere")], "no such folder"),
        (["--kc", str(kc)], "--contact"),
        (["--kc", str(kc), "--images", str(tmp_path / "none")], "no such folder"),
        (["--kc", str(kc), "--images", "http://"], "not an address with a host"),
        (["--kc", str(kc), "--no-such-option"], "unrecognised arguments"),
    ):
        assert build_image_kc.main([*arguments, "--encoder", PROJECTION]) in (1, 2)
        error = capsys.readouterr().err.strip()
        assert error.splitlines()[-1].startswith("error: "), error
        assert message in error.splitlines()[-1]
        assert "Traceback" not in error


def shared_dump(name: str) -> Path:
    path = Path(os.environ.get("SHARED_DATA", ROOT.parent / "shared" / "data")) / "dumps" / name
    if not path.is_file():
        pytest.skip(f"no {path}")
    return path


@pytest.mark.shared_data
@pytest.mark.timeout(300)
def test_a_real_dumps_links_through_a_server(tmp_path: Path) -> None:
    from pipelines.build_text_kc import main as build_text

    kc = tmp_path / "kc"
    dump = shared_dump("enwiki-2016-106-articles.xml.bz2")
    assert (
        build_text(["--dump", str(dump), "--output", str(kc), "--text-index", "none", "--workers", "2"]) == 0
    )
    clip = write_random_clip(tmp_path / "clip")
    with media_server() as server:
        options = ["--images", server.url, "--private-addresses", "--megabits-per-second", "1000"]
        options += ["--encoder", str(clip), "--min-recall", "0.9"]
        assert build(kc, *options) == 0
        manifest = read_image_manifest(kc)
        assert manifest.counts["files"] > 500
        assert manifest.counts["images"] > 0.97 * manifest.counts["files"]
        assert sum(manifest.drops["images"].values()) == manifest.counts["files"] - manifest.counts["images"]
        assert server.most_connections <= 2
        counts = {path: server.requests.count(path) for path in set(server.requests)}
        assert max(counts.values()) == 1
        asked = len(server.requests)
        assert build(kc, *options) == 0
        assert len(server.requests) == asked
    index = open_index(kc)
    assert len(index) == manifest.counts["images encoded"] == manifest.counts["images"]
    rows = pq.read_table(kc / manifest_part(manifest, "articles")).to_pylist()
    assert all(row["title"] for row in rows)
    (hits,) = index.search(np.random.default_rng(0).normal(size=(1, 32)), 10, distinct_articles=True)
    assert len({hit.page_id for hit in hits}) == 10


def manifest_part(manifest: ImageManifest, table: str) -> str:
    return f"images/{manifest.tables[table][0].file}"


def killed_when(command: list[str], condition: Callable[[], bool], seconds: float = 90.0) -> bool:
    """Run a command and kills it with all that it started as soon as the condition holds."""
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    end = time.monotonic() + seconds
    try:
        while process.poll() is None and time.monotonic() < end:
            if condition():
                return True
            time.sleep(0.005)
        return False
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()


def prepared(kc: Path, files: list[str]) -> Path:
    """Write a snapshot whose image corpus has eight parts, however small it is."""
    write_snapshot(kc, {f"Page {n}": [file] for n, file in enumerate(files)})
    (kc / "images").mkdir()
    write_image_manifest(kc, ImageManifest(snapshot="", source=SOURCE, part_bits=3, tables={}))
    return kc


@pytest.mark.timeout(400)
def test_killed_at_every_stage_the_same_command_ends_the_same(tmp_path: Path) -> None:
    files = [f"Fine_{n}.jpg" for n in range(150)] + ["Missing_a.jpg", "Cut_a.jpg"]
    with media_server() as server:
        server.delay = 0.01
        options = [
            "--images",
            server.url,
            "--private-addresses",
            "--megabits-per-second",
            "1000",
            "--types",
            "jpeg",
        ]
        options += ["--encoder", PROJECTION, "--batch-size", "4", "--workers", "2"]
        options += ["--index", "IVF4,SQfp16", "--shards", "3"]
        kc = prepared(tmp_path / "killed", files)
        images = kc / "images"
        command = [
            sys.executable,
            "-m",
            "pipelines.build_image_kc",
            "--kc",
            str(kc),
            "--device",
            "cpu",
            *options,
        ]
        assert killed_when(command, lambda: len(server.requests) > 60)
        had = len(server.requests)
        assert killed_when(command, lambda: len(list((images / "embeddings").glob("part-*"))) >= 2)
        # What was on its way when it was killed is asked for again, nothing else.
        assert len(server.requests) <= 154 + 4 + had - 60
        assert killed_when(command, lambda: bool(list(images.glob(".work/index/*/trained.faiss"))))
        assert not (images / "index.json").exists()
        assert subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode == 0

        undisturbed = prepared(tmp_path / "undisturbed", files)
        assert build(undisturbed, *options) == 0
    same = {path: checksum(kc / "images" / path) for path in tables(kc)}
    assert same == {path: checksum(undisturbed / "images" / path) for path in tables(undisturbed)}
    assert (images / "manifest.json").read_bytes() == (undisturbed / "images" / "manifest.json").read_bytes()
    queries = np.random.default_rng(0).normal(size=(20, 16)).astype(np.float32)
    assert open_index(kc).nearest(queries, 5) == open_index(undisturbed).nearest(queries, 5)
    leftovers = [path.name for path in images.rglob("*") if re.search(r"tmp|run-|trained|shard-", path.name)]
    assert leftovers == []


def tables(kc: Path) -> list[str]:
    images = kc / "images"
    return sorted(
        path.relative_to(images).as_posix()
        for table in ("records", "articles", "embeddings")
        for path in (images / table).iterdir()
    )


def test_two_builds_at_once_are_refused(tmp_path: Path, capsys: Any) -> None:
    from pipelines.image_index.layout import Layout

    kc = write_snapshot(tmp_path / "kc", {"Page": ["A.jpg"]})
    with Layout(kc).place():
        assert build(kc, "--images", str(tmp_path), "--encoder", PROJECTION) == 1
    assert re.search(
        r"images: another build of images \(process .*\) is writing there", capsys.readouterr().err
    )
