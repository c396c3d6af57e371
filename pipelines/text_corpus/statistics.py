"""What a build counts: everything read, everything kept, everything left out and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

EXAMPLES_PER_REASON = 3


@dataclass(slots=True)
class Statistics:
    """Counters of one work unit, or of all of them merged."""

    counts: Counter[str] = field(default_factory=Counter)
    """What was read: pages, articles, redirects, disambiguations, ..."""
    drops: dict[str, Counter[str]] = field(default_factory=dict)
    """What was left out: by what it is (pages, redirects, paragraphs, ...), then by reason."""
    examples: dict[str, list[str]] = field(default_factory=dict)
    """For every reason by which pages were left out, the first few of them."""
    templates_rendered: int = 0
    templates_dropped: Counter[str] = field(default_factory=Counter)
    templates_unknown: Counter[str] = field(default_factory=Counter)

    def drop(self, what: str, reason: str, count: int = 1, *, example: str | None = None) -> None:
        """Count something that is left out; `example` names it."""
        self.drops.setdefault(what, Counter())[reason] += count
        if example is not None:
            examples = self.examples.setdefault(reason, [])
            if len(examples) < EXAMPLES_PER_REASON:
                examples.append(example)

    def add(self, value: Statistics) -> None:
        """Add what was counted behind it."""
        self.counts.update(value.counts)
        for what, by in value.drops.items():
            self.drops.setdefault(what, Counter()).update(by)
        for reason, examples in value.examples.items():
            known = self.examples.setdefault(reason, [])
            known.extend(examples[: EXAMPLES_PER_REASON - len(known)])
        self.templates_rendered += value.templates_rendered
        self.templates_dropped.update(value.templates_dropped)
        self.templates_unknown.update(value.templates_unknown)

    def pack(self) -> bytes:
        """Return the statistics as bytes; `unpack` undoes it."""
        values: list[Any] = [
            self.counts,
            self.drops,
            self.examples,
            self.templates_rendered,
            self.templates_dropped,
            self.templates_unknown,
        ]
        return msgspec.msgpack.encode(values)

    @staticmethod
    def unpack(data: bytes) -> Statistics:
        """Return what `pack` has packed; for `add` alone, its counters are plain dictionaries."""
        return Statistics(*msgspec.msgpack.decode(data))

    @staticmethod
    def merge(values: Iterable[Statistics]) -> Statistics:
        """Add up the statistics of several work units, which must come in their order."""
        total = Statistics()
        for value in values:
            total.add(value)
        return total
