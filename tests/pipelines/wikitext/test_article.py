"""What `extract_article` gives beside text and links: kinds, sections, images, counts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kc_schema.anchors import parse, render, strip
from pipelines.wikitext import ENGLISH_WIKIPEDIA, Site, extract_article

GERMAN = Site(
    database="dewiki", language="de", namespaces={"datei": 6, "kategorie": 14, "wikipedia": 4, "vorlage": 10}
)


def extract(wikitext, title="Page", site=ENGLISH_WIKIPEDIA):
    return extract_article(wikitext, title=title, site=site)


def test_sections_are_paths_of_headings():
    article = extract("a\n== B ==\nb\n=== ''C'' & [[D]] ===\nc\n== E<ref>x</ref> ==\ne\n==== F ====\nf")
    assert [(p.text, p.section) for p in article.paragraphs] == [
        ("a", ""),
        ("b", "B"),
        ("c", "B / C & D"),
        ("e", "E"),
        ("f", "E / F"),
    ]


def test_text_that_reads_like_a_tag_is_kept_apart_from_anchors():
    article = extract("<nowiki></e></nowiki> of [[A|<nowiki><e: x></nowiki>]] stands.")
    (paragraph,) = article.paragraphs
    assert paragraph.text == "</e> of <e: x> stands."
    assert article.introduction == r"<\/e> of <e: A> <\e: x> </e> stands."
    assert parse(article.introduction) == (paragraph.text, paragraph.anchors)


def test_wikitext_from_a_parser_is_read_alike():
    wikitext = "A is [[b|''c'']]s.\n* [[D]]"
    assert extract_article(wikitext, title="A", from_xml=True) == extract_article(wikitext, title="A")


def test_kinds():
    article = extract("a\n* b\n<blockquote>c\n\nd</blockquote>e\n: f\n<poem>g</poem>\n{{quote|h}}")
    assert [(p.text, p.kind) for p in article.paragraphs] == [
        ("a", "prose"),
        ("b", "list"),
        ("c", "quote"),
        ("d", "quote"),
        ("e", "prose"),
        ("f", "list"),
        ("g", "quote"),
        ("h", "quote"),
    ]


def test_an_introduction_keeps_its_short_items_around_a_long_one():
    long_item = "an item that says a good deal " * 4
    article = extract(f"They are:\n* one\n* {long_item}\n* two\n* three\n\nThe end.\n* four")
    assert [paragraph.text for paragraph in article.paragraphs] == [
        "They are:\none\ntwo\nthree",
        long_item.strip(),
        "The end.",
        "four",
    ]


def test_a_quotation_that_is_never_closed_ends_at_the_heading():
    article = extract("<blockquote>a\n== B ==\nb")
    assert [p.kind for p in article.paragraphs] == ["quote", "prose"]


def test_the_introduction_is_tagged_and_ends_at_the_first_heading():
    article = extract("{{hatnote|x}}\n'''A''' is a [[ship]].\n\nIt <e: floats.\n* [[b|c]]\n== D ==\nd")
    assert article.introduction == "A is a <e: Ship> ship </e>.\nIt <\\e: floats.\n<e: B> c </e>"
    assert extract("a\n\nb").introduction == "a\nb"
    assert extract("== A ==\na").introduction == ""


def test_images_come_from_every_place_with_plain_captions():
    article = extract(
        "{{Infobox ship|image=a b.jpg|caption=A ''[[ship]]''<ref>x</ref>}}\n"
        "[[File:C.png|thumb|200px|The {{nowrap|[[sea|deep]]}} &amp; [http://x.org blue]]]\n"
        "{| class=x\n| [[Image:D.svg|40px]]\n|}\n"
        "<gallery>\nFile:E.jpg|An [[e]]\nF.jpg\n</gallery>\n"
        "{{multiple image|image1=G.jpg|caption1=Gee}}\n"
        "[[File:C.png]] [[File:Edit-clear.svg|20px]]"
    )
    assert {(image.file, image.caption, image.place) for image in article.images} == {
        ("A_b.jpg", "A ship", "infobox"),
        ("C.png", "The deep & blue", "thumbnail"),
        ("D.svg", "", "inline"),
        ("E.jpg", "An e", "gallery"),
        ("F.jpg", "", "gallery"),
        ("G.jpg", "Gee", "multiple_image"),
    }


def test_calls_are_counted():
    article = extract(
        "{{Infobox ship|name={{nowrap|x}}}}\n{{no such banner}}\na {{no such sign}} b {{no such sign}} {{nowrap|c}}"
        "{{citation needed}}\n{{reflist}}"
    )
    assert article.dropped_templates == {"infobox": 1, "other": 1, "maintenance": 1, "reference": 1}
    assert article.dropped_examples == {
        "infobox": "{{Infobox ship|name={{nowrap|x}}}}",
        "other": "{{no such banner}}",
        "maintenance": "{{citation needed}}",
        "reference": "{{reflist}}",
    }
    assert article.unknown_templates == {"no such sign": 2}
    assert article.rendered_templates == 1


@pytest.mark.parametrize(
    ("wikitext", "target"),
    [
        ("#REDIRECT [[alan Turing]]", "Alan_Turing"),
        ("#redirect:[[A#b|c]] {{R from x}}", "A"),
        ("\n # REDIRECT [[A]]", None),
        ("#REDIRECT A", None),
        ("a #REDIRECT [[A]]", None),
    ],
)
def test_redirects(wikitext, target):
    assert extract(wikitext).redirect == target


def test_redirects_have_no_text_of_their_own():
    assert extract("#REDIRECT [[A]]").paragraphs == []


@pytest.mark.parametrize(
    ("wikitext", "title", "expected"),
    [
        ("'''A''' may be:\n{{disambiguation}}", "A", True),
        ("{{Hndis|name=A}}", "A", True),
        ("{{geodis}}", "A", True),
        ("a __DISAMBIG__", "A", True),
        ("a", "A (disambiguation)", True),
        ("{{surname}}", "A", False),
        ("{{set index article}}", "A", False),
        ("a", "A", False),
    ],
)
def test_disambiguation(wikitext, title, expected):
    assert extract(wikitext, title=title).disambiguation is expected


def test_words_of_the_site():
    article = extract(
        "[[Datei:A.jpg|mini|Ein ''A'']][[Bild:B.jpg]]a[[Schiff]]en __KEIN_INHALTSVERZEICHNIS__ [[Kategorie:X]][[en:Y]]",
        site=GERMAN,
    )
    assert [p.text for p in article.paragraphs] == ["aSchiffen"]
    assert [(image.file, image.caption) for image in article.images] == [("A.jpg", "Ein A"), ("B.jpg", "")]
    assert extract("[[Stra]]ße", site=GERMAN).paragraphs[0].anchors[0].end == 6
    assert extract("#WEITERLEITUNG [[Schiff]]", site=GERMAN).redirect == "Schiff"


def test_first_letters_by_the_rule_of_the_site():
    site = Site(first_letter_upper=False)
    assert extract("[[ship]] [[éa b]]", site=site).paragraphs[0].anchors[0].title == "ship"
    assert [a.title for a in extract("[[ßa]] [[éa b]]").paragraphs[0].anchors] == ["ßa", "Éa_b"]


def test_subpages():
    assert extract("[[/x]]").paragraphs[0].anchors[0].title == "/x"
    talk = extract("[[/x]] [[/y/]] [[../z]] [[../]]", title="User:A/b")
    assert [p.text for p in talk.paragraphs] == ["/x y ../z User:A"]


def test_protected_text_in_titles():
    (anchor,) = extract("[[A''b|c]]").paragraphs[0].anchors
    assert anchor.title == "A''b"


MARKUP = """
{{ }} {{{ }}} [[ ]] | = '' ''' <ref> </ref> <nowiki> </nowiki> <!-- --> {| |} |- ! * # : ; == <div> </div>
<br> <blockquote> </blockquote> <table> </table> <gallery> </gallery> <poem> </poem> <pre> </pre> &amp; &nbsp;
http://a.org [http://a.org __NOTOC__ nowrap Infobox File:A.jpg|thumb Category:b fr: a ( ) , . ----
"""
PIECES = st.sampled_from([*MARKUP.split(), "\n", " ", "\n\n", "\x01", "\x03", "é", "\U0001f600"])


@given(st.lists(PIECES, max_size=40).map("".join))
def test_any_text_is_read_soundly(wikitext):
    article = extract(wikitext)
    for paragraph in article.paragraphs:
        assert paragraph.text == paragraph.text.strip()
        assert paragraph.text
        assert parse(render(paragraph.text, paragraph.anchors)) == (paragraph.text, paragraph.anchors)
        assert not any(ord(character) < 32 and character != "\n" for character in paragraph.text)
        end = 0
        for anchor in paragraph.anchors:
            assert end <= anchor.start < anchor.end <= len(paragraph.text)
            assert anchor.title
            end = anchor.end
    assert parse(article.introduction)
    assert strip(article.introduction) == parse(article.introduction)[0]
    for image in article.images:
        assert image.file
        assert not any(ord(character) < 32 for character in image.caption)


@given(st.lists(PIECES, max_size=25).map("".join))
def test_the_rest_of_the_page_is_never_lost(wikitext):
    """Whatever stands in the text before, a paragraph behind a heading is there, unless a comment or tag is open."""
    if "<!--" in wikitext or "<nowiki>" in wikitext or "<table>" in wikitext:
        return
    article = extract(wikitext + "\n\n== H ==\n\nThe last words.\n")
    assert article.paragraphs[-1].text.endswith("The last words.")


@given(st.text(alphabet="abc ,.é\n", max_size=60))
def test_text_without_markup_stays(text):
    paragraphs = [p.text for p in extract("x" + text).paragraphs]
    squeezed = "".join(("x" + text).split())
    assert "".join("".join(paragraphs).split()) == squeezed
