"""Invented text at any size with the statistics of real articles, for the benchmarks of the text index.

    python -m tests.bench.invented_text --kc kc --tweets tweets.txt

prints its curves beside those of a snapshot of real articles and of real tweets, at the same number of sentences.

Words are drawn as in a hierarchical Pitman-Yor process (Teh, ACL 2006): three of five are general words by Zipf's
law; each of the others repeats a word of the last sentences, of the article, or of the article's topic, or is a
word of the language at large, where a word not seen before comes with probability (theta + d V) / (theta + n): the
vocabulary grows by Heaps' law with exponent d, and most words are names that stand in one article. Words are spelled
in syllables, the early ones short. The same size and seed give the same text.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from kc_schema.snapshot import Manifest, Part, checksum, open_snapshot, write_manifest
from kc_schema.tables import PARAGRAPHS_PER_PAGE, SENTENCES_PER_PARAGRAPH, TEXT_TABLES
from pipelines.text_corpus.part_files import write_rows
from pipelines.text_index.analysis import analyser, foldable

SENTENCES_PER_PART = 250_000
GENERAL_WORDS = 1_500
GENERAL_SHARE = 0.61
"""Share of the tokens that are general words: they stand in articles of every topic."""
HEAD = (0.0723, 0.0387, 0.0330, 0.0260, 0.0217, 0.0150, 0.0105, 0.0093, 0.0083)
"""Shares of the most frequent words, as in real articles; Zipf's law begins after them."""
NEAR, ARTICLE, TOPIC = 0.30, 0.24, 0.10
"""Shares of the other words that repeat one of the last sentences, of the article, of the topic."""
DISCOUNT, STRENGTH = 0.70, 7_000.0
NEAR_TOKENS, TOPIC_TOKENS, ARTICLE_TOKENS = 24, 1_024, 4_096
MOST_HISTORY = 1 << 26
MEAN_LENGTH, LENGTH_SPREAD = 2.90, 0.50
SENTENCES_IN_PARAGRAPH = 4.5
ARTICLE_SENTENCES, ARTICLE_SPREAD = 4.4, 1.1
TWEET_LENGTH, TWEET_SPREAD = 12.9, 4.0
TWEET_GENERAL, TWEET_UNKNOWN = 0.47, 0.13


@dataclass
class Language:
    """What has been said so far: the state of the process."""

    random: np.random.Generator
    history: npt.NDArray[np.uint32]
    """Words of the language at large, one for each time that one was drawn; the top bit marks the first time."""
    topics: npt.NDArray[np.uint32]
    topic_sizes: npt.NDArray[np.int64]
    general: npt.NDArray[np.float64]
    """Cumulated shares of the general words."""
    counts: npt.NDArray[np.int64]
    """Draws kept in the history, draws altogether, words."""


def new_language(sentences: int, seed: int) -> Language:
    """Return the state before the first word of a text of so many sentences."""
    shares = np.empty(GENERAL_WORDS)
    shares[: len(HEAD)] = HEAD
    ranks = np.arange(len(HEAD) + 1, GENERAL_WORDS + 1)
    shares[len(HEAD) :] = ranks**-1.0
    shares[len(HEAD) :] *= (GENERAL_SHARE - sum(HEAD)) / shares[len(HEAD) :].sum()
    topics = max(8, sentences // 1_500)
    return Language(
        np.random.default_rng(seed),
        np.zeros(min(MOST_HISTORY, 4_096 + 6 * sentences), np.uint32),
        np.zeros((topics, TOPIC_TOKENS), np.uint32),
        np.zeros(topics, np.int64),
        np.cumsum(shares / GENERAL_SHARE),
        np.array([0, 0, GENERAL_WORDS], np.int64),
    )


@numba.njit(cache=True)
def _fill(
    words, ends, articles, topic_of, chances, choices, history, topics, topic_sizes, general, counts
) -> None:
    """Draw all words of some whole articles. `ends`: of sentences; `articles`: first sentence of each."""
    first = np.uint32(1 << 31)
    own = np.zeros(ARTICLE_TOKENS, np.uint32)
    place = sentence = 0
    for article in range(len(articles) - 1):
        size = 0
        topic = topic_of[article]
        while sentence < articles[article + 1]:
            while place < ends[sentence]:
                chance, choice = chances[place], choices[place]
                if chance < GENERAL_SHARE:
                    words[place] = np.searchsorted(general, choice)
                    place += 1
                    continue
                chance = (chance - GENERAL_SHARE) / (1 - GENERAL_SHARE)
                kept = min(size, ARTICLE_TOKENS)
                if chance < NEAR and kept:
                    word = own[(size - 1 - int(choice * min(kept, NEAR_TOKENS))) % ARTICLE_TOKENS]
                elif chance < NEAR + ARTICLE and kept:
                    word = own[int(choice * kept)]
                elif chance < NEAR + ARTICLE + TOPIC and topic_sizes[topic]:
                    word = topics[topic, int(choice * min(topic_sizes[topic], TOPIC_TOKENS))]
                else:
                    drawn, known = counts[1], counts[2] - GENERAL_WORDS
                    if choice * (STRENGTH + drawn) < STRENGTH + DISCOUNT * known:
                        word = np.uint32(counts[2])
                        counts[2] += 1
                        entry = word | first
                    else:
                        while True:
                            entry = history[np.random.randint(counts[0])]
                            if not entry & first or np.random.random() >= DISCOUNT:
                                break
                        entry &= ~first
                        word = entry
                    at = counts[0]
                    if at == len(history):
                        at = np.random.randint(len(history))
                    else:
                        counts[0] += 1
                    history[at] = entry
                    counts[1] += 1
                    topics[topic, topic_sizes[topic] % TOPIC_TOKENS] = word
                    topic_sizes[topic] += 1
                own[size % ARTICLE_TOKENS] = word
                size += 1
                words[place] = word
                place += 1
            sentence += 1


@numba.njit(cache=True)
def _seed(value: int) -> None:
    np.random.seed(value)


@dataclass(frozen=True)
class Articles:
    """Some whole articles: words, and where sentences, paragraphs and articles end in them."""

    words: npt.NDArray[np.uint32]
    ends: npt.NDArray[np.int64]
    """Of every sentence, in `words`."""
    paragraph: npt.NDArray[np.int64]
    """Of every sentence, its paragraph's number in the article."""
    article: npt.NDArray[np.int64]
    """Of every sentence, its article's number in these."""


def write_articles(language: Language, sentences: int) -> Articles:
    """Return articles of so many sentences in all; the last one may be cut."""
    random = language.random
    sizes: list[int] = []
    while sum(sizes) < sentences:
        sizes.append(1 + int(random.lognormal(ARTICLE_SENTENCES, ARTICLE_SPREAD)))
    sizes[-1] -= sum(sizes) - sentences
    starts = np.cumsum([0, *sizes])
    lengths = np.maximum(3, random.lognormal(MEAN_LENGTH, LENGTH_SPREAD, sentences)).astype(np.int64)
    ends = np.cumsum(lengths)
    new_paragraph = random.random(sentences) < 1 / SENTENCES_IN_PARAGRAPH
    new_paragraph[starts[:-1]] = False
    article = np.repeat(np.arange(len(sizes)), sizes)
    running = np.cumsum(new_paragraph)
    words = np.empty(ends[-1], np.uint32)
    topics = (len(language.topics) * random.random(len(sizes)) ** 2).astype(np.int64)
    _seed(int(random.integers(1 << 31)))
    _fill(
        words,
        ends,
        starts,
        topics,
        random.random(len(words)),
        random.random(len(words)),
        language.history,
        language.topics,
        language.topic_sizes,
        language.general,
        language.counts,
    )
    return Articles(words, ends, running - running[starts[:-1]][article], article)


def spell(word: int) -> str:
    """Return a word by its number: the frequent ones have low numbers and few letters."""
    letters = ""
    number = int(word)
    while True:
        number, syllable = divmod(number, 75)
        letters += "bdfghklmnprstvz"[syllable // 5] + "aeiou"[syllable % 5]
        if not number:
            return letters
        number -= 1


class Spelling:
    """Texts of words, each word spelled once."""

    def __init__(self) -> None:
        self._words: list[str] = []

    def texts(self, words: npt.NDArray[np.uint32], ends: npt.NDArray[np.int64]) -> list[str]:
        """Return sentences as text."""
        self._words += [spell(number) for number in range(len(self._words), int(words.max(initial=0)) + 1)]
        known, start, texts = self._words, 0, []
        spelled = [known[word] for word in words.tolist()]
        for end in ends.tolist():
            texts.append(" ".join(spelled[start:end]).capitalize() + ".")
            start = end
        return texts


def write_corpus(folder: Path, sentences: int, *, seed: int = 0) -> Path:
    """Write a snapshot of so many invented sentences; return its folder."""
    language, spelling = new_language(sentences, seed), Spelling()
    tables: dict[str, list[Part]] = {name: [] for name in TEXT_TABLES}
    pages = 0
    for number, start in enumerate(range(0, sentences, SENTENCES_PER_PART)):
        articles = write_articles(language, min(SENTENCES_PER_PART, sentences - start))
        texts = spelling.texts(articles.words, articles.ends)
        for table, rows in _rows(articles, texts, pages + 1).items():
            path = folder / table / f"part-{number:05d}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_rows(path, table, rows)
            relative = path.relative_to(folder).as_posix()
            tables[table].append(Part(relative, len(rows), path.stat().st_size, checksum(path)))
        pages += int(articles.article[-1]) + 1
    write_manifest(folder, Manifest(dump={}, options={}, versions={}, tables=tables))
    return folder


def _rows(articles: Articles, texts: Sequence[str], first_page: int) -> dict[str, pa.Table]:
    pages = articles.article + first_page
    paragraphs = pages * PARAGRAPHS_PER_PAGE + articles.paragraph
    firsts = np.flatnonzero(np.diff(paragraphs, prepend=-1))
    sizes = np.diff(firsts, append=len(paragraphs))
    positions = np.arange(len(paragraphs)) - np.repeat(firsts, sizes)
    sentences = {
        "sentence_id": paragraphs * SENTENCES_PER_PARAGRAPH + positions,
        "paragraph_id": paragraphs,
        "position": positions.astype(np.int32),
        "text": texts,
    }
    columns: dict[str, Any] = {
        "paragraph_id": paragraphs[firsts],
        "page_id": pages[firsts],
        "title": [f"Page {page}" for page in pages[firsts].tolist()],
        "section": [""] * len(firsts),
        "position": articles.paragraph[firsts].astype(np.int32),
        "kind": ["prose"] * len(firsts),
        "text": [
            " ".join(texts[start : start + size])
            for start, size in zip(firsts.tolist(), sizes.tolist(), strict=True)
        ],
    }
    return {
        "sentences": pa.table(sentences, schema=TEXT_TABLES["sentences"]),
        "paragraphs": pa.table(columns, schema=TEXT_TABLES["paragraphs"]),
    }


def invent_tweets(kc: Path, count: int, *, seed: int = 0) -> list[str]:
    """Return posts of general words, words of a few sentences of the invented `kc`, and unknown words."""
    random = np.random.default_rng(seed)
    files = open_snapshot(kc).files("sentences")
    part = pq.read_table(files[len(files) // 2], columns=["text"])["text"]
    general = new_language(1, seed).general
    tweets = []
    for _ in range(count):
        words: list[str] = []
        about = random.integers(0, len(part), 3)
        pool = [word.lower().rstrip(".") for place in about for word in part[int(place)].as_py().split()]
        names = [word for word in pool if len(word) > 4] or pool
        for _ in range(max(3, round(random.normal(TWEET_LENGTH, TWEET_SPREAD)))):
            chance = random.random()
            if chance < TWEET_GENERAL:
                words.append(spell(int(np.searchsorted(general, random.random() ** 0.8))))
            elif chance < TWEET_GENERAL + TWEET_UNKNOWN:
                words.append("x" + spell(int(random.integers(1 << 30))))
            else:
                words.append(names[int(random.integers(len(names)))])
        tweets.append(" ".join(words))
    return tweets


Curve = dict[str, float]


def measure(texts: Iterator[tuple[int, str]] | Sequence[tuple[int, str]]) -> tuple[Curve, Counter[str]]:
    """Return the curves of sentences (each with its page), and how many hold each word."""
    split = analyser()
    pages, sentences = [], []
    for page, text in texts:
        pages.append(page)
        sentences.append(split.analyze(foldable(text)))
    lengths = np.array([len(words) for words in sentences])
    curves: Curve = {
        "sentences": len(sentences),
        "words in a sentence": float(lengths.mean()),
        "their standard deviation": float(lengths.std()),
        "distinct words in a sentence": float(np.mean([len(set(words)) for words in sentences])),
    }
    frequencies = Counter(word for words in sentences for word in words)
    tokens = sum(frequencies.values())
    ranked = sorted(frequencies.values(), reverse=True)
    for rank in (1, 10, 100, 1_000, 10_000):
        curves[f"Zipf: share of word {rank:,}"] = ranked[rank - 1] / tokens if rank <= len(ranked) else 0.0
    curves["words that occur once"] = ranked.count(1) / len(ranked)
    seen: set[str] = set()
    marks = [30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000, 30_000_000]
    count = 0
    for words in sentences:
        for word in words:
            seen.add(word)
            count += 1
            if marks and count == marks[0]:
                curves[f"Heaps: words in {marks.pop(0):,} tokens"] = len(seen)
    holding = Counter(word for words in sentences for word in set(words))
    curves |= _sharing(pages, sentences, holding)
    postings = sum(len(set(words)) for words in sentences)
    for size in (8, 512):
        entries = sum(
            len(set().union(*sentences[start : start + size])) for start in range(0, len(sentences), size)
        )
        curves[f"entries a posting, blocks of {size}"] = entries / postings
    return curves, holding


def _sharing(pages: list[int], sentences: list[list[str]], holding: Counter[str]) -> Curve:
    """Return how many of a sentence's rare words (in under 1% of all) another sentence has too."""
    rare = [{word for word in words if holding[word] < 0.01 * len(sentences)} for words in sentences]
    random = np.random.default_rng(0)
    shared: dict[str, list[float]] = {"the next one": [], "one of its page": [], "any": []}
    starts: dict[int, int] = {}
    sizes: Counter[int] = Counter(pages)
    for place, page in enumerate(pages):
        starts.setdefault(page, place)
    for one, other, chance in zip(
        *random.integers(0, len(pages), (2, 20_000)).tolist(), random.random(20_000).tolist(), strict=True
    ):
        if rare[one]:
            near = starts[pages[one]] + int(chance * sizes[pages[one]])
            shared["any"].append(len(rare[one] & rare[other]) / len(rare[one]))
            shared["one of its page"].append(len(rare[one] & rare[near]) / len(rare[one]))
            if one + 1 < len(pages) and pages[one + 1] == pages[one]:
                shared["the next one"].append(len(rare[one] & rare[one + 1]) / len(rare[one]))
    return {f"rare words shared with {name}": float(np.mean(values)) for name, values in shared.items()}


def measure_tweets(tweets: Sequence[str], holding: Counter[str], sentences: int) -> Curve:
    """Return how frequent the words of tweets are among the sentences."""
    split = analyser()
    terms = [split.analyze(foldable(tweet)) for tweet in tweets]
    shares = np.array([holding[word] / sentences for words in terms for word in set(words)])
    bounds = (0.0, 1e-4, 1e-3, 1e-2, 0.05, 1.0)
    curves = {
        "words in a tweet": float(np.mean([len(words) for words in terms])),
        "unknown words": float((shares == 0).mean()),
    }
    for low, high in itertools.pairwise(bounds):
        curves[f"in {low:.2%} to {high:.2%} of sentences"] = float(((shares > low) & (shares <= high)).mean())
    return curves


def main() -> None:
    """Print the curves of real and invented text side by side."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kc", required=True, type=Path, help="a snapshot of real articles")
    parser.add_argument("--tweets", required=True, type=Path, help="real tweets, one a line")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    real_texts = [
        (sentence >> 28, text)
        for batch in open_snapshot(arguments.kc).batches("sentences", ["sentence_id", "text"])
        for sentence, text in zip(*(column.to_pylist() for column in batch.columns), strict=True)
    ]
    real, holding = measure(real_texts)
    real |= measure_tweets(
        arguments.tweets.read_text(encoding="utf-8").splitlines(), holding, len(real_texts)
    )
    with tempfile.TemporaryDirectory() as folder:
        kc = write_corpus(Path(folder), len(real_texts), seed=arguments.seed)
        texts = [
            (sentence >> 28, text)
            for batch in open_snapshot(kc).batches("sentences", ["sentence_id", "text"])
            for sentence, text in zip(*(column.to_pylist() for column in batch.columns), strict=True)
        ]
        invented, holding = measure(texts)
        invented |= measure_tweets(invent_tweets(kc, 2_000, seed=arguments.seed), holding, len(texts))
    print(f"{'':44}{'real':>14}{'invented':>14}")
    for name, value in real.items():
        print(f"{name:44}{value:14,.4g}{invented.get(name, 0.0):14,.4g}")


if __name__ == "__main__":
    main()
