"""The scores of a variant on a split, as the tables need them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from kc_schema.retrieval_cache import Example
from training.config import EvaluationConfig
from training.data.labels import TagSet
from training.evaluation.bootstrap import bootstrap_interval
from training.evaluation.counts import Counts, LabelScore
from training.evaluation.relations import relation_counts, relation_type_counts
from training.evaluation.spans import span_counts
from training.task import Task

__all__ = ["Scores", "headline_counts", "headline_f1", "scores"]


@dataclass(frozen=True)
class Scores:
    """All scores of predictions, in percent."""

    f1: float
    """Micro F1: the headline."""
    precision: float
    recall: float
    interval: tuple[float, float]
    """The middle 95 % of F1 over resampled sentences."""
    by_label: dict[str, LabelScore]
    lenient: float | None = None
    """NER: F1 under seqeval's default reading."""
    strict: float | None = None
    """NER: F1 under the strict one."""
    by_type: dict[str, LabelScore] | None = None
    """RE: by the entity types that a relation's name holds."""


def headline_counts(
    task: Task, examples: Sequence[Example], decoded: Sequence[Sequence[int]], convention: str
) -> Counts:
    """Return the counts by label: entities by type under a convention, or relations without `None`."""
    names = task.label_names
    if isinstance(task.labels, TagSet):
        gold = [example.labels or () for example in examples]
        predicted = [[names[label] for label in labels] for labels in decoded]
        return span_counts(gold, predicted, task.labels.types, convention)
    relations = [example.relation or "" for example in examples]
    return relation_counts(relations, [names[labels[0]] for labels in decoded], names)


def headline_f1(
    task: Task, examples: Sequence[Example], decoded: Sequence[Sequence[int]], convention: str
) -> float:
    """Return micro F1 in percent: NER under the convention, RE without `None`."""
    return headline_counts(task, examples, decoded, convention).micro().f1


def scores(
    task: Task, examples: Sequence[Example], decoded: Sequence[Sequence[int]], evaluation: EvaluationConfig
) -> Scores:
    """Return all scores of predictions."""
    counts = headline_counts(task, examples, decoded, evaluation.convention)
    micro = counts.micro()
    sentences = [example.tokens for example in examples]
    found = Scores(
        f1=micro.f1,
        precision=micro.precision,
        recall=micro.recall,
        interval=bootstrap_interval(counts, sentences, evaluation.resamples),
        by_label=counts.by_label(),
    )
    if isinstance(task.labels, TagSet):
        lenient, strict = (headline_f1(task, examples, decoded, name) for name in ("lenient", "strict"))
        return replace(found, lenient=lenient, strict=strict)
    names = task.label_names
    gold = [example.relation or "" for example in examples]
    predicted = [names[labels[0]] for labels in decoded]
    return replace(found, by_type=relation_type_counts(gold, predicted, names).by_label())
