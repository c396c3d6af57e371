"""The indices of a load in the cluster: made, checked, completed. The steps before and after the parts."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from kc_schema.snapshot import Snapshot
from pipelines.text_index.connection import Connection, RetryPolicy, Tell, repeat
from pipelines.text_index.indexed_rows import count_indexed
from pipelines.text_index.mappings import (
    TABLES,
    Generation,
    alias,
    loading_settings,
    mappings,
    serving_settings,
    shards_for,
)
from pipelines.text_index.protocol import TextIndexError

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch

__all__ = ["ClusterIndices"]

_SECONDS_FOR_SHARDS = 30
_MOST_SECONDS_BETWEEN_LOOKS = 5.0

Result = TypeVar("Result")


class ClusterIndices:
    """The administration of one cluster's indices, patient with a cluster that is away for a while."""

    def __init__(
        self, client: Elasticsearch, connection: Connection, policy: RetryPolicy, tell: Tell | None = None
    ) -> None:
        self.client = client
        self.connection = connection
        self._policy = policy
        self._tell = tell

    def ask(self, call: Callable[[], Result]) -> Result:
        """Call the cluster, patiently.

        Raises:
            TextIndexError: the call fails.
        """
        return repeat(call, self.connection, self._policy, self._tell)

    def error(self, message: str) -> TextIndexError:
        """Return an error that names the cluster."""
        return TextIndexError(f"{self.connection.url}: {message}")

    def is_complete(self, names: Generation, snapshot: Snapshot) -> bool:
        """Tell whether the snapshot was loaded to its end, and every document is still there."""
        for table in TABLES:
            mapping = self._mapping(names.index(table))
            meta = (mapping or {}).get("_meta", {})
            if meta.get("complete") is not True or meta.get("fingerprint") != snapshot.fingerprint:
                return False
            if self.count(names.index(table)) != _documents(names, snapshot, table):
                return False
        return True

    def prepare(self, names: Generation, snapshot: Snapshot, shards: int | None) -> dict[str, str]:
        """Make the indices that are not there yet; return the UUID of each by its table.

        Raises:
            TextIndexError: a name is taken by something else, or the cluster has no place for a shard.
        """
        self._refuse_indices_in_place_of_aliases(names)
        for table in TABLES:
            meta = self._meta(names.index(table))
            if (
                "updated_from" in meta
                or meta.get("fingerprint", snapshot.fingerprint) != snapshot.fingerprint
            ):
                # A clone of an older index that no update has finished holds what no load would delete.
                self.ask(partial(self.client.indices.delete, index=names.index(table)))
        wanted = shards or shards_for(_documents(names, snapshot, "sentences"))
        for table in TABLES:
            self._make(
                names.index(table),
                {
                    **mappings(table, with_wikidata_ids=names.with_wikidata_ids),
                    "_meta": _description(names, snapshot, complete=False),
                },
                loading_settings(wanted),
            )
        return self._make_record(names)

    def can_update(self, names: Generation, older: Snapshot) -> bool:
        """Tell whether the indices are clones of an older snapshot's, or are not there and can become such."""
        found = [self._meta(names.index(table)) for table in TABLES]
        return all(
            not meta or older.fingerprint in (meta.get("updated_from"), meta.get("fingerprint"))
            for meta in found
        )

    def clone(
        self, names: Generation, snapshot: Snapshot, older_names: Generation, older: Snapshot
    ) -> dict[str, str]:
        """Make the indices as clones of an older snapshot's, where they are not yet; return the UUID of each.

        Raises:
            TextIndexError: a name is taken by something else, or the cluster has no place for a shard.
        """
        self._refuse_indices_in_place_of_aliases(names)
        meta = {**_description(names, snapshot, complete=False), "updated_from": older.fingerprint}
        for table in TABLES:
            source, target = older_names.index(table), names.index(table)
            if self._mapping(target) is None:
                self._block_writes(source, True)
                self.ask(partial(self._clone, source, target))
                self._wait_for_primaries(target)
            # A clone says of itself what its source does, and so is not taken for complete.
            self.ask(partial(self.client.indices.put_mapping, index=target, meta=meta))
            self._block_writes(source, None)
            self._check_mapping(target, mappings(table, with_wikidata_ids=names.with_wikidata_ids))
        return self._make_record(names)

    def _make_record(self, names: Generation) -> dict[str, str]:
        """Make the index that lists finished parts; return the UUIDs of the others by table."""
        record: dict[str, Any] = {
            "dynamic": "strict",
            "properties": {"index_uuid": {"type": "keyword"}, "rows": {"type": "long"}},
        }
        self._make(names.progress, record, {"number_of_shards": 1, "auto_expand_replicas": "0-1"})
        for index in (*(names.index(table) for table in TABLES), names.progress):
            self._wait_for_primaries(index)
        return {table: self._uuid(names.index(table)) for table in TABLES}

    def recorded(self, names: Generation, files: Sequence[str]) -> dict[str, str]:
        """Return, for those of the parts that the record knows as done, the UUID of the index that took them."""
        if not files:
            return {}
        answers = self.ask(lambda: self.client.mget(index=names.progress, ids=list(files), realtime=True))
        return {
            file: answer["_source"]["index_uuid"]
            for file, answer in zip(files, answers["docs"], strict=True)
            if answer.get("found")
        }

    def taken(self, names: Generation) -> int | None:
        """Return how many documents the indices have taken since their nodes started; None where nobody answers."""
        try:
            answer = self.client.options(request_timeout=5).indices.stats(
                index=[names.index(table) for table in TABLES],
                metric="indexing",
                filter_path="_all.primaries.indexing.index_total",
            )
            return int(answer["_all"]["primaries"]["indexing"]["index_total"])
        except Exception:
            # Only shown, while the workers repeat their requests or name the error.
            return None

    def complete(self, names: Generation, snapshot: Snapshot, replicas: int | None) -> None:
        """Make what was loaded searchable, count it, merge it, give it replicas and mark it complete.

        Raises:
            TextIndexError: the cluster holds another number of documents than the manifest.
        """
        for table in TABLES:
            self._check_mapping(
                names.index(table), mappings(table, with_wikidata_ids=names.with_wikidata_ids)
            )
            self._check_count(names, table, _documents(names, snapshot, table))
        for table in TABLES:
            index = names.index(table)
            self._merge(index)
            settings = serving_settings(replicas)
            self.ask(partial(self.client.indices.put_settings, index=index, settings=settings))
            self._wait_for_primaries(index)
            self._check_count(names, table, _documents(names, snapshot, table))
        for table in TABLES:
            index, meta = names.index(table), _description(names, snapshot, complete=True)
            self.ask(partial(self.client.indices.put_mapping, index=index, meta=meta))

    def count(self, index: str) -> int:
        """Return the number of documents of an index, all of its shards being there."""

        def ask() -> int:
            self.client.indices.refresh(index=index)
            answer = self.client.count(index=index)
            shards = answer["_shards"]
            if shards["successful"] < shards["total"]:
                raise self.error(f"only {shards['successful']} of {shards['total']} shards of {index} answer")
            return int(answer["count"])

        return self.ask(ask)

    def _check_count(self, names: Generation, table: str, rows: int) -> None:
        index = names.index(table)
        found = self.count(index)
        if found == rows:
            return
        # The record of finished parts was wrong: without it the next run sends every part once more.
        self.ask(lambda: self.client.indices.delete(index=names.progress, ignore_unavailable=True))
        raise self.error(
            f"{index} holds {found:,} documents, the manifest says {rows:,}; the same command sends all of them"
            f" again (delete {index} first where it holds too many)"
        )

    def _make(self, index: str, mapping: dict[str, Any], settings: dict[str, Any]) -> None:
        there = self._mapping(index)
        if there is None:
            self.ask(lambda: self._create(index, mapping, settings))
        self._check_mapping(index, mapping)

    def _create(self, index: str, mapping: dict[str, Any], settings: dict[str, Any]) -> None:
        from elasticsearch import BadRequestError

        try:
            # A cluster without room for the shards answers at once, and _wait_for_primaries says why.
            self.client.indices.create(
                index=index, mappings=mapping, settings=settings, wait_for_active_shards="0"
            )
        except BadRequestError as error:
            # Made by another machine that loads the same snapshot, or by a request whose answer was lost.
            if error.error != "resource_already_exists_exception":
                raise

    def _clone(self, source: str, target: str) -> None:
        from elasticsearch import BadRequestError

        fixed = ("number_of_shards", "codec", "similarity")  # those of the source
        filling = {name: value for name, value in loading_settings(1).items() if name not in fixed}
        settings = {"index": {**filling, "auto_expand_replicas": "false", "blocks.write": None}}
        try:
            self.client.indices.clone(
                index=source, target=target, settings=settings, wait_for_active_shards="0"
            )
        except BadRequestError as error:
            # Made by a request whose answer was lost.
            if error.error != "resource_already_exists_exception":
                raise

    def _block_writes(self, index: str, blocked: bool | None) -> None:
        """Let an index take no writes, as the source of a clone must; None lets it take them again."""
        settings = {"index.blocks.write": blocked}
        self.ask(lambda: self.client.indices.put_settings(index=index, settings=settings))

    def _meta(self, index: str) -> dict[str, Any]:
        """Return what an index says of itself; nothing where it is not there."""
        found: dict[str, Any] = (self._mapping(index) or {}).get("_meta", {})
        return found

    def _check_mapping(self, index: str, wanted: dict[str, Any]) -> None:
        there = self._mapping(index) or {}
        for name in ("dynamic", "properties"):
            if there.get(name) != wanted.get(name):
                raise self.error(
                    f"{index} has another mapping ({name}: {there.get(name)}): it was not made by this command;"
                    f" delete it (DELETE {index}), and the same command makes it anew"
                )

    def _mapping(self, index: str) -> dict[str, Any] | None:
        answer = self.ask(
            lambda: (
                self.client.indices.get_mapping(
                    index=index, ignore_unavailable=True, allow_no_indices=True
                ).body
            )
        )
        found: dict[str, Any] | None = answer.get(index, {}).get("mappings")
        return found

    def _uuid(self, index: str) -> str:
        answer = self.ask(lambda: self.client.indices.get_settings(index=index, name="index.uuid"))
        return str(answer[index]["settings"]["index"]["uuid"])

    def _refuse_indices_in_place_of_aliases(self, names: Generation) -> None:
        for table in TABLES:
            self._refuse_index_in_place_of_alias(alias(names.prefix, table))

    def _refuse_index_in_place_of_alias(self, name: str) -> None:
        answer = self.ask(lambda: self.client.indices.get(index=name, ignore_unavailable=True).body)
        if name in answer:
            raise self.error(
                f"{name} is an index, where an alias must be; delete it (DELETE {name}) or give another --index-prefix"
            )

    def _wait_for_primaries(self, index: str) -> None:
        """Wait until every shard has its primary.

        Raises:
            TextIndexError: the cluster will not give a shard a node, or takes too long.
        """
        started = time.monotonic()
        reason = ""
        while time.monotonic() - started < _SECONDS_FOR_SHARDS:
            health = self.ask(
                lambda: (
                    self.client.options(ignore_status=408)
                    .cluster.health(
                        index=index,
                        wait_for_status="yellow",
                        wait_for_no_initializing_shards=True,
                        timeout="2s",
                    )
                    .body
                )
            )
            if health["status"] != "red":
                return
            final, reason = self._why_unassigned(index)
            if final:
                break
        raise self.error(f"{index} has no place for its shards: {reason}")

    def _why_unassigned(self, index: str) -> tuple[bool, str]:
        """Return the cluster's own explanation for a shard without a node, and whether waiting is of no use."""
        answer = self.ask(
            lambda: (
                self.client.options(ignore_status=400)
                .cluster.allocation_explain(index=index, shard=0, primary=True)
                .body
            )
        )
        reasons = {
            decider["explanation"]
            for node in answer.get("node_allocation_decisions", [])
            for decider in node.get("deciders", [])
            if decider.get("decision") == "NO"
        }
        why = "; ".join(sorted(reasons)) or str(answer.get("allocate_explanation", "see the cluster's log"))
        return bool(reasons) and answer.get("can_allocate") == "no", why

    def _merge(self, index: str) -> None:
        """Merge every shard into one segment, however long that takes."""
        while True:
            task = self.ask(
                lambda: self.client.indices.forcemerge(
                    index=index, max_num_segments=1, wait_for_completion=False
                )["task"]
            )
            if self._wait_for_task(task):
                return

    def _wait_for_task(self, task: str) -> bool:
        """Tell whether the task came to its end; False where its node died with it."""
        headers = {"accept": "application/json"}
        pause = 0.05
        while True:
            status = self.ask(lambda: self._task(task, headers))
            if status is None:
                return False
            if status.get("completed"):
                return "error" not in status
            time.sleep(pause)
            pause = min(2 * pause, _MOST_SECONDS_BETWEEN_LOOKS)

    def _task(self, task: str, headers: dict[str, str]) -> dict[str, Any] | None:
        from elasticsearch import NotFoundError

        try:
            answer = self.client.perform_request("GET", f"/_tasks/{task}", headers=headers)
        except NotFoundError:
            return None
        body: dict[str, Any] = answer.body
        return body


def _documents(names: Generation, snapshot: Snapshot, table: str) -> int:
    return count_indexed(snapshot, table, with_apparatus=names.with_apparatus)


def _description(names: Generation, snapshot: Snapshot, *, complete: bool) -> dict[str, Any]:
    """Return what an index says of itself."""
    return {
        "fingerprint": snapshot.fingerprint,
        "base": str(snapshot.manifest.dump.get("base", "")),
        "complete": complete,
        "with_apparatus": names.with_apparatus,
    }
