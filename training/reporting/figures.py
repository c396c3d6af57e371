"""The figures of a report: learning curves, calibration and gate weights, from what a run's steps left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from training.evaluation.calibration import calibration
from training.plan import Plan
from training.reporting.page import Figure
from training.steps import Step

__all__ = ["calibrations", "gate_weights", "gates_on_test", "learning_curves", "step_of"]


def _mean_curve(seeds: Sequence[Mapping[str, Any]], key: str) -> list[tuple[float, float]]:
    rows = zip(*(seed["history"] for seed in seeds), strict=False)
    return [(row[0]["epoch"], float(np.mean([entry[key] for entry in row]))) for row in rows]


def learning_curves(results: Mapping[str, Any]) -> list[Figure]:
    """Gives F1 on dev and loss by epoch, means over seeds: of the experts, then of the gates."""
    figures = []
    for role, title in (("expert", "experts"), ("mixture", "gates")):
        chosen = [variant for variant in results["variants"] if variant["role"] == role]
        for key, label in (("dev_f1", "F1 on dev"), ("loss", "training loss")):
            curves = {variant["name"]: _mean_curve(variant["seeds"], key) for variant in chosen}
            curves = {name: points for name, points in curves.items() if points}
            if curves:
                figures.append(
                    Figure(f"Learning curves of the {title}: {label}", "line", curves, "epoch", label)
                )
    return figures


def calibrations(plan: Plan, results: Mapping[str, Any]) -> list[Figure]:
    """Gives the share of right labels on test by confidence, of the first seed."""
    from training.mixing import gold_tokens

    gold = gold_tokens(plan.task, plan.cache.examples(plan.config.test), plan.config.test)
    curves = {}
    for variant in results["variants"]:
        step = step_of(plan, variant["name"])
        found = calibration(plan.load(step, plan.config.test).probabilities, gold)
        name = f"{variant['name']} (expected error {found.expected_error:.3f})"
        curves[name] = list(zip(found.confidence, found.accuracy, strict=True))
    return [Figure("Calibration on test, first seed", "diagonal", curves, "confidence", "accuracy")]


def step_of(plan: Plan, name: str) -> Step:
    """Gives the step of the first seed that wrote the distributions of an expert or a mixture."""
    seed = plan.config.seeds[0]
    return plan.mixtures.get((name, seed)) or plan.distributions[name, seed]


def gates_on_test(plan: Plan, results: Mapping[str, Any]) -> list[tuple[dict[str, Any], Any]]:
    """Gives every gated mixture with its weights on test: [examples, experts, labels or 1]."""
    import torch

    from training.mixture import gate_features, load_gate

    found = []
    for variant in results["variants"]:
        if variant["role"] != "mixture" or variant["kind"] != "gate":
            continue
        gate = load_gate(step_of(plan, variant["name"]).folder)
        features = gate_features(plan.cache, plan.config.test, plan.config.mixtures[variant["name"]].gate)
        if gate is not None:
            with torch.no_grad():
                found.append((variant, gate(torch.from_numpy(features)).numpy()))
    return found


def gate_weights(plan: Plan, results: Mapping[str, Any]) -> list[Figure]:
    """Gives what each gate gives its first expert on test: by label, where it tells them apart, and by example."""
    figures = []
    for variant, weights in gates_on_test(plan, results):
        first = variant["experts"][0]
        title = f"Weight of {first} in {variant['name']}"
        if weights.shape[2] > 1:
            by_label = dict(zip(plan.task.label_names, weights[:, 0].mean(0).tolist(), strict=True))
            figures.append(Figure(f"{title}, by label (mean over test)", "bar", by_label, "", "weight"))
        counts, edges = np.histogram(weights[:, 0].mean(1), bins=10, range=(0, 1))
        shares = {f"{low:.1f}": float(count) for low, count in zip(edges, counts, strict=False)}
        figures.append(Figure(f"{title}, by example", "bar", shares, "weight, from", "examples"))
    return figures
