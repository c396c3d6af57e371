"""The plan of a run: which steps there are, on what each depends, what each costs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kc_schema.files import write_atomically
from kc_schema.retrieval_cache import RetrievalCache, open_cache
from training.config import ExpertConfig, MixtureConfig, RunConfig, as_mapping, build_config
from training.distributions import Distributions, load_distributions, save_distributions
from training.errors import TrainingError
from training.steps import Step
from training.task import Task, load_task

__all__ = ["Plan", "member_seeds", "open_config", "open_run"]


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
    return Plan(config, cache, load_task(cache, config))


def member_seeds(experts: Sequence[str], seeds: Sequence[int], place: int) -> list[int]:
    """Gives the seed of each member of a mixture: that of the mixture, the next one where an expert returns."""
    return [seeds[(place + experts[:member].count(name)) % len(seeds)] for member, name in enumerate(experts)]


@dataclass
class Plan:
    """All steps of a run."""

    config: RunConfig
    cache: RetrievalCache
    task: Task
    distributions: dict[tuple[str, int], Step] = field(default_factory=dict)
    """(expert, seed) -> the step that caches its distributions."""
    mixtures: dict[tuple[str, int], Step] = field(default_factory=dict)
    """(mixture, seed) -> the step that fits it."""
    steps: list[Step] = field(init=False)
    """In the order in which they run: experts and their distributions, mixtures, results, report."""

    @property
    def output(self) -> Path:
        """Folder of the run."""
        return Path(self.config.output)

    def __post_init__(self) -> None:
        self.steps = self._steps()

    def _steps(self) -> list[Step]:
        steps: list[Step] = []
        for name, expert in self.config.experts.items():
            searches = self._search_steps(name, expert)
            steps += searches
            for seed in self.config.seeds:
                fit = self._fit_step(name, expert, seed, searches)
                said = self._distribution_step(name, expert, seed, fit)
                self.distributions[name, seed] = said
                steps += [fit, said]
        for name, mixture in self.config.mixtures.items():
            for place, seed in enumerate(self.config.seeds):
                step = self._mixture_step(name, mixture, place, seed)
                self.mixtures[name, seed] = step
                steps.append(step)
        results = self._results_step()
        return [*steps, results, self._report_step(results)]

    def _search_steps(self, name: str, expert: ExpertConfig) -> list[Step]:
        steps = []
        for rate in expert.fit.search:
            tried = replace(expert, fit=replace(expert.fit, learning_rate=rate, search=()))
            label = f"search/{name}/{rate:g}"
            steps.append(self._expert_step(label, tried, self.config.seeds[0], []))
        return steps

    def _fit_step(self, name: str, expert: ExpertConfig, seed: int, searches: Sequence[Step]) -> Step:
        return self._expert_step(f"experts/{name}/seed-{seed}", expert, seed, searches)

    def _expert_step(self, label: str, expert: ExpertConfig, seed: int, searches: Sequence[Step]) -> Step:
        config = self.config
        folder = self.output / label

        def run() -> None:
            from training.experts import fit_expert

            chosen = _best_rate(expert, searches)
            fit_expert(self.cache, self.task, config, label, chosen, seed, folder)

        return Step(
            name=label,
            folder=folder,
            inputs={
                "expert": as_mapping(expert),
                "seed": seed,
                **self._model_inputs(),
                "files": self._files(expert.source, (config.train, config.dev)),
                "convention": config.evaluation.convention,
            },
            needs=searches,
            run=run,
            everywhere=True,
        )

    def _model_inputs(self) -> dict[str, Any]:
        config = self.config
        return {
            "task": self.task.as_json(),
            "encoder": as_mapping(config.encoder),
            "contexts": as_mapping(config.contexts),
            "precision": config.precision,
        }

    def _files(self, source: str | None, splits: Sequence[str]) -> dict[str, str]:
        """Gives the checksums of the cache's files that an expert reads."""
        kinds = ["examples"] + ([] if source is None else [f"hits/{source}"])
        names = [f"{kind}/{split}.parquet" for kind in kinds for split in splits]
        try:
            return {name: self.cache.checksum(name) for name in names}
        except ValueError as error:
            raise TrainingError(f"experts: {error}") from error

    def _distribution_step(self, name: str, expert: ExpertConfig, seed: int, fit: Step) -> Step:
        folder = self.output / "distributions" / name / f"seed-{seed}"
        splits = (self.config.train, self.config.dev, self.config.test)

        def run() -> None:
            from training.experts import evidence_of, load_expert, sentences_per_second

            made = load_expert(fit.folder, self.config.device)
            for split in splits:
                hits = evidence_of(self.cache, expert.source, split)
                examples = self.cache.examples(split)
                said = made.predict(examples, hits, self.config.evaluation_batch_size)
                save_distributions(folder / f"{split}.safetensors", said)
            # The last one is the test split.
            speed = sentences_per_second(made, examples, hits)
            text = json.dumps({"sentences_per_second": speed, "device": str(made.device)}) + "\n"
            write_atomically(folder / "speed.json", lambda path: path.write_text(text))

        inputs = {"files": self._files(expert.source, splits)}
        return Step(f"distributions/{name}/seed-{seed}", folder, inputs, [fit], run)

    def _mixture_step(self, name: str, mixture: MixtureConfig, place: int, seed: int) -> Step:
        seeds = member_seeds(mixture.experts, self.config.seeds, place)
        members = [
            self.distributions[member, own] for member, own in zip(mixture.experts, seeds, strict=True)
        ]
        folder = self.output / "mixtures" / name / f"seed-{seed}"
        splits = sorted({mixture.gate.split, self.config.dev, self.config.test})
        if mixture.gate.split not in (self.config.train, self.config.dev):
            raise TrainingError(
                f"mixtures.{name}.gate.split: {mixture.gate.split!r}; a gate learns on the training or the "
                "development split"
            )
        files = {}
        if mixture.kind == "gate":
            if not self.cache.feature_widths:
                raise TrainingError(
                    f"mixtures.{name}: the cache {self.cache.folder} has no features for a gate; build it with "
                    "an encoder, or set kind: average"
                )
            files = {
                f"features/{split}.parquet": self.cache.checksum(f"features/{split}.parquet")
                for split in splits
            }

        def run() -> None:
            from training.mixing import fit_mixture

            fit_mixture(self, name, mixture, members, seeds, seed, folder)

        inputs = {
            "mixture": as_mapping(mixture),
            "seed": seed,
            "files": files,
            "convention": self.config.evaluation.convention,
        }
        return Step(f"mixtures/{name}/seed-{seed}", folder, inputs, members, run)

    def _results_step(self) -> Step:
        folder = self.output / "results"

        def run() -> None:
            from training.results import collect_results

            text = json.dumps(collect_results(self), indent=1) + "\n"
            write_atomically(folder / "results.json", lambda path: path.write_text(text))

        inputs = {
            "evaluation": as_mapping(self.config.evaluation),
            "seeds": list(self.config.seeds),
            "names": [list(self.config.experts), list(self.config.mixtures)],
        }
        return Step("results", folder, inputs, [*self.distributions.values(), *self.mixtures.values()], run)

    def _report_step(self, results: Step) -> Step:
        folder = self.output / "report"

        def run() -> None:
            from training.report import write_report

            write_report(self, folder)

        return Step("report", folder, {}, [results], run)

    def save_config(self) -> None:
        """Writes the resolved configuration into the run's folder, for `open_run`."""
        self.output.mkdir(parents=True, exist_ok=True)
        text = json.dumps(as_mapping(self.config), indent=2) + "\n"
        write_atomically(self.output / "config.json", lambda path: path.write_text(text))

    def load(self, step: Step, split: str) -> Distributions:
        """Gives the distributions that a step wrote for a split."""
        return load_distributions(step.folder / f"{split}.safetensors")


def _best_rate(expert: ExpertConfig, searches: Sequence[Step]) -> ExpertConfig:
    """Gives the expert with the learning rate that did best on the development split; the lower of equals."""
    if not searches:
        return expert
    records = [json.loads((step.folder / "fit.json").read_text()) for step in searches]
    best = max(records, key=lambda record: (record["dev_f1"], -record["learning_rate"]))
    return replace(expert, fit=replace(expert.fit, learning_rate=best["learning_rate"]))
