"""What a build counts: everything read, everything kept, everything left out and why."""

from __future__ import annotations

import zlib
from bisect import insort
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from kc_schema.snapshot import LostText

EXAMPLES_PER_REASON = 3
EXAMPLE_CHARACTERS = 100
"""Of a lost text as much is kept as an example."""
UNKNOWN_NAMES_KEPT = 50_000
"""Names of unknown templates that are counted one by one, so that no dump can fill the memory with them."""
LONGEST_NAME = 255
"""Bytes of a title, and so of a template's name: what is longer names no template."""

Lost = tuple[int, str, str]
"""An example of a loss: its rank, the title of its page, and how the text begins; only a page has none."""


@dataclass(slots=True)
class Statistics:
    """Counters of one work unit, or of all of them merged."""

    counts: Counter[str] = field(default_factory=Counter)
    """What was read: pages, articles, redirects, disambiguations, ..."""
    drops: dict[str, Counter[str]] = field(default_factory=dict)
    """What was left out: by what it is (pages, redirects, paragraphs, ...), then by reason."""
    lost: dict[str, dict[str, list[Lost]]] = field(default_factory=dict)
    """Of everything that was left out, a few examples by reason, one a page at most: those of the least rank. A rank is
    a checksum, so they are drawn from all pages as if by chance, and are the same in whatever order pages are read."""
    templates_rendered: int = 0
    templates_dropped: Counter[str] = field(default_factory=Counter)
    templates_unknown: Counter[str] = field(default_factory=Counter)
    unknown_examples: dict[str, str] = field(default_factory=dict)
    """By name of an unknown template, the title of the first page that calls it."""
    unknown_rarer: int = 0
    """Calls of unknown templates whose names were too many to be counted one by one; the rarest go first."""

    def drop(
        self, what: str, reason: str, count: int = 1, *, example: str | None = None, text: str = ""
    ) -> None:
        """Count something that is left out; `example` names it or its page, `text` is what was lost of the page."""
        self.drops.setdefault(what, Counter())[reason] += count
        if example is not None:
            self._keep(what, reason, (_rank(reason, example), example, text[:EXAMPLE_CHARACTERS]))

    def _keep(self, what: str, reason: str, found: Lost) -> None:
        kept = self.lost.setdefault(what, {}).setdefault(reason, [])
        if len(kept) == EXAMPLES_PER_REASON and found[0] > kept[-1][0]:
            return
        # Of several losses on one page the first is the example.
        if any(found[:2] == (rank, title) for rank, title, _ in kept):
            return
        insort(kept, found)
        del kept[EXAMPLES_PER_REASON:]

    def examples(self) -> dict[str, dict[str, list[LostText]]]:
        """Return the examples as manifests have them."""
        return {
            what: {
                reason: [LostText(title, text) for _, title, text in found]
                for reason, found in sorted(reasons.items())
            }
            for what, reasons in sorted(self.lost.items())
        }

    def count_dropped(self, kinds: Mapping[str, int], examples: Mapping[str, str], page: str) -> None:
        """Count the templates of a page that were left out by kind; `examples` shows a call of each."""
        self.templates_dropped.update(kinds)
        for kind, call in examples.items():
            self._keep("templates", kind, (_rank(kind, page), page, call[:EXAMPLE_CHARACTERS]))

    def count_unknown(self, templates: Mapping[str, int], page: str) -> None:
        """Count the unknown templates that a page calls."""
        for name, count in templates.items():
            name = name[:LONGEST_NAME]
            self.templates_unknown[name] += count
            self.unknown_examples.setdefault(name, page)

    def forget_rare_templates(self, kept: int = UNKNOWN_NAMES_KEPT) -> None:
        """Keep the names of the most frequent unknown templates alone; of ties the first by alphabet."""
        if len(self.templates_unknown) <= kept:
            return
        by_count = sorted(self.templates_unknown.items(), key=lambda item: (-item[1], item[0]))
        self.unknown_rarer += sum(count for _, count in by_count[kept:])
        self.templates_unknown = Counter(dict(by_count[:kept]))
        self.unknown_examples = {name: self.unknown_examples[name] for name in self.templates_unknown}

    def add(self, value: Statistics) -> None:
        """Add what was counted behind it."""
        self.counts.update(value.counts)
        for what, by in value.drops.items():
            self.drops.setdefault(what, Counter()).update(by)
        for what, reasons in value.lost.items():
            for reason, found in reasons.items():
                for rank, title, text in found:
                    self._keep(what, reason, (rank, title, text))
        self.templates_rendered += value.templates_rendered
        self.templates_dropped.update(value.templates_dropped)
        self.templates_unknown.update(value.templates_unknown)
        for name, page in value.unknown_examples.items():
            self.unknown_examples.setdefault(name, page)
        self.unknown_rarer += value.unknown_rarer

    def pack(self) -> bytes:
        """Return the statistics as bytes; `unpack` undoes it."""
        values: list[Any] = [
            self.counts,
            self.drops,
            self.lost,
            self.templates_rendered,
            self.templates_dropped,
            self.templates_unknown,
            self.unknown_examples,
            self.unknown_rarer,
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
            if len(total.templates_unknown) > 2 * UNKNOWN_NAMES_KEPT:
                total.forget_rare_templates()
        return total


def _rank(reason: str, title: str) -> int:
    """Return where a page stands among the examples of a loss."""
    return zlib.crc32(f"{reason}\0{title}".encode("utf-8", "surrogatepass"))
