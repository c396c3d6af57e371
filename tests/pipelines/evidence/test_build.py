"""Steps of a build are kept as they were, and all of a build is decided by one record of settings."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from kc_schema.cache_writer import cache_place
from kc_schema.hit import Hit
from pipelines.evidence.sources import SourceAnswer
from pipelines.evidence.steps import BuildSteps

hits = st.builds(
    Hit,
    st.integers(0, 99),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
    st.text(),
    st.text(),
    st.integers(-1, 2**40),
    box=st.none() | st.just((0.0, 1.0, 2.5, 4.0)),
    crop=st.none() | st.text(),
    agreement=st.none() | st.floats(-1, 1),
)


@settings(deadline=None, max_examples=50)
@given(st.dictionaries(st.text(max_size=3), st.lists(hits, max_size=3)))
def test_an_answer_that_was_kept_is_the_same(tmp_path_factory, found):
    with cache_place(tmp_path_factory.mktemp("cache")) as place:
        steps = BuildSteps(place.folder, "inputs")
        first = steps.answer("train/text-00000", lambda: SourceAnswer(found, Counter(crops=2)))
        kept = steps.answer("train/text-00000", fail)
        assert first == kept == SourceAnswer(found, Counter(crops=2))
        # Other inputs decide another answer.
        assert BuildSteps(place.folder, "others").answer(
            "train/text-00000", lambda: SourceAnswer({})
        ) == SourceAnswer({})


def fail():
    raise AssertionError("asked again")
