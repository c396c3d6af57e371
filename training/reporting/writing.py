"""The report of a run: what its steps left, as tables, figures and cases."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from kc_schema.charts import Figure
from kc_schema.retrieval_cache import SPEED
from kc_schema.store import read_json, write_json, write_text
from training.errors import TrainingError
from training.evaluation.statistics import calibration
from training.experts import Speed, read_fit
from training.reporting.cases import Case, choose_cases
from training.reporting.page import ReportPage
from training.reporting.results import Results, SeedScores, Variant, read_results
from training.reporting.tables import build_tables
from training.run_folder import Run

__all__ = ["case_mixture", "retrieval_speeds", "write_report"]

logger = logging.getLogger(__name__)

_STEPS = {"features (text and image)": "CLIP feature extraction"}
"""Steps of `pipelines.build_retrieval_cache` -> the paper's names, where they differ."""
_IMAGES = "images.json"


def write_report(run: Run, folder: Path, *, images: Path | None = None) -> None:
    """Write ``report.md`` and ``report.html`` into `folder` from what the run's steps left.

    Args:
        run: the run.
        folder: where to write.
        images: folder of the data set's images; those of the cases are put into the page. The run remembers it
            for the next time.
    """
    results = read_results(run.results_file)
    page = ReportPage(
        title=f"{run.cache.dataset}: experts and mixtures",
        about=_about(run),
        tables=build_tables(results, _speeds(run), retrieval_speeds(run.cache.folder / SPEED)),
        figures=[*_learning_curves(results), *_calibrations(run, results), *_gate_weights(run, results)],
        cases=_cases(run, results),
    )
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "report.md", page.markdown())
    write_text(folder / "report.html", page.html(_remembered(run.folder, images)))


@dataclass(frozen=True)
class _Images:
    folder: Path


def _remembered(run: Path, images: Path | None) -> Path | None:
    """Return the folder of the images: the given one, which is noted in the run, or the one noted before."""
    note = run / _IMAGES
    if images is not None:
        write_json(note, _Images(images.resolve()))
        return images
    if not note.exists():
        return None
    folder = read_json(note, _Images).folder
    if not folder.is_dir():
        logger.warning(
            "report: the images' folder %s is gone; give another by training.report --images", folder
        )
        return None
    return folder


def _speeds(run: Run) -> dict[str, float]:
    seed = run.config.seeds[0]
    speeds = {}
    for name in run.config.experts:
        measured = read_json(run.distribution_folder(name, seed) / "speed.json", Speed)
        speeds[f"{name} on {measured.device}"] = measured.sentences_per_second
    return speeds


@dataclass(frozen=True)
class _Speed:
    step: str
    one_by_one: float


@dataclass(frozen=True)
class _Speeds:
    speeds: list[_Speed]


def retrieval_speeds(path: Path) -> dict[str, float]:
    """Return what a file holds of the speeds that `build_retrieval_cache` writes; nothing without it.

    Raises:
        TrainingError: the file holds something else.
    """
    if not path.exists():
        return {}
    try:
        measured = read_json(path, _Speeds).speeds
    except ValueError as error:
        raise TrainingError(
            f"{path}: not what pipelines.build_retrieval_cache writes ({error}); remove it"
        ) from error
    return {_STEPS.get(entry.step, entry.step): entry.one_by_one for entry in measured}


def _about(run: Run) -> list[str]:
    config, cache = run.config, run.cache
    sizes = ", ".join(f"{split} {count}" for split, count in cache.manifest["splits"].items())
    snapshots = ", ".join(f"{kind} {name[:12]}" for kind, name in cache.manifest["snapshots"].items())
    seed = config.seeds[0]
    records = {name: read_fit(run.expert_folder(name, seed)) for name in config.experts}
    precisions = sorted({record.precision for record in records.values()})
    lines = [
        f"Data set: {cache.dataset} ({run.task.name}; {sizes})",
        f"Encoder: {config.encoder.short_name}, at most {config.encoder.max_length} sub-tokens; "
        f"fitted in {' and '.join(precisions)}; seeds {', '.join(map(str, config.seeds))}",
        f"Knowledge corpora: {snapshots or 'none noted in the cache'}",
    ]
    for name, record in records.items():
        counts = ", ".join(
            f"{what} {count}" for what, count in record.counts.items() if count or what == "contexts used"
        )
        lines.append(f"Inputs of {name}: {counts or 'nothing left out'}")
    return lines


def _cases(run: Run, results: Results) -> list[Case]:
    """Return the cases of the report's mixture, those on which its experts disagree."""
    chosen = case_mixture(results.mixtures)
    if chosen is None:
        return []
    config, cache, test = run.config, run.cache, run.config.test
    names = [name for name, expert in config.experts.items() if expert.source is None]
    names += [name for name in dict.fromkeys(chosen.experts) if name not in names]
    predictions = {name: run.distributions(name, config.seeds[0], test) for name in [*names, chosen.name]}
    sources = {config.experts[name].source for name in chosen.experts} - {None}
    hits = {str(source): cache.hits(str(source), test) for source in sorted(map(str, sources))}
    weights: list[dict[str, float]] = []
    for variant, found in _gates_on_test(run, results):
        if variant.name == chosen.name:
            weights = [dict(zip(variant.experts, row.mean(1).tolist(), strict=True)) for row in found]
    return choose_cases(run.task, cache.examples(test), predictions, chosen.name, hits, weights)


def case_mixture(mixtures: Sequence[Variant]) -> Variant | None:
    """Return the first mixture of different sources that has a gate, else the first mixture, if there is any."""
    gates = [mixture for mixture in mixtures if mixture.kind == "gate" and len(set(mixture.sources)) > 1]
    return next(iter([*gates, *mixtures]), None)


def _mean_curve(seeds: Sequence[SeedScores], key: Literal["dev_f1", "loss"]) -> list[tuple[float, float]]:
    rows = zip(*(seed.history for seed in seeds), strict=False)
    return [(row[0].epoch, float(np.mean([getattr(entry, key) for entry in row]))) for row in rows]


def _learning_curves(results: Results) -> list[Figure]:
    """Return F1 on dev and loss by epoch, means over seeds: of the experts, then of the gates."""
    figures = []
    labels: dict[Literal["dev_f1", "loss"], str] = {"dev_f1": "F1 on dev", "loss": "training loss"}
    for chosen, title in ((results.experts, "experts"), (results.mixtures, "gates")):
        for key, label in labels.items():
            curves = {variant.name: _mean_curve(variant.seeds, key) for variant in chosen}
            curves = {name: points for name, points in curves.items() if points}
            if curves:
                figures.append(
                    Figure(f"Learning curves of the {title}: {label}", "line", curves, "epoch", label)
                )
    return figures


def _calibrations(run: Run, results: Results) -> list[Figure]:
    """Return the share of right labels on test by confidence, of the first seed."""
    from training.mixture import gold_tokens

    gold = gold_tokens(run.task, run.cache.examples(run.config.test), run.config.test)
    curves = {}
    for variant in results.variants:
        marginals = run.distributions(variant.name, run.config.seeds[0], run.config.test)
        found = calibration(marginals.probabilities, gold)
        name = f"{variant.name} (expected error {found.expected_error:.3f})"
        curves[name] = list(zip(found.confidence, found.accuracy, strict=True))
    return [Figure("Calibration on test, first seed", "diagonal", curves, "confidence", "accuracy")]


def _gates_on_test(run: Run, results: Results) -> list[tuple[Variant, npt.NDArray[np.float32]]]:
    """Return every gated mixture with its weights on test: [examples, experts, labels or 1]."""
    import torch

    from training.gate import gate_features
    from training.mixture import load_gate

    found = []
    for variant in results.mixtures:
        if variant.kind != "gate":
            continue
        gate = load_gate(run.mixture_folder(variant.name, run.config.seeds[0]))
        if gate is not None:
            config = run.config.mixtures[variant.name].gate
            features = gate_features(run.cache, run.config.test, config, gate.types)
            with torch.no_grad():
                found.append((variant, gate(torch.from_numpy(features)).numpy()))
    return found


def _gate_weights(run: Run, results: Results) -> list[Figure]:
    """Return what each gate gives its first expert on test: by label, where it tells them apart, and by example."""
    figures = []
    for variant, weights in _gates_on_test(run, results):
        first = variant.experts[0]
        title = f"Weight of {first} in {variant.name}"
        if weights.shape[2] > 1:
            by_label = dict(zip(run.task.label_names, weights[:, 0].mean(0).tolist(), strict=True))
            figures.append(Figure(f"{title}, by label (mean over test)", "bar", by_label, "", "weight"))
        counts, edges = np.histogram(weights[:, 0].mean(1), bins=10, range=(0, 1))
        shares = {f"{low:.1f}": float(count) for low, count in zip(edges, counts, strict=False)}
        figures.append(Figure(f"{title}, by example", "bar", shares, "weight, from", "examples"))
    return figures
