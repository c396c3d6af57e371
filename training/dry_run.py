"""What a run will do and cost, before it runs: steps, tokens, time, memory, disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from training.config import ExpertConfig
from training.data.inputs import InputEncoder, load_tokenizer
from training.devices import choose_device, choose_precision, peak_flops, product_flops
from training.experts import evidence_of
from training.models.encoder import EncoderShape, encoder_shape
from training.run_folder import Run, RunStep

__all__ = ["describe_steps"]

_SAMPLE = 200
_SHARE_OF_PEAK = 0.4
# Of what a plain matrix product reaches on a CPU, fitting an encoder reaches about this share.
_SHARE_OF_PRODUCT = 0.3


@dataclass(frozen=True)
class _Cost:
    """Of fitting an expert, or of asking it about all splits."""

    tokens: int
    flops: float


@dataclass(frozen=True)
class _Costs:
    fit: _Cost
    ask: _Cost
    longest: int
    """Sub-tokens of the longest input."""

    def of(self, kind: str) -> _Cost | None:
        """Return the cost of a step by its kind; None for those that take seconds."""
        return {"experts": self.fit, "search": self.fit, "distributions": self.ask}.get(kind)


def describe_steps(run: Run, steps: Sequence[RunStep]) -> str:
    """Return the steps with their state, and the estimated cost of those that would run, as text.

    Lengths are measured on the first examples of the training split; the time is that of a device at 40 % of
    its peak, or on a CPU at what a matrix product reaches there.
    """
    config = run.config
    shape = encoder_shape(config.encoder.name)
    device = choose_device(config.device)
    precision = choose_precision(config.precision, device)
    rate, how = _rate(device, precision)
    costs = {name: _expert_costs(run, expert, shape) for name, expert in config.experts.items()}
    lines = [f"{len(steps)} steps in {run.folder}, on {device} in {precision} ({how})", ""]
    seconds = {"fitting": 0.0, "asking": 0.0}
    for step in steps:
        kind, _, rest = step.name.partition("/")
        current = step.is_current()
        state = "current" if current else "to redo" if step.is_finished() else "to run"
        cost = costs[rest.split("/")[0]].of(kind) if rest.split("/")[0] in costs else None
        price = "" if current else "  seconds"
        if cost is not None and not current:
            seconds["asking" if kind == "distributions" else "fitting"] += cost.flops / rate
            price = f"  {cost.tokens:,} sub-tokens, about {_time(cost.flops / rate)}"
        lines.append(f"  {state:8} {step.name}{price}")
    longest = max(cost.longest for cost in costs.values())
    lines += [
        "",
        f"fitting: about {_time(seconds['fitting'])}; asking experts: about {_time(seconds['asking'])}",
        f"memory: about {_memory(run, shape, longest, precision):.1f} GB on the device",
        f"disk: {4 * shape.parameters * len(config.experts) * len(config.seeds) / 1e9:.1f} GB of experts, "
        f"{24 * shape.parameters / 1e9:.1f} GB of checkpoints while an expert is fitted",
    ]
    return "\n".join(lines)


def _expert_costs(run: Run, expert: ExpertConfig, shape: EncoderShape) -> _Costs:
    config = run.config
    tokenizer = load_tokenizer(config.encoder.name, markers=run.task.name == "re")
    limit = min(config.encoder.max_length, shape.limit)
    sizes = {split: len(run.cache.example_ids(split)) for split in (config.train, config.dev, config.test)}
    hits = evidence_of(run.cache, expert.source, config.train)
    inputs = InputEncoder(tokenizer, config.contexts, limit).encode(
        run.cache.examples(config.train)[:_SAMPLE], hits
    )
    lengths = [len(item.input_ids) for item in inputs]
    plain = [item.sentence_end + 1 for item in inputs]
    if not (expert.fit.alignment and expert.source is not None):
        plain = []

    def mean_flops(chosen: Sequence[int]) -> float:
        return sum(shape.training_flops(length, length) for length in chosen) / len(inputs)

    # An answer takes the forward pass alone, a third of what learning from the example takes.
    answer = mean_flops(lengths) / 3
    epochs = expert.fit.epochs
    learn = sizes[config.train] * mean_flops([*lengths, *plain]) + sizes[config.dev] * answer
    seen, total = sizes[config.train] / len(inputs), sum(sizes.values())
    return _Costs(
        fit=_Cost(int(seen * epochs * (sum(lengths) + sum(plain))), epochs * learn),
        ask=_Cost(total * sum(lengths) // len(inputs), total * answer),
        longest=max(lengths),
    )


def _rate(device: Any, precision: str) -> tuple[float, str]:
    """Return the FLOP/s to reckon with, and how it was found."""
    peak = peak_flops(device)
    if peak:
        return peak * _SHARE_OF_PEAK, f"{_SHARE_OF_PEAK:.0%} of its peak of {peak / 1e12:.0f} TFLOP/s"
    reached = product_flops(device, precision)
    return reached * _SHARE_OF_PRODUCT, f"a matrix product reaches {reached / 1e9:.0f} GFLOP/s"


def _memory(run: Run, shape: EncoderShape, longest: int, precision: str) -> float:
    """Weights, gradients and Adam's moments in float32, and the activations of a step, in GB."""
    config = run.config
    examples = max(expert.fit.batch_size // expert.fit.accumulation for expert in config.experts.values())
    width = 2 if precision == "bfloat16" else 4
    # About 17 numbers of the hidden size a layer and token are kept for the backward pass (Korthikanti et al.
    # 2022, section 4.1, without attention scores), one with checkpointing.
    kept = 1 if config.encoder.gradient_checkpointing else 17
    activations = kept * width * shape.hidden * shape.layers * examples * longest
    return (16 * shape.parameters + activations) / 1e9


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
