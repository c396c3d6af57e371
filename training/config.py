"""The configuration of a run: YAML in, checked dataclasses out.

``extends: NAME`` takes a preset (or another file) as the ground on which a file changes single keys;
``--set experts.text.fit.epochs=3`` changes one more. Every key is checked; an unknown one is an error that
names the nearest right one.
"""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

__all__ = [
    "ConfigError",
    "ContextConfig",
    "EncoderConfig",
    "EvaluationConfig",
    "ExpertConfig",
    "FitConfig",
    "GateConfig",
    "LabelConfig",
    "MixtureConfig",
    "RunConfig",
    "as_mapping",
    "load_config",
    "preset_names",
]

PRESETS = Path(__file__).parent / "presets"


class ConfigError(ValueError):
    """A configuration that cannot be used; the message names the key and what is right."""


def _check(condition: bool, key: str, rule: str) -> None:
    if not condition:
        raise ConfigError(f"{key}: {rule}")


@dataclass(frozen=True)
class EncoderConfig:
    """The pretrained encoder of the task models."""

    name: str = "xlm-roberta-large"
    """Model name or folder."""
    max_length: int = 512
    """Sub-tokens of an input, special ones included; no more than the encoder's positions."""
    gradient_checkpointing: bool = False
    """Compute activations twice instead of keeping them: less memory, a third more time."""

    def __post_init__(self) -> None:
        _check(self.max_length >= 16, "encoder.max_length", "at least 16")


@dataclass(frozen=True)
class ContextConfig:
    """How evidence becomes contexts."""

    top_k: int = 10
    """Contexts tried for an example at most (paper section 3.1)."""
    minimum_score: float | None = None
    """Evidence with a lower score is left out; counted."""
    anchors: Literal["strip", "keep"] = "strip"
    """Whether the tags around anchors are taken out of the text."""
    titles: bool = True
    """Put ``[ Title ]`` in front of each context."""
    separator: str = "<EOS>"
    """The mark [X] between sentence and contexts, read as text (the released code's)."""

    def __post_init__(self) -> None:
        _check(self.top_k >= 1, "contexts.top_k", "at least 1")


@dataclass(frozen=True)
class LabelConfig:
    """The tags of NER."""

    scheme: Literal["bioes", "bio"] = "bioes"
    """Tags of the model; those of the data set are converted."""
    constraints: bool = False
    """Forbid moves that the scheme forbids, in training and decoding."""


@dataclass(frozen=True)
class FitConfig:
    """How an expert is fitted."""

    epochs: int = 10
    """Passes over the training split."""
    batch_size: int = 4
    """Examples a step, over all devices and accumulated steps."""
    accumulation: int = 1
    """Forward and backward passes that make one step; each takes batch_size / accumulation examples."""
    learning_rate: float = 5e-6
    """Of the encoder."""
    head_learning_rate: float = 5e-2
    """Of what stands on it: emissions and CRF, or the relation head."""
    search: tuple[float, ...] = ()
    """Encoder learning rates to try with the first seed; the best on the development split is taken."""
    weight_decay: float = 0.01
    """AdamW's, on matrices only."""
    warmup: float = 0.0
    """Share of the steps over which learning rates rise from zero."""
    schedule: Literal["linear", "cosine", "constant"] = "linear"
    """How learning rates fall afterwards."""
    clip: float | None = None
    """Greatest norm of a gradient; None leaves gradients as they are."""
    dropout: float = 0.1
    """On the representations in front of the head."""
    alignment: bool = True
    """Cross-view alignment, for experts with evidence."""
    temperature: float = 1.0
    """T of the alignment."""
    selection: Literal["best", "last"] = "best"
    """The epoch that is kept: the best by F1 on the development split, or the last."""

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "accumulation"):
            _check(getattr(self, name) >= 1, f"fit.{name}", "at least 1")
        _check(self.batch_size % self.accumulation == 0, "fit.accumulation", "must divide fit.batch_size")
        for name in ("learning_rate", "head_learning_rate", "temperature"):
            _check(getattr(self, name) > 0, f"fit.{name}", "above 0")
        _check(0 <= self.warmup < 1, "fit.warmup", "a share of the steps, from 0 to below 1")
        _check(0 <= self.dropout < 1, "fit.dropout", "a probability, from 0 to below 1")


@dataclass(frozen=True)
class ExpertConfig:
    """An expert: a task model with one source of evidence."""

    source: str | None = None
    """A source of the cache; None is the baseline without evidence."""
    fit: FitConfig = field(default_factory=FitConfig)
    """Where it differs from the run's `fit`."""


@dataclass(frozen=True)
class GateConfig:
    """The gate of a mixture (paper section 2.3)."""

    weights: Literal["label", "example"] = "label"
    """One weight for every label, as in the paper (the mixture is normalised again), or one an example."""
    vectors: tuple[str, ...] = ("text_vector", "image_vector")
    """Columns of the cache's features, joined: r_T and r_I."""
    normalised: bool = True
    """L2-normalised vectors, or raw ones. At a learning rate of 5e-6 this decides how far a gate can move."""
    split: str = "train"
    """The split on which the gate learns. Experts are surest on what they were trained on; ``dev`` shows the
    gate how far they err, at the price of choosing its epoch there, too."""
    epochs: int = 50
    """Passes over the split."""
    batch_size: int = 64
    """Examples a step."""
    learning_rate: float = 5e-6
    """AdamW's."""
    weight_decay: float = 0.01
    """AdamW's."""

    def __post_init__(self) -> None:
        _check(len(self.vectors) >= 1, "gate.vectors", "at least one column of the cache's features")
        _check(self.epochs >= 1 and self.batch_size >= 1, "gate.epochs, gate.batch_size", "at least 1")
        _check(self.learning_rate > 0, "gate.learning_rate", "above 0")


@dataclass(frozen=True)
class MixtureConfig:
    """A mixture of experts."""

    experts: tuple[str, ...] = ()
    """Names of experts. One that comes twice takes part with two seeds, as the paper's Text and Image rows."""
    kind: Literal["gate", "average"] = "gate"
    """A learned gate, or the plain average of the experts' distributions."""
    gate: GateConfig = field(default_factory=GateConfig)
    """Where it differs from the run's `gate`."""

    def __post_init__(self) -> None:
        _check(len(self.experts) >= 2, "experts", "a mixture needs at least two experts")


@dataclass(frozen=True)
class EvaluationConfig:
    """How results are measured."""

    convention: Literal["lenient", "strict"] = "lenient"
    """The headline F1 of NER: seqeval's default reading, or its strict one. Both are reported."""
    resamples: int = 1000
    """Bootstrap samples over distinct sentences."""

    def __post_init__(self) -> None:
        _check(self.resamples >= 1, "evaluation.resamples", "at least 1")


@dataclass(frozen=True)
class RunConfig:
    """A whole run."""

    cache: str = ""
    """Folder of the retrieval cache."""
    output: str = "runs/run"
    """Folder of the run; made where it is missing."""
    seeds: tuple[int, ...] = (1, 2, 3)
    """One expert and one mixture a seed."""
    train: str = "train"
    """Name of the training split."""
    dev: str = "dev"
    """Name of the development split: epochs and learning rates are chosen on it."""
    test: str = "test"
    """Name of the test split, which chooses nothing."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where models run; ``auto`` takes a GPU if there is one, any other name is an error without it."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Of the encoder's products; the CRF is in float32 or better always."""
    evaluation_batch_size: int = 32
    """Examples a step where nothing is learned."""
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    contexts: ContextConfig = field(default_factory=ContextConfig)
    labels: LabelConfig = field(default_factory=LabelConfig)
    fit: FitConfig = field(default_factory=FitConfig)
    experts: Mapping[str, ExpertConfig] = field(default_factory=dict)
    gate: GateConfig = field(default_factory=GateConfig)
    mixtures: Mapping[str, MixtureConfig] = field(default_factory=dict)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)

    def __post_init__(self) -> None:
        _check(bool(self.cache), "cache", "give the folder of a retrieval cache")
        _check(bool(self.experts), "experts", "name at least one expert")
        _check(bool(self.seeds), "seeds", "give at least one seed")
        _check(len(set(self.seeds)) == len(self.seeds), "seeds", "each seed once")
        for name in [*self.experts, *self.mixtures]:
            plain = name.replace("-", "").replace("_", "").replace("+", "").replace(".", "")
            _check(plain.isalnum(), f"the name {name!r}", "letters, digits and - _ + . only")
        both = sorted(self.experts.keys() & self.mixtures.keys())
        _check(not both, f"mixtures.{both[0] if both else ''}", "an expert has this name already")
        for name, mixture in self.mixtures.items():
            for expert in mixture.experts:
                where = f"mixtures.{name}.experts"
                _check(expert in self.experts, where, f"no expert {expert!r}{_nearest(expert, self.experts)}")
                times = mixture.experts.count(expert)
                _check(times <= len(self.seeds), where, f"{expert!r} {times} times needs as many seeds")


def preset_names() -> list[str]:
    """Gives the names of the presets that are shipped."""
    return sorted(path.stem for path in PRESETS.glob("*.yaml"))


def load_config(path: str | Path, changes: Sequence[str] = ()) -> RunConfig:
    """Gives the configuration of a file or preset, with ``key=value`` changes applied.

    Raises:
        ConfigError: the file is missing or no YAML mapping, a key is unknown, or a value does not fit.
    """
    values = _read(path, ())
    for change in changes:
        key, equals, text = change.partition("=")
        if not equals:
            raise ConfigError(f"--set {change}: write key=value, as --set fit.epochs=3")
        _set(values, key.strip().split("."), _yaml(text, f"--set {change}"), change)
    return build_config(values)


def build_config(values: Mapping[str, Any]) -> RunConfig:
    """Gives the configuration that a mapping describes; experts and mixtures inherit `fit` and `gate`.

    Raises:
        ConfigError: as `load_config`.
    """
    values = dict(values)
    for section, inherited in (("experts", "fit"), ("mixtures", "gate")):
        entries = values.get(section) or {}
        if not isinstance(entries, Mapping):
            raise ConfigError(f"{section}: a mapping from names, not {entries!r}")
        ground = values.get(inherited) or {}
        values[section] = {
            name: _inherit(entry, inherited, ground, f"{section}.{name}") for name, entry in entries.items()
        }
    built: RunConfig = _build(RunConfig, values, "")
    return built


def _inherit(entry: Any, key: str, ground: Any, where: str) -> Any:
    entry = {} if entry is None else entry
    if not isinstance(entry, Mapping):
        raise ConfigError(f"{where}: a mapping, not {entry!r}")
    if not isinstance(ground, Mapping) or not isinstance(entry.get(key) or {}, Mapping):
        return entry
    return {**entry, key: {**ground, **(entry.get(key) or {})}}


def as_mapping(config: Any) -> dict[str, Any]:
    """Gives a configuration (or a part) as plain values, in the order of its fields."""
    return dataclasses.asdict(config)


def _read(path: str | Path, chain: tuple[Path, ...]) -> dict[str, Any]:
    found = Path(path)
    if not found.exists() and (PRESETS / f"{path}.yaml").exists():
        found = PRESETS / f"{path}.yaml"
    if found in chain:
        raise ConfigError(f"{found}: extends itself")
    try:
        text = found.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        near = _nearest(str(path), preset_names())
        raise ConfigError(
            f"{path}: no such file or preset{near}; presets: {', '.join(preset_names())} ({error})"
        ) from error
    values = _yaml(text, str(found))
    if not isinstance(values, dict):
        raise ConfigError(f"{found}: a mapping of keys is needed, not {type(values).__name__}")
    ground = values.pop("extends", None)
    if ground is None:
        return values
    beside = found.parent / str(ground)
    return _merged(_read(beside if beside.exists() else str(ground), (*chain, found)), values)


def _yaml(text: str, where: str) -> Any:
    import yaml  # type: ignore[import-untyped]

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{where}: not YAML: {error}") from error


def _merged(ground: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Gives `ground` with `changes`; mappings are merged key by key, a null takes an entry out."""
    merged = dict(ground)
    for key, value in changes.items():
        if key in ("experts", "mixtures") and isinstance(value, Mapping):
            merged[key] = {
                name: entry
                for name, entry in _merged(merged.get(key) or {}, value).items()
                if entry is not None
            }
        elif isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = _merged(merged[key], value)
        else:
            merged[key] = value
    return merged


def _set(values: dict[str, Any], keys: Sequence[str], value: Any, change: str) -> None:
    here = values
    for key in keys[:-1]:
        if here.get(key) is None:
            here[key] = {}
        if not isinstance(here[key], dict):
            raise ConfigError(f"--set {change}: {key!r} holds no keys")
        here = here[key]
    if len(keys) == 2 and keys[0] in ("experts", "mixtures") and value is None:
        here.pop(keys[-1], None)
    else:
        here[keys[-1]] = value


def _nearest(name: str, known: typing.Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else ""


def _build(kind: Any, values: Any, where: str) -> Any:
    """Gives a dataclass from plain values, checking keys and types."""
    if values is None:
        values = {}
    if not isinstance(values, Mapping):
        raise ConfigError(f"{where or 'configuration'}: a mapping of keys, not {values!r}")
    hints = typing.get_type_hints(kind)
    names = [entry.name for entry in dataclasses.fields(kind)]
    arguments = {}
    for key, value in values.items():
        path = f"{where}.{key}" if where else str(key)
        if key not in names:
            near = _nearest(str(key), names) or f"; known: {', '.join(names)}"
            raise ConfigError(f"{path}: unknown key{near}")
        arguments[key] = _value(hints[key], value, path)
    try:
        return kind(**arguments)
    except ConfigError as error:
        prefix = where.rsplit(".", 1)[0] if "." in where else ""
        raise ConfigError(f"{prefix}: {error}" if prefix else str(error)) from None


def _value(hint: Any, value: Any, where: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(hint):
        return _build(hint, value, where)
    if origin is Literal:
        if value not in arguments:
            raise ConfigError(f"{where}: {value!r} is none of {', '.join(map(str, arguments))}")
        return value
    if origin in (typing.Union, types.UnionType):
        return None if value is None else _value(arguments[0], value, where)
    if origin is tuple:
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise ConfigError(f"{where}: a list, not {value!r}")
        return tuple(_value(arguments[0], entry, f"{where}[{place}]") for place, entry in enumerate(value))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {str(name): _value(arguments[1], entry, f"{where}.{name}") for name, entry in value.items()}
    return _scalar(hint, value, where)


def _scalar(hint: type, value: Any, where: str) -> Any:
    # YAML 1.1 reads 5e-6 (no point) as a string.
    if hint is float and isinstance(value, (int, str)) and not isinstance(value, bool):
        try:
            return float(value)
        except ValueError:
            pass
    if isinstance(value, hint) and not (hint is int and isinstance(value, bool)):
        return value
    raise ConfigError(f"{where}: {value!r} is no {hint.__name__}")
