"""How good predictions are: counts by example and label, F1 from them, and all scores of a variant on a split."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kc_schema.retrieval_cache import Example
from training.config import EvaluationConfig
from training.data.labels import Entity, TagSet, entities, is_bioes
from training.task import Task

__all__ = [
    "Counts",
    "Epoch",
    "LabelScore",
    "Scores",
    "compute_scores",
    "entity_types",
    "f1_of",
    "headline_f1",
    "relation_counts",
    "relation_type_counts",
    "span_counts",
]


@dataclass(frozen=True)
class Epoch:
    """What an epoch of a fit gave: of an expert or, with `dev_loss`, of a gate."""

    epoch: int
    loss: float | None = None
    dev_f1: float | None = None
    """In percent, on the development split."""
    dev_loss: float | None = None


@dataclass(frozen=True)
class LabelScore:
    """F1 of one label in percent, and how many gold instances it has."""

    f1: float
    gold: int


@dataclass(frozen=True)
class Scores:
    """All scores of predictions, in percent; the first three are the headline's."""

    f1: float
    precision: float
    recall: float
    interval: tuple[float, float]
    """Of F1, 95 %, by resampling sentences."""
    by_label: dict[str, LabelScore]
    lenient: float | None = None
    """NER: F1 in seqeval's default reading."""
    strict: float | None = None
    """NER: F1 in seqeval's strict reading."""
    by_type: dict[str, LabelScore] | None = None
    """RE: by the entity types of subject and object."""


def f1_of(correct: Any, predicted: Any, gold: Any) -> Any:
    """Return F1 in percent from counts (numbers or arrays); 0 where nothing is correct."""
    total = np.asarray(predicted, dtype=np.float64) + gold
    return np.divide(200.0 * np.asarray(correct), total, out=np.zeros_like(total), where=total > 0)


@dataclass(frozen=True)
class Counts:
    """Correct, predicted and gold counts of examples by label: int64 [examples, labels]."""

    labels: tuple[str, ...]
    correct: npt.NDArray[np.int64]
    predicted: npt.NDArray[np.int64]
    gold: npt.NDArray[np.int64]

    @classmethod
    def of(cls, labels: Iterable[str], rows: Sequence[tuple[Iterable[str], ...]]) -> Counts:
        """Return the counts of rows, each with its correct, predicted and gold labels; a label may come again."""
        names = tuple(labels)
        column = {name: place for place, name in enumerate(names)}
        tables = np.zeros((3, len(rows), len(names)), dtype=np.int64)
        for row, found in enumerate(rows):
            for table, some in zip(tables, found, strict=True):
                for name in some:
                    table[row, column[name]] += 1
        return cls(names, *tables)

    @property
    def f1(self) -> float:
        """Micro F1 over all labels, in percent."""
        return float(f1_of(self.correct.sum(), self.predicted.sum(), self.gold.sum()))

    @property
    def precision(self) -> float:
        """Micro precision over all labels, in percent."""
        return 100.0 * float(self.correct.sum()) / max(int(self.predicted.sum()), 1)

    @property
    def recall(self) -> float:
        """Micro recall over all labels, in percent."""
        return 100.0 * float(self.correct.sum()) / max(int(self.gold.sum()), 1)

    def by_label(self) -> dict[str, LabelScore]:
        """Return the score of every label."""
        gold = self.gold.sum(0)
        scores = f1_of(self.correct.sum(0), self.predicted.sum(0), gold)
        return {
            label: LabelScore(float(score), int(count))
            for label, score, count in zip(self.labels, scores, gold, strict=True)
        }

    def interval(self, sentences: Sequence[Hashable], resamples: int, seed: int = 0) -> tuple[float, float]:
        """Return the 95 % interval of micro F1 in percent, by resampling distinct sentences (the bootstrap).

        Examples that share a sentence (MNRE's test split has 914 in 1,614 rows) are drawn together: they are
        not independent.
        """
        places: dict[Hashable, int] = {}
        group = np.array([places.setdefault(sentence, len(places)) for sentence in sentences])
        sums = np.zeros((3, len(places)))
        for row, part in enumerate((self.correct, self.predicted, self.gold)):
            np.add.at(sums[row], group, part.sum(1))
        generator = np.random.default_rng(seed)
        draws = generator.multinomial(len(places), np.full(len(places), 1 / len(places)), size=resamples)
        low, high = np.percentile(f1_of(*(sums @ draws.T)), [2.5, 97.5])
        return float(low), float(high)


def span_counts(
    gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]], types: Iterable[str], convention: str
) -> Counts:
    """Return the counts by type of entities that agree in type and both ends.

    Args:
        gold: the data set's own labels of each example, BIO or BIOES.
        predicted: the tags of each example.
        types: the entity types, in the order of the columns.
        convention: ``lenient`` (seqeval's default, which repairs stray labels) or ``strict``.
    """
    read_gold, read_predicted = _reader(gold, convention), _reader(predicted, convention)
    rows = []
    for truth, guess in zip(gold, predicted, strict=True):
        true, guessed = set(read_gold(truth)), set(read_predicted(guess))
        found = (true & guessed, guessed, true)
        rows.append(tuple([kind for kind, _, _ in some] for some in found))
    return Counts.of(types, rows)


def _reader(sentences: Sequence[Sequence[str]], convention: str) -> Callable[[Sequence[str]], list[Entity]]:
    if convention == "lenient":
        return entities
    bioes = is_bioes(sentences)
    return lambda labels: _strict_entities(labels, bioes=bioes)


def _strict_entities(labels: Sequence[str], *, bioes: bool) -> list[Entity]:
    """Return the entities that follow the scheme to the letter (seqeval's strict mode): no stray ``I-``."""
    from seqeval.scheme import IOB2, IOBES, Entities

    (found,) = Entities([list(labels)], IOBES if bioes else IOB2).entities
    return [(entity.tag, entity.start, entity.end) for entity in found]


def relation_counts(gold: Sequence[str], predicted: Sequence[str], relations: Sequence[str]) -> Counts:
    """Return the counts by relation, the first of `relations` left out: to predict no relation is no prediction."""
    return _pair_counts(gold, predicted, {name: frozenset({name}) for name in relations[1:]}, relations[1:])


def relation_type_counts(gold: Sequence[str], predicted: Sequence[str], relations: Sequence[str]) -> Counts:
    """Return the counts by entity type: a relation counts for the type of its subject and of its object.

    A relation between two entities of one type counts once for it, the first of `relations`, which stands for none,
    for no type. A prediction is correct where the whole relation is (paper section 4.2, Table 4).
    """
    types = {name: entity_types(name) for name in relations[1:]}
    return _pair_counts(gold, predicted, types, sorted({kind for kinds in types.values() for kind in kinds}))


def entity_types(relation: str) -> frozenset[str]:
    """Return the types of subject and object in a relation's name: ``/per/org/member_of`` -> per, org.

    A name of another shape has none.
    """
    parts = relation.split("/")
    return frozenset(parts[1:3]) if len(parts) == 4 and not parts[0] else frozenset()


def _pair_counts(
    gold: Sequence[str], predicted: Sequence[str], counted: dict[str, frozenset[str]], labels: Iterable[str]
) -> Counts:
    """Return the counts of pairs by the labels for which each relation is `counted`."""
    rows = []
    for truth, guess in zip(gold, predicted, strict=True):
        true, guessed = counted.get(truth, frozenset()), counted.get(guess, frozenset())
        rows.append((true if truth == guess else frozenset(), guessed, true))
    return Counts.of(labels, rows)


def _headline_counts(
    task: Task, examples: Sequence[Example], decoded: Sequence[Sequence[int]], convention: str
) -> Counts:
    """Return the counts by label: entities by type under a convention, or relations without that of none."""
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
    """Return micro F1 in percent: NER under the convention, RE without the relation that stands for none."""
    return _headline_counts(task, examples, decoded, convention).f1


def compute_scores(
    task: Task, examples: Sequence[Example], decoded: Sequence[Sequence[int]], evaluation: EvaluationConfig
) -> Scores:
    """Return all scores of decoded labels, one list an example."""
    counts = _headline_counts(task, examples, decoded, evaluation.convention)
    lenient = strict = by_type = None
    if isinstance(task.labels, TagSet):
        lenient, strict = (headline_f1(task, examples, decoded, name) for name in ("lenient", "strict"))
    else:
        names = task.label_names
        gold = [example.relation or "" for example in examples]
        by_type = relation_type_counts(gold, [names[labels[0]] for labels in decoded], names).by_label()
    interval = counts.interval([example.tokens for example in examples], evaluation.resamples)
    return Scores(
        counts.f1, counts.precision, counts.recall, interval, counts.by_label(), lenient, strict, by_type
    )
