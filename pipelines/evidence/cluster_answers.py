"""Batches of examples answered on the workers of a cluster, each of which opens the corpora once."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.engine import Engine, StageTimes
from pipelines.evidence import EvidenceError
from pipelines.evidence.answers import NumberedBatch, answer_batch, is_answered
from pipelines.evidence.corpora import Corpora
from pipelines.evidence.crops import Cropper
from pipelines.evidence.options import RETRIEVED, Settings
from pipelines.evidence.sources import Source
from pipelines.evidence.steps import BuildSteps
from pipelines.text_index.options import SearchOptions

__all__ = ["ask_elsewhere"]


@dataclass(frozen=True)
class _Questions:
    """What all workers agree on; paths lie on a file system that they share."""

    steps: BuildSteps
    search: SearchOptions
    settings: Settings
    encoder_spec: str | None
    encoder_cache: Path | None
    device: str
    encoder_fingerprint: str | None
    """That of the driver's encoder."""
    cropper: Cropper

    def corpora(self) -> Corpora:
        """Return the corpora; none is opened yet."""
        return Corpora(self.search, self.settings, self.encoder_spec, self.encoder_cache, self.device)


def ask_elsewhere(
    corpora: Corpora,
    cropper: Cropper,
    steps: BuildSteps,
    batches: Sequence[NumberedBatch],
    engine: Engine,
    progress: Callable[[int, str], object],
    times: StageTimes,
) -> None:
    """Let the workers of a cluster answer the batches; what they find is kept by `steps`.

    Args:
        progress: takes how many examples are done.
        times: takes how long it takes.

    Raises:
        pipelines.engine.RunError: the pipeline failed, a corpus on a worker, or its encoder is another one.
    """
    names = list(corpora.settings.sources)
    if not corpora.has_encoder and not any(name in RETRIEVED for name in names):
        return
    questions = _Questions(
        steps,
        corpora.search,
        corpora.settings,
        corpora.encoder_spec,
        corpora.encoder_cache,
        corpora.device,
        corpora.encoder.fingerprint if corpora.has_encoder else None,
        cropper,
    )

    def finished(numbered: NumberedBatch) -> int | None:
        return len(numbered.batch.examples) if is_answered(corpora, steps, names, numbered) else None

    done = 0

    def arrived(examples: int) -> None:
        nonlocal done
        done += examples
        progress(done, "on the cluster")

    step = functools.partial(_answer, questions)
    with times.turn("encode and ask on the cluster", "examples") as time_of:
        engine.map(step, batches, finished=finished, label="Find evidence", arrived=arrived)
        time_of.done += done


_OPEN: dict[str, tuple[Corpora, dict[str, Source]]] = {}
"""What this process has opened, by the fingerprint of the build that asks."""
_OPENING = threading.Lock()


def _open(questions: _Questions) -> tuple[Corpora, dict[str, Source]]:
    with _OPENING:
        if questions.steps.inputs not in _OPEN:
            corpora = questions.corpora()
            known = (
                questions.encoder_fingerprint
            )  # None where text is asked alone, and there may be no encoder
            if known is not None and known != corpora.encoder.fingerprint:
                raise EvidenceError(
                    f"encoder {corpora.encoder.name}: its weights on this worker are not the driver's; give --encoder"
                    " with files on the shared storage"
                )
            names = filter(RETRIEVED.__contains__, questions.settings.sources)
            _OPEN[questions.steps.inputs] = (
                corpora,
                {name: corpora.source(name, questions.cropper) for name in names},
            )
        return _OPEN[questions.steps.inputs]


def _answer(questions: _Questions, numbered: NumberedBatch) -> int:
    corpora, sources = _open(questions)
    # The driver times all that workers do as one stage.
    answer_batch(corpora, questions.steps, sources, numbered.batch, numbered.number, StageTimes())
    return len(numbered.batch.examples)
