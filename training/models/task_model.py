"""What tagger and relation classifier share: an encoder, two views of an input, one loss."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn

from training.models.alignment import aligned_loss, alignment

__all__ = ["TaskModel"]


class TaskModel(nn.Module, ABC):
    """An encoder with the head of a task; calling it gives the training loss.

    Args:
        encoder: a transformers encoder.
        temperature: of the cross-view alignment, which takes part wherever a batch has both views.
    """

    def __init__(self, encoder: Any, temperature: float) -> None:
        super().__init__()
        self.encoder = encoder
        self.temperature = temperature

    @abstractmethod
    def scores(self, input_ids: Tensor, attention_mask: Tensor, places: Tensor) -> Tensor:
        """Gives the head's scores in float32: [batch, tokens, labels] (RE: one token)."""

    @abstractmethod
    def negative_log_likelihood(self, scores: Tensor, targets: Tensor, mask: Tensor) -> Tensor:
        """Gives -log P(targets): [batch], in nats (paper, equations 1 and 2)."""

    @abstractmethod
    def posteriors(self, scores: Tensor, mask: Tensor) -> Tensor:
        """Gives P(label | input) of every token, rows summing to one: [batch, tokens, labels]."""

    @abstractmethod
    def decode(self, scores: Tensor, mask: Tensor) -> Tensor:
        """Gives the best labels: [batch, tokens] int64."""

    def decode_legally(self, scores: Tensor, mask: Tensor, legal_moves: Tensor) -> Tensor | None:  # noqa: ARG002
        """Gives the best labels whose moves are legal, None where labels do not follow one another."""
        return None

    @abstractmethod
    def token_mask(self, place_mask: Tensor) -> Tensor:
        """Gives which of the scored tokens count: [batch, tokens] bool."""

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        places: Tensor,
        place_mask: Tensor,
        targets: Tensor,
        plain_ids: Tensor | None = None,
        plain_mask: Tensor | None = None,
        **_: Any,
    ) -> dict[str, Tensor]:
        """Gives ``{"loss": ...}`` of a batch as `training.data.batching.Collator` makes it."""
        mask = self.token_mask(place_mask)
        scores = self.scores(input_ids, attention_mask, places)
        # Autocast would take the CRF's products back to bfloat16.
        with torch.autocast(scores.device.type, enabled=False):
            nll = self.negative_log_likelihood(scores, targets, mask)
        if plain_ids is None or plain_mask is None:
            return {"loss": nll.mean().float()}
        plain_scores = self.scores(plain_ids, plain_mask, places)
        with torch.autocast(scores.device.type, enabled=False):
            plain_nll = self.negative_log_likelihood(plain_scores, targets, mask)
            with torch.no_grad():
                teacher = self.posteriors(scores, mask)
            divergence = alignment(teacher, self.posteriors(plain_scores, mask), mask, self.temperature)
            return {"loss": aligned_loss(nll, plain_nll, divergence).float()}
