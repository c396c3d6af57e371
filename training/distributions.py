"""An expert's distributions over a split, cached once: marginals (NER) or class probabilities (RE)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kc_schema.store import write_atomically

__all__ = ["Distributions", "join", "load_distributions", "save_distributions"]


@dataclass(frozen=True)
class Distributions:
    """What an expert says about the examples of a split, token after token (RE: one token an example)."""

    probabilities: npt.NDArray[np.float32]
    """[tokens, labels], rows summing to one."""
    best: npt.NDArray[np.int64]
    """[tokens] labels of the best path (Viterbi; RE: the most likely relation)."""
    lengths: npt.NDArray[np.int64]
    """[examples] tokens of each example."""
    legal: npt.NDArray[np.int64] | None = None
    """[tokens] labels of the best path whose moves are legal; None for RE and for mixtures."""

    @property
    def independent(self) -> npt.NDArray[np.int64]:
        """[tokens] the most likely label of each token by itself: marginal decoding."""
        found: npt.NDArray[np.int64] = self.probabilities.argmax(1)
        return found

    def by_example(self, labels: npt.NDArray[np.int64]) -> list[list[int]]:
        """Return labels [tokens] as one list an example."""
        ends = np.cumsum(self.lengths)
        return [labels[end - length : end].tolist() for end, length in zip(ends, self.lengths, strict=True)]


def join(parts: Sequence[Distributions]) -> Distributions:
    """Return the distributions over all examples of the parts, one part after another."""
    legal = [part.legal for part in parts if part.legal is not None]
    return Distributions(
        np.concatenate([part.probabilities for part in parts]),
        np.concatenate([part.best for part in parts]),
        np.concatenate([part.lengths for part in parts]),
        np.concatenate(legal) if legal else None,
    )


def save_distributions(path: Path, found: Distributions) -> None:
    """Write distributions to a safetensors file."""
    from safetensors.numpy import save_file

    arrays: dict[str, npt.NDArray[Any]] = {
        name: array for name, array in vars(found).items() if array is not None
    }
    write_atomically(path, lambda place: save_file(arrays, place))


def load_distributions(path: Path) -> Distributions:
    """Read what `save_distributions` wrote."""
    from safetensors.numpy import load_file

    return Distributions(**load_file(path))
