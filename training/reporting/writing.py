"""The report of a run: its tables, figures and cases, as Markdown and as one HTML page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kc_schema.files import write_atomically
from kc_schema.retrieval_cache import SPEED
from training.errors import TrainingError
from training.plan import Plan
from training.reporting.cases import Case, choose_cases
from training.reporting.figures import calibrations, gate_weights, gates_on_test, learning_curves, step_of
from training.reporting.page import html_page, markdown_page
from training.reporting.tables import build_tables
from training.steps import is_finished

__all__ = ["retrieval_speeds", "write_report"]

_STEPS = {"features (text and image)": "CLIP feature extraction"}
"""Steps of `pipelines.build_retrieval_cache` -> the paper's names, where they differ."""


def write_report(plan: Plan, folder: Path, *, images: Path | None = None) -> None:
    """Writes ``report.md`` and ``report.html`` into `folder` from what the run's steps left.

    Args:
        plan: the run.
        folder: where to write.
        images: folder of the data set's images; those of the cases are put into the page.

    Raises:
        TrainingError: the run is not finished.
    """
    unfinished = [step.name for step in plan.steps if not is_finished(step) and step.folder != folder]
    if unfinished:
        raise TrainingError(
            f"{plan.output}: {unfinished[0]} is not finished; finish the run with python -m training.run first"
        )
    results = _results(plan)
    tables = build_tables(results, _speeds(plan), retrieval_speeds(plan.cache.folder / SPEED))
    cases = _cases(plan, results)
    figures = [*learning_curves(results), *calibrations(plan, results), *gate_weights(plan, results)]
    folder.mkdir(parents=True, exist_ok=True)
    title = f"{plan.cache.dataset}: experts and mixtures"
    about = _about(plan)
    markdown = markdown_page(title, about, tables, figures, cases)
    page = html_page(title, about, tables, figures, cases, images)
    write_atomically(folder / "report.md", lambda path: path.write_text(markdown, encoding="utf-8"))
    write_atomically(folder / "report.html", lambda path: path.write_text(page, encoding="utf-8"))


def _results(plan: Plan) -> dict[str, Any]:
    path = plan.output / "results" / "results.json"
    results: dict[str, Any] = json.loads(path.read_text())
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
    seed = config.seeds[0]
    lines = [
        f"Data set: {cache.dataset} ({plan.task.name}; {sizes})",
        f"Encoder: {config.encoder.short_name}, at most {config.encoder.max_length} sub-tokens; "
        f"seeds {', '.join(map(str, config.seeds))}",
        f"Knowledge corpora: {snapshots or 'none noted in the cache'}",
    ]
    for name in config.experts:
        record = json.loads((plan.distributions[name, seed].needs[0].folder / "fit.json").read_text())
        counts = ", ".join(
            f"{what} {count}" for what, count in record["counts"].items() if count or what == "contexts used"
        )
        lines.append(f"Inputs of {name}: {counts or 'nothing left out'}")
    return lines


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
    said = {name: plan.load(step_of(plan, name), test) for name in [*names, chosen["name"]]}
    sources = {config.experts[name].source for name in chosen["experts"]} - {None}
    hits = {str(source): cache.hits(str(source), test) for source in sorted(map(str, sources))}
    weights: list[dict[str, float]] = []
    for variant, found in gates_on_test(plan, results):
        if variant["name"] == chosen["name"]:
            weights = [dict(zip(variant["experts"], row.mean(1).tolist(), strict=True)) for row in found]
    return choose_cases(plan.task, cache.examples(test), said, chosen["name"], hits, weights)
