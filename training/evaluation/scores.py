"""The scores of a variant on a split, as the tables need them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kc_schema.retrieval_cache import Example
from training.config import EvaluationConfig
from training.data.labels import TagSet
from training.evaluation.bootstrap import bootstrap_interval
from training.evaluation.counts import Counts
from training.evaluation.relations import relation_counts, relation_type_counts
from training.evaluation.spans import span_counts
from training.task import Task

__all__ = ["headline_counts", "headline_f1", "scores"]


def headline_counts(
    task: Task, examples: Sequence[Example], decoded: Sequence[Sequence[int]], convention: str
) -> Counts:
    """Gives the counts by label: entities by type under a convention, or relations without `None`."""
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
    """Gives micro F1 in percent: NER under the convention, RE without `None`."""
    return headline_counts(task, examples, decoded, convention).micro()["f1"]


def scores(
    task: Task, examples: Sequence[Example], decoded: Sequence[Sequence[int]], evaluation: EvaluationConfig
) -> dict[str, Any]:
    """Gives all scores of predictions.

    ``f1``, ``precision``, ``recall`` (headline, in percent), ``interval`` (95 %, by sentence), ``by_label``;
    NER also ``lenient`` and ``strict`` F1; RE also ``by_type``.
    """
    counts = headline_counts(task, examples, decoded, evaluation.convention)
    sentences = [example.tokens for example in examples]
    result: dict[str, Any] = {
        **counts.micro(),
        "interval": list(bootstrap_interval(counts, sentences, evaluation.resamples)),
        "by_label": counts.by_label(),
    }
    if isinstance(task.labels, TagSet):
        for convention in ("lenient", "strict"):
            result[convention] = headline_f1(task, examples, decoded, convention)
    else:
        names = task.label_names
        gold = [example.relation or "" for example in examples]
        predicted = [names[labels[0]] for labels in decoded]
        result["by_type"] = relation_type_counts(gold, predicted, names).by_label()
    return result
