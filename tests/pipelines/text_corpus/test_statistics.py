"""What is counted of work units gives the same sums and examples, however pages are spread over them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipelines.text_corpus.statistics import EXAMPLE_CHARACTERS, EXAMPLES_PER_REASON, Statistics

Loss = tuple[str, str, str]
losses = st.lists(
    st.tuples(
        st.sampled_from(["one_word", "no_words"]), st.text(max_size=3), st.sampled_from(["a", "b" * 999])
    ),
    max_size=40,
)


def counted(found: list[Loss]) -> Statistics:
    statistics = Statistics()
    for reason, page, text in found:
        statistics.drop("sentences", reason, example=page, text=text)
    return statistics


@given(losses, st.integers(1, 7))
def test_examples_are_the_same_however_pages_are_cut_into_units(found: list[Loss], size: int) -> None:
    whole = counted(found)
    units = [counted(found[start : start + size]) for start in range(0, len(found), size)]
    assert Statistics.merge(units) == whole
    packed = Statistics()
    for unit in units:
        packed.add(Statistics.unpack(unit.pack()))
    assert packed == whole


@given(
    st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from(["infobox", "citation"])), max_size=30)
)
def test_calls_of_templates_are_the_same_however_pages_are_cut(calls: list[tuple[str, str]]) -> None:
    def of(some: list[tuple[str, str]]) -> Statistics:
        statistics = Statistics()
        for page, kind in some:
            statistics.count_dropped({kind: 2}, {kind: f"{{{{{kind} of {page}}}}}"}, page)
        return statistics

    assert Statistics.merge(of([call]) for call in calls) == of(calls)
    for kind, kept in of(calls).lost.get("templates", {}).items():
        assert all(text == f"{{{{{kind} of {page}}}}}" for _, page, text in kept)
        assert len(kept) == min(EXAMPLES_PER_REASON, len({page for page, what in calls if what == kind}))


@given(losses)
def test_examples_are_few_short_and_of_different_pages(found: list[Loss]) -> None:
    for reason, kept in counted(found).lost.get("sentences", {}).items():
        pages = {page for why, page, _ in found if why == reason}
        assert len(kept) == min(EXAMPLES_PER_REASON, len(pages))
        assert len({page for _, page, _ in kept}) == len(kept)
        for _, page, text in kept:
            first = next(text for why, where, text in found if (why, where) == (reason, page))
            assert text == first[:EXAMPLE_CHARACTERS]


def test_examples_are_not_all_of_the_first_pages() -> None:
    found = [("one_word", f"Page {number}", "x") for number in range(1000)]
    kept = counted(found).lost["sentences"]["one_word"]
    assert {page for _, page, _ in kept}.isdisjoint({f"Page {number}" for number in range(3)})
