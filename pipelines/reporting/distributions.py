"""How the values of a snapshot's tables are distributed, read batch by batch in bounded memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kc_schema.charts import Figure
from kc_schema.snapshot import Snapshot
from pipelines.page_index.lookup import Pages

__all__ = ["Distribution", "count_values", "image_types", "measure_text"]

_MOST = 1 << 20
"""Values from here on are counted together."""


@dataclass
class Distribution:
    """How often each whole number from 0 on was seen."""

    counts: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(1, np.int64))

    def add(self, values: npt.NDArray[np.int64]) -> None:
        """Count values."""
        if values.size:
            found = np.bincount(np.minimum(values, _MOST))
            if len(found) > len(self.counts):
                self.counts = np.pad(self.counts, (0, len(found) - len(self.counts)))
            self.counts[: len(found)] += found

    @property
    def total(self) -> int:
        """How many values there are."""
        return int(self.counts.sum())

    @property
    def mean(self) -> float:
        """Their mean; 0 of none."""
        return float(self.counts @ np.arange(len(self.counts)) / self.total) if self.total else 0.0

    def quantile(self, share: float) -> int:
        """Return the smallest value that a share of all values does not exceed."""
        return int(np.searchsorted(np.cumsum(self.counts), share * self.total)) if self.total else 0

    def row(self, name: str) -> tuple[str | int | float, ...]:
        """Return name, number, mean, median, 90%, 99% and maximum, for a table."""
        top = int(np.flatnonzero(self.counts)[-1]) if self.total else 0
        quantiles = (self.quantile(share) for share in (0.5, 0.9, 0.99))
        return name, self.total, round(self.mean, 2), *quantiles, top

    def figure(self, title: str, what: str, bars: int = 10) -> Figure:
        """Return a bar chart: values up to the 99th of a hundred in steps of one size, all others in the last bar."""
        top = max(1, self.quantile(0.99))
        step = max(1, -(-(top + 1) // bars))
        heights: dict[str, float] = {}
        for start in range(0, top + 1, step):
            name = str(start) if step == 1 else f"{start}–{start + step - 1}"
            heights[name] = float(self.counts[start : start + step].sum())
        rest = float(self.counts[(top // step + 1) * step :].sum())
        if rest:
            heights["more"] = rest
        return Figure(title, "bar", heights, what, "how many")


@dataclass
class TextDistributions:
    """What was measured of the tables of a text corpus."""

    sentence_words: Distribution = field(default_factory=Distribution)
    sentences: Distribution = field(default_factory=Distribution)
    """Of a paragraph."""
    paragraph_anchors: Distribution = field(default_factory=Distribution)
    links_out: Distribution = field(default_factory=Distribution)
    """Anchors of a page."""
    links_in: Distribution = field(default_factory=Distribution)
    """Pages that link to a page."""


def measure_text(snapshot: Snapshot, pages: Pages) -> TextDistributions:
    """Return the distributions of a snapshot."""
    found = TextDistributions()
    sentences = _Runs(found.sentences)
    for batch in snapshot.batches("sentences", ["paragraph_id", "text"]):
        words = pc.count_substring_regex(batch["text"], pattern=r"\S+")
        found.sentence_words.add(words.to_numpy(zero_copy_only=False).astype(np.int64))
        sentences.add(batch["paragraph_id"].to_numpy(), np.ones(len(batch), np.int64))
    sentences.end()
    out = _Runs(found.links_out)
    for batch in snapshot.batches("paragraphs", ["page_id", "text"]):
        anchors = pc.count_substring(batch["text"], pattern="<e: ").to_numpy(zero_copy_only=False)
        found.paragraph_anchors.add(anchors.astype(np.int64))
        out.add(batch["page_id"].to_numpy(), anchors.astype(np.int64))
    out.end()
    found.links_in.add(pages.links_in_counts())
    return found


class _Runs:
    """Sums values over runs of one id, which may go on in the next batch."""

    def __init__(self, into: Distribution) -> None:
        self._into = into
        self._id: int | None = None
        self._sum = 0

    def add(self, ids: npt.NDArray[np.int64], values: npt.NDArray[np.int64]) -> None:
        if not ids.size:
            return
        starts = np.flatnonzero(np.diff(ids, prepend=ids[0] - 1))
        sums = np.add.reduceat(values, starts)
        if self._id == int(ids[0]):
            sums[0] += self._sum
        else:
            self.end()
        self._into.add(sums[:-1])
        self._id, self._sum = int(ids[-1]), int(sums[-1])

    def end(self) -> None:
        if self._id is not None:
            self._into.add(np.array([self._sum]))
            self._id = None


def count_values(batches: Iterable[pa.RecordBatch], column: str) -> Counter[str]:
    """Return how often each value of a column of text was seen."""
    found: Counter[str] = Counter()
    for batch in batches:
        for pair in pc.value_counts(batch[column]):
            found[str(pair["values"].as_py())] += pair["counts"].as_py()
    return found


def image_types(snapshot: Snapshot) -> Counter[str]:
    """Return how many image links lead to files of each kind, by the ends of their names."""
    found: Counter[str] = Counter()
    for batch in snapshot.batches("image_links", ["file"]):
        ends = pc.utf8_lower(pc.replace_substring_regex(batch["file"], r"^.*\.([^.]*)$", r"\1"))
        for pair in pc.value_counts(ends):
            found[str(pair["values"].as_py())[:12]] += pair["counts"].as_py()
    return found
