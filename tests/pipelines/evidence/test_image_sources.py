"""Caches with evidence from pictures: sentence, image and object level, features, re-ranking."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from kc_schema.retrieval_cache import open_cache
from pipelines.build_retrieval_cache import main
from pipelines.engine import TIMINGS

pytest.importorskip("torch")
pytest.importorskip("faiss")

from tests.pipelines.evidence.picture_corpus import SPEC, write_pictures_kc, write_posts

pytestmark = pytest.mark.torch

SOURCES = "text,sentence_image,image,object,random_image"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    write_pictures_kc(folder / "kc")
    write_posts(folder / "data")
    return folder


def arguments(place, output, *more, sources=SOURCES):
    return [
        "--kc", str(place / "kc"), "--dataset", "twitter15", "--data", str(place / "data"), "--sources", sources,
        "--output", str(output), "--device", "cpu", *more,
    ]  # fmt: skip


def build(place, output, *more, **options):
    assert main(arguments(place, output, *more, **options)) == 0
    return open_cache(output, verify=True)


def titles(hits):
    return [hit.title for hit in hits]


def content(folder: Path):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        # What it took, which no two builds take alike.
        if path.is_file() and path.name not in ("speed.json", TIMINGS)
    }


def test_pictures_are_found_at_every_level(place, tmp_path):
    cache = build(place, tmp_path / "cache", "--k", "2", "--k", "random_image=3")
    assert cache.sources == ("image", "object", "random_image", "sentence_image", "text")
    red = cache.hits("image", "train")["train-0"]
    assert [(hit.title, hit.key, hit.record_id) for hit in red] == [
        ("Rose", "image_0.jpg", 2),
        ("Garden", "image_0.jpg", 2),
    ]
    assert red[0].text == "About <e: It> Rose </e>."
    assert titles(cache.hits("sentence_image", "train")["train-1"])[:1] == ["Sea"]
    assert [len(hits) for hits in cache.hits("random_image", "train").values()] == [3, 3]
    # Without an image there is nothing to ask by.
    assert cache.hits("image", "train")["train-1"] == cache.hits("object", "test")["test-1"] == []
    assert cache.manifest["drops"] == {"image broken": 1, "image missing": 1}
    assert set(cache.manifest["snapshots"]) == {"text", "image"}
    assert cache.manifest["encoder"]["name"] == SPEC


def test_hits_of_all_crops_are_merged_with_their_boxes(place, tmp_path):
    cache = build(place, tmp_path / "cache", "--grid", "1x2", "--k", "3", sources="object")
    table = cache.hits_table("object", "test").to_pylist()
    assert [(row["title"], row["box"]) for row in table[:2]] in (
        [("Grass", [8, 0, 16, 16]), ("Rose", [0, 0, 8, 16])],
        [("Rose", [0, 0, 8, 16]), ("Garden", [0, 0, 8, 16])],
        [("Rose", [0, 0, 8, 16]), ("Grass", [8, 0, 16, 16])],
    )
    assert {row["title"] for row in table} == {"Rose", "Grass", "Garden"}
    assert [row["score"] for row in table] == sorted((row["score"] for row in table), reverse=True)
    assert cache.manifest["options"]["objects"] == {"grid": [1, 2]}
    report = json.loads((tmp_path / "cache" / "report.json").read_text())
    assert report["splits"]["test"]["sources"]["object"]["counts"] == {
        "crops": 2,
        "examples without a query": 1,
    }


def test_boxes_come_from_a_file(place, tmp_path):
    boxes = tmp_path / "boxes.jsonl"
    boxes.write_text(json.dumps({"image": "half.jpg", "boxes": [[9, 0, 16, 16]]}))
    cache = build(place, tmp_path / "cache", "--boxes", str(boxes), "--k", "1", sources="object")
    assert [(row["title"], row["box"]) for row in cache.hits_table("object", "test").to_pylist()] == [
        ("Grass", [9, 0, 16, 16])
    ]
    report = json.loads((tmp_path / "cache" / "report.json").read_text())
    counts = report["splits"]["train"]["sources"]["object"]["counts"]
    assert counts == {"examples without a query": 1, "image without boxes": 1}


def test_features_keep_their_norms_and_are_null_without_an_image(place, tmp_path):
    cache = build(place, tmp_path / "cache", sources="image")
    assert cache.feature_widths == {"image_evidence_vector": 8, "image_vector": 8, "text_vector": 8}
    rows = cache.features_table("train").to_pylist()
    assert rows[1]["image_vector"] is rows[1]["image_norm"] is rows[1]["image_evidence_vector"] is None
    raw = cache.vectors("train", "image_vector", raw=True)
    np.testing.assert_allclose(raw[0], [1, 0, 0, 0.1, 0, 0, 0, 0], atol=0.02)
    np.testing.assert_allclose(rows[0]["text_norm"], np.hypot(1, 0.1), rtol=1e-3)
    evidence = cache.vectors("train", "image_evidence_vector")
    assert evidence[0] @ cache.vectors("train", "image_vector")[0] > 0.7


def test_built_twice_it_is_the_same(place, tmp_path):
    options = (
        "--rerank-by-image",
        "--rerank-by-sources",
        "--drop-near-duplicates",
        "--mark-leaks",
        "--k",
        "2",
    )
    cache = build(place, tmp_path / "one", *options)
    build(place, tmp_path / "two", *options)
    assert content(tmp_path / "one") == content(tmp_path / "two")
    options = cache.manifest["options"]
    for name in ("rerank_by_image", "rerank_by_sources", "drop_near_duplicates", "mark_leaks"):
        assert options[name] is True
    agreement = cache.hits_table("text", "train").column("agreement").to_pylist()
    assert all(value is None or -1.001 <= value <= 1.001 for value in agreement)
    assert any(value is not None for value in agreement)
    assert "agreement" not in cache.hits_table("random_image", "train").column_names


def test_agreement_with_the_image_moves_evidence_up(place, tmp_path):
    # By its words the post asks for the garden; its picture is half green.
    plain = build(place, tmp_path / "plain", sources="text,image")
    moved = build(place, tmp_path / "moved", "--rerank-by-image", sources="text,image")
    table = moved.hits_table("text", "train").to_pylist()
    best = max((row for row in table if row["agreement"] is not None), key=lambda row: row["agreement"])
    assert best["title"] == "Rose"
    for split in plain.splits:
        for name, hits in plain.hits("text", split).items():
            assert {hit.record_id for hit in hits} == {
                hit.record_id for hit in moved.hits("text", split)[name]
            }


def test_another_encoder_than_the_index_is_refused(place, tmp_path, capsys):
    spec = "tests.pipelines.evidence.colour_encoder:build_other"
    assert main(arguments(place, tmp_path / "cache", "--encoder", spec, sources="image")) == 1
    assert "is not the same: give it with --encoder" in " ".join(capsys.readouterr().err.split())


def test_an_encoder_of_images_alone_has_no_sentences(place, tmp_path, capsys):
    spec = "tests.pipelines.evidence.colour_encoder:build_blind"
    cache = build(place, tmp_path / "cache", "--encoder", spec, sources="random_text")
    assert set(cache.feature_widths) == {"image_vector"}
    assert (
        main(arguments(place, tmp_path / "none", "--encoder", spec, "--rerank-by-image", sources="text")) == 1
    )
    assert "it encodes images only" in capsys.readouterr().err


def test_features_may_come_with_text_alone(place, tmp_path):
    cache = build(place, tmp_path / "cache", "--encoder", SPEC, sources="text")
    assert cache.feature_widths == {"image_vector": 8, "text_vector": 8}


def test_a_changed_image_corpus_is_refused(place, tmp_path, capsys):
    copy = tmp_path / "copy"
    shutil.copytree(place, copy)
    build(copy, tmp_path / "cache", sources="image")
    manifest = copy / "kc" / "images" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"snapshot": ""', '"snapshot": "newer"'))
    assert main(arguments(copy, tmp_path / "cache", sources="image")) == 1
    assert "snapshots: image" in capsys.readouterr().err


def test_a_picture_that_changed_makes_another_cache(place, tmp_path, capsys):
    from PIL import Image

    copy = tmp_path / "copy"
    shutil.copytree(place, copy)
    build(copy, tmp_path / "cache", sources="image")
    Image.new("RGB", (16, 16), (0, 0, 255)).save(copy / "data" / "pictures" / "red.jpg")
    assert main(arguments(copy, tmp_path / "cache", sources="image")) == 1
    assert "options: images" in capsys.readouterr().err


def test_killed_it_goes_on(place, tmp_path):
    whole = build(place, tmp_path / "whole", "--k", "2").folder
    output = tmp_path / "killed"
    command = [sys.executable, "-m", "pipelines.build_retrieval_cache", *arguments(place, output, "--k", "2")]
    root = Path(__file__).resolve().parents[3]
    process = subprocess.Popen(
        command, cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ}
    )
    while process.poll() is None and len(list((output / ".work").rglob("*.json"))) < 3:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    build(place, output, "--k", "2")
    assert content(output) == content(whole)
