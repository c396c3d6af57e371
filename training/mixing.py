"""The mixture step of a run: from cached distributions and features to a saved mixture."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from kc_schema.files import write_atomically
from kc_schema.retrieval_cache import Example
from training.config import MixtureConfig
from training.distributions import Distributions, save_distributions
from training.evaluation.scores import headline_f1
from training.mixture import Gate, GateData, fit_gate, gate_features, mix_distributions, save_mixture
from training.model_card import model_card
from training.plan import Plan
from training.steps import Step
from training.task import Task

__all__ = ["fit_mixture", "gold_tokens"]


def gold_tokens(task: Task, examples: Sequence[Example], split: str) -> npt.NDArray[np.int64]:
    """Gives the gold labels of all tokens (RE: of all examples), one after another."""
    targets = task.targets(examples, split)
    rows = [target if isinstance(target, list) else [target] for target in targets]
    return np.concatenate([np.array(row, dtype=np.int64) for row in rows])


def fit_mixture(
    plan: Plan,
    name: str,
    mixture: MixtureConfig,
    members: Sequence[Step],
    seeds: Sequence[int],
    seed: int,
    folder: Path,
) -> None:
    """Fits the gate of a mixture on its members' cached distributions and saves everything in `folder`."""
    config, cache, task = plan.config, plan.cache, plan.task
    dev_examples = cache.examples(config.dev)

    def score(found: Distributions) -> float:
        decoded = found.by_example(found.best)
        return headline_f1(task, dev_examples, decoded, config.evaluation.convention)

    def data(split: str) -> GateData:
        examples = cache.examples(split)
        return GateData(
            [plan.load(member, split) for member in members],
            gate_features(cache, split, mixture.gate),
            gold_tokens(task, examples, split),
        )

    gate: Gate | None = None
    history: list[dict[str, float]] = []
    if mixture.kind == "gate":
        gate, history = fit_gate(
            data(mixture.gate.split), data(config.dev), mixture.gate, len(task.label_names), seed, score
        )
    for split in (config.dev, config.test):
        weights = None
        if gate is not None:
            with torch.no_grad():
                weights = gate(torch.from_numpy(gate_features(cache, split, mixture.gate)))
        mixed = mix_distributions([plan.load(member, split) for member in members], weights)
        save_distributions(folder / f"{split}.safetensors", mixed)
        if split == config.dev:
            dev_f1 = score(mixed)
    places = [
        os.path.relpath(plan.output / "experts" / member / f"seed-{own}", folder)
        for member, own in zip(mixture.experts, seeds, strict=True)
    ]
    record = {"history": history, "dev_f1": dev_f1, "seeds": list(seeds)}
    text = json.dumps(record, indent=1) + "\n"
    write_atomically(folder / "fit.json", lambda path: path.write_text(text))
    card = model_card(config, cache, task, name, mixture, seeds, dev_f1)
    save_mixture(folder, gate, mixture, places, card)
