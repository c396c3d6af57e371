"""WikiDiverse: mentions at character offsets become labelled tokens."""

import json

import pytest

from pipelines.datasets import DatasetError, read_dataset
from pipelines.datasets.wikidiverse import image_names

URL = "https://upload.example.org/a/ab/Old%20harbour.jpg"


def read(folder, *entries):
    (folder / "train.json").write_text(json.dumps(entries), encoding="utf-8")
    return read_dataset("wikidiverse", folder)


def counts(dataset):
    return {name: dataset.quirks.of(name, "train") for name in dataset.quirks}


def one(folder, text, *mentions):
    dataset = read(folder, [text, URL, "news", [[*mention, "https://x.org/y"] for mention in mentions]])
    example = dataset.splits["train"][0]
    return list(zip(example.tokens, example.labels, strict=True)), counts(dataset)


def test_mentions_become_labels(tmp_path):
    tokens, quirks = one(
        tmp_path, "Ada Byron, 36, isn't in Oslo.", ["Ada Byron", "Person", 0, 9], ["Oslo", "Location", 24, 28]
    )
    assert tokens == [
        ("Ada", "B-Person"),
        ("Byron", "I-Person"),
        (",", "O"),
        ("36", "O"),
        (",", "O"),
        ("isn't", "O"),
        ("in", "O"),
        ("Oslo", "B-Location"),
        (".", "O"),
    ]
    assert quirks == {}


def test_offsets_count_code_points(tmp_path):
    tokens, quirks = one(tmp_path, "\U0001f600 Zoë", ["Zoë", "Person", 2, 5])
    assert tokens == [("\U0001f600", "O"), ("Zoë", "B-Person")]
    assert quirks == {}


def test_words_are_cut_where_a_mention_ends(tmp_path):
    tokens, quirks = one(tmp_path, "pro-Oslo crowd", ["Oslo", "Location", 4, 8])
    assert tokens == [("pro-", "O"), ("Oslo", "B-Location"), ("crowd", "O")]
    assert quirks == {"mention boundary inside a word": 1}


def test_of_overlapping_mentions_the_longer_is_kept(tmp_path):
    tokens, quirks = one(
        tmp_path, "Bank of Oslo", ["Oslo", "Location", 8, 12], ["Bank of Oslo", "Organization", 0, 12]
    )
    assert [label for _, label in tokens] == ["B-Organization", "I-Organization", "I-Organization"]
    assert quirks == {"overlapping mentions": 1}


def test_mentions_with_wrong_offsets(tmp_path):
    tokens, quirks = one(
        tmp_path, "in Oslo today", ["Oslo", "Place of rest", 2, 8], ["?", "X", 9, 99], ["", "X", 3, 3]
    )
    assert tokens == [("in", "O"), ("Oslo", "B-Place_of_rest"), ("today", "O")]
    assert quirks == {
        "mention with white space at its ends": 1,
        "mention outside the text": 2,
        "mention is not the text at its offsets": 1,
        "type with white space": 1,
    }


def test_an_image_has_several_names():
    assert image_names(URL) == (
        f"{_md5('Old%20harbour.jpg')}.jpg",
        "Old harbour.jpg",
        "Old%20harbour.jpg",
    )
    assert image_names("https://x.org/Map.svg")[0] == f"{_md5('Map.svg')}.png"
    assert image_names("") == ()


def _md5(name):
    import hashlib

    return hashlib.md5(name.encode()).hexdigest()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('[["a", "u", "t", []],\n x]', r"train\.json: line 2: not JSON"),
        ("{}", "not a JSON list"),
        ('["a"]', "entry 1: not .text, image address"),
        ('[["a", "u", "t", []], ["b", "u", "t", {}]]', "entry 2: the image address is no text, or"),
        ('[["a", "u", "t", [["a", "X", 0]]]]', "entry 1: mention 1 is not"),
        ('[["a", "u", "t", [["a", " ", 0, 1, ""]]]]', "entry 1: mention 1 has no type"),
        ("[]", "no entries"),
        ("[" * 100_000, "nested too deeply|not JSON"),
    ],
)
def test_malformed_files_are_named(tmp_path, content, message):
    (tmp_path / "train.json").write_text(content)
    with pytest.raises(DatasetError, match=message):
        read_dataset("wikidiverse", tmp_path)


def test_bytes_that_are_not_utf8_are_named(tmp_path):
    (tmp_path / "train.json").write_bytes(b'[\n["\xff", "u", "t", []]]')
    with pytest.raises(DatasetError, match="line 2: not UTF-8"):
        read_dataset("wikidiverse", tmp_path)
