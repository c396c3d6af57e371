"""RE: relations without `None`, and the paper's F1 by entity type (Table 4)."""

from __future__ import annotations

from collections.abc import Sequence

from training.data.labels import NO_RELATION
from training.evaluation.counts import Counts

__all__ = ["entity_types", "relation_counts", "relation_type_counts"]


def entity_types(relation: str) -> frozenset[str]:
    """Gives the types of subject and object in a relation's name: ``/per/org/member_of`` -> per, org.

    A name of another shape has none.
    """
    parts = relation.split("/")
    return frozenset(parts[1:3]) if len(parts) == 4 and not parts[0] else frozenset()


def relation_counts(gold: Sequence[str], predicted: Sequence[str], relations: Sequence[str]) -> Counts:
    """Gives the counts by relation, `None` left out: a predicted `None` is no prediction."""
    names = tuple(name for name in relations if name != NO_RELATION)
    return _counts(
        [frozenset({name}) - {NO_RELATION} for name in gold],
        [frozenset({name}) - {NO_RELATION} for name in predicted],
        [truth == guess for truth, guess in zip(gold, predicted, strict=True)],
        names,
    )


def relation_type_counts(gold: Sequence[str], predicted: Sequence[str], relations: Sequence[str]) -> Counts:
    """Gives the counts by entity type: a relation counts for the type of its subject and of its object.

    A relation between two entities of one type counts once for it. A prediction is correct where the whole
    relation is (paper section 4.2).
    """
    names = tuple(sorted({kind for relation in relations for kind in entity_types(relation)}))
    return _counts(
        [entity_types(name) for name in gold],
        [entity_types(name) for name in predicted],
        [truth == guess for truth, guess in zip(gold, predicted, strict=True)],
        names,
    )


def _counts(
    gold: Sequence[frozenset[str]],
    predicted: Sequence[frozenset[str]],
    right: Sequence[bool],
    names: tuple[str, ...],
) -> Counts:
    counts = Counts.empty(names, len(gold))
    column = {name: place for place, name in enumerate(names)}
    for row, (truth, guess, correct) in enumerate(zip(gold, predicted, right, strict=True)):
        for name in truth:
            counts.gold[row, column[name]] += 1
            counts.correct[row, column[name]] += correct
        for name in guess:
            counts.predicted[row, column[name]] += 1
    return counts
