"""One example with its evidence, for a terminal."""

import pytest

from kc_schema.retrieval_cache import CacheWriter, Example
from kc_schema.show import main


@pytest.fixture
def cache(tmp_path):
    writer = CacheWriter(tmp_path, dataset="toy", task="ner")
    for split in ("train", "test"):
        writer.write_examples(
            split,
            [
                Example("a", ("Ada", "\u200b", "[red]Oslo"), labels=("B-PER", "O", "B-LOC"), image="a.jpg"),
                Example(f"{split}-1", ("x",), labels=("O",)),
            ],
        )
        writer.write_hits(
            "object",
            split,
            [
                {"example_id": "a", "text": f"The <e: Sea> sea </e> of {split}", "title": "Sea", "key": "s.jpg",
                 "score": 0.25, "box": [0.0, 1.5, 2.0, 3.0], "leak": True},
                {"example_id": "a", "text": "second </e>", "box": None, "leak": False},
            ],
        )  # fmt: skip
        writer.write_features(
            split,
            [
                {"example_id": "a", "text_vector": [3.0, 4.0], "image_vector": None},
                {"example_id": f"{split}-1", "text_vector": [1.0, 0.0], "image_vector": None},
            ],
        )
    writer.commit()
    return tmp_path


def shown(capsys, *arguments):
    assert main([*arguments, "--all"]) == 0
    return capsys.readouterr().out


def test_an_example_with_its_evidence(cache, capsys):
    text = shown(capsys, "--cache", str(cache), "--example", "a", "--split", "test")
    assert "toy / test / a" in text
    assert "Ada/B-PER \\u200b [red]Oslo/B-LOC" in text
    assert "image: a.jpg" in text
    assert "text_vector 2 numbers, norm 5.000" in text
    assert "The sea of test" in text
    assert "<e:" not in text
    assert "box: [0.0, 1.5, 2.0, 3.0]" in text
    assert text.count("leak") == 1
    assert "second </e>" in text
    assert "second" not in shown(
        capsys, "--cache", str(cache), "--example", "a", "--split", "test", "--k", "1"
    )
    assert "object: no hits" in shown(capsys, "--cache", str(cache), "--example", "test-1")


def test_relations_show_their_spans(tmp_path, capsys):
    writer = CacheWriter(tmp_path, dataset="toy", task="re")
    example = Example("r", ("Ada", "of", "Oslo"), relation="/per/loc/of", subject=(0, 2), object=(1, 3))
    writer.write_examples("train", [example])
    writer.commit()
    text = shown(capsys, "--cache", str(tmp_path), "--example", "r")
    assert "Ada/subject of/subject+object Oslo/object" in text
    assert "relation: /per/loc/of" in text


def test_without_all_an_example_takes_one_screen(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("LINES", "24")
    monkeypatch.setenv("COLUMNS", "80")
    writer = CacheWriter(tmp_path, dataset="toy", task="ner")
    writer.write_examples("train", [Example("a", ("word",) * 200, labels=("O",) * 200)])
    for source, count in (("text", 40), ("image", 3), ("object", 0)):
        rows = [
            {"example_id": "a", "title": f"T{n}", "text": f"{source} {n}. " + "x\n" * 300}
            for n in range(count)
        ]
        writer.write_hits(source, "train", rows)
    writer.commit()
    assert main(["--cache", str(tmp_path), "--example", "a"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert 20 <= len(lines) <= 23
    assert max(map(len, lines)) <= 80
    text = "\n".join(lines)
    assert "text: 40 hits, the best 9" in text
    assert "image: 3 hits\n" in text
    assert "object: no hits" in text
    assert "image 2. x" in text
    assert "--all shows every hit" in lines[-1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--example", "z"), "no example 'z'; ids are such as a, test-1"),
        (("--example", "a"), "'a' is an example of test, train; give --split"),
        (("--example", "a", "--split", "dev"), "no split 'dev'"),
        (("--example", "a", "--split", "test", "--source", "text"), "no source 'text'; it has object"),
    ],
)
def test_what_is_not_there_is_one_line(cache, capsys, arguments, message):
    assert main(["--cache", str(cache), *arguments]) == 1
    assert message in capsys.readouterr().err
