"""A piece of work whose result is kept, so that it is never done twice for the same inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from kc_schema.store.files import Part, from_plain, read_json, write_json

__all__ = ["Step"]

R = TypeVar("R")


@dataclass(frozen=True)
class Step(Generic[R]):
    """One step of a build. It can be sent to another process; several may finish it at once with equal results."""

    record: Path
    """The JSON file in which the result is kept."""
    inputs: str
    """`kc_schema.store.fingerprint` of everything that decides the result."""
    kind: type[R]
    """The dataclass of the result; `Part`s in it, at any depth, are files that must still be there."""
    folder: Path
    """The folder in which these files lie."""

    def result(self) -> R | None:
        """Return what the step gave; None where it was not finished for these inputs, or a file of it is missing."""
        try:
            kept = read_json(self.record, _Record)
            if kept.fingerprint != self.inputs:
                return None
            result = from_plain(kept.result, self.kind)
            for part in _parts(result):
                if (self.folder / part.file).stat().st_size != part.bytes:
                    return None
        except (OSError, ValueError):
            return None
        return result

    def finish(self, result: R) -> R:
        """Keep the result, after all of its files have been written; return it."""
        write_json(self.record, _Record(self.inputs, result))
        return result

    def run(self, work: Callable[[], R]) -> R:
        """Return the result that is kept, or else do the work and keep what it returns."""
        kept = self.result()
        return self.finish(work()) if kept is None else kept

    def forget(self) -> None:
        """Remove the record, so that the step is done again."""
        self.record.unlink(missing_ok=True)


@dataclass(frozen=True)
class _Record:
    fingerprint: str
    result: Any


def _parts(value: Any) -> Iterator[Part]:
    """Yield the parts that a result lists, wherever they stand in it."""
    if isinstance(value, Part):
        yield value
    elif is_dataclass(value):
        for field in fields(value):
            yield from _parts(getattr(value, field.name))
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _parts(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _parts(item)
