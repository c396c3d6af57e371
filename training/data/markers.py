"""Markers around the subject and the object of a relation (paper section 2.2, after PURE)."""

from __future__ import annotations

__all__ = ["MARKERS", "place_markers"]

MARKERS = ("<S>", "</S>", "<O>", "</O>")


def place_markers(length: int, subject: tuple[int, int], obj: tuple[int, int]) -> list[tuple[int, str]]:
    """Gives the markers in reading order, each with the token before which it stands (`length`: the end).

    Where one span holds the other its markers stand outside; spans that are equal have the subject's outside.
    Spans that cross can only cross. An ending marker stands before a beginning one at the same place.

    Raises:
        ValueError: a span is empty or leaves the tokens.
    """
    placed: list[tuple[tuple[int, int, int, int], int, str]] = []
    for order, (name, (start, end)) in enumerate((("S", subject), ("O", obj))):
        if not 0 <= start < end <= length:
            raise ValueError(f"span [{start}, {end}) of {name} does not lie in {length} tokens")
        # At one place: endings first, the inner before the outer; then beginnings, the outer before the inner.
        placed.append(((end, 0, -start, -order), end, f"</{name}>"))
        placed.append(((start, 1, -end, order), start, f"<{name}>"))
    return [(place, marker) for _, place, marker in sorted(placed)]
