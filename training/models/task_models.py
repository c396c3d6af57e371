"""The models of both tasks: an encoder, a head, and one loss over two views of an input.

Tagger and relation classifier are those of section 2.2 of the paper. Cross-view alignment lets the input without
evidence learn from the input with it: section 3.1 ("Training Configuration") names it, ITA (Wang et al. 2022b)
describes it; its weights and direction are those of the released code.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, kl_div, log_softmax

from training.models.crf import LinearChainCrf, exact
from training.models.encoder import encode

__all__ = ["RelationClassifier", "Tagger", "TaskModel", "aligned_loss", "alignment"]

# A smaller posterior counts as this, so that its logarithm and gradient stay finite.
_LEAST = 1e-30


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
        """Return the head's scores in float32: [batch, tokens, labels] (RE: one token)."""

    @abstractmethod
    def negative_log_likelihood(self, scores: Tensor, targets: Tensor, mask: Tensor) -> Tensor:
        """Return -log P(targets): [batch], in nats (paper, equations 1 and 2)."""

    @abstractmethod
    def posteriors(self, scores: Tensor, mask: Tensor) -> Tensor:
        """Return P(label | input) of every token, rows summing to one: [batch, tokens, labels]."""

    @abstractmethod
    def decode(self, scores: Tensor, mask: Tensor) -> Tensor:
        """Return the best labels: [batch, tokens] int64."""

    def decode_legally(self, scores: Tensor, mask: Tensor, legal_moves: Tensor) -> Tensor | None:  # noqa: ARG002
        """Return the best labels whose moves are legal, None where labels do not follow one another."""
        return None

    @abstractmethod
    def token_mask(self, place_mask: Tensor) -> Tensor:
        """Return which of the scored tokens count: [batch, tokens] bool."""

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
        """Return ``{"loss": ...}`` of a batch as `training.data.batching.Collator` makes it."""
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


class Tagger(TaskModel):
    """Label the words of a sentence; evidence behind it is read and neither scored nor decoded.

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
        """Return the emissions of every word: float32 [batch, words, tags]."""
        words = self.dropout(encode(self.encoder, input_ids, attention_mask, places))
        with torch.autocast(words.device.type, enabled=False):
            emissions: Tensor = self.emission(words.float())
        return emissions

    def negative_log_likelihood(self, scores: Tensor, targets: Tensor, mask: Tensor) -> Tensor:
        """Return -log P(tags) of the sentences: [batch]."""
        return self.crf.negative_log_likelihood(scores, targets, mask)

    def posteriors(self, scores: Tensor, mask: Tensor) -> Tensor:
        """Return the marginals of every word: [batch, words, tags]."""
        return self.crf.marginals(scores, mask)

    def decode(self, scores: Tensor, mask: Tensor) -> Tensor:
        """Return the best path by Viterbi: [batch, words]."""
        return self.crf.decode(scores, mask)

    def decode_legally(self, scores: Tensor, mask: Tensor, legal_moves: Tensor) -> Tensor:
        """Return the best path among those whose moves are legal: [batch, words]."""
        return self.crf.decode(scores, mask, legal_moves)

    def token_mask(self, place_mask: Tensor) -> Tensor:
        """Every word counts."""
        return place_mask


class RelationClassifier(TaskModel):
    """Name the relation of subject and object; LayerNorm and dropout before the linear layer as in PURE.

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
        """Return the logits of every pair: float32 [batch, 1, relations].

        `places` are the positions of ``<S>`` and ``<O>``, in this order wherever they stand in the sentence.
        """
        pair = encode(self.encoder, input_ids, attention_mask, places).flatten(1)
        with torch.autocast(pair.device.type, enabled=False):
            logits: Tensor = self.head(pair.float())
        return logits.unsqueeze(1)

    def negative_log_likelihood(self, scores: Tensor, targets: Tensor, mask: Tensor) -> Tensor:  # noqa: ARG002
        """Return -log P(relation): [batch]."""
        return cross_entropy(scores.squeeze(1), targets, reduction="none")

    def posteriors(self, scores: Tensor, mask: Tensor) -> Tensor:  # noqa: ARG002
        """Return the class probabilities: [batch, 1, relations]."""
        return scores.softmax(-1)

    def decode(self, scores: Tensor, mask: Tensor) -> Tensor:  # noqa: ARG002
        """Return the most likely relation: [batch, 1]."""
        return scores.argmax(-1)

    def token_mask(self, place_mask: Tensor) -> Tensor:
        """A pair counts as one token."""
        return place_mask[:, :1]


def alignment(teacher: Tensor, student: Tensor, mask: Tensor, temperature: float) -> Tensor:
    """Return ``T^2 KL(teacher || student)`` of each example, summed over its tokens: [batch], in nats.

    Args:
        teacher: [batch, tokens, labels] posteriors of the view with contexts; no gradient flows into them.
        student: the same of the view without.
        mask: [batch, tokens] bool, true for the tokens that count.
        temperature: T, applied to the logarithms of the posteriors.
    """
    target = log_softmax(exact(teacher.detach()).clamp_min(_LEAST).log() / temperature, -1)
    given = log_softmax(exact(student).clamp_min(_LEAST).log() / temperature, -1)
    divergence = kl_div(given, target, reduction="none", log_target=True).sum(-1)
    return temperature**2 * torch.where(mask, divergence, 0.0).sum(1)


def aligned_loss(context_nll: Tensor, plain_nll: Tensor, divergence: Tensor) -> Tensor:
    """Return ``0.5 (NLL_context + NLL_original) + 0.5 KL`` as the mean over the batch; all [batch]."""
    return (0.5 * (context_nll + plain_nll) + 0.5 * divergence).mean()
