"""RE: relations without that which stands for none, and the paper's F1 by entity type (Table 4)."""

from __future__ import annotations

from collections.abc import Sequence

from training.evaluation.counts import Counts

__all__ = ["entity_types", "relation_counts", "relation_type_counts"]


def entity_types(relation: str) -> frozenset[str]:
    """Gives the types of subject and object in a relation's name: ``/per/org/member_of`` -> per, org.

    A name of another shape has none.
    """
    parts = relation.split("/")
    return frozenset(parts[1:3]) if len(parts) == 4 and not parts[0] else frozenset()


def relation_counts(gold: Sequence[str], predicted: Sequence[str], relations: Sequence[str]) -> Counts:
    """Return the counts by relation, the first of `relations` left out: to predict no relation is no prediction."""
    none, *names = relations
    return _counts(
        [frozenset({name}) - {none} for name in gold],
        [frozenset({name}) - {none} for name in predicted],
        [truth == guess for truth, guess in zip(gold, predicted, strict=True)],
        tuple(names),
    )


def relation_type_counts(gold: Sequence[str], predicted: Sequence[str], relations: Sequence[str]) -> Counts:
    """Return the counts by entity type: a relation counts for the type of its subject and of its object.

    A relation between two entities of one type counts once for it, the first of `relations`, which stands for none,
    for no type. A prediction is correct where the whole relation is (paper section 4.2).
    """
    types = {name: entity_types(name) for name in relations[1:]}
    names = tuple(sorted({kind for kinds in types.values() for kind in kinds}))
    return _counts(
        [types.get(name, frozenset()) for name in gold],
        [types.get(name, frozenset()) for name in predicted],
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
