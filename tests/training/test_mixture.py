"""The mixture against direct computation on small numbers; a gate that can learn does."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from training.config import GateConfig, MixtureConfig
from training.data.labels import TagSet
from training.distributions import Distributions, load_distributions, save_distributions
from training.errors import TrainingError
from training.gate import Gate, GateData, decode_legally, fit_gate, mix, mix_distributions
from training.mixture import load_gate, load_mixture, save_mixture

pytestmark = pytest.mark.torch


def said(rows, lengths=None):
    table = np.array(rows, dtype=np.float32)
    sizes = np.array(lengths or [1] * len(table), dtype=np.int64)
    return Distributions(table, table.argmax(1), sizes)


def test_two_experts_by_hand():
    gate = Gate(2, 2, 3)
    with torch.no_grad():
        gate.score.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 2.0], [-1.0, 1.0]]))
        gate.score.bias.copy_(torch.tensor([0.1, 0.0, -0.5]))
    features = [0.3, -0.7]
    weights = gate(torch.tensor([features]))
    expected = [
        1 / (1 + np.exp(-(0.3 + 0.1))),
        1 / (1 + np.exp(-(2 * -0.7))),
        1 / (1 + np.exp(-(-0.3 - 0.7 - 0.5))),
    ]
    np.testing.assert_allclose(weights[0, 0].detach(), expected, rtol=1e-6)
    text, image = np.array([0.6, 0.3, 0.1]), np.array([0.1, 0.2, 0.7])
    mixed = np.array(expected) * text + (1 - np.array(expected)) * image
    found = mix_distributions([said([text]), said([image])], weights.detach())
    np.testing.assert_allclose(found.probabilities[0], mixed / mixed.sum(), rtol=1e-5)
    assert found.best[0] == mixed.argmax()


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 5), st.integers(1, 4), st.sampled_from(["label", "example"]), st.integers(0, 1000))
def test_any_number_of_experts_gives_a_distribution(experts, labels, kind, seed):
    torch.manual_seed(seed)
    gate = Gate(3, experts, labels if kind == "label" else 1)
    torch.nn.init.normal_(gate.score.weight, std=3)
    weights = gate(torch.randn(6, 3))
    torch.testing.assert_close(weights.sum(1), torch.ones(6, gate.labels))
    probabilities = torch.rand(6, experts, labels).softmax(-1)
    mixed = mix(probabilities, weights)
    torch.testing.assert_close(mixed.sum(1), torch.ones(6))
    for row, label in itertools.product(range(6), range(labels)):
        share = sum(
            probabilities[row, expert, label] * weights[row, expert, label if kind == "label" else 0]
            for expert in range(experts)
        )
        total = (probabilities[row] * weights[row]).sum()
        torch.testing.assert_close(mixed[row, label], share / total)


def test_a_fresh_gate_is_the_average():
    experts = [said([[0.9, 0.1]]), said([[0.3, 0.7]]), said([[0.2, 0.8]])]
    even = mix_distributions(experts, Gate(4, 3, 2)(torch.randn(1, 4)).detach())
    np.testing.assert_allclose(even.probabilities, mix_distributions(experts, None).probabilities, rtol=1e-5)


def test_weights_follow_the_tokens_of_their_example():
    one, two = said([[1, 0]] * 3, [2, 1]), said([[0, 1]] * 3, [2, 1])
    weights = torch.tensor([[[0.9], [0.1]], [[0.2], [0.8]]])
    found = mix_distributions([one, two], weights)
    np.testing.assert_allclose(found.probabilities[:, 0], [0.9, 0.9, 0.2], rtol=1e-6)
    assert found.by_example(found.best) == [[0, 0], [1]]


def planted_gate(size, seed, tokens=2):
    """Expert 0 is right where the first feature is above zero, expert 1 where it is below."""
    generator = np.random.default_rng(seed)
    features = generator.normal(size=(size, 4)).astype(np.float32)
    gold = generator.integers(3, size=size * tokens)
    owner = np.repeat(np.arange(size), tokens)
    experts = []
    for right in (features[:, 0] > 0, features[:, 0] <= 0):
        table = np.full((size * tokens, 3), 0.1, dtype=np.float32)
        shown = np.where(right[owner], gold, generator.integers(3, size=size * tokens))
        table[np.arange(size * tokens), shown] = 0.8
        experts.append(Distributions(table, table.argmax(1), np.full(size, tokens)))
    return GateData(experts, features, gold)


@pytest.mark.parametrize("weights", ["label", "example"])
def test_a_gate_that_can_only_learn_from_features_learns(weights):
    train, dev = planted_gate(300, 1), planted_gate(200, 2)
    settings = GateConfig(weights=weights, epochs=20, batch_size=32, learning_rate=0.1)

    def score(found):
        return 100 * float((found.best == dev.gold).mean())

    gate, history = fit_gate(train, dev, settings, 3, 0, score)
    mixed = mix_distributions(dev.experts, gate(torch.from_numpy(dev.features)).detach())
    average = mix_distributions(dev.experts, None)
    assert score(mixed) > 95 > score(average) + 10
    assert len(history) == 20
    assert history[-1].loss < history[0].loss
    again, _ = fit_gate(train, dev, settings, 3, 0, score)
    assert all(torch.equal(a, b) for a, b in zip(gate.parameters(), again.parameters(), strict=True))


def test_features_that_are_no_numbers_are_an_error():
    train = planted_gate(40, 1)
    train.features[0, 0] = np.inf
    settings = GateConfig(epochs=2, batch_size=8, learning_rate=0.1)
    with pytest.raises(TrainingError, match="gate: the loss is nan"):
        fit_gate(train, planted_gate(20, 2), settings, 3, 0, lambda _: 0.0)


def test_legal_decoding_of_mixed_marginals():
    tags = TagSet(("LOC",), "bioes")  # O B I E S
    rows = [[0.1, 0.35, 0.0, 0.1, 0.45], [0.05, 0.05, 0.1, 0.75, 0.05]]
    found = said([*rows, [0.0, 0.0, 0.0, 1.0, 0.0]], [2, 1])
    assert found.by_example(found.independent) == [[4, 3], [3]]
    best = found.by_example(decode_legally(found, tags))
    assert best[0] == [1, 3]
    assert best[1] != [3]


def test_distributions_come_back(tmp_path):
    found = said([[0.5, 0.5], [0.1, 0.9], [0.2, 0.8]], [1, 2])
    save_distributions(tmp_path / "x.safetensors", found)
    again = load_distributions(tmp_path / "x.safetensors")
    assert np.array_equal(again.probabilities, found.probabilities)
    assert np.array_equal(again.lengths, found.lengths)


def test_a_saved_gate_comes_back(tmp_path):
    gate = Gate(4, 3, 2)
    torch.nn.init.normal_(gate.score.weight)
    save_mixture(tmp_path, gate, MixtureConfig(("a", "b", "c")), ["../a", "../b", "../c"], "card")
    again = load_gate(tmp_path)
    features = torch.randn(2, 4)
    torch.testing.assert_close(again(features), gate(features))
    assert (tmp_path / "README.md").read_text() == "card"
    with pytest.raises(TrainingError, match=r"no expert\.json"):
        load_mixture(tmp_path)
    with pytest.raises(TrainingError, match=r"no mixture\.json"):
        load_mixture(tmp_path / "nowhere")
