"""The words of sentences come out of an index as they went in."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from kc_schema.tables import paragraph_id, sentence_id
from pipelines.text_index.block_max.files import GROUP
from pipelines.text_index.block_max.inversion_kernels import code_vocabulary
from pipelines.text_index.block_max.sentence_words import take_words
from tests.pipelines.text_index.block_max.indexes import words, write_index


def word_of_number(arrays, texts):
    """The words by their numbers; the vocabulary is in the order of their bytes."""
    known = sorted({word for text in texts for word in words(text)}, key=str.encode)
    array = pa.array([word.encode() for word in known], pa.large_binary())
    _, places, data = array.buffers()
    coded, _ = code_vocabulary(
        np.frombuffer(data, np.uint8), np.frombuffer(places, np.int64)[: len(known) + 1], GROUP
    )
    assert coded.tobytes() == arrays.vocabulary[: len(coded)].tobytes()
    return {int(number): word for number, word in zip(arrays.numbers, known, strict=True)}


@pytest.mark.parametrize("shares", [(0.03, 0.004), (2.0, 0.1), (0.3, 0.3)])
def test_the_words_of_any_sentences_are_those_of_their_texts(shares, tmp_path):
    random = np.random.default_rng(0)
    corpus = [
        (
            sentence_id(paragraph_id(page, int(random.integers(3))), place),
            " ".join(
                f"w{int(number)}" for number in random.zipf(1.3, int(random.integers(30))) if number < 900
            ),
        )
        for page in random.choice(2_000, 300, replace=False) + 1
        for place in range(int(random.integers(1, 4)))
    ]
    corpus = sorted(dict(corpus).items())
    arrays, _ = write_index(tmp_path, corpus, unit_size=130, dense_share=shares[0], common_share=shares[1])
    word_of = word_of_number(arrays, [text for _, text in corpus])
    asked = np.array(sorted({*(row for row, _ in corpus[37:411:3]), 5, corpus[200][0] + 2000}))
    counts, numbers = take_words(arrays, asked)
    texts = dict(corpus)
    ends = np.cumsum(np.maximum(counts, 0))
    for row, count, end in zip(asked.tolist(), counts.tolist(), ends.tolist(), strict=True):
        if row not in texts:
            assert count == -1
        else:
            found = [word_of[number] for number in numbers[end - count : end].tolist()]
            assert Counter(found) == words(texts[row])
