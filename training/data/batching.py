"""Padded batches of encoded inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from training.data.inputs import EncodedInput

__all__ = ["Collator", "EncodedDataset", "batches_by_length"]

Target = int | list[int]


class EncodedDataset(Dataset[dict[str, Any]]):
    """Encoded inputs with their targets: a tag number a word (NER) or a class number (RE)."""

    def __init__(self, inputs: Sequence[EncodedInput], targets: Sequence[Target]) -> None:
        self.inputs, self.targets = inputs, targets

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, row: int) -> dict[str, Any]:
        encoded = self.inputs[row]
        return {
            # The name by which transformers' length-grouping sampler measures an example.
            "input_ids": encoded.input_ids,
            "places": encoded.places,
            "sentence_end": encoded.sentence_end,
            "targets": self.targets[row],
            "row": row,
        }


@dataclass(frozen=True)
class Collator:
    """Make a batch of dataset items.

    Returns ``input_ids`` and ``attention_mask`` [batch, sub-tokens], ``places`` and ``place_mask`` [batch,
    places], ``targets`` ([batch, places] or [batch]) and ``rows`` [batch]; for the cross-view alignment also
    ``plain_ids`` and ``plain_mask``, the inputs without their contexts, in which the places are the same.
    """

    pad: int
    close: int
    """The special token behind an input."""
    both_views: bool

    def __call__(self, items: Sequence[Mapping[str, Any]]) -> dict[str, Tensor]:
        """Return the batch."""
        places, place_mask = _padded([item["places"] for item in items], 0)
        input_ids, attention_mask = _padded([item["input_ids"] for item in items], self.pad)
        batch = {
            "input_ids": input_ids,
            "attention_mask": attention_mask,
            "places": places,
            "place_mask": place_mask,
            "targets": _targets([item["targets"] for item in items]),
            "rows": torch.tensor([item["row"] for item in items]),
        }
        if self.both_views:
            plain = [[*item["input_ids"][: item["sentence_end"]], self.close] for item in items]
            batch["plain_ids"], batch["plain_mask"] = _padded(plain, self.pad)
        return batch


def _padded(rows: Sequence[Sequence[int]], filler: int) -> tuple[Tensor, Tensor]:
    width = max(map(len, rows))
    numbers = torch.full((len(rows), width), filler)
    mask = torch.zeros((len(rows), width), dtype=torch.bool)
    for place, row in enumerate(rows):
        numbers[place, : len(row)] = torch.tensor(row)
        mask[place, : len(row)] = True
    return numbers, mask


def _targets(targets: Sequence[Target]) -> Tensor:
    rows = [target for target in targets if isinstance(target, list)]
    return _padded(rows, 0)[0] if rows else torch.tensor(targets)


def batches_by_length(lengths: Sequence[int], batch_size: int) -> Iterator[list[int]]:
    """Return row numbers in batches of like lengths, longest first, so that the first batch needs most memory."""
    order = sorted(range(len(lengths)), key=lambda row: (-lengths[row], row))
    for begin in range(0, len(order), batch_size):
        yield order[begin : begin + batch_size]
