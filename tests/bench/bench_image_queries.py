"""Compares made-up queries with real ones from elsewhere: how many lists of an index each needs.

    python -m tests.bench.bench_image_queries --kc kc --tweets tweets.txt --output figures

Real embeddings stand in for those of images, which nobody has without the images: sentences of a corpus are what is
indexed, posts are what is asked. Printed: the share of true neighbours found in 4, 8, ... lists, for held-out
sentences and mixtures of them (`pipelines.image_index.vector_index.recall`), and for the posts; then their recall
with the probes that a build would choose, and the share that it searches for widely. The embeddings are kept in
``--output``; they take most of the time (about 20 sentences a second of one core).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from pipelines.image_index.vector_index.probing import Probe, Probing, near_enough, search_once
from pipelines.image_index.vector_index.recall import (
    HELD_OUT,
    MIXED,
    NEIGHBOURS,
    Queries,
    exact_neighbours,
    make_queries,
    recall_of,
)
from pipelines.image_index.vector_index.tuning import tune
from tests.bench.bench_image_index import write_part
from training.demo.experiment import small_encoder

Matrix = npt.NDArray[np.float32]
PROBES = (4, 8, 16, 24, 32, 64, 96, 128)
QUERIES = 1000
BATCH = 64


def sentences_of(kc: Path, count: int) -> list[str]:
    """Return `count` sentences of a corpus, drawn evenly."""
    rows = [
        text
        for path in sorted((kc / "sentences").glob("*.parquet"))
        for text in pq.read_table(path, columns=["text"])["text"].to_pylist()
    ]
    chosen = np.random.default_rng(0).permutation(len(rows))[:count]
    return [rows[place] for place in np.sort(chosen)]


def embed(texts: list[str]) -> Matrix:
    """Return the embeddings of texts, of length 1."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = small_encoder()
    tokenizer, network = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    order = np.argsort([len(text) for text in texts])
    vectors = np.empty((len(texts), network.config.hidden_size), np.float32)
    with torch.inference_mode():
        for start in range(0, len(order), BATCH):
            places = order[start : start + BATCH]
            batch = tokenizer(
                [texts[place] for place in places],
                padding=True,
                truncation=True,
                max_length=64,
                return_tensors="pt",
            )
            tokens = network(**batch).last_hidden_state
            mask = batch["attention_mask"][..., None].float()
            means = (tokens * mask).sum(1) / mask.sum(1)
            vectors[places] = torch.nn.functional.normalize(means, dim=1).numpy()
    return vectors


def kept(path: Path, texts: list[str]) -> Matrix:
    """Return the embeddings of texts, from `path` where they are there."""
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, embed(texts))
    vectors: Matrix = np.load(path)
    return vectors


def bench(corpus: Matrix, posts: Matrix, folder: Path) -> None:
    import faiss

    corpus = np.unique(corpus, axis=0)
    np.random.default_rng(5).shuffle(corpus)
    embeddings = write_part(folder, corpus.astype(np.float16))
    rows = np.sort(np.random.default_rng(1).permutation(len(corpus))[:QUERIES])
    index = faiss.index_factory(corpus.shape[1], "IVF512,Flat", faiss.METRIC_INNER_PRODUCT)
    index.train(np.delete(corpus, rows, axis=0)[:20480])
    index.add(corpus.astype(np.float16).astype(np.float32))
    nothing = np.full((len(posts), 1), -1)
    asked = {
        "posts": Queries(posts, nothing, exact_neighbours(embeddings, [posts], [nothing])[0]),
        **make_queries(embeddings, rows, seed=1),
    }
    print(f"{len(corpus):,} sentences in 512 lists\n| queries | {' | '.join(map(str, PROBES))} lists |")
    print("|---" * (len(PROBES) + 1) + "|")
    for name, queries in asked.items():
        shares = []
        for nprobe in PROBES:
            shares.append(f"{recall_of(index, queries, Probing.always(Probe(nprobe, 0))):.3f}")
        print(f"| {name} | {' | '.join(shares)} |")
    # Posts are unknown when an index is built, so it is tuned without them.
    probing = tune(index, {name: asked[name] for name in (HELD_OUT, MIXED)}, min_recall=0.95).probing
    print(f"narrow {probing.narrow.nprobe} lists, wide {probing.wide.nprobe} below {probing.below:.3f}")
    for name, queries in asked.items():
        scores, ids = search_once(index, queries.vectors, NEIGHBOURS, probing.narrow)
        wide = 1 - near_enough(scores, ids, probing.below, queries.left_out).mean()
        print(f"{name}: recall {recall_of(index, queries, probing):.3f}, searched for widely {wide:.2f}")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kc", type=Path, required=True, help="a text corpus")
    parser.add_argument("--tweets", type=Path, required=True, help="posts, one a line")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="where embeddings are kept")
    parser.add_argument("--sentences", type=int, default=30_000)
    arguments = parser.parse_args()
    lines = arguments.tweets.read_text(encoding="utf-8").splitlines()
    posts = [line.strip() for line in lines if line.strip()][:QUERIES]
    bench(
        kept(arguments.output / "sentences.npy", sentences_of(arguments.kc, arguments.sentences)),
        kept(arguments.output / "posts.npy", posts),
        arguments.output,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
