"""Parts of a load as a Beam pipeline: each worker loads one part at a time."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from pipelines.beam_run import Engine, run_pipeline
from pipelines.beam_workers import RunError
from pipelines.text_index.part_load import PartLoad, load_part
from pipelines.text_index.protocol import TextIndexError

__all__ = ["run_parts"]


def run_parts(parts: Sequence[PartLoad], look: Callable[[], None], *, engine: Engine) -> None:
    """Loads `parts` on all workers of `engine`; calls `look` a few times a second.

    Raises:
        TextIndexError: a worker's, or one that says how the pipeline failed.
    """
    if not parts:
        return
    try:
        run_pipeline(functools.partial(_draw_graph, parts=list(parts)), engine, look)
    except RunError as error:
        raise TextIndexError(f"{error}; what is loaded stays, the same command goes on") from error


def _draw_graph(pipeline: Any, *, parts: list[PartLoad]) -> None:
    import apache_beam as beam

    _ = (
        pipeline
        | "Parts" >> beam.Create(parts)
        | "Spread parts" >> beam.Reshuffle()
        | "Load" >> beam.Map(load_part)
    )
