"""The labels of both tasks: BIO or BIOES labels become the tags of a tagger, relations become class numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kc_schema.retrieval_cache import NO_RELATION
from training.errors import TrainingError

if TYPE_CHECKING:
    import torch

__all__ = ["Entity", "RelationSet", "TagSet", "entities", "is_bioes", "write_tags"]

Entity = tuple[str, int, int]
"""Type, first token, end (exclusive)."""

_SINGLE, _MULTIPLE = {"bioes": "S", "bio": "B"}, {"bioes": "E", "bio": "I"}


def entities(labels: Sequence[str]) -> list[Entity]:
    """Return the entities of BIO or BIOES labels, read leniently, as seqeval does by default.

    A stray ``I-`` or ``E-`` begins an entity, a change of type ends one.
    """
    from seqeval.metrics.sequence_labeling import get_entities

    return [(kind, start, last + 1) for kind, start, last in get_entities(list(labels))]


def is_bioes(labels: Iterable[Sequence[str]]) -> bool:
    """Tell whether any label begins with ``E-`` or ``S-``."""
    return any(label[:2] in ("E-", "S-") for sentence in labels for label in sentence)


def write_tags(found: Iterable[Entity], length: int, scheme: str) -> list[str]:
    """Return the tags of `length` tokens in the scheme ``bioes`` or ``bio``."""
    tags = ["O"] * length
    for kind, start, end in found:
        tags[start:end] = [f"I-{kind}"] * (end - start)
        tags[end - 1] = f"{_MULTIPLE[scheme]}-{kind}"
        tags[start] = f"B-{kind}" if end - start > 1 else f"{_SINGLE[scheme]}-{kind}"
    return tags


@dataclass(frozen=True)
class TagSet:
    """The tags that a tagger tells apart: ``O`` and, for every type, the positions of the scheme."""

    types: tuple[str, ...]
    scheme: str

    @classmethod
    def of(cls, sentences: Iterable[Sequence[str]], scheme: str) -> TagSet:
        """Return the tag set of training labels: their types in alphabetical order.

        Raises:
            TrainingError: there is no entity at all.
        """
        types = {label[2:] for labels in sentences for label in labels if label != "O"}
        if not types:
            raise TrainingError("no training example has an entity: is `labels` filled in the cache?")
        return cls(tuple(sorted(types)), scheme)

    @property
    def tags(self) -> tuple[str, ...]:
        """All tags, ``O`` first."""
        positions = "BIES" if self.scheme == "bioes" else "BI"
        return ("O", *(f"{position}-{kind}" for kind in self.types for position in positions))

    def encode(self, labels: Sequence[str], where: str) -> list[int]:
        """Return the tag numbers of a data set's labels, read leniently.

        Raises:
            TrainingError: a type that training does not have; `where` names the example.
        """
        number = {tag: place for place, tag in enumerate(self.tags)}
        tags = write_tags(entities(labels), len(labels), self.scheme)
        unknown = sorted({tag[2:] for tag in tags if tag not in number})
        if unknown:
            raise TrainingError(
                f"{where}: the entity type {unknown[0]!r} is not in the training split, which has "
                f"{', '.join(self.types)}; the splits must share one label set"
            )
        return [number[tag] for tag in tags]

    def legal_moves(self) -> torch.Tensor:
        """Return the moves that the scheme allows: bool [tags + 1, tags + 1], start as last row, end as last
        column.
        """
        import torch

        names = [*self.tags, "O"]
        legal = [[_may_follow(before, after, self.scheme) for after in names] for before in names]
        return torch.tensor(legal)


def _may_follow(before: str, after: str, scheme: str) -> bool:
    """Tell whether `after` may stand behind `before`; both ends of a sentence count as ``O``."""
    if scheme == "bio":
        return after[0] != "I" or (before[0] in "BI" and before[2:] == after[2:])
    if before[0] in "BI":
        return after[0] in "IE" and before[2:] == after[2:]
    return after[0] in "OBS"


@dataclass(frozen=True)
class RelationSet:
    """The relations that a classifier tells apart, that which stands for none first."""

    names: tuple[str, ...]

    @classmethod
    def of(cls, relations: Iterable[str], no_relation: str = NO_RELATION) -> RelationSet:
        """Return the relations of the training split in alphabetical order behind `no_relation`.

        Raises:
            TrainingError: there is only one relation, or none.
        """
        found = sorted(set(relations) - {no_relation})
        if not found:
            raise TrainingError("no training example has a relation: is `relation` filled in the cache?")
        return cls((no_relation, *found))

    def encode(self, relation: str, where: str) -> int:
        """Return a relation's class number.

        Raises:
            TrainingError: the training split does not have the relation; `where` names the example.
        """
        try:
            return self.names.index(relation)
        except ValueError:
            raise TrainingError(
                f"{where}: the relation {relation!r} is not in the training split; the splits must share one "
                "label set"
            ) from None
