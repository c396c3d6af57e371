"""What an article consists of once its wikitext has been read: paragraphs with anchors, image links."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from kc_schema.anchors import Anchor, render

__all__ = ["Anchor", "Article", "ImageLink", "Paragraph"]


@dataclass(slots=True)
class Paragraph:
    """A run of text that stands on its own on the page: a paragraph of prose, a list item, a quotation."""

    text: str
    """Plain text, without tags, markup or line breaks at its ends."""
    anchors: list[Anchor]
    """Links in `text`, in order, not overlapping; titles normalised, redirects not yet resolved."""
    kind: str
    """``prose``, ``list`` or ``quote``; ``apparatus`` in a section of references, notes or links."""
    section: str
    """Headings above the paragraph, outermost first, joined by ``" / "``; empty in the introduction."""
    bold: bool = False
    """Whether it is one line in bold and nothing else."""


@dataclass(slots=True)
class ImageLink:
    """A picture (or other media file) that the page shows."""

    file: str
    """Normalised file name: no namespace, underscores for spaces, first letter in upper case."""
    caption: str = ""
    """Plain text of the caption; empty where there is none."""
    place: str = "inline"
    """``infobox``, ``thumbnail``, ``gallery``, ``multiple_image`` or ``inline``."""


@dataclass(slots=True)
class Article:
    """All that is kept of one page's wikitext."""

    paragraphs: list[Paragraph] = field(default_factory=list)
    images: list[ImageLink] = field(default_factory=list)
    introduction_length: int = 0
    """How many of the paragraphs stand before the first heading."""
    bold_names: list[str] = field(default_factory=list)
    """What the text before the first heading prints in bold, each once, plain text: names of the page's subject."""
    redirect: str | None = None
    """Normalised title of the target where the wikitext itself says that the page is a redirect."""
    disambiguation: bool = False
    """Whether the page only tells articles of one name apart."""
    dropped_templates: Counter[str] = field(default_factory=Counter)
    """Templates that stood alone on their lines and were left out, by kind (infobox, navbox, ...)."""
    dropped_examples: dict[str, str] = field(default_factory=dict)
    """By kind, how the first call of such a template begins."""
    unknown_templates: Counter[str] = field(default_factory=Counter)
    """Templates that stood in running text and have no renderer, by name."""
    rendered_templates: int = 0
    """Templates in running text that a renderer turned into text."""

    @property
    def introduction(self) -> str:
        """Text before the first heading, anchors as tags (`kc_schema.anchors`), a newline between paragraphs."""
        return "\n".join(
            render(paragraph.text, paragraph.anchors)
            for paragraph in self.paragraphs[: self.introduction_length]
        )
