"""The task of a run: its labels, its model, its gold targets and its F1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from kc_schema.retrieval_cache import Example, RetrievalCache
from training.config import FitConfig, LabelConfig, RunConfig
from training.data.labels import RelationSet, TagSet
from training.errors import TrainingError

if TYPE_CHECKING:
    from training.models.task_models import TaskModel

__all__ = ["Task", "TaskRecord", "load_task"]


@dataclass(frozen=True)
class Task:
    """What a data set asks for: tags for words or a relation for a pair."""

    labels: TagSet | RelationSet
    constraints: bool = False
    """NER: forbid moves between tags that the scheme forbids."""

    @property
    def name(self) -> Literal["ner", "re"]:
        """``"ner"`` or ``"re"``."""
        return "ner" if isinstance(self.labels, TagSet) else "re"

    @property
    def label_names(self) -> tuple[str, ...]:
        """The labels in the order of the model's outputs."""
        return self.labels.tags if isinstance(self.labels, TagSet) else self.labels.names

    def target(self, example: Example, where: str) -> int | list[int]:
        """Return the gold tag numbers (NER) or class number (RE) of an example.

        Raises:
            TrainingError: a label that the training split lacks; `where` names the split.
        """
        where = f"{where}, example {example.example_id!r}"
        if isinstance(self.labels, TagSet):
            return self.labels.encode(example.labels or (), where)
        return self.labels.encode(example.relation or "", where)

    def targets(self, examples: Sequence[Example], where: str) -> list[int | list[int]]:
        """Return `target` of every example."""
        return [self.target(example, where) for example in examples]

    def build_model(self, encoder: Any, fit: FitConfig) -> TaskModel:
        """Return an untrained model on `encoder`."""
        from training.models.task_models import RelationClassifier, Tagger

        count = len(self.label_names)
        if isinstance(self.labels, TagSet):
            legal = self.labels.legal_moves() if self.constraints else None
            return Tagger(encoder, count, dropout=fit.dropout, temperature=fit.temperature, legal_moves=legal)
        return RelationClassifier(encoder, count, dropout=fit.dropout, temperature=fit.temperature)

    def as_json(self) -> TaskRecord:
        """Return the task as it is noted, for `from_json`."""
        if isinstance(self.labels, TagSet):
            return TaskRecord("ner", list(self.labels.types), self.labels.scheme, self.constraints)
        return TaskRecord("re", list(self.labels.names))

    @classmethod
    def from_json(cls, record: TaskRecord) -> Task:
        """Return the task that `as_json` described."""
        if record.task == "ner":
            return cls(TagSet(tuple(record.names), record.scheme), record.constraints)
        return cls(RelationSet(tuple(record.names)))


@dataclass(frozen=True)
class TaskRecord:
    """A task as it is noted beside a model."""

    task: Literal["ner", "re"]
    names: list[str]
    """Entity types, or relations with the one that stands for none first."""
    scheme: str = ""
    constraints: bool = False


def load_task(cache: RetrievalCache, config: RunConfig) -> Task:
    """Return the task of a cache, its labels being those of the training split.

    Raises:
        TrainingError: the configuration is meant for the other task, a split is missing or empty, or development
            or test split have labels of their own.
    """
    if config.task not in (None, cache.task):
        fitting = "the preset mnre is" if cache.task == "re" else "the presets paper and twitter17 are"
        raise TrainingError(
            f"task: the configuration is meant for {config.task}, the cache {cache.folder} is for {cache.task}; "
            f"{fitting} meant for that; --set task={cache.task} keeps the other settings as they are"
        )
    for key in ("train", "dev", "test"):
        split = getattr(config, key)
        if split not in cache.splits:
            known = ", ".join(cache.splits)
            raise TrainingError(f"{key}: the cache {cache.folder} has no split {split!r}; it has {known}")
        if not cache.manifest["splits"][split]:
            raise TrainingError(f"{key}: the split {split!r} of {cache.folder} is empty")
        if split in cache.unlabelled:
            raise TrainingError(
                f"{key}: the split {split!r} of {cache.folder} has no labels, so nothing can be learned from it or "
                f"scored on it; name one that has (--set {key}=SPLIT), and label this one with training.predict"
            )
    train = cache.examples(config.train)
    task = _task(cache, train, config.labels)
    for split in (config.dev, config.test):
        task.targets(cache.examples(split), split)
    return task


def _task(cache: RetrievalCache, examples: Sequence[Example], labels: LabelConfig) -> Task:
    if cache.task == "ner":
        tags = TagSet.of((example.labels or () for example in examples), labels.scheme)
        return Task(tags, labels.constraints)
    return Task(RelationSet.of((example.relation or "" for example in examples), cache.no_relation))
