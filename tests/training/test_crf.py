"""The CRF against brute force over all label sequences, against gradcheck and against pytorch-crf."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from training.models.crf import FORBIDDEN, LinearChainCrf, viterbi

pytestmark = pytest.mark.torch


def make(tags, lengths, seed=0, scale=1.0, legal=None):
    torch.manual_seed(seed)
    crf = LinearChainCrf(tags, legal).double()
    for parameter in crf.parameters():
        torch.nn.init.normal_(parameter, std=scale)
    emissions = torch.randn(len(lengths), max(lengths), tags, dtype=torch.float64) * scale
    mask = torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1)
    return crf, emissions, mask


def score(crf, emissions, labels):
    """The definition, label by label."""
    legal = crf.legal_moves
    moves = [crf.tags, *labels, crf.tags]
    if legal is not None and not all(legal[a, b] for a, b in itertools.pairwise(moves)):
        return torch.tensor(-torch.inf, dtype=torch.float64)
    total = crf.start[labels[0]] + crf.end[labels[-1]]
    for position, label in enumerate(labels):
        total = total + emissions[position, label]
    for before, after in itertools.pairwise(labels):
        total = total + crf.transitions[before, after]
    return total


def brute_force(crf, emissions, length):
    """Log partition, marginals and best path of one sequence over all label sequences."""
    paths = list(itertools.product(range(crf.tags), repeat=length))
    scores = torch.stack([score(crf, emissions, path) for path in paths])
    partition = scores.logsumexp(0)
    marginals = torch.zeros(length, crf.tags, dtype=torch.float64)
    for path, probability in zip(paths, (scores - partition).exp(), strict=True):
        for position, label in enumerate(path):
            marginals[position, label] += probability
    return partition, marginals, list(paths[int(scores.argmax())])


LEGAL = torch.tensor(
    # O, B, I, end: I only behind B or I
    [[1, 1, 0, 1], [1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 0, 0]],
    dtype=torch.bool,
)


@settings(max_examples=40, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 5), min_size=1, max_size=3),
    seed=st.integers(0, 10_000),
    scale=st.sampled_from([0.1, 1.0, 5.0, 30.0, 100.0]),
    constrained=st.booleans(),
)
def test_against_brute_force(lengths, seed, scale, constrained):
    crf, emissions, mask = make(3, lengths, seed, scale, LEGAL if constrained else None)
    partitions = crf.log_partition(emissions, mask)
    marginals = crf.marginals(emissions, mask)
    best = crf.double().decode(emissions, mask)
    for row, length in enumerate(lengths):
        partition, expected, path = brute_force(crf, emissions[row], length)
        torch.testing.assert_close(partitions[row], partition, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(marginals[row, :length], expected.detach(), rtol=1e-7, atol=1e-9)
        assert best[row, :length].tolist() == path
        assert not marginals[row, length:].any()
        labels = torch.zeros(1, max(lengths), dtype=torch.long)
        labels[0, :length] = torch.tensor(path)
        loss = crf.negative_log_likelihood(emissions[row : row + 1], labels, mask[row : row + 1])
        torch.testing.assert_close(
            loss[0], partition - score(crf, emissions[row], path), atol=1e-9, rtol=1e-9
        )


@pytest.mark.parametrize("legal", [None, LEGAL])
def test_gradients(legal):
    crf, emissions, mask = make(3, [4, 1, 2], legal=legal)
    labels = torch.tensor([[1, 2, 2, 0], [0, 0, 0, 0], [1, 0, 0, 0]])
    names = ["transitions", "start", "end"]

    def loss(given, *parameters):
        inputs = dict(zip(names, parameters, strict=True))
        crf_function = lambda: crf.negative_log_likelihood(given, labels, mask)  # noqa: E731
        return torch.func.functional_call(_Call(crf, crf_function), inputs, ())

    def posterior(given):
        return crf.marginals(given, mask)

    emissions.requires_grad_(True)
    assert torch.autograd.gradcheck(posterior, (emissions,))
    parameters = [getattr(crf, name).detach().clone().requires_grad_(True) for name in names]
    assert torch.autograd.gradcheck(loss, (emissions, *parameters))


class _Call(torch.nn.Module):
    """Lets functional_call reach the CRF's parameters from a function of the CRF."""

    def __init__(self, crf, function):
        super().__init__()
        for name, parameter in crf.named_parameters():
            self.register_parameter(name, parameter)
        self.crf, self.function = crf, function

    def forward(self):
        own = {name: getattr(self, name) for name in ("transitions", "start", "end")}
        kept = dict(self.crf._parameters)
        self.crf._parameters.update(own)
        try:
            return self.function()
        finally:
            self.crf._parameters.update(kept)


def test_marginals_are_the_gradient_of_the_log_partition():
    crf, emissions, mask = make(5, [6, 3, 1])
    emissions.requires_grad_(True)
    (gradient,) = torch.autograd.grad(crf.log_partition(emissions, mask).sum(), emissions)
    torch.testing.assert_close(crf.marginals(emissions, mask), gradient)


def test_padding_changes_nothing():
    crf, emissions, mask = make(4, [5, 2])
    longer = torch.cat([emissions, torch.full((2, 3, 4), 1e3, dtype=torch.float64)], 1)
    wider = torch.cat([mask, torch.zeros(2, 3, dtype=torch.bool)], 1)
    labels = torch.ones(2, 8, dtype=torch.long)
    torch.testing.assert_close(crf.log_partition(longer, wider), crf.log_partition(emissions, mask))
    torch.testing.assert_close(crf.marginals(longer, wider)[:, :5], crf.marginals(emissions, mask))
    torch.testing.assert_close(
        crf.negative_log_likelihood(longer, labels, wider),
        crf.negative_log_likelihood(emissions, labels[:, :5], mask),
    )
    assert crf.decode(longer, wider)[:, :5].tolist() == crf.decode(emissions, mask).tolist()


@pytest.mark.parametrize("scale", [1.0, 10.0])
def test_against_pytorch_crf(scale):
    other_crf = pytest.importorskip("torchcrf")
    crf, emissions, mask = make(9, [30, 1, 17, 8], scale=scale)
    crf, emissions = crf.float(), emissions.float()
    other = other_crf.CRF(9, batch_first=True)
    with torch.no_grad():
        other.transitions.copy_(crf.transitions)
        other.start_transitions.copy_(crf.start)
        other.end_transitions.copy_(crf.end)
    labels = torch.randint(9, mask.shape)
    ours = crf.negative_log_likelihood(emissions, labels, mask).float()
    theirs = -other(emissions, labels, mask=mask, reduction="none")
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-3)
    decoded = crf.decode(emissions, mask)
    assert [
        row[: len(path)].tolist() for row, path in zip(decoded, other.decode(emissions, mask), strict=True)
    ] == (other.decode(emissions, mask))
    parameters = [crf.transitions, crf.start, crf.end]
    for mine, its in zip(
        torch.autograd.grad(ours.sum(), parameters),
        torch.autograd.grad(
            theirs.sum(), [other.transitions, other.start_transitions, other.end_transitions]
        ),
        strict=True,
    ):
        torch.testing.assert_close(mine, its, rtol=1e-3, atol=1e-3)


def test_bfloat16_emissions_are_summed_exactly():
    crf, emissions, mask = make(5, [40], scale=3.0)
    rounded = emissions.bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        partition = crf.float().log_partition(rounded, mask)
        marginals = crf.marginals(rounded, mask)
    torch.testing.assert_close(
        partition, crf.double().log_partition(rounded.double(), mask), rtol=1e-6, atol=1e-5
    )
    torch.testing.assert_close(marginals.sum(-1), torch.ones(1, 40, dtype=torch.float64))


def test_forbidden_moves_are_never_made_and_get_no_gradient():
    crf, emissions, mask = make(3, [6, 2], scale=5.0, legal=LEGAL)
    emissions[..., 2] += 50.0  # every token wants to be I
    path = crf.decode(emissions, mask)[0].tolist()
    assert path[0] == 1
    assert all(LEGAL[a, b] for a, b in itertools.pairwise(path))
    crf.log_partition(emissions, mask).sum().backward()
    assert crf.transitions.grad[0, 2] == 0
    assert all(torch.isfinite(parameter.grad).all() for parameter in crf.parameters())


def test_viterbi_over_probabilities():
    probabilities = torch.tensor([[[0.2, 0.3, 0.5], [0.2, 0.1, 0.7]]])
    moves = torch.zeros(3, 3).masked_fill(~LEGAL[:3, :3], FORBIDDEN)
    start = torch.zeros(3).masked_fill(~LEGAL[3, :3], FORBIDDEN)
    best = viterbi(probabilities.log(), torch.ones(1, 2, dtype=torch.bool), moves, start, torch.zeros(3))
    assert best.tolist() == [[1, 2]]  # I I is likelier, but no sequence begins with I


def test_legal_moves_must_fit_the_labels():
    with pytest.raises(ValueError, match=r"not \[5, 5\]"):
        LinearChainCrf(4, LEGAL)
