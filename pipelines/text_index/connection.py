"""A connection to an Elasticsearch cluster: address, credentials, patience, and errors in one line.

Nothing here needs the client library until a connection is opened. Credentials never leave this record but for
the client: they are not shown, not logged, not written.
"""

from __future__ import annotations

import os
import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import unquote, urlsplit, urlunsplit

from pipelines.text_index.protocol import TextIndexError

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch

__all__ = [
    "PASSING_STATUSES",
    "VARIABLES",
    "BackOff",
    "Connection",
    "RetryPolicy",
    "check_cluster",
    "explain",
    "is_url",
    "passing_reason",
    "repeat",
]

VARIABLES = {
    "api_key": "ELASTICSEARCH_API_KEY",
    "user": "ELASTICSEARCH_USER",
    "password": "ELASTICSEARCH_PASSWORD",
    "ca_file": "ELASTICSEARCH_CA_FILE",
}
"""Environment variables by the field that they fill."""

PASSING_STATUSES = frozenset({429, 502, 503, 504})
"""Too many requests, and gateways or shards that are not there now."""

Result = TypeVar("Result")
Tell = Callable[[str], object]
"""Takes a line that is meant for the user."""

_SECONDS_TO_ANSWER = 5.0
_SECONDS_BEFORE_TELLING = 2.0


def is_url(place: str | Path) -> bool:
    """Tell whether `place` is an address rather than a folder."""
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
        """Return the connection to `url`; what is None comes from the address or the environment (`VARIABLES`).

        Raises:
            TextIndexError: no address, credentials that are incomplete or come twice, or no such CA file.
        """
        try:
            parts = urlsplit(url)
            usable = is_url(url) and bool(parts.hostname) and parts.port != 0
        except ValueError:  # a port that is none, half of an IPv6 address
            usable = False
        if not usable:
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
        """Return a client; certificates are always checked.

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
    """Return an error of the client library as one line that says what to do."""
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
        return TextIndexError(f"{url}: cannot be reached: {_cause(error)}; is it running there?")
    return TextIndexError(f"{url}: {error}")


def _cause(error: Exception) -> str:
    """Return the innermost reason why a connection failed, without the libraries' names of things."""
    message = " ".join(str(getattr(error, "message", error)).split())
    reason = re.split(r"(?<=[)>]): ", message)[-1]
    while reason.endswith(")") and reason.count(")") > reason.count("("):
        reason = reason[:-1]
    return reason


def _reason(error: Exception) -> str:
    """The reason in the body of an answer, else all that there is."""
    body = getattr(error, "body", None)
    if isinstance(body, dict):
        inner = body.get("error", body)
        if isinstance(inner, dict):
            return str(inner.get("reason") or inner.get("type") or inner)
        return str(inner)
    return " ".join(str(error).split())[:500]


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How patiently to repeat."""

    first_seconds: float = 0.5
    """Longest pause before the first repetition; it doubles with each."""
    most_seconds: float = 30.0
    give_up_seconds: float = 600.0
    """Time without any success after which the error is final: longer than a node takes to start."""


class BackOff:
    """The pauses between attempts at one thing: growing, random, and not for ever."""

    def __init__(
        self,
        connection: Connection,
        policy: RetryPolicy,
        *,
        wait: Callable[[float], object] = time.sleep,
        tell: Tell | None = None,
    ) -> None:
        """Begin to count the time without success.

        Args:
            wait: waits for a number of seconds, or less where something else ends the attempts.
            tell: takes one line where the waiting becomes long.
        """
        self._connection = connection
        self._policy = policy
        self._wait = wait
        self._tell = tell
        self._limit = policy.first_seconds
        self._since = time.monotonic()

    def progressed(self) -> None:
        """Take note that some of it succeeded."""
        self._since = time.monotonic()

    def pause(self, error: TextIndexError) -> None:
        """Wait before the next attempt.

        Raises:
            TextIndexError: `error`, where nothing succeeded within the policy's time.
        """
        seconds = random.uniform(self._limit / 2, self._limit)
        waited = time.monotonic() - self._since
        if waited + seconds > self._policy.give_up_seconds:
            raise TextIndexError(f"{error} (for {self._policy.give_up_seconds:.0f} s)") from error
        if self._tell is not None and waited + seconds > _SECONDS_BEFORE_TELLING:
            self._tell(
                f"waiting for {self._connection.url} (at most {self._policy.give_up_seconds:.0f} s): {error}"
            )
            self._tell = None
        self._wait(seconds)
        self._limit = min(2 * self._limit, self._policy.most_seconds)


def passing_reason(error: Exception) -> str | None:
    """Return the reason where repeating may help; None where it does not."""
    import elasticsearch
    from elastic_transport import TlsError

    if isinstance(error, elasticsearch.ApiError):
        return f"status {error.status_code}" if error.status_code in PASSING_STATUSES else None
    if isinstance(error, TlsError):
        return None
    if isinstance(error, (elasticsearch.TransportError, elasticsearch.SerializationError)):
        # Connection refused, cut or timed out, or an answer that breaks off: what became of the request is
        # not known, which ids that are always the same make harmless.
        return " ".join(str(error).split())[:300]
    return None


def repeat(
    call: Callable[[], Result], connection: Connection, policy: RetryPolicy, tell: Tell | None = None
) -> Result:
    """Call until it succeeds, with pauses while the cluster cannot be reached or refuses for now.

    Raises:
        TextIndexError: another error, or no success within the policy's time.
    """
    back_off = BackOff(connection, policy, tell=tell)
    while True:
        try:
            return call()
        except Exception as error:
            explained = explain(error, connection)
            if passing_reason(error) is None:
                raise explained from error
            back_off.pause(explained)


def check_cluster(connection: Connection, tell: Tell | None = None, *, patience: float = 120.0) -> None:
    """Try a cluster before any work: refuse one that does not answer, wait for one that is only not ready.

    Args:
        tell: takes a line that says what is waited for.
        patience: seconds to wait for a cluster that answers 429 or 502 to 504.

    Raises:
        TextIndexError: nothing answers within seconds, the credentials are refused, or it is no Elasticsearch.
    """
    back_off = BackOff(connection, RetryPolicy(1.0, 5.0, patience), tell=tell)
    client = connection.open(seconds=_SECONDS_TO_ANSWER)
    try:
        while True:
            try:
                client.info()
                return
            except Exception as error:
                status = getattr(error, "status_code", None)
                if status == 403:  # who may only search need not be allowed to ask for the version
                    return
                explained = explain(error, connection)
                if status == 404:
                    explained = TextIndexError(f"{connection.url}: answers, but is not Elasticsearch")
                if status not in PASSING_STATUSES:
                    raise explained from error
                back_off.pause(explained)
    finally:
        client.close()
