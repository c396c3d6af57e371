"""What a run of training left, read from its files by whoever only looks: labels, gates, no network.

The files are written by the package `training`::

    config.json
    experts/NAME/seed-N/expert.json                 the labels
    distributions/NAME/seed-N/SPLIT.safetensors     what an expert says
    mixtures/NAME/seed-N/SPLIT.safetensors          what a mixture says
    mixtures/NAME/seed-N/gate.safetensors           its gate
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from kc_schema.errors import UserError
from kc_schema.retrieval_cache import RetrievalCache
from kc_schema.store import read_json

__all__ = ["RunFiles", "RunFilesError", "Verdict", "open_run_files", "spans"]

Matrix = npt.NDArray[np.float32]
T = TypeVar("T")


class RunFilesError(UserError):
    """A folder that holds no run, or one that cannot be read."""


def spans(labels: Sequence[str]) -> list[tuple[str, int, int]]:
    """Return type, start and end (exclusive) of the entities of BIO or BIOES labels, read leniently.

    A stray ``I-`` or ``E-`` begins an entity, a change of type ends one.
    """
    found: list[tuple[str, int, int]] = []
    kind, start = "", 0
    for place, label in enumerate([*labels, "O"]):
        position, _, own = label.partition("-")
        goes_on = position in ("I", "E") and own == kind
        if kind and not goes_on:
            found.append((kind, start, place))
            kind = ""
        if position != "O" and not kind:
            kind, start = own, place
        if position in ("E", "S") and kind:
            found.append((kind, start, place + 1))
            kind = ""
    return found


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an expert or a mixture says of one example."""

    variant: str
    labels: tuple[str, ...]
    """One a token; of a relation example the one relation."""
    confidence: tuple[float, ...]
    """The probability of each of them."""
    right: bool | None
    """Whether it is the gold answer; None without one."""
    weights: tuple[tuple[str, float], ...] = ()
    """A gate's mean weight of each of its experts; empty for experts and for average pooling."""


@dataclass(frozen=True)
class _Config:
    seeds: list[int]
    dev: str
    test: str
    experts: dict[str, _ExpertConfig]
    mixtures: dict[str, _MixtureConfig]


@dataclass(frozen=True)
class _ExpertConfig:
    source: str | None


@dataclass(frozen=True)
class _GateConfig:
    vectors: list[str] | None
    normalised: bool


@dataclass(frozen=True)
class _MixtureConfig:
    experts: list[str]
    kind: str
    gate: _GateConfig


@dataclass(frozen=True)
class _TaskRecord:
    task: str
    names: list[str]
    scheme: str = ""


@dataclass(frozen=True)
class _ExpertRecord:
    task: _TaskRecord


@dataclass(frozen=True)
class RunFiles:
    """A run, opened for reading."""

    folder: Path
    cache: RetrievalCache
    label_names: tuple[str, ...]
    """In the order of the distributions' columns."""
    _config: _Config = field(repr=False)

    @property
    def experts(self) -> dict[str, str | None]:
        """Expert -> its source of evidence; None for one without."""
        return {name: expert.source for name, expert in self._config.experts.items()}

    @property
    def mixtures(self) -> dict[str, list[str]]:
        """Mixture -> its experts."""
        return {name: mixture.experts for name, mixture in self._config.mixtures.items()}

    @property
    def variants(self) -> list[str]:
        """Experts, then mixtures."""
        return [*self.experts, *self.mixtures]

    @property
    def seeds(self) -> list[int]:
        """The seeds that have said something, in the order of the configuration; the first of all where none has."""
        kinds = [self.folder / kind for kind in ("distributions", "mixtures")]
        found = {path.parent.name for kind in kinds for path in kind.glob("*/seed-*/*.safetensors")}
        return [seed for seed in self._config.seeds if f"seed-{seed}" in found] or self._config.seeds[:1]

    def verdicts(self, split: str, seed: int | None = None) -> dict[str, list[Verdict]]:
        """Return example id -> what every variant says that was asked about this split, experts first.

        Args:
            split: the split.
            seed: of which seed; None takes the first.

        Raises:
            RunFilesError: the run's files do not fit the cache.
        """
        examples = self.cache.examples(split)
        found: dict[str, list[Verdict]] = {example.example_id: [] for example in examples}
        seed = self.seeds[0] if seed is None else seed
        for name in self.variants:
            path = self._folder(name, seed) / f"{split}.safetensors"
            if not path.is_file():
                continue
            arrays = _read_arrays(path)
            lengths = arrays["lengths"].tolist()
            if len(lengths) != len(examples):
                raise RunFilesError(
                    f"{path}: {len(lengths)} examples where {self.cache.folder} has {len(examples)} in {split};"
                    " is this the cache of the run?"
                )
            weights = self._gate_weights(name, split, seed)
            ends = np.cumsum(lengths)
            for row, (example, end, length) in enumerate(zip(examples, ends, lengths, strict=True)):
                best = arrays["best"][end - length : end]
                shares = arrays["probabilities"][end - length : end]
                labels = tuple(self.label_names[label] for label in best.tolist())
                gold: bool | None
                if example.labels is not None:
                    gold = spans(labels) == spans(example.labels)
                else:
                    gold = labels[0] == example.relation
                found[example.example_id].append(
                    Verdict(
                        name,
                        labels,
                        tuple(round(float(r[label]), 4) for r, label in zip(shares, best, strict=True)),
                        None if split in self.cache.unlabelled else gold,
                        ()
                        if weights is None
                        else tuple(zip(self.mixtures[name], weights[row].tolist(), strict=True)),
                    )
                )
        return found

    def _folder(self, name: str, seed: int) -> Path:
        kind = "mixtures" if name in self._config.mixtures else "distributions"
        return self.folder / kind / name / f"seed-{seed}"

    def _gate_weights(self, name: str, split: str, seed: int) -> Matrix | None:
        """Return the weight of every expert for every example [examples, experts], averaged over labels.

        The gate is a linear map of the features and a softmax in which the last expert's score is zero
        (`training.gate.Gate`).
        """
        mixture = self._config.mixtures.get(name)
        path = self._folder(name, seed) / "gate.safetensors"
        if mixture is None or mixture.kind != "gate" or not path.is_file():
            return None
        gate = _read_arrays(path)
        columns = mixture.gate.vectors
        if columns is None:
            usual = ("text_vector", "image_vector")
            columns = [column for column in usual if column in self.cache.feature_widths]
        parts = [self.cache.vectors(split, column, raw=not mixture.gate.normalised) for column in columns]
        rows = len(self.cache.example_ids(split))
        features = np.concatenate(parts, 1) if parts else np.zeros((rows, 1), np.float32)
        experts = len(mixture.experts)
        scores = (features @ gate["score.weight"].T + gate["score.bias"]).reshape(rows, experts - 1, -1)
        scores = np.concatenate([scores, np.zeros_like(scores[:, :1])], 1)
        exponents = np.exp(scores - scores.max(1, keepdims=True))
        shares: Matrix = (exponents / exponents.sum(1, keepdims=True)).mean(2)
        return shares


def open_run_files(folder: Path, cache: RetrievalCache) -> RunFiles:
    """Open a run's folder beside the cache that it was fitted on.

    Raises:
        RunFilesError: it holds no run, or one without a fitted expert.
    """
    config = _read(folder / "config.json", _Config, folder)
    records = sorted((folder / "experts").glob("*/*/expert.json"))
    if not records:
        raise RunFilesError(f"{folder}: no fitted expert yet; let python -m training.run go on")
    record = _read(records[0], _ExpertRecord, folder)
    return RunFiles(folder, cache, _label_names(record.task), config)


def _read(path: Path, kind: type[T], folder: Path) -> T:
    try:
        return read_json(path, kind)
    except OSError as error:
        raise RunFilesError(f"{path}: not found, so {folder} is no run of training.run") from error
    except ValueError as error:
        raise RunFilesError(f"{path}: not what training.run writes ({error})") from error


def _read_arrays(path: Path) -> dict[str, npt.NDArray[np.float32]]:
    try:
        from safetensors.numpy import load_file

        return dict(load_file(path))
    except ImportError:
        raise
    except Exception as error:  # of a file of any brokenness
        raise RunFilesError(f"{path}: cannot be read: {error}") from error


def _label_names(task: _TaskRecord) -> tuple[str, ...]:
    if task.task == "re":
        return tuple(task.names)
    positions = "BIES" if task.scheme == "bioes" else "BI"
    return ("O", *(f"{position}-{kind}" for kind in task.names for position in positions))
