"""Tokens a second of fitting a tagger, and on a known GPU the share of its peak.

``python -m tests.bench.bench_throughput --device cuda --precision bfloat16``

Weights are random: they cost what trained ones cost. ``xlm-roberta-large`` is the paper's encoder (560M
parameters), ``small`` has the shape of MiniLM-L6 (23M). A step is forward, backward and AdamW on inputs that
are all `--length` long.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time

import torch
from transformers import BertConfig, BertModel, XLMRobertaConfig, XLMRobertaModel

from training.devices import choose_device, peak_flops, training_flops
from training.models.tagger import Tagger

LABELS = 17


def encoder(name: str) -> torch.nn.Module:
    """Gives an encoder with random weights."""
    if name == "small":
        return BertModel(
            BertConfig(hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536),
            add_pooling_layer=False,
        )
    config = XLMRobertaConfig(
        vocab_size=250002,
        hidden_size=1024,
        num_hidden_layers=24,
        num_attention_heads=16,
        intermediate_size=4096,
        max_position_embeddings=514,
        type_vocab_size=1,
    )
    return XLMRobertaModel(config, add_pooling_layer=False)


def batch_of(size: int, length: int, words: int, device: torch.device) -> dict[str, torch.Tensor]:
    """Gives a batch of inputs, `words` of whose sub-tokens begin a word; the rest is evidence."""
    batch = {
        "input_ids": torch.randint(10, 20_000, (size, length)),
        "attention_mask": torch.ones(size, length, dtype=torch.bool),
        "places": torch.arange(1, words + 1).expand(size, -1),
        "place_mask": torch.ones(size, words, dtype=torch.bool),
        "targets": torch.randint(LABELS, (size, words)),
    }
    return {name: value.to(device) for name, value in batch.items()}


def main() -> int:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--encoder", choices=["xlm-roberta-large", "small"], default="xlm-roberta-large")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda", "mps"], default="auto")
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="bfloat16")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--length", type=int, default=512)
    parser.add_argument("--steps", type=int, default=10)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    device = choose_device(arguments.device)
    model = Tagger(encoder(arguments.encoder), LABELS, dropout=0.1, temperature=1.0).to(device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6, fused=True)
    batch = batch_of(arguments.batch_size, arguments.length, min(40, arguments.length - 2), device)
    seconds = []
    for step in range(arguments.steps + 2):
        begun = time.perf_counter()
        with torch.autocast(device.type, torch.bfloat16, enabled=arguments.precision == "bfloat16"):
            loss = model(**batch)["loss"]
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        loss.item()
        if step >= 2:
            seconds.append(time.perf_counter() - begun)
    tokens = arguments.batch_size * arguments.length
    rate = tokens / statistics.median(seconds)
    config = model.encoder.config
    inner = sum(part.numel() for part in model.encoder.parameters())
    inner -= model.encoder.get_input_embeddings().weight.numel()
    flops = training_flops(config.num_hidden_layers, config.hidden_size, inner, 1, arguments.length) * rate
    peak = peak_flops(device)
    share = f", {flops / peak:.1%} of peak" if peak else ""
    memory = f", {torch.cuda.max_memory_allocated() / 1e9:.1f} GB" if device.type == "cuda" else ""
    print(
        f"{arguments.encoder}, {arguments.precision}, batch {arguments.batch_size} x {arguments.length}, "
        f"{device}, {torch.get_num_threads()} threads: {rate:.0f} tokens/s, {flops / 1e9:.0f} GFLOP/s{share}{memory}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
