"""Experts: a task model with one source of evidence, fitted, saved, loaded, asked for its distributions."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from kc_schema.retrieval_cache import Example, Hit, RetrievalCache
from kc_schema.store import read_json, write_atomically, write_json
from training.config import ContextConfig, ExpertConfig, FitConfig, RunConfig
from training.data.batching import Collator, EncodedDataset, batches_by_length
from training.data.inputs import EncodedInput, InputEncoder, load_tokenizer
from training.data.labels import TagSet
from training.devices import Precision, choose_device, choose_precision
from training.distributions import Distributions, join, save_distributions
from training.errors import TrainingError, out_of_memory_explained
from training.evaluation.scores import Epoch, headline_f1
from training.models.encoder import encoder_limit, load_encoder, restore_encoder
from training.models.task_models import TaskModel
from training.run_folder import Run, check_written
from training.task import Task, TaskRecord

if TYPE_CHECKING:
    from training.fitting import Fit

logger = logging.getLogger(__name__)
__all__ = [
    "Expert",
    "FitRecord",
    "Speed",
    "cache_distributions",
    "evidence_of",
    "fit_expert",
    "load_expert",
    "read_fit",
]

_CHECKPOINTS = "fit"
"""Folder of the checkpoints while an expert is fitted."""
_TIMED = 32


@dataclass
class Expert:
    """A task model that can be asked.

    Its inputs are built by the same settings with which it was fitted.
    """

    model: TaskModel
    task: Task
    inputs: InputEncoder
    source: str | None
    device: torch.device
    precision: Precision | Literal["auto"]
    """``float32``, ``bfloat16``, or ``auto``, which is decided for the device at hand."""

    def predict(
        self, examples: Sequence[Example], hits: Mapping[str, Sequence[Hit]] | None, batch_size: int
    ) -> Distributions:
        """Return the distributions over the labels of `examples`, whose gold labels are not looked at."""
        return self.predict_inputs(self.inputs.encode(examples, hits), batch_size)

    @torch.no_grad()
    def predict_inputs(self, inputs: Sequence[EncodedInput], batch_size: int) -> Distributions:
        """Return the distributions of inputs that are encoded already."""
        training = self.model.training
        self.model.eval()
        items = EncodedDataset(inputs, [0] * len(inputs))
        collate = Collator(self.inputs.tokenizer.pad_token_id, self.inputs.tokenizer.sep_token_id, False)
        parts: dict[int, Distributions] = {}
        labels = self.task.labels
        legal_moves = labels.legal_moves().to(self.device) if isinstance(labels, TagSet) else None
        advice = "lower evaluation_batch_size"
        half = choose_precision(self.precision, self.device) == "bfloat16"
        with out_of_memory_explained("prediction", advice):
            for rows in batches_by_length([len(item.input_ids) for item in inputs], batch_size):
                batch = {
                    name: value.to(self.device)
                    for name, value in collate([items[row] for row in rows]).items()
                }
                with torch.autocast(self.device.type, torch.bfloat16, enabled=half):
                    scores = self.model.scores(batch["input_ids"], batch["attention_mask"], batch["places"])
                found = self._read(scores, self.model.token_mask(batch["place_mask"]), legal_moves)
                parts |= zip(rows, found, strict=True)
        self.model.train(training)
        return join([parts[row] for row in range(len(inputs))])

    def _read(
        self, scores: torch.Tensor, mask: torch.Tensor, legal_moves: torch.Tensor | None
    ) -> Iterator[Distributions]:
        """Yield what the scores of a batch say about each of its examples."""
        probabilities = self.model.posteriors(scores, mask).float().cpu().numpy()
        best = self.model.decode(scores, mask).cpu().numpy()
        found = None if legal_moves is None else self.model.decode_legally(scores, mask, legal_moves)
        legal = None if found is None else found.cpu().numpy()
        for place, length in enumerate(mask.sum(1).tolist()):
            yield Distributions(
                probabilities[place, :length].copy(),
                best[place, :length].astype(np.int64),
                np.array([length]),
                None if legal is None else legal[place, :length].astype(np.int64),
            )

    def save(self, folder: Path) -> None:
        """Write weights (safetensors), tokenizer and a readable description."""
        from safetensors.torch import save_model

        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / "model.safetensors", lambda place: save_model(self.model, str(place)))
        self.inputs.tokenizer.save_pretrained(folder)
        self.model.encoder.config.save_pretrained(folder)
        described = _Described(
            self.task.as_json(), self.source, self.inputs.contexts, self.inputs.limit, self.precision
        )
        write_json(folder / "expert.json", described)


@dataclass(frozen=True)
class _Described:
    """What is noted of an expert (``expert.json``) beside its weights, tokenizer and encoder."""

    task: TaskRecord
    source: str | None
    contexts: ContextConfig
    limit: int
    precision: str


def load_expert(folder: Path | str, device: str = "auto", *, checked: bool = False) -> Expert:
    """Return the expert that `Expert.save` wrote.

    Args:
        folder: where it lies.
        device: where it is to run.
        checked: whether its files were compared with their record just before.

    Raises:
        TrainingError: there is none, or a file of it is not the one that was written.
    """
    from safetensors.torch import load_model

    folder = Path(folder)
    if not checked:
        check_written(folder)
    try:
        described = read_json(folder / "expert.json", _Described)
    except FileNotFoundError:
        raise TrainingError(f"{folder}: no expert.json, so no trained expert; run training.run") from None
    except ValueError as error:
        raise TrainingError(f"{folder / 'expert.json'}: {error}; run training.run again") from error
    task = Task.from_json(described.task)
    tokenizer = load_tokenizer(str(folder), markers=task.name == "re")
    encoder = restore_encoder(folder)
    model = task.build_model(encoder, FitConfig())
    load_model(model, str(folder / "model.safetensors"))
    place = choose_device(device)
    inputs = InputEncoder(tokenizer, described.contexts, described.limit)
    # What was fitted in bfloat16 is asked in it where the device has units for it.
    precision: Precision | Literal["auto"] = "float32" if described.precision == "float32" else "auto"
    return Expert(model.to(place), task, inputs, described.source, place, precision)


def evidence_of(cache: RetrievalCache, source: str | None, split: str) -> dict[str, list[Hit]] | None:
    """Return the hits of a source, None for an expert without evidence.

    Raises:
        TrainingError: the cache lacks the source, or the source found nothing at all for the split.
    """
    if source is None:
        return None
    if source not in cache.sources:
        known = ", ".join(cache.sources) or "none"
        raise TrainingError(
            f"experts: the cache {cache.folder} has no source {source!r}; it has {known}; build it "
            f"with --sources"
        )
    hits = cache.hits(source, split)
    if not any(hits.values()):
        raise TrainingError(
            f"hits/{source}/{split}.parquet of {cache.folder} is empty: the expert would see no evidence; check "
            "how the cache was built"
        )
    return hits


def new_expert(task: Task, config: RunConfig, expert: ExpertConfig, seed: int) -> Expert:
    """Return an untrained expert on the pretrained encoder; `seed` decides its head."""
    from transformers import set_seed

    set_seed(seed)
    device = choose_device(config.device)
    tokenizer = load_tokenizer(config.encoder.name, markers=task.name == "re")
    encoder = load_encoder(config.encoder.name, len(tokenizer))
    limit = encoder_limit(encoder, config.encoder.max_length)
    inputs = InputEncoder(tokenizer, config.contexts, limit)
    model = task.build_model(encoder, expert.fit)
    return Expert(model.to(device), task, inputs, expert.source, device, config.precision)


@dataclass(frozen=True)
class FitRecord:
    """What is noted of a fit (``fit.json``)."""

    history: list[Epoch]
    dev_f1: float
    """Of the epoch that was kept, in percent."""
    counts: dict[str, int]
    """What packing did with the evidence of both splits."""
    learning_rate: float
    precision: str
    """Of the encoder's products: ``float32`` or ``bfloat16``, also where ``auto`` was configured."""


def read_fit(folder: Path) -> FitRecord:
    """Read the record of a fit from an expert's folder."""
    return read_json(folder / "fit.json", FitRecord)


def fit_expert(
    run: Run, name: str, expert: ExpertConfig, seed: int, folder: Path, tried: Sequence[Path] = ()
) -> None:
    """Fit an expert and save it in `folder`; go on where a killed run left off.

    Args:
        run: the run.
        name: of the step, for messages.
        expert: its settings.
        seed: of its head and of the order of the examples.
        folder: where it is saved; checkpoints are removed at the end.
        tried: folders of experts with other learning rates; the rate that did best on the development split is
            taken, the lower of equals.
    """
    from accelerate import PartialState  # type: ignore[import-untyped]

    if tried:
        best = max(map(read_fit, tried), key=lambda record: (record.dev_f1, -record.learning_rate))
        expert = expert.at(best.learning_rate)
    config = run.config
    made = new_expert(run.task, config, expert, seed)
    fit = _prepare(run, name, expert, seed, folder / _CHECKPOINTS, made)
    history = fit.run()
    if not PartialState().is_main_process:
        return
    scores = [row.dev_f1 or 0.0 for row in history]
    made.save(folder)
    write_json(
        folder / "fit.json",
        FitRecord(
            history,
            max(scores) if expert.fit.selection == "best" else scores[-1],
            dict(made.inputs.counts),
            expert.fit.learning_rate,
            fit.precision,
        ),
    )
    shutil.rmtree(folder / _CHECKPOINTS, ignore_errors=True)


def _prepare(run: Run, name: str, expert: ExpertConfig, seed: int, folder: Path, made: Expert) -> Fit:
    """Encode both splits and put together what a fit needs."""
    from training.fitting import Fit

    config, task = run.config, run.task
    examples, inputs = _encoded(run, expert.source, config.train, made)
    dev_examples, dev_inputs = _encoded(run, expert.source, config.dev, made)
    if expert.source is not None and not made.inputs.counts["contexts used"]:
        logger.warning(
            "%s: not one context fits whole into %d sub-tokens behind its sentence, so the expert learns without"
            " evidence; --set contexts.too_long=cut takes their beginnings",
            name,
            made.inputs.limit,
        )

    def score() -> float:
        found = made.predict_inputs(dev_inputs, config.evaluation_batch_size)
        return headline_f1(task, dev_examples, found.by_example(found.best), config.evaluation.convention)

    tokenizer = made.inputs.tokenizer
    aligned = expert.fit.alignment and expert.source is not None
    return Fit(
        model=made.model,
        dataset=EncodedDataset(inputs, task.targets(examples, config.train)),
        collator=Collator(tokenizer.pad_token_id, tokenizer.sep_token_id, both_views=aligned),
        example_ids=[example.example_id for example in examples],
        score=score,
        settings=expert.fit,
        seed=seed,
        device=made.device,
        precision=choose_precision(config.precision, made.device),
        gradient_checkpointing=config.encoder.gradient_checkpointing,
        folder=folder,
        name=name,
    )


def _encoded(
    run: Run, source: str | None, split: str, made: Expert
) -> tuple[list[Example], list[EncodedInput]]:
    examples = run.cache.examples(split)
    return examples, made.inputs.encode(examples, evidence_of(run.cache, source, split))


@dataclass(frozen=True)
class Speed:
    """How fast an expert answers, one example at a time (``speed.json``)."""

    sentences_per_second: float
    device: str


def cache_distributions(run: Run, source: str | None, expert: Path, folder: Path) -> None:
    """Write into `folder` what the expert in the folder `expert` says of every split, and how fast it is."""
    config = run.config
    made = replace(load_expert(expert, config.device, checked=True), precision=config.precision)
    for split in (config.train, config.dev, config.test):
        hits = evidence_of(run.cache, source, split)
        examples = run.cache.examples(split)
        found = made.predict(examples, hits, config.evaluation_batch_size)
        save_distributions(folder / f"{split}.safetensors", found)
    # The last one is the test split.
    write_json(folder / "speed.json", Speed(_measure_speed(made, examples, hits), str(made.device)))


def _measure_speed(
    expert: Expert, examples: Sequence[Example], hits: Mapping[str, Sequence[Hit]] | None
) -> float:
    """Return the speed of prediction with a batch size of 1 (paper, Table 7), over the first examples."""
    some = examples[:_TIMED]
    expert.predict(some[:2], hits, 1)
    begun = time.perf_counter()
    expert.predict(some, hits, 1)
    return len(some) / (time.perf_counter() - begun)
