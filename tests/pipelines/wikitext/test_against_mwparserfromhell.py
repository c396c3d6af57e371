"""Real pages, read by the extractor and by mwparserfromhell: where the words differ, it is for a known reason."""

import bz2
import html
import re
from collections import Counter

import pytest

from pipelines.wikitext import extract_article

mwparserfromhell = pytest.importorskip("mwparserfromhell")

PAGE = re.compile(r"<title>([^<]*)</title>\s*<ns>0</ns>.*?<text[^>]*>(.*?)</text>", re.DOTALL)
# Comments and footnotes, which neither shows; mwparserfromhell keeps the spaces around them otherwise.
UNSEEN = re.compile(r"<!--.*?-->|<ref[^<>]*/>|<ref[ >].*?</ref>", re.DOTALL)
ODD_EMPHASIS = re.compile(r"\w'''\w|''''")
WORD = re.compile(r"[^\W\d_]{2,}")
# Paragraphs in which both must show the same words: no call, tag, table, file or magic word.
PLAIN = re.compile(r"^(?![ *#:;|!{}=\[<_-]|\s)(?:(?!\{\{|\}\}|<|\[\[[^\]|]*:|__|&|\[\w+:|\[//).)+$")


@pytest.fixture(scope="module")
def pages(shared_data):
    path = shared_data / "dumps" / "enwiki-2016-106-articles.xml.bz2"
    if not path.exists():
        pytest.skip(f"no {path}")
    xml = bz2.decompress(path.read_bytes()).decode()
    articles = [(html.unescape(title), html.unescape(text)) for title, text in PAGE.findall(xml)]
    return [(title, UNSEEN.sub("", text)) for title, text in articles if len(text) > 5000][:40]


def words(text):
    return WORD.findall(text)


@pytest.mark.shared_data
def test_paragraphs_of_plain_markup_have_the_same_text(pages):
    compared = 0
    for title, wikitext in pages:
        for line in wikitext.split("\n\n"):
            # It pairs apostrophes over the whole text and not by MediaWiki's rule for odd runs.
            if not PLAIN.match(line) or "\n" in line or ODD_EMPHASIS.search(line):
                continue
            expected = " ".join(mwparserfromhell.parse(line).strip_code().split())
            paragraphs = extract_article(line, title=title).paragraphs
            assert re.sub(r" +([,.])(?=\s|$)", r"\1", expected) == "".join(p.text for p in paragraphs), line
            compared += 1
    assert compared > 150


@pytest.mark.shared_data
def test_links_of_plain_markup_are_the_same(pages):
    compared = 0
    for title, wikitext in pages:
        for line in wikitext.split("\n"):
            if not PLAIN.match(line):
                continue
            expected = [
                str(link.title).partition("#")[0].strip()
                for link in mwparserfromhell.parse(line).filter_wikilinks()
            ]
            anchors = [anchor for p in extract_article(line, title=title).paragraphs for anchor in p.anchors]
            assert [anchor.title.lower() for anchor in anchors] == [
                "_".join(name.split()).lower() for name in expected if name and name.lower() != title.lower()
            ], line
            compared += len(anchors)
    assert compared > 500


@pytest.mark.shared_data
def test_words_of_whole_pages_are_not_lost(pages):
    """Of the words that mwparserfromhell shows in prose, nearly all are there (it shows tables and captions too)."""
    shown: Counter[str] = Counter()
    kept: Counter[str] = Counter()
    for title, wikitext in pages:
        body = re.split(r"\n==\s*(?:See also|References|Notes|External links|Further reading)", wikitext)[0]
        text = " ".join(p.text for p in extract_article(body, title=title).paragraphs)
        prose = "\n".join(
            line
            for line in str(
                mwparserfromhell.parse(re.sub(r"(?s)\{\|.*?\n\|\}", "", body)).strip_code()
            ).split("\n")
            if len(line) > 120 and "|" not in line
        )
        of_page = Counter(words(text))
        for word, count in Counter(words(prose)).items():
            shown[word] += count
            kept[word] += min(count, of_page[word])
    assert sum(shown.values()) > 50_000
    assert sum(kept.values()) / sum(shown.values()) > 0.97
