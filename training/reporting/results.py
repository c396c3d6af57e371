"""The scores of all variants of a run, from what its steps cached (``results.json``)."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict
from typing import Any

from kc_schema.store import read_json, write_text
from training.data.labels import TagSet
from training.distributions import Distributions
from training.evaluation.scores import scores
from training.experts import read_fit
from training.gate import decode_legally
from training.mixture import MixtureFit
from training.run_folder import Run

__all__ = ["collect_results", "decodings", "write_results"]

logger = logging.getLogger(__name__)


def write_results(run: Run) -> None:
    """Write the results of a run into its folder."""
    text = json.dumps(collect_results(run), indent=1)  # variants and decodings keep their order
    write_text(run.results_file, text + "\n")


def collect_results(run: Run) -> dict[str, Any]:
    """Return the results of a run as JSON values.

    ``variants`` holds experts and mixtures in the order of the configuration; each has ``seeds``, in each of
    which ``test`` holds the scores by decoding, the headline's first.
    """
    config = run.config
    variants: list[dict[str, Any]] = [
        {
            "name": name,
            "role": "expert",
            "source": expert.source,
            "seeds": [_seed(run, name, seed, "expert") for seed in config.seeds],
        }
        for name, expert in config.experts.items()
    ]
    variants += [
        {
            "name": name,
            "role": "mixture",
            "kind": mixture.kind,
            "experts": list(mixture.experts),
            "sources": [config.experts[expert].source for expert in mixture.experts],
            "weights": mixture.gate.weights,
            "normalised": mixture.gate.normalised,
            "seeds": [_seed(run, name, seed, "mixture") for seed in config.seeds],
        }
        for name, mixture in config.mixtures.items()
    ]
    return {
        "dataset": run.cache.dataset,
        "task": run.task.name,
        "labels": list(run.task.label_names),
        "convention": config.evaluation.convention,
        "splits": {"train": config.train, "dev": config.dev, "test": config.test},
        "variants": variants,
    }


def _seed(run: Run, name: str, seed: int, role: str) -> dict[str, Any]:
    examples = run.cache.examples(run.config.test)
    found = run.distributions(name, seed, run.config.test)
    if role == "mixture":
        fitted: Any = read_json(run.mixture_folder(name, seed) / "fit.json", MixtureFit)
    else:
        fitted = read_fit(run.expert_folder(name, seed))
    test = {
        decoding: scores(run.task, examples, found.by_example(labels), run.config.evaluation)
        for decoding, labels in decodings(run.task.labels, found, role).items()
    }
    logger.info("%s, seed %d: test F1 %.2f", name, seed, next(iter(test.values()))["f1"])
    history = [asdict(epoch) for epoch in fitted.history]
    return {"seed": seed, "dev_f1": fitted.dev_f1, "history": history, "test": test}


def decodings(labels: Any, found: Distributions, role: str) -> dict[str, Any]:
    """Return decoding -> labels, the role's own first.

    For NER the best path, for experts also the best one whose moves are legal, and each token by itself.
    """
    if not isinstance(labels, TagSet):
        return {"argmax": found.independent}
    if role == "mixture":
        return {"marginal": found.independent, "viterbi": decode_legally(found, labels)}
    legal = {} if found.legal is None else {"legal": found.legal}
    return {"viterbi": found.best, **legal, "marginal": found.independent}
