"""Photographs and sentences in one space (ConSE): every way to ask for images finds what it should."""

from __future__ import annotations

from pathlib import Path

import pytest

from kc_schema.retrieval_cache import open_cache
from pipelines import build_retrieval_cache
from tests.pipelines.image_index.conse import photographs
from tests.services.corpus_service import RunningService, running_service

pytestmark = [pytest.mark.torch, pytest.mark.service, pytest.mark.xdist_group("the invented corpus")]

ARTICLES = {
    "cat": "Marlow (cat)",
    "coffee": "Harbour Coffee",
    "rocket": "Petrel 3",
    "motorcycle": "Vessa Moped Club",
    "flower": "Rowan Garden",
    "palace": "Linhua Palace",
}
"""Photograph -> article; the astronaut is left out, whom the classes of ImageNet do not know."""
SENTENCES = {
    "a kitten with stripes purrs": "cat",
    "hot espresso in a cup": "coffee",
    "the rocket lifts off from its launch pad": "rocket",
    "riding a moped down the street": "motorcycle",
    "daisies bloom in spring": "flower",
    "an old temple and its curved roof": "palace",
}


@pytest.fixture(scope="module")
def service(invented: Path):
    with running_service("--kc", invented / "kc") as running:
        yield running


def titles(hits: list[dict[str, str]]) -> set[str]:
    return {hit["title"] for hit in hits}


def test_a_sentence_finds_its_photograph(service: RunningService) -> None:
    answer = service.post("/search", {"queries": list(SENTENCES), "k": 1, "find": "images"}).json
    assert [ARTICLES[name] for name in SENTENCES.values()] == [
        "Linhua Palace" if hits[0]["file"] == "Palace.jpg" else hits[0]["title"] for hits in answer["images"]
    ]


@pytest.mark.parametrize("name", ARTICLES)
def test_a_photograph_finds_itself_and_its_article(service: RunningService, name: str) -> None:
    content = photographs()[name].read_bytes()
    answer = service.ask("POST", "/search/image?k=2", content, {"Content-Type": "image/png"})
    found = answer.json["results"][0]
    assert ARTICLES[name] in titles(found)
    assert found[0]["score"] > 0.8


def test_both_answers_a_sentence_with_its_paragraph_and_its_photograph(service: RunningService) -> None:
    answer = service.get("/search?q=the%20striped%20cat%20at%20the%20quay&k=1&find=both").json
    assert answer["results"][0][0]["title"] == answer["images"][0][0]["title"] == "Marlow (cat)"


def test_evidence_of_every_source_makes_sense(invented: Path) -> None:
    cache = open_cache(invented / "caches" / "posts")
    examples = cache.examples("test")
    expected = {"coffee": 0, "cat": 1, "rocket": 2, "flower": 3, "motorcycle": 4, "palace": 5}
    by_image = cache.hits("image", "test")
    by_sentence = cache.hits("sentence_image", "test")
    for name, place in expected.items():
        found = {hit.title for hit in by_image[examples[place].example_id][:2]}
        assert ARTICLES[name] in found, f"image, {name}"
    right = [
        ARTICLES[name] in {hit.title for hit in by_sentence[examples[place].example_id][:2]}
        for name, place in expected.items()
    ]
    assert sum(right) >= 4, "sentences of posts name more than what is seen"


def test_crops_find_what_they_show_and_images_move_text_up(invented: Path, tmp_path: Path) -> None:
    arguments = [
        "--kc", str(invented / "kc"), "--dataset", "twitter17", "--data", str(invented / "posts"), "--k", "3",
    ]  # fmt: skip
    asked = ["--sources", "text,object", "--grid", "1x2", "--rerank-by-image", "--candidates", "text=8"]
    assert build_retrieval_cache.main([*arguments, *asked, "--output", str(tmp_path / "cache")]) == 0
    cache = open_cache(tmp_path / "cache")
    examples = cache.examples("test")
    crops = cache.hits("object", "test")
    assert "Harbour Coffee" in {hit.title for hit in crops[examples[0].example_id]}
    assert "Marlow (cat)" in {hit.title for hit in crops[examples[1].example_id]}
    moved = cache.hits("text", "test")
    for example in examples[:6]:
        agreements = [hit.agreement for hit in moved[example.example_id]]
        assert all(agreement is not None for agreement in agreements)
    # "Ada Sterling drinks at Harbour Coffee again" comes with a picture of a cup.
    best = max(moved[examples[0].example_id], key=lambda hit: hit.agreement or 0)
    assert "Coffee" in best.text
