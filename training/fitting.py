"""Fitting a task model with transformers' Trainer: what it does not know about our models and our promises.

Checkpoints are made at the end of an epoch and carry a note of their files, written last: a killed run goes
on from the last whole one and, on a CPU, ends with the same weights as an undisturbed one.
"""

from __future__ import annotations

import logging
import math
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments
from transformers.integrations.integration_utils import TensorBoardCallback

from kc_schema.store import Part, describe_part, read_json, write_json
from training.config import FitConfig
from training.data.batching import Collator
from training.devices import peak_flops
from training.errors import TrainingError, out_of_memory_explained
from training.evaluation.scores import Epoch
from training.models.encoder import EncoderShape, checkpoint_activations

__all__ = ["NOTE", "Fit", "last_whole_checkpoint", "note_checkpoint"]

logger = logging.getLogger(__name__)

NOTE = "complete.json"
_SECONDS_BETWEEN_LINES = 30


@dataclass
class Fit:
    """One fit: model, data, settings, and how the development split is scored."""

    model: Any
    """A `TaskModel`, on its device."""
    dataset: Dataset[dict[str, Any]]
    collator: Collator
    example_ids: Sequence[str]
    score: Callable[[], float]
    """Return F1 in percent on the development split with the model as it is."""
    settings: FitConfig
    seed: int
    device: torch.device
    precision: str
    gradient_checkpointing: bool
    folder: Path
    """Holds the checkpoints while the fit runs; the TensorBoard log is written to ``logs`` beside it."""
    name: str

    def run(self) -> list[Epoch]:
        """Fit the model, going on from a checkpoint where one lies; the chosen epoch's weights are left in it.

        Returns the history by epoch.

        Raises:
            TrainingError: the loss is not a number, or the device is out of memory.
        """
        trainer = _ModelTrainer(self)
        checkpoint = last_whole_checkpoint(self.folder)
        if checkpoint is not None:
            logger.info("%s: goes on from %s", self.name, checkpoint.name)
        micro = self.settings.batch_size // self.settings.accumulation
        advice = (
            f"a step takes {micro} examples at once: raise fit.accumulation (the result stays the same), turn "
            "on encoder.gradient_checkpointing, or lower encoder.max_length"
        )
        with out_of_memory_explained(self.name, advice):
            trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
        return _history(trainer.state.log_history)

    def arguments(self) -> TrainingArguments:
        """Return the settings as transformers names them."""
        best = self.settings.selection == "best"
        return TrainingArguments(
            output_dir=str(self.folder),
            num_train_epochs=self.settings.epochs,
            per_device_train_batch_size=self._micro_batch(),
            gradient_accumulation_steps=self.settings.accumulation,
            learning_rate=self.settings.learning_rate,
            weight_decay=self.settings.weight_decay,
            warmup_steps=self.settings.warmup,
            lr_scheduler_type=self.settings.schedule,
            max_grad_norm=self.settings.clip or 0.0,
            bf16=self.precision == "bfloat16",
            use_cpu=self.device.type == "cpu",
            train_sampling_strategy="group_by_length",
            eval_strategy="epoch",
            save_strategy="epoch",
            save_total_limit=2,
            load_best_model_at_end=best,
            metric_for_best_model="dev_f1" if best else None,
            greater_is_better=True if best else None,
            logging_strategy="epoch",
            logging_nan_inf_filter=False,
            report_to="none",
            log_level="error",
            log_level_replica="error",
            ddp_find_unused_parameters=False,
            seed=self.seed,
            data_seed=self.seed,
            remove_unused_columns=False,
            disable_tqdm=True,
            dataloader_pin_memory=self.device.type == "cuda",
        )

    def _micro_batch(self) -> int:
        from accelerate import PartialState  # type: ignore[import-untyped]

        processes: int = PartialState().num_processes
        share, rest = divmod(self.settings.batch_size, self.settings.accumulation * processes)
        if rest or not share:
            raise TrainingError(
                f"fit.batch_size {self.settings.batch_size} cannot be shared by {processes} processes and "
                f"{self.settings.accumulation} accumulated steps"
            )
        return share


class _ModelTrainer(Trainer):
    """The Trainer with learning rates by part, our own scoring, and a loss that must be a number."""

    def __init__(self, fit: Fit) -> None:
        self.fit = fit
        if fit.gradient_checkpointing:
            checkpoint_activations(fit.model.encoder)
        self.speed = _Speed(fit)
        super().__init__(
            model=fit.model,
            args=fit.arguments(),
            train_dataset=fit.dataset,
            eval_dataset=fit.dataset,
            data_collator=fit.collator,
            callbacks=[self.speed, _NoteCheckpoint(), _board(fit.folder.parent / "logs")],
        )
        self.remove_callback(PrinterCallback)
        # Each step's loss is the mean of its batch; the Trainer divides by the accumulated steps.
        self.model_accepts_loss_kwargs = False

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """AdamW with the learning rates of encoder, emissions and head; biases and norms are not decayed."""
        if self.optimizer is None:
            settings = self.fit.settings
            self.optimizer = torch.optim.AdamW(
                [
                    {
                        "params": parameters,
                        "lr": rate,
                        "weight_decay": settings.weight_decay if decay else 0.0,
                    }
                    for parameters, rate, decay in _groups(model or self.fit.model, settings)
                    if parameters
                ],
                fused=True,
            )
        return self.optimizer

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Tensor],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,  # noqa: ARG002
    ) -> Any:
        """The model's loss; one that is not finite ends the fit, naming step and examples."""
        self.speed.count(inputs["attention_mask"])
        outputs = model(**inputs)
        loss = outputs["loss"]
        self.speed.loss = loss.detach()
        if not torch.isfinite(loss):
            ids = ", ".join(self.fit.example_ids[row] for row in inputs["rows"].tolist()[:8])
            raise TrainingError(
                f"{self.fit.name}: the loss is {loss.item()} at step {self.state.global_step + 1} (examples "
                f"{ids}); lower fit.learning_rate or fit.head_learning_rate, set fit.clip: 1.0 or fit.warmup: "
                "0.1, or run with precision: float32"
            )
        return (loss, outputs) if return_outputs else loss

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """Score the development split by `Fit.score`."""
        metrics = {"eval_dev_f1": self.fit.score()}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics


def _board(folder: Path) -> TensorBoardCallback:
    """Return the TensorBoard log; it stays when the checkpoints go."""
    board = TensorBoardCallback()  # type: ignore[no-untyped-call]
    board.logging_dir = str(folder)
    return board


def _groups(model: nn.Module, settings: FitConfig) -> list[tuple[list[nn.Parameter], float, bool]]:
    rates = {"encoder": settings.learning_rate}
    if settings.emission_learning_rate is not None:
        rates["emission"] = settings.emission_learning_rate
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        part = name.removeprefix("module.").partition(".")[0]
        rate = rates.get(part, settings.head_learning_rate)
        groups.setdefault((rate, parameter.dim() > 1), []).append(parameter)
    return [(parameters, rate, decay) for (rate, decay), parameters in groups.items()]


class _Speed(TrainerCallback):
    """Logs after every epoch how fast it went, and on a known GPU what share of its peak that was."""

    def __init__(self, fit: Fit) -> None:
        self.fit = fit
        self.shape = EncoderShape.of(fit.model.encoder)
        self.peak = peak_flops(fit.device)
        self.loss: Tensor | None = None
        self._restart()

    def _restart(self) -> None:
        self.tokens, self.flops, self.begun = 0, 0.0, time.perf_counter()
        self.logged = self.begun

    def count(self, attention_mask: Tensor) -> None:
        """Count the sub-tokens of a batch; padding is work for nothing and does not count."""
        tokens = int(attention_mask.sum())
        self.tokens += tokens
        self.flops += self.shape.training_flops(tokens, tokens / attention_mask.shape[0])

    def on_epoch_begin(self, *_: Any, **__: Any) -> None:
        """Start the clock."""
        self._restart()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Log now and then where a long epoch stands."""
        now = time.perf_counter()
        if now - self.logged >= _SECONDS_BETWEEN_LINES and self.loss is not None:
            self.logged = now
            logger.info(
                "%s: step %d/%d, loss %.4f, %.0f tokens/s",
                self.fit.name,
                state.global_step,
                state.max_steps,
                self.loss.item(),
                self.tokens / (now - self.begun),
            )

    def on_log(self, args: Any, state: Any, control: Any, **given: Any) -> None:  # noqa: ARG002
        """Log the line of an epoch."""
        logs = given["logs"]
        if "loss" in logs:
            seconds = max(time.perf_counter() - self.begun, 1e-9)
            logs["tokens_per_second"] = round(self.tokens / seconds, 1)
            share = ""
            if self.peak:
                logs["share_of_peak"] = self.flops / seconds / self.peak
                share = f", {logs['share_of_peak']:.0%} of the device's peak"
            logger.info(
                "%s: epoch %.0f/%d, loss %.4f, %.0f tokens/s%s",
                self.fit.name,
                state.epoch,
                self.fit.settings.epochs,
                logs["loss"],
                logs["tokens_per_second"],
                share,
            )
        elif "eval_dev_f1" in logs:
            logger.info("%s: epoch %.0f, dev F1 %.2f", self.fit.name, state.epoch, logs["eval_dev_f1"])


class _NoteCheckpoint(TrainerCallback):
    """Notes the files of a checkpoint once all of them are written."""

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Write the note; it is what makes a checkpoint count."""
        if state.is_world_process_zero:
            note_checkpoint(Path(args.output_dir) / f"checkpoint-{state.global_step}")


def note_checkpoint(folder: Path) -> None:
    """Write the note of a checkpoint: every file with its size and SHA-256."""
    files = [path for path in sorted(folder.iterdir()) if path.name != NOTE]
    write_json(folder / NOTE, [describe_part(path, folder, rows=0) for path in files])


def _is_whole(folder: Path) -> bool:
    try:
        noted = read_json(folder / NOTE, list[Part])
        return all(describe_part(folder / part.file, folder, rows=0) == part for part in noted)
    except (OSError, ValueError):
        return False


def last_whole_checkpoint(folder: Path) -> Path | None:
    """Return the latest whole checkpoint in `folder`, or None; half-written ones are removed, with a warning."""
    found = sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.rsplit("-", 1)[1]))
    while found:
        if _is_whole(found[-1]):
            return found[-1]
        logger.warning("%s: not whole, its run was interrupted; removed", found[-1])
        shutil.rmtree(found.pop())
    return None


def _history(log: Sequence[dict[str, float]]) -> list[Epoch]:
    """Return the history of a fit from what the Trainer logged: loss and score of an epoch come apart."""
    epochs: dict[int, Epoch] = {}
    for entry in log:
        number = math.ceil(entry["epoch"])
        row = epochs.get(number, Epoch(number))
        loss, dev_f1 = entry.get("loss", row.loss), entry.get("eval_dev_f1", row.dev_f1)
        if "loss" in entry or "eval_dev_f1" in entry:
            epochs[number] = replace(row, loss=loss, dev_f1=dev_f1)
    return [epochs[number] for number in sorted(epochs)]
