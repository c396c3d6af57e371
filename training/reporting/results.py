"""The scores of all variants of a run, from what its steps cached (``results.json``)."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from kc_schema.store import read_json, write_text
from training.data.labels import RelationSet, TagSet
from training.distributions import Distributions
from training.evaluation.scores import Scores, scores
from training.experts import FitRecord, read_fit
from training.gate import decode_legally
from training.mixture import MixtureFit
from training.run_folder import Run

__all__ = ["EpochScores", "Results", "SeedScores", "Variant", "decodings", "read_results", "write_results"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class EpochScores:
    """One epoch of a fit."""

    epoch: int
    loss: float | None = None
    dev_f1: float | None = None


@dataclass(frozen=True)
class SeedScores:
    """A variant with one seed."""

    seed: int
    test: dict[str, Scores]
    """By decoding, the headline's first."""
    dev_f1: float = 0.0
    """Of the epoch that was kept, in percent."""
    history: list[EpochScores] = field(default_factory=list)
    """By epoch; empty for average pooling."""

    @property
    def headline(self) -> Scores:
        """The scores of the decoding that counts."""
        return next(iter(self.test.values()))


@dataclass(frozen=True)
class Variant:
    """An expert or a mixture with its scores."""

    name: str
    role: Literal["expert", "mixture"]
    seeds: list[SeedScores]
    source: str | None = None
    """Of an expert; None is the one without evidence, and all mixtures."""
    kind: str = ""
    """Of a mixture, as all that follows: ``gate`` or ``average``."""
    experts: list[str] = field(default_factory=list)
    sources: list[str | None] = field(default_factory=list)
    """Those of `experts`."""
    weights: str = ""
    """``label`` or ``example``: what the gate has a weight for."""
    normalised: bool = False
    """Whether the gate's features are."""

    @property
    def is_baseline(self) -> bool:
        """Whether it is an expert without evidence."""
        return self.role == "expert" and self.source is None

    def f1(self, decoding: str | None = None) -> list[float]:
        """Return F1 on test of every seed; without `decoding` the headline's."""
        return self.each(lambda found: found.f1, decoding)

    def each(self, of: Callable[[Scores], float | None], decoding: str | None = None) -> list[float]:
        """Return one of the scores on test of every seed; without `decoding` the headline's."""
        return [of(seed.test[decoding] if decoding else seed.headline) or 0.0 for seed in self.seeds]


@dataclass(frozen=True)
class Results:
    """The scores of a run."""

    dataset: str
    task: Literal["ner", "re"]
    convention: str
    variants: list[Variant]
    """Experts and mixtures in the order of the configuration."""
    labels: list[str] = field(default_factory=list)
    splits: dict[str, str] = field(default_factory=dict)
    """``train``, ``dev`` and ``test`` -> what the cache calls them."""

    @property
    def experts(self) -> list[Variant]:
        """The experts."""
        return [variant for variant in self.variants if variant.role == "expert"]

    @property
    def mixtures(self) -> list[Variant]:
        """The mixtures."""
        return [variant for variant in self.variants if variant.role == "mixture"]

    @property
    def baseline(self) -> Variant | None:
        """The first expert without evidence."""
        return next((expert for expert in self.experts if expert.is_baseline), None)


def write_results(run: Run) -> None:
    """Write the results of a run into its folder."""
    text = json.dumps(asdict(_collect(run)), indent=1)  # variants and decodings keep their order
    write_text(run.results_file, text + "\n")


def read_results(path: Path) -> Results:
    """Return what `write_results` wrote.

    Raises:
        ValueError: the file holds something else.
    """
    return read_json(path, Results)


def _collect(run: Run) -> Results:
    config = run.config
    experts = [
        Variant(name, "expert", [_seed(run, name, seed, "expert") for seed in config.seeds], expert.source)
        for name, expert in config.experts.items()
    ]
    mixtures = [
        Variant(
            name,
            "mixture",
            [_seed(run, name, seed, "mixture") for seed in config.seeds],
            kind=mixture.kind,
            experts=list(mixture.experts),
            sources=[config.experts[expert].source for expert in mixture.experts],
            weights=mixture.gate.weights,
            normalised=mixture.gate.normalised,
        )
        for name, mixture in config.mixtures.items()
    ]
    return Results(
        run.cache.dataset,
        run.task.name,
        config.evaluation.convention,
        [*experts, *mixtures],
        list(run.task.label_names),
        {"train": config.train, "dev": config.dev, "test": config.test},
    )


def _seed(run: Run, name: str, seed: int, role: str) -> SeedScores:
    examples = run.cache.examples(run.config.test)
    found = run.distributions(name, seed, run.config.test)
    fitted: FitRecord | MixtureFit
    if role == "mixture":
        fitted = read_json(run.mixture_folder(name, seed) / "fit.json", MixtureFit)
    else:
        fitted = read_fit(run.expert_folder(name, seed))
    test = {
        decoding: scores(run.task, examples, found.by_example(labels), run.config.evaluation)
        for decoding, labels in decodings(run.task.labels, found, role).items()
    }
    history = [EpochScores(row.epoch, row.loss, row.dev_f1) for row in fitted.history]
    made = SeedScores(seed, test, fitted.dev_f1, history)
    logger.info("%s, seed %d: test F1 %.2f", name, seed, made.headline.f1)
    return made


def decodings(
    labels: TagSet | RelationSet, found: Distributions, role: str
) -> dict[str, npt.NDArray[np.int64]]:
    """Return decoding -> labels, the role's own first.

    For NER the best path, for experts also the best one whose moves are legal, and each token by itself.
    """
    if not isinstance(labels, TagSet):
        return {"argmax": found.independent}
    if role == "mixture":
        return {"marginal": found.independent, "viterbi": decode_legally(found, labels)}
    legal = {} if found.legal is None else {"legal": found.legal}
    return {"viterbi": found.best, **legal, "marginal": found.independent}
