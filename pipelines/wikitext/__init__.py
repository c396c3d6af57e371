"""Wikitext to text: `extract_article` turns one page's wikitext into paragraphs, anchors and image links."""

from pipelines.wikitext.article import extract_article
from pipelines.wikitext.article_parts import Anchor, Article, ImageLink, Paragraph
from pipelines.wikitext.site import ENGLISH_WIKIPEDIA, Site

__all__ = ["ENGLISH_WIKIPEDIA", "Anchor", "Article", "ImageLink", "Paragraph", "Site", "extract_article"]
