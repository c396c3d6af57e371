"""Speed of the parts of retrieval, as the paper's Table 7 has it: sentences a second."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

__all__ = ["SAMPLE", "Speed", "measure"]

SAMPLE = 64
"""Examples that are timed."""

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Speed:
    """Sentences a second of one step."""

    step: str
    one_by_one: float
    batched: float
    batch: int
    """Sentences of a batch."""


def measure(steps: Mapping[str, Callable[[Sequence[Item]], object]], sample: Sequence[Item]) -> list[Speed]:
    """Times each step over the sample, one sentence at a time and all at once.

    A step is called once before it is timed, so that opening files is not counted.
    """
    speeds = []
    for name, step in steps.items():
        if not sample:
            continue
        step(sample[:1])
        single = _seconds(step, [sample[place : place + 1] for place in range(len(sample))])
        together = _seconds(step, [sample])
        speeds.append(Speed(name, len(sample) / single, len(sample) / together, len(sample)))
    return speeds


def _seconds(step: Callable[[Sequence[Item]], object], batches: Sequence[Sequence[Item]]) -> float:
    started = time.perf_counter()
    for batch in batches:
        step(batch)
    return max(time.perf_counter() - started, 1e-9)
