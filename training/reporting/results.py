"""The scores of all variants of a run, from what its steps cached (``results.json``)."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from kc_schema.store import read_json, write_text
from training.data.labels import RelationSet, TagSet
from training.distributions import Distributions
from training.evaluation.scores import Epoch, Scores, compute_scores
from training.experts import FitRecord, read_fit
from training.gate import decode_legally
from training.mixture import MixtureFit
from training.run_folder import Run

__all__ = ["Results", "SeedScores", "Variant", "as_written", "decodings", "read_results", "write_results"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SeedScores:
    """A variant with one seed."""

    seed: int
    test: dict[str, Scores]
    """By decoding, the headline's first."""
    dev_f1: float = 0.0
    """Of the epoch that was kept, in percent."""
    history: list[Epoch] = field(default_factory=list)
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
    source: str | None = ""
    """Of an expert; None without evidence."""
    kind: str = ""
    """Of a mixture, as all that follows: ``gate`` or ``average``."""
    experts: tuple[str, ...] = ()
    sources: tuple[str | None, ...] = ()
    """Those of `experts`."""
    weights: str = ""
    """``label`` or ``example``: what the gate has a weight for."""
    normalised: bool | None = None
    """Whether the gate's features are."""

    def f1(self, decoding: str | None = None) -> list[float]:
        """Return F1 on test of every seed; without `decoding` the headline's."""
        return [(seed.test[decoding] if decoding else seed.headline).f1 for seed in self.seeds]


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
        return next((expert for expert in self.experts if expert.source is None), None)


def write_results(run: Run) -> None:
    """Write the results of a run into its folder."""
    # Not sorted: variants and decodings keep their order.
    write_text(run.results_file, json.dumps(as_written(_collect(run)), indent=1) + "\n")


def as_written(value: Any) -> Any:
    """Return results as JSON values; what a variant or a task does not have (it is at its default) is left out."""
    if is_dataclass(value):
        given = [(field, getattr(value, field.name)) for field in fields(value)]
        return {field.name: as_written(own) for field, own in given if own != field.default}
    if isinstance(value, dict):
        return {key: as_written(own) for key, own in value.items()}
    return [as_written(own) for own in value] if isinstance(value, (list, tuple)) else value


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
            experts=mixture.experts,
            sources=tuple(config.experts[expert].source for expert in mixture.experts),
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
        decoding: compute_scores(run.task, examples, found.by_example(labels), run.config.evaluation)
        for decoding, labels in decodings(run.task.labels, found, role).items()
    }
    scored = SeedScores(seed, test, fitted.dev_f1, fitted.history)
    logger.info("%s, seed %d: test F1 %.2f", name, seed, scored.headline.f1)
    return scored


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
