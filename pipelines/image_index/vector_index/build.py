"""The index stage: embeddings in, one memory-mapped index out, with its recall and speed measured.

Train on a sample, fill shards in parallel, merge, tune on held-out images until the promised recall is met,
publish. What is finished is kept until the index is published, so a killed build goes on.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from cyclopts import Parameter

from kc_schema.command import Positive, Share, options
from kc_schema.image_manifest import EncoderDescription
from kc_schema.store import checksum, fingerprint, remove, write_atomically, write_json
from pipelines.engine import Engine
from pipelines.image_index.errors import ImageIndexError
from pipelines.image_index.layout import Layout
from pipelines.image_index.vector_index.choice import IndexPlan, plan_index
from pipelines.image_index.vector_index.probing import set_probe
from pipelines.image_index.vector_index.recall import HELD_OUT, MIXED, NEIGHBOURS, make_queries, measure_speed
from pipelines.image_index.vector_index.served import (
    IndexDescription,
    multiply_small_batches,
    read_description,
)
from pipelines.image_index.vector_index.shards import (
    ShardTask,
    add_all,
    fill_shard,
    finished_shard,
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

Speed = dict[str, dict[str, float]]
"""Queries a second by kind of queries and size of batches."""
Say = Callable[[str], None]
"""Takes a line that says what is done now."""


@options
@dataclass(frozen=True, kw_only=True)
class IndexOptions:
    """How the index is made."""

    factory: Annotated[str | None, Parameter(name="--index", show_default=lambda _: "by size")] = None
    """Faiss' description of the index."""
    shards: Annotated[Positive | None, Parameter(show_default=lambda _: "one a 250,000 vectors")] = None
    """Pieces that are filled in parallel."""
    min_recall: Share = 0.95
    """Recall@10 against exact search that it must have."""

    def fingerprint(self, embeddings: Embeddings) -> str:
        """Return a checksum of all that decides what the index finds."""
        measured = [self.min_recall, QUERIES, HELD_OUT, MIXED]
        return fingerprint(embeddings.fingerprint, self.factory, measured, SEED, version("numpy"))


def index_is_current(layout: Layout, embeddings: Embeddings, given: IndexOptions) -> bool:
    """Tell whether the index that is there was made of these embeddings, as asked."""
    description = read_description(layout)
    return description is not None and description.fingerprint == given.fingerprint(embeddings)


def build_index(
    layout: Layout,
    embeddings: Embeddings,
    encoder: EncoderDescription,
    given: IndexOptions,
    engine: Engine,
    say: Say,
) -> IndexDescription:
    """Build and publish the index; return what ``index.json`` says of it.

    Args:
        encoder: what made the embeddings.
        engine: fills the shards.
        say: is called with every step.

    Raises:
        ImageIndexError: no vectors, an index that Faiss cannot make, or one without the recall asked for.
        pipelines.engine.RunError: filling the shards failed.
    """
    if not embeddings.rows:
        raise ImageIndexError(f"{layout.images}: no image was encoded, so there is nothing to index")
    started = time.monotonic()
    plan = plan_index(embeddings.rows, embeddings.dimension, factory=given.factory, shards=given.shards)
    say(f"index {plan.factory} for {embeddings.rows:,} vectors of {embeddings.dimension} numbers")
    inputs = given.fingerprint(embeddings)
    work = layout.work / "index" / fingerprint(inputs, plan)[:16]
    _remove_others(work)
    work.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(SEED)
    held_out = np.sort(rng.permutation(embeddings.rows)[: min(QUERIES, embeddings.rows)])
    index = _assemble(embeddings, plan, held_out, work, engine, say)
    measured, speed = _measure(index, embeddings, held_out, given.min_recall, say)
    say("writing the index")
    # The description goes first and comes last: it never speaks of another index.
    layout.index_description.unlink(missing_ok=True)
    _write_index(layout.index, with_ids(index, _all_ids(embeddings)))
    recall = {name: round(share, 4) for name, share in measured.recall.items()}
    description = IndexDescription(
        fingerprint=inputs,
        factory=plan.factory,
        kind=plan.kind,
        vectors=embeddings.rows,
        dimension=embeddings.dimension,
        encoder=encoder,
        shards=plan.shards,
        trained_on=plan.training if plan.centroids else 0,
        probing=measured.probing,
        recall={"at": NEIGHBOURS, "queries": len(held_out), **recall},
        queries_per_second=speed,
        faiss=_faiss_version(),
        bytes=layout.index.stat().st_size,
        sha256=checksum(layout.index),
    )
    write_json(layout.index_description, description)
    remove(layout.work / "index", ignore_errors=True)
    say(f"indexed {embeddings.rows:,} vectors in {time.monotonic() - started:,.1f} s")
    _say_how_it_is_asked(measured, speed, say)
    return description


def _assemble(
    embeddings: Embeddings, plan: IndexPlan, held_out: Ids, work: Path, engine: Engine, say: Say
) -> Any:
    """Return the filled index over rows."""
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
        _write_index(trained, index)
    if plan.kind not in ("ivf", "ivf-refine"):
        return add_all(faiss.read_index(os.fspath(trained)), embeddings)
    threads = max(1, engine.workers // plan.shards)
    tasks = plan_shards(embeddings, plan, trained, work, threads=threads)
    _fill(tasks, engine, say)
    if len(tasks) > 1:
        say(f"merging {len(tasks)} shards")
    return merge_shards(trained, [task.path for task in tasks], embeddings)


def _fill(tasks: Sequence[ShardTask], engine: Engine, say: Say) -> None:
    """Fill the shards that are not there: one in this process, several by the engine."""
    missing = [task for task in tasks if not task.path.is_file()]
    there = len(tasks) - len(missing)
    say(f"adding vectors: {there} of {len(tasks)} shards are there")
    if len(missing) == 1:
        fill_shard(missing[0])
    elif missing:
        filled = itertools.count(there + 1)
        engine.map(
            fill_shard,
            missing,
            finished=finished_shard,
            label="Fill shards",
            arrived=lambda _: say(f"adding vectors: {next(filled)} of {len(tasks)} shards"),
        )


def _measure(
    index: Any, embeddings: Embeddings, held_out: Ids, min_recall: float, say: Say
) -> tuple[Measurement, Speed]:
    """Return the probes with the recall asked for, and queries a second by kind of queries and batch."""
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


def _say_how_it_is_asked(measured: Measurement, speed: Speed, say: Say) -> None:
    probing = measured.probing
    narrow, wide = (
        f"nprobe {probe.nprobe}, k_factor {probe.k_factor}" for probe in (probing.narrow, probing.wide)
    )
    if probing.narrow == probing.wide:
        say(f"every query: {narrow}")
    else:
        say(f"every query: {narrow}; where nothing of similarity {probing.below:.3f} is found: {wide}")
    for name, share in measured.recall.items():
        say(
            f"{name} queries: recall@{NEIGHBOURS} {share:.3f}, {speed[name]['batch 1']:,.0f} queries/s one by one,"
            f" {speed[name]['batch 64']:,.0f} in batches of 64, one thread"
        )


def _write_index(path: Path, index: Any) -> None:
    import faiss

    write_atomically(path, lambda temporary: faiss.write_index(index, os.fspath(temporary)))


def _faiss_version() -> str:
    import faiss

    return str(faiss.__version__)


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
    """Take away what is left of builds from other inputs."""
    if work.parent.is_dir():
        for path in work.parent.iterdir():
            if path != work:
                remove(path, ignore_errors=True)
