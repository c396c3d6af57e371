"""How a build cuts the vocabulary and the lists into ranges, so that memory stays bounded, and changes nothing."""

from __future__ import annotations

import random
from collections import Counter

from kc_schema.tables import sentence_id
from pipelines.text_index.block_max import inversion
from pipelines.text_index.block_max.searcher import Searcher
from pipelines.text_index.block_max.tokens import load_words
from tests.pipelines.text_index.block_max.indexes import words, write_index


def test_ranges_of_the_vocabulary_change_nothing(tmp_path, monkeypatch):
    draw = random.Random(0)
    texts = [" ".join(f"w{int(draw.paretovariate(0.4)) % 3_000}" for _ in range(12)) for _ in range(900)]
    corpus = [(sentence_id(page, 0), text) for page, text in enumerate(texts, 1)]
    whole, ranges = tmp_path / "whole", tmp_path / "ranges"
    for folder in (whole, ranges):
        folder.mkdir()
    write_index(whole, corpus, unit_size=200)
    monkeypatch.setattr(inversion, "_RANGE_WORDS", 64)
    monkeypatch.setattr(inversion, "_SAMPLED", 8)
    monkeypatch.setattr(inversion, "_JOINED_BYTES", 256)
    arrays, sizes = write_index(ranges, corpus, unit_size=200)
    names = sorted(path.name for path in whole.glob("*.bin"))
    assert len(names) == len(arrays)
    for name in names:
        assert (ranges / name).read_bytes() == (whole / name).read_bytes(), name
    units = [load_words(path) for path in sorted((ranges / "steps").glob("words-*.arrow"))]
    assert len(units) == 5
    assert len(list(inversion._joined_ranges(units))) > 5
    holding = Counter(word for text in texts for word in set(words(text)))
    assert Searcher(arrays, sizes).holding(holding) == holding
