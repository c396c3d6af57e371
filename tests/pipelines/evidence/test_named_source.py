"""Evidence from elsewhere: captions by image, answers by example."""

import json
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kc_schema.hit import Hit
from kc_schema.retrieval_cache import Example
from pipelines.datasets import DatasetError
from pipelines.evidence import EvidenceError
from pipelines.evidence.named_source import NamedSource

SPLITS = {
    "train": [Example("a", ("x",), labels=("O",), image="1.jpg"), Example("b", ("y",), labels=("O",))],
    "test": [Example("b", ("z",), labels=("O",), image="1.jpg")],
}


def read(folder, *rows):
    path = folder / "evidence.jsonl"
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    source = NamedSource(path, SPLITS)
    return source.hits, source.counts


def test_rows_find_their_examples(tmp_path):
    found, counts = read(
        tmp_path,
        {"image": "1.jpg", "text": ["a harbour", "a crane"]},
        {"example_id": "a", "text": "Oslo", "score": 2, "title": "Oslo", "key": "ocr"},
        {"example_id": "b", "split": "test", "text": "z"},
        {"example_id": "c", "text": "nobody"},
        {"image": "2.jpg", "text": "nothing"},
    )
    harbour, crane = Hit(1, 0.0, "", "", "a harbour"), Hit(2, 0.0, "", "", "a crane")
    assert found == {
        "train": {"a": [Hit(0, 2.0, "ocr", "Oslo", "Oslo"), harbour, crane]},
        "test": {"b": [replace(harbour, rank=0), replace(crane, rank=1), Hit(2, 0.0, "", "", "z")]},
    }
    assert counts == {"evidence for an unknown example_id": 1, "evidence for an unknown image": 1}


def test_parquet_is_read_alike(tmp_path):
    path = tmp_path / "evidence.parquet"
    pq.write_table(
        pa.table({"image": ["1.jpg", None], "example_id": [None, "a"], "text": ["one", "two"]}), path
    )
    found = NamedSource(path, SPLITS)
    assert [piece.text for piece in found.hits["train"]["a"]] == ["one", "two"]
    path.write_bytes(b"PAR1")
    with pytest.raises(EvidenceError, match="cannot be read"):
        NamedSource(path, SPLITS)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("{", "line 2: not JSON"),
        ("[]", "line 2: not a JSON object"),
        ({"text": "x"}, "either by 'example_id' or by 'image'"),
        ({"image": "1.jpg", "example_id": "a", "text": "x"}, "either by 'example_id' or by 'image'"),
        ({"image": "1.jpg", "caption": "x"}, "unknown key 'caption'; known are example_id"),
        ({"image": "1.jpg"}, "'text' is neither"),
        ({"image": "1.jpg", "text": [1]}, "'text' is neither"),
        ({"image": "1.jpg", "text": "x", "score": "high"}, "'score' is 'high'"),
        ({"image": "1.jpg", "text": "x", "title": 3}, "'title' or 'key'"),
        ({"example_id": "b", "text": "x"}, "'b' is an example of several splits; add 'split'"),
    ],
)
def test_malformed_rows_are_named(tmp_path, row, message):
    with pytest.raises(DatasetError, match=message):
        read(tmp_path, {"image": "1.jpg", "text": "fine"}, row)


def test_evidence_for_nobody_is_refused(tmp_path):
    with pytest.raises(EvidenceError, match="nothing in it belongs to an example"):
        read(tmp_path, {"example_id": "c", "text": "x"})
