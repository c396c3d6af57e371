"""The source ``entity``: what a sentence names, found by the longest names of the corpus, told by introductions."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from kc_schema.anchors import strip
from kc_schema.hit import Hit
from kc_schema.snapshot import Snapshot
from kc_schema.store import Rows
from kc_schema.store.rows import Row
from kc_schema.tables import paragraph_id
from pipelines.entities.lookup import Alias, EntityIndex
from pipelines.evidence.queries import QueryBatch
from pipelines.evidence.sources import SourceAnswer

__all__ = ["EntitySource", "NamedSpan", "find_mentions"]

LONGEST_MENTION = 8
"""Tokens of a mention, at most."""
CANDIDATES_PER_MENTION = 3
LEAST_PRIOR = 0.05
"""Stands for the prior of names that nobody links: titles, redirects, names in bold."""
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class NamedSpan:
    """A name of the corpus in a sentence: ``tokens[start:end]``."""

    start: int
    end: int
    name: str


@dataclass(frozen=True, slots=True)
class EntitySource:
    """Mentions by longest match; of each the likeliest entities, ranked by prior times fit.

    The fit of an entity is the share of the sentence's other words that stand in its introduction, each side counted
    with one word more, so that no fit is 0.
    """

    index: EntityIndex
    snapshot: Snapshot
    k: int

    def ask(self, batch: QueryBatch) -> SourceAnswer:
        """Return the introductions of the entities that each example names; the key is the name in the sentence."""
        sentences = [list(example.tokens) for example in batch.examples]
        names = {name for tokens in sentences for _, _, name in _spans(tokens)}
        known = self.index.aliases(names)
        mentions = [find_mentions(tokens, known) for tokens in sentences]
        rows = Rows(self.snapshot.files("pages"), ["title", "introduction", "disambiguation"], key="page_id")
        pages = rows.fetch(
            alias.page_id
            for found in mentions
            for mention in found
            for alias in known[mention.name][:CANDIDATES_PER_MENTION]
        )
        counts: Counter[str] = Counter()
        hits = {}
        for example, tokens, found in zip(batch.examples, sentences, mentions, strict=True):
            counts["mentions"] += len(found)
            hits[example.example_id] = self._rank(tokens, found, known, pages, counts)
        return SourceAnswer(hits, counts)

    def _rank(
        self,
        tokens: Sequence[str],
        mentions: Sequence[NamedSpan],
        known: dict[str, list[Alias]],
        pages: dict[int, Row],
        counts: Counter[str],
    ) -> list[Hit]:
        """Return the best entities of all mentions of a sentence, each page once."""
        best: dict[int, Hit] = {}
        for mention in mentions:
            others = _words(" ".join([*tokens[: mention.start], *tokens[mention.end :]]))
            for alias in known[mention.name][:CANDIDATES_PER_MENTION]:
                page = pages[alias.page_id]
                if page["disambiguation"]:
                    counts["dropped: disambiguation"] += 1
                elif not page["introduction"].strip():
                    counts["dropped: without an introduction"] += 1
                else:
                    inside = _words(strip(page["introduction"]))
                    fit = (1 + len(others & inside)) / (1 + len(others))
                    score = max(alias.prior, LEAST_PRIOR) * fit
                    hit = _hit(alias.page_id, page, mention, score)
                    if alias.page_id not in best or best[alias.page_id].score < score:
                        best[alias.page_id] = hit
        ranked = sorted(best.values(), key=lambda hit: (-hit.score, hit.page_id))[: self.k]
        return [replace(hit, rank=rank) for rank, hit in enumerate(ranked)]


def find_mentions(tokens: Sequence[str], known: dict[str, list[Alias]]) -> list[NamedSpan]:
    """Return the mentions of a sentence: the longest names first, then from left to right; none overlap."""
    taken = [False] * len(tokens)
    found = []
    for start, end, name in sorted(_spans(tokens), key=lambda span: (span[0] - span[1], span[0])):
        if known.get(name) and not any(taken[start:end]):
            taken[start:end] = [True] * (end - start)
            found.append(NamedSpan(start, end, name))
    return sorted(found, key=lambda mention: mention.start)


def _spans(tokens: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    """Yield what may be a name: some tokens that begin and end with a word, one of them not in lower case.

    A Latin letter alone is none. A hash sign before a token is none of its name.
    """
    bare = [token.lstrip("#") for token in tokens]
    for start in range(len(bare)):
        for end in range(start + 1, min(start + LONGEST_MENTION, len(bare)) + 1):
            some = bare[start:end]
            if not _is_word(some[0]) or not _is_word(some[-1]):
                continue
            alone = end == start + 1 and len(some[0]) == 1 and some[0].isascii()
            if not alone and any(map(_may_be_named, some)):
                yield start, end, " ".join(some)


def _is_word(token: str) -> bool:
    return any(map(str.isalnum, token)) and not token.startswith(("http", "@"))


def _may_be_named(token: str) -> bool:
    """Tell whether a token has letters, not all of them small; scripts without case have no small ones."""
    return not token.islower() and any(map(str.isalpha, token))


def _words(text: str) -> set[str]:
    """Return the words of a text that say something, folded."""
    return {word for word in _WORD.findall(text.casefold()) if len(word) > 3}


def _hit(page_id: int, page: Row, mention: NamedSpan, score: float) -> Hit:
    return Hit(
        rank=0,
        score=score,
        key=mention.name,
        title=page["title"],
        text=page["introduction"].strip("\n"),
        record_id=paragraph_id(page_id, 0),
        page_id=page_id,
    )
