"""Speed of the parts of retrieval on this machine, as the paper's Table 7 has it: sentences a second."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from kc_schema.retrieval_cache import SPEED
from kc_schema.store import write_text
from pipelines.evidence.build import CacheBuild, batches_of
from pipelines.evidence.options import DEFAULT_K
from pipelines.evidence.queries import QueryBatch, encode_examples

__all__ = ["SAMPLE", "StepSpeed", "measure", "measure_speeds", "show_speeds", "write_speeds"]

SAMPLE = 64
"""Examples that are timed."""

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class StepSpeed:
    """Sentences a second of one step."""

    step: str
    one_by_one: float
    batched: float
    batch: int
    """Sentences of a batch."""


def measure(
    steps: Mapping[str, Callable[[Sequence[Item]], object]], sample: Sequence[Item]
) -> list[StepSpeed]:
    """Time each step over the sample, one sentence at a time and all at once.

    A step is called once before it is timed, so that opening files is not counted.
    """
    speeds = []
    for name, step in steps.items():
        if not sample:
            continue
        step(sample[:1])
        single = _seconds(step, [sample[place : place + 1] for place in range(len(sample))])
        together = _seconds(step, [sample])
        speeds.append(StepSpeed(name, len(sample) / single, len(sample) / together, len(sample)))
    return speeds


def _seconds(step: Callable[[Sequence[Item]], object], batches: Sequence[Sequence[Item]]) -> float:
    started = time.perf_counter()
    for batch in batches:
        step(batch)
    return max(time.perf_counter() - started, 1e-9)


def measure_speeds(build: CacheBuild) -> list[StepSpeed]:
    """Return the speeds of features, text retrieval and image retrieval, as far as the cache uses them."""
    split = next(iter(build.dataset.splits))
    batch = next(batches_of(build, split))
    places = list(range(min(SAMPLE, len(batch.examples))))
    corpora, sources = build.corpora, build.settings.sources
    steps: dict[str, Callable[[Sequence[int]], object]] = {}
    if corpora.has_encoder:
        steps["features (text and image)"] = lambda some: encode_examples(corpora.encoder, batch.only(some))
    if "text" in sources:
        k = sources["text"].candidates
        queries = batch.queries
        steps["text retrieval"] = lambda some: corpora.text_index.search([queries[p] for p in some], k)
    if build.settings.needs("sentence_image", "image", "object"):
        vectors = _vectors(build, batch, places)
        if len(vectors):
            steps["image retrieval"] = lambda some: corpora.images.index.search(
                vectors[list(some)], DEFAULT_K
            )
    return measure(steps, places)


def _vectors(build: CacheBuild, batch: QueryBatch, places: Sequence[int]) -> npt.NDArray[np.float32]:
    """Return a vector a place to search images by, those of images where there are any."""
    table = encode_examples(build.corpora.encoder, batch.only(places))
    columns = [table.column(name).drop_null().to_pylist() for name in ("image_vector", "text_vector")]
    known: list[Any] = next((vectors for vectors in columns if vectors), [])
    return np.array([known[place % len(known)] for place in places] if known else [], np.float32)


def write_speeds(build: CacheBuild, speeds: Sequence[StepSpeed]) -> None:
    """Write the speeds beside the cache, for the report of a training."""
    text = json.dumps({"speeds": [asdict(speed) for speed in speeds]})
    write_text(build.output / SPEED, text)


def show_speeds(console: Console, speeds: Sequence[StepSpeed]) -> None:
    """Print the speeds as the paper's Table 7 has them."""
    if not speeds:
        return
    table = Table(title="speed on this machine, sentences/s", title_justify="left")
    for name in ("", "batch of 1", "batched", "in batches of"):
        table.add_column(name, justify="left" if not name else "right")
    for speed in speeds:
        table.add_row(speed.step, f"{speed.one_by_one:,.1f}", f"{speed.batched:,.1f}", str(speed.batch))
    console.print(table)
