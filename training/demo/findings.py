"""What a run on planted data shows, and whether it is what was planted."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np

from training.demo.planted import knowing_source
from training.evaluation.significance import mean_and_deviation, students_t
from training.mixture import gate_features, load_gate
from training.plan import Plan
from training.reporting.tables import f1_by_seed

__all__ = ["Findings", "findings"]

SIGNIFICANT = 0.05
SURE = 0.9
"""AUC that the gate must exceed in telling which expert knows."""


@dataclass(frozen=True)
class Findings:
    """Figures of a run on planted data."""

    f1: dict[str, list[float]]
    """Variant -> F1 on test of every seed."""
    gate_auc: float
    """How well the gate's weight of the text expert tells examples that the text evidence explains from those
    that the image evidence explains: the area under the ROC curve, mean over seeds."""
    p_single: float | None
    """Of the mixture against the better single expert."""
    p_average: float | None
    """Of the mixture against average pooling."""
    p_random: float | None = None
    """Of random evidence against the baseline: said, not asked for."""

    def mean(self, variant: str) -> float:
        """Gives the mean F1 of a variant."""
        return mean_and_deviation(self.f1[variant])[0]

    def shortfalls(self) -> list[str]:
        """Gives what does not hold of the order that was planted; empty if all of it does.

        Variants that were not run are passed over; the two p are asked for where there are seeds enough.
        """
        order = [
            ("random_text", "<=", "baseline"),
            ("baseline", "<", "text"),
            ("baseline", "<", "image"),
            ("text", "<", "moe"),
            ("image", "<", "moe"),
            ("average", "<", "moe"),
        ]
        wrong = []
        for lower, sign, upper in order:
            if lower not in self.f1:
                continue
            low, high = self.mean(lower), self.mean(upper)
            if not (low <= high if sign == "<=" else low < high):
                wrong.append(f"{lower} {low:.2f} is not {sign} {upper} {high:.2f}")
        if not self.gate_auc > SURE:
            wrong.append(f"the gate's AUC {self.gate_auc:.3f} is not above {SURE}")
        for what, p in (("the better expert", self.p_single), ("average pooling", self.p_average)):
            if p is not None and not p < SIGNIFICANT:
                wrong.append(f"mixture against {what}: p {p:.3f} is not below {SIGNIFICANT}")
        return wrong

    def line(self) -> str:
        """Gives the figures in one line."""
        scores = ", ".join(
            "{} {:.2f} ± {:.2f}".format(name, *mean_and_deviation(values)) for name, values in self.f1.items()
        )
        chances = ", ".join(
            f"p against {what} {p:.4f}"
            for what, p in (("single", self.p_single), ("average", self.p_average))
            if p is not None
        )
        if self.p_random is not None:
            chances += f", p of random against baseline {self.p_random:.2f}"
        return f"{scores}; gate AUC {self.gate_auc:.3f}" + (f"; {chances}" if chances else "")


def findings(plan: Plan) -> Findings:
    """Gives what a finished run on planted data shows (its mixtures ``average`` and ``moe``)."""
    results = json.loads((plan.output / "results" / "results.json").read_text())
    f1 = {variant["name"]: f1_by_seed(variant) for variant in results["variants"]}
    better = max(("text", "image"), key=lambda name: float(np.mean(f1[name])))
    return Findings(
        f1,
        float(np.mean([_gate_auc(plan, seed) for seed in plan.config.seeds])),
        students_t(f1["moe"], f1[better]),
        students_t(f1["moe"], f1["average"]),
        students_t(f1["random_text"], f1["baseline"]) if "random_text" in f1 else None,
    )


def _gate_auc(plan: Plan, seed: int) -> float:
    import torch
    from scipy.stats import mannwhitneyu

    gate = load_gate(plan.mixtures["moe", seed].folder)
    assert gate is not None
    test = plan.config.test
    features = gate_features(plan.cache, test, plan.config.mixtures["moe"].gate)
    with torch.no_grad():
        weight = gate(torch.from_numpy(features))[:, 0].mean(1).numpy()
    knows = np.array([knowing_source(example_id) for example_id in plan.cache.example_ids(test)])
    text, image = weight[knows == "text"], weight[knows == "image"]
    return float(mannwhitneyu(text, image).statistic / (len(text) * len(image)))
