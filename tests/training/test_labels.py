"""Label schemes: lenient reading, tags, legal moves."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.data.labels import TagSet, entities, is_bioes, write_tags
from training.errors import TrainingError


def test_stray_labels_are_read_as_seqeval_reads_them():
    labels = ["O", "I-PER", "I-PER", "B-LOC", "I-PER", "O"]
    assert entities(labels) == [("PER", 1, 3), ("LOC", 3, 4), ("PER", 4, 5)]
    assert write_tags(entities(labels), 6, "bioes") == ["O", "B-PER", "E-PER", "S-LOC", "S-PER", "O"]
    assert write_tags(entities(labels), 6, "bio") == ["O", "B-PER", "I-PER", "B-LOC", "B-PER", "O"]


@st.composite
def entity_lists(draw):
    found, position = [], 0
    for _ in range(draw(st.integers(0, 4))):
        position += draw(st.integers(0, 2))
        end = position + draw(st.integers(1, 3))
        found.append((draw(st.sampled_from(["PER", "LOC"])), position, end))
        position = end
    return found, position + draw(st.integers(0, 2))


@settings(deadline=None)
@given(entity_lists(), st.sampled_from(["bio", "bioes"]))
def test_tags_and_entities_are_inverse_and_legal(drawn, scheme):
    found, length = drawn
    tags = write_tags(found, length, scheme)
    assert entities(tags) == found
    names = TagSet(("LOC", "PER"), scheme)
    legal = names.legal_moves()
    numbers = [len(names.tags), *(names.tags.index(tag) for tag in tags), len(names.tags)]
    assert all(legal[a, b] for a, b in itertools.pairwise(numbers))


def test_moves_that_the_scheme_forbids():
    names = TagSet(("LOC", "PER"), "bioes")
    legal, number = names.legal_moves(), {tag: place for place, tag in enumerate([*names.tags, "end"])}
    for before, after in [
        ("B-LOC", "E-PER"),
        ("O", "I-LOC"),
        ("B-LOC", "O"),
        ("end", "E-LOC"),
        ("I-PER", "end"),
    ]:
        assert not legal[number[before], number[after]], (before, after)
    assert names.tags[0] == "O"
    assert len(names.tags) == 9
    assert len(TagSet(("LOC",), "bio").tags) == 3


def test_a_type_that_training_lacks_is_named():
    names = TagSet.of([["B-PER", "O"]], "bioes")
    with pytest.raises(TrainingError, match="dev, example 7: the entity type 'LOC' is not in the training"):
        names.encode(["B-LOC"], "dev, example 7")
    with pytest.raises(TrainingError, match="no training example has an entity"):
        TagSet.of([["O"]], "bio")


def test_bioes_is_recognised():
    assert is_bioes([["O"], ["S-PER"]])
    assert not is_bioes([["B-PER", "I-PER"]])
