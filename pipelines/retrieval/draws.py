"""Random numbers that are the same on every machine, in every version of Python, in any order of asking."""

from __future__ import annotations

import hashlib

__all__ = ["draw_distinct"]


def draw_distinct(key: str, count: int, below: int) -> list[int]:
    """Gives `count` different numbers from 0 up to `below`, or all of them where there are no more.

    `key` decides them: SHA-256 of the key and a counter, taken modulo `below`.
    """
    drawn: dict[int, None] = {}
    attempt = 0
    while len(drawn) < min(count, below):
        digest = hashlib.sha256(f"{key}\n{attempt}".encode()).digest()
        drawn.setdefault(int.from_bytes(digest[:16], "big") % below)
        attempt += 1
    return list(drawn)
