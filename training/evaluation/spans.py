"""NER: entities that agree in type and both ends, under both conventions of seqeval."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from training.data.labels import Entity, entities, is_bioes
from training.evaluation.counts import Counts

__all__ = ["span_counts", "strict_entities"]


def strict_entities(labels: Sequence[str], *, bioes: bool) -> list[Entity]:
    """Gives the entities that follow the scheme to the letter (seqeval's strict mode): no stray ``I-``."""
    from seqeval.scheme import IOB2, IOBES, Entities

    (found,) = Entities([list(labels)], IOBES if bioes else IOB2).entities
    return [(entity.tag, entity.start, entity.end) for entity in found]


def span_counts(
    gold: Sequence[Sequence[str]],
    predicted: Sequence[Sequence[str]],
    types: Iterable[str],
    convention: str,
) -> Counts:
    """Gives the counts of entities by type.

    Args:
        gold: the data set's own labels of each example, BIO or BIOES.
        predicted: the tags of each example.
        types: the entity types, in the order of the columns.
        convention: ``lenient`` (seqeval's default, which repairs stray labels) or ``strict``.
    """
    counts = Counts.empty(tuple(types), len(gold))
    column = {label: place for place, label in enumerate(counts.labels)}
    read = {"gold": _reader(gold, convention), "predicted": _reader(predicted, convention)}
    for row, (truth, guess) in enumerate(zip(gold, predicted, strict=True)):
        true, guessed = set(read["gold"](truth)), set(read["predicted"](guess))
        for target, found in (
            (counts.gold, true),
            (counts.predicted, guessed),
            (counts.correct, true & guessed),
        ):
            for label, _, _ in found:
                target[row, column[label]] += 1
    return counts


def _reader(sentences: Sequence[Sequence[str]], convention: str) -> Callable[[Sequence[str]], list[Entity]]:
    if convention == "lenient":
        return entities
    bioes = is_bioes(sentences)
    return lambda labels: strict_entities(labels, bioes=bioes)
