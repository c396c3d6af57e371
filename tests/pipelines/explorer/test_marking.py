from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kc_schema.anchors import Anchor, render
from pipelines.explorer.marking import mark, mark_sentences, word_shares

TAGGED = "Tea is grown. <e: Ada> Ada Byron </e> drinks green tea in <e: Oslo> Oslo </e>."


def test_words_links_and_the_sentence_found_are_told_apart() -> None:
    sentence = "Ada Byron drinks green tea in Oslo."
    marked = mark(TAGGED, sentence=sentence, shares={"tea": 1.0, "ada": 4.0}, known={"Ada"})
    pieces = marked.pieces
    assert "".join(p.text for p in pieces) == f"Tea is grown. {sentence}"
    assert "".join(p.text for p in pieces if p.found) == sentence
    assert [(p.text, p.link, p.strength) for p in pieces if p.link] == [
        ("Ada", "Ada", 4),
        (" Byron", "Ada", 0),
    ]
    assert [(p.text, p.missing) for p in pieces if p.missing] == [("Oslo", "Oslo")]
    assert [(p.text, p.strength) for p in pieces if p.strength] == [("Ada", 4), ("tea", 1)]
    assert [(w.word, w.score) for w in marked.words] == [("ada", 4.0), ("tea", 1.0)]


def test_a_sentence_that_the_paragraph_does_not_hold_stands_in_front() -> None:
    pieces = mark(TAGGED, sentence="Elsewhere.", known={"Ada"}).pieces
    assert pieces[0].text == "Elsewhere."
    assert pieces[0].found
    assert [p.text for p in pieces if p.link] == ["Ada Byron"]


def test_broken_tags_are_shown_as_they_are() -> None:
    assert [p.text for p in mark("<e: A> never closed").pieces] == ["<e: A> never closed"]


def test_sentences_are_numbered_where_they_begin() -> None:
    pieces = mark_sentences(TAGGED, ["Tea is grown.", "Ada Byron drinks green tea in Oslo."], {"Ada"})
    assert [(p.text, p.sentence) for p in pieces if p.sentence] == [("Tea is grown. ", 1), ("Ada Byron", 2)]


def test_what_words_add_sums_to_the_score() -> None:
    shares = word_shares({"tea": 2.0, "ada": 3.0, "unheard": 9.0}, "Ada drinks tea, tea.", 6.5)
    assert set(shares) == {"tea", "ada"}
    assert abs(sum(shares.values()) - 6.5) < 1e-6


@given(
    st.text(max_size=60), st.lists(st.tuples(st.integers(0, 60), st.integers(0, 9)), max_size=5), st.data()
)
def test_pieces_put_together_are_the_text(text, places, data) -> None:
    anchors, done = [], 0
    for start, length in sorted(places):
        if done <= start and start + length <= len(text):
            anchors.append(Anchor(start, start + length, "T"))
            done = start + length
    left = data.draw(st.integers(0, len(text)))
    sentence = text[left : data.draw(st.integers(left, len(text)))]
    shares = {word.lower(): 1.0 for word in sentence.split()}
    pieces = mark(render(text, anchors), sentence=sentence, shares=shares, known={"T"}).pieces
    assert "".join(p.text for p in pieces) == text
    assert sum(len(p.text) for p in pieces if p.found) == len(sentence)
