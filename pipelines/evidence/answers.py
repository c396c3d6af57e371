"""A batch of examples answered by the corpora: encoded, then asked source by source, each a step that is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

import pyarrow as pa

from pipelines.engine import StageTimes
from pipelines.evidence.corpora import Corpora
from pipelines.evidence.options import RETRIEVED
from pipelines.evidence.queries import QueryBatch, encode_examples
from pipelines.evidence.sources import Source, SourceAnswer
from pipelines.evidence.steps import BuildSteps

__all__ = ["NumberedBatch", "answer_batch", "is_answered"]


@dataclass(frozen=True, slots=True)
class NumberedBatch:
    """A batch and its number within its split, by which its steps are known."""

    number: int
    batch: QueryBatch


def answer_batch(
    corpora: Corpora,
    steps: BuildSteps,
    sources: Mapping[str, Source],
    batch: QueryBatch,
    number: int,
    times: StageTimes,
    *,
    look: Callable[[str], object] = lambda _: None,
) -> tuple[pa.Table | None, dict[str, SourceAnswer]]:
    """Return the vectors of a batch, None where nothing is encoded, and what the sources of a corpus have for it.

    Args:
        times: takes how long encoding and each source take for what is not kept.
        look: is called with the name of the source that is asked next.

    Raises:
        kc_schema.errors.UserError: a corpus fails.
    """
    vectors: pa.Table | None = None
    if corpora.has_encoder:
        name = _step_name("features", batch, number)
        vectors = steps.table(name, partial(_encode, corpora, batch, times))
        batch = batch.with_vectors(vectors)
    answers = {}
    for name in filter(RETRIEVED.__contains__, sources):
        look(name)
        ask = partial(_retrieve, corpora, sources[name], name, batch, times)
        answers[name] = steps.answer(_step_name(name, batch, number), ask)
    return vectors, answers


def is_answered(corpora: Corpora, steps: BuildSteps, sources: Iterable[str], numbered: NumberedBatch) -> bool:
    """Tell whether all that `answer_batch` gives for a batch is kept."""
    names = [*(["features"] if corpora.has_encoder else []), *filter(RETRIEVED.__contains__, sources)]
    return all(steps.has(_step_name(name, numbered.batch, numbered.number)) for name in names)


def _step_name(name: str, batch: QueryBatch, number: int) -> str:
    return f"{batch.split}/{name}-{number:05d}"


def _encode(corpora: Corpora, batch: QueryBatch, times: StageTimes) -> pa.Table:
    with times.turn("encode", "examples") as time_of:
        vectors = encode_examples(corpora.encoder, batch)
        time_of.done += len(batch.examples)
    return vectors


def _retrieve(
    corpora: Corpora, source: Source, name: str, batch: QueryBatch, times: StageTimes
) -> SourceAnswer:
    with times.turn(f"ask {name}", "examples") as time_of:
        answer = source.ask(batch)
        if corpora.settings.rerank_by_image:
            from pipelines.evidence.image_sources import with_agreement

            answer = SourceAnswer(with_agreement(answer.hits, batch, corpora.encoder), answer.counts)
        time_of.done += len(batch.examples)
    return answer
