"""What is kept of anchors: how they were written, so that rows of an older snapshot can be resolved again."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kc_schema.anchors import Anchor, parse
from pipelines.text_corpus.changed_redirects import Hashes
from pipelines.text_corpus.part_files import TAGGED_COLUMNS, UNIT_TABLES, anchor_lists
from pipelines.text_corpus.redirects import title_hash
from pipelines.text_corpus.reuse import KEPT, UNIT_COLUMNS

__all__ = ["AnchorTrace", "complete_kept", "restore_anchors"]

Ids = npt.NDArray[np.int64]


def restore_anchors(
    batch: pa.RecordBatch, table: str, kept: dict[int, dict[str, Any]], at: dict[int, int]
) -> pa.RecordBatch:
    """Return rows of the older snapshot as a work unit would give them: plain text, anchors with titles as written.

    Args:
        batch: rows of ``pages`` or ``paragraphs``.
        table: which of them.
        kept: the kept rows of the pages.
        at: how many anchors of a page were seen in rows before; counted on.
    """
    column = TAGGED_COLUMNS[table]
    kind = "introduction" if table == "pages" else "text"
    texts: list[str] = []
    lists: list[list[Anchor]] = []
    for page_id, tagged in zip(batch["page_id"].to_pylist(), batch[column].to_pylist(), strict=True):
        text, anchors = parse(tagged)
        row = kept[page_id]
        written = dict(zip(row[f"{kind}_places"], row[f"{kind}_titles"], strict=True))
        first = at.get(page_id, 0)
        anchors = [
            Anchor(a.start, a.end, written.get(first + number, a.title)) for number, a in enumerate(anchors)
        ]
        at[page_id] = first + len(anchors)
        texts.append(text)
        lists.append(anchors)
    place = batch.schema.get_field_index(column)
    columns = [*batch.columns, anchor_lists(lists)]
    columns[place] = pa.array(texts, pa.string())
    return pa.RecordBatch.from_arrays(columns, schema=UNIT_TABLES[table])


class AnchorTrace:
    """What is to be kept of the anchors of a range of pages, gathered while they are resolved."""

    def __init__(self) -> None:
        self._pages: list[Ids] = []
        self._hashes: list[Hashes] = []
        self._resolved: list[npt.NDArray[np.bool_]] = []
        self._titles: list[str] = []

    def add(
        self, page_ids: Ids, sizes: Ids, written: list[str], indices: Ids, resolved: npt.NDArray[np.bool_]
    ) -> None:
        """Take note of the anchors of some rows.

        Args:
            page_ids: of every row its page.
            sizes: of every row its number of anchors.
            written: the different titles as written.
            indices: of every anchor its title among `written`.
            resolved: of every title whether it is a redirect.
        """
        hashes = np.fromiter(map(title_hash, written), np.uint32, len(written))
        self._pages.append(np.repeat(page_ids, sizes))
        self._hashes.append(hashes[indices])
        mask = resolved[indices]
        self._resolved.append(mask)
        self._titles += [written[index] for index in indices[mask].tolist()]

    def by_page(self) -> dict[int, tuple[set[int], list[int], list[str], int]]:
        """Return by page the hashes of its titles, places and titles of what was resolved, and how many anchors."""
        if not self._pages:
            return {}
        pages, hashes = np.concatenate(self._pages), np.concatenate(self._hashes)
        resolved = np.concatenate(self._resolved)
        if not len(pages):
            return {}
        cuts = np.flatnonzero(np.diff(pages)) + 1
        starts = np.concatenate([[0], cuts]).tolist()
        ends = [*cuts.tolist(), len(pages)]
        places = np.flatnonzero(resolved)
        first = np.searchsorted(places, starts).tolist()
        last = np.searchsorted(places, ends).tolist()
        found = {}
        for start, end, a, b in zip(starts, ends, first, last, strict=True):
            found[int(pages[start])] = (
                set(hashes[start:end].tolist()),
                (places[a:b] - start).tolist(),
                self._titles[a:b],
                end - start,
            )
        return found


def complete_kept(kept: pa.Table, introductions: AnchorTrace, texts: AnchorTrace) -> pa.Table:
    """Return kept rows of pages with what was found while their anchors were resolved."""
    in_introductions, in_texts = introductions.by_page(), texts.by_page()
    columns: dict[str, list[Any]] = {name: [] for name in KEPT.names[UNIT_COLUMNS:]}
    nothing: tuple[set[int], list[int], list[str], int] = (set(), [], [], 0)
    for page_id in kept["page_id"].to_pylist():
        one, other = in_introductions.get(page_id, nothing), in_texts.get(page_id, nothing)
        columns["anchors"].append(other[3])
        columns["title_hashes"].append(sorted(one[0] | other[0]))
        columns["introduction_places"].append(one[1])
        columns["introduction_titles"].append(one[2])
        columns["text_places"].append(other[1])
        columns["text_titles"].append(other[2])
    arrays = [kept.column(name) for name in KEPT.names[:UNIT_COLUMNS]]
    arrays += [pa.array(columns[field.name], field.type) for field in list(KEPT)[UNIT_COLUMNS:]]
    return pa.table(arrays, schema=KEPT)
