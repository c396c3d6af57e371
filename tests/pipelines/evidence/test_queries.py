import pytest

from pipelines.evidence.queries import clean_tokens, sentence_query


@pytest.mark.parametrize(
    ("tweet", "cleaned"),
    [
        ("RT @ada : Oslo wins", "Oslo wins"),
        ("RT @ ada : Oslo wins", "Oslo wins"),
        ("RT @ada: Oslo wins", "Oslo wins"),
        ("Wow RT @ada : RT @bob Oslo", "Wow Oslo"),
        ("RT is a channel", "RT is a channel"),
        ("thanks @ada for # Oslo", "thanks @ada for Oslo"),
        ("#Oslo ##x https://t.co/abc www.x.org http", "Oslo x http"),
        ("t.co/abc C # is", "C is"),
        ("\u200b a\u200db \ufffd \u00ad", "ab"),
        ("RT", "RT"),
        ("https://t.co/x", ""),
    ],
)
def test_clean_queries(tweet, cleaned):
    assert " ".join(clean_tokens(tweet.split(" "))) == cleaned


def test_a_query_is_the_sentence_as_written():
    tokens = ("RT", "@ada", ":", "#Oslo")
    assert sentence_query(tokens, clean=False) == "RT @ada : #Oslo"
    assert sentence_query(tokens, clean=True) == "Oslo"
