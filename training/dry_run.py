"""What a run will do and cost, before it runs: steps, tokens, time, memory, disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from training.config import ExpertConfig
from training.data.inputs import InputEncoder, load_tokenizer
from training.devices import choose_device, choose_precision, peak_flops, product_flops, training_flops
from training.experts import evidence_of
from training.models.encoder import count_parameters
from training.run_folder import Run
from training.steps import RunStep

__all__ = ["describe_steps"]

_SAMPLE = 200
_SHARE_OF_PEAK = 0.4
# Of what a plain matrix product reaches on a CPU, fitting an encoder reaches about this share.
_SHARE_OF_PRODUCT = 0.3


@dataclass(frozen=True)
class _Cost:
    tokens: int
    flops: float
    longest: int


def describe_steps(run: Run, steps: Sequence[RunStep]) -> str:
    """Return the steps with their state, and the estimated cost of those that would run, as text.

    Lengths are measured on the first examples of the training split; the time is that of a device at 40 % of
    its peak, or on a CPU at what a matrix product reaches there.
    """
    config = run.config
    shape = count_parameters(config.encoder.name)
    device = choose_device(config.device)
    precision = choose_precision(config.precision, device)
    rate, how = _rate(device, precision)
    costs = {name: _expert_cost(run, expert, shape) for name, expert in config.experts.items()}
    lines = [f"{len(steps)} steps in {run.folder}, on {device} in {precision} ({how})", ""]
    seconds = 0.0
    for step in steps:
        current = step.is_current()
        cost = costs.get(step.name.split("/")[1]) if step.name.startswith(("experts/", "search/")) else None
        said = ""
        if cost is not None and not current:
            seconds += cost.flops / rate
            said = f"  {cost.tokens:,} sub-tokens, about {_time(cost.flops / rate)}"
        state = "current" if current else "to redo" if step.is_finished() else "to run"
        lines.append(f"  {state:8} {step.name}{said}")
    longest = max(cost.longest for cost in costs.values())
    lines += [
        "",
        f"fitting: about {_time(seconds)}; the other steps take minutes",
        f"memory: about {_memory(run, shape, longest, precision):.1f} GB on the device",
        f"disk: {4 * shape['all'] * len(config.experts) * len(config.seeds) / 1e9:.1f} GB of experts, "
        f"{24 * shape['all'] / 1e9:.1f} GB of checkpoints while an expert is fitted",
    ]
    return "\n".join(lines)


def _expert_cost(run: Run, expert: ExpertConfig, shape: dict[str, int]) -> _Cost:
    config = run.config
    tokenizer = load_tokenizer(config.encoder.name, markers=run.task.name == "re")
    limit = min(config.encoder.max_length, shape["limit"])
    examples = run.cache.examples(config.train)
    hits = evidence_of(run.cache, expert.source, config.train)
    inputs = InputEncoder(tokenizer, config.contexts, limit).encode(examples[:_SAMPLE], hits)
    lengths = [len(item.input_ids) for item in inputs]
    plain = [item.sentence_end + 1 for item in inputs]
    if not (expert.fit.alignment and expert.source is not None):
        plain = []
    scale = len(examples) / len(inputs) * expert.fit.epochs
    flops = sum(
        training_flops(shape["layers"], shape["hidden"], shape["encoder"], length, length)
        for length in [*lengths, *plain]
    )
    return _Cost(int(scale * (sum(lengths) + sum(plain))), scale * flops, max(lengths))


def _rate(device: Any, precision: str) -> tuple[float, str]:
    """Return the FLOP/s to reckon with, and how it was found."""
    peak = peak_flops(device)
    if peak:
        return peak * _SHARE_OF_PEAK, f"{_SHARE_OF_PEAK:.0%} of its peak of {peak / 1e12:.0f} TFLOP/s"
    reached = product_flops(device, precision)
    return reached * _SHARE_OF_PRODUCT, f"a matrix product reaches {reached / 1e9:.0f} GFLOP/s"


def _memory(run: Run, shape: dict[str, int], longest: int, precision: str) -> float:
    """Weights, gradients and Adam's moments in float32, and the activations of a step, in GB."""
    config = run.config
    examples = max(expert.fit.batch_size // expert.fit.accumulation for expert in config.experts.values())
    width = 2 if precision == "bfloat16" else 4
    # About 17 numbers of the hidden size a layer and token are kept for the backward pass (Korthikanti et al.
    # 2022, section 4.1, without attention scores), one with checkpointing.
    kept = 1 if config.encoder.gradient_checkpointing else 17
    activations = kept * width * shape["hidden"] * shape["layers"] * examples * longest
    return (16 * shape["all"] + activations) / 1e9


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
