"""MNRE: Python literals, spans that overlap, answers that conflict."""

import json

import pytest

from pipelines.datasets import DatasetError, read_dataset

LINE = {
    "token": ["Ada", "Lovelace", "of", "London"],
    "h": {"name": "Ada Lovelace", "pos": [0, 2]},
    "t": {"name": "London", "pos": [3, 4]},
    "img_id": "7.jpg",
    "relation": "/per/loc/place_of_birth",
}


def read(folder, *lines):
    (folder / "mnre_train.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return read_dataset("mnre", folder)


def counts(dataset):
    return {name: dataset.quirks.of(name, "train") for name in dataset.quirks}


def test_a_line_is_a_python_literal_or_json(tmp_path):
    dataset = read(tmp_path, repr(LINE), json.dumps(LINE | {"relation": "None"}))
    first, second = dataset.splits["train"]
    assert dataset.task == "re"
    assert (first.tokens, first.subject, first.object) == (tuple(LINE["token"]), (0, 2), (3, 4))
    assert (first.relation, first.image, second.relation) == ("/per/loc/place_of_birth", "7.jpg", "None")
    assert counts(dataset) == {"Python literal instead of JSON": 1, "duplicate with other labels": 1}


def test_odd_spans_are_counted(tmp_path):
    turned = LINE | {"h": LINE["t"], "t": LINE["h"]}
    overlapping = LINE | {"t": {"name": "Lovelace of", "pos": [1, 3]}}
    misnamed = LINE | {"h": {"name": "Byron", "pos": [0, 2]}}
    assert counts(read(tmp_path, *map(json.dumps, (turned, overlapping, misnamed)))) == {
        "object stands before subject": 1,
        "subject and object overlap": 1,
        "name is not the text of its span": 1,
    }


def test_tokens_that_end_lines_elsewhere_stay_whole(tmp_path):
    line = LINE | {"token": ["Ada", "Lovelace", "\u2028", "Lon\u0085don"]}
    assert read(tmp_path, json.dumps(line, ensure_ascii=False)).splits["train"][0].tokens[2] == "\u2028"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{'token': ", "neither JSON nor a Python literal"),
        ("__import__('os').getcwd()", "neither JSON nor a Python literal"),
        ("[" * 5000, "neither JSON nor a Python literal"),
        ("3", "not a dict"),
        (repr(LINE | {"token": "Ada"}), "'token' is not a list of words"),
        (repr(LINE | {"token": []}), "'token' is not a list of words"),
        (repr(LINE | {"relation": ""}), "'relation' is no name"),
        (repr(LINE | {"h": None}), "'h' is not a dict"),
        (repr(LINE | {"h": {"name": "x", "pos": [2, 2]}}), r"'h': 'pos' is \[2, 2\], not \[start, end\)"),
        (repr(LINE | {"t": {"name": "x", "pos": [3, 5]}}), "inside 4 words"),
        (repr(LINE | {"t": {"name": "x", "pos": [True, 2]}}), "'t': 'pos'"),
        (repr(LINE | {"img_id": "../7.jpg"}), "not the name of an image"),
    ],
)
def test_a_malformed_line_is_named(tmp_path, line, message):
    with pytest.raises(DatasetError, match=rf"mnre_train\.txt: line 2: .*{message}"):
        read(tmp_path, repr(LINE), line)


def test_half_characters_are_refused(tmp_path):
    line = json.dumps(LINE | {"token": ["Ada", "\ud83d", "of", "London"]})
    with pytest.raises(DatasetError, match=r"example train-0: .*lone surrogate"):
        read(tmp_path, line)
