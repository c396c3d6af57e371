"""Task models on a tiny encoder: evidence is read and never scored, bfloat16 never reaches the CRF."""

import logging
import os
import subprocess
import sys

import pytest
import torch
from transformers import BertConfig, BertModel, PreTrainedConfig, XLMRobertaConfig, XLMRobertaModel

from training import devices
from training.config import load_config, preset_names
from training.data.batching import Collator, batches_by_length
from training.data.labels import TagSet
from training.devices import choose_device, choose_precision
from training.errors import TrainingError, out_of_memory_explained
from training.models.encoder import encoder_limit
from training.models.task_models import RelationClassifier, Tagger, aligned_loss, alignment

pytestmark = pytest.mark.torch


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    return BertModel(config, add_pooling_layer=False)


def batch(*rows, targets, both_views=False):
    """Rows are (sentence ids, context ids); word i begins at position i + 1."""
    collate = Collator(pad=0, close=2, both_views=both_views)
    items = []
    for row, ((sentence, context), target) in enumerate(zip(rows, targets, strict=True)):
        places = list(range(1, len(sentence) + 1)) if isinstance(target, list) else [1, 2]
        items.append(
            {
                "input_ids": [1, *sentence, *context, 2],
                "places": places,
                "sentence_end": len(sentence) + 1,
                "targets": target,
                "row": row,
            }
        )
    return collate(items)


def test_the_plain_view_is_the_sentence_alone(encoder):
    with_context = batch(([5, 6, 7], [9] * 8), ([8], [9]), targets=[[1, 0, 2], [0]], both_views=True)
    alone = batch(([5, 6, 7], []), ([8], []), targets=[[1, 0, 2], [0]])
    assert torch.equal(with_context["plain_ids"], alone["input_ids"])
    assert torch.equal(with_context["plain_mask"], alone["attention_mask"])
    assert torch.equal(with_context["places"], alone["places"])


def test_contexts_are_neither_scored_nor_decoded(encoder):
    model = Tagger(encoder, 3, dropout=0, temperature=1).eval()
    given = batch(([5, 6], [9] * 8), ([5], []), targets=[[1, 0], [2]])
    scores = model.scores(given["input_ids"], given["attention_mask"], given["places"])
    assert scores.shape == (2, 2, 3)
    marginals = model.posteriors(scores, given["place_mask"])
    assert marginals.sum().item() == pytest.approx(3)
    other = batch(([5, 6], [4] * 8), ([5], []), targets=[[1, 0], [2]])
    changed = model.scores(other["input_ids"], other["attention_mask"], other["places"])
    assert not torch.allclose(scores[0], changed[0])  # evidence is read,
    torch.testing.assert_close(scores[1], changed[1])  # by its own example only


@pytest.mark.parametrize("kind", [Tagger, RelationClassifier])
def test_loss_with_both_views_by_hand(encoder, kind):
    model = kind(encoder, 3, dropout=0, temperature=2.0).eval()
    targets = [[1, 0], [2, 2]] if kind is Tagger else [1, 2]
    given = batch(([5, 6], [9] * 4), ([7, 8], [4] * 2), targets=targets, both_views=True)
    mask = model.token_mask(given["place_mask"])
    views = [
        model.scores(given[ids], given[attention], given["places"])
        for ids, attention in (("input_ids", "attention_mask"), ("plain_ids", "plain_mask"))
    ]
    nll = [model.negative_log_likelihood(view, given["targets"], mask) for view in views]
    powered = [model.posteriors(view, mask).double() ** 0.5 for view in views]
    teacher, student = (part / part.sum(-1, keepdim=True) for part in powered)
    divergence = 4.0 * (teacher * (teacher / student).log()).sum((1, 2))
    expected = (0.5 * (nll[0] + nll[1]) + 0.5 * divergence).mean()
    torch.testing.assert_close(model(**given)["loss"].double(), expected.double(), rtol=1e-5, atol=1e-5)
    del given["plain_ids"], given["plain_mask"]
    torch.testing.assert_close(model(**given)["loss"].double(), nll[0].mean().double(), rtol=1e-5, atol=1e-5)


def test_alignment_teaches_the_plain_view_only():
    teacher = torch.tensor([[[0.7, 0.3], [0.5, 0.5]]], requires_grad=True)
    student = torch.tensor([[[0.4, 0.6], [0.5, 0.5]]], requires_grad=True)
    mask = torch.tensor([[True, True]])
    loss = alignment(teacher, student, mask, 1.0)
    expected = 0.7 * torch.tensor(0.7 / 0.4).log() + 0.3 * torch.tensor(0.3 / 0.6).log()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    loss.sum().backward()
    assert teacher.grad is None
    assert student.grad is not None
    assert alignment(teacher, teacher, mask, 3.0).item() == pytest.approx(0, abs=1e-9)
    assert alignment(teacher, student, torch.tensor([[False, True]]), 1.0).item() == pytest.approx(
        0, abs=1e-9
    )
    both = aligned_loss(torch.tensor([1.0]), torch.tensor([3.0]), torch.tensor([4.0]))
    assert both.item() == 4.0


def test_a_posterior_of_zero_leaves_finite_gradients():
    student = torch.tensor([[[1.0, 0.0]]], requires_grad=True)
    alignment(torch.tensor([[[0.5, 0.5]]]), student, torch.tensor([[True]]), 1.0).sum().backward()
    assert torch.isfinite(student.grad).all()


@pytest.mark.parametrize("kind", [Tagger, RelationClassifier])
def test_autocast_leaves_the_head_in_float32(encoder, kind):
    model = kind(encoder, 3, dropout=0, temperature=1).eval()
    targets = [[1, 0]] if kind is Tagger else [1]
    given = batch(([5, 6], [9] * 4), targets=targets, both_views=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        scores = model.scores(given["input_ids"], given["attention_mask"], given["places"])
        loss = model(**given)["loss"]
    assert scores.dtype == loss.dtype == torch.float32
    loss.backward()
    assert all(torch.isfinite(part.grad).all() for part in model.parameters() if part.grad is not None)


def test_constraints_reach_the_crf(encoder):
    tags = TagSet(("LOC",), "bioes")
    model = Tagger(encoder, 5, dropout=0, temperature=1, legal_moves=tags.legal_moves()).eval()
    scores = torch.zeros(1, 2, 5)
    scores[..., tags.tags.index("I-LOC")] = 9.0
    best = model.decode(scores, torch.ones(1, 2, dtype=torch.bool))[0].tolist()
    free = Tagger(encoder, 5, dropout=0, temperature=1).eval()
    every = torch.ones(1, 2, dtype=torch.bool)
    assert [tags.tags[label] for label in free.decode(scores, every)[0]] == ["I-LOC", "I-LOC"]
    legally = [tags.tags[label] for label in free.decode_legally(scores, every, tags.legal_moves())[0]]
    assert "I-LOC" not in legally
    assert [tags.tags[label] for label in best] in (
        ["O", "O"],
        ["S-LOC", "S-LOC"],
        ["B-LOC", "E-LOC"],
        ["O", "S-LOC"],
        ["S-LOC", "O"],
    )


def test_relation_vector_is_subject_then_object(encoder):
    model = RelationClassifier(encoder, 2, dropout=0, temperature=1).eval()
    ids, mask = torch.tensor([[1, 5, 6, 2]]), torch.ones(1, 4, dtype=torch.bool)
    seen = []
    model.head.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    hidden = encoder(input_ids=ids, attention_mask=mask).last_hidden_state
    model.scores(ids, mask, torch.tensor([[2, 1]]))
    torch.testing.assert_close(seen[0][0], torch.cat([hidden[0, 2], hidden[0, 1]]))


def test_xlmr_positions_begin_at_two():
    with torch.device("meta"):
        xlmr = XLMRobertaModel(
            XLMRobertaConfig(num_hidden_layers=1, max_position_embeddings=514, pad_token_id=1)
        )
        bert = BertModel(BertConfig(num_hidden_layers=1, max_position_embeddings=512))
    assert encoder_limit(xlmr, 512) == 512
    assert encoder_limit(xlmr, 600) == 512
    assert encoder_limit(bert, 600) == 512
    assert encoder_limit(xlmr, 128) == 128
    boundless = torch.nn.Module()
    boundless.config = PreTrainedConfig()
    assert encoder_limit(boundless, 10_000) == 10_000


def test_a_device_that_is_not_there_is_an_error():
    assert choose_device("cpu").type == "cpu"
    if not torch.cuda.is_available():
        with pytest.raises(TrainingError, match="device: 'cuda' is not there"):
            choose_device("cuda")


@pytest.fixture
def processor(monkeypatch):
    """Sets the features of the processor, what torch may use of them, and oneDNN's limit."""

    def give(*features, capability="AVX512", **environment):
        monkeypatch.setattr(devices, "_cpu_features", lambda: set(features))
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
        for name in ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"):
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        choose_precision.cache_clear()
        return torch.device("cpu")

    yield give
    choose_precision.cache_clear()


def test_bfloat16_is_taken_where_the_processor_has_units_for_it(processor):
    assert choose_precision("auto", processor("avx512_f", "avx512_bf16")) == "bfloat16"
    assert choose_precision("auto", processor("amx_bf16", ONEDNN_MAX_CPU_ISA="ALL")) == "bfloat16"
    assert (
        choose_precision("auto", processor("avx512_bf16", ONEDNN_MAX_CPU_ISA="AVX512_CORE_BF16"))
        == "bfloat16"
    )
    assert choose_precision("auto", processor("avx2", "avx512_f")) == "float32"
    assert choose_precision("auto", processor("bf16", "neon", capability="DEFAULT")) == "float32"
    assert choose_precision("float32", processor("amx_bf16")) == "float32"


def test_units_that_are_switched_off_are_not_there(processor):
    for name in ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"):
        for limit in ("AVX2", "avx2", "AVX512_CORE", "AVX2_VNNI_2"):
            assert (
                choose_precision("auto", processor("avx512_bf16", "amx_bf16", **{name: limit})) == "float32"
            )
    assert choose_precision("auto", processor("avx512_bf16", capability="AVX2")) == "float32"


def test_what_auto_takes_and_what_costs_is_said_once_with_the_remedy(processor, caplog):
    caplog.set_level(logging.INFO)
    device = processor("avx2")
    assert [choose_precision(setting, device) for setting in ("auto", "bfloat16") * 2][1::2] == [
        "bfloat16"
    ] * 2
    told, warned = caplog.records
    assert told.getMessage() == "precision: auto takes float32 on cpu (no bfloat16 units)"
    assert warned.levelno == logging.WARNING
    assert "many times slower than float32" in warned.getMessage()
    assert "--set precision=float32" in warned.getMessage()
    caplog.clear()
    choose_precision("bfloat16", processor("avx512_bf16"))
    assert not caplog.records


@pytest.mark.parametrize("limit", ["ONEDNN_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY"])
def test_a_process_without_the_units_takes_float32(limit):
    code = "import torch; from training.devices import choose_precision as c; print(c('auto', torch.device('cpu')))"
    environment = {**os.environ, limit: "avx2"}
    found = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert found.stdout == "float32\n"


def test_every_preset_chooses_its_precision_by_the_device():
    for name in preset_names():
        assert load_config(name, ["cache=x"]).precision == "auto", name


def test_batches_of_like_length_cover_every_row():
    batches = list(batches_by_length([3, 9, 1, 9, 5], 2))
    assert batches == [[1, 3], [4, 0], [2]]


def test_out_of_memory_says_where_and_what_to_do():
    with (
        pytest.raises(
            TrainingError, match=r"text/seed-1: out of memory on the device .*; raise fit\.accumulation"
        ),
        out_of_memory_explained("text/seed-1", "raise fit.accumulation"),
    ):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
