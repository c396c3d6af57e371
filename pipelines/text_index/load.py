"""Loads a snapshot into Elasticsearch: prepare, load part by part (`part_load`), finish, switch."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kc_schema.snapshot import Snapshot, open_snapshot
from pipelines.text_index.bulk import REQUEST_BYTES
from pipelines.text_index.cluster_indices import ClusterIndices
from pipelines.text_index.connection import Connection
from pipelines.text_index.mappings import TABLES, Generation, generation
from pipelines.text_index.part_load import PartLoad
from pipelines.text_index.retry import RetryPolicy
from pipelines.text_index.switch import switch

__all__ = ["LoadStatistics", "load_snapshot"]


@dataclass(frozen=True, slots=True)
class LoadStatistics:
    """What a load did."""

    sentences: int
    paragraphs: int
    loaded: int
    """Documents that this run sent; less than all where an earlier one was stopped, 0 where all was there."""
    seconds: float
    indices: tuple[str, ...]
    retired: tuple[str, ...]
    """Indices of older snapshots that were deleted."""


RunParts = Callable[[Sequence[PartLoad], Callable[[], None]], None]
"""Loads parts side by side; calls the second argument a few times a second."""


def load_snapshot(
    kc: Path | str,
    connection: Connection,
    run_parts: RunParts,
    *,
    prefix: str = "kc",
    keep: int = 1,
    shards: int | None = None,
    replicas: int | None = None,
    policy: RetryPolicy | None = None,
    request_bytes: int = REQUEST_BYTES,
    progress: Callable[[int, int], None] | None = None,
) -> LoadStatistics:
    """Loads the snapshot in `kc`, or goes on with a load that was stopped, or finds it loaded.

    Args:
        connection: the cluster.
        run_parts: `pipelines.text_index.load_pipeline.run_parts`, with its engine given.
        prefix: of the names of indices and aliases.
        keep: indices of older snapshots that stay, newest first.
        shards: primary shards of the sentences; None takes one for every 50 million.
        replicas: copies of a finished index; None keeps one where there is another node for it.
        policy: how patiently refused requests are repeated.
        request_bytes: size of a bulk request.
        progress: is told of documents done and of all.

    Raises:
        kc_schema.snapshot.SnapshotError: no finished snapshot there.
        TextIndexError: the load cannot go on; the message says why, and the same call goes on.
    """
    started = time.monotonic()
    policy = policy or RetryPolicy()
    snapshot = open_snapshot(kc)
    names = generation(snapshot, prefix)
    total = sum(snapshot.manifest.rows(table) for table in TABLES)
    client = connection.open(seconds=180.0)
    loaded = 0
    try:
        indices = ClusterIndices(client, connection, policy)
        if not indices.is_complete(names, snapshot):
            uuids = indices.prepare(names, snapshot, shards)
            parts = _parts(snapshot, connection, names, uuids, policy, request_bytes)
            waiting = indices.unfinished(names, parts)
            loaded = sum(part.rows for part in waiting)
            found = total - loaded
            run_parts(waiting, _watch(indices, names, found, total, progress))
            indices.complete(names, snapshot, replicas)
        retired = switch(indices, names, keep)
    finally:
        client.close()
    if progress is not None:
        progress(total, total)
    return LoadStatistics(
        sentences=snapshot.manifest.rows("sentences"),
        paragraphs=snapshot.manifest.rows("paragraphs"),
        loaded=loaded,
        seconds=time.monotonic() - started,
        indices=tuple(names.index(table) for table in TABLES),
        retired=tuple(retired),
    )


def _parts(
    snapshot: Snapshot,
    connection: Connection,
    names: Generation,
    uuids: dict[str, str],
    policy: RetryPolicy,
    request_bytes: int,
) -> list[PartLoad]:
    return [
        PartLoad(
            connection,
            names,
            uuids[table],
            table,
            part.file,
            str((snapshot.folder / part.file).resolve()),
            part.rows,
            policy,
            request_bytes,
        )
        for table in TABLES
        for part in snapshot.manifest.tables[table]
        if part.rows
    ]


def _watch(
    indices: ClusterIndices,
    names: Generation,
    found: int,
    total: int,
    progress: Callable[[int, int], None] | None,
) -> Callable[[], None]:
    """Gives a function that asks the cluster now and then how many documents it took, and passes that on."""
    state = {"next": 0.0, "done": found}

    def look() -> None:
        if progress is None or time.monotonic() < state["next"]:
            return
        state["next"] = time.monotonic() + 2.0
        # Counters start anew with a node; a number that was shown does not go back.
        state["done"] = max(state["done"], min(total, indices.taken(names)))
        progress(int(state["done"]), total)

    return look
