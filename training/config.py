"""The configuration of a run: all keys with their meaning, read from YAML, presets and changes.

``extends: NAME`` takes a preset (or another file) as the ground on which a file changes single keys;
``--set experts.text.fit.epochs=3`` changes one more. Experts inherit the run's `fit`, mixtures its `gate`.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import json
import re
import typing
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any, ClassVar, Literal

from kc_schema.errors import UsageError
from kc_schema.store import is_address

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
    "apply_changes",
    "as_mapping",
    "build_config",
    "explained_yaml",
    "load_config",
    "nearest",
    "preset_names",
    "without",
]

PRESETS = Path(__file__).parent / "presets"


class ConfigError(UsageError):
    """A configuration that cannot be used; the message names the key and what is right."""


def _check(condition: bool, key: str, rule: str) -> None:
    """Raise what pydantic turns into an error at its place."""
    if not condition:
        raise ValueError(f"{key}: {rule}" if key else rule)


def without(**sections: Iterable[str]) -> str:
    """Return the end of a message: which options take entries out of their sections."""
    options = (f"--set {section}.{name}=null" for section, names in sections.items() for name in names)
    return f"to do without: {' '.join(options)}"


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the end of a message: which known name was meant, if any is like it."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else ""


class _Section:
    """A part of the configuration; keys that it does not have are errors."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}


@dataclass(frozen=True)
class EncoderConfig(_Section):
    """The pretrained encoder of the task models."""

    name: str = "xlm-roberta-large"
    """Model name or folder."""
    max_length: int = 512
    """Sub-tokens of an input, special ones included; no more than the encoder's positions."""
    gradient_checkpointing: bool = False
    """Compute activations twice instead of keeping them: less memory, a third more time."""

    @property
    def short_name(self) -> str:
        """The name as it is shown: the last two parts, of a folder, too."""
        return "/".join(PurePath(self.name).parts[-2:])

    def __post_init__(self) -> None:
        _check(bool(self.name), "name", "give a model's name or folder")
        _check(self.max_length >= 16, "max_length", "at least 16")


@dataclass(frozen=True)
class ContextConfig(_Section):
    """How evidence becomes contexts."""

    top_k: int = 10
    """Contexts tried for an example at most (paper section 3.1)."""
    minimum_score: float | None = None
    """Evidence with a lower score is left out; counted."""
    anchors: Literal["strip", "keep"] = "strip"
    """Whether the tags around anchors are taken out of the text."""
    titles: bool = True
    """Put ``[ Title ]`` in front of each context."""
    types: bool = False
    """Put what an article is about behind its title, ``[ Title (human) ]``, where the cache has types."""
    too_long: Literal["skip", "cut"] = "skip"
    """What becomes of a context that does not fit whole: leave it out and try the next, as the released code does, or
    take as much of its beginning as there is room for, so that long introductions count with a short limit, too."""
    separator: str = "<EOS>"
    """The mark [X] between sentence and contexts, read as text (the released code's)."""

    def __post_init__(self) -> None:
        _check(self.top_k >= 1, "top_k", "at least 1")


@dataclass(frozen=True)
class LabelConfig(_Section):
    """The tags of NER."""

    scheme: Literal["bioes", "bio"] = "bioes"
    """Tags of the model; those of the data set are converted."""
    constraints: bool = False
    """Forbid moves that the scheme forbids, in training and decoding."""


@dataclass(frozen=True)
class FitConfig(_Section):
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
    emission_learning_rate: float | None = None
    """NER: of the emission layer alone, where it differs from the CRF's; null takes head_learning_rate."""
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
            _check(getattr(self, name) >= 1, name, "at least 1")
        _check(self.batch_size % self.accumulation == 0, "accumulation", "must divide batch_size")
        for name in ("learning_rate", "head_learning_rate", "temperature"):
            _check(getattr(self, name) > 0, name, "above 0")
        _check((self.emission_learning_rate or 1) > 0, "emission_learning_rate", "above 0, or null")
        _check(0 <= self.warmup < 1, "warmup", "a share of the steps, from 0 to below 1")
        _check(0 <= self.dropout < 1, "dropout", "a probability, from 0 to below 1")
        _check(self.clip is None or self.clip > 0, "clip", "above 0, or null")
        _check(self.weight_decay >= 0, "weight_decay", "at least 0")


@dataclass(frozen=True)
class ExpertConfig(_Section):
    """An expert: a task model with one source of evidence."""

    source: str | None = None
    """A source of the cache; None is the baseline without evidence."""
    fit: FitConfig = field(default_factory=FitConfig)
    """Where it differs from the run's `fit`."""

    def at(self, learning_rate: float) -> ExpertConfig:
        """Return the expert with this learning rate of the encoder, and no others to try."""
        fit = dataclasses.replace(self.fit, learning_rate=learning_rate, search=())
        return dataclasses.replace(self, fit=fit)


@dataclass(frozen=True)
class GateConfig(_Section):
    """The gate of a mixture (paper section 2.3)."""

    weights: Literal["label", "example"] = "label"
    """One weight for every label, as in the paper (the mixture is normalised again), or one an example."""
    vectors: tuple[str, ...] | None = None
    """Columns of the cache's features, joined; null takes text_vector and image_vector (r_T and r_I), as far as
    the cache has them."""
    types: tuple[str, ...] = ()
    """Sources of the cache whose types are features, too: of each the most frequent ones in the evidence of `split`,
    with the share of an example's evidence that is of that type."""
    most_types: int = 64
    """Types of a source that are features, at most."""
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
        _check(self.vectors != (), "vectors", "at least one column of the cache's features, or null")
        for name in ("epochs", "batch_size", "most_types"):
            _check(getattr(self, name) >= 1, name, "at least 1")
        _check(self.learning_rate > 0, "learning_rate", "above 0")
        _check(len(set(self.types)) == len(self.types), "types", "each source once")


@dataclass(frozen=True)
class MixtureConfig(_Section):
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
class EvaluationConfig(_Section):
    """How results are measured."""

    convention: Literal["lenient", "strict"] = "lenient"
    """The headline F1 of NER: seqeval's default reading, or its strict one. Both are reported."""
    resamples: int = 1000
    """Bootstrap samples over distinct sentences."""

    def __post_init__(self) -> None:
        _check(self.resamples >= 1, "resamples", "at least 1")


@dataclass(frozen=True)
class RunConfig(_Section):
    """A whole run."""

    cache: str = ""
    """Folder of the retrieval cache."""
    task: Literal["ner", "re"] | None = None
    """What the settings are meant for; a cache for the other task is refused. null takes either."""
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
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Of the encoder's products; ``auto`` takes bfloat16 where the device has units for it, and in a run that was
    begun already what it was begun in. The CRF is in float32 or better always."""
    evaluation_batch_size: int = 32
    """Examples a step where nothing is learned."""
    limit: int | None = None
    """Take only the first examples of each split, to try things; null takes all."""
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    contexts: ContextConfig = field(default_factory=ContextConfig)
    labels: LabelConfig = field(default_factory=LabelConfig)
    fit: FitConfig = field(default_factory=FitConfig)
    experts: Mapping[str, ExpertConfig] = field(default_factory=dict)
    """By name: task models, each with one source of evidence or none."""
    gate: GateConfig = field(default_factory=GateConfig)
    mixtures: Mapping[str, MixtureConfig] = field(default_factory=dict)
    """By name: experts whose distributions are mixed."""
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)

    def __post_init__(self) -> None:
        _check(bool(self.cache), "cache", "give the folder of a retrieval cache")
        _check(
            not is_address(self.output),
            "output",
            "a run's folder lies on this machine; give one here, and copy it when the run has ended",
        )
        _check(bool(self.experts), "experts", "name at least one expert")
        _check(bool(self.seeds), "seeds", "give at least one seed")
        _check(self.evaluation_batch_size >= 1, "evaluation_batch_size", "at least 1")
        _check(self.limit is None or self.limit >= 1, "limit", "at least 1, or null")
        _check(len(set(self.seeds)) == len(self.seeds), "seeds", "each seed once")
        for name in [*self.experts, *self.mixtures]:
            plain = name.replace("-", "").replace("_", "").replace("+", "").replace(".", "")
            _check(plain.isalnum(), f"the name {name!r}", "letters, digits and - _ + . only")
        both = sorted(self.experts.keys() & self.mixtures.keys())
        _check(not both, f"mixtures.{both[0] if both else ''}", "an expert has this name already")
        self._check_members()

    def _check_members(self) -> None:
        """Make sure that every mixture can have its experts; a message says how to do without it."""
        times = {name: Counter(mixture.experts) for name, mixture in self.mixtures.items()}
        orphans = [name for name, counts in times.items() if counts.keys() - self.experts.keys()]
        greedy = [name for name, counts in times.items() if max(counts.values()) > len(self.seeds)]
        if orphans:
            name = orphans[0]
            lost = next(expert for expert in self.mixtures[name].experts if expert not in self.experts)
            raise ValueError(
                f"mixtures.{name}.experts: no expert {lost!r}{nearest(lost, self.experts)}; {without(mixtures=orphans)}"
            )
        if greedy:
            expert, most = times[greedy[0]].most_common(1)[0]
            raise ValueError(
                f"mixtures.{greedy[0]}.experts: {expert!r} {most} times needs as many seeds; {without(mixtures=greedy)}"
            )


def as_mapping(config: Any) -> dict[str, Any]:
    """Return a configuration (or a part) as plain values, in the order of its fields."""
    return dataclasses.asdict(config)


def preset_names() -> list[str]:
    """Return the names of the presets that are shipped."""
    return sorted(path.stem for path in PRESETS.glob("*.yaml"))


def load_config(path: str | Path, changes: Sequence[str] = ()) -> RunConfig:
    """Return the configuration of a file or preset, with ``key=value`` changes applied.

    Raises:
        ConfigError: the file is missing or no YAML mapping, a key is unknown, or a value does not fit.
    """
    values = _read(path, ())
    apply_changes(values, changes)
    return build_config(values)


def apply_changes(values: dict[str, Any], changes: Sequence[str]) -> None:
    """Change single keys of a configuration, each given as ``key=value``.

    Raises:
        ConfigError: no key and value, no YAML, or no such place.
    """
    for change in changes:
        key, equals, text = change.partition("=")
        if not equals:
            raise ConfigError(f"--set {change}: write key=value, as --set fit.epochs=3")
        _set(values, key.strip().split("."), _yaml(text, f"--set {change}"), change)


def build_config(values: Mapping[str, Any]) -> RunConfig:
    """Return the configuration that a mapping describes; experts and mixtures inherit `fit` and `gate`.

    Raises:
        ConfigError: a key is unknown, or a value does not fit.
    """
    from pydantic import ValidationError

    values = {key: value for key, value in values.items() if value is not None or key == "limit"}
    for section, inherited in (("experts", "fit"), ("mixtures", "gate")):
        entries = values.get(section) or {}
        if isinstance(entries, Mapping):
            ground = values.get(inherited) or {}
            values[section] = {name: _inherit(entry, inherited, ground) for name, entry in entries.items()}
    try:
        # Through JSON: there a list is a tuple, and nothing else is taken for what it is not.
        built: RunConfig = _adapter().validate_json(json.dumps(values), strict=True)
    except ValidationError as error:
        raise ConfigError(_explain(error)) from None
    return built


def _inherit(entry: Any, key: str, ground: Any) -> Any:
    entry = {} if entry is None else entry
    if not isinstance(entry, Mapping) or not isinstance(ground, Mapping):
        return entry
    own = entry.get(key) or {}
    return {**entry, key: {**ground, **own}} if isinstance(own, Mapping) else entry


@functools.cache
def _adapter() -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(RunConfig)


def _explain(error: Any) -> str:
    """Return the first of pydantic's complaints as one line: the key, what is wrong, the nearest right key."""
    first = error.errors()[0]
    place = [str(part) for part in first["loc"]]
    if first["type"] == "unexpected_keyword_argument":
        known = _keys(place[:-1])
        near = nearest(place[-1], known) or f"; known: {', '.join(known)}"
        return f"{'.'.join(place)}: unknown key{near}"
    if first["type"] == "value_error":
        inside = ".".join([*place, ""])
        return f"{inside}{str(first['msg']).removeprefix('Value error, ')}"
    given = json.dumps(first["input"], ensure_ascii=False)
    message = str(first["msg"]).replace("Input should be", "should be")
    return f"{'.'.join(place) or 'configuration'}: {message}, not {given}"


def _keys(place: Sequence[str]) -> list[str]:
    """Return the keys of the section at `place`."""
    kind: Any = RunConfig
    for part in place:
        if dataclasses.is_dataclass(kind):
            kind = typing.get_type_hints(kind)[part]
        else:  # a mapping from names
            kind = typing.get_args(kind)[1]
    return [entry.name for entry in dataclasses.fields(kind)]


def _read(path: str | Path, chain: tuple[Path, ...]) -> dict[str, Any]:
    found = Path(path)
    if not found.exists() and (PRESETS / f"{path}.yaml").exists():
        found = PRESETS / f"{path}.yaml"
    if found in chain:
        raise ConfigError(f"{found}: extends itself")
    try:
        text = found.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        near = nearest(str(path), preset_names())
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


@functools.cache
def _loader() -> Any:
    """Return PyYAML's safe loader, made to read 5e-6 (no point) as the number that it is in YAML 1.2."""
    import yaml  # type: ignore[import-untyped]

    class Loader(yaml.SafeLoader):  # type: ignore[misc]
        pass

    number = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+")
    Loader.add_implicit_resolver("tag:yaml.org,2002:float", number, list("-+.0123456789"))
    return Loader


def _yaml(text: str, where: str) -> Any:
    import yaml

    try:
        return yaml.load(text, _loader())
    except yaml.YAMLError as error:
        raise ConfigError(f"{where}: not YAML: {' '.join(str(error).split())}") from error


def _merged(ground: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return `ground` with `changes`; mappings are merged key by key, a null takes an entry out."""
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
        if keys[-1] not in here:
            known = nearest(keys[-1], here) or f"; there are {', '.join(here) or 'none'}"
            raise ConfigError(f"--set {change}: {keys[0]} has no {keys[-1]!r} to take out{known}")
        del here[keys[-1]]
    else:
        here[keys[-1]] = value


def explained_yaml(config: RunConfig) -> str:
    """Return a configuration as YAML in which a comment above every key says what it means."""
    return "".join(_explained(config, config.fit, config.gate, ""))


def _explained(section: Any, fit: FitConfig, gate: GateConfig, indent: str) -> Iterable[str]:
    from docstring_parser import parse_from_object

    meaning = {entry.arg_name: entry.description or "" for entry in parse_from_object(type(section)).params}
    for entry in dataclasses.fields(section):
        value = getattr(section, entry.name)
        if value in (fit, gate) and indent:  # inherited as it is
            continue
        text = " ".join(meaning.get(entry.name, "").split()) or _summary(type(value))
        yield f"{indent}# {text}\n" if text else ""
        if dataclasses.is_dataclass(value):
            yield f"{indent}{entry.name}:\n"
            yield from _explained(value, fit, gate, indent + "  ")
        elif isinstance(value, Mapping):
            yield f"{indent}{entry.name}:{'' if value else ' {}'}\n"
            for name, inner in value.items():
                yield f"{indent}  {name}:\n"
                yield from _explained(inner, fit, gate, indent + "    ")
        else:
            yield f"{indent}{entry.name}: {_spelled(value)}\n"


def _spelled(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_spelled, value))}]"
    if isinstance(value, float) and "e" in repr(value) and "." not in repr(value):
        return repr(value).replace("e", ".0e")  # every YAML reads this as a number
    return json.dumps(value, ensure_ascii=False)


def _summary(kind: type) -> str:
    return (kind.__doc__ or "").strip().partition("\n")[0] if dataclasses.is_dataclass(kind) else ""
