"""Which evidence is kept, in what order, and how every loss is counted."""

from collections import Counter
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from kc_schema.hit import Hit
from pipelines.evidence.options import Settings, SourceSettings, with_defaults
from pipelines.evidence.refine import is_leak, near_duplicates, refine

HITS = [Hit(place, 9.0 - place, "", title, f"text {place}", place) for place, title in enumerate("AABCD")]


def kept(found, sources=None, **options):
    chosen = sources or {source: SourceSettings(k=10) for source in found}
    counts = {source: Counter() for source in found}
    refined = refine(found, Settings(chosen, **options), counts)
    return refined, counts


def ids(pieces):
    return [piece.record_id for piece in pieces]


def test_without_options_the_best_k_stay_as_they_are():
    refined, counts = kept({"text": HITS}, {"text": SourceSettings(k=3)})
    assert refined["text"] == HITS[:3]
    assert not counts["text"]


def test_low_scores_and_many_of_one_title_go():
    limits = SourceSettings(k=3, minimum_score=6.0, per_title=1)
    refined, counts = kept({"text": HITS}, {"text": limits})
    assert ids(refined["text"]) == [0, 2, 3]
    assert counts["text"] == {"dropped: score below the minimum": 1, "dropped: too many of one title": 1}


def test_evidence_that_agrees_with_the_image_moves_up():
    agreeing = [replace(piece, agreement=value) for piece, value in zip(HITS, [0.1, 0.2, 0.3, 0.4, None])]  # noqa: B905
    refined, counts = kept({"text": agreeing}, rerank_by_image=True)
    assert ids(refined["text"])[-1] == 4
    moved, _ = kept({"text": [agreeing[0], agreeing[4], agreeing[3]]}, rerank_by_image=True)
    assert ids(moved["text"]) == [0, 3, 4]
    assert counts["text"]["examples whose first hit changed"] == (ids(refined["text"])[0] != 0)


def test_an_article_that_another_source_found_moves_up():
    found = {"text": HITS, "image": [Hit(0, 0.5, "", "D", "", 99)]}
    refined, counts = kept(found, rerank_by_sources=True)
    assert ids(refined["text"]) == [4, 0, 1, 2, 3]
    assert counts["text"]["examples whose first hit changed"] == 1
    assert ids(kept(found)[0]["text"]) == [0, 1, 2, 3, 4]


def test_random_and_named_evidence_is_never_moved():
    found = {"random_text": HITS, "captions": HITS, "image": [Hit(0, 0.5, "", "D", "", 99)]}
    refined, _ = kept(found, rerank_by_sources=True, drop_near_duplicates=True)
    assert refined["random_text"] == refined["captions"] == HITS


def test_near_duplicates_go_and_are_counted():
    long = "the quick brown fox jumps over the lazy dog near the old harbour of the town by the sea"
    pieces = [
        Hit(0, 3.0, "", "A", long, 0),
        Hit(1, 2.0, "", "B", f"<e: Fox> {long.upper()} </e>!", 1),
        Hit(2, 1.0, "", "C", f"{long} where other things are told at some length in other words", 2),
    ]
    refined, counts = kept({"text": pieces}, drop_near_duplicates=True)
    assert ids(refined["text"]) == [0, 2]
    assert counts["text"]["dropped: near-duplicate"] == 1


@settings(deadline=None)
@given(st.lists(st.text("ab ", max_size=30), max_size=8))
def test_of_equal_texts_only_the_first_stays(texts):
    again = near_duplicates([*texts, *texts])
    assert again.issuperset(range(len(texts), 2 * len(texts)))
    assert 0 not in again


def test_a_leak_holds_the_words_of_the_query():
    text = "They wrote: “Rain in <e: Oslo> Oslo </e>, again and again!” on Monday."
    assert is_leak("rain in Oslo again and again", text)
    assert not is_leak("rain in Oslo again and never", text)
    assert not is_leak("in oslo again", text)
    assert not is_leak("ain in Oslo again and again", text)


def test_hits_are_ranked_anew_and_marked():
    hits = [Hit(7, 2.0, "", "A", "of rain in Oslo again and again", 0), Hit(9, 1.0, "", "B", "", 1)]
    chosen = Settings({"text": SourceSettings()}, mark_leaks=True)
    refined = refine({"text": hits}, chosen, {"text": Counter()}, "rain in Oslo again and again")
    assert [(hit.rank, hit.leak) for hit in refined["text"]] == [(0, True), (1, False)]


def test_more_is_asked_for_where_hits_may_go():
    assert with_defaults("text", k=10) == SourceSettings(10, None, 0, 10)
    assert with_defaults("text", k=10, per_title=2).candidates == 40
    assert with_defaults("image", k=10) == SourceSettings(10, None, 1, 10)
    assert with_defaults("image", k=5, thinned=True).candidates == 20
    assert with_defaults("random_text", k=5, thinned=True).candidates == 5
