"""Writes the predictions of a run's mixture (or expert) for a cache as JSON lines.

::

    python -m training.predict --run runs/twitter17 --cache caches/mine --split test --output predictions.jsonl
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from kc_schema.command import Command, options
from kc_schema.store import write_text
from training.errors import TrainingError

if TYPE_CHECKING:
    from kc_schema.retrieval_cache import Example, RetrievalCache
    from training.distributions import Distributions
    from training.task import Task

__all__ = ["PredictOptions", "main", "predictions"]


@options
@dataclass(frozen=True, kw_only=True)
class PredictOptions:
    """Options of the command."""

    run: Path
    """Folder of a finished run."""
    cache: Path
    """A retrieval cache with the same sources."""
    split: str = "test"
    """Split of the cache."""
    variant: str | None = None
    """Name of a mixture or expert (default: the run's main mixture)."""
    seed: int | None = None
    """Seed of the variant (default: the run's first)."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where models run."""
    output: Path | None = None
    """File to write (default: standard output)."""


def _predict(given: PredictOptions) -> None:
    from kc_schema.retrieval_cache import open_cache
    from training.devices import quiet_libraries

    if given.output is not None and not given.output.parent.is_dir():
        raise TrainingError(f"--output {given.output}: there is no folder {given.output.parent}")
    quiet_libraries()
    rows = _rows(given, open_cache(given.cache))
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    if given.output is None:
        sys.stdout.write(lines)
    else:
        write_text(given.output, lines)


def _rows(given: PredictOptions, cache: RetrievalCache) -> list[dict[str, Any]]:
    from training.experts import evidence_of, load_expert
    from training.mixture import load_mixture

    folder, kind = _variant_folder(given.run, given.variant, given.seed)
    examples = cache.examples(given.split)
    if kind == "mixtures":
        mixture = load_mixture(folder, given.device)
        _check_task(mixture.task, cache)
        return list(predictions(mixture.task, examples, mixture.predict(cache, given.split)))
    expert = load_expert(folder, given.device)
    _check_task(expert.task, cache)
    found = expert.predict(examples, evidence_of(cache, expert.source, given.split), 32)
    return list(predictions(expert.task, examples, found))


def _check_task(task: Task, cache: RetrievalCache) -> None:
    if task.name != cache.task:
        raise TrainingError(
            f"the run was trained for {task.name}, the cache {cache.folder} is for {cache.task}"
        )


def _variant_folder(run: Path, variant: str | None, seed: int | None) -> tuple[Path, str]:
    """Return the folder of a variant and its kind: by default the run's main mixture, the first seed."""
    from training.run_folder import open_config

    config = open_config(run)
    if variant is None:
        gated = [name for name, mixture in config.mixtures.items() if mixture.kind == "gate"]
        variant = next(iter([*_preferred(gated), *config.mixtures, *config.experts]))
    seed = config.seeds[0] if seed is None else seed
    kinds = {"mixtures": config.mixtures, "experts": config.experts}
    kind = next((kind for kind, names in kinds.items() if variant in names), None)
    if kind is None or seed not in config.seeds:
        known = ", ".join([*config.mixtures, *config.experts])
        raise TrainingError(
            f"{run} has no {variant!r} with seed {seed}; it has {known}; seeds {', '.join(map(str, config.seeds))}"
        )
    return (run / kind / variant / f"seed-{seed}").resolve(), kind


def _preferred(gated: Sequence[str]) -> list[str]:
    """Put the mixture called ``moe``, the headline of the presets, first."""
    return sorted(gated, key=lambda name: name != "moe")


def predictions(task: Task, examples: Sequence[Example], found: Distributions) -> Iterator[dict[str, Any]]:
    """Yield one mapping an example.

    NER: ``labels`` and ``entities`` with type, span in tokens, text and probability (the mean of its tokens');
    RE: ``relation`` and ``probability``.
    """
    import numpy as np

    from training.data.labels import TagSet, entities

    names = task.label_names
    ends = np.cumsum(found.lengths)
    for example, end, length in zip(examples, ends, found.lengths, strict=True):
        best = found.best[end - length : end]
        chosen = found.probabilities[end - length : end][np.arange(length), best]
        row: dict[str, Any] = {"example_id": example.example_id, "tokens": list(example.tokens)}
        if isinstance(task.labels, TagSet):
            labels = [names[label] for label in best]
            row["labels"] = labels
            row["entities"] = [
                {
                    "type": kind,
                    "start": start,
                    "end": stop,
                    "text": " ".join(example.tokens[start:stop]),
                    "probability": round(float(chosen[start:stop].mean()), 4),
                }
                for kind, start, stop in entities(labels)
            ]
        else:
            row["relation"] = names[best[0]]
            row["probability"] = round(float(chosen[0]), 4)
        yield row


main = Command(
    "training.predict",
    "Label examples with a mixture of a run.",
    PredictOptions,
    _predict,
    examples=(
        "python -m training.predict --run runs/twitter17 --cache caches/mine --split test --output predictions.jsonl"
    ),
)

if __name__ == "__main__":
    sys.exit(main())
