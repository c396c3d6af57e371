"""Pages of a snapshot by title, what redirects to them and what links to them."""

from __future__ import annotations

from pipelines.page_index.lookup import PageContent, Pages, open_pages

__all__ = ["PageContent", "Pages", "open_pages"]
