"""A run in its folder: its configuration, cache and task, what lies where, and the steps that write it.

Each step writes one folder, and is skipped while what lies there fits its inputs.
"""

from __future__ import annotations

import json
import logging
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kc_schema.listed_files import again, differing
from kc_schema.retrieval_cache import RetrievalCache, open_cache
from kc_schema.store import Part, Step, describe_part, fingerprint, write_text
from training.config import RunConfig, as_mapping, build_config
from training.devices import bfloat16_units, choose_device, choose_precision
from training.distributions import Distributions, load_distributions
from training.errors import TrainingError
from training.task import Task, load_task

__all__ = [
    "CONFIG",
    "FOLDERS",
    "Run",
    "RunStep",
    "check_written",
    "do_step",
    "member_seeds",
    "open_config",
    "open_run",
]

logger = logging.getLogger(__name__)

CONFIG = "config.json"
FOLDERS = ("search", "experts", "distributions", "mixtures", "results", "report")
"""What a run writes into its folder."""
_VERSION = 2
"""Raised when the code changes what a step computes, so that older results are not taken for current."""
_RECORD = "step.json"
_BEGUN = "begun"
"""Names in a step's folder: what it wrote, and for which inputs it was begun."""


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
        """Open the cache that a configuration names, read the task from it, and decide the precision.

        Raises:
            CacheError: the cache cannot be read, or (with `verify`) its files are not those of its manifest.
            TrainingError: a split is missing or empty, or splits have labels of their own.
        """
        config = _settle_precision(config)
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


def _settle_precision(config: RunConfig) -> RunConfig:
    """Return the configuration with ``auto`` decided: as the run in its folder was begun, else for the device.

    So a run that goes on elsewhere is of one precision, whatever units the machines have.
    """
    if config.precision != "auto":
        return config
    device = choose_device(config.device)
    folder = Path(config.output)
    begun = open_config(folder).precision if (folder / CONFIG).is_file() else "auto"
    if begun == "auto":
        return replace(config, precision=choose_precision("auto", device))
    own = "bfloat16" if bfloat16_units(device) else "float32"
    if begun != own:
        logger.warning(
            "precision: %s was begun in %s and goes on in it, where auto would take %s on this device (%s); "
            "--set precision=%s fits all of its experts again",
            folder,
            begun,
            own,
            device,
            own,
        )
    return replace(config, precision=begun)


@dataclass(frozen=True)
class _Written:
    """The files of a step, TensorBoard's logs left out."""

    files: tuple[Part, ...]


@dataclass(frozen=True)
class RunStep:
    """One step of a run."""

    name: str
    folder: Path
    inputs: Mapping[str, Any]
    """All that decides the result: settings and checksums of files, as JSON values."""
    needs: Sequence[RunStep]
    work: Callable[[], object]
    """Fills the folder; goes on with what a killed run left there for the same inputs."""
    everywhere: bool = False
    """Whether all processes of a distributed run take part."""

    @property
    def fingerprint(self) -> str:
        """Of the inputs, the code's version and the fingerprints of the steps needed."""
        return fingerprint(_VERSION, dict(self.inputs), [need.fingerprint for need in self.needs])

    @property
    def kept(self) -> Step[_Written]:
        """The result as the ground floor keeps it."""
        return Step(self.folder / _RECORD, self.fingerprint, _Written, self.folder)

    def is_current(self) -> bool:
        """Tell whether the folder holds the result for the present inputs."""
        return self.kept.result() is not None

    def is_finished(self) -> bool:
        """Tell whether the folder holds a whole result, of the present inputs or of others."""
        return (self.folder / _RECORD).is_file()


def check_written(folder: Path) -> None:
    """Read every file of a finished step and compare it with the step's record; nothing where there is no record.

    Raises:
        TrainingError: a file is not the one that was written; it and the remedy are named.
    """
    record = folder / _RECORD
    for damage in differing(record, again(folder)) if record.is_file() else ():
        raise TrainingError(f"{damage.place}: {damage.problem}; {damage.remedy}")


def do_step(step: RunStep, number: int, count: int) -> None:
    """Do a step unless it is current.

    A step that was killed goes on in its folder where its inputs are still the same (an expert has its
    checkpoints there); what other inputs left is removed first.

    Args:
        number, count: place of the step in the run, and how many there are.
    """
    from accelerate import PartialState  # type: ignore[import-untyped]

    if step.is_current():
        logger.info("[%d/%d] %s: current", number, count, step.name)
        return
    logger.info("[%d/%d] %s", number, count, step.name)
    state = PartialState()
    for need in step.needs if state.is_main_process else ():
        check_written(need.folder)
    # Nobody may look at the folder before all have decided what to do with it.
    state.wait_for_everyone()
    if state.is_main_process:
        _begin(step)
    state.wait_for_everyone()
    begun = time.monotonic()
    if step.everywhere or state.is_main_process:
        step.work()
    state.wait_for_everyone()
    if state.is_main_process:
        _finish(step)
    state.wait_for_everyone()
    logger.info("[%d/%d] %s: done in %.0f s", number, count, step.name, time.monotonic() - begun)


def _begin(step: RunStep) -> None:
    begun = step.folder / _BEGUN
    if step.folder.exists() and not (begun.is_file() and begun.read_text() == step.fingerprint):
        shutil.rmtree(step.folder)
    step.kept.forget()
    write_text(begun, step.fingerprint)


def _finish(step: RunStep) -> None:
    (step.folder / _BEGUN).unlink()
    files = sorted(path for path in step.folder.rglob("*") if path.is_file() and path.parent.name != "logs")
    step.kept.finish(_Written(tuple(describe_part(path, step.folder, rows=0) for path in files)))
