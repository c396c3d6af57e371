"""Loads a snapshot into Elasticsearch: prepare, load part by part, finish, switch.

What is done is recorded in the cluster itself, in an index that lasts as long as the load: it is shared by all
machines that load, survives any of them, and is gone when the cluster's data is. Two things could make such a
record wrong, and both are looked for. Documents that an asynchronous translog acknowledged are lost when their
node dies before a flush: so a part is done only when it was flushed and no primary shard was started anew from
before its first request to after the flush (its primary term tells). And an index that somebody deleted and
made again has another UUID than the one in the record.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from kc_schema.snapshot import Snapshot, open_snapshot
from pipelines.text_index.bulk import IN_FLIGHT, REQUEST_BYTES, Record, records, send_all
from pipelines.text_index.connection import Connection
from pipelines.text_index.mappings import TABLES, Generation, generation
from pipelines.text_index.protocol import TextIndexError
from pipelines.text_index.retry import RetryPolicy, repeat

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch

__all__ = ["LoadStatistics", "PartLoad", "PrimaryState", "load_part", "load_snapshot"]

_BATCH_ROWS = 4096
_MOST_ATTEMPTS = 10
"""Times that a part is sent before its node, which dies each time, is given up."""


@dataclass(frozen=True, slots=True)
class PartLoad:
    """One part of a table that is to be loaded: all that a worker needs to know."""

    connection: Connection
    generation: Generation
    index_uuid: str
    table: str
    file: str
    """The part's path inside the snapshot, which names it in the record of finished parts."""
    path: str
    rows: int
    policy: RetryPolicy
    request_bytes: int = REQUEST_BYTES


@dataclass(frozen=True, slots=True)
class PrimaryState:
    """Tells an index's primary shards from those that took their place."""

    uuid: str
    terms: tuple[tuple[str, int], ...]


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
    from pipelines.text_index import cluster_indices, switch

    started = time.monotonic()
    policy = policy or RetryPolicy()
    snapshot = open_snapshot(kc)
    names = generation(snapshot, prefix)
    total = sum(snapshot.manifest.rows(table) for table in TABLES)
    client = connection.open(seconds=180.0)
    loaded = 0
    try:
        indices = cluster_indices.ClusterIndices(client, connection, policy)
        if not indices.is_complete(names, snapshot):
            uuids = indices.prepare(names, snapshot, shards)
            parts = _parts(snapshot, connection, names, uuids, policy, request_bytes)
            waiting = indices.unfinished(names, parts)
            loaded = sum(part.rows for part in waiting)
            found = total - loaded
            run_parts(waiting, _watch(indices, names, found, total, progress))
            indices.complete(names, snapshot, replicas)
        retired = switch.switch(indices, names, keep)
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
    indices: Any,
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


def load_part(part: PartLoad) -> int:
    """Loads one part and records it as done; gives its number of rows.

    Raises:
        TextIndexError: a document is refused, the index was replaced, or the cluster stays out of reach.
    """
    index = part.generation.index(part.table)
    client = part.connection.open(seconds=180.0, connections=IN_FLIGHT)
    try:
        for _ in range(_MOST_ATTEMPTS):
            before = primary_state(client, part, index)
            send_all(client, part.connection, index, _rows(part), policy=part.policy, size=part.request_bytes)
            repeat(lambda: _flush(client, index), part.connection, part.policy)
            if primary_state(client, part, index) == before:
                _record(client, part)
                return part.rows
    finally:
        client.close()
    raise TextIndexError(
        f"{part.connection.url}: {part.file} was sent {_MOST_ATTEMPTS} times, and each time a shard of {index} was"
        " lost before it was flushed; see the cluster's log"
    )


def _rows(part: PartLoad) -> Iterator[Record]:
    """The documents of a part, read a few thousand at a time."""
    with pq.ParquetFile(part.path) as file:
        for batch in file.iter_batches(batch_size=_BATCH_ROWS):
            yield from records(part.table, batch)


def primary_state(client: Elasticsearch, part: PartLoad, index: str) -> PrimaryState:
    """Gives the state of an index's primary shards.

    Raises:
        TextIndexError: the index is gone, or is not the one that the load began with.
    """

    def ask() -> Any:
        return client.cluster.state(
            metric="metadata",
            index=index,
            filter_path=["metadata.indices.*.primary_terms", "metadata.indices.*.settings.index.uuid"],
            allow_no_indices=True,
            ignore_unavailable=True,
        ).body

    found = repeat(ask, part.connection, part.policy).get("metadata", {}).get("indices", {}).get(index)
    uuid = found["settings"]["index"]["uuid"] if found else None
    if uuid != part.index_uuid:
        raise TextIndexError(f"{part.connection.url}: {index} was deleted while it was loaded")
    return PrimaryState(uuid, tuple(sorted(found["primary_terms"].items())))


def _flush(client: Elasticsearch, index: str) -> None:
    """Makes all that the primaries of an index have acknowledged durable."""
    from elastic_transport import ConnectionError as Unreachable

    shards = client.indices.flush(index=index, wait_if_ongoing=True)["_shards"]
    if shards["successful"] < shards["total"]:
        # A shard that is just being started anew is not flushed; the next attempt finds it.
        raise Unreachable(f"{shards['successful']} of {shards['total']} shards were flushed")


def _record(client: Elasticsearch, part: PartLoad) -> None:
    """Writes down that a part is done; this index's translog is synchronous."""
    repeat(
        lambda: client.index(
            index=part.generation.progress,
            id=part.file,
            document={"index_uuid": part.index_uuid, "rows": part.rows},
        ),
        part.connection,
        part.policy,
    )


def is_recorded(answer: dict[str, Any], part: PartLoad) -> bool:
    """Tells whether the cluster's record says that `part` is done, in the very index that is there."""
    return bool(answer.get("found")) and answer["_source"]["index_uuid"] == part.index_uuid
