"""Writes the report of a run: Markdown, and one HTML page that needs no other file.

::

    python -m training.report --run runs/twitter17 --images twitter17_images
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kc_schema.files import write_atomically
from kc_schema.retrieval_cache import SPEED, CacheError
from training.config import ConfigError
from training.errors import TrainingError
from training.evaluation.calibration import calibration
from training.reporting.cases import Case, choose_cases
from training.reporting.page import Figure, html_page, markdown_page
from training.reporting.tables import build_tables

if TYPE_CHECKING:
    from training.plan import Plan

__all__ = ["main", "retrieval_speeds", "write_report"]

_STEPS = {"features (text and image)": "CLIP feature extraction"}
"""Steps of that command -> the paper's names, where they differ."""

_EXAMPLE = """example:
  python -m training.report --run runs/twitter17 --images twitter17_images
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; gives its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m training.report",
        description="Writes RUN/report/report.md and RUN/report/report.html.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--run", required=True, type=Path, help="folder of a finished run")
    parser.add_argument("--images", type=Path, help="folder of the data set's images, shown with the cases")
    arguments = parser.parse_args(argv)
    from training.plan import open_run

    try:
        folder = arguments.run / "report"
        write_report(open_run(arguments.run), folder, images=arguments.images)
    except (CacheError, ConfigError, TrainingError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"report: {folder / 'report.html'}")
    return 0


def write_report(plan: Plan, folder: Path, *, images: Path | None = None) -> None:
    """Writes ``report.md`` and ``report.html`` into `folder` from what the run's steps left.

    Args:
        plan: the run.
        folder: where to write.
        images: folder of the data set's images; those of the cases are put into the page.

    Raises:
        TrainingError: the run is not finished.
    """
    results = _results(plan)
    tables = build_tables(results, _speeds(plan), retrieval_speeds(plan.cache.folder / SPEED))
    cases = _cases(plan, results)
    figures = [*_learning_curves(results), *_calibrations(plan, results), *_gate_weights(plan, results)]
    folder.mkdir(parents=True, exist_ok=True)
    title = f"{plan.cache.dataset}: experts and mixtures"
    about = _about(plan)
    markdown = markdown_page(title, about, tables, figures, cases)
    page = html_page(title, about, tables, figures, cases, images)
    write_atomically(folder / "report.md", lambda path: path.write_text(markdown, encoding="utf-8"))
    write_atomically(folder / "report.html", lambda path: path.write_text(page, encoding="utf-8"))


def _results(plan: Plan) -> dict[str, Any]:
    path = plan.output / "results" / "results.json"
    try:
        results: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        raise TrainingError(f"{path}: not found; finish the run with python -m training.run first") from None
    return results


def _speeds(plan: Plan) -> dict[str, float]:
    seed = plan.config.seeds[0]
    speeds = {}
    for name in plan.config.experts:
        measured = json.loads((plan.distributions[name, seed].folder / "speed.json").read_text())
        speeds[f"{name} on {measured['device']}"] = measured["sentences_per_second"]
    return speeds


def retrieval_speeds(path: Path) -> dict[str, float]:
    """Gives what a file holds of the speeds that `build_retrieval_cache` writes; nothing without it.

    Raises:
        TrainingError: the file holds something else.
    """
    if not path.exists():
        return {}
    try:
        speeds = json.loads(path.read_text())["speeds"]
        return {_STEPS.get(entry["step"], entry["step"]): float(entry["one_by_one"]) for entry in speeds}
    except (ValueError, KeyError, TypeError) as error:
        raise TrainingError(
            f"{path}: not what pipelines.build_retrieval_cache writes ({error!r}); remove it"
        ) from error


def _about(plan: Plan) -> list[str]:
    config, cache = plan.config, plan.cache
    sizes = ", ".join(f"{split} {count}" for split, count in cache.manifest["splits"].items())
    snapshots = ", ".join(f"{kind} {name[:12]}" for kind, name in cache.manifest["snapshots"].items())
    encoder = "/".join(Path(config.encoder.name).parts[-2:])
    seed = config.seeds[0]
    lines = [
        f"Data set: {cache.dataset} ({plan.task.name}; {sizes})",
        f"Encoder: {encoder}, at most {config.encoder.max_length} sub-tokens; "
        f"seeds {', '.join(map(str, config.seeds))}",
        f"Knowledge corpora: {snapshots or 'none noted in the cache'}",
    ]
    for name in config.experts:
        record = json.loads((plan.distributions[name, seed].needs[0].folder / "fit.json").read_text())
        counts = ", ".join(f"{what} {count}" for what, count in record["counts"].items() if count)
        lines.append(f"Inputs of {name}: {counts or 'nothing left out'}")
    return lines


def _mean_curve(seeds: Sequence[Mapping[str, Any]], key: str) -> list[tuple[float, float]]:
    rows = zip(*(seed["history"] for seed in seeds), strict=False)
    return [(row[0]["epoch"], float(np.mean([entry[key] for entry in row]))) for row in rows]


def _learning_curves(results: Mapping[str, Any]) -> list[Figure]:
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


def _calibrations(plan: Plan, results: Mapping[str, Any]) -> list[Figure]:
    from training.mixing import gold_tokens

    gold = gold_tokens(plan.task, plan.cache.examples(plan.config.test), plan.config.test)
    curves = {}
    for variant in results["variants"]:
        step = _step(plan, variant["name"])
        found = calibration(plan.load(step, plan.config.test).probabilities, gold)
        name = f"{variant['name']} (expected error {found.expected_error:.3f})"
        curves[name] = list(zip(found.confidence, found.accuracy, strict=True))
    return [Figure("Calibration on test, first seed", "diagonal", curves, "confidence", "accuracy")]


def _step(plan: Plan, name: str) -> Any:
    seed = plan.config.seeds[0]
    return plan.mixtures.get((name, seed)) or plan.distributions[name, seed]


def _gates(plan: Plan, results: Mapping[str, Any]) -> list[tuple[dict[str, Any], Any]]:
    """Gives every gated mixture with its weights on test: [examples, experts, labels or 1]."""
    import torch

    from training.mixture import gate_features, load_gate

    found = []
    for variant in results["variants"]:
        if variant["role"] != "mixture" or variant["kind"] != "gate":
            continue
        gate = load_gate(_step(plan, variant["name"]).folder)
        features = gate_features(plan.cache, plan.config.test, plan.config.mixtures[variant["name"]].gate)
        if gate is not None:
            with torch.no_grad():
                found.append((variant, gate(torch.from_numpy(features)).numpy()))
    return found


def _gate_weights(plan: Plan, results: Mapping[str, Any]) -> list[Figure]:
    figures = []
    for variant, weights in _gates(plan, results):
        first = variant["experts"][0]
        title = f"Weight of {first} in {variant['name']}"
        if weights.shape[2] > 1:
            by_label = dict(zip(plan.task.label_names, weights[:, 0].mean(0).tolist(), strict=True))
            figures.append(Figure(f"{title}, by label (mean over test)", "bar", by_label, "", "weight"))
        counts, edges = np.histogram(weights[:, 0].mean(1), bins=10, range=(0, 1))
        shares = {f"{low:.1f}": float(count) for low, count in zip(edges, counts, strict=False)}
        figures.append(Figure(f"{title}, by example", "bar", shares, "weight, from", "examples"))
    return figures


def _cases(plan: Plan, results: Mapping[str, Any]) -> list[Case]:
    """Gives the cases of the last mixture of different sources that has a gate, or of the last mixture."""
    mixtures = [variant for variant in results["variants"] if variant["role"] == "mixture"]
    if not mixtures:
        return []
    preferred = [
        variant for variant in mixtures if variant["kind"] == "gate" and len(set(variant["sources"])) > 1
    ]
    chosen = (preferred or mixtures)[0]
    config, cache, test = plan.config, plan.cache, plan.config.test
    names = [name for name, expert in config.experts.items() if expert.source is None]
    names += [name for name in dict.fromkeys(chosen["experts"]) if name not in names]
    said = {name: plan.load(_step(plan, name), test) for name in [*names, chosen["name"]]}
    sources = {config.experts[name].source for name in chosen["experts"]} - {None}
    hits = {str(source): cache.hits(str(source), test) for source in sorted(map(str, sources))}
    weights: list[dict[str, float]] = []
    for variant, found in _gates(plan, results):
        if variant["name"] == chosen["name"]:
            weights = [dict(zip(variant["experts"], row.mean(1).tolist(), strict=True)) for row in found]
    return choose_cases(plan.task, cache.examples(test), said, chosen["name"], hits, weights)


if __name__ == "__main__":
    sys.exit(main())
