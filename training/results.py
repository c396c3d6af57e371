"""The scores of all variants of a run, from what its steps cached."""

from __future__ import annotations

import json
import logging
from typing import Any

from training.data.labels import TagSet
from training.distributions import Distributions
from training.evaluation.scores import scores
from training.mixture import decode_legally
from training.plan import Plan
from training.steps import Step

__all__ = ["collect_results", "decodings"]

logger = logging.getLogger(__name__)


def collect_results(plan: Plan) -> dict[str, Any]:
    """Gives the results of a run as JSON values.

    ``variants`` holds experts and mixtures in the order of the configuration; each has ``seeds``, in each of
    which ``test`` holds the scores by decoding, the headline's first.
    """
    config = plan.config
    variants: list[dict[str, Any]] = [
        {
            "name": name,
            "role": "expert",
            "source": expert.source,
            "seeds": [_seed(plan, plan.distributions[name, seed], seed, "expert") for seed in config.seeds],
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
            "seeds": [_seed(plan, plan.mixtures[name, seed], seed, "mixture") for seed in config.seeds],
        }
        for name, mixture in config.mixtures.items()
    ]
    return {
        "dataset": plan.cache.dataset,
        "task": plan.task.name,
        "labels": list(plan.task.label_names),
        "convention": config.evaluation.convention,
        "splits": {"train": config.train, "dev": config.dev, "test": config.test},
        "variants": variants,
    }


def _seed(plan: Plan, step: Step, seed: int, role: str) -> dict[str, Any]:
    examples = plan.cache.examples(plan.config.test)
    found = plan.load(step, plan.config.test)
    record_folder = step.folder if role == "mixture" else step.needs[0].folder
    record = json.loads((record_folder / "fit.json").read_text())
    decoded = decodings(plan.task.labels, found, role)
    test = {
        name: scores(plan.task, examples, found.by_example(labels), plan.config.evaluation)
        for name, labels in decoded.items()
    }
    logger.info("%s: test F1 %.2f", step.name, next(iter(test.values()))["f1"])
    return {"seed": seed, "dev_f1": record["dev_f1"], "history": record["history"], "test": test}


def decodings(labels: Any, found: Distributions, role: str) -> dict[str, Any]:
    """Gives decoding -> labels, the role's own first.

    For NER the best path, for experts also the best one whose moves are legal, and each token by itself.
    """
    if not isinstance(labels, TagSet):
        return {"argmax": found.independent}
    if role == "mixture":
        return {"marginal": found.independent, "viterbi": decode_legally(found, labels)}
    legal = {} if found.legal is None else {"legal": found.legal}
    return {"viterbi": found.best, **legal, "marginal": found.independent}
