"""What a build counts: everything read, everything kept, everything left out and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

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

    @staticmethod
    def merge(values: Iterable[Statistics]) -> Statistics:
        """Add up the statistics of several work units, which must come in their order."""
        total = Statistics()
        for value in values:
            total.counts.update(value.counts)
            for what, by in value.drops.items():
                total.drops.setdefault(what, Counter()).update(by)
            for reason, examples in value.examples.items():
                known = total.examples.setdefault(reason, [])
                known.extend(examples[: EXAMPLES_PER_REASON - len(known)])
            total.templates_rendered += value.templates_rendered
            total.templates_dropped.update(value.templates_dropped)
            total.templates_unknown.update(value.templates_unknown)
        return total
