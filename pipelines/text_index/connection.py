"""A connection to an Elasticsearch cluster: address, credentials, certificates, and errors in one line.

Nothing here needs the client library until a connection is opened. Credentials never leave this record but for
the client: they are not shown, not logged, not written.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit, urlunsplit

from pipelines.text_index.protocol import TextIndexError

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch

__all__ = ["Connection", "explain", "is_url"]

VARIABLES = {
    "api_key": "ELASTICSEARCH_API_KEY",
    "user": "ELASTICSEARCH_USER",
    "password": "ELASTICSEARCH_PASSWORD",
    "ca_file": "ELASTICSEARCH_CA_FILE",
}
"""Environment variables by the field that they fill."""


def is_url(place: str | Path) -> bool:
    """Tells whether `place` is an address rather than a folder."""
    return str(place).startswith(("http://", "https://"))


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach a cluster; picklable, so that workers can connect by themselves."""

    url: str
    """``http(s)://host[:port][/path]``, without credentials."""
    api_key: str | None = field(default=None, repr=False)
    """As Kibana shows it (base64 of id and key)."""
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    ca_file: str | None = None
    """Certificates that sign the server's, in PEM; None takes those of the system."""

    @classmethod
    def from_url(
        cls,
        url: str,
        *,
        api_key: str | None = None,
        user: str | None = None,
        password: str | None = None,
        ca_file: str | None = None,
        environment: Mapping[str, str] = os.environ,
    ) -> Connection:
        """Gives the connection to `url`; what is None comes from the address or the environment (`VARIABLES`).

        Raises:
            TextIndexError: no address, credentials that are incomplete or come twice, or no such CA file.
        """
        parts = urlsplit(url)
        if not is_url(url) or not parts.hostname:
            raise TextIndexError("the Elasticsearch address must read http://host:port or https://host:port")
        host = parts.netloc.rpartition("@")[2]
        if parts.username is not None:
            user = user or unquote(parts.username)
            password = password or (unquote(parts.password) if parts.password is not None else None)
        connection = cls(
            urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", "")), api_key, user, password, ca_file
        )
        return connection._completed(environment)

    def _completed(self, environment: Mapping[str, str]) -> Connection:
        variables = {name: environment.get(variable) or None for name, variable in VARIABLES.items()}
        connection = self
        if self.api_key is None and self.user is None:
            connection = replace(connection, api_key=variables["api_key"], user=variables["user"])
        if connection.user is not None and connection.password is None:
            connection = replace(connection, password=variables["password"])
        if connection.ca_file is None and self.url.startswith("https://"):
            connection = replace(connection, ca_file=variables["ca_file"])
        connection._check()
        return connection

    def _check(self) -> None:
        if self.api_key is not None and self.user is not None:
            raise TextIndexError(f"{self.url}: an API key and a user are given; give one of them")
        if self.user is not None and self.password is None:
            raise TextIndexError(f"{self.url}: a user without a password; set {VARIABLES['password']}")
        if self.ca_file is not None and not Path(self.ca_file).is_file():
            raise TextIndexError(f"{self.ca_file}: no such file of CA certificates")
        if self.ca_file is not None and not self.url.startswith("https://"):
            raise TextIndexError(f"{self.url}: a CA file is given, the address is not https")

    def open(self, *, retries: int = 0, seconds: float = 120.0, connections: int = 10) -> Elasticsearch:
        """Gives a client; certificates are always checked.

        Args:
            retries: how often the client itself repeats a request that was lost, refused (429) or timed out.
            seconds: after which a request counts as lost.
            connections: kept open for requests side by side.

        Raises:
            TextIndexError: the client library is not installed, or the CA file cannot be used.
        """
        try:
            import elasticsearch
        except ImportError as error:
            raise TextIndexError(
                "the Elasticsearch client is not installed: pip install 'entity-knowledge-corpus[elasticsearch]'"
            ) from error
        port = urlsplit(self.url).port
        url = self.url if port else f"{self.url}:{443 if self.url.startswith('https') else 9200}"
        if not port and (path := urlsplit(self.url).path):
            url = f"{self.url.removesuffix(path)}:{443 if self.url.startswith('https') else 9200}{path}"
        security: dict[str, object] = {}
        if self.api_key is not None:
            security["api_key"] = self.api_key
        if self.user is not None and self.password is not None:
            security["basic_auth"] = (self.user, self.password)
        if self.ca_file is not None:
            security["ca_certs"] = self.ca_file
        try:
            return elasticsearch.Elasticsearch(
                url,
                request_timeout=seconds,
                max_retries=retries,
                retry_on_timeout=retries > 0,
                retry_on_status=(429, 502, 503, 504) if retries else (),
                connections_per_node=connections,
                http_compress=self.url.startswith("https://"),
                **security,  # type: ignore[arg-type]
            )
        except (OSError, ValueError) as error:
            raise TextIndexError(f"{self.ca_file or self.url}: {error}") from error


def explain(error: Exception, connection: Connection) -> TextIndexError:
    """Gives an error of the client library as one line that says what to do."""
    import elasticsearch
    from elastic_transport import TlsError

    url = connection.url
    if isinstance(error, TextIndexError):
        return error
    if isinstance(error, elasticsearch.AuthenticationException):
        given = (
            "an API key"
            if connection.api_key
            else f"the user {connection.user}"
            if connection.user
            else "nobody"
        )
        return TextIndexError(
            f"{url}: the cluster does not accept the credentials (401, asked as {given}); check"
            f" {VARIABLES['api_key']}, or {VARIABLES['user']} and {VARIABLES['password']}"
        )
    if isinstance(error, elasticsearch.AuthorizationException):
        return TextIndexError(f"{url}: the credentials do not allow this (403): {_reason(error)}")
    if isinstance(error, TlsError) and "CERTIFICATE_VERIFY_FAILED" not in error.message:
        return TextIndexError(f"{url}: no secure connection ({error.message}); does the cluster speak https?")
    if isinstance(error, TlsError):
        return TextIndexError(
            f"{url}: the certificate is not trusted ({error.message}); give the CA's file with"
            f" --elasticsearch-ca-file or {VARIABLES['ca_file']}"
        )
    if isinstance(error, elasticsearch.UnsupportedProductError):
        return TextIndexError(f"{url}: answers, but is not Elasticsearch")
    if isinstance(error, elasticsearch.ApiError):
        return TextIndexError(f"{url}: {error.status_code}: {_reason(error)}")
    if isinstance(error, elasticsearch.TransportError):
        return TextIndexError(f"{url}: cannot be reached: {error.message}")
    return TextIndexError(f"{url}: {error}")


def _reason(error: Exception) -> str:
    """The reason in the body of an answer, else all that there is."""
    body = getattr(error, "body", None)
    if isinstance(body, dict):
        inner = body.get("error", body)
        if isinstance(inner, dict):
            return str(inner.get("reason") or inner.get("type") or inner)
        return str(inner)
    return " ".join(str(error).split())[:500]
