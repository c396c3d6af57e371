"""A linear-chain conditional random field: likelihood, marginals, best path.

Paper section 2.2 (the potentials) and 2.3 (alpha, beta and the marginals). Emissions are taken to float32
or better before anything else: in bfloat16 the sums are wrong by orders of magnitude.

The recursions run in the probability domain, renormalised at every token (Rabiner 1989, section V.A), so a
step is a matrix product and no logarithm, and a forbidden move is an exact zero with an exact zero gradient.
They run in float64, whose range lets the scores at one token differ by 700 before one of them vanishes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["FORBIDDEN", "LinearChainCrf", "exact", "viterbi"]

FORBIDDEN = -1e4
"""Score of a move that may not be made: exp of it is zero."""


class LinearChainCrf(nn.Module):
    """A linear-chain CRF over `tags` labels with start and end transitions.

    A sequence ``y`` of n labels scores ``start[y1] + sum_i emission[i, yi] + sum_i transitions[y(i-1), yi] +
    end[yn]``. Shapes: emissions [batch, length, tags], labels and mask [batch, length]; the mask is true for
    the tokens of a sequence, which stand at its beginning, at least one of them.

    Args:
        tags: number of labels.
        legal_moves: [tags + 1, tags + 1] bool, true where label j may follow label i; the last row is the
            start, the last column the end. None allows every move.
    """

    transitions: Tensor
    start: Tensor
    end: Tensor
    legal_moves: Tensor | None

    def __init__(self, tags: int, legal_moves: Tensor | None = None) -> None:
        super().__init__()
        if legal_moves is not None and legal_moves.shape != (tags + 1, tags + 1):
            raise ValueError(f"legal_moves is {list(legal_moves.shape)}, not [{tags + 1}, {tags + 1}]")
        self.tags = tags
        self.transitions = nn.Parameter(torch.empty(tags, tags).uniform_(-0.1, 0.1))
        self.start = nn.Parameter(torch.empty(tags).uniform_(-0.1, 0.1))
        self.end = nn.Parameter(torch.empty(tags).uniform_(-0.1, 0.1))
        self.register_buffer("legal_moves", legal_moves, persistent=False)

    def negative_log_likelihood(self, emissions: Tensor, labels: Tensor, mask: Tensor) -> Tensor:
        """Return -log P(labels) of each sequence: [batch], in nats (paper, equation 1).

        Labels outside the mask are not looked at.
        """
        emissions = exact(emissions)
        return self.log_partition(emissions, mask) - self._score(emissions, labels, mask)

    def log_partition(self, emissions: Tensor, mask: Tensor) -> Tensor:
        """Return the log of the summed potentials of all label sequences: [batch]."""
        emissions = exact(emissions)
        weights, shift = _weights(emissions)
        moves, start, end, offset = self._moves(emissions.dtype)
        alphas, scales = _forward(weights, mask, moves, start)
        last = (alphas[-1] * end).sum(-1)
        lengths = mask.sum(1)
        shifts = (shift * mask).sum(1)
        return scales.log().sum(1) + last.log() + shifts + offset * (lengths - 1)

    def marginals(self, emissions: Tensor, mask: Tensor) -> Tensor:
        """Return P(label i = y) for every token by forward-backward: [batch, length, tags].

        Rows sum to one; rows outside the mask are zero. Differentiable. In the precision of the recursion
        (float64 where the device has it).
        """
        weights, _ = _weights(exact(emissions))
        moves, start, end, _ = self._moves(weights.dtype)
        alphas, _ = _forward(weights, mask, moves, start)
        betas = _backward(weights, mask, moves, end)
        joint = torch.stack(alphas, 1) * torch.stack(betas, 1)
        joint = torch.where(mask.unsqueeze(-1), joint, joint.new_zeros(()))
        total = joint.sum(-1, keepdim=True)
        return joint / torch.where(mask.unsqueeze(-1), total, total.new_ones(()))

    @torch.no_grad()
    def decode(self, emissions: Tensor, mask: Tensor, legal_moves: Tensor | None = None) -> Tensor:
        """Return the labels of the most likely sequence: [batch, length] int64, 0 outside the mask.

        `legal_moves` forbids moves for this call, as those given at the beginning do always.
        """
        transitions, start, end = self._scores(legal_moves)
        return viterbi(emissions.float(), mask, transitions, start, end)

    def _scores(self, legal_moves: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Return transitions, start and end in float32 or better, forbidden moves at `FORBIDDEN`."""
        found = (self.transitions, self.start, self.end)
        transitions, start, end = (part if part.dtype == torch.float64 else part.float() for part in found)
        for legal in (self.legal_moves, legal_moves):
            if legal is None:
                continue
            transitions = transitions.masked_fill(~legal[:-1, :-1], FORBIDDEN)
            start = start.masked_fill(~legal[-1, :-1], FORBIDDEN)
            end = end.masked_fill(~legal[:-1, -1], FORBIDDEN)
        return transitions, start, end

    def _moves(self, kind: torch.dtype) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return exp of transitions (less their greatest score, the fourth value), of start and of end."""
        transitions, start, end = (part.to(kind) for part in self._scores())
        greatest = transitions.detach().max()
        return (transitions - greatest).exp(), start.exp(), end.exp(), greatest

    def _score(self, emissions: Tensor, labels: Tensor, mask: Tensor) -> Tensor:
        transitions, start, end = (part.to(emissions.dtype) for part in self._scores())
        labels = labels.masked_fill(~mask, 0)
        emitted = emissions.gather(2, labels.unsqueeze(-1)).squeeze(-1) * mask
        moved = transitions[labels[:, :-1], labels[:, 1:]] * mask[:, 1:]
        last = labels.gather(1, (mask.sum(1, keepdim=True) - 1)).squeeze(1)
        return start[labels[:, 0]] + emitted.sum(1) + moved.sum(1) + end[last]


def exact(numbers: Tensor) -> Tensor:
    """Return numbers in float64, or in float32 on a device that has nothing better."""
    return numbers.float() if numbers.device.type == "mps" else numbers.double()


def _weights(emissions: Tensor) -> tuple[Tensor, Tensor]:
    """Return exp(emissions - shift) and the shift, each token's greatest emission: [batch, length]."""
    shift = emissions.detach().amax(-1)
    return (emissions - shift.unsqueeze(-1)).exp(), shift


def _forward(weights: Tensor, mask: Tensor, moves: Tensor, start: Tensor) -> tuple[list[Tensor], Tensor]:
    """Return alpha at every token, [batch, tags] summing to one, and the scales taken out: [batch, length].

    Behind a sequence's end alpha stays as it was there and the scale is one.
    """
    alpha = weights[:, 0] * start
    scale = alpha.sum(-1, keepdim=True)
    alpha = alpha / scale
    alphas, scales = [alpha], [scale]
    inside = mask.unsqueeze(-1).unbind(1)
    ragged = not bool(mask.all())
    for position, weight in enumerate(weights.unbind(1)[1:], start=1):
        moved = (alpha @ moves) * weight
        scale = moved.sum(-1, keepdim=True)
        if ragged:
            scale = torch.where(inside[position], scale, 1.0)
            moved = torch.where(inside[position], moved, alpha)
        alpha = moved / scale
        alphas.append(alpha)
        scales.append(scale)
    return alphas, torch.cat(scales, 1)


def _backward(weights: Tensor, mask: Tensor, moves: Tensor, end: Tensor) -> list[Tensor]:
    """Return beta at every token, [batch, tags], up to a factor a token.

    Behind a sequence's end beta is that of its last token.
    """
    beta = end.expand(weights.shape[0], -1)
    betas = [beta]
    each_weight = weights.unbind(1)
    inside = mask.unsqueeze(-1).unbind(1)
    reverse = moves.t()
    for position in range(len(each_weight) - 1, 0, -1):
        moved = (beta * each_weight[position]) @ reverse
        moved = moved / moved.sum(-1, keepdim=True)
        beta = torch.where(inside[position], moved, beta)
        betas.append(beta)
    return betas[::-1]


@torch.no_grad()
def viterbi(emissions: Tensor, mask: Tensor, transitions: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """Return the labels of the best-scoring sequence: [batch, length] int64, 0 outside the mask.

    Args:
        emissions: [batch, length, tags] scores, as CRF emissions or log probabilities.
        mask: [batch, length] bool, true at the beginning of each row, at least once.
        transitions: [tags, tags], the score of label j after label i.
        start: [tags] score of beginning with a label.
        end: [tags] score of ending with one.
    """
    score = emissions[:, 0] + start
    inside = mask.unsqueeze(-1).unbind(1)
    each = emissions.unbind(1)
    # [to, from], so that the maximum runs over the last axis, which lies together in memory.
    reverse = transitions.t().contiguous()
    stay = torch.arange(emissions.shape[-1], device=emissions.device)
    origins = []
    for position in range(1, len(each)):
        best, origin = (score.unsqueeze(1) + reverse).max(-1)
        score = torch.where(inside[position], best + each[position], score)
        origins.append(torch.where(inside[position], origin, stay))
    label = (score + end).argmax(-1)
    path = [label]
    for origin in reversed(origins):
        label = origin.gather(1, label.unsqueeze(1)).squeeze(1)
        path.append(label)
    return torch.stack(path[::-1], 1).masked_fill(~mask, 0)
