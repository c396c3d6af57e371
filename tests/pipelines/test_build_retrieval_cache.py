"""Whole builds of caches from text: contents, resume, refusal, what works without torch."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kc_schema.retrieval_cache import open_cache
from kc_schema.tables import paragraph_id
from pipelines.build_retrieval_cache import main
from pipelines.engine import TIMINGS, read_timings
from pipelines.text_index.embedded_build import build_embedded_index
from tests.corpus_builder import build as build_corpus
from tests.pipelines.text_index.snapshots import write_snapshot

PAGES = {
    "Oslo": [
        ["<e: Oslo> Oslo </e> is a city by the sea.", "Ships leave Oslo at noon."],
        ["The harbour of Oslo is old."],
        ["Rain falls in Oslo again and again and again."],
    ],
    "Harbour": [["A harbour is where ships rest."], ["Cranes stand in a harbour."]],
    "Ada Byron": [["<e: Ada_Byron> Ada Byron </e> wrote programs."], ["Byron met Babbage in London."]],
    "Cheese": [["Brie is a soft cheese."], ["Cheddar is a cheese of England."]],
}
POSTS = {
    "train": "IMGID:1\nAda\tB-PER\nByron\tI-PER\nin\tO\nOslo\tB-LOC\n\nIMGID:2\nRT\tO\n@x\tO\n:\tO\nhttps://t.co/a\tO\n\n",
    "test": "IMGID:3\nrain\tO\nfalls\tO\nin\tO\nOslo\tB-LOC\nagain\tO\n",
}
CAPTIONS = [
    {"image": "1.jpg", "text": "a harbour"},
    {"image": "9.jpg", "text": "of nobody"},
    {"example_id": "train-1", "text": "a hen"},
]


@pytest.fixture(scope="module")
def kc(tmp_path_factory):
    folder = write_snapshot(tmp_path_factory.mktemp("corpus") / "kc", PAGES, parts=2)
    build_embedded_index(folder, workers=1)
    return folder


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    for split, text in POSTS.items():
        (folder / f"{split}.txt").write_text(text)
    (tmp_path / "captions.jsonl").write_text("\n".join(map(json.dumps, CAPTIONS)))
    return folder


def arguments(kc, data, output, *more, sources="text,random_text", dataset="twitter17"):
    return [
        "--kc", str(kc), "--dataset", dataset, "--data", str(data), "--sources", sources,
        "--output", str(output), *more,
    ]  # fmt: skip


def build(kc, data, output, *more, **options):
    assert main(arguments(kc, data, output, *more, **options)) == 0
    return open_cache(output, verify=True)


def refused(capsys, kc, data, output, *more, **options):
    assert main(arguments(kc, data, output, *more, **options)) == 1
    error = capsys.readouterr().err
    assert "Traceback" not in error
    return error[error.index("error: ") :]


def content(folder: Path):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        # What it took, which no two builds take alike.
        if path.is_file() and path.name not in ("speed.json", TIMINGS)
    }


def test_a_cache_holds_examples_and_evidence(kc, data, tmp_path, capsys):
    output = tmp_path / "cache"
    cache = build(kc, data, output, "--k", "3", "--json")
    assert (cache.splits, cache.sources, cache.feature_widths) == (
        ("test", "train"),
        ("random_text", "text"),
        {},
    )
    hits = cache.hits("text", "test")["test-0"]
    assert (hits[0].title, hits[0].key, hits[0].record_id) == (
        "Oslo",
        "Rain falls in Oslo again and again and again.",
        paragraph_id(1, 2),
    )
    assert [hit.rank for hit in hits] == [0, 1, 2]
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    drawn = cache.hits("random_text", "train")["train-0"]
    assert len({hit.record_id for hit in drawn}) == 3
    assert all(hit.title in PAGES and hit.key and hit.score == 0.0 for hit in drawn)
    assert cache.manifest["drops"] == {"image missing": 3}
    assert cache.manifest["encoder"] is None
    assert set(cache.manifest["snapshots"]) == {"text"}
    printed = json.loads(capsys.readouterr().out)
    assert printed["report"] == json.loads((output / "report.json").read_text())
    assert printed["report"]["splits"]["test"]["sources"]["text"]["gold mentions"]["in a title"] == 1
    assert [speed["step"] for speed in printed["speeds"]] == ["text retrieval"]
    assert not (output / ".work").exists()


def test_text_is_asked_by_the_workers_of_another_runner_without_an_encoder(kc, data, tmp_path):
    build(kc, data, tmp_path / "here")
    # A mode of Beam's own that is named leaves the worker pool out, as a cluster does.
    build(kc, data, tmp_path / "there", "--runner=DirectRunner", "--direct_running_mode=in_memory")
    assert content(tmp_path / "there") == content(tmp_path / "here")


def test_built_twice_it_is_the_same_and_found_the_third_time(kc, data, tmp_path, capsys):
    options = ("--k", "2", "--seed", "3", "--mark-leaks", "--drop-near-duplicates")
    build(kc, data, tmp_path / "one", *options)
    build(kc, data, tmp_path / "two", *options)
    assert content(tmp_path / "one") == content(tmp_path / "two")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "two").rglob("*")}
    capsys.readouterr()
    build(kc, data, tmp_path / "two", *options)
    assert "there already" in capsys.readouterr().err
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "two").rglob("*")}


def test_what_the_stages_took_is_kept(kc, data, tmp_path):
    output = tmp_path / "cache"
    build(kc, data, output)
    found = {stage.stage: (stage.unit, stage.done) for stage in read_timings(output)}
    examples = sum(build(kc, data, output).manifest["splits"].values())
    assert found == {
        "ask text": ("examples", examples),
        "ask random_text": ("examples", examples),
        "choose and write": ("examples", examples),
    }
    assert all(stage.seconds > 0 and stage.memory > 10_000_000 for stage in read_timings(output))
    # Those of another cache that stood there are none of this one's.
    build(kc, data, output, "--overwrite", "--limit", "1", sources="text")
    assert [(stage.stage, stage.done) for stage in read_timings(output)] == [
        ("ask text", 2),
        ("choose and write", 2),
    ]


def test_seeds_draw_differently(kc, data, tmp_path):
    one, two = (
        build(kc, data, tmp_path / seed, "--seed", seed, "--k", "4", sources="random_text") for seed in "01"
    )
    drawn = [[hit.record_id for hit in cache.hits("random_text", "train")["train-0"]] for cache in (one, two)]
    assert drawn[0] != drawn[1]
    # No more paragraphs than the corpus has.
    every = build(kc, data, tmp_path / "all", "--k", "50", sources="random_text").hits("random_text", "train")
    assert len(every["train-0"]) == 9


def test_cleaned_queries_may_be_empty(kc, data, tmp_path):
    cache = build(kc, data, tmp_path / "cache", "--clean-query", sources="text")
    assert cache.hits("text", "train")["train-1"] == []
    report = json.loads((tmp_path / "cache" / "report.json").read_text())["splits"]["train"]
    assert (report["empty queries"], report["sources"]["text"]["queries without hits"]) == (1, 1)


def test_limits_hold_for_each_source(kc, data, tmp_path):
    cache = build(
        kc, data, tmp_path / "cache", "--k", "5", "--k", "random_text=1", "--per-title", "text=1", "--minimum-score",
        "text=0.5",
    )  # fmt: skip
    found = cache.hits("text", "train")["train-0"]
    assert len(found) == len({hit.title for hit in found}) > 1
    assert all(hit.score >= 0.5 for hit in found)
    assert all(len(hits) == 1 for hits in cache.hits("random_text", "test").values())
    assert cache.manifest["options"]["sources"]["text"] == {
        "k": 5, "minimum_score": 0.5, "per_title": 1, "candidates": 20,
    }  # fmt: skip


def test_leaks_are_marked(kc, data, tmp_path):
    table = build(kc, data, tmp_path / "cache", "--mark-leaks").hits_table("text", "test")
    assert table.column("leak").to_pylist()[0] is True
    assert sum(table.column("leak").to_pylist()) == 1


def test_evidence_from_elsewhere_is_a_source(kc, data, tmp_path):
    evidence = f"captions={tmp_path / 'captions.jsonl'}"
    cache = build(kc, data, tmp_path / "cache", "--evidence", evidence, sources="text,captions")
    # The image itself is not there, its caption is.
    found = {name: [hit.text for hit in hits] for name, hits in cache.hits("captions", "train").items()}
    assert found == {"train-0": ["a harbour"], "train-1": ["a hen"]}
    assert cache.hits("captions", "test") == {"test-0": []}
    counts = json.loads((tmp_path / "cache/report.json").read_text())["splits"]["train"]["sources"][
        "captions"
    ]
    assert counts["counts"] == {"evidence for an unknown image": 1}


def test_a_cache_of_evidence_from_elsewhere_needs_no_corpus(data, tmp_path):
    evidence = f"captions={tmp_path / 'captions.jsonl'}"
    cache = build(
        tmp_path / "no-corpus", data, tmp_path / "cache", "--evidence", evidence, sources="captions"
    )
    assert (cache.sources, cache.manifest["snapshots"]) == (("captions",), {})


def test_a_cache_made_from_something_else_is_refused_or_replaced(kc, data, tmp_path, capsys):
    output = tmp_path / "cache"
    before = build(kc, data, output).manifest
    assert "options: seed: 0 then, 1 now); give --overwrite" in refused(
        capsys, kc, data, output, "--seed", "1"
    )
    other = write_snapshot(tmp_path / "other", {**PAGES, "Bergen": [["Bergen is a city."]]})
    build_embedded_index(other, workers=1)
    assert "snapshots: text" in refused(capsys, other, data, output)
    (data / "train.txt").write_text(POSTS["train"].replace("Ada", "Eda"))
    assert "options: data" in refused(capsys, kc, data, output)
    assert open_cache(output, verify=True).manifest == before
    after = build(other, data, output, "--overwrite", sources="random_text")
    assert after.sources == ("random_text",)
    assert not (output / "hits" / "text").exists()


def test_every_changed_setting_is_shown_whole(kc, data, tmp_path, capsys):
    output = tmp_path / "cache"
    build(kc, data, output, "--k", "2")
    evidence = f"{'c' * 70}={tmp_path / 'captions.jsonl'}"
    more = ("--k", "3", "--seed", "7", "--clean-query", "--evidence", evidence)
    error = refused(capsys, kc, data, output, *more, sources=f"text,{'c' * 70}")
    assert error.count("\n") == 1
    checksum = json.loads(json.dumps(hashlib.sha256((tmp_path / "captions.jsonl").read_bytes()).hexdigest()))
    for setting in (
        "options: clean_query: false then, true now",
        "options: seed: 0 then, 7 now",
        "options: sources: text: k: 2 then, 3 now",
        "options: sources: text: candidates: 2 then, 3 now",
        'options: sources: random_text: {"k": 2, "minimum_score": null, "per_title": 0, "candidates": 2} then,',
        f'options: evidence: {"c" * 70}: null then, "{checksum}" now',
    ):
        assert setting in error.replace('"candidates": 2, "k": 2, "minimum_score": null, "per_title": 0',
                                        '"k": 2, "minimum_score": null, "per_title": 0, "candidates": 2')  # fmt: skip


def test_a_source_that_is_left_without_hits_is_told(kc, data, tmp_path, capsys):
    build(kc, data, tmp_path / "cache", "--minimum-score", "text=99", "--limit", "1")
    error = capsys.readouterr().err
    assert "note: source text: not one hit for 2 examples (dropped: score below the minimum: " in error
    assert "; the best score is " in error
    assert "below --minimum-score 99" in error
    assert "random_text" not in error.replace("random_text, text", "")
    # It is told again where the cache is found.
    build(kc, data, tmp_path / "cache", "--minimum-score", "text=99", "--limit", "1")
    assert "note: source text: not one hit" in capsys.readouterr().err


def test_a_limit_takes_the_first_examples_of_every_split(kc, data, tmp_path, capsys):
    cache = build(kc, data, tmp_path / "cache", "--limit", "1")
    assert {split: cache.example_ids(split) for split in cache.splits} == {
        "test": ["test-0"],
        "train": ["train-0"],
    }
    assert cache.manifest["options"]["limit"] == 1
    assert "options: limit: 1 then, null now" in refused(capsys, kc, data, tmp_path / "cache")


@pytest.mark.parametrize("sources", ["image", "text,object"])
def test_a_source_of_pictures_needs_a_picture(kc, data, tmp_path, capsys, monkeypatch, sources):
    from pipelines.evidence.corpora import Corpora

    monkeypatch.setattr(Corpora, "check", lambda _: None)
    error = refused(capsys, kc, data, tmp_path / "cache", sources=sources)
    asking = sources.rpartition(",")[2]
    assert f"{data}: not one of 3 examples has a picture there (3 examples: image missing)" in error
    assert f"and {asking} asks by pictures; say with --images where they are" in error
    assert not (tmp_path / "cache").exists()


RELATION = {"tokens": ["Ada", "left", "Oslo"], "subject": [0, 1], "object": [2, 3]}


def test_the_manifest_names_the_label_of_no_relation_and_splits_without_labels(kc, tmp_path, caplog):
    data = tmp_path / "relations"
    data.mkdir()
    rows = [{**RELATION, "relation": name} for name in ("NA", "left", "knows")]
    (data / "train.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (data / "test.jsonl").write_text(json.dumps(RELATION))
    chosen = {"dataset": "jsonl", "sources": "text"}
    cache = build(kc, data, tmp_path / "cache", **chosen)
    assert (cache.no_relation, cache.unlabelled) == ("NA", ("test",))
    assert cache.examples("test")[0].relation == "NA"
    assert "the relation NA is taken for no relation" in caplog.text
    named = build(kc, data, tmp_path / "named", "--no-relation", "knows", **chosen)
    assert named.no_relation == "knows"
    (data / "train.jsonl").write_text("\n".join(map(json.dumps, rows[1:])))
    (data / "test.jsonl").unlink()
    bare = build(kc, data, tmp_path / "bare", **chosen)
    assert (bare.no_relation, bare.unlabelled) == ("None", ())
    assert "no_relation" not in bare.manifest["options"]
    assert "all of them count in F1" in caplog.text


def test_one_record_of_settings_decides_a_build(kc, data, tmp_path):
    from pipelines.datasets import read_dataset
    from pipelines.evidence.build import CacheBuild
    from pipelines.evidence.corpora import Corpora
    from pipelines.evidence.crops import Cropper
    from pipelines.evidence.options import Settings, SourceSettings
    from pipelines.text_index.options import SearchOptions

    with Corpora(SearchOptions(kc=kc), Settings({"object": SourceSettings()}), encoder_spec=None) as corpora:
        made = CacheBuild(tmp_path, read_dataset("twitter17", data), {}, corpora, Cropper(grid=(1, 3)))
        assert made.settings is corpora.settings
        assert made._options(images_by_content=False)["objects"] == {"grid": [1, 3]}


def test_a_damaged_cache_is_named_and_can_be_replaced(kc, data, tmp_path, capsys):
    output = tmp_path / "cache"
    build(kc, data, output)
    whole = content(output)
    path = output / "hits" / "text" / "train.parquet"
    path.write_bytes(path.read_bytes()[:-1])
    error = refused(capsys, kc, data, output)
    assert "hits/text/train.parquet is not the file that was written" in error
    assert "--overwrite" in error
    build(kc, data, output, "--overwrite")
    assert content(output) == whole
    (output / "report.json").unlink()
    build(kc, data, output)
    assert content(output) == whole


def test_a_folder_with_something_else_is_left_alone(kc, data, tmp_path, capsys):
    assert "it is no retrieval cache" in refused(capsys, kc, data, data)
    assert sorted(path.name for path in data.iterdir()) == ["test.txt", "train.txt"]


@pytest.mark.parametrize(
    ("more", "sources", "message"),
    [
        ((), "text,captions", "'captions' is none of text, .*needs --evidence captions=FILE"),
        ((), ",", "names none"),
        (("--k", "image=3"), "text", "'image' is not among --sources"),
        (("--k", "many"), "text", "--k many: 'many' is not a number"),
        (("--k", "0"), "text", "k is 1 or more"),
        (("--candidates", "3"), "text", "candidates are at least k"),
        (("--grid", "2x2"), "text", "go with the source object"),
        (("--rerank-by-sources",), "text", "needs two of"),
        (("--drop-near-duplicates",), "random_text", "--sources has none of them"),
        (("--evidence", "text=x"), "text", "the name text is taken"),
        (("--evidence", "a b=x"), "text", "give NAME=FILE"),
        (("--evidence", "captions=/nowhere"), "text", "no such file"),
        ((), "image", "no image index|needs faiss"),
    ],
)
def test_options_that_make_no_sense_are_one_line(kc, data, tmp_path, capsys, more, sources, message):
    import re

    error = refused(capsys, kc, data, tmp_path / "cache", *more, sources=sources)
    assert re.search(message, error.replace("\n", " ")), error
    assert not (tmp_path / "cache").exists()


def test_a_missing_index_says_what_to_do(data, tmp_path, capsys):
    kc = write_snapshot(tmp_path / "kc", PAGES)
    assert "build it with: python -m pipelines.index_text" in refused(capsys, kc, data, tmp_path / "cache")


def run(kc, data, output, *more, **options):
    command = [
        sys.executable,
        "-m",
        "pipelines.build_retrieval_cache",
        *arguments(kc, data, output, *more, **options),
    ]
    root = Path(__file__).resolve().parents[2]
    return subprocess.Popen(
        command, cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env={**os.environ}
    )


def test_killed_and_started_again_it_is_the_same(kc, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    words = [
        "Oslo",
        "harbour",
        "rain",
        "ships",
        "Byron",
        "Ada",
        "cheese",
        "city",
        "sea",
        "London",
        "old",
        "England",
    ]
    posts = [
        f"IMGID:{number}\n" + "".join(f"{words[(number * step) % 12]}\tO\n" for step in range(1, 7))
        for number in range(3000)
    ]
    (data / "train.txt").write_text("\n".join(posts))
    (data / "test.txt").write_text("\n".join(posts[:300]))
    build(kc, data, tmp_path / "whole", "--mark-leaks")
    output = tmp_path / "killed"
    killed = 0
    for wanted in (1, 4, 8):
        process = run(kc, data, output, "--mark-leaks")
        while process.poll() is None and len(list((output / ".work").rglob("*.json"))) < wanted:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        killed += process.returncode == -signal.SIGKILL
        if (output / "manifest.json").exists():
            break
    assert killed
    build(kc, data, output, "--mark-leaks")
    assert content(output) == content(tmp_path / "whole")


def test_parts_of_another_state_are_not_taken_over(kc, data, tmp_path):
    output = tmp_path / "cache"
    process = run(kc, data, output, "--k", "1")
    assert process.wait() == 0
    whole = content(output)
    # A cache whose manifest is gone is one that was stopped: its files are of another state for other options.
    (output / "manifest.json").unlink()
    (output / ".work").mkdir()
    build(kc, data, output, "--k", "2", "--seed", "9", sources="text")
    assert not (output / "hits" / "random_text").exists()
    build(kc, data, tmp_path / "fresh", "--k", "2", "--seed", "9", sources="text")
    assert content(output) == content(tmp_path / "fresh") != whole


def test_two_builds_do_not_write_at_once(kc, data, tmp_path, capsys):
    import fcntl

    (tmp_path / "cache").mkdir()
    with (tmp_path / "cache" / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert "another build is writing there" in refused(capsys, kc, data, tmp_path / "cache")


def test_text_alone_imports_neither_torch_nor_faiss(kc, data, tmp_path):
    program = (
        "import sys; from pipelines.build_retrieval_cache import main\n"
        "for name in ('torch', 'faiss', 'open_clip', 'PIL', 'apache_beam'): sys.modules[name] = None\n"
        f"sys.exit(main({arguments(kc, data, tmp_path / 'cache')!r}))"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert open_cache(tmp_path / "cache").feature_widths == {}


@pytest.mark.shared_data
def test_real_tweets_over_real_text(shared_data, tmp_path):
    kc = tmp_path / "kc"
    build_corpus(shared_data / "dumps" / "enwiki-2025-tiny.xml.bz2", kc)
    build_embedded_index(kc, workers=1)
    data = tmp_path / "tweets"
    data.mkdir()
    (data / "test.txt").write_bytes((shared_data / "ner" / "twitter17" / "test.txt").read_bytes())
    cache = build(kc, data, tmp_path / "cache", "--clean-query", "--mark-leaks", "--drop-near-duplicates")
    found = cache.hits("text", "test")
    assert len(found) == 723
    assert sum(map(len, found.values())) > 6000
    for hits in found.values():
        assert len({hit.record_id for hit in hits}) == len(hits) <= 10
    assert cache.examples("test")[0].tokens[0] == "Citifield"
    report = json.loads((tmp_path / "cache" / "report.json").read_text())["splits"]["test"]
    assert report["sources"]["text"]["gold mentions"]["all"] == 1351
