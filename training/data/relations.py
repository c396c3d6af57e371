"""The relations of a data set as class numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from training.errors import TrainingError

__all__ = ["NO_RELATION", "RelationSet"]

NO_RELATION = "None"
"""The relation that stands for no relation; it is left out of F1."""


@dataclass(frozen=True)
class RelationSet:
    """The relations that a classifier tells apart, `NO_RELATION` first."""

    names: tuple[str, ...]

    @classmethod
    def of(cls, relations: Iterable[str]) -> RelationSet:
        """Gives the relations of the training split in alphabetical order behind `NO_RELATION`.

        Raises:
            TrainingError: there is only one relation, or none.
        """
        found = sorted(set(relations) - {NO_RELATION})
        if not found:
            raise TrainingError("no training example has a relation: is `relation` filled in the cache?")
        return cls((NO_RELATION, *found))

    def encode(self, relation: str, where: str) -> int:
        """Gives a relation's class number.

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
