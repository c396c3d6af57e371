"""Plans a run: which steps there are, on what each depends, what decides its result."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from kc_schema.files import write_atomically
from kc_schema.retrieval_cache import RetrievalCache, open_cache
from training.config import ExpertConfig, MixtureConfig, RunConfig, as_mapping, without
from training.config_values import build_config
from training.distributions import save_distributions
from training.errors import TrainingError
from training.plan import Plan, member_seeds
from training.steps import Step
from training.task import Task, load_task

__all__ = ["open_config", "open_run", "plan_run"]


def open_config(folder: Path | str) -> RunConfig:
    """Gives the configuration of a run from its folder, which may have been moved.

    Raises:
        TrainingError: the folder holds no run.
    """
    path = Path(folder) / "config.json"
    try:
        values = json.loads(path.read_text())
    except FileNotFoundError:
        raise TrainingError(
            f"{path}: not found, so {folder} is no run; see python -m training.run --help"
        ) from None
    return replace(build_config(values), output=str(folder))


def open_run(folder: Path | str) -> Plan:
    """Gives the plan of a run from its folder.

    Raises:
        TrainingError: the folder holds no run.
        CacheError: the run's cache is not where it was.
    """
    config = open_config(folder)
    cache = open_cache(config.cache)
    return plan_run(config, cache, load_task(cache, config))


def plan_run(config: RunConfig, cache: RetrievalCache, task: Task) -> Plan:
    """Gives the plan of a run.

    Raises:
        TrainingError: the cache lacks what the configuration asks for.
    """
    plan = Plan(config, cache, task)
    _check_sources(plan)
    for name, expert in config.experts.items():
        searches = _search_steps(plan, name, expert)
        plan.steps += searches
        for seed in config.seeds:
            fit = _fit_step(plan, name, expert, seed, searches)
            plan.distributions[name, seed] = _distribution_step(plan, name, expert, seed, fit)
            plan.steps += [fit, plan.distributions[name, seed]]
    for name, mixture in config.mixtures.items():
        for place, seed in enumerate(config.seeds):
            plan.mixtures[name, seed] = _mixture_step(plan, name, mixture, place, seed)
            plan.steps.append(plan.mixtures[name, seed])
    results = _results_step(plan)
    plan.steps += [results, _report_step(plan, results)]
    return plan


def _check_sources(plan: Plan) -> None:
    """Makes sure that the cache has the evidence of every expert; a message says how to do without it."""
    config, cache = plan.config, plan.cache
    source_of = {name: expert.source for name, expert in config.experts.items() if expert.source is not None}
    lost = [name for name, source in source_of.items() if source not in cache.sources]
    if not lost:
        return
    mixtures = [name for name, mixture in config.mixtures.items() if {*mixture.experts} & {*lost}]
    raise TrainingError(
        f"experts: the cache {cache.folder} has no source {source_of[lost[0]]!r}; it has "
        f"{', '.join(cache.sources) or 'none'}; build it with --sources {','.join(dict.fromkeys(source_of.values()))}, "
        f"or {without(experts=lost, mixtures=mixtures)}"
    )


def _check_vectors(plan: Plan, name: str, mixture: MixtureConfig) -> None:
    widths = plan.cache.feature_widths
    if not widths:
        raise TrainingError(
            f"mixtures.{name}: the cache {plan.cache.folder} has no features for a gate; build it with "
            f"an encoder (--encoder), or set kind: average (--set mixtures.{name}.kind=average)"
        )
    lost = [vector for vector in mixture.gate.vectors if vector not in widths]
    if lost:
        raise TrainingError(
            f"mixtures.{name}.gate.vectors: the cache {plan.cache.folder} has no feature column {lost[0]!r}; it has "
            f"{', '.join(widths)} (--set gate.vectors=[{','.join(widths)}])"
        )


def _search_steps(plan: Plan, name: str, expert: ExpertConfig) -> list[Step]:
    steps = []
    for rate in expert.fit.search:
        tried = replace(expert, fit=replace(expert.fit, learning_rate=rate, search=()))
        label = f"search/{name}/{rate:g}"
        steps.append(_expert_step(plan, label, tried, plan.config.seeds[0], []))
    return steps


def _fit_step(plan: Plan, name: str, expert: ExpertConfig, seed: int, searches: Sequence[Step]) -> Step:
    return _expert_step(plan, f"experts/{name}/seed-{seed}", expert, seed, searches)


def _expert_step(plan: Plan, label: str, expert: ExpertConfig, seed: int, searches: Sequence[Step]) -> Step:
    config = plan.config
    folder = plan.output / label

    def run() -> None:
        from training.experts import fit_expert

        chosen = _best_rate(expert, searches)
        fit_expert(plan.cache, plan.task, config, label, chosen, seed, folder)

    return Step(
        name=label,
        folder=folder,
        inputs={
            "expert": as_mapping(expert),
            "seed": seed,
            **_model_inputs(plan),
            "files": _files(plan, expert.source, (config.train, config.dev)),
            "convention": config.evaluation.convention,
        },
        needs=searches,
        run=run,
        everywhere=True,
    )


def _model_inputs(plan: Plan) -> dict[str, Any]:
    config = plan.config
    return {
        "task": plan.task.as_json(),
        "encoder": as_mapping(config.encoder),
        "contexts": as_mapping(config.contexts),
        "precision": config.precision,
    }


def _files(plan: Plan, source: str | None, splits: Sequence[str]) -> dict[str, str]:
    """Gives the checksums of the cache's files that an expert reads."""
    kinds = ["examples"] + ([] if source is None else [f"hits/{source}"])
    names = [f"{kind}/{split}.parquet" for kind in kinds for split in splits]
    try:
        return {name: plan.cache.checksum(name) for name in names}
    except ValueError as error:
        raise TrainingError(f"experts: {error}") from error


def _distribution_step(plan: Plan, name: str, expert: ExpertConfig, seed: int, fit: Step) -> Step:
    folder = plan.output / "distributions" / name / f"seed-{seed}"
    splits = (plan.config.train, plan.config.dev, plan.config.test)

    def run() -> None:
        from training.experts import evidence_of, load_expert, sentences_per_second

        made = load_expert(fit.folder, plan.config.device)
        for split in splits:
            hits = evidence_of(plan.cache, expert.source, split)
            examples = plan.cache.examples(split)
            said = made.predict(examples, hits, plan.config.evaluation_batch_size)
            save_distributions(folder / f"{split}.safetensors", said)
        # The last one is the test split.
        speed = sentences_per_second(made, examples, hits)
        text = json.dumps({"sentences_per_second": speed, "device": str(made.device)}) + "\n"
        write_atomically(folder / "speed.json", lambda path: path.write_text(text))

    inputs = {"files": _files(plan, expert.source, splits)}
    return Step(f"distributions/{name}/seed-{seed}", folder, inputs, [fit], run)


def _mixture_step(plan: Plan, name: str, mixture: MixtureConfig, place: int, seed: int) -> Step:
    seeds = member_seeds(mixture.experts, plan.config.seeds, place)
    members = [plan.distributions[member, own] for member, own in zip(mixture.experts, seeds, strict=True)]
    folder = plan.output / "mixtures" / name / f"seed-{seed}"
    splits = sorted({mixture.gate.split, plan.config.dev, plan.config.test})
    if mixture.gate.split not in (plan.config.train, plan.config.dev):
        raise TrainingError(
            f"mixtures.{name}.gate.split: {mixture.gate.split!r}; a gate learns on the training or the "
            "development split"
        )
    files = {}
    if mixture.kind == "gate":
        _check_vectors(plan, name, mixture)
        files = {
            f"features/{split}.parquet": plan.cache.checksum(f"features/{split}.parquet") for split in splits
        }

    def run() -> None:
        from training.mixing import fit_mixture

        fit_mixture(plan, name, mixture, members, seeds, seed, folder)

    inputs = {
        "mixture": as_mapping(mixture),
        "seed": seed,
        "files": files,
        "convention": plan.config.evaluation.convention,
    }
    return Step(f"mixtures/{name}/seed-{seed}", folder, inputs, members, run)


def _results_step(plan: Plan) -> Step:
    folder = plan.output / "results"

    def run() -> None:
        from training.results import collect_results

        text = json.dumps(collect_results(plan), indent=1) + "\n"
        write_atomically(folder / "results.json", lambda path: path.write_text(text))

    inputs = {
        "evaluation": as_mapping(plan.config.evaluation),
        "seeds": list(plan.config.seeds),
        "names": [list(plan.config.experts), list(plan.config.mixtures)],
    }
    return Step("results", folder, inputs, [*plan.distributions.values(), *plan.mixtures.values()], run)


def _report_step(plan: Plan, results: Step) -> Step:
    folder = plan.output / "report"

    def run() -> None:
        from training.reporting.writing import write_report

        write_report(plan, folder)

    return Step("report", folder, {}, [results], run)


def _best_rate(expert: ExpertConfig, searches: Sequence[Step]) -> ExpertConfig:
    """Gives the expert with the learning rate that did best on the development split; the lower of equals."""
    if not searches:
        return expert
    records = [json.loads((step.folder / "fit.json").read_text()) for step in searches]
    best = max(records, key=lambda record: (record["dev_f1"], -record["learning_rate"]))
    return replace(expert, fit=replace(expert.fit, learning_rate=best["learning_rate"]))
