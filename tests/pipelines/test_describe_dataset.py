"""The command that describes a data set, on files of the tests and on the real ones."""

import json

import pytest

from pipelines.describe_dataset import main

TRAIN = "IMGID:1\nAda\tB-PER\nin\tO\nOslo\tI-LOC\n\nIMGID:2\nRain\tO\n!\tO\n\n"
TEST = "IMGID:3\nrain\tO\n\nIMGID:1\nAda\tO\nin\tO\nOslo\tO"


def described(capsys, *arguments):
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_sizes_labels_quirks_and_leaks(tmp_path, capsys):
    (tmp_path / "train.txt").write_text(TRAIN)
    (tmp_path / "test.txt").write_text(TEST)
    about = described(capsys, "--dataset", "snap", "--data", str(tmp_path))
    train = about["splits"]["train"]
    assert (train["examples"], train["published"], train["tokens"]) == (2, 4290, 5)
    assert (train["entities"], train["entities_strict"], train["types"]) == (2, 1, {"LOC": 1, "PER": 1})
    assert {name: quirk["counts"] for name, quirk in about["quirks"].items()} == {
        "no newline at the end of the file": {"test": 1},
        "I- after O": {"train": 1},
    }
    assert about["leaks"] == [
        {
            "splits": ["train", "test"],
            "texts": 1,
            "texts_folded": 2,
            "images": 1,
            "examples": [["train-0", "test-1"], ["train-1", "test-0"]],
        }
    ]
    assert main(["--dataset", "snap", "--data", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "I- after O" in shown
    assert "train / test" in shown


def test_a_malformed_file_is_one_line(tmp_path, capsys):
    (tmp_path / "train.txt").write_text("Ada\tB-PER\n")
    assert main(["--dataset", "snap", "--data", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "line 1: a token outside a post" in error
    assert main(["--dataset", "snap", "--data", str(tmp_path), "--scheme", "iob1"]) == 1
    assert "go with --dataset conll" in capsys.readouterr().err


@pytest.mark.shared_data
def test_twitter17_is_as_published(shared_data, capsys):
    about = described(capsys, "--dataset", "twitter17", "--data", str(shared_data / "ner" / "twitter17"))
    splits = about["splits"]
    assert [split["examples"] for split in splits.values()] == [3373, 723, 723]
    assert [split["entities"] for split in splits.values()] == [6049, 1324, 1351]
    assert splits["test"]["types"] == {"PER": 621, "ORG": 395, "LOC": 178, "MISC": 157}
    leaks = {tuple(leak["splits"]): leak["texts_folded"] for leak in about["leaks"]}
    assert leaks["train", "test"] == 4
    assert about["quirks"]["token with U+FFFD"]["counts"] == {"train": 4}
    assert about["quirks"]["token of invisible characters"]["counts"] == {"train": 10, "dev": 1, "test": 1}


@pytest.mark.shared_data
def test_mnre_is_as_published(shared_data, capsys):
    about = described(capsys, "--dataset", "mnre", "--data", str(shared_data / "re" / "mnre"))
    train, dev = about["splits"]["train"], about["splits"]["dev"]
    assert (train["examples"], dev["examples"]) == (12247, 1624)
    assert (train["relations"]["None"], dev["relations"]["None"]) == (7744, 1000)
    assert len(train["relations"]) == 23
    quirks = {name: quirk["counts"] for name, quirk in about["quirks"].items()}
    assert quirks == {
        "Python literal instead of JSON": {"train": 12247, "dev": 1624},
        "object stands before subject": {"train": 1397, "dev": 197},
        "subject and object overlap": {"train": 59, "dev": 3},
        "duplicate with other labels": {"train": 27},
    }
