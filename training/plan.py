"""What a run consists of: its configuration, its cache, its task and its steps, and what these have written."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kc_schema.files import write_atomically
from kc_schema.retrieval_cache import RetrievalCache
from training.config import RunConfig, as_mapping
from training.distributions import Distributions, load_distributions
from training.steps import Step
from training.task import Task

__all__ = ["Plan", "member_seeds"]


def member_seeds(experts: Sequence[str], seeds: Sequence[int], place: int) -> list[int]:
    """Gives the seed of each member of a mixture: that of the mixture, the next one where an expert returns."""
    return [seeds[(place + experts[:member].count(name)) % len(seeds)] for member, name in enumerate(experts)]


@dataclass
class Plan:
    """All steps of a run (`training.planning.plan_run` makes them)."""

    config: RunConfig
    cache: RetrievalCache
    task: Task
    distributions: dict[tuple[str, int], Step] = field(default_factory=dict)
    """(expert, seed) -> the step that caches its distributions."""
    mixtures: dict[tuple[str, int], Step] = field(default_factory=dict)
    """(mixture, seed) -> the step that fits it."""
    steps: list[Step] = field(default_factory=list)
    """In the order in which they run: experts and their distributions, mixtures, results, report."""

    @property
    def output(self) -> Path:
        """Folder of the run."""
        return Path(self.config.output)

    def save_config(self) -> None:
        """Writes the resolved configuration into the run's folder, for `open_run`."""
        self.output.mkdir(parents=True, exist_ok=True)
        text = json.dumps(as_mapping(self.config), indent=2) + "\n"
        write_atomically(self.output / "config.json", lambda path: path.write_text(text))

    def load(self, step: Step, split: str) -> Distributions:
        """Gives the distributions that a step wrote for a split."""
        return load_distributions(step.folder / f"{split}.safetensors")
