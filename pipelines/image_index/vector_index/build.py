"""The index stage: embeddings in, one memory-mapped index out, with its recall and speed measured.

Train on a sample, fill shards in parallel, merge, tune on held-out images until the promised recall is met,
publish. What is finished is kept until the index is published, so a killed build goes on.
"""

from __future__ import annotations

import functools
import hashlib
import json
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from kc_schema.files import write_atomically
from kc_schema.snapshot import checksum
from pipelines.image_index.errors import ImageIndexError
from pipelines.image_index.layout import Layout
from pipelines.image_index.vector_index.choice import IndexPlan, plan_index
from pipelines.image_index.vector_index.description import FORMAT, read_description
from pipelines.image_index.vector_index.probing import Probing, set_probe
from pipelines.image_index.vector_index.recall import HELD_OUT, MIXED, NEIGHBOURS, make_queries, measure_speed
from pipelines.image_index.vector_index.serving import multiply_small_batches
from pipelines.image_index.vector_index.shards import (
    ShardTask,
    add_all,
    fill_shard,
    merge_shards,
    plan_shards,
    train_index,
    with_ids,
)
from pipelines.image_index.vector_index.tuning import Measurement, tune
from pipelines.image_index.vectors import Embeddings, Ids

__all__ = ["IndexOptions", "build_index", "index_is_current"]

QUERIES = 1000
"""Of each kind (`recall.make_queries`) whose recall is measured."""
SEED = 7

Say = Callable[[str], None]
"""Is told in one line what is done now."""


@dataclass(frozen=True, slots=True)
class IndexOptions:
    """How the index is to be made."""

    factory: str | None = None
    """Faiss' description of an index; chosen by the number of vectors without."""
    shards: int | None = None
    min_recall: float = 0.95
    workers: int = 1
    beam_arguments: tuple[str, ...] = ()

    def fingerprint(self, embeddings: Embeddings) -> str:
        """Gives a checksum of all that decides what the index finds."""
        measured = [self.min_recall, QUERIES, HELD_OUT, MIXED]
        state = [embeddings.fingerprint, self.factory, measured, SEED, version("numpy")]
        return hashlib.sha256(json.dumps(state).encode()).hexdigest()


def index_is_current(layout: Layout, embeddings: Embeddings, options: IndexOptions) -> bool:
    """Tells whether the index that is there was made of these embeddings, as asked."""
    description = read_description(layout)
    return description is not None and description["fingerprint"] == options.fingerprint(embeddings)


def build_index(
    layout: Layout, embeddings: Embeddings, encoder: dict[str, Any], options: IndexOptions, say: Say
) -> dict[str, Any]:
    """Builds and publishes the index; gives its description, what ``index.json`` holds.

    Args:
        encoder: what made the embeddings, as `Encoder.describe` gives it.
        say: is told of every step.

    Raises:
        ImageIndexError: no vectors, an index that Faiss cannot make, or one without the recall asked for.
        pipelines.beam_workers.RunError: the shards' pipeline failed.
    """
    import faiss

    if not embeddings.rows:
        raise ImageIndexError(f"{layout.images}: no image was encoded, so there is nothing to index")
    started = time.monotonic()
    plan = plan_index(embeddings.rows, embeddings.dimension, factory=options.factory, shards=options.shards)
    say(f"index {plan.factory} for {embeddings.rows:,} vectors of {embeddings.dimension} numbers")
    fingerprint = options.fingerprint(embeddings)
    work = layout.state / "index" / hashlib.sha256(f"{fingerprint} {plan}".encode()).hexdigest()[:16]
    _remove_others(work)
    work.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(SEED)
    held_out = np.sort(rng.permutation(embeddings.rows)[: min(QUERIES, embeddings.rows)])
    index = _assemble(embeddings, plan, held_out, work, options, say)
    measured, speed = _measure(index, embeddings, held_out, options.min_recall, say)
    description = {
        "format": FORMAT,
        "fingerprint": fingerprint,
        "factory": plan.factory,
        "kind": plan.kind,
        "vectors": embeddings.rows,
        "dimension": embeddings.dimension,
        "encoder": encoder,
        "shards": plan.shards,
        "trained_on": plan.training if plan.centroids else 0,
        "probing": asdict(measured.probing),
        "recall": {
            "at": NEIGHBOURS,
            "queries": len(held_out),
            **{name: round(share, 4) for name, share in measured.recall.items()},
        },
        "queries_per_second": speed,
        "faiss": faiss.__version__,
    }
    say("writing the index")
    published = _publish(layout, with_ids(index, _all_ids(embeddings)), description)
    shutil.rmtree(layout.state / "index", ignore_errors=True)
    say(f"indexed {embeddings.rows:,} vectors in {time.monotonic() - started:,.1f} s")
    say(_in_words(measured.probing))
    for name, share in measured.recall.items():
        say(
            f"{name} queries: recall@{NEIGHBOURS} {share:.3f}, {speed[name]['batch 1']:,.0f} queries/s one by one,"
            f" {speed[name]['batch 64']:,.0f} in batches of 64, one thread"
        )
    return published


def _assemble(
    embeddings: Embeddings, plan: IndexPlan, held_out: Ids, work: Path, options: IndexOptions, say: Say
) -> Any:
    """Gives the filled index over rows."""
    import faiss

    trained = work / "trained.faiss"
    if not trained.is_file():
        sample = _training_rows(embeddings.rows, plan, held_out)
        if plan.centroids:
            say(f"training {plan.centroids:,} centroids on {len(sample):,} vectors")
        try:
            index = train_index(
                plan,
                embeddings.rows_at(sample),
                embeddings.dimension,
                seed=SEED,
                look=lambda done, rounds: say(f"training: {done} of {rounds} rounds"),
            )
        except RuntimeError as error:
            reason = " ".join(str(error).split())
            raise ImageIndexError(f"--index {plan.factory}: Faiss cannot train it ({reason})") from error
        write_atomically(trained, lambda path: faiss.write_index(index, str(path)))
    if plan.kind not in ("ivf", "ivf-refine"):
        return add_all(faiss.read_index(str(trained)), embeddings)
    threads = max(1, options.workers // plan.shards)
    tasks = plan_shards(embeddings, plan, trained, work, threads=threads)
    _fill(tasks, options, say)
    if len(tasks) > 1:
        say(f"merging {len(tasks)} shards")
    return merge_shards(trained, [task.path for task in tasks], embeddings)


def _fill(tasks: Sequence[ShardTask], options: IndexOptions, say: Say) -> None:
    """Fills the shards that are not there: one in this process, several through Beam."""
    missing = [task for task in tasks if not task.path.is_file()]
    say(f"adding vectors: {len(tasks) - len(missing)} of {len(tasks)} shards are there")
    if len(missing) <= 1:
        for task in missing:
            fill_shard(task)
        return
    from pipelines.beam_run import choose_engine, make_importable, run_pipeline

    make_importable()
    engine = choose_engine(options.beam_arguments, workers=min(options.workers, len(missing)))
    said = [0]

    def look() -> None:
        done = sum(task.path.is_file() for task in missing)
        if done > said[0]:
            said[0] = done
            say(f"adding vectors: {len(tasks) - len(missing) + done} of {len(tasks)} shards")

    run_pipeline(functools.partial(_draw_graph, tasks=missing), engine, look)


def _draw_graph(pipeline: Any, *, tasks: Sequence[ShardTask]) -> None:
    import apache_beam as beam

    _ = (
        pipeline
        | "Shards" >> beam.Create(tasks)
        | "Spread shards" >> beam.Reshuffle()
        | "Fill" >> beam.Map(fill_shard)
    )


def _measure(
    index: Any, embeddings: Embeddings, held_out: Ids, min_recall: float, say: Say
) -> tuple[Measurement, dict[str, dict[str, float]]]:
    """Gives the probes with the recall asked for, and queries a second by kind of queries and batch."""
    say(f"measuring recall@{NEIGHBOURS} on {len(held_out):,} held-out images against exact search")
    queries = make_queries(embeddings, held_out, seed=SEED)
    measured = tune(index, queries, min_recall=min_recall)
    multiply_small_batches(embeddings.dimension)  # as the index is served
    speed = {
        name: {
            f"batch {size}": round(measure_speed(index, asked, measured.probing, size), 1) for size in (1, 64)
        }
        for name, asked in queries.items()
    }
    set_probe(index, measured.probing.wide)
    return measured, speed


def _in_words(probing: Probing) -> str:
    """Says in one line how the index is asked."""
    narrow, wide = (
        f"nprobe {probe.nprobe}, k_factor {probe.k_factor}" for probe in (probing.narrow, probing.wide)
    )
    if probing.narrow == probing.wide:
        return f"every query: {narrow}"
    return f"every query: {narrow}; where nothing of similarity {probing.below:.3f} is found: {wide}"


def _publish(layout: Layout, index: Any, description: dict[str, Any]) -> dict[str, Any]:
    """Puts the index in its place. Its description goes first and comes last: it never names another index."""
    import faiss

    layout.index_description.unlink(missing_ok=True)
    write_atomically(layout.index, lambda path: faiss.write_index(index, str(path)))
    description = {
        **description,
        "bytes": layout.index.stat().st_size,
        "sha256": checksum(layout.index),
    }
    text = json.dumps(description, indent=1, ensure_ascii=False) + "\n"
    write_atomically(layout.index_description, lambda path: path.write_text(text, encoding="utf-8"))
    return description


def _training_rows(rows: int, plan: IndexPlan, held_out: Ids) -> Ids:
    """Return the rows to train on: none that is held out, unless there are too few others."""
    rng = np.random.default_rng(SEED + 1)
    others = np.setdiff1d(np.arange(rows, dtype=np.int64), held_out, assume_unique=True)
    enough = len(others) >= max(plan.training // 2, plan.needed)
    pool = others if enough else np.arange(rows, dtype=np.int64)
    return np.sort(rng.permutation(pool)[: plan.training])


def _all_ids(embeddings: Embeddings) -> Ids:
    blocks = [ids for _, ids, _ in embeddings.blocks()]
    return np.concatenate(blocks).astype(np.int64)


def _remove_others(work: Path) -> None:
    """Takes away what is left of builds from other inputs."""
    if work.parent.is_dir():
        for path in work.parent.iterdir():
            if path != work:
                shutil.rmtree(path, ignore_errors=True)
