"""Wikidata ids of pages, where the corpus knows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from kc_schema.hit import Hit
from kc_schema.snapshot import Snapshot
from kc_schema.store import Rows
from kc_schema.tables import PARAGRAPHS_PER_PAGE

__all__ = ["WikidataIds", "page_of"]


def page_of(hit: Hit) -> int:
    """Return the page from which evidence of a corpus comes; -1 where it comes from elsewhere."""
    if hit.page_id >= 0 or hit.record_id < 0:
        return hit.page_id
    return hit.record_id // PARAGRAPHS_PER_PAGE


class WikidataIds:
    """Looks Wikidata ids up by page."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.known = "page_props" in snapshot.manifest.options
        """Whether the corpus was built with the wiki's page properties."""
        self._rows = Rows(snapshot.files("pages"), ["wikidata_id"], key="page_id")

    def of(self, page_ids: Iterable[int]) -> dict[int, str]:
        """Return page -> Wikidata id; pages without one, and pages that are not there, have no entry."""
        if not self.known:
            return {}
        found = self._rows.fetch_all(page for page in page_ids if page >= 0)
        return {page: rows[0]["wikidata_id"] for page, rows in found.items() if rows[0]["wikidata_id"]}

    def add_to(self, hits: Mapping[str, Sequence[Hit]]) -> dict[str, list[Hit]]:
        """Return hits by example with the ids of their pages."""
        ids = self.of({page_of(hit) for own in hits.values() for hit in own})
        return {
            example: [replace(hit, wikidata_id=ids.get(page_of(hit))) for hit in own]
            for example, own in hits.items()
        }
