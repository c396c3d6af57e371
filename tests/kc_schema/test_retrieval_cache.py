"""The cache is the only bridge to training: what is written comes back, and what is broken is named."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kc_schema.cache_writer import cache_place
from kc_schema.retrieval_cache import CacheError, CacheWriter, Example, Hit, extend_cache, open_cache
from kc_schema.store import PlaceBusyError

NER = [
    Example("a", ("Ada", "met", "Bob"), labels=("B-PER", "O", "B-PER"), image="a.jpg"),
    Example("b", ("\u00a0", "Oslo"), labels=("I-LOC", "I-LOC")),
]
RE = [Example("r", ("Ada", "of", "Oslo"), relation="/per/loc/of", subject=(0, 1), object=(2, 3))]
HITS = {
    "b": [Hit(0, 2.5, "Oslo is a city.", "Oslo", "<e: Oslo> Oslo </e> is a city.", 7)],
    "a": [Hit(3, 1.0, "k", "t", "later", 2), Hit(1, 1.5, "k", "t", "first", 1)],
}
FEATURES = [
    {"example_id": "b", "text_vector": [3.0, 4.0], "image_vector": None},
    {"example_id": "a", "text_vector": [0.0, 2.0], "image_vector": np.array([1.0, 0.0, 0.0])},
]


def write(folder: Path, examples=NER, hits=HITS, features=FEATURES, task="ner"):
    writer = CacheWriter(folder, dataset="toy", task=task, snapshots={"text": "x"}, options={"k": 10})
    writer.write_examples("train", examples)
    if hits is not None:
        writer.write_hits("text", "train", hits)
    if features is not None:
        writer.write_features("train", features)
    writer.count_drop("image missing", 2)
    return writer.commit()


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_is_written_comes_back(tmp_path):
    write(tmp_path)
    cache = open_cache(tmp_path, verify=True)
    assert (cache.dataset, cache.task, cache.splits, cache.sources) == ("toy", "ner", ("train",), ("text",))
    assert cache.examples("train") == NER
    assert [hit.text for hit in cache.hits("text", "train")["a"]] == ["first", "later"]
    assert cache.hits("text", "train")["b"] == HITS["b"]
    assert cache.manifest["drops"] == {"image missing": 2}


def test_relations_come_back(tmp_path):
    cache = write(tmp_path, RE, None, None, "re")
    assert cache.examples("train") == RE
    assert cache.feature_widths == {}


def test_vectors_are_normalised_and_their_norms_kept(tmp_path):
    cache = write(tmp_path)
    assert cache.feature_widths == {"image_vector": 3, "text_vector": 2}
    np.testing.assert_allclose(cache.vectors("train", "text_vector"), [[0, 1], [0.6, 0.8]], atol=1e-3)
    np.testing.assert_allclose(cache.vectors("train", "text_vector", raw=True), [[0, 2], [3, 4]], atol=5e-3)
    np.testing.assert_allclose(cache.vectors("train", "image_vector"), [[1, 0, 0], [0, 0, 0]])
    kind = cache.features_table("train").schema.field("image_vector").type
    assert kind == pa.list_(pa.float16(), 3)


def test_the_same_input_gives_the_same_bytes(tmp_path):
    write(tmp_path / "one")
    write(tmp_path / "two", hits=dict(reversed(HITS.items())), features=FEATURES[::-1])
    assert bytes_of(tmp_path / "one") == bytes_of(tmp_path / "two")


def test_further_columns_are_kept(tmp_path):
    rows = [{"example_id": "b", "text": "t", "box": [0.0, 0.1, 0.5, 1.0], "leak": False, "mine": 3}]
    table = write(tmp_path, hits=rows).hits_table("text", "train")
    assert table.column("box").to_pylist() == [[0.0, 0.1, 0.5, 1.0]]
    assert table.column("leak").to_pylist() == [False]
    assert table.column("mine").to_pylist() == [3]
    hit = open_cache(tmp_path).hits("text", "train")["b"][0]
    assert (hit.box, hit.leak, hit.agreement) == (pytest.approx((0.0, 0.1, 0.5, 1.0)), False, None)


def test_hits_bring_the_fields_that_are_asked_for(tmp_path):
    writer = CacheWriter(tmp_path, dataset="toy", task="ner")
    writer.write_examples("train", NER)
    hit = Hit(0, 0.5, "a.jpg", "A", "text", 3, box=(0.0, 1.0, 2.0, 3.0), agreement=0.25, section="not stored")
    writer.write_hits("object", "train", {"a": [hit]}, ("box", "crop"))
    cache = writer.commit()
    names = cache.hits_table("object", "train").column_names
    assert names == ["example_id", "rank", "score", "key", "title", "text", "record_id", "box", "crop"]
    assert cache.hits("object", "train")["a"] == [replace(hit, agreement=None, section="")]
    with pytest.raises(CacheError, match="give example id -> list of hits"):
        extend_cache(tmp_path).write_hits("text", "train", [hit])


def test_evidence_from_elsewhere_needs_only_id_and_text(tmp_path):
    write(tmp_path)
    writer = extend_cache(tmp_path)
    writer.write_hits(
        "captions", "train", [{"example_id": "a", "text": "one"}, {"example_id": "a", "text": "two"}]
    )
    assert open_cache(tmp_path).sources == ("text",)
    cache = writer.commit()
    assert cache.sources == ("captions", "text")
    assert [(hit.rank, hit.text, hit.record_id) for hit in cache.hits("captions", "train")["a"]] == [
        (0, "one", -1),
        (1, "two", -1),
    ]
    with pytest.raises(CacheError, match="already part"):
        extend_cache(tmp_path).write_hits("text", "train", [])


def test_a_source_may_find_nothing(tmp_path):
    assert write(tmp_path, hits=[]).hits("text", "train") == {"a": [], "b": []}


@pytest.mark.parametrize(
    ("examples", "task", "message"),
    [
        ([NER[0], NER[0]], "ner", "'a': the id comes twice"),
        ([Example("a", (), labels=())], "ner", "'a': no tokens"),
        ([Example("a", ("x", "y"), labels=("O",))], "ner", "1 labels for 2 tokens"),
        ([Example("a", ("x",), labels=("PER",))], "ner", "label 'PER' at token 0"),
        (RE, "ner", "task 're' in a cache for 'ner'"),
        ([Example("a", ("x",), relation="r", subject=(0, 1), object=(1, 2))], "re", r"object \[1, 2\]"),
        ([Example("a", ("x",), relation="", subject=(0, 1), object=(0, 1))], "re", "no relation"),
    ],
)
def test_examples_that_break_a_rule_are_named(tmp_path, examples, task, message):
    with pytest.raises(CacheError, match=message):
        write(tmp_path, examples, None, None, task)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"example_id": "z", "text": "t"}], "example 'z' is not among"),
        ([{"example_id": "a", "text": "t", "score": float("nan")}], "'a': a score is not a finite"),
        ([{"example_id": "a", "text": "t", "rank": -1}], "rank -1 lies below 0"),
        ([{"example_id": "a", "text": "t", "rank": 1}] * 2, "rank 1 comes twice"),
        ([{"example_id": "a"}], "'text' is missing"),
        ([{"example_id": "a", "text": None}], "'text' is null in 1 rows"),
        ([{"example_id": "a", "text": 3}], "column 'text'"),
    ],
)
def test_hits_that_break_a_rule_are_named(tmp_path, rows, message):
    with pytest.raises(CacheError, match=message):
        write(tmp_path, hits=rows)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (FEATURES[:1], "'a' is missing"),
        ([*FEATURES, FEATURES[0]], "unknown or comes twice"),
        ([{"example_id": "a", "text_vector": [1.0]}, FEATURES[0]], r"vectors of \[1, 2\] numbers"),
        ([{"example_id": "a", "text_vector": [np.inf, 0]}, FEATURES[0]], "not finite"),
        (
            [{**row, "text_vector": [2.0, 0.0], "text_norm": 1.0} for row in FEATURES],
            "not of length 1",
        ),
    ],
)
def test_features_that_break_a_rule_are_named(tmp_path, rows, message):
    with pytest.raises(CacheError, match=message):
        write(tmp_path, features=rows)


def test_a_source_must_cover_every_split(tmp_path):
    writer = CacheWriter(tmp_path, dataset="toy", task="ner")
    writer.write_examples("train", NER)
    writer.write_examples("test", NER)
    writer.write_hits("text", "train", HITS)
    with pytest.raises(CacheError, match=r"hits/text/test\.parquet not written"):
        writer.commit()


def test_errors_of_the_reader_name_what_there_is(tmp_path):
    cache = write(tmp_path)
    with pytest.raises(CacheError, match="no split 'dev'; it has train"):
        cache.examples("dev")
    with pytest.raises(CacheError, match="no source 'image'; it has text"):
        cache.hits("image", "train")
    with pytest.raises(CacheError, match="it has image_vector, text_vector"):
        cache.vectors("train", "audio_vector")
    with pytest.raises(CacheError, match="holds no finished cache"):
        open_cache(tmp_path / "nowhere")


def test_a_changed_file_and_a_missing_one_are_found(tmp_path):
    write(tmp_path)
    hits = tmp_path / "hits/text/train.parquet"
    content = bytearray(hits.read_bytes())
    content[len(content) // 2] ^= 1
    hits.write_bytes(content)
    (tmp_path / "features/train.parquet").unlink()
    with pytest.raises(CacheError, match=r"features.* is missing; hits.* is not the file"):
        open_cache(tmp_path, verify=True)


@pytest.mark.parametrize("manifest", ["", "[]", "{}", "\x00", '{"format": 1}'])
def test_a_broken_manifest_is_no_cache(tmp_path, manifest):
    (tmp_path / "manifest.json").write_text(manifest)
    with pytest.raises(CacheError, match=r"manifest\.json"):
        open_cache(tmp_path)


def test_another_format_is_refused(tmp_path):
    write(tmp_path)
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 99}))
    with pytest.raises(CacheError, match="format 99, this version reads 1"):
        open_cache(tmp_path)


def test_names_cannot_leave_the_folder(tmp_path):
    writer = CacheWriter(tmp_path, dataset="toy", task="ner")
    with pytest.raises(CacheError, match=r"split '\.\./x'"):
        writer.write_examples("../x", NER)


def test_a_finished_cache_is_not_taken_back_by_accident(tmp_path):
    writer = CacheWriter(tmp_path, dataset="toy", task="ner")
    writer.write_examples("test", NER)
    writer.commit()
    with pytest.raises(CacheError, match=r"finished already; overwrite=True .* extend_cache"):
        CacheWriter(tmp_path, dataset="other", task="ner")
    assert open_cache(tmp_path).dataset == "toy"
    CacheWriter(tmp_path, dataset="other", task="ner", overwrite=True)
    with pytest.raises(CacheError, match="no finished cache"):
        open_cache(tmp_path)


def test_one_process_writes_a_cache_at_a_time(tmp_path):
    write(tmp_path)
    with cache_place(tmp_path) as place:
        with pytest.raises(PlaceBusyError, match=r"another build .* is writing there"):
            CacheWriter(tmp_path, dataset="toy", task="ner", overwrite=True)
        assert open_cache(tmp_path, verify=True).dataset == "toy"
        # Whoever holds the place hands it to the writer.
        writer = CacheWriter(tmp_path, dataset="mine", task="ner", overwrite=True, place=place)
        writer.write_examples("test", NER)
        assert writer.commit().dataset == "mine"


def test_what_the_manifest_does_not_list_is_removed(tmp_path):
    write(tmp_path)
    (tmp_path / "report.json").write_text("{}")
    (tmp_path / "notes.txt").write_text("mine")
    write(tmp_path / "other", RE, None, None, "re")
    writer = CacheWriter(tmp_path, dataset="toy", task="ner", overwrite=True)
    writer.write_examples("train", NER[:1])
    cache = writer.commit()
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    others = {"report.json", "notes.txt", "other/manifest.json", "other/examples/train.parquet"}
    assert left == {"manifest.json", *cache.manifest["files"], *others}


KILLED = """
import os, signal, sys
from pathlib import Path
from kc_schema.retrieval_cache import CacheWriter, Example
options = {"k": int(sys.argv[3])}
writer = CacheWriter(sys.argv[1], dataset="toy", task="ner", options=options, overwrite=True)
for split in ("train", "test"):
    if not writer.has_examples(split):
        writer.write_examples(split, [Example("a", ("x",), labels=("O",))])
    if not writer.has_hits("text", split):
        print("wrote", split)
        writer.write_hits("text", split, [{"example_id": "a", "text": split + sys.argv[3]}])
    if sys.argv[2] == split:
        os.kill(os.getpid(), signal.SIGKILL)
writer.commit()
"""


def run_killed(folder: Path, kill: str, k: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", KILLED, str(folder), kill, k], capture_output=True, text=True, check=False
    )


def test_a_killed_build_is_no_cache_and_ends_like_an_undisturbed_one(tmp_path):
    assert run_killed(tmp_path / "one", "train", "1").returncode == -signal.SIGKILL
    with pytest.raises(CacheError, match="no finished cache"):
        open_cache(tmp_path / "one")
    again = run_killed(tmp_path / "one", "never", "1")
    assert again.stdout.split() == ["wrote", "test"], again.stderr
    run_killed(tmp_path / "two", "never", "1")
    assert bytes_of(tmp_path / "one") == bytes_of(tmp_path / "two")


def test_files_of_other_settings_are_not_kept(tmp_path):
    run_killed(tmp_path, "train", "1")
    assert run_killed(tmp_path, "never", "2").stdout.split() == ["wrote", "train", "wrote", "test"]
    assert open_cache(tmp_path).hits("text", "train")["a"][0].text == "train2"


def test_a_half_written_file_is_not_kept(tmp_path):
    run_killed(tmp_path, "train", "1")
    path = tmp_path / "hits/text/train.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    assert run_killed(tmp_path, "never", "1").stdout.split() == ["wrote", "train", "wrote", "test"]


def test_importing_the_schema_imports_neither_torch_nor_beam():
    code = "import kc_schema.retrieval_cache, sys; print({'torch', 'apache_beam'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"


words = st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=6)


@settings(max_examples=50, deadline=None)
@given(st.lists(words, min_size=1, max_size=5), st.data())
def test_any_text_survives(tmp_path_factory, sentences, data):
    folder = tmp_path_factory.mktemp("cache")
    examples = [
        Example(str(number), tuple(tokens), labels=("O",) * len(tokens))
        for number, tokens in enumerate(sentences)
    ]
    texts = [data.draw(st.lists(st.text(max_size=20), max_size=3)) for _ in examples]
    hits = [
        {"example_id": example.example_id, "text": text, "title": text}
        for example, found in zip(examples, texts, strict=True)
        for text in found
    ]
    cache = write(folder, examples, hits, None)
    assert cache.examples("train") == examples
    read = cache.hits("text", "train")
    assert [[hit.text for hit in read[example.example_id]] for example in examples] == texts


def test_pandas_polars_and_duckdb_read_it(tmp_path):
    write(tmp_path)
    path = str(tmp_path / "hits/text/train.parquet")
    pandas = pytest.importorskip("pandas")
    assert pandas.read_parquet(path)["text"].iloc[0] == "first"
    polars = pytest.importorskip("polars")
    assert polars.read_parquet(str(tmp_path / "features/train.parquet"))["text_norm"].to_list() == [2.0, 5.0]
    duckdb = pytest.importorskip("duckdb")
    rows = duckdb.sql(f"select example_id, tokens[1] from '{tmp_path}/examples/train.parquet'").fetchall()
    assert rows == [("a", "Ada"), ("b", "\u00a0")]
    vectors = duckdb.sql(f"select image_vector from '{tmp_path}/features/train.parquet'").fetchall()
    assert [None if row[0] is None else list(row[0]) for row in vectors] == [[1.0, 0.0, 0.0], None]


def test_files_carry_no_trace_of_the_machine(tmp_path):
    write(tmp_path / "cache")
    metadata = pq.read_schema(tmp_path / "cache/examples/train.parquet").metadata
    assert set(metadata) == {b"cache"}
    assert os.fspath(tmp_path).encode() not in b"".join(bytes_of(tmp_path / "cache").values())
