"""Every hit knows the item of its article in Wikidata: of texts and images, at random, printed and in caches."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("open_clip")
pytest.importorskip("faiss")

from kc_schema.retrieval_cache import open_cache
from pipelines import build_retrieval_cache, search
from pipelines.build_image_kc import main as build_images
from pipelines.image_index import open_index
from pipelines.text_index.embedded import EmbeddedIndex
from tests.dump_writer import DumpPage
from tests.entity_corpora import entity_corpus
from tests.services.media_server import draw, encode_as

pytestmark = pytest.mark.torch

PROJECTION = "tests.pipelines.image_index.encoders:random_projection"
ITEMS = {"Ada Lovelace": "Q7259", "Charles Babbage": "Q46633", "Analytical Engine": None}
TEXTS = {
    "Ada Lovelace": "was a mathematician who wrote notes on the [[Analytical Engine]].",
    "Charles Babbage": "was an engineer and designed the [[Analytical Engine]] in London.",
    "Analytical Engine": "was a machine that [[Charles Babbage]] never built, and [[Ada Lovelace]] described.",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    pages = [
        DumpPage(title, f"[[File:P{n}.jpg|thumb]]'''{title}''' {text}", n)
        for n, (title, text) in enumerate(TEXTS.items(), start=1)
    ]
    properties = {n: {"wikibase_item": item} for n, item in enumerate(ITEMS.values(), start=1) if item}
    kc = entity_corpus(folder, pages, properties, indexed=True)
    (folder / "pictures").mkdir()
    for n in range(1, 4):
        (folder / "pictures" / f"P{n}.jpg").write_bytes(encode_as(draw(n), "JPEG"))
    images = ["--images", str(folder / "pictures"), "--encoder", PROJECTION, "--workers", "1"]
    assert build_images(["--kc", str(kc), *images]) == 0
    return folder


def test_texts_that_are_found_and_printed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with EmbeddedIndex(folder / "kc") as index:
        (hits,) = index.search(["engineer mathematician machine"], 3)
    assert {hit.title: hit.wikidata_id for hit in hits} == ITEMS
    assert search.main(["engineer mathematician machine", "--kc", str(folder / "kc"), "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {row["title"]: row["wikidata_id"] for row in rows} == ITEMS


def test_images_that_are_found_and_printed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    index = open_index(folder / "kc")
    (hits,) = index.search([[1.0] * 16], 3)
    assert {hit.title: hit.wikidata_id for hit in hits} == ITEMS
    picture = str(folder / "pictures" / "P2.jpg")
    assert search.main(["--image", picture, "--kc", str(folder / "kc"), "--json", "--device", "cpu"]) == 0
    first = json.loads(capsys.readouterr().out.splitlines()[0])
    assert (first["title"], first["wikidata_id"]) == ("Charles Babbage", "Q46633")


def test_evidence_of_every_source_of_a_cache(folder: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    row = {"tokens": ["Charles", "Babbage", "built", "engines"], "labels": ["B-PER", "I-PER", "O", "O"]}
    for split in ("train", "dev", "test"):
        pictured = {**row, "image": "P1.jpg"}
        (data / f"{split}.jsonl").write_text(json.dumps(pictured) + "\n" + json.dumps(row) + "\n")
        (data / "images").mkdir(exist_ok=True)
    (data / "images" / "P1.jpg").write_bytes((folder / "pictures" / "P1.jpg").read_bytes())
    sources = ("text", "entity", "image", "random_text", "random_image")
    given = ["--kc", str(folder / "kc"), "--dataset", "jsonl", "--data", str(data), "--device", "cpu"]
    output = ["--output", str(tmp_path / "cache"), "--sources", ",".join(sources)]
    assert build_retrieval_cache.main([*given, *output]) == 0
    cache = open_cache(tmp_path / "cache", verify=True)
    for source in sources:
        hits = [hit for own in cache.hits(source, "test").values() for hit in own]
        assert hits, source
        assert {hit.title: hit.wikidata_id for hit in hits} == {hit.title: ITEMS[hit.title] for hit in hits}
        assert any(hit.wikidata_id for hit in hits), source
