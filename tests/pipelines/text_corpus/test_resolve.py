"""Anchors between a work unit's part files and the snapshot: a list beside the text, then tags in it."""

import pytest

from kc_schema.tables import TEXT_TABLES
from pipelines.text_corpus.part_files import UNIT_TABLES, record_batch
from pipelines.text_corpus.resolve import resolve_anchors
from pipelines.wikitext import Anchor


class Redirects:
    """The redirect map as a dictionary."""

    def __init__(self, **targets):
        self.asked = []
        self.by_title = targets

    def targets(self, titles):
        self.asked = list(titles)
        return {title: self.by_title[title] for title in self.asked if title in self.by_title}


def paragraphs(*rows):
    columns = {name: [] for name in UNIT_TABLES["paragraphs"].names}
    for number, (text, anchors) in enumerate(rows):
        row = (number, 0, "T", "", number, "prose", text, anchors)
        for column, value in zip(columns.values(), row, strict=True):
            column.append(value)
    return record_batch("paragraphs", columns)


def test_a_work_unit_keeps_plain_text_and_its_anchors():
    batch = paragraphs(("A b", [Anchor(0, 1, "A")]), ("c", []))
    assert batch.column("text").to_pylist() == ["A b", "c"]
    assert batch.column("anchors").to_pylist() == [[{"start": 0, "end": 1, "title": "A"}], []]


def test_titles_are_resolved_once_each_and_written_as_tags():
    redirects = Redirects(Old="New")
    batch = paragraphs(
        ("A old, old", [Anchor(0, 1, "A"), Anchor(2, 5, "Old"), Anchor(7, 10, "Old")]), ("none", [])
    )
    resolved, counts = resolve_anchors(batch, "text", redirects)
    assert resolved.column("text").to_pylist() == [
        "<e: A> A </e> <e: New> old </e>, <e: New> old </e>",
        "none",
    ]
    assert counts == {"anchors": 3, "anchors resolved": 2}
    assert sorted(redirects.asked) == ["A", "Old"]
    assert resolved.schema.equals(TEXT_TABLES["paragraphs"], check_metadata=True)


@pytest.mark.parametrize("text", ["<e: A> A </e>", "a </e> b", r"<\e: x"])
def test_text_that_reads_like_a_tag_stays_text(text):
    # The title of a tag that stands in the text itself is no anchor's.
    resolved, counts = resolve_anchors(paragraphs((text, [])), "text", Redirects(A="B"))
    assert "<e: B>" not in resolved.column("text")[0].as_py()
    assert counts == {"anchors": 0}


def test_a_redirect_to_what_no_page_can_be_called_changes_no_anchor():
    batch = paragraphs(("A b", [Anchor(0, 1, "A")]))
    resolved, _ = resolve_anchors(batch, "text", Redirects(A="a<b>"))
    assert resolved.column("text").to_pylist() == ["<e: A> A </e> b"]


def test_a_batch_without_anchors_is_resolved():
    resolved, counts = resolve_anchors(paragraphs(), "text", Redirects())
    assert resolved.num_rows == 0
    assert counts["anchors"] == 0
