"""From an article to rows of the tables. Pure: no input, no output."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kc_schema.tables import (
    APPARATUS,
    PARAGRAPHS_PER_PAGE,
    SENTENCES_PER_PARAGRAPH,
    paragraph_id,
    sentence_id,
)
from pipelines.dump.pages import Page
from pipelines.text_corpus.fragments import fragment_reason
from pipelines.text_corpus.lines import is_formula, line_reasons
from pipelines.text_corpus.part_files import UNIT_TABLES
from pipelines.text_corpus.sentences import split_sentences
from pipelines.text_corpus.statistics import Statistics
from pipelines.wikitext.article_parts import Anchor, Article, Paragraph


class NewRows:
    """Rows of all tables, column by column, until they are taken."""

    def __init__(self) -> None:
        self.columns: dict[str, dict[str, list[Any]]] = {}
        self._appends: dict[str, list[Callable[[Any], None]]] = {}
        self.clear()

    def clear(self) -> None:
        """Forgets all rows."""
        self.columns = {table: {name: [] for name in schema.names} for table, schema in UNIT_TABLES.items()}
        self._appends = {
            table: [column.append for column in columns.values()] for table, columns in self.columns.items()
        }

    def append(self, table: str, *values: Any) -> None:
        """Adds one row, its values in the order of the table's schema."""
        for append, value in zip(self._appends[table], values, strict=True):
            append(value)

    def __len__(self) -> int:
        return len(self.columns["sentences"]["sentence_id"]) + len(self.columns["redirects"]["from_title"])


def append_article(
    rows: NewRows,
    page: Page,
    article: Article,
    *,
    rules: frozenset[str],
    language: str,
    statistics: Statistics,
) -> None:
    """Adds the rows of one article; what is left out is counted in `statistics` by its reason."""
    introduction, anchors = _joined(article.paragraphs[: article.introduction_length])
    rows.append(
        "pages",
        page.page_id,
        page.title,
        page.revision_id,
        page.sha1 or "",
        article.disambiguation,
        introduction,
        None,
        None,
        None,
        article.bold_names,
        anchors,
    )
    position = 0
    for paragraph, line in zip(article.paragraphs, line_reasons(article.paragraphs), strict=True):
        if position == PARAGRAPHS_PER_PAGE:
            statistics.drop(
                "paragraphs",
                f"more than {PARAGRAPHS_PER_PAGE} on one page",
                example=page.title,
                text=paragraph.text,
            )
            continue
        position += _append_paragraph(rows, page, position, paragraph, line, rules, language, statistics)
    for place, image in enumerate(article.images):
        rows.append("image_links", page.page_id, image.file, image.caption, image.place, place)


def _joined(paragraphs: list[Paragraph]) -> tuple[str, list[Anchor]]:
    """Return the text of paragraphs, a newline between them, and the anchors in it."""
    anchors: list[Anchor] = []
    length = 0
    for paragraph in paragraphs:
        anchors += [Anchor(length + start, length + end, title) for start, end, title in paragraph.anchors]
        length += len(paragraph.text) + 1
    return "\n".join([paragraph.text for paragraph in paragraphs]), anchors


def _append_paragraph(
    rows: NewRows,
    page: Page,
    position: int,
    paragraph: Paragraph,
    line: str | None,
    rules: frozenset[str],
    language: str,
    statistics: Statistics,
) -> bool:
    """Adds a paragraph and its sentences; tells whether anything of it was kept.

    `line` is the rule of `LINE_RULES` that holds for it.
    """
    text = paragraph.text
    reason = line if line in rules else fragment_reason(text, paragraph.kind)
    if reason is not None and reason in rules:
        statistics.drop("paragraphs", reason, example=page.title, text=text)
        return False
    kept: list[str] = []
    for start, end in split_sentences(text, paragraph.anchors, language):
        sentence = text[start:end]
        reason = None  # of a sentence that is the whole paragraph, as was found above
        if len(sentence) < len(text):
            reason = fragment_reason(sentence, paragraph.kind)
            if reason is None and is_formula(sentence):
                reason = "formula"
        if reason is not None and reason in rules:
            statistics.drop("sentences", reason, example=page.title, text=sentence)
        elif len(kept) == SENTENCES_PER_PARAGRAPH:
            statistics.drop(
                "sentences",
                f"more than {SENTENCES_PER_PARAGRAPH} in one paragraph",
                example=page.title,
                text=sentence,
            )
        else:
            kept.append(sentence)
    if not kept:
        statistics.drop("paragraphs", "no sentence left", example=page.title, text=text)
        return False
    if paragraph.kind == APPARATUS:
        statistics.counts["apparatus paragraphs"] += 1
        statistics.counts["apparatus sentences"] += len(kept)
    identity = paragraph_id(page.page_id, position)
    ids, parents, positions, texts = rows.columns["sentences"].values()
    numbers = range(len(kept))
    ids += [sentence_id(identity, number) for number in numbers]
    parents += [identity] * len(kept)
    positions += numbers
    texts += kept
    rows.append(
        "paragraphs",
        identity,
        page.page_id,
        page.title,
        paragraph.section,
        position,
        paragraph.kind,
        text,
        paragraph.anchors,
    )
    return True
