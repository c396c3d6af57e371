"""How long to wait before a server is asked again: as long as it says, or by chance, longer every time."""

from __future__ import annotations

import email.utils
import random
import time

__all__ = ["random_delay", "retry_after"]


def retry_after(value: str | None) -> float | None:
    """Return the seconds of a ``Retry-After``, which names seconds or a date (RFC 9110, section 10.2.3).

    None where there is no such header, or where it names neither.
    """
    value = (value or "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def random_delay(failures: int, first: float, longest: float) -> float:
    """Return the seconds to wait after so many failures in a row: exponential, with full jitter.

    (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/)

    Args:
        failures: 1 after the first one.
        first: the longest delay after the first failure, in seconds; it doubles with every other.
        longest: the longest delay of all.
    """
    return random.uniform(0.0, min(longest, first * 2.0 ** min(failures - 1, 60)))
