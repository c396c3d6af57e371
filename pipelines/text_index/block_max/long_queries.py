"""The compiled search for queries of very many words: all blocks of a window that may matter are scored together."""

# Types of compiled functions are inferred from their arguments.
# mypy: disable-error-code="no-untyped-def,untyped-decorator"

from __future__ import annotations

import numpy as np

from pipelines.text_index.block_max.block_scores import Positions, score_window
from pipelines.text_index.block_max.bound_sums import WINDOW, Seen, add_up
from pipelines.text_index.block_max.coding import BLOCK
from pipelines.text_index.block_max.compiling import compiled
from pipelines.text_index.block_max.kernels import (
    BLOCKWISE_WORDS,
    Asked,
    collect,
    find_lists,
    keep_found,
    needed_sum,
    scale_steps,
)

__all__ = ["search_long"]


@compiled
def search_long(index, norms, queries, group, best):
    """Do what `kernels.search_windows` does, for the queries of more than `BLOCKWISE_WORDS` words.

    It is compiled where one is asked.
    """
    blocks = len(index.block_places) - 1
    all_sums = np.zeros(WINDOW, np.uint16)
    candidates = np.empty(WINDOW, np.int64)
    found = np.empty((WINDOW, BLOCK))
    seen = Seen(
        np.empty(0, np.uint16),
        np.empty(0, np.uint8),
        np.empty(0, np.uint16),
        np.empty(0, np.uint16),
        np.empty((0, BLOCK), np.uint16),
    )
    for query in range(len(queries.places) - 1):
        first, last = queries.places[query], queries.places[query + 1]
        words = last - first
        if words <= BLOCKWISE_WORDS:
            continue
        terms, weights = queries.terms[first:last], queries.weights[first:last]
        at = Positions(np.zeros(words, np.int64), np.zeros(words, np.int64), np.zeros(words, np.int64))
        if not find_lists(index, terms, group, at.places, at.ends):
            return False
        behind = Positions(at.places.copy(), at.ends, at.blocks.copy())
        steps = np.zeros(words, np.uint16)
        asked = Asked(query, terms, weights, scale_steps(weights, steps))
        for start in range(0, blocks, WINDOW):
            sums = all_sums[: min(WINDOW, blocks - start)]
            add_up(index, sums, start, terms, steps, behind, seen)
            needed = needed_sum(best, asked)
            if collect(sums, needed, candidates):
                if not score_window(index, norms, terms, weights, at, start, sums, needed, found):
                    return False
                for block in range(len(sums)):
                    if sums[block] >= needed and not keep_found(
                        index, start + block, found[block], query, best
                    ):
                        return False
            at.places[:] = behind.places
            at.blocks[:] = behind.blocks
    return True
