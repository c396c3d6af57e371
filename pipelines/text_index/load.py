"""Loads a snapshot into Elasticsearch: prepare, load part by part, complete, switch.

What is done is recorded in the cluster itself, in an index that lasts as long as the load: it is shared by all
machines that load, survives any of them, and is gone when the cluster's data is. Two things could make such a
record wrong, and both are looked for. Documents that an asynchronous translog acknowledged are lost when their
node dies before a flush: so a part is done only when it was flushed and no primary shard was started anew from
before its first request to after the flush (its primary term tells). And an index that somebody deleted and
made again has another UUID than the one in the record.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kc_schema.snapshot import Part, Snapshot, SnapshotError, open_snapshot
from kc_schema.store import open_parquet
from kc_schema.wikidata_ids import WikidataIds, knows_wikidata_ids
from pipelines.engine import Engine, RunError
from pipelines.text_index.bulk import IN_FLIGHT, REQUEST_BYTES, Record, records, send_all
from pipelines.text_index.changes import changed_ranges, changed_records, count_changed_pages, rows_between
from pipelines.text_index.cluster_indices import ClusterIndices
from pipelines.text_index.connection import Connection, RetryPolicy, Tell, repeat
from pipelines.text_index.indexed_rows import LeftOut, count_indexed, left_out_files
from pipelines.text_index.mappings import TABLES, Generation, alias, generation
from pipelines.text_index.protocol import Progress, TextIndexError

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch

__all__ = ["LoadStatistics", "PartLoad", "load_part", "load_snapshot"]

MOST_CHANGED = 0.3
"""Share of changed pages up to which an older index is cloned and updated (docs/performance.md)."""
_BATCH_ROWS = 4096
_MOST_ATTEMPTS = 10
"""Times that a part is sent before its node, which dies each time, is given up."""
_SECONDS_BETWEEN_LOOKS = 2.0
_SECONDS_OF_SILENCE = 6.0
"""After which the cluster is said to be waited for."""


@dataclass(frozen=True, slots=True)
class LoadStatistics:
    """What a load did."""

    sentences: int
    paragraphs: int
    loaded: int
    """Documents that this run sent or deleted; less than all where an earlier one was stopped or where an older
    snapshot's index was updated, 0 where all was there."""
    seconds: float
    indices: tuple[str, ...]
    retired: tuple[str, ...]
    """Indices of older snapshots that were deleted."""


@dataclass(frozen=True, slots=True)
class OlderRows:
    """The rows of an older snapshot in a range of ids, ``first <= id < end``, that an index is a clone of."""

    first: int
    end: int
    paths: tuple[str, ...]
    left_out: LeftOut
    snapshot: str = ""
    """The older snapshot's folder, where paragraphs carry the Wikidata ids of their pages."""


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
    """Empty where an older snapshot alone has rows in a range of ids."""
    documents: int
    """How many of its rows are loaded."""
    policy: RetryPolicy
    request_bytes: int = REQUEST_BYTES
    left_out: LeftOut = field(default_factory=LeftOut)
    """What tells which of its rows are not loaded."""
    older: OlderRows | None = None
    """The rows that the index holds in place of the part's, where it is an older snapshot's."""
    snapshot: str = ""
    """The snapshot's folder, where paragraphs carry the Wikidata ids of their pages."""

    def __str__(self) -> str:
        return self.path


@dataclass(frozen=True, slots=True)
class _Target:
    """Where the parts of a snapshot are loaded, and how."""

    connection: Connection
    generation: Generation
    uuids: dict[str, str]
    """Of the index of each table."""
    policy: RetryPolicy
    request_bytes: int

    def part(
        self, snapshot: Snapshot, table: str, part: Part | None, documents: int, left_out: LeftOut
    ) -> PartLoad:
        """Return the load of a part of the snapshot's table; of no part where an older snapshot alone has rows."""
        return PartLoad(
            self.connection,
            self.generation,
            self.uuids[table],
            table,
            part.file if part is not None else f"{table}/gone",
            str((snapshot.folder / part.file).resolve()) if part is not None else "",
            documents,
            self.policy,
            self.request_bytes,
            left_out,
            snapshot=_identifying(snapshot, self.generation, table),
        )


@dataclass(frozen=True, slots=True)
class _PrimaryState:
    """Tells an index's primary shards from those that took their place."""

    uuid: str
    terms: tuple[tuple[str, int], ...]


def load_snapshot(
    kc: Path | str,
    connection: Connection,
    engine: Engine,
    *,
    prefix: str = "kc",
    keep: int = 1,
    shards: int | None = None,
    replicas: int | None = None,
    with_apparatus: bool = False,
    older: Path | None = None,
    policy: RetryPolicy | None = None,
    request_bytes: int = REQUEST_BYTES,
    progress: Progress | None = None,
    tell: Tell = lambda _: None,
) -> LoadStatistics:
    """Load the snapshot in `kc`, or go on with a load that was stopped, or find it loaded.

    Args:
        connection: the cluster.
        engine: loads the parts side by side.
        prefix: of the names of indices and aliases.
        keep: indices of older snapshots that stay, newest first.
        shards: primary shards of the sentences; None takes one for every 50 million.
        replicas: copies of a finished index; None keeps one where there is another node for it.
        with_apparatus: whether sections of references, notes and links are loaded, too.
        older: a snapshot that may be in the cluster: what differs from it is sent, where that is cheaper.
        policy: how patiently refused requests are repeated.
        request_bytes: size of a bulk request.
        progress: is called with the documents done and all.
        tell: takes a line where the cluster is waited for, and one that says whether an index was updated.

    Raises:
        kc_schema.snapshot.SnapshotError: no finished snapshot there.
        TextIndexError: the load cannot go on; the message says why, and the same call goes on.
    """
    started = time.monotonic()
    policy = policy or RetryPolicy()
    snapshot = open_snapshot(kc)
    names = generation(snapshot, prefix, with_apparatus=with_apparatus)
    client = connection.open(seconds=180.0)
    loaded = 0
    try:
        indices = ClusterIndices(client, connection, policy, tell)
        if not indices.is_complete(names, snapshot):
            before = _updatable(indices, snapshot, names, older, tell)
            if before is None:
                uuids = indices.prepare(names, snapshot, shards)
                parts = _parts(snapshot, _Target(connection, names, uuids, policy, request_bytes))
            else:
                old_names = generation(before, prefix, with_apparatus=with_apparatus)
                uuids = indices.clone(names, snapshot, old_names, before)
                target = _Target(connection, names, uuids, policy, request_bytes)
                parts = _changed_parts(snapshot, before, target)
            recorded = indices.recorded(names, [part.file for part in parts])
            waiting = [part for part in parts if recorded.get(part.file) != part.index_uuid]
            left = sum(part.documents for part in waiting)
            watch = _Watch(indices, names, snapshot, left, progress, tell)
            loaded = sum(_load_parts(engine, waiting, watch.look))
            _check_snapshot(snapshot)
            indices.complete(names, snapshot, replicas)
        retired = _switch(indices, names, keep)
    finally:
        client.close()
    if progress is not None:
        progress(_documents(snapshot, names), _documents(snapshot, names))
    return LoadStatistics(
        sentences=count_indexed(snapshot, "sentences", with_apparatus=with_apparatus),
        paragraphs=count_indexed(snapshot, "paragraphs", with_apparatus=with_apparatus),
        loaded=loaded,
        seconds=time.monotonic() - started,
        indices=tuple(names.index(table) for table in TABLES),
        retired=tuple(retired),
    )


def _updatable(
    indices: ClusterIndices, snapshot: Snapshot, names: Generation, older: Path | None, tell: Tell
) -> Snapshot | None:
    """Return the older snapshot, where it is cheaper to update its indices than to load all; say which is done."""
    if older is None:
        return None
    try:
        before = open_snapshot(older)
    except SnapshotError:
        return None
    manifests = (before.manifest, snapshot.manifest)
    if manifests[0].versions != manifests[1].versions:
        reason = "the extractor or its libraries have changed"
    elif knows_wikidata_ids(before) != knows_wikidata_ids(snapshot):
        reason = "one of them knows the Wikidata ids of its pages, the other does not"
    elif not indices.is_complete(
        generation(before, names.prefix, with_apparatus=names.with_apparatus), before
    ) or not indices.can_update(names, before):
        reason = f"the cluster has no index of {older.name} to start from"
    else:
        changed, pages = count_changed_pages(before, snapshot), max(1, snapshot.manifest.rows("pages"))
        differ = f"{changed:,} of {pages:,} pages differ from {older.name}"
        if changed <= MOST_CHANGED * pages:
            tell(f"{indices.connection.url}: updated by page: {differ}")
            return before
        reason = f"{differ}, more than {100 * MOST_CHANGED:g}%"
    tell(f"{indices.connection.url}: loaded anew: {reason}")
    return None


def _changed_parts(snapshot: Snapshot, before: Snapshot, target: _Target) -> list[PartLoad]:
    """Return the ranges of both tables in which the snapshots differ."""
    parts = []
    left_out = partial(left_out_files, with_apparatus=target.generation.with_apparatus)
    for table in TABLES:
        for found in changed_ranges(before, snapshot, table):
            [newer] = found.newer or (None,)
            unindexed = [left_out(before, table, part=part.file) for part in found.older]
            older = OlderRows(
                found.first,
                found.end,
                tuple(str((before.folder / part.file).resolve()) for part in found.older),
                LeftOut(
                    tuple(dict.fromkeys(path for files in unindexed for path in files.paragraphs)),
                    tuple(dict.fromkeys(path for files in unindexed for path in files.repeats)),
                ),
                _identifying(before, target.generation, table),
            )
            skipped = left_out(snapshot, table, part=newer.file) if newer is not None else LeftOut()
            rows = newer.rows if newer is not None else 0
            parts.append(replace(target.part(snapshot, table, newer, rows, skipped), older=older))
    return parts


def _parts(snapshot: Snapshot, target: _Target) -> list[PartLoad]:
    parts: list[PartLoad] = []
    for table in TABLES:
        for part in snapshot.manifest.tables[table]:
            left_out = left_out_files(
                snapshot, table, with_apparatus=target.generation.with_apparatus, part=part.file
            )
            path = (snapshot.folder / part.file).resolve()
            documents = _count_documents(path, left_out) if left_out else part.rows
            if documents:
                parts.append(target.part(snapshot, table, part, documents, left_out))
    return parts


def _identifying(snapshot: Snapshot, names: Generation, table: str) -> str:
    """Return the folder of a snapshot whose pages tell the Wikidata ids of a table's rows; empty for none."""
    return str(snapshot.folder.resolve()) if names.with_wikidata_ids and table == "paragraphs" else ""


def _wikidata_ids(snapshot: str) -> WikidataIds | None:
    return WikidataIds(open_snapshot(snapshot)) if snapshot else None


def _count_documents(path: Path, left_out: LeftOut) -> int:
    with open_parquet(path) as file:
        batches = file.iter_batches(batch_size=_BATCH_ROWS, columns=left_out.columns())
        return sum(map(len, left_out.filter(batches)))


def _documents(snapshot: Snapshot, names: Generation) -> int:
    return sum(count_indexed(snapshot, table, with_apparatus=names.with_apparatus) for table in TABLES)


def _load_parts(engine: Engine, parts: list[PartLoad], look: Callable[[], None]) -> list[int]:
    """Load `parts` on all workers of the engine; return how many documents were sent for each.

    Raises:
        TextIndexError: a worker's, or one that says how the pipeline failed.
    """
    try:
        return engine.map(load_part, parts, finished=_finished_rows, label="Load", look=look)
    except RunError as error:
        raise TextIndexError(f"{error}; what is loaded stays, the same command goes on") from error


def _check_snapshot(snapshot: Snapshot) -> None:
    """The parts that were read must have been those of the manifest that was read first.

    Raises:
        TextIndexError: another build has replaced them meanwhile.
    """
    if open_snapshot(snapshot.folder).fingerprint != snapshot.fingerprint:
        raise TextIndexError(
            f"{snapshot.folder}: the snapshot was built again while it was loaded; the same command loads the new one"
        )


@dataclass
class _Watch:
    """Asks the cluster now and then how many documents it took, and passes that on."""

    indices: ClusterIndices
    names: Generation
    snapshot: Snapshot
    waiting: int
    """Documents that the load has to send."""
    progress: Progress | None
    tell: Tell
    _next: float = 0.0
    _done: int = 0
    _heard: float = field(default_factory=time.monotonic)
    _silent: bool = False

    def look(self) -> None:
        """Ask, unless the last time was a moment ago."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _SECONDS_BETWEEN_LOOKS
        taken = self.indices.taken(self.names)
        self._note_silence(taken is None)
        total = _documents(self.snapshot, self.names)
        # Counters start anew with a node; a number that was shown does not go back.
        self._done = max(self._done, total - self.waiting, min(total, taken or 0))
        if self.progress is not None:
            self.progress(self._done, total)

    def _note_silence(self, silent: bool) -> None:
        now = time.monotonic()
        url = self.indices.connection.url
        if not silent:
            if self._silent:
                self.tell(f"{url} answers again")
            self._heard, self._silent = now, False
        elif not self._silent and now - self._heard > _SECONDS_OF_SILENCE:
            self._silent = True
            self.tell(f"waiting for {url}: it does not answer; what was loaded stays")


def load_part(part: PartLoad) -> int:
    """Load one part and record it as done; return the number of documents that were sent or deleted.

    Raises:
        TextIndexError: a document is refused, the index was replaced, or the cluster stays out of reach.
    """
    index = part.generation.index(part.table)
    client = part.connection.open(seconds=180.0, connections=IN_FLIGHT)
    try:
        for _ in range(_MOST_ATTEMPTS):
            before = _primary_state(client, part, index)
            rows = _rows(part)
            sent = send_all(client, part.connection, index, rows, policy=part.policy, size=part.request_bytes)
            repeat(lambda: _flush(client, index), part.connection, part.policy)
            if _primary_state(client, part, index) == before:
                _record_part(client, part, sent)
                return sent
    finally:
        client.close()
    raise TextIndexError(
        f"{part.connection.url}: {part.file} was sent {_MOST_ATTEMPTS} times, and each time a shard of {index} was"
        " lost before it was flushed; see the cluster's log"
    )


def _rows(part: PartLoad) -> Iterator[Record]:
    """Yield the documents of a part, read a few thousand rows at a time."""
    if part.older is not None:
        yield from _changes(part, part.older)
        return
    ids = _wikidata_ids(part.snapshot)
    with open_parquet(part.path) as file:
        for batch in part.left_out.filter(file.iter_batches(batch_size=_BATCH_ROWS)):
            yield from records(part.table, batch if ids is None else ids.beside(batch))


def _changes(part: PartLoad, older: OlderRows) -> Iterator[Record]:
    """Yield what makes of the older rows of a range of ids those of the part."""
    files = (part.path,) if part.path else ()
    bounds = older.first, older.end
    old_ids, new_ids = _wikidata_ids(older.snapshot), _wikidata_ids(part.snapshot)
    before = rows_between(part.table, older.paths, older.left_out, *bounds, old_ids)
    after = rows_between(part.table, files, part.left_out, *bounds, new_ids)
    yield from changed_records(part.table, before, after)


def _primary_state(client: Elasticsearch, part: PartLoad, index: str) -> _PrimaryState:
    """Return the state of an index's primary shards.

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
    return _PrimaryState(uuid, tuple(sorted(found["primary_terms"].items())))


def _flush(client: Elasticsearch, index: str) -> None:
    """Make durable all that the primaries of an index have acknowledged."""
    from elastic_transport import ConnectionError as Unreachable

    shards = client.indices.flush(index=index, wait_if_ongoing=True)["_shards"]
    if shards["successful"] < shards["total"]:
        # A shard that is just being started anew is not flushed; the next attempt finds it.
        raise Unreachable(f"{shards['successful']} of {shards['total']} shards were flushed")


def _record_part(client: Elasticsearch, part: PartLoad, sent: int) -> None:
    """Write down that a part is done; this index's translog is synchronous."""
    repeat(
        lambda: client.index(
            index=part.generation.progress,
            id=part.file,
            document={"index_uuid": part.index_uuid, "rows": sent},
        ),
        part.connection,
        part.policy,
    )


def _finished_rows(part: PartLoad) -> int | None:
    """Return the part's documents where the cluster's record knows it as done, None where it does not."""
    client = part.connection.open()
    try:
        indices = ClusterIndices(client, part.connection, part.policy)
        recorded = indices.recorded(part.generation, [part.file])
    finally:
        client.close()
    return part.documents if recorded.get(part.file) == part.index_uuid else None


def _switch(indices: ClusterIndices, names: Generation, keep: int) -> list[str]:
    """Move both aliases to a complete generation in one call; return the indices of older ones that it deleted."""
    actions: list[dict[str, Any]] = []
    for table in TABLES:
        name, target = alias(names.prefix, table), names.index(table)
        others = [index for index in _behind(indices, name) if index != target]
        actions += [{"remove": {"index": index, "alias": name}} for index in others]
        actions.append({"add": {"index": target, "alias": name}})
    indices.ask(lambda: indices.client.indices.update_aliases(actions=actions))
    indices.ask(lambda: indices.client.indices.delete(index=names.progress, ignore_unavailable=True))
    retired = _older(indices, names)[keep:]
    gone = [Generation(names.prefix, token).index(table) for token in retired for table in TABLES]
    for index in gone:
        indices.ask(partial(indices.client.indices.delete, index=index, ignore_unavailable=True))
    return gone


def _behind(indices: ClusterIndices, name: str) -> list[str]:
    """Return the indices that an alias stands for."""
    answer = indices.ask(lambda: indices.client.options(ignore_status=404).indices.get_alias(name=name).body)
    return [index for index, found in answer.items() if isinstance(found, dict) and "aliases" in found]


def _older(indices: ClusterIndices, names: Generation) -> list[str]:
    """Return the tokens of the other complete generations, newest first; what is still being loaded is left alone."""
    stem = f"{alias(names.prefix, 'sentences')}-"
    found = indices.ask(lambda: indices.client.indices.get(index=f"{stem}*", expand_wildcards="open").body)
    ages = {
        index.removeprefix(stem): int(about["settings"]["index"]["creation_date"])
        for index, about in found.items()
        if about["mappings"].get("_meta", {}).get("complete") is True
    }
    ages.pop(names.token, None)
    return sorted(ages, key=lambda token: ages[token], reverse=True)
