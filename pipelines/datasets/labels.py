"""Labels: what the schemes allow, from labels to spans and back, and which relation stands for none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

__all__ = [
    "PREFIXES",
    "SCHEMES",
    "Entity",
    "as_bioes",
    "entities_of",
    "find_no_relation",
    "label_is_valid",
    "label_quirk",
    "labels_of",
    "strict_count",
]

PREFIXES = {"bio": "BI", "bioes": "BIES", "iob1": "BI", "bmes": "BMES", "bilou": "BILU"}
"""What a label other than ``O`` may begin with, by scheme."""

SCHEMES = tuple(PREFIXES)

_AS_BIOES = {"bmes": {"M": "I"}, "bilou": {"L": "E", "U": "S"}}
_NO_RELATION = ("none", "norelation", "na", "nil", "null", "negative", "other")
"""Usual names of no relation, letters alone and in lower case; of several the first counts."""


def label_is_valid(label: str, scheme: str) -> bool:
    """Tell whether a label is ``O``, or a prefix of the scheme, a hyphen and a type without white space."""
    kind = label[2:]
    has_type = bool(kind) and not any(character.isspace() for character in kind)
    return label == "O" or (label[0:1] in tuple(PREFIXES[scheme]) and label[1:2] == "-" and has_type)


def as_bioes(label: str, scheme: str) -> str:
    """Return a label of BMES or BILOU as BIOES spells it; those of other schemes stay."""
    prefix = _AS_BIOES.get(scheme, {}).get(label[:1])
    return label if prefix is None or label == "O" else prefix + label[1:]


def find_no_relation(relations: Iterable[str]) -> str | None:
    """Return the relation that by its name stands for none (``None``, ``no_relation``, ``NA``, ``Other``, ...)."""
    known: dict[str, str] = {}
    for relation in sorted(set(relations)):
        known.setdefault("".join(filter(str.isalnum, relation)).casefold(), relation)
    return next((known[name] for name in _NO_RELATION if name in known), None)


def label_quirk(before: str, label: str) -> str | None:
    """Return the name of the quirk of a BIO or BIOES label after the label `before` (``O`` at the start)."""
    if label[0] not in "IE":
        return None
    if before[0] not in "BI":
        return "I- after O"
    return "type changes inside an entity" if before[2:] != label[2:] else None


class Entity(NamedTuple):
    """A span of tokens with its type."""

    start: int
    end: int
    """The token after the last."""
    type: str


def entities_of(labels: Sequence[str]) -> list[Entity]:
    """Return the entities of BIO or BIOES labels by the lenient reading, which is seqeval's default.

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
    """Return the number of labels that begin an entity, ``B-`` and ``S-``: the strict reading."""
    return sum(label[0] in "BS" for label in labels)


def labels_of(length: int, entities: Iterable[Entity]) -> list[str]:
    """Return BIO labels of `length` tokens; the entities must not overlap."""
    labels = ["O"] * length
    for start, end, kind in entities:
        labels[start] = f"B-{kind}"
        for place in range(start + 1, end):
            labels[place] = f"I-{kind}"
    return labels
