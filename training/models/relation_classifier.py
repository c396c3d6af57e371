"""The relation classifier: ``[r_S; r_O]`` of the marked input, a linear layer, softmax (paper section 2.2)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from training.models.encoder import encode
from training.models.task_model import TaskModel

__all__ = ["RelationClassifier"]


class RelationClassifier(TaskModel):
    """Names the relation of subject and object; LayerNorm and dropout before the linear layer as in PURE.

    Args:
        encoder: a transformers encoder whose embeddings hold the markers.
        labels: number of relations.
        dropout: probability of dropping a number of the pair's representation.
        temperature: of the cross-view alignment.
    """

    def __init__(self, encoder: Any, labels: int, *, dropout: float, temperature: float) -> None:
        super().__init__(encoder, temperature)
        width = 2 * encoder.config.hidden_size
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Dropout(dropout), nn.Linear(width, labels))

    def scores(self, input_ids: Tensor, attention_mask: Tensor, places: Tensor) -> Tensor:
        """Gives the logits of every pair: float32 [batch, 1, relations].

        `places` are the positions of ``<S>`` and ``<O>``, in this order wherever they stand in the sentence.
        """
        pair = encode(self.encoder, input_ids, attention_mask, places).flatten(1)
        with torch.autocast(pair.device.type, enabled=False):
            logits: Tensor = self.head(pair.float())
        return logits.unsqueeze(1)

    def negative_log_likelihood(self, scores: Tensor, targets: Tensor, mask: Tensor) -> Tensor:  # noqa: ARG002
        """Gives -log P(relation): [batch]."""
        return cross_entropy(scores.squeeze(1), targets, reduction="none")

    def posteriors(self, scores: Tensor, mask: Tensor) -> Tensor:  # noqa: ARG002
        """Gives the class probabilities: [batch, 1, relations]."""
        return scores.softmax(-1)

    def decode(self, scores: Tensor, mask: Tensor) -> Tensor:  # noqa: ARG002
        """Gives the most likely relation: [batch, 1]."""
        return scores.argmax(-1)

    def token_mask(self, place_mask: Tensor) -> Tensor:
        """A pair counts as one token."""
        return place_mask[:, :1]
