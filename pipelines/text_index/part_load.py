"""Loads one part of a table into Elasticsearch and records it as done.

What is done is recorded in the cluster itself, in an index that lasts as long as the load: it is shared by all
machines that load, survives any of them, and is gone when the cluster's data is. Two things could make such a
record wrong, and both are looked for. Documents that an asynchronous translog acknowledged are lost when their
node dies before a flush: so a part is done only when it was flushed and no primary shard was started anew from
before its first request to after the flush (its primary term tells). And an index that somebody deleted and
made again has another UUID than the one in the record.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from pipelines.text_index.bulk import IN_FLIGHT, REQUEST_BYTES, Record, records, send_all
from pipelines.text_index.connection import Connection
from pipelines.text_index.mappings import Generation
from pipelines.text_index.protocol import TextIndexError
from pipelines.text_index.retry import RetryPolicy, repeat

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch

__all__ = ["PartLoad", "PrimaryState", "is_recorded", "load_part", "primary_state"]

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
