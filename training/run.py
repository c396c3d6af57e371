"""Fits experts and mixtures on a retrieval cache and writes the paper's tables for it.

::

    python -m training.run --config twitter17 --set cache=caches/twitter17 --dry-run
    python -m training.run --config twitter17 --set cache=caches/twitter17
    accelerate launch --num_processes 4 -m training.run --config twitter17
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from kc_schema.command import Command, Positive, options
from kc_schema.errors import UsageError
from kc_schema.retrieval_cache import open_cache
from kc_schema.store import Place
from training.config import ExpertConfig, MixtureConfig, RunConfig, as_mapping, explained_yaml, load_config
from training.run_folder import CONFIG, FOLDERS, Run, RunStep, do_step, member_seeds

__all__ = ["Options", "main", "run", "show_progress", "steps_of"]


def run(config: RunConfig, *, dry_run: bool = False) -> None:
    """Do all steps of a run that are not current; with `dry_run` only say what they are and what they cost.

    Raises:
        CacheError: the cache cannot be read, or its files are not those of its manifest.
        TrainingError: the cache does not fit the configuration, or training cannot go on.
        PlaceBusyError: another run is writing into the folder.
    """
    # What takes no time comes before the libraries, which take seconds to import.
    if not dry_run and os.environ.get("RANK", "0") == "0":  # the other processes of this very run
        _place(Path(config.output)).check_free()
    open_cache(config.cache)
    from training.checks import check_encoder, check_run
    from training.devices import choose_device, quiet_libraries

    quiet_libraries()
    tokenizer = check_encoder(config)
    this = Run.of(config, verify=True)
    check_run(this, tokenizer)
    steps = list(steps_of(this))
    if dry_run:
        from training.dry_run import describe_steps

        print(describe_steps(this, steps))
        return
    from accelerate import PartialState  # type: ignore[import-untyped]

    # The first to ask decides on which kind of device processes find each other.
    if not PartialState(cpu=choose_device(config.device).type == "cpu").is_main_process:
        logging.getLogger("training").setLevel(logging.WARNING)
        _do(steps)
        return
    with _place(this.folder):
        this.save_config()
        _do(steps)
    from training.reporting.results import read_results
    from training.reporting.tables import summary

    print(summary(read_results(this.results_file)))
    print(f"report: {this.folder / 'report' / 'report.html'}")


def _place(folder: Path) -> Place:
    return Place(folder, owns=FOLDERS, what="run", manifest=CONFIG)


def _do(steps: Sequence[RunStep]) -> None:
    for number, step in enumerate(steps, start=1):
        do_step(step, number, len(steps))


def steps_of(run: Run) -> Iterator[RunStep]:
    """Yield the steps of a run from top to bottom: experts, what they say, mixtures, results, report."""
    asked: dict[tuple[str, int], RunStep] = {}
    mixed: list[RunStep] = []
    for name, expert in run.config.experts.items():
        searches = [_search(run, name, expert, rate) for rate in expert.fit.search]
        yield from searches
        for seed in run.config.seeds:
            fit = _fit(run, run.expert_folder(name, seed), expert, seed, searches)
            asked[name, seed] = _ask(run, name, expert, seed, fit)
            yield from (fit, asked[name, seed])
    for name, mixture in run.config.mixtures.items():
        for place, seed in enumerate(run.config.seeds):
            seeds = member_seeds(mixture.experts, run.config.seeds, place)
            members = [asked[member] for member in zip(mixture.experts, seeds, strict=True)]
            mixed.append(_mix(run, name, mixture, seed, seeds, members))
            yield mixed[-1]
    results = _score(run, [*asked.values(), *mixed])
    yield from (results, _report(run, results))


def _search(run: Run, name: str, expert: ExpertConfig, rate: float) -> RunStep:
    """Return the step that tries one learning rate with the first seed."""
    return _fit(run, run.folder / "search" / name / f"{rate:g}", expert.at(rate), run.config.seeds[0], [])


def _fit(run: Run, folder: Path, expert: ExpertConfig, seed: int, searches: Sequence[RunStep]) -> RunStep:
    """Return the step that fits an expert, at the best of the learning rates that were tried."""
    from training.experts import fit_expert

    config = run.config
    name = folder.relative_to(run.folder).as_posix()
    tried = [step.folder for step in searches]
    return RunStep(
        name,
        folder,
        inputs={
            "expert": as_mapping(expert),
            "seed": seed,
            "task": run.task.as_json(),
            "encoder": as_mapping(config.encoder),
            "contexts": as_mapping(config.contexts),
            "precision": config.precision,
            "limit": config.limit,
            "files": run.evidence_checksums(expert.source, (config.train, config.dev)),
            "convention": config.evaluation.convention,
        },
        needs=searches,
        work=partial(fit_expert, run, name, expert, seed, folder, tried),
        everywhere=True,
    )


def _ask(run: Run, name: str, expert: ExpertConfig, seed: int, fit: RunStep) -> RunStep:
    """Return the step that caches what an expert says of every split."""
    from training.experts import cache_distributions

    splits = (run.config.train, run.config.dev, run.config.test)
    folder = run.distribution_folder(name, seed)
    return RunStep(
        f"distributions/{name}/seed-{seed}",
        folder,
        inputs={"files": run.evidence_checksums(expert.source, splits)},
        needs=[fit],
        work=partial(cache_distributions, run, expert.source, fit.folder, folder),
    )


def _mix(
    run: Run, name: str, mixture: MixtureConfig, seed: int, seeds: list[int], members: Sequence[RunStep]
) -> RunStep:
    """Return the step that fits a mixture on what its members say."""
    from training.mixture import fit_mixture

    config = run.config
    splits = sorted({mixture.gate.split, config.dev, config.test}) if mixture.kind == "gate" else []
    return RunStep(
        f"mixtures/{name}/seed-{seed}",
        run.mixture_folder(name, seed),
        inputs={
            "mixture": as_mapping(mixture),
            "seed": seed,
            "files": {
                **run.feature_checksums(splits),
                **{
                    name: checksum
                    for source in (mixture.gate.types if mixture.kind == "gate" else ())
                    for name, checksum in run.evidence_checksums(source, splits).items()
                },
            },
            "convention": config.evaluation.convention,
        },
        needs=members,
        work=partial(fit_mixture, run, name, mixture, seed, seeds),
    )


def _score(run: Run, variants: Sequence[RunStep]) -> RunStep:
    """Return the step that scores all variants on test."""
    from training.reporting.results import write_results

    return RunStep(
        "results",
        run.results_file.parent,
        inputs={
            "evaluation": as_mapping(run.config.evaluation),
            "seeds": list(run.config.seeds),
            "names": [list(run.config.experts), list(run.config.mixtures)],
        },
        needs=variants,
        work=partial(write_results, run),
    )


def _report(run: Run, results: RunStep) -> RunStep:
    """Return the step that writes the report."""
    from training.reporting.writing import write_report

    folder = run.folder / "report"
    return RunStep("report", folder, {}, [results], partial(write_report, run, folder))


@options
@dataclass(frozen=True, kw_only=True)
class Options:
    """Options of the command."""

    config: str | None = None
    """A YAML file, or a preset: paper, laptop, twitter15, twitter17, snap, wikidiverse, mnre, or one of the
    first five with -released behind it."""
    changes: Annotated[tuple[str, ...], Parameter(name="--set")] = ()
    """Change one key of the configuration, as KEY=VALUE; may be given again."""
    dry_run: bool = False
    """Say which steps would run and what they would cost."""
    limit: Positive | None = None
    """Take only the first N examples of each split, to try things."""
    print_config: bool = False
    """Print the resolved configuration, every key with its meaning, and end."""
    init: Path | None = None
    """Write a commented configuration for --cache to this file, and end."""
    cache: Path | None = None
    """The retrieval cache that --init looks at."""


def _command(given: Options) -> None:
    if given.init is not None:
        from training.initial_config import write_initial_config

        if given.cache is None:
            raise UsageError("--init goes with --cache DIR, the retrieval cache that is to be trained on")
        write_initial_config(given.init, given.cache)
        print(
            f"{given.init}: written; python -m training.run --config {given.init} --dry-run says what it costs"
        )
        return
    if given.cache is not None:
        raise UsageError(f"--cache goes with --init FILE; a run takes its cache by --set cache={given.cache}")
    if given.config is None:
        raise UsageError(
            "--config is needed: a YAML file or a preset; --init writes one for a cache of yours"
        )
    limit = [] if given.limit is None else [f"limit={given.limit}"]
    config = load_config(given.config, [*given.changes, *limit])
    if given.print_config:
        print(explained_yaml(config), end="")
        return
    show_progress()
    run(config, dry_run=given.dry_run)


def show_progress() -> None:
    """Let the lines of a run's progress be seen, with the time in front."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")


main = Command(
    "training.run",
    "Fit experts and mixtures on a retrieval cache.",
    Options,
    _command,
    examples="""
python -m training.run --config twitter17 --set cache=caches/twitter17 --set fit.epochs=2 --dry-run
python -m training.run --init mine.yaml --cache caches/mine
python -m training.run --config laptop --set cache=caches/mine
""",
)

if __name__ == "__main__":
    sys.exit(main())
