"""Writes the predictions of a run's mixture (or expert) for a cache as JSON lines.

::

    python -m training.predict --run runs/twitter17 --cache caches/mine --split test --output predictions.jsonl
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kc_schema.files import write_atomically
from kc_schema.retrieval_cache import CacheError, Example, RetrievalCache, open_cache
from training.config import ConfigError
from training.data.labels import TagSet, entities
from training.distributions import Distributions
from training.errors import TrainingError
from training.task import Task

__all__ = ["main", "predictions"]

_EXAMPLE = """example:
  python -m training.predict --run runs/twitter17 --cache caches/mine --split test --output predictions.jsonl
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; gives its exit status."""
    arguments = _parser().parse_args(argv)
    from training.run import quiet_libraries

    quiet_libraries()
    try:
        if arguments.output is not None and not arguments.output.parent.is_dir():
            raise TrainingError(f"--output {arguments.output}: there is no folder {arguments.output.parent}")
        cache = open_cache(arguments.cache)
        rows = _predict(arguments, cache)
    except (CacheError, ConfigError, TrainingError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; nothing was written", file=sys.stderr)
        return 130
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    if arguments.output is None:
        sys.stdout.write(lines)
    else:
        write_atomically(arguments.output, lambda path: path.write_text(lines, encoding="utf-8"))
    return 0


def _predict(arguments: argparse.Namespace, cache: RetrievalCache) -> list[dict[str, Any]]:
    from training.experts import evidence_of, load_expert
    from training.mixture import load_mixture

    folder = _variant_folder(arguments.run, arguments.variant, arguments.seed)
    examples = cache.examples(arguments.split)
    if folder.parts[-3] == "mixtures":
        mixture = load_mixture(folder, arguments.device)
        _check_task(mixture.task, cache)
        return list(predictions(mixture.task, examples, mixture.predict(cache, arguments.split)))
    expert = load_expert(folder, arguments.device)
    _check_task(expert.task, cache)
    found = expert.predict(examples, evidence_of(cache, expert.source, arguments.split), 32)
    return list(predictions(expert.task, examples, found))


def _check_task(task: Task, cache: RetrievalCache) -> None:
    if task.name != cache.task:
        raise TrainingError(
            f"the run was trained for {task.name}, the cache {cache.folder} is for {cache.task}"
        )


def _variant_folder(run: Path, variant: str | None, seed: int | None) -> Path:
    """Gives the folder of a variant: by default the run's first mixture with a gate, the first seed."""
    from training.planning import open_config

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
    return (run / kind / variant / f"seed-{seed}").resolve()


def _preferred(gated: Sequence[str]) -> list[str]:
    """Puts the mixture called ``moe``, the headline of the presets, first."""
    return sorted(gated, key=lambda name: name != "moe")


def predictions(task: Task, examples: Sequence[Example], found: Distributions) -> Iterator[dict[str, Any]]:
    """Gives one mapping an example.

    NER: ``labels`` and ``entities`` with type, span in tokens, text and probability (the mean of its tokens');
    RE: ``relation`` and ``probability``.
    """
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.predict",
        description="Writes the predictions of a run's mixture (or expert) for a cache as JSON lines.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--run", required=True, type=Path, help="folder of a finished run")
    parser.add_argument("--cache", required=True, type=Path, help="a retrieval cache with the same sources")
    parser.add_argument("--split", default="test", help="split of the cache (default: %(default)s)")
    parser.add_argument("--variant", help="name of a mixture or expert (default: the run's main mixture)")
    parser.add_argument("--seed", type=int, help="seed of the variant (default: the run's first)")
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda", "mps"])
    parser.add_argument("--output", type=Path, help="file to write (default: standard output)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
