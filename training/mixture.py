"""The mixture of experts (paper section 2.3): frozen experts, a gate on features, their mixed distribution."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from kc_schema.files import write_atomically
from kc_schema.retrieval_cache import Example, RetrievalCache
from training.config import GateConfig, MixtureConfig, as_mapping
from training.data.labels import TagSet
from training.distributions import Distributions
from training.errors import TrainingError
from training.models.crf import FORBIDDEN, viterbi
from training.task import Task

__all__ = [
    "Gate",
    "Mixture",
    "decode_legally",
    "fit_gate",
    "gate_features",
    "load_mixture",
    "mix",
    "mix_distributions",
    "save_mixture",
]

logger = logging.getLogger(__name__)


class Gate(nn.Module):
    """Weights of the experts from an example's features.

    With two experts the first one's weight is ``sigma(U_y [r_T; r_I] + b_y)`` and the second's the rest, as
    in the paper; with more it is a softmax in which the last expert's score is zero. A fresh gate weighs all
    experts alike.

    Args:
        features: numbers of an example's features.
        experts: number of experts.
        labels: number of labels, for one weight a label; 1 for one weight an example.
    """

    def __init__(self, features: int, experts: int, labels: int) -> None:
        super().__init__()
        self.experts, self.labels = experts, labels
        self.score = nn.Linear(features, (experts - 1) * labels)
        nn.init.zeros_(self.score.weight)
        nn.init.zeros_(self.score.bias)

    def forward(self, features: Tensor) -> Tensor:
        """Gives the weights [examples, experts, labels], summing to one over the experts."""
        scores = self.score(features).unflatten(-1, (self.experts - 1, self.labels))
        last = torch.zeros_like(scores[:, :1])
        return torch.cat([scores, last], 1).softmax(1)


def mix(probabilities: Tensor, weights: Tensor) -> Tensor:
    """Gives ``sum_e P_e(y) g_e(y)``, normalised again over the labels: [tokens, labels].

    Args:
        probabilities: [tokens, experts, labels].
        weights: [tokens, experts, labels], or one label's width for a weight an example.
    """
    mixed = (probabilities * weights).sum(1)
    total: Tensor = mixed.sum(-1, keepdim=True)
    return mixed / total


def gate_features(cache: RetrievalCache, split: str, gate: GateConfig) -> npt.NDArray[np.float32]:
    """Gives ``[r_T; r_I]`` of every example of a split: [examples, numbers].

    Raises:
        TrainingError: the cache has no features.
    """
    if not cache.feature_widths:
        raise TrainingError(
            f"mixtures: the cache {cache.folder} has no features for the gate; build it with an encoder, or "
            "use kind: average"
        )
    parts = [cache.vectors(split, column, raw=not gate.normalised) for column in gate.vectors]
    return np.concatenate(parts, 1)


@dataclass(frozen=True)
class GateData:
    """What a gate learns from or is scored on: the experts' distributions and features of a split."""

    experts: Sequence[Distributions]
    features: npt.NDArray[np.float32]
    gold: npt.NDArray[np.int64]
    """[tokens] gold labels."""


def fit_gate(
    train: GateData,
    dev: GateData,
    gate: GateConfig,
    labels: int,
    seed: int,
    score: Callable[[Distributions], float],
) -> tuple[Gate, list[dict[str, float]]]:
    """Gives the gate of the epoch with the best F1 on `dev`, and the history by epoch.

    The loss of an example is -log of the mixed probabilities of its gold labels, summed over its tokens; the
    experts stay as they are. Among epochs of equal F1 the one with the smallest loss on `dev` is kept.

    Args:
        train: what the gate learns from.
        dev: what chooses the epoch.
        gate: settings.
        labels: number of labels.
        seed: of the order of the examples.
        score: gives F1 in percent of distributions over the development split.
    """
    generator = torch.Generator().manual_seed(seed)
    model = Gate(train.features.shape[1], len(train.experts), labels if gate.weights == "label" else 1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=gate.learning_rate, weight_decay=gate.weight_decay)
    features, probabilities, gold = _tensors(train)
    lengths = torch.from_numpy(train.experts[0].lengths)
    starts = lengths.cumsum(0) - lengths
    best: tuple[float, float] = (-1.0, 0.0)
    kept: dict[str, Tensor] = {}
    history = []
    for epoch in range(1, gate.epochs + 1):
        total = 0.0
        for rows in torch.randperm(len(features), generator=generator).split(gate.batch_size):  # type: ignore[no-untyped-call]
            tokens, owner = _tokens_of(rows, starts, lengths)
            weights = model(features[rows])[owner]
            loss = _nll(mix(probabilities[tokens], weights), gold[tokens]) / len(rows)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += loss.item() * len(rows)
        mixed, dev_loss = _mixed_with_loss(model, dev)
        row = {"epoch": epoch, "loss": total / len(features), "dev_loss": dev_loss, "dev_f1": score(mixed)}
        history.append(row)
        if not np.isfinite(row["loss"]):
            raise TrainingError(
                f"gate: the loss is {row['loss']} in epoch {epoch}; lower gate.learning_rate, or use normalised "
                "features"
            )
        if (row["dev_f1"], -dev_loss) > best:
            best = (row["dev_f1"], -dev_loss)
            kept = {name: value.clone() for name, value in model.state_dict().items()}
    model.load_state_dict(kept)
    return model, history


def _tensors(data: GateData) -> tuple[Tensor, Tensor, Tensor]:
    probabilities = np.stack([expert.probabilities for expert in data.experts], 1)
    return torch.from_numpy(data.features), torch.from_numpy(probabilities), torch.from_numpy(data.gold)


def _tokens_of(rows: Tensor, starts: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Gives the tokens of the examples in `rows`, and which of the rows each token belongs to."""
    owner = torch.repeat_interleave(torch.arange(len(rows)), lengths[rows])
    ends = lengths[rows].cumsum(0)
    within = torch.arange(len(owner)) - (ends - lengths[rows])[owner]
    return starts[rows][owner] + within, owner


def _nll(mixed: Tensor, gold: Tensor) -> Tensor:
    chosen = mixed.gather(1, gold.unsqueeze(1)).squeeze(1)
    return -chosen.clamp_min(torch.finfo(chosen.dtype).tiny).log().sum()


@torch.no_grad()
def _mixed_with_loss(model: Gate, data: GateData) -> tuple[Distributions, float]:
    mixed = mix_distributions(data.experts, model(torch.from_numpy(data.features)))
    loss = _nll(torch.from_numpy(mixed.probabilities), torch.from_numpy(data.gold))
    return mixed, loss.item() / len(data.features)


@torch.no_grad()
def mix_distributions(experts: Sequence[Distributions], weights: Tensor | None) -> Distributions:
    """Gives the mixed distributions; ``best`` is the most likely label of each token (paper, last equation).

    Args:
        experts: the experts' distributions over the same examples.
        weights: [examples, experts, labels or 1], or None for the plain average (average pooling).
    """
    lengths = experts[0].lengths
    probabilities = torch.from_numpy(np.stack([expert.probabilities for expert in experts], 1))
    if weights is None:
        mixed = probabilities.mean(1)
    else:
        owner = torch.repeat_interleave(torch.arange(len(lengths)), torch.from_numpy(lengths))
        mixed = mix(probabilities, weights[owner])
    return Distributions(mixed.numpy(), mixed.argmax(1).numpy(), lengths)


def decode_legally(found: Distributions, tags: TagSet) -> npt.NDArray[np.int64]:
    """Gives the labels [tokens] of the likeliest sequence of marginals whose moves are legal (Viterbi)."""
    legal = tags.legal_moves()
    moves = torch.zeros(legal.shape).masked_fill(~legal, FORBIDDEN)
    log = torch.from_numpy(found.probabilities).clamp_min(1e-30).log()
    best = []
    for part in log.split(found.lengths.tolist()):  # type: ignore[no-untyped-call]
        mask = torch.ones(1, len(part), dtype=torch.bool)
        path = viterbi(part.unsqueeze(0), mask, moves[:-1, :-1], moves[-1, :-1], moves[:-1, -1])
        best.append(path[0].numpy())
    return np.concatenate(best)


@dataclass
class Mixture:
    """A saved mixture with its experts: what `load_mixture` gives."""

    experts: Sequence[Any]
    gate: Gate | None
    """None for average pooling."""
    config: MixtureConfig
    task: Task

    def predict(self, cache: RetrievalCache, split: str, batch_size: int = 32) -> Distributions:
        """Gives the mixed distributions over a split of any cache with the experts' sources and features."""
        from training.experts import evidence_of

        examples: list[Example] = cache.examples(split)
        said = [
            expert.predict(examples, evidence_of(cache, expert.source, split), batch_size)
            for expert in self.experts
        ]
        return mix_distributions(said, self.weights(cache, split))

    @torch.no_grad()
    def weights(self, cache: RetrievalCache, split: str) -> Tensor | None:
        """Gives the gate's weights [examples, experts, labels or 1], None for average pooling."""
        if self.gate is None:
            return None
        features = gate_features(cache, split, self.config.gate)
        if features.shape[1] != self.gate.score.in_features:
            raise TrainingError(
                f"the gate was fitted on {self.gate.score.in_features} features, {cache.folder} has "
                f"{features.shape[1]}: was it built with the same encoder?"
            )
        weights: Tensor = self.gate(torch.from_numpy(features))
        return weights


def save_mixture(
    folder: Path, gate: Gate | None, config: MixtureConfig, experts: Sequence[str], card: str
) -> None:
    """Writes a mixture: the gate (safetensors), how it is built, its model card.

    Args:
        folder: of the mixture.
        gate: None for average pooling.
        config: its settings.
        experts: folders of the experts, relative to `folder`.
        card: text of the model card.
    """
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    if gate is not None:
        write_atomically(folder / "gate.safetensors", lambda place: save_file(gate.state_dict(), place))
    described = {
        "experts": list(experts),
        "config": as_mapping(config),
        "gate": None if gate is None else [gate.score.in_features, gate.experts, gate.labels],
    }
    text = json.dumps(described, indent=2) + "\n"
    write_atomically(folder / "README.md", lambda place: place.write_text(card))
    write_atomically(folder / "mixture.json", lambda place: place.write_text(text))


def load_mixture(folder: Path | str, device: str = "auto") -> Mixture:
    """Gives a saved mixture with its experts, which lie in the same run.

    Raises:
        TrainingError: there is no mixture, or one of its experts is missing.
    """
    from training.experts import load_expert

    folder = Path(folder)
    described, gate = _read_mixture(folder)
    experts = [load_expert((folder / place).resolve(), device) for place in described["experts"]]
    config = described["config"]
    settings = GateConfig(**{**config["gate"], "vectors": tuple(config["gate"]["vectors"])})
    mixture = MixtureConfig(tuple(config["experts"]), config["kind"], settings)
    return Mixture(experts, gate, mixture, experts[0].task)


def load_gate(folder: Path) -> Gate | None:
    """Gives the gate of a saved mixture without its experts, None for average pooling."""
    return _read_mixture(folder)[1]


def _read_mixture(folder: Path) -> tuple[dict[str, Any], Gate | None]:
    from safetensors.torch import load_file

    try:
        described = json.loads((folder / "mixture.json").read_text())
    except FileNotFoundError:
        raise TrainingError(f"{folder}: no mixture.json, so no trained mixture; run training.run") from None
    if described["gate"] is None:
        return described, None
    gate = Gate(*described["gate"])
    gate.load_state_dict(load_file(folder / "gate.safetensors"))
    return described, gate
