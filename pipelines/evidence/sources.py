"""Sources of evidence: one protocol, and those that read the text corpus."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from kc_schema.hit import Hit
from kc_schema.retrieval_cache import Example
from kc_schema.snapshot import Snapshot
from kc_schema.store import Rows
from kc_schema.store.rows import Row
from kc_schema.tables import APPARATUS
from pipelines.evidence.queries import QueryBatch
from pipelines.text_index import TextIndex

__all__ = ["RandomText", "Source", "SourceAnswer", "TextSource", "draw_distinct", "draw_rows"]


@dataclass(frozen=True, slots=True)
class SourceAnswer:
    """What a source has for some examples."""

    hits: Mapping[str, Sequence[Hit]]
    """Example id -> hits, best first, ranks from 0; an example without any may be missing."""
    counts: Counter[str] = field(default_factory=Counter)
    """Losses and sizes by name."""


class Source(Protocol):
    """Something that has evidence for examples: a corpus, chance, a file."""

    def ask(self, batch: QueryBatch) -> SourceAnswer:
        """Return the evidence for the examples of a batch.

        Raises:
            kc_schema.errors.UserError: a corpus fails.
        """


@dataclass(frozen=True, slots=True)
class TextSource:
    """BM25 over the sentences of the text corpus: the best paragraphs, each once."""

    index: TextIndex
    candidates: int
    """Hits that are asked for."""

    def ask(self, batch: QueryBatch) -> SourceAnswer:
        """Return the paragraphs that each example's query finds; the key is the sentence that matched."""
        asked = [place for place, query in enumerate(batch.queries) if query.strip()]
        answers = self.index.search([batch.queries[place] for place in asked], self.candidates)
        return SourceAnswer(
            {batch.examples[place].example_id: hits for place, hits in zip(asked, answers, strict=True)}
        )


@dataclass(frozen=True, slots=True)
class RandomText:
    """The paper's control (Table 5): as many paragraphs as are retrieved, drawn by chance.

    A draw is uniform over the sentences that a search may find; seed, split and example decide it.
    """

    snapshot: Snapshot
    k: int
    seed: int
    with_apparatus: bool = False
    """Whether sections of references, notes and links are drawn from, too."""

    def ask(self, batch: QueryBatch) -> SourceAnswer:
        """Return `k` random paragraphs an example, each once, no sentence twice; the key is the sentence."""
        sentences = Rows(self.snapshot.files("sentences"), ["paragraph_id", "text"])
        key = f"{self.seed}\n{batch.split}\ntext"
        rows = Rows(self.snapshot.files("paragraphs"), ["title", "kind", "text"], key="paragraph_id")

        def searched(taken: dict[int, Row]) -> dict[int, Row]:
            kinds = rows.fetch(row["paragraph_id"] for row in taken.values())
            return {
                number: row
                for number, row in taken.items()
                if kinds[row["paragraph_id"]]["kind"] != APPARATUS
            }

        drawn = draw_rows(
            sentences,
            lambda row: (row["paragraph_id"], row["text"]),
            batch.examples,
            self.k,
            key,
            None if self.with_apparatus else searched,
        )
        paragraphs = rows.fetch(row["paragraph_id"] for own in drawn.values() for row in own)
        hits: dict[str, list[Hit]] = {}
        for name, own in drawn.items():
            hits[name] = []
            for rank, row in enumerate(own):
                paragraph = paragraphs[row["paragraph_id"]]
                hit = Hit(rank, 0.0, row["text"], paragraph["title"], paragraph["text"], row["paragraph_id"])
                hits[name].append(hit)
        return SourceAnswer(hits)


def draw_distinct(key: str, count: int, below: int) -> list[int]:
    """Return `count` different numbers from 0 up to `below`, or all of them where there are no more.

    They are the same on every machine and in every version of Python: `key` decides them, by SHA-256 of the key
    and a counter, taken modulo `below`.
    """
    drawn: dict[int, None] = {}
    attempt = 0
    while len(drawn) < min(count, below):
        digest = hashlib.sha256(f"{key}\n{attempt}".encode()).digest()
        drawn.setdefault(int.from_bytes(digest[:16], "big") % below)
        attempt += 1
    return list(drawn)


def draw_rows(
    rows: Rows,
    identities: Callable[[Row], tuple[Hashable, ...]],
    examples: Sequence[Example],
    k: int,
    key: str,
    chosen: Callable[[dict[int, Row]], dict[int, Row]] | None = None,
) -> dict[str, list[Row]]:
    """Return example id -> `k` random rows that have none of their `identities` in common, or all there are.

    `chosen` takes rows by their number and returns those of them that may be drawn; without it all may.
    """
    drawn: dict[str, list[Row]] = {}
    waiting = [example.example_id for example in examples]
    asked = k
    while waiting:
        numbers = {name: draw_distinct(f"{key}\n{name}", asked, len(rows)) for name in waiting}
        taken = rows.take(number for own in numbers.values() for number in own)
        if chosen is not None:
            taken = chosen(taken)
        for name, own in numbers.items():
            drawn[name] = _distinct((taken[number] for number in own if number in taken), identities)[:k]
        # The numbers drawn before are the first of those drawn next, so only more are added.
        waiting = [name for name in waiting if len(drawn[name]) < k] if asked < len(rows) else []
        asked = min(asked * 4, len(rows))
    return drawn


def _distinct(rows: Iterable[Row], identities: Callable[[Row], tuple[Hashable, ...]]) -> list[Row]:
    """Return the rows without those that have an identity in common with one before."""
    seen: set[Hashable] = set()
    distinct = []
    for row in rows:
        own = identities(row)
        if seen.isdisjoint(own):
            distinct.append(row)
            seen.update(own)
    return distinct
