"""Fits experts and mixtures on a retrieval cache and writes the paper's tables for it.

::

    python -m training.run --config twitter17 --set cache=caches/twitter17 --dry-run
    python -m training.run --config twitter17 --set cache=caches/twitter17
    accelerate launch --num_processes 4 -m training.run --config twitter17
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence

from kc_schema.retrieval_cache import CacheError, open_cache
from training.config import ConfigError, RunConfig
from training.config_file import load_config, preset_names
from training.errors import TrainingError

__all__ = ["main", "quiet_libraries", "run", "say_progress"]

_EXAMPLE = """example:
  python -m training.run --config twitter17 --set cache=caches/twitter17 --set fit.epochs=2 --dry-run
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; gives its exit status: 2 for a wrong configuration, 1 for a run that cannot go on."""
    arguments = _parser().parse_args(argv)
    say_progress()
    try:
        run(load_config(arguments.config, arguments.changes), dry_run=arguments.dry_run)
    except ConfigError as error:
        print(f"configuration: {error}", file=sys.stderr)
        return 2
    except (CacheError, TrainingError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; the same command goes on where this one was", file=sys.stderr)
        return 130
    return 0


def run(config: RunConfig, *, dry_run: bool = False) -> None:
    """Does all steps of a run that are not current; with `dry_run` only says what they are.

    Raises:
        CacheError: the cache cannot be read, or its files are not those of its manifest.
        TrainingError: the cache does not fit the configuration, another run is writing into the folder, or
            training cannot go on.
    """
    quiet_libraries()
    from accelerate import PartialState  # type: ignore[import-untyped]

    from training.cost import describe_plan
    from training.devices import choose_device
    from training.planning import plan_run
    from training.run_folder import claimed
    from training.steps import run_steps
    from training.task import load_task

    cache = open_cache(config.cache, verify=True)
    task = load_task(cache, config)
    plan = plan_run(config, cache, task)
    if dry_run:
        print(describe_plan(plan))
        return
    # The first to ask decides on which kind of device processes find each other.
    main_process = PartialState(cpu=choose_device(config.device).type == "cpu").is_main_process
    if not main_process:
        logging.getLogger("training").setLevel(logging.WARNING)
        run_steps(plan.steps)
        return
    with claimed(plan.output):
        plan.save_config()
        run_steps(plan.steps)
    print((plan.output / "report" / "report.md").read_text())
    print(f"report: {plan.output / 'report' / 'report.html'}")


def say_progress() -> None:
    """Lets the lines of a run's progress be seen, with the time in front."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")


def quiet_libraries() -> None:
    """Our lines say what happens; progress bars of model loading and advertisements do not."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    from transformers.utils import logging as transformers_logging

    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.run",
        description="Fits experts and mixtures on a retrieval cache and writes the paper's tables for it.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--config", required=True, help=f"a YAML file, or a preset: {', '.join(preset_names())}"
    )
    parser.add_argument(
        "--set",
        dest="changes",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="change one key of the configuration; may be given again",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="say which steps would run and what they would cost"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
