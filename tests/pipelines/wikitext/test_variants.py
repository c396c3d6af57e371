"""Rules for variants of a language (LanguageConverter), on wikis that have them."""

import pytest

from pipelines.wikitext import ENGLISH_WIKIPEDIA, Site, extract_article

CHINESE = Site(database="zhwiki", language="zh", namespaces={"file": 6, "category": 14, "template": 10})
SERBIAN = Site(database="srwiki", language="sr", namespaces={"датотека": 6})

CASES = [
    ("这是-{zh-hans:计算机; zh-hant:電腦}-的书。", "这是计算机的书。"),
    ("这是-{zh-tw:電腦; zh-cn:电脑}-的书。", "这是电脑的书。"),
    ("名为-{zh-hk:甲;}-。", "名为甲。"),
    ("不转换-{乾}-字。", "不转换乾字。"),
    ("不转换-{R|zh-hans:乾}-字。", "不转换zh-hans:乾字。"),
    ("-{H|zh-cn:电脑;zh-tw:電腦}-正文。", "正文。"),
    ("-{T|zh-cn:题;zh-tw:題}-正文。", "正文。"),
    ("-{A|zh-cn:电脑;zh-tw:電腦}-正文。", "电脑正文。"),
    ("-{zh-hans;zh-hant|文本}-在此。", "文本在此。"),
    ("-{电脑=>zh-tw:電腦}-在此。", "電腦在此。"),
    ("看-{zh-hans:里-{乾}-外; zh-hant:x}-。", "看里乾外。"),
    ("见[[甲|-{zh-hans:乙;zh-hant:丙}-]]。", "见乙。"),
    ("地址-{http://example.org/a:b}-在此。", "地址http://example.org/a:b在此。"),
]


@pytest.mark.parametrize(("wikitext", "expected"), CASES)
def test_rules_show_the_text_of_one_variant(wikitext, expected):
    (paragraph,) = extract_article(wikitext, title="页", site=CHINESE).paragraphs
    assert paragraph.text == expected


def test_links_in_a_rule_stay_links():
    (paragraph,) = extract_article(
        "见-{zh-hans:[[甲]];zh-hant:[[乙]]}-。", title="页", site=CHINESE
    ).paragraphs
    assert [anchor.title for anchor in paragraph.anchors] == ["甲"]


def test_serbian_is_written_in_cyrillic():
    (paragraph,) = extract_article("Ово је -{sr-ec:реч; sr-el:reč}-.", title="С", site=SERBIAN).paragraphs
    assert paragraph.text == "Ово је реч."


def test_other_wikis_do_not_read_rules():
    (paragraph,) = extract_article("It is -{a:b}- here.", title="A", site=ENGLISH_WIKIPEDIA).paragraphs
    assert paragraph.text == "It is -{a:b}- here."


def test_rules_that_are_never_closed_stay():
    (paragraph,) = extract_article("-{" * 50 + "甲", title="页", site=CHINESE).paragraphs
    assert paragraph.text.endswith("甲")
