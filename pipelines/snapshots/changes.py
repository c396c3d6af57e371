"""What changed from one snapshot to another: pages, sentences, images, redirects. Read in one pass, page by page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any

from kc_schema.snapshot import Snapshot
from kc_schema.tables import PARAGRAPHS_PER_PAGE, SENTENCES_PER_PARAGRAPH

__all__ = ["Change", "Changes", "compare_snapshots", "pairs_by_key"]

EXAMPLES = 10
_PAGE_BITS = (PARAGRAPHS_PER_PAGE * SENTENCES_PER_PARAGRAPH).bit_length() - 1


@dataclass
class Change:
    """One kind of change."""

    count: int = 0
    examples: list[str] = field(default_factory=list)
    """The first ten; of sentences and images one a page."""

    def add(self, example: str, count: int = 1) -> None:
        """Count a change; the first ones are kept as examples."""
        self.count += count
        if len(self.examples) < EXAMPLES:
            self.examples.append(example)


@dataclass
class Changes:
    """All changes, by what they are of and which they are: ``changes["pages"]["moved"]``."""

    old: str
    """The name of the older snapshot's dump."""
    new: str
    rows: dict[str, tuple[int, int]]
    """How many rows each table has in both."""
    changes: dict[str, dict[str, Change]]


def compare_snapshots(old: Snapshot, new: Snapshot) -> Changes:
    """Compare two snapshots of one wiki.

    Pages are the same by their id: moved where the title is another, changed where the revision or its checksum is.
    Sentences and image links are compared within their pages: one that stands elsewhere in its page is no change.

    Raises:
        OSError, pyarrow.ArrowException: a part cannot be read.
    """
    titles: dict[int, str] = {}
    changes = {
        "pages": _compare_pages(old, new, titles),
        "sentences": _compare_in_pages(_sentences(old), _sentences(new), titles),
        "images": _compare_in_pages(_images(old), _images(new), titles),
        "redirects": _compare_redirects(old, new),
    }
    tables = {"pages": "pages", "sentences": "sentences", "images": "image_links", "redirects": "redirects"}
    rows = {what: (old.manifest.rows(table), new.manifest.rows(table)) for what, table in tables.items()}
    return Changes(old.manifest.dump["name"], new.manifest.dump["name"], rows, changes)


def pairs_by_key(
    one: Iterable[tuple[Any, Any]], other: Iterable[tuple[Any, Any]]
) -> Iterator[tuple[Any, Any, Any]]:
    """Yield every key of two iterables that ascend by it, with both values; None for the one that lacks it."""
    left, right = iter(one), iter(other)
    a, b = next(left, None), next(right, None)
    while a is not None or b is not None:
        if b is None or (a is not None and a[0] < b[0]):
            assert a is not None
            yield a[0], a[1], None
            a = next(left, None)
        elif a is None or b[0] < a[0]:
            yield b[0], None, b[1]
            b = next(right, None)
        else:
            yield a[0], a[1], b[1]
            a, b = next(left, None), next(right, None)


def _compare_pages(old: Snapshot, new: Snapshot, titles: dict[int, str]) -> dict[str, Change]:
    """Compare the pages; `titles` gets the titles of those that are not the same."""
    found = {name: Change() for name in ("new", "gone", "moved", "changed")}
    for page_id, before, after in pairs_by_key(_pages(old), _pages(new)):
        if before == after:
            continue
        titles[page_id] = (after or before)[0]
        if before is None:
            found["new"].add(after[0])
        elif after is None:
            found["gone"].add(before[0])
        else:
            if before[0] != after[0]:
                found["moved"].add(f"{before[0]} -> {after[0]}")
            if before[1:] != after[1:]:
                found["changed"].add(after[0])
    return found


def _compare_in_pages(
    old: Iterable[tuple[int, list[str]]], new: Iterable[tuple[int, list[str]]], titles: dict[int, str]
) -> dict[str, Change]:
    found = {"new": Change(), "gone": Change()}
    for page_id, before, after in pairs_by_key(old, new):
        if before == after:
            continue
        one, other = Counter(before or ()), Counter(after or ())
        title = titles.get(page_id, f"page {page_id}")
        for name, difference in (("new", other - one), ("gone", one - other)):
            if difference:
                found[name].add(f"{title}: {next(iter(difference))}", difference.total())
    return found


def _compare_redirects(old: Snapshot, new: Snapshot) -> dict[str, Change]:
    found = {name: Change() for name in ("new", "gone", "changed")}
    for title, before, after in pairs_by_key(_redirects(old), _redirects(new)):
        if before is None:
            found["new"].add(f"{title} -> {after}")
        elif after is None:
            found["gone"].add(f"{title} -> {before}")
        elif before != after:
            found["changed"].add(f"{title} -> {after} (was {before})")
    return found


def _pages(snapshot: Snapshot) -> Iterator[tuple[int, tuple[str, int, str]]]:
    for batch in snapshot.batches("pages", ["page_id", "title", "revision_id", "sha1"]):
        for page_id, *about in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            yield page_id, tuple(about)


def _sentences(snapshot: Snapshot) -> Iterator[tuple[int, list[str]]]:
    def rows() -> Iterator[tuple[int, str]]:
        for batch in snapshot.batches("sentences", ["sentence_id", "text"]):
            pages = (batch[0].to_numpy() >> _PAGE_BITS).tolist()
            yield from zip(pages, batch[1].to_pylist(), strict=True)

    return _grouped(rows())


def _images(snapshot: Snapshot) -> Iterator[tuple[int, list[str]]]:
    def rows() -> Iterator[tuple[int, str]]:
        for batch in snapshot.batches("image_links", ["page_id", "file"]):
            yield from zip(batch[0].to_pylist(), batch[1].to_pylist(), strict=True)

    return _grouped(rows())


def _redirects(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    for batch in snapshot.batches("redirects", ["from_title", "to_title"]):
        yield from zip(batch[0].to_pylist(), batch[1].to_pylist(), strict=True)


def _grouped(rows: Iterable[tuple[int, str]]) -> Iterator[tuple[int, list[str]]]:
    for page_id, group in groupby(rows, itemgetter(0)):
        yield page_id, [text for _, text in group]
