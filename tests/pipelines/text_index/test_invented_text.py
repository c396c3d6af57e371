"""The text that the benchmarks of the text index are measured on."""

from __future__ import annotations

import numpy as np

from kc_schema.snapshot import open_snapshot
from tests.bench.invented_text import (
    invent_tweets,
    measure,
    new_language,
    spell,
    write_articles,
    write_corpus,
)


def test_the_same_size_and_seed_give_the_same_snapshot(tmp_path):
    first, second = (write_corpus(tmp_path / name, 2_000, seed=3) for name in ("first", "second"))
    assert open_snapshot(first).fingerprint == open_snapshot(second).fingerprint
    assert invent_tweets(first, 20) == invent_tweets(second, 20)
    ids = [batch[0].to_numpy() for batch in open_snapshot(first).batches("sentences", ["sentence_id"])]
    assert (np.diff(np.concatenate(ids)) > 0).all()


def test_articles_have_words_of_their_own_and_the_vocabulary_grows(tmp_path):
    language = new_language(20_000, 0)
    sizes = []
    texts = []
    for _ in range(2):
        articles = write_articles(language, 10_000)
        starts = np.concatenate([[0], articles.ends])
        for place, article in enumerate(articles.article.tolist()):
            words = articles.words[starts[place] : starts[place + 1]]
            texts.append((article + 1_000 * len(sizes), " ".join(map(spell, words.tolist()))))
        sizes.append(int(language.counts[2]))
    curves, _ = measure(texts)
    assert 1.2 * sizes[0] < sizes[1] < 2 * sizes[0]
    assert curves["rare words shared with the next one"] > 10 * curves["rare words shared with any"]


def test_every_word_has_its_own_spelling():
    assert len({spell(number) for number in range(50_000)}) == 50_000
