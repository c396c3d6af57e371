"""Pages as readers see them: an article with its paragraphs, images, redirects, and links in and out."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kc_schema.anchors import targets
from kc_schema.errors import UserError
from kc_schema.image_tables import image_id
from kc_schema.snapshot import Snapshot
from kc_schema.store import PlaceBusyError, may_write, read_parquet
from kc_schema.store.rows import Row, Rows
from pipelines.page_index.build import build_page_index, find_page_index
from pipelines.page_index.layout import FOLDER, PageIndexManifest, rows_of, title_id

__all__ = ["LinkingPage", "PageContent", "PageImage", "PageParagraph", "Pages", "open_pages"]

_SECONDS_BETWEEN_TRIES = 0.5
MOST_LISTED = 500
"""Redirects and linking pages that are listed of one page; their numbers are always whole."""


@dataclass(frozen=True, slots=True)
class PageParagraph:
    """A paragraph of a page."""

    paragraph_id: int
    section: str
    kind: str
    text: str
    """With anchors as tags."""
    sentences: list[str]


@dataclass(frozen=True, slots=True)
class PageImage:
    """An image that a page shows."""

    file: str
    image_id: int
    """Of the image corpus, whether it has the image or not."""
    caption: str
    place: str


@dataclass(frozen=True, slots=True)
class LinkingPage:
    """A page whose anchors lead to another one."""

    page_id: int
    title: str
    anchors: int


@dataclass(frozen=True, slots=True)
class PageContent:
    """All that the corpus knows of a page."""

    page_id: int
    title: str
    revision_id: int
    disambiguation: bool
    introduction: str
    """With anchors as tags."""
    redirected_from: str
    """The redirect by which it was asked; empty where it was asked by its own title or its id."""
    paragraphs: list[PageParagraph]
    images: list[PageImage]
    links_out: list[str]
    """Normalised titles, in the order of the text, each once."""
    redirects: list[str]
    """Normalised titles that lead here: the first ones of `redirects_count`."""
    redirects_count: int
    links_in: list[LinkingPage]
    """Those with the most anchors of `links_in_count`."""
    links_in_count: int


@dataclass(frozen=True)
class Pages:
    """Looks pages up; safe to use from several threads."""

    snapshot: Snapshot
    _folder: Path
    _manifest: PageIndexManifest
    _titles: Rows
    _redirects: Rows
    _links: Rows
    _pages: Rows
    _paragraphs: Rows
    _sentences: Rows
    _images: Rows
    _temporary: tempfile.TemporaryDirectory[str] | None = field(default=None, repr=False)

    def find(self, title: str) -> tuple[int, str] | None:
        """Return the id of the page with this title, as displayed or normalised, and the redirect that led there.

        A title whose first letter is small is looked for with a capital one, too.
        """
        name = "_".join(title.split(" ")).strip("_")
        for spelled in dict.fromkeys((name, name[:1].upper() + name[1:])):
            found = self._lead(spelled)
            if found is not None and found[0] >= 0:
                return found[0], ""
            if found is not None:
                target = self._lead(found[1])
                if target is not None and target[0] >= 0:
                    return target[0], spelled
        return None

    def read(self, page_id: int, *, redirected_from: str = "") -> PageContent | None:
        """Return the page with this id; None where there is none.

        Raises:
            UserError: a table cannot be read.
        """
        rows = self._pages.fetch_all([page_id]).get(page_id)
        if rows is None:
            return None
        page = rows[0]
        name = page["title"].replace(" ", "_")
        paragraphs = self._read_paragraphs(page_id)
        out = dict.fromkeys(title for paragraph in paragraphs for title in targets(paragraph.text))
        redirects = [row["from_title"] for row in self._of_title(self._redirects, name)]
        links = sorted(self._of_title(self._links, name), key=lambda row: (-row["anchors"], row["page_id"]))
        return PageContent(
            page_id=page_id,
            title=page["title"],
            revision_id=page["revision_id"],
            disambiguation=page["disambiguation"],
            introduction=page["introduction"],
            redirected_from=redirected_from,
            paragraphs=paragraphs,
            images=[
                PageImage(row["file"], image_id(row["file"]), row["caption"], row["place"])
                for row in self._images.fetch_all([page_id]).get(page_id, ())
            ],
            links_out=list(out),
            redirects=redirects[:MOST_LISTED],
            redirects_count=len(redirects),
            links_in=self._linking(links[:MOST_LISTED]),
            links_in_count=len(links),
        )

    def links_in_counts(self) -> npt.NDArray[np.int64]:
        """Return for every page how many pages link to it, in no particular order.

        Raises:
            UserError: a table cannot be read.
        """
        ids = [
            self._column("titles", number, pages=True)
            for number in range(len(self._manifest.parts["titles"]))
        ]
        pages = np.sort(np.concatenate(ids))
        counts = np.zeros(len(pages), np.int64)
        for number in range(len(self._manifest.parts["links"])):
            linked, found = np.unique(self._column("links", number), return_counts=True)
            places = np.searchsorted(pages, linked)
            there = places < len(pages)
            there[there] = pages[places[there]] == linked[there]
            counts[places[there]] = found[there]
        return counts

    def _column(self, table: str, number: int, *, pages: bool = False) -> npt.NDArray[np.int64]:
        """Return the ids of titles in a part of a table; with `pages` those of pages alone, not of redirects."""
        path = self._folder / self._manifest.parts[table][number].file
        try:
            found = read_parquet(path, columns=["title_id", "page_id"])
        except (OSError, pa.ArrowException) as error:
            raise UserError(
                f"{path}: cannot be read ({error}); remove the folder to have it made again"
            ) from error
        if pages:
            found = found.filter(pc.greater_equal(found["page_id"], 0))
        ids: npt.NDArray[np.int64] = found["title_id"].to_numpy()
        return ids

    def some_title(self, share: float) -> str:
        """Return the title of the page at a share, from 0 up to 1, of all pages; empty where there is none."""
        count = len(self._pages)
        if not count:
            return ""
        number = min(int(share * count), count - 1)
        return str(self._pages.take([number])[number]["title"])

    def titles_of(self, page_ids: Iterable[int]) -> dict[int, str]:
        """Return page id -> title; ids that no page has are left out."""
        return {page: rows[0]["title"] for page, rows in self._pages.fetch_all(page_ids).items()}

    def _lead(self, name: str) -> tuple[int, str] | None:
        """Return the page's id, or -1 and the title to which a redirect leads."""
        if not name:
            return None
        try:
            found = title_id(name)
        except UnicodeEncodeError:
            return None
        for row in self._titles.fetch_all([found]).get(found, ()):
            if row["title"] == name:
                return row["page_id"], row["to_title"]
        return None

    def _of_title(self, rows: Rows, name: str) -> list[Row]:
        return rows.fetch_all([title_id(name)]).get(title_id(name), [])

    def _read_paragraphs(self, page_id: int) -> list[PageParagraph]:
        rows = self._paragraphs.fetch_all([page_id]).get(page_id, [])
        sentences = self._sentences.fetch_all(row["paragraph_id"] for row in rows)
        return [
            PageParagraph(
                row["paragraph_id"],
                row["section"],
                row["kind"],
                row["text"],
                [sentence["text"] for sentence in sentences.get(row["paragraph_id"], ())],
            )
            for row in rows
        ]

    def _linking(self, links: list[Row]) -> list[LinkingPage]:
        titles = self.titles_of(row["page_id"] for row in links)
        return [LinkingPage(row["page_id"], titles.get(row["page_id"], ""), row["anchors"]) for row in links]


def _make(snapshot: Snapshot, folder: Path, tell: Callable[[str], None]) -> PageIndexManifest:
    waiting = False
    while True:
        try:
            return build_page_index(snapshot, folder, tell)
        except PlaceBusyError:
            if not waiting:
                tell(f"{folder}: another process is making the page index; waiting for it")
            waiting = True
            time.sleep(_SECONDS_BETWEEN_TRIES)


def open_pages(snapshot: Snapshot, tell: Callable[[str], None] = lambda _: None) -> Pages:
    """Open the pages of a snapshot; their index is made first where it is missing.

    Where nobody may write beside the snapshot's tables, it is made in a temporary folder, for this process alone. Where
    another process is making it, that is waited for.

    Raises:
        kc_schema.errors.UserError: it cannot be made or read.
    """
    folder, temporary = snapshot.folder / FOLDER, None
    manifest = find_page_index(snapshot, folder)
    if manifest is None:
        if not may_write(folder if folder.is_dir() else snapshot.folder):
            temporary = tempfile.TemporaryDirectory(prefix="page-index-")
            folder = Path(temporary.name)
        tell(f"making the page index in {folder}")
        manifest = _make(snapshot, folder, tell)

    def table(name: str, columns: list[str], key: str) -> Rows:
        return Rows(snapshot.files(name), columns, key=key)

    return Pages(
        snapshot,
        folder,
        manifest,
        rows_of(folder, manifest, "titles", ["title", "page_id", "to_title"]),
        rows_of(folder, manifest, "redirects", ["from_title"]),
        rows_of(folder, manifest, "links", ["page_id", "anchors"]),
        table("pages", ["title", "revision_id", "disambiguation", "introduction"], "page_id"),
        table("paragraphs", ["paragraph_id", "section", "kind", "text"], "page_id"),
        table("sentences", ["text"], "paragraph_id"),
        table("image_links", ["file", "caption", "place"], "page_id"),
        temporary,
    )
