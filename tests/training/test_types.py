"""Types of evidence: behind the title as the encoder reads it, and as features by which a gate tells who knows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from kc_schema.contexts import context_text
from kc_schema.retrieval_cache import CacheWriter, Example, Hit, RetrievalCache, open_cache
from training.checks import check_run
from training.config import ContextConfig, GateConfig, MixtureConfig, build_config
from training.data.inputs import InputEncoder, load_tokenizer
from training.demo.planted import knowing_source, write_planted
from training.distributions import Distributions
from training.errors import TrainingError
from training.gate import GateData, fit_gate, gate_features, gate_types, mix_distributions
from training.mixture import load_gate, save_mixture
from training.run import main as train
from training.run_folder import Run, open_run

pytestmark = pytest.mark.torch

TURING = Hit(0, 1.0, "", "Alan Turing", "<e: Alan_Turing> He </e> ran.", types=("human", "mathematician"))


def write_cache(folder: Path, types: bool = True) -> RetrievalCache:
    writer = CacheWriter(folder, dataset="tiny", task="ner")
    kinds = [("human", "runner"), ("human",), ("city",), None]
    for split in ("train", "dev", "test"):
        examples = [Example(f"e{n}", ("Oslo", "ran"), labels=("B-LOC", "O")) for n in range(3)]
        writer.write_examples(split, examples)
        hits = {
            f"e{n}": [Hit(rank, 1.0, "", "T", "text", types=kinds[n + rank]) for rank in range(2)]
            for n in range(3)
        }
        writer.write_hits("entity", split, hits, ["types"] if types else [])
        writer.write_hits("text", split, hits)
    return writer.commit()


def test_types_stand_behind_the_title() -> None:
    def text(**how: bool) -> str:
        return context_text(
            TURING, keep_anchors=False, title=how.get("title", True), types=how.get("types", True)
        )

    assert text() == "[ Alan Turing (human, mathematician) ] He ran."
    assert text(title=False) == "[ (human, mathematician) ] He ran."
    assert text(types=False) == "[ Alan Turing ] He ran."
    untyped = Hit(0, 1.0, "", "Alan Turing", "He ran.")
    assert context_text(untyped, keep_anchors=False, title=True, types=True) == "[ Alan Turing ] He ran."


def test_the_encoder_reads_types_only_when_it_is_told_to(tiny_encoder: str) -> None:
    tokenizer = load_tokenizer(tiny_encoder, markers=False)
    read = [
        InputEncoder(tokenizer, ContextConfig(types=types), 60).encode(
            [Example("a", ("Oslo",), labels=("O",))], {"a": [TURING]}
        )[0]
        for types in (False, True)
    ]
    assert len(read[1].input_ids) > len(read[0].input_ids)


def test_types_come_back_from_a_cache(tmp_path: Path) -> None:
    write_cache(tmp_path / "cache")
    cache = open_cache(tmp_path / "cache", verify=True)
    assert [hit.types for hit in cache.hits("entity", "dev")["e0"]] == [("human", "runner"), ("human",)]
    assert (cache.has_types("entity", "dev"), cache.has_types("text", "dev")) == (True, False)


def test_the_most_frequent_types_are_features_by_the_share_of_evidence(tmp_path: Path) -> None:
    cache = write_cache(tmp_path / "cache")
    settings = GateConfig(types=("entity",), most_types=2)
    types = gate_types(cache, settings)
    assert types == (("entity", "city"), ("entity", "human")), "each in two examples: by the alphabet"
    assert gate_features(cache, "test", settings, types).tolist() == [[0, 1], [0.5, 0.5], [0.5, 0]]
    assert gate_features(cache, "test", GateConfig()).tolist() == [[0], [0], [0]]


def data_of(cache: RetrievalCache, split: str, settings: GateConfig) -> GateData:
    """Experts of which each is right where it knows, and guesses elsewhere."""
    ids = cache.example_ids(split)
    chance = np.random.default_rng(len(ids))
    gold = chance.integers(3, size=len(ids))
    experts = []
    for source in ("text", "image"):
        knows = np.array([knowing_source(one) == source for one in ids])
        table = np.full((len(ids), 3), 0.1, np.float32)
        table[np.arange(len(ids)), np.where(knows, gold, chance.integers(3, size=len(ids)))] = 0.8
        experts.append(Distributions(table, table.argmax(1), np.ones(len(ids), np.int64)))
    features = gate_features(cache, split, settings, gate_types(cache, settings))
    return GateData(experts, features, gold)


def test_a_mixture_gains_where_types_alone_tell_which_expert_is_right(tmp_path: Path) -> None:
    cache = write_planted(tmp_path / "cache", task="ner", sizes={"train": 400, "dev": 200}, types=True)
    reached = {}
    for name, types in (("with", ("text",)), ("without", ())):
        settings = GateConfig(types=types, epochs=20, batch_size=32, learning_rate=0.1)
        train_data, dev = data_of(cache, "train", settings), data_of(cache, "dev", settings)

        def score(found: Distributions, dev: GateData = dev) -> float:
            return 100 * float((found.best == dev.gold).mean())

        known = gate_types(cache, settings)
        gate, _ = fit_gate(train_data, dev, settings, 3, 0, score, known)
        mixed = mix_distributions(dev.experts, gate(torch.from_numpy(dev.features)).detach())
        reached[name] = score(mixed)
        best = max(score(expert) for expert in dev.experts)
    assert reached["with"] > 90
    assert reached["with"] > reached["without"] + 10
    assert reached["with"] > best + 10


def test_a_saved_gate_knows_its_types(tmp_path: Path) -> None:
    cache = write_cache(tmp_path / "cache")
    settings = GateConfig(types=("entity",), epochs=1)
    types = gate_types(cache, settings)
    features = gate_features(cache, "train", settings, types)
    table = np.full((3, 2), 0.5, np.float32)
    said = Distributions(table, table.argmax(1), np.ones(3, np.int64))
    data = GateData([said, said], features, np.zeros(3, np.int64))
    gate, _ = fit_gate(data, data, settings, 2, 0, lambda _: 1.0, types)
    save_mixture(tmp_path / "m", gate, MixtureConfig(("a", "b")), ["../a", "../b"], "card")
    again = load_gate(tmp_path / "m")
    assert again is not None
    assert again.types == types


def settings_of(cache: RetrievalCache, folder: Path, encoder: str, **sections: object) -> dict[str, object]:
    return {
        "cache": str(cache.folder),
        "output": str(folder),
        "seeds": [1],
        "device": "cpu",
        "encoder": {"name": encoder, "max_length": 64},
        "fit": {"epochs": 1, "batch_size": 4, "alignment": False},
        "experts": {"entity": {"source": "entity"}, "text": {"source": "text"}},
        "mixtures": {"moe": {"experts": ["entity", "text"]}},
        "evaluation": {"resamples": 5},
        **sections,
    }


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        (
            {"gate": {"types": ["text"]}},
            r"mixtures\.moe\.gate\.types: the evidence of 'text' in the cache .* no types",
        ),
        ({"gate": {"types": ["images"]}}, r"mixtures\.moe\.gate\.types: the cache .* has no source 'images'"),
        (
            {"contexts": {"types": True}, "experts": {"text": {"source": "text"}}, "mixtures": {}},
            r"contexts\.types: the evidence of 'text' .*--set contexts\.types=false",
        ),
        ({"contexts": {"types": True}, "experts": {"none": {}}, "mixtures": {}}, "no expert has evidence"),
    ],
)
def test_types_that_are_not_there_are_foreseen(
    tmp_path: Path, tiny_encoder: str, sections: dict[str, object], message: str
) -> None:
    cache = write_cache(tmp_path / "cache")
    run = Run.of(build_config(settings_of(cache, tmp_path / "run", tiny_encoder, **sections)))
    with pytest.raises(TrainingError, match=message):
        check_run(run, load_tokenizer(tiny_encoder, markers=False))


def test_a_whole_run_with_types_and_what_its_card_says(tmp_path: Path, tiny_encoder: str) -> None:
    import json

    cache = write_cache(tmp_path / "cache")
    gate = {"types": ["entity"], "epochs": 2}
    values = settings_of(cache, tmp_path / "run", tiny_encoder, gate=gate, contexts={"types": True})
    (tmp_path / "config.yaml").write_text(json.dumps(values), encoding="utf-8")
    assert train(["--config", str(tmp_path / "config.yaml")]) == 0
    run = open_run(tmp_path / "run")
    saved = load_gate(run.mixture_folder("moe", 1))
    assert saved is not None
    assert len(saved.types) == 3
    card = (run.mixture_folder("moe", 1) / "README.md").read_text(encoding="utf-8")
    assert "on the types of the evidence of entity" in card
