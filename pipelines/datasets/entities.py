"""Entities and labels: from BIO or BIOES labels to spans, and from spans to BIO labels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

__all__ = ["Entity", "entities_of", "labels_of", "strict_count"]


class Entity(NamedTuple):
    """A span of tokens with its type."""

    start: int
    end: int
    """The token after the last."""
    type: str


def entities_of(labels: Sequence[str]) -> list[Entity]:
    """Gives the entities of BIO or BIOES labels by the lenient reading, which is seqeval's default.

    ``I-`` or ``E-`` after ``O`` begins an entity, and so does a change of type inside one.
    """
    entities: list[Entity] = []
    start, kind, closed = 0, "", True
    for place, label in enumerate(labels):
        prefix, _, name = label.partition("-")
        goes_on = prefix in "IE" and not closed and name == kind
        if not goes_on:
            if not closed:
                entities.append(Entity(start, place, kind))
            start, kind, closed = place, name, prefix == "O"
        if prefix in "ES" and not closed:
            entities.append(Entity(start, place + 1, kind))
            closed = True
    if not closed:
        entities.append(Entity(start, len(labels), kind))
    return entities


def strict_count(labels: Iterable[str]) -> int:
    """Gives the number of labels that begin an entity, ``B-`` and ``S-``: the strict reading."""
    return sum(label[0] in "BS" for label in labels)


def labels_of(length: int, entities: Iterable[Entity]) -> list[str]:
    """Gives BIO labels of `length` tokens; the entities must not overlap."""
    labels = ["O"] * length
    for start, end, kind in entities:
        labels[start] = f"B-{kind}"
        for place in range(start + 1, end):
            labels[place] = f"I-{kind}"
    return labels
