"""An expert's distributions over a split, cached once: marginals (NER) or class probabilities (RE)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kc_schema.files import write_atomically

__all__ = ["Distributions", "load_distributions", "save_distributions"]


@dataclass(frozen=True)
class Distributions:
    """What an expert says about the examples of a split, token after token (RE: one token an example)."""

    probabilities: npt.NDArray[np.float32]
    """[tokens, labels], rows summing to one."""
    best: npt.NDArray[np.int64]
    """[tokens] labels of the best path (Viterbi; RE: the most likely relation)."""
    lengths: npt.NDArray[np.int64]
    """[examples] tokens of each example."""

    @property
    def independent(self) -> npt.NDArray[np.int64]:
        """[tokens] the most likely label of each token by itself: marginal decoding."""
        found: npt.NDArray[np.int64] = self.probabilities.argmax(1)
        return found

    def by_example(self, labels: npt.NDArray[np.int64]) -> list[list[int]]:
        """Gives labels [tokens] as one list an example."""
        ends = np.cumsum(self.lengths)
        return [labels[end - length : end].tolist() for end, length in zip(ends, self.lengths, strict=True)]


def join(parts: Sequence[tuple[int, npt.NDArray[np.float32], npt.NDArray[np.int64]]]) -> Distributions:
    """Gives the distributions of (row, probabilities, best) parts, by row."""
    ordered = sorted(parts, key=lambda part: part[0])
    return Distributions(
        np.concatenate([probabilities for _, probabilities, _ in ordered]),
        np.concatenate([best for _, _, best in ordered]),
        np.array([len(best) for _, _, best in ordered], dtype=np.int64),
    )


def save_distributions(path: Path, found: Distributions) -> None:
    """Writes distributions to a safetensors file."""
    from safetensors.numpy import save_file

    arrays: dict[str, npt.NDArray[Any]] = {
        "probabilities": found.probabilities,
        "best": found.best,
        "lengths": found.lengths,
    }
    write_atomically(path, lambda place: save_file(arrays, place))


def load_distributions(path: Path) -> Distributions:
    """Reads what `save_distributions` wrote."""
    from safetensors.numpy import load_file

    return Distributions(**load_file(path))
