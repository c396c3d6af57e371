"""From a page's wikitext to its article: the steps of reading, in order."""

from __future__ import annotations

import re
from itertools import accumulate

from pipelines.wikitext import marks
from pipelines.wikitext.apparatus import LISTS, SECTION, apparatus_in
from pipelines.wikitext.article_parts import Anchor, Article, ImageLink, Paragraph
from pipelines.wikitext.blocks import BOLD, HEADING, LIST, PROSE, Block, read_blocks
from pipelines.wikitext.emphasis import bold_runs, strip_emphasis
from pipelines.wikitext.expansion import Expansion
from pipelines.wikitext.links import Links, strip_external_links
from pipelines.wikitext.page_images import gallery_images, is_interface_icon
from pipelines.wikitext.scripts import width
from pipelines.wikitext.site import ENGLISH_WIKIPEDIA, Site
from pipelines.wikitext.switches import is_disambiguation, strip_switches
from pipelines.wikitext.tags import strip_tags
from pipelines.wikitext.template_calls import outer_calls
from pipelines.wikitext.terms import split_terms
from pipelines.wikitext.tidying import tidy
from pipelines.wikitext.variants import read_variants
from pipelines.wikitext.wikitables import remove_tables

__all__ = ["extract_article"]

_APPARATUS = "apparatus"
"""The kind of all that a section of references, notes or links holds."""
LONGEST_SHORT_ITEM = 80
"""List items up to this length join the introduction with a colon that they follow; half of it without spaces."""
LONGEST_INTRODUCED_LIST = 2000
"""A paragraph with the items of its list grows no longer than this."""
LONGEST_NAME, MOST_NAMES = 120, 20
"""Characters of a name in bold, and how many of them are kept of a page."""
_FIRST_HEADING = re.compile(r"^={1,6}[^=\n]", re.MULTILINE)
_LIST_STARTS = ("*", "#", ":", ";")


def extract_article(
    wikitext: str, *, title: str, site: Site = ENGLISH_WIKIPEDIA, from_xml: bool = False
) -> Article:
    """Return the paragraphs, anchors and image links of the page `title`, as MediaWiki shows it.

    Tables, footnotes and the templates that stand beside the text are left out; so are templates in running
    text that have no renderer. Templates that are left out are counted, by kind or by name. `from_xml` tells
    that an XML parser gave the wikitext: then it cannot hold the control characters that are used inside here.
    """
    return _Extraction(title, site).run(wikitext if from_xml else marks.remove_marks(wikitext))


class _Extraction:
    """The reading of one page."""

    def __init__(self, title: str, site: Site) -> None:
        self.title = title
        self.site = site
        self.expansion = Expansion(title, site)
        self.links = Links(title, site)
        self.galleries: list[ImageLink] = []
        self.literal = False
        """Whether the page holds protected text."""

    def run(self, text: str) -> Article:
        article = Article()
        if text.lstrip()[:1] == "#" and (redirect := self.site.redirect.match(text)):
            article.redirect = self.site.normalise_title(redirect[1].strip().lstrip(":"))
            text = text[redirect.end() :]
        text = read_variants(self.expand(text), self.site)
        text, switches = strip_switches(text, self.site)
        text = remove_tables(text, self.collect_from_table)
        text = self.links.read(text)
        article.bold_names = _bold_names(text)
        article.paragraphs, article.introduction_length = self.paragraphs(
            read_blocks(strip_external_links(text))
        )
        article.images = self.images()
        article.disambiguation = is_disambiguation(
            self.title, self.expansion.names, switches, self.site.language
        )
        article.dropped_templates = self.expansion.dropped
        article.dropped_examples = self.expansion.dropped_examples
        article.unknown_templates = self.expansion.unknown
        article.rendered_templates = self.expansion.rendered
        return article

    def expand(self, text: str) -> str:
        """Take out tags and templates; templates may bring tags."""
        text = split_terms(strip_tags(text, self.collect, self.site.language))
        self.literal = self.literal or marks.JOINER in text
        if "{|" in text:
            # Before the calls inside them are expanded for nothing.
            text = remove_tables(text, self.collect_from_table, outer_calls(text))
        expanded, brought_tags = self.expansion.expand(text)
        return strip_tags(expanded, self.collect, self.site.language) if brought_tags else expanded

    def collect(self, name: str, body: str) -> None:
        """Take the image links of a gallery, an image map or an HTML table."""
        if name == "table":
            self.collect_from_table(body)
        elif name == "gallery":
            images = gallery_images(body, self.site)
            self.galleries.extend(image for image in images if not is_interface_icon(image.file))
        else:
            self.galleries.extend(gallery_images(body.strip().partition("\n")[0], self.site)[:1])

    def collect_from_table(self, wikitext: str) -> None:
        """Take the image links inside a table, by reading its links; their text is not wanted."""
        if first := self.site.file_link.search(wikitext):
            inner = Links(self.title, self.site)
            inner.read(wikitext[first.start() :])
            self.galleries.extend(inner.images)

    def plain(self, text: str) -> str:
        """Return the plain text of a piece of wikitext: a caption, a heading."""
        if "<" in text or "{{" in text:
            text = self.expand(text)
        if "[" in text:
            text = strip_external_links(Links(self.title, self.site).read(text))
        if "''" in text:
            text = strip_emphasis(text)
        if not text.isprintable():
            text = marks.join_lines(marks.strip_anchors(text))
        return marks.restore(tidy(text)).strip()

    def images(self) -> list[ImageLink]:
        """Return the page's images, each file once, with its first caption as plain text."""
        images: dict[str, ImageLink] = {}
        for image in (*self.expansion.images, *self.links.images, *self.galleries):
            known = images.setdefault(image.file, image)
            if image.caption and (known is image or not known.caption):
                known.caption = self.plain(image.caption)
        return list(images.values())

    def paragraphs(self, blocks: list[Block]) -> tuple[list[Paragraph], int]:
        """Return the paragraphs of the blocks, each with its anchors and the headings above it, and how many of
        them stand before the first heading.
        """
        introduction_length = -1
        if not blocks:
            return [], 0
        page = tidy("\n".join([text for text, _, _ in blocks]))
        literal = self.literal or marks.JOINER in page
        paragraphs: list[Paragraph] = []
        headings: list[tuple[int, str]] = []
        section = ""
        apparatus: str | None = None
        for text, kind, level in _with_introductions(page.split("\n"), blocks):
            if kind == HEADING:
                if introduction_length < 0:
                    introduction_length = len(paragraphs)
                while headings and headings[-1][0] >= level:
                    headings.pop()
                headings.append((level, marks.restore(marks.join_lines(marks.strip_anchors(text))).strip()))
                section = " / ".join(name for _, name in headings if name)
                apparatus = self.apparatus([name for _, name in headings])
                continue
            if apparatus is not None and (kind == LIST or apparatus != LISTS):
                kind = _APPARATUS
            paragraph = _paragraph(marks.restore(text).strip() if literal else text, kind, section)
            paragraph.bold = level == BOLD
            if paragraph.text:
                paragraphs.append(paragraph)
        return paragraphs, len(paragraphs) if introduction_length < 0 else introduction_length

    def apparatus(self, headings: list[str]) -> str | None:
        """Return what is apparatus below these headings, the outermost first: what one of them says holds below it."""
        found = {apparatus_in(heading, self.site.language) for heading in headings}
        return SECTION if SECTION in found else LISTS if LISTS in found else None


def _bold_names(text: str) -> list[str]:
    """Return the names in bold before the first heading of a text whose links are read; lists hold none."""
    if "'''" not in text:
        return []
    heading = _FIRST_HEADING.search(text)
    names: dict[str, None] = {}
    for line in (text[: heading.start()] if heading else text).split("\n"):
        if line[:1] not in _LIST_STARTS:
            for run in bold_runs(line):
                name = marks.restore(tidy(marks.join_lines(marks.strip_anchors(run)))).strip()
                if len(name) <= LONGEST_NAME and any(map(str.isalnum, name)):
                    names[name] = None
    return list(names)[:MOST_NAMES]


def _paragraph(text: str, kind: str, section: str) -> Paragraph:
    """Return the paragraph of a text with marks of anchors."""
    if marks.NEWLINE in text:
        text = text.replace(marks.NEWLINE, "\n").strip()
    if marks.ANCHOR not in text:
        return Paragraph(text, [], kind, section)
    # Plain text, title and surface in turn.
    fields = (
        text.replace(marks.SURFACE, marks.ANCHOR).replace(marks.ANCHOR_END, marks.ANCHOR).split(marks.ANCHOR)
    )
    titles = fields[1::3]
    del fields[1::3]
    bounds = list(accumulate(map(len, fields)))
    anchors = list(map(Anchor, bounds[::2], bounds[1::2], titles))
    surfaces = fields[1::2]
    if "" in surfaces or " " in surfaces:
        anchors = [anchor for anchor, surface in zip(anchors, surfaces, strict=True) if surface.strip()]
    return Paragraph("".join(fields), anchors, kind, section)


def _with_introductions(texts: list[str], blocks: list[Block]) -> list[Block]:
    """Join short list items to the paragraph with a colon before them, and terms to their definitions."""
    joined: list[Block] = []
    introduction = -1
    for text, (_, kind, level) in zip(texts, blocks, strict=True):
        text = text.strip()
        if not text or (kind == LIST and not text.strip(_LEFTOVERS)):
            continue
        if kind != LIST or level:
            introduction = -1
        elif introduction >= 0:
            before, first, term = joined[introduction]
            term = max(term, 0)
            if term or (_is_short(text) and len(before) < LONGEST_INTRODUCED_LIST):
                joined[introduction] = (before + marks.NEWLINE + text, first, 0)
                introduction = -1 if term else introduction
                continue
        if (level == 1 and kind == LIST) or (
            text[-1] in _MAY_INTRODUCE and kind == PROSE and text.endswith(_INTRODUCTION_ENDS)
        ):
            introduction = len(joined)
        joined.append((text, kind, level))
    return joined


# What stands alone in a list item only where all else was removed: a bullet, a source's full stop.
_LEFTOVERS = "*#:;,.()[] "
_INTRODUCTION_ENDS = (":", "：", ":" + marks.ANCHOR_END, "：" + marks.ANCHOR_END)
_MAY_INTRODUCE = ":：" + marks.ANCHOR_END


def _is_short(text: str) -> bool:
    return width(text) <= LONGEST_SHORT_ITEM or width(marks.strip_anchors(text)) <= LONGEST_SHORT_ITEM
