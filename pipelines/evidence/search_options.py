"""Which text index to ask: options of the shape that the room of the text index will offer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from kc_schema.command import Share, options
from kc_schema.errors import UserError
from pipelines.text_index import Connection, TextIndexError

__all__ = ["SearchOptions", "corpus_errors_are_the_users"]


@contextmanager
def corpus_errors_are_the_users() -> Iterator[None]:
    """Let errors of the corpora be errors for the user, as long as their families do not say so themselves."""
    try:
        yield
    except TextIndexError as error:
        if isinstance(error, UserError):
            raise
        raise UserError(str(error)) from error


@options
@dataclass(frozen=True, kw_only=True)
class ClusterOptions:
    """How to reach a cluster of Elasticsearch."""

    elasticsearch_url: str | None = None
    """The cluster, http://host:port or https://host:port."""
    elasticsearch_api_key: str | None = field(default=None, repr=False)
    """Its API key (better: ELASTICSEARCH_API_KEY)."""
    elasticsearch_user: str | None = field(default=None, repr=False)
    """Its user (or ELASTICSEARCH_USER)."""
    elasticsearch_password: str | None = field(default=None, repr=False)
    """The user's password (better: ELASTICSEARCH_PASSWORD)."""
    elasticsearch_ca_file: Path | None = None
    """Certificates that sign the cluster's, in PEM (or ELASTICSEARCH_CA_FILE). [default: the system's]"""
    index_prefix: str | None = None
    """Of the cluster's aliases, PREFIX-sentences and PREFIX-paragraphs. [default: kc]"""

    @property
    def prefix(self) -> str:
        """The prefix of the aliases."""
        return self.index_prefix or "kc"

    def connection(self) -> Connection | None:
        """Return the connection, completed from the environment; None without an address."""
        if self.elasticsearch_url is None:
            return None
        return Connection.from_url(
            self.elasticsearch_url,
            api_key=self.elasticsearch_api_key,
            user=self.elasticsearch_user,
            password=self.elasticsearch_password,
            ca_file=None if self.elasticsearch_ca_file is None else str(self.elasticsearch_ca_file),
        )


@options
@dataclass(frozen=True, kw_only=True)
class SearchOptions:
    """Which index to ask, and how."""

    kc: Path = Path("kc")
    """The snapshot's folder."""
    max_document_frequency: Share | None = None
    """Leave out words in more than this share of the sentences (0.05, say): faster, other results. [default: none]"""
    cluster: ClusterOptions = field(default_factory=ClusterOptions)
