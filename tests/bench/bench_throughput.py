"""Tokens a second of fitting a tagger, and the share of the device's peak that they are.

``python -m tests.bench.bench_throughput --device cuda``
``python -m tests.bench.bench_throughput --encoder small --device cpu --threads 1 --batch-size 16 --length 128 512``

The peak is the maker's where it is known, and always the best that a large matrix product of the same precision
reaches here, measured first. On a CPU seconds are those of the processor, for each thread.

Weights are random: they cost what trained ones cost. ``xlm-roberta-large`` is the paper's encoder (560M
parameters), ``small`` has the shape of MiniLM-L6 (23M). A step is forward, backward and AdamW on inputs that
are all `--length` long.
"""

from __future__ import annotations

import argparse
import statistics
import sys

import torch
from transformers import BertConfig, BertModel, XLMRobertaConfig, XLMRobertaModel

from training.devices import choose_device, choose_precision, clock, peak_flops, product_flops
from training.models.encoder import EncoderShape
from training.models.task_models import Tagger

LABELS = 17


def encoder(name: str) -> torch.nn.Module:
    """Return an encoder with random weights."""
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
    """Return a batch of inputs, `words` of whose sub-tokens begin a word; the rest is evidence."""
    batch = {
        "input_ids": torch.randint(10, 20_000, (size, length)),
        "attention_mask": torch.ones(size, length, dtype=torch.bool),
        "places": torch.arange(1, words + 1).expand(size, -1),
        "place_mask": torch.ones(size, words, dtype=torch.bool),
        "targets": torch.randint(LABELS, (size, words)),
    }
    return {name: value.to(device) for name, value in batch.items()}


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--encoder", choices=["xlm-roberta-large", "small"], default="xlm-roberta-large")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda", "mps"], default="auto")
    parser.add_argument("--precision", choices=["auto", "float32", "bfloat16"], default="auto")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--length", type=int, nargs="+", default=[128, 512])
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--threads", type=int, help="of a CPU (default: as many as torch takes)")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    device = choose_device(arguments.device)
    precision = choose_precision(arguments.precision, device)
    product = product_flops(device, precision)
    print(
        f"{device}, {torch.get_num_threads()} threads, {precision}: a matrix product reaches "
        f"{product / 1e9:.0f} GFLOP/s"
    )
    model = Tagger(encoder(arguments.encoder), LABELS, dropout=0.1, temperature=1.0).to(device).train()
    for length in arguments.length:
        rate, flops = measure(model, device, precision, arguments.batch_size, length, arguments.steps)
        shares = f"{flops / product:.1%} of the product's"
        peak = peak_flops(device)
        if peak:
            shares += f", {flops / peak:.1%} of the device's peak"
        memory = f", {torch.cuda.max_memory_allocated() / 1e9:.1f} GB" if device.type == "cuda" else ""
        print(
            f"{arguments.encoder}, batch {arguments.batch_size} x {length}: {rate:.0f} tokens/s, "
            f"{flops / 1e9:.0f} GFLOP/s, {shares}{memory}",
            flush=True,
        )
    return 0


def measure(
    model: Tagger, device: torch.device, precision: str, size: int, length: int, steps: int
) -> tuple[float, float]:
    """Return tokens a second and FLOP/s of fitting: the median of `steps` steps after two more."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6, fused=True)
    batch = batch_of(size, length, min(40, length - 2), device)
    seconds = []
    for step in range(steps + 2):
        begun = clock(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16"):
            loss = model(**batch)["loss"]
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        loss.item()
        if step >= 2:
            seconds.append(clock(device) - begun)
    rate = size * length / statistics.median(seconds)
    return rate, EncoderShape.of(model.encoder).training_flops(1, length) * rate


if __name__ == "__main__":
    sys.exit(main())
