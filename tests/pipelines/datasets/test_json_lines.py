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


def test_ids_may_be_numbers_and_types_may_have_spaces(tmp_path):
    dataset = read(
        tmp_path,
        {"id": 17, "tokens": ["Bjørn", "Rest"], "labels": ["B-place of rest", "I-place of rest"]},
        {"id": 18, "text": "Ada", "entities": [[0, 3, "fictional person"]]},
    )
    first, second = dataset.splits["dev"]
    assert (first.example_id, first.labels) == ("17", ("B-place_of_rest", "I-place_of_rest"))
    assert (second.example_id, second.labels) == ("18", ("B-fictional_person",))
    assert dataset.quirks.of("type with white space", "dev") == 3


def test_examples_for_prediction_need_no_labels(tmp_path):
    dataset = read(tmp_path, {"tokens": ["Ada", "lives"]}, {"text": "in Oslo"})
    assert [example.labels for example in dataset.splits["dev"]] == [("O", "O"), ("O", "O")]
    assert (dataset.task, dataset.unlabelled) == ("ner", ["dev"])
    assert dataset.quirks.of("example without labels", "dev") == 2
    (tmp_path / "dev.jsonl").rename(tmp_path / "train.jsonl")
    with pytest.raises(DatasetError, match=r"train\.jsonl: no labels, which training needs"):
        read_dataset("jsonl", tmp_path)


def test_relations_for_prediction_get_the_label_of_no_relation(tmp_path):
    gold = [{**RELATION, "relation": name} for name in ("no_relation", "of")]
    (tmp_path / "train.jsonl").write_text("\n".join(map(json.dumps, gold)))
    dataset = read(tmp_path, RELATION)
    assert (dataset.task, dataset.unlabelled, dataset.no_relation) == ("re", ["dev"], "no_relation")
    assert dataset.splits["dev"][0].relation == "no_relation"


RELATION = {"tokens": ["Ada", "of", "Oslo"], "subject": [0, 1], "object": [2, 3]}
NER = {"tokens": ["a"], "labels": ["O"]}


@pytest.mark.parametrize(
    ("names", "label", "told"),
    [
        (["None", "of", "Other"], "None", ""),
        (["no_relation", "of"], "no_relation", "no_relation is taken for no relation"),
        (["NA", "of"], "NA", "NA is taken for no relation"),
        (["Other", "Cause-Effect(e1,e2)"], "Other", "Other is taken for no relation"),
        (["of", "near"], None, "all of them count in F1; if one does, name it with --no-relation LABEL"),
    ],
)
def test_the_label_of_no_relation_is_noticed_by_its_name(tmp_path, caplog, names, label, told):
    dataset = read(tmp_path, *({**RELATION, "relation": name} for name in names))
    assert dataset.no_relation == label
    assert told in caplog.text
    assert bool(told) == bool(caplog.records)


def test_the_label_of_no_relation_can_be_named(tmp_path, caplog):
    read(tmp_path, *({**RELATION, "relation": name} for name in ("of", "strangers", "None")))
    assert read_dataset("jsonl", tmp_path, no_relation="strangers").no_relation == "strangers"
    assert not caplog.records
    with pytest.raises(
        DatasetError, match="--no-relation NA: no example has this relation; there are None, of"
    ):
        read_dataset("jsonl", tmp_path, no_relation="NA")
    read(tmp_path, NER)
    with pytest.raises(DatasetError, match="labels of tokens, not relations"):
        read_dataset("jsonl", tmp_path, no_relation="NA")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["{"], "line 1: not JSON"),
        (["[]"], "line 1: not a JSON object"),
        ([{**NER, "tags": []}], "line 1: unknown key 'tags'; known are entities"),
        ([NER, {"tokens": ["a"]}], "line 2: some examples have labels or a relation, others none"),
        ([{**NER, "labels": []}], "line 1: 'labels' is not a list of 1"),
        ([{"tokens": ["a"], "labels": ["X"]}], "label 'X' is neither"),
        ([{"tokens": "a"}], "'tokens' is not a list"),
        ([{"tokens": [], "labels": []}], "no words"),
        ([{"text": "a", "entities": None}], "'text' needs 'entities'"),
        ([{"tokens": ["a"], "labels": ["U-PER"]}], "'U-PER' is neither .*--dataset conll --scheme"),
        ([{"tokens": ["a"], "labels": ["B- "]}], "'B- ' is neither"),
        ([{"text": "a", "entities": [[0, 1]]}], r"entity \[0, 1\] is not"),
        ([{**NER, "id": True}], "'id' is True, neither a text nor a whole number"),
        ([{**NER, "id": 3}, {**NER, "id": "3"}], "line 2: the id '3' stands in line 1"),
        ([{**NER, "image": "../7.jpg"}], "'image' is '../7.jpg', not the name of an image"),
        ([{**NER, "image": "/7.jpg"}], "'image' is '/7.jpg'"),
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
