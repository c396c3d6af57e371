"""A run in its folder: its configuration, its cache, its task, and what lies where."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from kc_schema.retrieval_cache import RetrievalCache, open_cache
from kc_schema.store import write_text
from training.config import RunConfig, as_mapping, build_config
from training.distributions import Distributions, load_distributions
from training.errors import TrainingError
from training.task import Task, load_task

__all__ = ["CONFIG", "FOLDERS", "Run", "member_seeds", "open_config", "open_run"]

CONFIG = "config.json"
FOLDERS = ("search", "experts", "distributions", "mixtures", "results", "report")
"""What a run writes into its folder."""


@dataclass(frozen=True)
class Run:
    """What all steps of a run share, and where each of them writes."""

    config: RunConfig
    cache: RetrievalCache
    task: Task
    _read: dict[str, str] = field(default_factory=dict, repr=False, compare=False)
    """Checksums of the cache's files that were taken already."""

    @classmethod
    def of(cls, config: RunConfig, *, verify: bool = False) -> Run:
        """Open the cache that a configuration names, and read the task from it.

        Raises:
            CacheError: the cache cannot be read, or (with `verify`) its files are not those of its manifest.
            TrainingError: a split is missing or empty, or splits have labels of their own.
        """
        cache = replace(open_cache(config.cache, verify=verify), limit=config.limit)
        return cls(config, cache, load_task(cache, config))

    @property
    def folder(self) -> Path:
        """The folder of the run."""
        return Path(self.config.output)

    def expert_folder(self, name: str, seed: int) -> Path:
        """Return where a fitted expert lies."""
        return self.folder / "experts" / name / f"seed-{seed}"

    def distribution_folder(self, name: str, seed: int) -> Path:
        """Return where the distributions of an expert lie."""
        return self.folder / "distributions" / name / f"seed-{seed}"

    def mixture_folder(self, name: str, seed: int) -> Path:
        """Return where a mixture and its distributions lie."""
        return self.folder / "mixtures" / name / f"seed-{seed}"

    @property
    def results_file(self) -> Path:
        """The file of all scores."""
        return self.folder / "results" / "results.json"

    def variant_folder(self, name: str, seed: int) -> Path:
        """Return where the distributions of an expert or a mixture lie."""
        return (self.mixture_folder if name in self.config.mixtures else self.distribution_folder)(name, seed)

    def distributions(self, name: str, seed: int, split: str) -> Distributions:
        """Return the cached distributions of an expert or a mixture over a split."""
        return load_distributions(self.variant_folder(name, seed) / f"{split}.safetensors")

    def evidence_checksums(self, source: str | None, splits: Sequence[str]) -> dict[str, str]:
        """Return checksums of what is in the cache's files that an expert with this source reads of these splits."""
        kinds = ["examples"] + ([] if source is None else [f"hits/{source}"])
        return self._checksums([f"{kind}/{split}.parquet" for kind in kinds for split in splits])

    def feature_checksums(self, splits: Sequence[str]) -> dict[str, str]:
        """Return checksums of the features of these splits; none where the cache has no features."""
        if not self.cache.feature_widths:
            return {}
        return self._checksums([f"features/{split}.parquet" for split in splits])

    def _checksums(self, names: Sequence[str]) -> dict[str, str]:
        for name in names:
            if name not in self._read:
                self._read[name] = self.cache.content_checksum(name)
        return {name: self._read[name] for name in names}

    def save_config(self) -> None:
        """Write the resolved configuration into the folder, for `open_run`."""
        text = json.dumps(as_mapping(self.config), indent=2)  # experts and mixtures keep their order
        write_text(self.folder / CONFIG, text + "\n")


def member_seeds(experts: Sequence[str], seeds: Sequence[int], place: int) -> list[int]:
    """Return the seed of each member of a mixture: that of the mixture, the next one where an expert returns."""
    return [seeds[(place + experts[:member].count(name)) % len(seeds)] for member, name in enumerate(experts)]


def open_config(folder: Path | str) -> RunConfig:
    """Return the configuration of a run from its folder, which may have been moved.

    Raises:
        TrainingError: the folder holds no run.
    """
    path = Path(folder) / CONFIG
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise TrainingError(
            f"{path}: not found, so {folder} is no run; see python -m training.run --help"
        ) from None
    except ValueError as error:
        raise TrainingError(
            f"{path}: not JSON ({error}); run training.run again with its configuration"
        ) from error
    return replace(build_config(values), output=str(folder))


def open_run(folder: Path | str) -> Run:
    """Open a run from its folder.

    Raises:
        TrainingError: the folder holds no run.
        CacheError: the run's cache is not where it was.
    """
    return Run.of(open_config(folder))
