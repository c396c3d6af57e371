"""Bulk requests: rows of a table as lines, cut to size, several in flight, every item's answer read.

The client library's own `streaming_bulk` would not do: it does not repeat a request that was lost or whose answer
breaks off, passes over documents that an answer leaves out, and does not halve what is too large (413).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from pipelines.text_index.connection import (
    PASSING_STATUSES,
    BackOff,
    Connection,
    RetryPolicy,
    explain,
    passing_reason,
)
from pipelines.text_index.protocol import TextIndexError

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch

__all__ = ["IN_FLIGHT", "Record", "records", "requests", "send_all"]

REQUEST_BYTES = 8 << 20
"""Size of a bulk request: inside the 5 to 15 MB that clusters digest best."""
IN_FLIGHT = 3
"""Requests of one worker that are under way at the same time."""

_ANSWER = ["errors", "items.*._id", "items.*.status", "items.*.error"]


class Record(NamedTuple):
    """One document of a bulk request, which is sent or deleted."""

    record_id: int
    source: bytes | None
    """JSON without line breaks; None deletes the document."""

    @property
    def lines(self) -> list[bytes]:
        """Its lines in a request; the id makes a repeated request harmless."""
        if self.source is None:
            return [b'{"delete":{"_id":"%d"}}' % self.record_id]
        return [b'{"index":{"_id":"%d"}}' % self.record_id, self.source]


def records(table: str, batch: pa.RecordBatch) -> Iterator[Record]:
    """Yield the documents of a batch of rows (see `mappings`)."""
    if table == "sentences":
        for sentence_id, text in zip(
            batch["sentence_id"].to_pylist(), batch["text"].to_pylist(), strict=True
        ):
            quoted = json.dumps(text, ensure_ascii=False)
            yield Record(sentence_id, f'{{"sentence_id":{sentence_id},"text":{quoted}}}'.encode())
        return
    more = [name for name in ("wikidata_id",) if name in batch.schema.names]
    for row in batch.select(["paragraph_id", "title", "section", "text", *more]).to_pylist():
        paragraph_id = row.pop("paragraph_id")
        if more and not row["wikidata_id"]:
            del row["wikidata_id"]
        yield Record(paragraph_id, json.dumps(row, ensure_ascii=False).encode())


def requests(rows: Iterable[Record], size: int = REQUEST_BYTES) -> Iterator[list[Record]]:
    """Cut documents into requests of about `size` bytes."""
    request: list[Record] = []
    filled = 0
    for record in rows:
        request.append(record)
        filled += len(record.source or b"") + 40
        if filled >= size:
            yield request
            request, filled = [], 0
    if request:
        yield request


def send_all(
    client: Elasticsearch,
    connection: Connection,
    index: str,
    rows: Iterable[Record],
    *,
    policy: RetryPolicy,
    size: int = REQUEST_BYTES,
) -> int:
    """Send documents, a few requests at a time; return their number when all of them are acknowledged.

    Raises:
        TextIndexError: a document that the cluster does not take (its id and the reason are named), or a
            cluster that stays out of reach.
    """
    sent = 0
    stop = threading.Event()
    flying: set[Future[int]] = set()
    with ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="bulk") as threads:
        try:
            for request in requests(rows, size):
                if len(flying) == IN_FLIGHT:
                    landed, flying = wait(flying, return_when=FIRST_COMPLETED)
                    sent += sum(future.result() for future in landed)
                flying.add(threads.submit(send, client, connection, index, request, policy, stop))
            return sent + sum(future.result() for future in flying)
        except BaseException:
            stop.set()
            raise


def send(
    client: Elasticsearch,
    connection: Connection,
    index: str,
    request: list[Record],
    policy: RetryPolicy,
    stop: threading.Event,
) -> int:
    """Send one request until each of its documents is acknowledged; return their number."""
    pending = request
    back_off = BackOff(connection, policy, wait=stop.wait)
    while True:
        left, reason = _attempt(client, connection, index, pending)
        if not left:
            return len(request)
        if len(left) < len(pending):
            back_off.progressed()
        pending = left
        back_off.pause(TextIndexError(f"{connection.url}: {index} takes no documents: {reason}"))
        if stop.is_set():
            raise TextIndexError(f"{connection.url}: stopped by the error of another request")


def _attempt(
    client: Elasticsearch, connection: Connection, index: str, request: list[Record]
) -> tuple[list[Record], str]:
    """Send a request once; return the documents that must be sent again, and why."""
    lines = [line for record in request for line in record.lines]
    try:
        answer = client.bulk(index=index, operations=lines, filter_path=_ANSWER)  # type: ignore[arg-type]
    except Exception as error:
        if getattr(error, "status_code", None) == 413 and len(request) > 1:
            return _halves(client, connection, index, request)
        reason = passing_reason(error)
        if reason is None:
            raise explain(error, connection) from error
        return request, reason
    items = answer.get("items", [])
    if len(items) != len(request):
        return request, f"an answer for {len(items)} of {len(request)} documents"
    return _refused(connection, index, request, items)


def _halves(
    client: Elasticsearch, connection: Connection, index: str, request: list[Record]
) -> tuple[list[Record], str]:
    """Send in halves what is too large for the cluster, or for what stands in front of it."""
    left: list[Record] = []
    reason = ""
    for half in (request[: len(request) // 2], request[len(request) // 2 :]):
        refused, why = _attempt(client, connection, index, half)
        left += refused
        reason = why or reason
    return left, reason


def _refused(
    connection: Connection, index: str, request: list[Record], items: list[dict[str, Any]]
) -> tuple[list[Record], str]:
    """Read every item's own answer; return the documents to send again, and why.

    Raises:
        TextIndexError: an item that no repetition will make right.
    """
    left: list[Record] = []
    reason = ""
    for record, item in zip(request, items, strict=True):
        [result] = item.values()
        error = result.get("error")
        if error is None and result["status"] in (200, 201):
            continue
        if error is None and record.source is None and result["status"] == 404:
            continue  # deleted before
        error = error if isinstance(error, dict) else {"reason": str(error)}
        reason = f"{error.get('type', 'error')}: {error.get('reason', '')}"
        if "flood-stage" in reason or "read-only-allow-delete" in reason:
            raise TextIndexError(
                f"{connection.url}: the disk of a node is full, so {index} takes no more documents; make room"
            )
        if result["status"] not in PASSING_STATUSES:
            raise TextIndexError(
                f"{connection.url}: {index} does not take document {record.record_id}: {reason}"
            )
        left.append(record)
    return left, reason
