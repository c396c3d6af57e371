"""The compiled search for words in the vocabulary of the index."""

# Types of compiled functions are inferred from their arguments.
# mypy: disable-error-code="no-untyped-def,untyped-decorator"

from __future__ import annotations

import numpy as np

from pipelines.text_index.block_max.coding import compiled, read_number

__all__ = ["find_terms"]


@compiled
def find_terms(data, group_places, group_size, count, wanted, wanted_places, found):
    """Find words in the sorted, front-coded vocabulary; `found` gets their places in its order, or -1."""
    word = np.zeros(1 << 16, np.uint8)
    for number in range(len(wanted_places) - 1):
        target = wanted[wanted_places[number] : wanted_places[number + 1]]
        found[number] = -1
        low, high = 0, len(group_places) - 1  # the last group whose first word is not above the target
        while low < high:
            middle = (low + high) // 2
            place = group_places[middle]
            _, place = read_number(data, place)
            size, place = read_number(data, place)
            if _compare(data[place : place + size], target) <= 0:
                low = middle + 1
            else:
                high = middle
        if low == 0:
            continue
        place = group_places[low - 1]
        term = (low - 1) * group_size
        for at in range(term, min(term + group_size, count)):
            shared, place = read_number(data, place)
            size, place = read_number(data, place)
            if size > len(data) - place or shared + size > len(word):
                break
            word[shared : shared + size] = data[place : place + size]
            place += size
            order = _compare(word[: shared + size], target)
            if order >= 0:
                if order == 0:
                    found[number] = at
                break


@compiled
def _compare(one, other):
    for place in range(min(len(one), len(other))):
        if one[place] != other[place]:
            return -1 if one[place] < other[place] else 1
    return len(one) - len(other)
