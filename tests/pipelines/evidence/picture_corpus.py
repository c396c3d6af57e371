"""A corpus of coloured pictures with a text beside it, and posts with pictures, for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from pipelines.engine import Engine
from pipelines.image_index.encoding.encoder import open_encoder
from pipelines.image_index.layout import Layout
from pipelines.image_index.vector_index.build import IndexOptions, build_index
from pipelines.text_index.embedded_build import build_embedded_index
from tests.pipelines.image_index.corpora import write_corpus
from tests.pipelines.text_index.snapshots import write_snapshot

SPEC = "tests.pipelines.evidence.colour_encoder:build"

PAGES = {
    "Rose": [["A rose is red ."], ["Roses grow in gardens."]],
    "Grass": [["Grass is green ."]],
    "Sea": [["The sea is blue ."]],
    "Garden": [["A garden has roses and grass."]],
}
PICTURES = {
    # Image id: colour, and the articles (page id, title, place) that show it.
    2: ((250, 10, 10), [(1, "Rose", "infobox"), (4, "Garden", "gallery")]),
    4: ((10, 250, 10), [(2, "Grass", "infobox")]),
    6: ((10, 10, 250), [(3, "Sea", "infobox")]),
    8: ((200, 40, 40), [(1, "Rose", "thumbnail")]),
}
POSTS = {
    "train": "IMGID:red\nA\tO\nred\tO\nRose\tB-MISC\n\nIMGID:gone\nblue\tO\nSea\tB-LOC\n\n",
    "test": "IMGID:half\nGarden\tB-LOC\ntour\tO\n\nIMGID:broken\ngreen\tO\n",
}


def write_pictures_kc(folder: Path) -> Path:
    """Writes a snapshot with text and image index, made with the encoder `SPEC`."""
    kc = write_snapshot(folder, PAGES)
    build_embedded_index(kc, workers=1)
    encoder = open_encoder(SPEC, device="cpu")
    vectors = encoder.encode_images([Image.new("RGB", (8, 8), colour) for colour, _ in PICTURES.values()])
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    articles = {image: shown for image, (_, shown) in PICTURES.items()}
    embeddings = write_corpus(kc, np.array(list(PICTURES)), vectors.astype(np.float16), articles, part_bits=0)
    build_index(Layout(kc), embeddings, encoder.describe(), IndexOptions(), Engine(), print)
    return kc


def write_posts(folder: Path) -> Path:
    """Writes posts: one with a red picture, one half red and half green, one broken and one gone."""
    (folder / "pictures").mkdir(parents=True)
    for split, text in POSTS.items():
        (folder / f"{split}.txt").write_text(text)
    Image.new("RGB", (16, 16), (255, 0, 0)).save(folder / "pictures" / "red.jpg", quality=95)
    half = Image.new("RGB", (16, 16), (255, 0, 0))
    half.paste((0, 255, 0), (8, 0, 16, 16))
    half.save(folder / "pictures" / "half.jpg", quality=95, subsampling=0)
    (folder / "pictures" / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    return folder
