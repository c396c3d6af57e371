"""The configuration of a run, as checked dataclasses: all keys with their meaning.

`training.config_file` reads them from YAML.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, Literal

__all__ = [
    "ConfigError",
    "ContextConfig",
    "EncoderConfig",
    "EvaluationConfig",
    "ExpertConfig",
    "FitConfig",
    "GateConfig",
    "LabelConfig",
    "MixtureConfig",
    "RunConfig",
    "as_mapping",
    "nearest",
    "without",
]


class ConfigError(ValueError):
    """A configuration that cannot be used; the message names the key and what is right."""


def _check(condition: bool, key: str, rule: str) -> None:
    if not condition:
        raise ConfigError(f"{key}: {rule}")


def without(**sections: Iterable[str]) -> str:
    """Gives the end of a message: which options take entries out of their sections."""
    options = (f"--set {section}.{name}=null" for section, names in sections.items() for name in names)
    return f"to do without: {' '.join(options)}"


def nearest(name: str, known: Iterable[str]) -> str:
    """Gives the end of a message: which known name was meant, if any is like it."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else ""


@dataclass(frozen=True)
class EncoderConfig:
    """The pretrained encoder of the task models."""

    name: str = "xlm-roberta-large"
    """Model name or folder."""
    max_length: int = 512
    """Sub-tokens of an input, special ones included; no more than the encoder's positions."""
    gradient_checkpointing: bool = False
    """Compute activations twice instead of keeping them: less memory, a third more time."""

    @property
    def short_name(self) -> str:
        """The name as it is shown: the last two parts, of a folder, too."""
        return "/".join(PurePath(self.name).parts[-2:])

    def __post_init__(self) -> None:
        _check(bool(self.name), "encoder.name", "give a model's name or folder")
        _check(self.max_length >= 16, "encoder.max_length", "at least 16")


@dataclass(frozen=True)
class ContextConfig:
    """How evidence becomes contexts."""

    top_k: int = 10
    """Contexts tried for an example at most (paper section 3.1)."""
    minimum_score: float | None = None
    """Evidence with a lower score is left out; counted."""
    anchors: Literal["strip", "keep"] = "strip"
    """Whether the tags around anchors are taken out of the text."""
    titles: bool = True
    """Put ``[ Title ]`` in front of each context."""
    separator: str = "<EOS>"
    """The mark [X] between sentence and contexts, read as text (the released code's)."""

    def __post_init__(self) -> None:
        _check(self.top_k >= 1, "contexts.top_k", "at least 1")


@dataclass(frozen=True)
class LabelConfig:
    """The tags of NER."""

    scheme: Literal["bioes", "bio"] = "bioes"
    """Tags of the model; those of the data set are converted."""
    constraints: bool = False
    """Forbid moves that the scheme forbids, in training and decoding."""


@dataclass(frozen=True)
class FitConfig:
    """How an expert is fitted."""

    epochs: int = 10
    """Passes over the training split."""
    batch_size: int = 4
    """Examples a step, over all devices and accumulated steps."""
    accumulation: int = 1
    """Forward and backward passes that make one step; each takes batch_size / accumulation examples."""
    learning_rate: float = 5e-6
    """Of the encoder."""
    head_learning_rate: float = 5e-2
    """Of what stands on it: emissions and CRF, or the relation head."""
    search: tuple[float, ...] = ()
    """Encoder learning rates to try with the first seed; the best on the development split is taken."""
    weight_decay: float = 0.01
    """AdamW's, on matrices only."""
    warmup: float = 0.0
    """Share of the steps over which learning rates rise from zero."""
    schedule: Literal["linear", "cosine", "constant"] = "linear"
    """How learning rates fall afterwards."""
    clip: float | None = None
    """Greatest norm of a gradient; None leaves gradients as they are."""
    dropout: float = 0.1
    """On the representations in front of the head."""
    alignment: bool = True
    """Cross-view alignment, for experts with evidence."""
    temperature: float = 1.0
    """T of the alignment."""
    selection: Literal["best", "last"] = "best"
    """The epoch that is kept: the best by F1 on the development split, or the last."""

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "accumulation"):
            _check(getattr(self, name) >= 1, f"fit.{name}", "at least 1")
        _check(self.batch_size % self.accumulation == 0, "fit.accumulation", "must divide fit.batch_size")
        for name in ("learning_rate", "head_learning_rate", "temperature"):
            _check(getattr(self, name) > 0, f"fit.{name}", "above 0")
        _check(0 <= self.warmup < 1, "fit.warmup", "a share of the steps, from 0 to below 1")
        _check(0 <= self.dropout < 1, "fit.dropout", "a probability, from 0 to below 1")
        _check(self.clip is None or self.clip > 0, "fit.clip", "above 0, or null")
        _check(self.weight_decay >= 0, "fit.weight_decay", "at least 0")


@dataclass(frozen=True)
class ExpertConfig:
    """An expert: a task model with one source of evidence."""

    source: str | None = None
    """A source of the cache; None is the baseline without evidence."""
    fit: FitConfig = field(default_factory=FitConfig)
    """Where it differs from the run's `fit`."""


@dataclass(frozen=True)
class GateConfig:
    """The gate of a mixture (paper section 2.3)."""

    weights: Literal["label", "example"] = "label"
    """One weight for every label, as in the paper (the mixture is normalised again), or one an example."""
    vectors: tuple[str, ...] = ("text_vector", "image_vector")
    """Columns of the cache's features, joined: r_T and r_I."""
    normalised: bool = True
    """L2-normalised vectors, or raw ones. At a learning rate of 5e-6 this decides how far a gate can move."""
    split: str = "train"
    """The split on which the gate learns. Experts are surest on what they were trained on; ``dev`` shows the
    gate how far they err, at the price of choosing its epoch there, too."""
    epochs: int = 50
    """Passes over the split."""
    batch_size: int = 64
    """Examples a step."""
    learning_rate: float = 5e-6
    """AdamW's."""
    weight_decay: float = 0.01
    """AdamW's."""

    def __post_init__(self) -> None:
        _check(len(self.vectors) >= 1, "gate.vectors", "at least one column of the cache's features")
        _check(self.epochs >= 1 and self.batch_size >= 1, "gate.epochs, gate.batch_size", "at least 1")
        _check(self.learning_rate > 0, "gate.learning_rate", "above 0")


@dataclass(frozen=True)
class MixtureConfig:
    """A mixture of experts."""

    experts: tuple[str, ...] = ()
    """Names of experts. One that comes twice takes part with two seeds, as the paper's Text and Image rows."""
    kind: Literal["gate", "average"] = "gate"
    """A learned gate, or the plain average of the experts' distributions."""
    gate: GateConfig = field(default_factory=GateConfig)
    """Where it differs from the run's `gate`."""

    def __post_init__(self) -> None:
        _check(len(self.experts) >= 2, "experts", "a mixture needs at least two experts")


@dataclass(frozen=True)
class EvaluationConfig:
    """How results are measured."""

    convention: Literal["lenient", "strict"] = "lenient"
    """The headline F1 of NER: seqeval's default reading, or its strict one. Both are reported."""
    resamples: int = 1000
    """Bootstrap samples over distinct sentences."""

    def __post_init__(self) -> None:
        _check(self.resamples >= 1, "evaluation.resamples", "at least 1")


@dataclass(frozen=True)
class RunConfig:
    """A whole run."""

    cache: str = ""
    """Folder of the retrieval cache."""
    output: str = "runs/run"
    """Folder of the run; made where it is missing."""
    seeds: tuple[int, ...] = (1, 2, 3)
    """One expert and one mixture a seed."""
    train: str = "train"
    """Name of the training split."""
    dev: str = "dev"
    """Name of the development split: epochs and learning rates are chosen on it."""
    test: str = "test"
    """Name of the test split, which chooses nothing."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where models run; ``auto`` takes a GPU if there is one, any other name is an error without it."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Of the encoder's products; ``auto`` takes bfloat16 where the device has units for it. The CRF is in float32
    or better always."""
    evaluation_batch_size: int = 32
    """Examples a step where nothing is learned."""
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    contexts: ContextConfig = field(default_factory=ContextConfig)
    labels: LabelConfig = field(default_factory=LabelConfig)
    fit: FitConfig = field(default_factory=FitConfig)
    experts: Mapping[str, ExpertConfig] = field(default_factory=dict)
    gate: GateConfig = field(default_factory=GateConfig)
    mixtures: Mapping[str, MixtureConfig] = field(default_factory=dict)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)

    def __post_init__(self) -> None:
        _check(bool(self.cache), "cache", "give the folder of a retrieval cache")
        _check(bool(self.experts), "experts", "name at least one expert")
        _check(bool(self.seeds), "seeds", "give at least one seed")
        _check(self.evaluation_batch_size >= 1, "evaluation_batch_size", "at least 1")
        _check(len(set(self.seeds)) == len(self.seeds), "seeds", "each seed once")
        for name in [*self.experts, *self.mixtures]:
            plain = name.replace("-", "").replace("_", "").replace("+", "").replace(".", "")
            _check(plain.isalnum(), f"the name {name!r}", "letters, digits and - _ + . only")
        both = sorted(self.experts.keys() & self.mixtures.keys())
        _check(not both, f"mixtures.{both[0] if both else ''}", "an expert has this name already")
        self._check_members()

    def _check_members(self) -> None:
        """Makes sure that every mixture can have its experts; a message says how to do without it."""
        times = {name: Counter(mixture.experts) for name, mixture in self.mixtures.items()}
        orphans = [name for name, counts in times.items() if counts.keys() - self.experts.keys()]
        greedy = [name for name, counts in times.items() if max(counts.values()) > len(self.seeds)]
        if orphans:
            name = orphans[0]
            lost = next(expert for expert in self.mixtures[name].experts if expert not in self.experts)
            raise ConfigError(
                f"mixtures.{name}.experts: no expert {lost!r}{nearest(lost, self.experts)}; {without(mixtures=orphans)}"
            )
        if greedy:
            expert, most = times[greedy[0]].most_common(1)[0]
            raise ConfigError(
                f"mixtures.{greedy[0]}.experts: {expert!r} {most} times needs as many seeds; {without(mixtures=greedy)}"
            )


def as_mapping(config: Any) -> dict[str, Any]:
    """Gives a configuration (or a part) as plain values, in the order of its fields."""
    return dataclasses.asdict(config)
