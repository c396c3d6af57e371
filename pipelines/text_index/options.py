"""The options of the text index, the same for every command that has one."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from kc_schema.command import Count, Positive, Share, options
from kc_schema.errors import UsageError
from pipelines.text_index import TextIndex, open_index
from pipelines.text_index.connection import Connection, Tell, check_cluster

__all__ = ["ClusterOptions", "SearchOptions", "TextIndexOptions"]


@options
@dataclass(frozen=True, kw_only=True)
class ClusterOptions:
    """How to reach a cluster of Elasticsearch."""

    elasticsearch_url: str | None = field(default=None, repr=False)
    """The cluster, http://host:port or https://host:port."""
    index_prefix: str | None = None
    """Of the cluster's aliases, PREFIX-sentences and PREFIX-paragraphs. [default: kc]"""
    elasticsearch_api_key: str | None = field(default=None, repr=False)
    """Its API key (better: ELASTICSEARCH_API_KEY in the environment)."""
    elasticsearch_user: str | None = field(default=None, repr=False)
    """Its user (or ELASTICSEARCH_USER)."""
    elasticsearch_password: str | None = field(default=None, repr=False)
    """The user's password (better: ELASTICSEARCH_PASSWORD)."""
    elasticsearch_ca_file: Path | None = None
    """Certificates that sign the cluster's, in PEM (or ELASTICSEARCH_CA_FILE). [default: the system's]"""

    @property
    def prefix(self) -> str:
        """The prefix of the aliases."""
        return self.index_prefix or "kc"

    def connection(self) -> Connection | None:
        """Return the connection, completed from the environment; None where no address is given.

        Raises:
            pipelines.text_index.TextIndexError: an address or credentials that cannot be used.
        """
        if self.elasticsearch_url is None:
            return None
        ca_file = self.elasticsearch_ca_file
        return Connection.from_url(
            self.elasticsearch_url,
            api_key=self.elasticsearch_api_key,
            user=self.elasticsearch_user,
            password=self.elasticsearch_password,
            ca_file=None if ca_file is None else str(ca_file),
        )


Cluster = Annotated[ClusterOptions, Parameter(group="Elasticsearch")]


@options
@dataclass(frozen=True, kw_only=True)
class TextIndexOptions:
    """Which index to make."""

    text_index: Literal["tantivy", "elasticsearch", "none"] | None = None
    """Where sentences are indexed: in the snapshot, in a cluster, or nowhere. [default: by --elasticsearch-url]"""
    with_apparatus: bool = False
    """Index sections of references, notes and links, too; they are left out otherwise."""
    cluster: Cluster = ClusterOptions()
    keep: Annotated[Count | None, Parameter(group="Elasticsearch")] = None
    """Older snapshots that stay in the cluster when the aliases move. [default: 1]"""
    shards: Annotated[Positive | None, Parameter(group="Elasticsearch")] = None
    """Primary shards. [default: one for every 50M sentences]"""
    replicas: Annotated[Count | None, Parameter(group="Elasticsearch")] = None
    """Copies of the loaded indices. [default: 1 where the cluster has another node for it]"""

    @property
    def kind(self) -> Literal["tantivy", "elasticsearch", "none"]:
        """The index to make."""
        if self.text_index is not None:
            return self.text_index
        return "tantivy" if self.cluster.elasticsearch_url is None else "elasticsearch"

    def check(self, tell: Tell | None = None) -> None:
        """Refuse what cannot work before any work is done: a cluster must answer, too.

        Args:
            tell: takes a line where a cluster that is not ready is waited for.

        Raises:
            UsageError: a cluster without an address, options of a cluster without one, or of an index without one.
            pipelines.text_index.TextIndexError: wrong credentials, or a cluster that does not answer.
        """
        if self.kind == "none" and self.with_apparatus:
            raise UsageError("--with-apparatus goes with an index, and --text-index none makes none")
        if self.kind == "elasticsearch":
            connection = self.cluster.connection()
            if connection is None:
                raise UsageError("--text-index elasticsearch needs --elasticsearch-url URL")
            check_cluster(connection, tell)
            return
        given = {f.name: getattr(self.cluster, f.name) for f in fields(self.cluster)}
        given |= {"keep": self.keep, "shards": self.shards, "replicas": self.replicas}
        for name, value in given.items():
            if value is not None:
                option = f"--{name.replace('_', '-')}"
                raise UsageError(f"{option} goes with --text-index elasticsearch and --elasticsearch-url")


@options
@dataclass(frozen=True, kw_only=True)
class SearchOptions:
    """Which index to ask, and how."""

    kc: Path = Path("kc")
    """The snapshot's folder."""
    max_document_frequency: Share | None = None
    """Leave out words in more than this share of the sentences (0.05, say): faster, other results. [default: none]"""
    cluster: Cluster = ClusterOptions()

    def open_index(self, tell: Tell | None = None) -> TextIndex:
        """Open the index that the options name.

        Args:
            tell: takes a line where a cluster that is not ready is waited for.

        Raises:
            kc_schema.snapshot.SnapshotError: no finished snapshot there.
            pipelines.text_index.TextIndexError: no index there, or a cluster that does not answer.
        """
        return open_index(
            self.cluster.connection() or self.kc,
            max_document_frequency=self.max_document_frequency,
            index_prefix=self.cluster.prefix,
            tell=tell,
        )
