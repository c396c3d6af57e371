"""Exports are read by what they are for: CoNLL readers, JSON, Hugging Face datasets."""

import json

import pytest

from kc_schema.export import main
from kc_schema.retrieval_cache import CacheWriter, Example, Hit

NER = [
    Example("a", ("Ada", "\u00a0", "x y"), labels=("B-PER", "O", "O"), image="a.jpg"),
    Example("b", ("Oslo",), labels=("B-LOC",)),
]
HITS = [
    Hit(0, 2.5, "key", "Ada Byron", "The <e: Ada_Byron> countess </e> wrote.", 7),
    Hit(1, 1.5, "", "", "broken </e> tag", -1),
]
FEATURES = [
    {"example_id": "a", "text_vector": [3.0, 4.0], "image_vector": [1.0, 0.0]},
    {"example_id": "b", "text_vector": [0.0, 2.0], "image_vector": None},
]


@pytest.fixture
def cache(tmp_path):
    writer = CacheWriter(tmp_path / "toy", dataset="toy", task="ner")
    writer.write_examples("train", NER)
    writer.write_hits("text", "train", {"a": HITS})
    writer.write_hits("captions", "train", [])
    writer.write_features("train", FEATURES)
    return writer.commit()


def export(cache, form, *more):
    assert main(["--cache", str(cache.folder), "--format", form, *more]) == 0
    return cache.folder.with_name(f"toy-{form}")


def posts(path):
    """Reads rows as AdaSeq and KB-NER do: columns divided at any white space, posts at empty lines."""
    blocks = path.read_text(encoding="utf-8").split("\n\n")
    return [[tuple(line.split()) for line in block.split("\n")] for block in blocks if block]


def test_adaseq_masks_context_rows_by_x(cache, capsys):
    folder = export(cache, "adaseq")
    first, second = posts(folder / "text" / "train.txt")
    assert first[:3] == [("Ada", "B-PER"), ("_", "O"), ("x_y", "O")]
    assert first[3] == ("<EOS>", "X")
    words = [word for word, label in first[4:] if label == "X"]
    assert " ".join(words) == ("[ Ada Byron ] The <e: Ada_Byron> countess </e> wrote. broken </e> tag")
    assert second == [("Oslo", "B-LOC")]
    assert posts(folder / "captions" / "train.txt")[1] == [("Oslo", "B-LOC")]
    assert "tokens with white space, which is written _: 4" in capsys.readouterr().err


def test_kb_ner_has_its_own_spelling_and_label(cache, capsys):
    folder = export(cache, "kb-ner", "--source", "text", "--k", "1")
    first, _ = posts(folder / "text" / "train.txt")
    assert first[3] == ("<EOS>", "B-X")
    assert [word for word, _ in first[8:]] == ["The", "<e:Ada", "Byron>countess</e>", "wrote."]
    assert {label for _, label in first[3:]} == {"B-X"}
    assert not (folder / "captions").exists()
    capsys.readouterr()
    export(cache, "kb-ner", "--source", "text")
    assert "hits whose tags do not pair, left as they are: 1" in capsys.readouterr().err


def test_evidence_that_does_not_fit_is_left_out():
    from kc_schema.anchors import Spelling
    from kc_schema.export import ConllRules, conll_rows

    rules = ConllRules(Spelling.MORE, "X", tokenize=lambda text: [0] * len(text.split()), limit=24)
    example = Example("a", ("Ada",), labels=("O",))
    hits = [Hit(rank, 0, "", "", " ".join([word] * size), 0) for rank, (word, size) in enumerate(
        [("long", 23), ("one", 5), ("two", 8), ("three", 1)]
    )]  # fmt: skip
    rows = list(conll_rows(example, hits, rules))
    # 24 less sentence and separator leave 22; with less than 10 left none is tried.
    assert [row.split("\t")[0] for row in rows] == ["Ada", "<EOS>", *["one"] * 5, *["two"] * 8]
    assert rules.counts["hits that do not fit"] == 2


def test_json_lines_hold_everything(cache):
    lines = (export(cache, "jsonl") / "train.jsonl").read_text(encoding="utf-8").split("\n")
    first, second = map(json.loads, lines[:2])
    assert first["tokens"] == ["Ada", "\u00a0", "x y"]
    assert [hit["text"] for hit in first["evidence"]["text"]] == [hit.text for hit in HITS]
    assert second == {
        "example_id": "b", "task": "ner", "tokens": ["Oslo"], "labels": ["B-LOC"],
        "evidence": {"captions": [], "text": []},
    }  # fmt: skip


def test_hugging_face_opens_the_folder(cache, tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    folder = export(cache, "datasets", "--k", "1")
    rows = datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "hf"))["train"]
    assert rows["tokens"][1] == ["Oslo"]
    assert [hit["title"] for hit in rows[0]["hits_text"]] == ["Ada Byron"]
    assert rows[1]["hits_text"] == rows[0]["hits_captions"] == []
    assert rows[0]["text_vector"] == pytest.approx([0.6, 0.8], abs=1e-3)
    assert rows[1]["image_vector"] is None


def test_a_limit_counts_the_sub_tokens_of_a_tokenizer(cache, capsys):
    assert main(["--cache", str(cache.folder), "--format", "adaseq", "--limit", "9"]) == 2
    assert "--limit: it goes with --tokenizer" in capsys.readouterr().err


def test_what_cannot_be_exported_is_one_line(cache, tmp_path, capsys):
    assert main(["--cache", str(cache.folder), "--format", "jsonl", "--source", "image"]) == 1
    assert "no source 'image'; it has captions, text" in capsys.readouterr().err
    writer = CacheWriter(tmp_path / "re", dataset="toy", task="re")
    writer.write_examples("train", [Example("r", ("a", "b"), relation="of", subject=(0, 1), object=(1, 2))])
    writer.commit()
    assert main(["--cache", str(tmp_path / "re"), "--format", "adaseq"]) == 1
    assert "adaseq is for NER" in capsys.readouterr().err
    assert main(["--cache", str(tmp_path / "re"), "--format", "jsonl"]) == 0
    assert main(["--cache", str(tmp_path / "none"), "--format", "jsonl"]) == 1


def test_a_folder_with_strangers_is_refused_and_left_as_it_is(cache, tmp_path, capsys):
    folder = export(cache, "adaseq")
    for form in ("adaseq", "jsonl", "datasets"):  # what an export has written is no stranger
        assert main(["--cache", str(cache.folder), "--format", form, "--output", str(folder)]) == 0
    (folder / ".README.md.1-ab.tmp").touch()
    export(cache, "adaseq")
    (folder / "thesis.tex").write_text("mine")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    capsys.readouterr()
    for output in (folder, cache.folder):
        assert main(["--cache", str(cache.folder), "--format", "datasets", "--output", str(output)]) == 2
        error = capsys.readouterr().err
        assert "which is no export of this cache; give an empty folder" in error
        assert error.count("\n") == 1
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
