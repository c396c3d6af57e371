"""The one record for a piece of evidence: what an index finds, a cache stores and training reads."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FoundImage", "FoundParagraph", "Hit"]


@dataclass(frozen=True, slots=True)
class Hit:
    """A paragraph or an image that was found for a query, best first by `rank`."""

    rank: int
    """Place among the hits of the query, from 0."""
    score: float
    """BM25 of the sentence (k1 1.2, b 0.75, with the factor k1 + 1; five significant digits), or the cosine of
    the vectors; what a source from elsewhere gives otherwise."""
    key: str
    """The sentence that matched best (plain text), or the image's normalised file name."""
    title: str
    """Title of the article as displayed."""
    text: str
    """The paragraph, or the article's introduction, with anchors as tags (`kc_schema.anchors`)."""
    record_id: int = -1
    """The paragraph's or the image's id in its corpus; -1 where there is none."""
    section: str = ""
    """Text: headings above the paragraph, outermost first; empty in the introduction."""
    page_id: int = -1
    """Images, entities: the article; -1 where it is not given."""
    url: str = ""
    """Images: where the image came from."""
    caption: str = ""
    """Images: plain text beside the image."""
    place: str = ""
    """Images: infobox | thumbnail | gallery | multiple_image | inline."""
    box: tuple[float, ...] | None = None
    """Object level: left, top, right, bottom of the crop that asked, in pixels of the example's image."""
    crop: str | None = None
    """Object level: file name of the crop that asked, where the data set brings crops."""
    agreement: float | None = None
    """Cosine of the example's image and this evidence in the encoder's space, where it was asked for."""
    leak: bool | None = None
    """Whether this evidence gives the example itself away, where it was looked for."""
    wikidata_id: str | None = None
    """Item of the article in Wikidata, where the corpus knows it."""
    types: tuple[str, ...] | None = None
    """What the article is about (human, city, ...), where the corpus' entities have types."""


@dataclass(frozen=True, slots=True)
class FoundParagraph:
    """What programs get of a paragraph that was found: by ``search --json`` and by the service, in this order."""

    rank: int
    """Place among the hits of the query, from 1."""
    score: float
    """BM25 of the sentence."""
    paragraph_id: int
    title: str
    sentence: str
    """The sentence that matched best, plain text."""
    text: str
    """The paragraph, with anchors as tags."""
    wikidata_id: str | None
    """Item of the article in Wikidata; null where the corpus does not know it."""

    @classmethod
    def of(cls, hit: Hit) -> FoundParagraph:
        """Return what is told of a hit of a text index."""
        return cls(hit.rank + 1, hit.score, hit.record_id, hit.title, hit.key, hit.text, hit.wikidata_id)


@dataclass(frozen=True, slots=True)
class FoundImage:
    """What programs get of an image that was found: by ``search --image --json`` and by the service."""

    rank: int
    """Place among the hits of the query, from 1."""
    score: float
    """Cosine of the vectors."""
    image_id: int
    file: str
    url: str
    page_id: int
    title: str
    introduction: str
    """Of the article that shows the image, with anchors as tags."""
    caption: str
    place: str
    """infobox | thumbnail | gallery | multiple_image | inline."""
    wikidata_id: str | None
    """Item of the article in Wikidata; null where the corpus does not know it."""

    @classmethod
    def of(cls, hit: Hit) -> FoundImage:
        """Return what is told of a hit of an image index."""
        return cls(
            rank=hit.rank + 1,
            score=hit.score,
            image_id=hit.record_id,
            file=hit.key,
            url=hit.url,
            page_id=hit.page_id,
            title=hit.title,
            introduction=hit.text,
            caption=hit.caption,
            place=hit.place,
            wikidata_id=hit.wikidata_id,
        )
