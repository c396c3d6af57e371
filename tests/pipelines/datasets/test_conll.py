"""CoNLL files with every quirk of the known releases, and files that are no such thing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.datasets import Columns, DatasetError, read_dataset
from pipelines.datasets.dataset import QUIRKS, Quirks
from pipelines.datasets.labels import entities_of, labels_of, strict_count


def twitter(folder, text, *, name="train.txt"):
    (folder / name).write_bytes(text.encode())
    return read_dataset("twitter15", folder)


def plain(folder, text, **columns):
    (folder / "train.conll").write_text(text, encoding="utf-8", newline="\n")
    return read_dataset("conll", folder, columns=Columns(**columns))


def counts(dataset, split="train"):
    return {name: dataset.quirks.of(name, split) for name in dataset.quirks}


def test_a_post_has_an_image_tokens_and_labels(tmp_path):
    dataset = twitter(
        tmp_path, "IMGID:17_1\nAda\tB-PER\nLovelace\tI-PER\n!\tO\n\nIMGID:O_2.png\nOslo\tB-LOC\n\n"
    )
    first, second = dataset.splits["train"]
    assert (first.example_id, first.tokens, first.labels, first.image) == (
        "train-0",
        ("Ada", "Lovelace", "!"),
        ("B-PER", "I-PER", "O"),
        "17_1.jpg",
    )
    assert second.image == "O_2.png"
    assert (dataset.task, counts(dataset)) == ("ner", {})


def test_the_last_line_needs_no_newline(tmp_path):
    dataset = twitter(tmp_path, "IMGID:1\nAda\tB-PER\nx\tO")
    assert dataset.splits["train"][0].tokens == ("Ada", "x")
    assert counts(dataset) == {"no newline at the end of the file": 1}


def test_labels_stay_as_they_are_and_both_readings_are_counted(tmp_path):
    dataset = twitter(
        tmp_path, "IMGID:1\na\tO\nb\tI-PER\nc\tI-PER\nd\tI-LOC\n\nIMGID:2\ne\tI-LOC\nf\tB-LOC\n\n"
    )
    assert [example.labels for example in dataset.splits["train"]] == [
        ("O", "I-PER", "I-PER", "I-LOC"),
        ("I-LOC", "B-LOC"),
    ]
    assert counts(dataset) == {"I- after O": 2, "type changes inside an entity": 1}
    labels = [example.labels for example in dataset.splits["train"]]
    assert sum(len(entities_of(sentence)) for sentence in labels) == 4
    assert sum(strict_count(sentence) for sentence in labels) == 1


def test_columns_are_split_at_tabs_alone(tmp_path):
    dataset = twitter(
        tmp_path, "IMGID:1\n\u00a0\tO\n\u200b\tO\n\u0092\tO\n\u00ad\tO\n\ufffd\tO\n\u2028\tO\n\u0085\tO\n\n"
    )
    assert dataset.splits["train"][0].tokens == (
        "\u00a0", "\u200b", "\u0092", "\u00ad", "\ufffd", "\u2028", "\u0085"
    )  # fmt: skip
    assert counts(dataset) == {
        "token of white space": 3,
        "token of invisible characters": 3,
        "token with U+FFFD": 1,
    }


def test_byte_order_mark_and_windows_line_ends_are_taken_off(tmp_path):
    dataset = twitter(tmp_path, "\ufeffIMGID:1\r\nAda\tB-PER\r\n\r\nIMGID:2\r\nhttps://t.co/x\tO\r\n")
    assert [example.tokens for example in dataset.splits["train"]] == [("Ada",), ("https://t.co/x",)]
    assert counts(dataset) == {"byte order mark": 1, "Windows line ends": 5, "token that is a URL": 1}


def test_posts_without_tokens_are_counted(tmp_path):
    dataset = twitter(tmp_path, "IMGID:1\nIMGID:2\n\nIMGID:3\na\tO\n\n\n\n")
    assert [example.image for example in dataset.splits["train"]] == ["3.jpg"]
    assert counts(dataset) == {"post without tokens": 2}


def test_duplicates_are_counted_and_kept(tmp_path):
    post = "IMGID:{}\nAda\t{}\n\n"
    dataset = twitter(tmp_path, post.format(1, "O") + post.format(2, "O") + post.format(3, "B-PER"))
    assert len(dataset.splits["train"]) == 3
    assert counts(dataset) == {"duplicate": 1, "duplicate with other labels": 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("IMGID:1\nAda B-PER\n", r"train\.txt: line 2: 1 columns, 2 are needed"),
        ("IMGID:1\nAda\tB-PER\tO\n", "line 2: 3 columns"),
        ("IMGID:1\na\tO\n\nb\tO\n", "line 4: a token outside a post"),
        ("IMGID:1\na\tO\nIMGID:2\nb\tO\n", "line 3: an IMGID: line inside a post"),
        ("IMGID:\na\tO\n", "line 1: '' after IMGID: is no name"),
        ("IMGID:../x\na\tO\n", "line 1: '../x' after IMGID"),
        ("IMGID:1\na\tPER\n", "line 2: label 'PER' is neither O nor B-TYPE, I-TYPE"),
        ("IMGID:1\na\tS-PER\n", "line 2: label 'S-PER' .*--scheme bioes"),
        ("IMGID:1\na\tB-\n", "label 'B-'"),
        ("IMGID:1\na\tB-A B\n", "label 'B-A B'"),
        ("IMGID:1\na\t\n", "label ''"),
        ("IMGID:1\n\tO\n", "line 2: the token is empty"),
        ("", "no posts"),
        ("\n\n", "no posts"),
    ],
)
def test_a_malformed_file_is_one_error_with_its_line(tmp_path, text, message):
    with pytest.raises(DatasetError, match=message):
        twitter(tmp_path, text)


def test_bytes_that_are_not_utf8_are_named(tmp_path):
    (tmp_path / "train.txt").write_bytes(b"IMGID:1\na\tO\n\xff\tO\n")
    with pytest.raises(DatasetError, match=r"line 3: byte 1 is not UTF-8"):
        read_dataset("twitter17", tmp_path)


def test_plain_files_have_any_columns(tmp_path):
    text = "-DOCSTART- -X- O\n\n# id 1\nB-PER NNP Ada\nO VBZ sees\n\nB-LOC\tNNP\tOslo\n"
    dataset = plain(tmp_path, text, token=-1, label=0)
    assert [example.tokens for example in dataset.splits["train"]] == [("Ada", "sees"), ("Oslo",)]
    assert counts(dataset) == {"comment or document line": 2, "post without an image": 2}


def test_a_column_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DatasetError, match="line 1: 2 columns, so none has number 3"):
        plain(tmp_path, "a O\n", label=3)


def test_iob1_becomes_bio(tmp_path):
    text = "a I-PER\nb I-PER\nc B-PER\nd I-LOC\ne O\nf B-LOC\n"
    dataset = plain(tmp_path, text, scheme="iob1")
    assert dataset.splits["train"][0].labels == ("B-PER", "I-PER", "B-PER", "B-LOC", "O", "B-LOC")
    assert counts(dataset)["B- where IOB1 needs none"] == 1


def test_bioes_stays(tmp_path):
    dataset = plain(tmp_path, "a S-PER\nb B-LOC\nc E-LOC\nd E-LOC\n", scheme="bioes")
    labels = dataset.splits["train"][0].labels
    assert labels == ("S-PER", "B-LOC", "E-LOC", "E-LOC")
    assert [tuple(entity) for entity in entities_of(labels)] == [(0, 1, "PER"), (1, 3, "LOC"), (3, 4, "LOC")]
    assert counts(dataset)["I- after O"] == 1


def test_files_are_found_by_the_words_of_their_names(tmp_path):
    for name in ("ours_train.txt", "valid.txt", "twitter-test.txt", "readme.txt"):
        (tmp_path / name).write_text("IMGID:1\na\tO\n")
    dataset = read_dataset("snap", tmp_path)
    assert {split: path.name for split, path in dataset.files.items()} == {
        "train": "ours_train.txt",
        "dev": "valid.txt",
        "test": "twitter-test.txt",
    }
    (tmp_path / "dev.txt").write_text("IMGID:1\na\tO\n")
    with pytest.raises(DatasetError, match=r"both dev\.txt and valid\.txt look like the dev split"):
        read_dataset("snap", tmp_path)


def test_a_folder_without_files_says_what_is_there(tmp_path):
    (tmp_path / "notes.md").write_text("")
    with pytest.raises(DatasetError, match=r"no file of a split .*it holds notes\.md"):
        read_dataset("snap", tmp_path)
    with pytest.raises(DatasetError, match="no such folder"):
        read_dataset("snap", tmp_path / "missing")
    with pytest.raises(DatasetError, match="data set 'conll2003' is unknown; known are twitter15"):
        read_dataset("conll2003", tmp_path)
    with pytest.raises(DatasetError, match="they are for conll"):
        read_dataset("snap", tmp_path, columns=Columns())


def test_entities_by_the_lenient_reading_are_seqevals():
    seqeval = pytest.importorskip("seqeval.metrics.sequence_labeling")
    labels = st.lists(st.sampled_from(["O", "B-A", "I-A", "B-B", "I-B", "E-A", "S-B"]), max_size=12)

    @settings(deadline=None)
    @given(labels)
    def check(sentence):
        ours = [(entity.type, entity.start, entity.end - 1) for entity in entities_of(sentence)]
        assert ours == seqeval.get_entities(sentence)

    check()


def test_labels_and_entities_are_inverse():
    @settings(deadline=None)
    @given(st.lists(st.sampled_from(["O", "B-A", "I-A", "B-B"]), max_size=12))
    def check(sentence):
        entities = entities_of(sentence)
        assert entities_of(labels_of(len(sentence), entities)) == entities

    check()


def test_a_quirk_has_a_meaning():
    with pytest.raises(KeyError):
        Quirks().count("unheard of", "train", "line 1")
    assert all(QUIRKS.values())
