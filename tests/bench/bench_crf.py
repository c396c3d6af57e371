"""Times the CRF against pytorch-crf, side by side: ``python -m tests.bench.bench_crf``.

Batch 32, forward and backward of the likelihood and decoding, on the CPU with the threads that torch takes.
The last line says how often faster ours is with 27 labels and 128 tokens; exit status 1 below twice.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import torch
import torchcrf

from training.models.crf import LinearChainCrf

ROUNDS = 15


def milliseconds(*calls: Callable[[], object]) -> list[float]:
    """Return the median time of each call; the calls take turns, so that a busy machine slows all of them."""
    times: list[list[float]] = [[] for _ in calls]
    for turn in range(ROUNDS + 3):
        for place, call in enumerate(calls):
            begin = time.perf_counter()
            call()
            if turn >= 3:
                times[place].append((time.perf_counter() - begin) * 1000)
    return [statistics.median(row) for row in times]


def compare(tags: int, length: int, batch: int = 32) -> float:
    """Prints one row and gives how often faster the likelihood is."""
    torch.manual_seed(0)
    ours, other = LinearChainCrf(tags), torchcrf.CRF(tags, batch_first=True)
    emissions = torch.randn(batch, length, tags, requires_grad=True)
    labels = torch.randint(tags, (batch, length))
    lengths = torch.randint(length // 2, length + 1, (batch,))
    lengths[0] = length
    mask = torch.arange(length) < lengths.unsqueeze(1)
    likelihood, theirs, marginals, decode, their_decode = milliseconds(
        lambda: ours.negative_log_likelihood(emissions, labels, mask).sum().backward(),
        lambda: (-other(emissions, labels, mask=mask)).backward(),
        lambda: ours.marginals(emissions.detach(), mask),
        lambda: ours.decode(emissions, mask),
        lambda: other.decode(emissions, mask=mask),
    )
    print(
        f"{tags:4} labels {length:4} tokens: likelihood {likelihood:6.1f} ms, pytorch-crf {theirs:6.1f} "
        f"({theirs / likelihood:.1f}x); decoding {decode:5.1f} ms, pytorch-crf {their_decode:5.1f} "
        f"({their_decode / decode:.1f}x); marginals {marginals:5.1f} ms"
    )
    return theirs / likelihood


def main() -> int:
    """Run the benchmark."""
    ratio = 0.0
    for tags in (9, 27):
        for length in (64, 128):
            ratio = compare(tags, length)
    print(f"likelihood, 27 labels, 128 tokens, batch 32: {ratio:.1f} times as fast as pytorch-crf")
    return 0 if ratio >= 2 else 1


if __name__ == "__main__":
    sys.exit(main())
