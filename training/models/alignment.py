"""Cross-view alignment: the input without evidence learns from the input with it.

Section 3.1 of the paper ("Training Configuration") names it, ITA (Wang et al. 2022b) describes it; the
weights and the direction are those of the released code.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import kl_div, log_softmax

from training.models.crf import exact

__all__ = ["aligned_loss", "alignment"]

# A smaller posterior counts as this, so that its logarithm and gradient stay finite.
_LEAST = 1e-30


def alignment(teacher: Tensor, student: Tensor, mask: Tensor, temperature: float) -> Tensor:
    """Gives ``T^2 KL(teacher || student)`` of each example, summed over its tokens: [batch], in nats.

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
    """Gives ``0.5 (NLL_context + NLL_original) + 0.5 KL`` as the mean over the batch; all [batch]."""
    return (0.5 * (context_nll + plain_nll) + 0.5 * divergence).mean()
