"""The source ``entity``: what a sentence names, its introductions as evidence, ranked by prior times fit."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from kc_schema.retrieval_cache import open_cache
from kc_schema.tables import paragraph_id
from pipelines.build_entities import main as build_entities
from pipelines.build_retrieval_cache import main as build_cache
from pipelines.entities.lookup import Alias
from pipelines.evidence.entity_source import find_mentions
from tests.dump_writer import DumpPage, redirect_page
from tests.entity_corpora import entity_corpus

PLANET = (
    "'''Mercury''' is the smallest planet, and the nearest one to the Sun; its orbit takes eighty-eight days."
)
SINGER = (
    "'''Freddie Mercury''' was a singer of the band Queen, whose concerts filled stadiums all over the world."
)
PAGES = [
    DumpPage("Mercury (planet)", PLANET, 1),
    DumpPage("Freddie Mercury", SINGER, 2),
    DumpPage("Mercury", "'''Mercury''' may mean a planet, a singer or a metal. {{disambiguation}}", 3),
    DumpPage(
        "New York",
        "'''New York''' is a city on the coast, with a harbour and many bridges over its rivers.",
        4,
    ),
    DumpPage(
        "New York Times",
        "The '''New York Times''' is a newspaper that is printed in the city of New York.",
        5,
    ),
    DumpPage(
        "Links",
        "[[Mercury (planet)|Mercury]], [[Mercury (planet)|Mercury]] and [[Freddie Mercury|Mercury]] were named here,"
        " and so was [[Mercury]] itself, and [[Queen (band)|Queen]].",
        6,
    ),
    redirect_page("Big Apple", "New York", 7),
]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    properties = {1: {"wikibase_item": "Q308"}, 2: {"wikibase_item": "Q15869"}, 3: {"disambiguation": ""}}
    return entity_corpus(tmp_path_factory.mktemp("kc"), PAGES, properties, indexed=True)


def write_data(folder: Path, sentences: Sequence[tuple[str, str]]) -> Path:
    folder.mkdir()
    for split in ("train", "dev", "test"):
        rows = [{"tokens": text.split(), "labels": labels.split()} for text, labels in sentences]
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def cache_arguments(kc: Path, data: Path, output: Path) -> list[str]:
    return ["--kc", str(kc), "--dataset", "jsonl", "--data", str(data), "--output", str(output)]


def test_entities_of_a_sentence_are_evidence(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sentences = [
        ("Mercury sang in stadiums with his band", "B-PER O O O O O O"),
        ("The orbit of #Mercury takes days", "O O O B-LOC O O"),
        ("The New York Times visits the Big Apple", "O B-ORG I-ORG I-ORG O O B-LOC I-LOC"),
        ("nothing here is 2025 named by @Mercury", "O O O O O O O"),
    ]
    data = write_data(tmp_path / "data", sentences)
    arguments = cache_arguments(corpus, data, tmp_path / "cache")
    assert build_cache([*arguments, "--sources", "entity,text", "--k", "entity=2"]) == 0
    cache = open_cache(tmp_path / "cache", verify=True)
    hits = [cache.hits("entity", "test").get(example.example_id, []) for example in cache.examples("test")]
    assert [[hit.title for hit in own] for own in hits] == [
        ["Freddie Mercury", "Mercury (planet)"],
        ["Mercury (planet)", "Freddie Mercury"],
        ["New York", "New York Times"],
        [],
    ]
    first = hits[0][0]
    assert (first.key, first.rank, first.wikidata_id) == ("Mercury", 0, "Q15869")
    assert (
        first.text
        == "Freddie Mercury was a singer of the band Queen, whose concerts filled stadiums all over the world."
    )
    assert first.record_id == paragraph_id(2, 0)
    # sang, stadiums, with, band: two of four stand there; of four links of the name one leads to the singer.
    assert first.score == pytest.approx(1 / 4 * (1 + 2) / (1 + 4))
    assert hits[2][0].wikidata_id is None
    found = cache.hits("text", "test")[cache.examples("test")[1].example_id]
    assert "Q308" in {hit.wikidata_id for hit in found}
    report = json.loads((tmp_path / "cache" / "report.json").read_text())["splits"]["test"]
    assert report["gold mentions"] == 4
    assert report["gold mentions that are names"] == 3, "a hash sign is part of the third"
    assert report["sources"]["entity"]["counts"]["dropped: disambiguation"] == 2
    assert "gold mentions that are names of entities: 3 (75.0%)" in " ".join(capsys.readouterr().out.split())


def test_a_corpus_without_entities_is_said_before_any_work(corpus: Path, tmp_path: Path, capsys) -> None:
    import shutil

    kc = tmp_path / "kc"
    shutil.copytree(corpus, kc)
    (kc / "entities.json").unlink()
    data = write_data(tmp_path / "data", [("Mercury", "B-PER")])
    arguments = cache_arguments(kc, data, tmp_path / "cache")
    assert build_cache([*arguments, "--sources", "entity"]) == 1
    assert "has no entities; make them with: python -m pipelines.build_entities" in capsys.readouterr().err
    assert build_cache([*arguments, "--sources", "text"]) == 0
    report = json.loads((tmp_path / "cache" / "report.json").read_text())["splits"]["test"]
    assert "gold mentions that are names" not in report


@pytest.mark.parametrize(
    ("text", "names", "found"),
    [
        ("New York Times", ["New York", "New York Times", "York Times"], ["New York Times"]),
        ("A B C", ["A B", "B C"], ["A B"]),
        ("A B C D", ["A B", "B C D"], ["B C D"]),
        ("the cat", ["the", "the cat"], []),
        ("The cat", ["The cat", "The"], ["The cat"]),
        ("in 1999", ["1999", "in 1999"], []),
        ("G 20", ["G 20"], ["G 20"]),
        ("#MUFC won", ["MUFC"], ["MUFC"]),
        (", Paris .", ["Paris", ", Paris"], ["Paris"]),
        ("A cat and I", ["A", "I"], []),
        ("北京 is big", ["北京"], ["北京"]),
        ("@Paris http://Paris", ["@Paris", "http://Paris"], []),
        ("", [], []),
    ],
)
def test_the_longest_names_are_found(text: str, names: list[str], found: list[str]) -> None:
    alias = Alias(1, 1, 1.0, 1.0, False, False, False)
    spans = find_mentions(text.split(), {name: [alias] for name in names})
    assert [span.name for span in spans] == found


def test_evidence_says_of_what_types_its_articles_are(corpus: Path, tmp_path: Path) -> None:
    import shutil

    kc = tmp_path / "kc"
    shutil.copytree(corpus, kc)
    (tmp_path / "types.tsv").write_text("Q308\tplanet\nQ15869\thuman,singer\n")
    made = ["--kc", str(kc), "--workers", "1"]
    assert build_entities([*made, "--types", str(tmp_path / "types.tsv"), "--overwrite"]) == 0
    data = write_data(tmp_path / "data", [("Mercury sang with his band", "B-PER O O O O")])
    given = [*cache_arguments(kc, data, tmp_path / "cache"), "--sources", "text,entity,random_text"]
    assert build_cache(given) == 0
    cache = open_cache(tmp_path / "cache", verify=True)
    for source in ("text", "entity", "random_text"):
        hits = [hit for own in cache.hits(source, "test").values() for hit in own]
        known = {"Freddie Mercury": ("human", "singer"), "Mercury (planet)": ("planet",)}
        assert hits, source
        assert {hit.title: hit.types for hit in hits} == {hit.title: known.get(hit.title) for hit in hits}
    assert "types" in cache.manifest["snapshots"]
    (tmp_path / "types.tsv").write_text("Q308\tworld\n")
    assert build_entities([*made, "--types", str(tmp_path / "types.tsv"), "--overwrite"]) == 0
    assert build_cache(given) == 1, "it was made from other types"
