"""Repeating what a cluster refused for now: back-off with jitter, and what counts as refused for now."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from pipelines.text_index.connection import Connection, explain
from pipelines.text_index.protocol import TextIndexError

__all__ = ["PASSING_STATUSES", "RetryPolicy", "passing_reason", "repeat"]

PASSING_STATUSES = frozenset({429, 502, 503, 504})
"""Too many requests, and gateways or shards that are not there now."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How patiently to repeat."""

    first_seconds: float = 0.5
    """Longest pause before the first repetition; it doubles with each."""
    most_seconds: float = 30.0
    give_up_seconds: float = 600.0
    """Time without any success after which the error is final: longer than a node takes to start."""

    def pauses(self) -> Iterator[float]:
        """Gives the pauses to make, each drawn between half of its limit and all of it."""
        limit = self.first_seconds
        while True:
            yield random.uniform(limit / 2, limit)
            limit = min(2 * limit, self.most_seconds)


def passing_reason(error: Exception) -> str | None:
    """Gives the reason where repeating may help; None where it does not."""
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


def repeat(call: Callable[[], Result], connection: Connection, policy: RetryPolicy) -> Result:
    """Calls until it succeeds, with pauses while the cluster cannot be reached or refuses for now.

    Raises:
        TextIndexError: another error, or no success within the policy's time.
    """
    started = time.monotonic()
    for pause in policy.pauses():
        try:
            return call()
        except Exception as error:
            if passing_reason(error) is None:
                raise explain(error, connection) from error
            if time.monotonic() - started + pause > policy.give_up_seconds:
                raise TextIndexError(
                    f"{explain(error, connection)} (for {policy.give_up_seconds:.0f} s)"
                ) from error
        time.sleep(pause)
    raise AssertionError("pauses never end")
