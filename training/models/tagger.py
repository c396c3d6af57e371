"""The tagger: encoder, linear emissions, linear-chain CRF (paper section 2.2, NER)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from training.models.crf import LinearChainCrf
from training.models.encoder import encode
from training.models.task_model import TaskModel

__all__ = ["Tagger"]


class Tagger(TaskModel):
    """Labels the words of a sentence; evidence behind it is read and neither scored nor decoded.

    Args:
        encoder: a transformers encoder.
        labels: number of tags.
        dropout: probability of dropping a number of a word's representation.
        temperature: of the cross-view alignment.
        legal_moves: as `LinearChainCrf` takes them, or None to allow all.
    """

    def __init__(
        self,
        encoder: Any,
        labels: int,
        *,
        dropout: float,
        temperature: float,
        legal_moves: Tensor | None = None,
    ) -> None:
        super().__init__(encoder, temperature)
        self.dropout = nn.Dropout(dropout)
        self.emission = nn.Linear(encoder.config.hidden_size, labels)
        self.crf = LinearChainCrf(labels, legal_moves)

    def scores(self, input_ids: Tensor, attention_mask: Tensor, places: Tensor) -> Tensor:
        """Gives the emissions of every word: float32 [batch, words, tags]."""
        words = self.dropout(encode(self.encoder, input_ids, attention_mask, places))
        with torch.autocast(words.device.type, enabled=False):
            emissions: Tensor = self.emission(words.float())
        return emissions

    def negative_log_likelihood(self, scores: Tensor, targets: Tensor, mask: Tensor) -> Tensor:
        """Gives -log P(tags) of the sentences: [batch]."""
        return self.crf.negative_log_likelihood(scores, targets, mask)

    def posteriors(self, scores: Tensor, mask: Tensor) -> Tensor:
        """Gives the marginals of every word: [batch, words, tags]."""
        return self.crf.marginals(scores, mask)

    def decode(self, scores: Tensor, mask: Tensor) -> Tensor:
        """Gives the best path by Viterbi: [batch, words]."""
        return self.crf.decode(scores, mask)

    def decode_legally(self, scores: Tensor, mask: Tensor, legal_moves: Tensor) -> Tensor:
        """Gives the best path among those whose moves are legal: [batch, words]."""
        return self.crf.decode(scores, mask, legal_moves)

    def token_mask(self, place_mask: Tensor) -> Tensor:
        """Every word counts."""
        return place_mask
