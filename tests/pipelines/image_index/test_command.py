"""What a search by image shows of titles, captions and file names that somebody else has written."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

pytest.importorskip("PIL")
pytest.importorskip("faiss")

from kc_schema.hit import Hit
from pipelines.image_index.command import thumbnail_sheet
from pipelines.image_index.errors import ImageIndexError
from tests.services.media_server import draw, encode_as

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg/onload=alert(1)>",
    "</title></figcaption></main><iframe src=//evil>",
    "&lt;script&gt;",
    "<!-- --!><b>",
    "]]><script>",
]


class Tags(HTMLParser):
    """Collects the elements of a page with their attributes, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(sorted(name for name, _ in attrs))))

    def handle_data(self, data: str) -> None:
        self.text += data


class Images:
    """An index whose images are drawn, but for one that is gone."""

    def content(self, image: int) -> bytes:
        if image == 0:
            raise ImageIndexError("<script>gone</script>")
        return encode_as(draw(image), "JPEG")


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_was_found_becomes_part_of_the_pages_markup(text: str) -> None:
    hits = [
        Hit(rank, 0.5, text, text, f"<e: {text}> {text} </e>", record_id=rank, caption=text if rank else "")
        for rank in range(3)
    ]
    page = Tags()
    page.feed(thumbnail_sheet(Images(), hits, title=text))  # type: ignore[arg-type]
    figures = [("figure", ()), ("img", ("alt", "src")), ("figcaption", ()), ("b", ()), ("br", ()), ("br", ())]
    missing = [("figure", ()), ("p", ()), *figures[2:]]
    head = [("html", ()), ("head", ()), ("meta", ("charset",)), ("title", ()), ("style", ()), ("body", ())]
    assert page.tags == [*head, ("main", ()), *missing, *figures, *figures]
    assert page.text.count(text) >= 6
