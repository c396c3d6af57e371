"""Wikidata ids of pages, where the corpus knows them: the one place from which every hit has its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import pyarrow as pa

from kc_schema.hit import Hit
from kc_schema.snapshot import Snapshot
from kc_schema.store import Rows
from kc_schema.tables import PARAGRAPHS_PER_PAGE

__all__ = ["WikidataIds", "knows_wikidata_ids", "page_of"]


def knows_wikidata_ids(snapshot: Snapshot) -> bool:
    """Tell whether the corpus was built with the wiki's page properties."""
    return "page_props" in snapshot.manifest.options


def page_of(hit: Hit) -> int:
    """Return the page from which evidence of a corpus comes; -1 where it comes from elsewhere."""
    if hit.page_id >= 0 or hit.record_id < 0:
        return hit.page_id
    return hit.record_id // PARAGRAPHS_PER_PAGE


class WikidataIds:
    """Looks Wikidata ids up by page."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.known = knows_wikidata_ids(snapshot)
        """Whether the corpus was built with the wiki's page properties."""
        self._rows = Rows(snapshot.files("pages"), ["wikidata_id"], key="page_id")

    def of(self, page_ids: Iterable[int]) -> dict[int, str]:
        """Return page -> Wikidata id; pages without one, and pages that are not there, have no entry."""
        if not self.known:
            return {}
        found = self._rows.fetch_all(page for page in page_ids if page >= 0)
        return {page: rows[0]["wikidata_id"] for page, rows in found.items() if rows[0]["wikidata_id"]}

    def of_paragraphs(self, paragraph_ids: Sequence[int]) -> list[str | None]:
        """Return the Wikidata id of the page of every paragraph; None where it has none.

        Raises:
            UserError: a paragraph of a page that the corpus does not have.
        """
        if not self.known:
            return [None] * len(paragraph_ids)
        pages = [paragraph // PARAGRAPHS_PER_PAGE for paragraph in paragraph_ids]
        rows = self._rows.fetch(pages)
        return [rows[page]["wikidata_id"] for page in pages]

    def beside(self, paragraphs: pa.RecordBatch) -> pa.RecordBatch:
        """Return rows of the table of paragraphs with a column ``wikidata_id``, empty where a page has none."""
        ids = [item or "" for item in self.of_paragraphs(paragraphs["paragraph_id"].to_pylist())]
        return pa.RecordBatch.from_arrays(
            [*paragraphs.columns, pa.array(ids, pa.string())], names=[*paragraphs.schema.names, "wikidata_id"]
        )

    def add(self, found: Iterable[Sequence[Hit]]) -> list[list[Hit]]:
        """Return hits, query by query, with the ids of their pages."""
        lists = [list(hits) for hits in found]
        ids = self.of({page_of(hit) for hits in lists for hit in hits})
        return [
            [replace(hit, wikidata_id=ids[page]) if (page := page_of(hit)) in ids else hit for hit in hits]
            for hits in lists
        ]

    def add_to(self, hits: Mapping[str, Sequence[Hit]]) -> dict[str, list[Hit]]:
        """Return hits by example with the ids of their pages."""
        return dict(zip(hits, self.add(hits.values()), strict=True))
