"""A mixture of experts (paper section 2.3): fitted on what its members say, saved, loaded, asked."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from kc_schema.attribution import read_attribution
from kc_schema.retrieval_cache import Example, RetrievalCache
from kc_schema.store import read_json, write_atomically, write_json, write_text
from training.config import MixtureConfig
from training.distributions import Distributions, save_distributions
from training.errors import TrainingError
from training.evaluation.scores import Epoch, headline_f1
from training.experts import Expert, evidence_of, load_expert
from training.gate import (
    Gate,
    GateData,
    TypeFeature,
    fit_gate,
    gate_features,
    gate_types,
    gate_vectors,
    mix_distributions,
)
from training.run_folder import Run, check_written
from training.task import Task

__all__ = ["Mixture", "MixtureFit", "fit_mixture", "gold_tokens", "load_gate", "load_mixture", "save_mixture"]


@dataclass(frozen=True)
class MixtureFit:
    """What is noted of the fit of a mixture (``fit.json``)."""

    history: list[Epoch]
    """By epoch; empty for average pooling."""
    dev_f1: float
    seeds: list[int]
    """The seed of each member."""


@dataclass(frozen=True)
class _GateShape:
    features: int
    experts: int
    labels: int
    types: list[TypeFeature] = field(default_factory=list)
    """The features that are types of evidence."""


@dataclass(frozen=True)
class _Described:
    """What is noted of a mixture (``mixture.json``)."""

    experts: list[str]
    """Folders of the members, relative to the mixture's."""
    config: MixtureConfig
    gate: _GateShape | None
    """None for average pooling."""


def gold_tokens(task: Task, examples: Sequence[Example], split: str) -> npt.NDArray[np.int64]:
    """Return the gold labels of all tokens (RE: of all examples), one after another."""
    targets = task.targets(examples, split)
    rows = [target if isinstance(target, list) else [target] for target in targets]
    return np.concatenate([np.array(row, dtype=np.int64) for row in rows])


def fit_mixture(run: Run, name: str, mixture: MixtureConfig, seed: int, seeds: Sequence[int]) -> None:
    """Fit the gate of a mixture on its members' cached distributions, and save everything in its folder.

    Args:
        run: the run, whose members are fitted.
        name: of the mixture.
        mixture: its settings.
        seed: of the mixture.
        seeds: the seed of each member.
    """
    config, task = run.config, run.task
    folder = run.mixture_folder(name, seed)
    dev_examples = run.cache.examples(config.dev)

    def members(split: str) -> list[Distributions]:
        return [run.distributions(*member, split) for member in zip(mixture.experts, seeds, strict=True)]

    def score(found: Distributions) -> float:
        return headline_f1(task, dev_examples, found.by_example(found.best), config.evaluation.convention)

    gate: Gate | None = None
    history: list[Epoch] = []
    if mixture.kind == "gate":
        types = gate_types(run.cache, mixture.gate)
        data = partial(_gate_data, run, mixture, types)
        learn, choose = (data(split, members(split)) for split in (mixture.gate.split, config.dev))
        gate, history = fit_gate(learn, choose, mixture.gate, len(task.label_names), seed, score, types)
    mixed = {}
    for split in (config.dev, config.test):
        weights = _weights(gate, run.cache, split, mixture)
        mixed[split] = mix_distributions(members(split), weights)
        save_distributions(folder / f"{split}.safetensors", mixed[split])
    record = MixtureFit(history, score(mixed[config.dev]), list(seeds))
    write_json(folder / "fit.json", record)
    experts = [
        os.path.relpath(run.expert_folder(member, own), folder)
        for member, own in zip(mixture.experts, seeds, strict=True)
    ]
    save_mixture(folder, gate, mixture, experts, _model_card(run, name, mixture, record))


def _gate_data(
    run: Run,
    mixture: MixtureConfig,
    types: Sequence[TypeFeature],
    split: str,
    members: Sequence[Distributions],
) -> GateData:
    features = gate_features(run.cache, split, mixture.gate, types)
    return GateData(members, features, gold_tokens(run.task, run.cache.examples(split), split))


@torch.no_grad()
def _weights(gate: Gate | None, cache: RetrievalCache, split: str, mixture: MixtureConfig) -> Tensor | None:
    """Return the gate's weights [examples, experts, labels or 1], None for average pooling."""
    if gate is None:
        return None
    features = gate_features(cache, split, mixture.gate, gate.types)
    if features.shape[1] != gate.score.in_features:
        raise TrainingError(
            f"the gate was fitted on {gate.score.in_features} features, {cache.folder} has "
            f"{features.shape[1]}: was it built with the same encoder?"
        )
    weights: Tensor = gate(torch.from_numpy(features))
    return weights


def save_mixture(
    folder: Path, gate: Gate | None, config: MixtureConfig, experts: Sequence[str], card: str
) -> None:
    """Write a mixture: the gate (safetensors), how it is built, its model card.

    Args:
        folder: of the mixture.
        gate: None for average pooling.
        config: its settings.
        experts: folders of the members, relative to `folder`.
        card: text of the model card.
    """
    from safetensors.torch import save_file

    shape = None
    if gate is not None:
        state = gate.state_dict()
        write_atomically(folder / "gate.safetensors", lambda place: save_file(state, place))
        shape = _GateShape(gate.score.in_features, gate.experts, gate.labels, list(gate.types))
    write_text(folder / "README.md", card)
    write_json(folder / "mixture.json", _Described(list(experts), config, shape))


def _model_card(run: Run, name: str, mixture: MixtureConfig, record: MixtureFit) -> str:
    """Return the card as Markdown: what the model is, what it was made from, how to use it."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    # Markdown, not HTML: nothing is escaped; what comes from data are names and labels.
    environment = Environment(
        loader=PackageLoader("training", "."), undefined=StrictUndefined, keep_trailing_newline=True
    )
    members = [
        (member, own, run.config.experts[member].source or "none")
        for member, own in zip(mixture.experts, record.seeds, strict=True)
    ]
    return environment.get_template("model_card.md.j2").render(
        name=name,
        run=run,
        members=members,
        mixture=mixture,
        vectors=gate_vectors(run.cache, mixture.gate),
        dev_f1=record.dev_f1,
        sources=read_attribution(run.cache.folder),
    )


@dataclass
class Mixture:
    """A saved mixture with its experts: what `load_mixture` returns."""

    experts: Sequence[Expert]
    gate: Gate | None
    """None for average pooling."""
    config: MixtureConfig
    task: Task

    def predict(self, cache: RetrievalCache, split: str, batch_size: int = 32) -> Distributions:
        """Return the mixed distributions over a split of any cache with the experts' sources and features."""
        examples = cache.examples(split)
        found = [
            expert.predict(examples, evidence_of(cache, expert.source, split), batch_size)
            for expert in self.experts
        ]
        return mix_distributions(found, self.weights(cache, split))

    def weights(self, cache: RetrievalCache, split: str) -> Tensor | None:
        """Return the gate's weights [examples, experts, labels or 1], None for average pooling."""
        return _weights(self.gate, cache, split, self.config)


def load_mixture(folder: Path | str, device: str = "auto") -> Mixture:
    """Return a saved mixture with its experts, which lie in the same run.

    Raises:
        TrainingError: there is no mixture, or one of its experts is missing.
    """
    folder = Path(folder)
    described, gate = _read(folder)
    experts = [load_expert((folder / place).resolve(), device) for place in described.experts]
    return Mixture(experts, gate, described.config, experts[0].task)


def load_gate(folder: Path) -> Gate | None:
    """Return the gate of a saved mixture without its experts, None for average pooling."""
    return _read(folder)[1]


def _read(folder: Path) -> tuple[_Described, Gate | None]:
    from safetensors.torch import load_file

    check_written(folder)
    try:
        described = read_json(folder / "mixture.json", _Described)
    except FileNotFoundError:
        raise TrainingError(f"{folder}: no mixture.json, so no trained mixture; run training.run") from None
    except ValueError as error:
        raise TrainingError(f"{folder / 'mixture.json'}: {error}; run training.run again") from error
    if described.gate is None:
        return described, None
    gate = Gate(described.gate.features, described.gate.experts, described.gate.labels, described.gate.types)
    gate.load_state_dict(load_file(folder / "gate.safetensors"))
    return described, gate
