"""The project's own format."""

import json

import pytest

from pipelines.datasets import DatasetError, read_dataset


def read(folder, *rows):
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    (folder / "dev.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return read_dataset("jsonl", folder)


def test_tokens_or_text(tmp_path):
    dataset = read(
        tmp_path,
        {"tokens": ["Ada", "!"], "labels": ["I-PER", "O"], "image": "7.jpg", "id": "x"},
        {"text": "Ada lives in Oslo", "entities": [[0, 3, "PER"], [13, 17, "LOC"]]},
    )
    first, second = dataset.splits["dev"]
    assert (first.example_id, first.labels, first.image) == ("x", ("I-PER", "O"), "7.jpg")
    assert (second.example_id, second.labels) == ("dev-1", ("B-PER", "O", "O", "B-LOC"))
    assert {name: dataset.quirks.of(name, "dev") for name in dataset.quirks} == {
        "no newline at the end of the file": 1,
        "post without an image": 1,
        "I- after O": 1,
    }


def test_relations(tmp_path):
    row = {"tokens": ["Ada", "of", "Oslo"], "subject": [0, 1], "object": [2, 3], "relation": "of"}
    example = read(tmp_path, row).splits["dev"][0]
    assert (example.relation, example.subject, example.object) == ("of", (0, 1), (2, 3))


NER = {"tokens": ["a"], "labels": ["O"]}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["{"], "line 1: not JSON"),
        (["[]"], "line 1: not a JSON object"),
        ([{**NER, "tags": []}], "line 1: unknown key 'tags'; known are entities"),
        ([NER, {"tokens": ["a"]}], "line 2: 'labels' is not a list of 1"),
        ([{"tokens": ["a"], "labels": ["X"]}], "label 'X' is neither"),
        ([{"tokens": "a"}], "'tokens' is not a list"),
        ([{"tokens": [], "labels": []}], "no words"),
        ([{"text": "a"}], "'text' needs 'entities'"),
        ([{"text": "a", "entities": [[0, 1]]}], r"entity \[0, 1\] is not"),
        ([{**NER, "id": 3}], "'id' is 3, not a text"),
        ([{**NER, "image": ""}], "'image' is ''"),
        ([{**NER, "id": "x"}, {**NER, "id": "x"}], "line 2: the id 'x' stands in line 1"),
        ([{"tokens": ["a"], "relation": "of", "subject": [0, 1]}], "'object' is None"),
        ([NER, {"tokens": ["a"], "relation": "of", "subject": [0, 1], "object": [0, 1]}], "keep them apart"),
        ([""], "no examples"),
    ],
)
def test_malformed_lines_are_named(tmp_path, rows, message):
    with pytest.raises(DatasetError, match=message):
        read(tmp_path, *rows)
