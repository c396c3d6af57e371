import pytest
from hypothesis import given
from hypothesis import strategies as st

from kc_schema.anchors import Anchor, AnchorError, Spelling, escape, parse, render, strip, unescape

TURING = Anchor(0, 11, "Alan_Turing")


def test_an_anchor_is_spelled_as_in_the_paper():
    tagged = render("Alan Turing published an article", [TURING])
    assert tagged == "<e: Alan_Turing> Alan Turing </e> published an article"
    assert parse(tagged) == ("Alan Turing published an article", [TURING])
    assert strip(tagged) == "Alan Turing published an article"


def test_an_anchor_is_spelled_as_in_kb_ner_on_request():
    tagged = render("Alan Turing wrote", [TURING], spelling=Spelling.KB_NER)
    assert tagged == "<e:Alan Turing>Alan Turing</e> wrote"
    assert parse(tagged, spelling=Spelling.KB_NER) == ("Alan Turing wrote", [Anchor(0, 11, "Alan Turing")])
    assert strip(tagged, spelling=Spelling.KB_NER) == "Alan Turing wrote"


def test_anchors_may_come_in_any_order_and_touch():
    anchors = [Anchor(3, 6, "B"), Anchor(0, 3, "A")]
    assert parse(render("onetwo", anchors)) == ("onetwo", sorted(anchors))


@pytest.mark.parametrize(
    "text",
    [
        "a literal <e: Tag> in text </e> stays",
        "</e><e:",
        r"<\e: was escaped already, <\\/e> twice",
        "<e> and <em> are no tags",
        "a < b <",
        "\\<e:",
    ],
)
@pytest.mark.parametrize("spelling", Spelling)
def test_text_that_looks_like_tags_survives(text, spelling):
    assert parse(render(text, [], spelling=spelling), spelling=spelling) == (text, [])
    assert strip(render(text, [], spelling=spelling), spelling=spelling) == text
    whole = [Anchor(0, len(text), "X")]
    assert parse(render(text, whole, spelling=spelling), spelling=spelling) == (text, whole)
    assert strip(render(text, whole, spelling=spelling), spelling=spelling) == text


# Pieces that collide with the tags' spelling far more often than random letters would.
TRICKY = st.lists(
    st.sampled_from(
        ["<", "\\", "e:", "/e>", "<e: ", "</e>", " </e>", " ", ">", "a", "é", "𝔸", "\n", "<e:A>"]
    ),
    max_size=12,
).map("".join)
TITLES = st.text(st.sampled_from("ABcd_é:/'\"-,.&!()"), min_size=1).filter(lambda title: title.strip("_"))


@st.composite
def anchored_texts(draw):
    pieces = draw(st.lists(st.tuples(TRICKY, st.none() | TITLES), max_size=6))
    text, anchors = "", []
    for piece, title in pieces:
        if title is not None:
            anchors.append(Anchor(len(text), len(text) + len(piece), title))
        text += piece
    return text, anchors


@given(anchored_texts())
def test_rendering_loses_nothing(case):
    text, anchors = case
    tagged = render(text, anchors)
    assert parse(tagged) == (text, anchors)
    assert strip(tagged) == text


@given(anchored_texts())
def test_the_spelling_of_kb_ner_loses_only_the_underscores(case):
    text, anchors = case
    tagged = render(text, anchors, spelling=Spelling.KB_NER)
    plain, found = parse(tagged, spelling=Spelling.KB_NER)
    assert plain == text == strip(tagged, spelling=Spelling.KB_NER)
    spaced = [Anchor(anchor.start, anchor.end, anchor.title.replace("_", " ")) for anchor in anchors]
    assert found == spaced


@given(TRICKY)
def test_escaping_is_undone(text):
    assert unescape(escape(text)) == text
    assert "<e:" not in escape(text)
    assert "</e>" not in escape(text)


@pytest.mark.parametrize(
    ("anchors", "complaint"),
    [
        ([Anchor(0, 4, "A"), Anchor(3, 5, "B")], "overlaps"),
        ([Anchor(2, 9, "A")], "leaves the text"),
        ([Anchor(-1, 2, "A")], "leaves the text"),
        ([Anchor(3, 2, "A")], "leaves the text"),
        ([Anchor(0, 2, "")], "not a title"),
        ([Anchor(0, 2, "_")], "not a title"),
        ([Anchor(0, 2, "a>b")], "not a title"),
    ],
)
def test_anchors_that_do_not_fit_are_refused(anchors, complaint):
    with pytest.raises(AnchorError, match=complaint):
        render("abcde", anchors)


@pytest.mark.parametrize(
    ("tagged", "complaint"),
    [
        ("a <e: B> c", "never closed"),
        ("a </e> c", "offset 1: an anchor ends"),
        ("<e: A> x <e: B> y </e> </e>", "offset 9: an anchor opens inside"),
        ("<e:A> x </e>", "offset 0: '<e:' is neither"),
        ("x</e>", "offset 1: '</e>' is neither"),
    ],
)
def test_tags_that_do_not_pair_are_named_with_their_place(tagged, complaint):
    with pytest.raises(AnchorError, match=complaint):
        parse(tagged)
