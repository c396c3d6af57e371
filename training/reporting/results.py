"""The scores of all variants of a run, from what its steps cached (``results.json``)."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, fields, is_dataclass
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

__all__ = ["Results", "SeedScores", "Variant", "decodings", "read_results", "write_results"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SeedScores:
    """What a variant reached with one seed."""

    seed: int
    dev_f1: float
    history: list[Epoch]
    test: dict[str, Scores]
    """Decoding -> scores, the headline's first."""

    @property
    def headline(self) -> Scores:
        """The scores of the variant's own decoding."""
        return next(iter(self.test.values()))


@dataclass(frozen=True, kw_only=True)
class Variant:
    """An expert or a mixture."""

    name: str
    role: Literal["expert", "mixture"]
    source: str | None = ""
    """Of an expert; None without evidence."""
    kind: str = ""
    """Of a mixture: ``gate`` or ``average``."""
    experts: tuple[str, ...] = ()
    """Of a mixture: its members."""
    sources: tuple[str | None, ...] = ()
    """Of a mixture: those of its members."""
    weights: str = ""
    """Of a mixture: the gate has one for every ``label``, or one an ``example``."""
    normalised: bool | None = None
    """Of a mixture: whether the gate's features are."""
    seeds: list[SeedScores]


@dataclass(frozen=True)
class Results:
    """The results of a run."""

    dataset: str
    task: Literal["ner", "re"]
    labels: list[str]
    convention: str
    splits: dict[str, str]
    """``train``, ``dev`` and ``test`` -> the names of the cache's splits."""
    variants: list[Variant]
    """Experts and mixtures in the order of the configuration."""

    def of_role(self, role: str) -> list[Variant]:
        """Return the experts, or the mixtures."""
        return [variant for variant in self.variants if variant.role == role]

    @property
    def baseline(self) -> Variant | None:
        """The first expert without evidence."""
        return next((variant for variant in self.variants if variant.source is None), None)


def read_results(run: Run) -> Results:
    """Read what `write_results` wrote."""
    return read_json(run.results_file, Results)


def write_results(run: Run) -> None:
    """Write the results of a run into its folder."""
    # Not sorted: variants and decodings keep their order.
    write_text(run.results_file, json.dumps(_as_written(_collect_results(run)), indent=1) + "\n")


def _as_written(value: Any) -> Any:
    """Return results as JSON values; what a variant or a task does not have (it is at its default) is left out."""
    if is_dataclass(value):
        given = [(field, getattr(value, field.name)) for field in fields(value)]
        return {field.name: _as_written(own) for field, own in given if own != field.default}
    if isinstance(value, dict):
        return {key: _as_written(own) for key, own in value.items()}
    return [_as_written(own) for own in value] if isinstance(value, (list, tuple)) else value


def _collect_results(run: Run) -> Results:
    config = run.config
    experts = [
        Variant(
            name=name,
            role="expert",
            source=expert.source,
            seeds=[_score_seed(run, name, seed, "expert") for seed in config.seeds],
        )
        for name, expert in config.experts.items()
    ]
    mixtures = [
        Variant(
            name=name,
            role="mixture",
            kind=mixture.kind,
            experts=mixture.experts,
            sources=tuple(config.experts[expert].source for expert in mixture.experts),
            weights=mixture.gate.weights,
            normalised=mixture.gate.normalised,
            seeds=[_score_seed(run, name, seed, "mixture") for seed in config.seeds],
        )
        for name, mixture in config.mixtures.items()
    ]
    return Results(
        run.cache.dataset,
        run.task.name,
        list(run.task.label_names),
        config.evaluation.convention,
        {"train": config.train, "dev": config.dev, "test": config.test},
        [*experts, *mixtures],
    )


def _score_seed(run: Run, name: str, seed: int, role: str) -> SeedScores:
    fitted: FitRecord | MixtureFit
    if role == "mixture":
        fitted = read_json(run.mixture_folder(name, seed) / "fit.json", MixtureFit)
    else:
        fitted = read_fit(run.expert_folder(name, seed))
    examples = run.cache.examples(run.config.test)
    found = run.distributions(name, seed, run.config.test)
    test = {
        decoding: compute_scores(run.task, examples, found.by_example(labels), run.config.evaluation)
        for decoding, labels in decodings(run.task.labels, found, role).items()
    }
    scored = SeedScores(seed, fitted.dev_f1, fitted.history, test)
    logger.info("%s, seed %d: test F1 %.2f", name, seed, scored.headline.f1)
    return scored


def decodings(
    labels: TagSet | RelationSet, found: Distributions, role: str
) -> dict[str, npt.NDArray[np.int64]]:
    """Return decoding -> labels [tokens], the role's own first.

    For NER the best path, for experts also the best one whose moves are legal, and each token by itself.
    """
    if not isinstance(labels, TagSet):
        return {"argmax": found.independent}
    if role == "mixture":
        return {"marginal": found.independent, "viterbi": decode_legally(found, labels)}
    legal = {} if found.legal is None else {"legal": found.legal}
    return {"viterbi": found.best, **legal, "marginal": found.independent}
