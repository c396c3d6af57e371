"""The gate of a mixture (paper section 2.3): frozen experts, weights from features, their mixed distribution."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from kc_schema.retrieval_cache import RetrievalCache
from training.config import GateConfig
from training.data.labels import TagSet
from training.distributions import Distributions
from training.errors import TrainingError
from training.evaluation.scores import Epoch
from training.models.crf import FORBIDDEN, viterbi

__all__ = [
    "Gate",
    "GateData",
    "TypeFeature",
    "decode_legally",
    "fit_gate",
    "gate_features",
    "gate_types",
    "gate_vectors",
    "mix",
    "mix_distributions",
]

logger = logging.getLogger(__name__)

_USUAL_VECTORS = ("text_vector", "image_vector")

TypeFeature = tuple[str, str]
"""A source of evidence, and a type that its articles may be of."""


class Gate(nn.Module):
    """Weights of the experts from an example's features.

    With two experts the first one's weight is ``sigma(U_y [r_T; r_I] + b_y)`` and the second's the rest, as
    in the paper; with more it is a softmax in which the last expert's score is zero. A fresh gate weighs all
    experts alike.

    Args:
        features: numbers of an example's features.
        experts: number of experts.
        labels: number of labels, for one weight a label; 1 for one weight an example.
        types: the features that are types of evidence; they stand behind the vectors.
    """

    def __init__(self, features: int, experts: int, labels: int, types: Sequence[TypeFeature] = ()) -> None:
        super().__init__()
        self.experts, self.labels, self.types = experts, labels, tuple(types)
        self.score = nn.Linear(features, (experts - 1) * labels)
        nn.init.zeros_(self.score.weight)
        nn.init.zeros_(self.score.bias)

    def forward(self, features: Tensor) -> Tensor:
        """Return the weights [examples, experts, labels], summing to one over the experts."""
        scores = self.score(features).unflatten(-1, (self.experts - 1, self.labels))
        last = torch.zeros_like(scores[:, :1])
        return torch.cat([scores, last], 1).softmax(1)


def mix(probabilities: Tensor, weights: Tensor) -> Tensor:
    """Return ``sum_e P_e(y) g_e(y)``, normalised again over the labels: [tokens, labels].

    Args:
        probabilities: [tokens, experts, labels].
        weights: [tokens, experts, labels], or one label's width for a weight an example.
    """
    mixed = (probabilities * weights).sum(1)
    total: Tensor = mixed.sum(-1, keepdim=True)
    return mixed / total


def gate_vectors(cache: RetrievalCache, gate: GateConfig) -> tuple[str, ...]:
    """Return the columns of the cache's features that a gate looks at; empty where there are none."""
    if gate.vectors is not None:
        return gate.vectors
    return tuple(name for name in _USUAL_VECTORS if name in cache.feature_widths)


def gate_types(cache: RetrievalCache, gate: GateConfig) -> tuple[TypeFeature, ...]:
    """Return the types that a gate looks at: those most frequent in the evidence on which it learns, by source.

    A type counts once an example; of equally frequent ones the first in the alphabet is taken.
    """
    found: list[TypeFeature] = []
    for source in gate.types:
        hits = cache.hits(source, gate.split)
        counts = Counter(
            kind for own in hits.values() for kind in {t for hit in own for t in hit.types or ()}
        )
        ranked = sorted(counts, key=lambda kind: (-counts[kind], kind))
        found += [(source, kind) for kind in ranked[: gate.most_types]]
    return tuple(found)


def _shares(cache: RetrievalCache, split: str, types: Sequence[TypeFeature]) -> npt.NDArray[np.float32]:
    """Return the share of each example's evidence that is of a type: [examples, types]."""
    ids = cache.example_ids(split)
    shares = np.zeros((len(ids), len(types)), np.float32)
    place = {feature: column for column, feature in enumerate(types)}
    for source in dict.fromkeys(source for source, _ in types):
        hits = cache.hits(source, split)
        for row, example_id in enumerate(ids):
            own = hits[example_id]
            for hit in own:
                for kind in set(hit.types or ()):
                    if (column := place.get((source, kind))) is not None:
                        shares[row, column] += 1 / len(own)
    return shares


def gate_features(
    cache: RetrievalCache, split: str, gate: GateConfig, types: Sequence[TypeFeature] = ()
) -> npt.NDArray[np.float32]:
    """Return ``[r_T; r_I]`` of every example of a split, and behind it what its evidence is about: [examples, numbers].

    Where there is neither, each example has the number 0: the gate then learns its biases alone, one set of weights
    for all examples.

    Args:
        cache: the cache.
        split: of it.
        gate: which vectors.
        types: the types that are features (`gate_types`, `Gate.types`).
    """
    parts = [cache.vectors(split, column, raw=not gate.normalised) for column in gate_vectors(cache, gate)]
    if types:
        parts.append(_shares(cache, split, types))
    return np.concatenate(parts, 1) if parts else np.zeros((len(cache.example_ids(split)), 1), np.float32)


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
    types: Sequence[TypeFeature] = (),
) -> tuple[Gate, list[Epoch]]:
    """Return the gate of the epoch with the best F1 on `dev`, and the history by epoch.

    The loss of an example is -log of the mixed probabilities of its gold labels, summed over its tokens; the
    experts stay as they are. Among epochs of equal F1 the one with the smallest loss on `dev` is kept.

    Args:
        train: what the gate learns from.
        dev: what chooses the epoch.
        gate: settings.
        labels: number of labels.
        seed: of the order of the examples.
        score: gives F1 in percent of distributions over the development split.
        types: the features that are types of evidence.
    """
    generator = torch.Generator().manual_seed(seed)
    model = Gate(train.features.shape[1], len(train.experts), labels if gate.weights == "label" else 1, types)
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
        loss_of_epoch, dev_f1 = total / len(features), score(mixed)
        history.append(Epoch(epoch, loss_of_epoch, dev_f1, dev_loss))
        if not np.isfinite(loss_of_epoch):
            raise TrainingError(
                f"gate: the loss is {loss_of_epoch} in epoch {epoch}; lower gate.learning_rate, or use normalised "
                "features"
            )
        if (dev_f1, -dev_loss) > best:
            best = (dev_f1, -dev_loss)
            kept = {name: value.clone() for name, value in model.state_dict().items()}
    model.load_state_dict(kept)
    return model, history


def _tensors(data: GateData) -> tuple[Tensor, Tensor, Tensor]:
    probabilities = np.stack([expert.probabilities for expert in data.experts], 1)
    return torch.from_numpy(data.features), torch.from_numpy(probabilities), torch.from_numpy(data.gold)


def _tokens_of(rows: Tensor, starts: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Return the tokens of the examples in `rows`, and which of the rows each token belongs to."""
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
    """Return the mixed distributions; ``best`` is the most likely label of each token (paper, last equation).

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
    """Return the labels [tokens] of the likeliest sequence of marginals whose moves are legal (Viterbi)."""
    legal = tags.legal_moves()
    moves = torch.zeros(legal.shape).masked_fill(~legal, FORBIDDEN)
    log = torch.from_numpy(found.probabilities).clamp_min(1e-30).log()
    best = []
    for part in log.split(found.lengths.tolist()):  # type: ignore[no-untyped-call]
        mask = torch.ones(1, len(part), dtype=torch.bool)
        path = viterbi(part.unsqueeze(0), mask, moves[:-1, :-1], moves[-1, :-1], moves[:-1, -1])
        best.append(path[0].numpy())
    return np.concatenate(best)
