"""What a data set holds, in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from typing import Any

from kc_schema.retrieval_cache import Example
from pipelines.datasets.dataset import QUIRKS, Dataset
from pipelines.datasets.labels import entities_of, strict_count
from pipelines.datasets.tokens import fold

__all__ = ["PUBLISHED_SIZES", "find_leaks", "summarise"]

PUBLISHED_SIZES = {
    "twitter15": {"train": 4000, "dev": 1000, "test": 3257},
    "twitter17": {"train": 3373, "dev": 723, "test": 723},
    "snap": {"train": 4290, "dev": 1432, "test": 1459},
    "wikidiverse": {"train": 6312, "dev": 755, "test": 757},
    "mnre": {"train": 12247, "dev": 1624, "test": 1614},
}
"""Examples of the splits as the MoRe paper gives them (section 3.1, "Datasets")."""


def summarise(dataset: Dataset) -> dict[str, Any]:
    """Return sizes, labels, quirks and leaks between splits, as JSON values.

    ``entities`` counts by the lenient reading, ``entities_strict`` ``B-`` and ``S-`` only.
    """
    published = PUBLISHED_SIZES.get(dataset.name, {})
    return {
        "dataset": dataset.name,
        "task": dataset.task,
        "splits": {
            split: {
                "file": dataset.files[split].name,
                "examples": len(examples),
                "published": published.get(split),
                "tokens": sum(len(example.tokens) for example in examples),
                "images": len({example.image for example in examples if example.image is not None}),
                **(_entities(examples) if dataset.task == "ner" else _relations(examples)),
            }
            for split, examples in dataset.splits.items()
        },
        "quirks": {
            name: {
                "meaning": QUIRKS[name],
                "counts": dict(dataset.quirks.counts[name]),
                "places": dataset.quirks.places[name],
            }
            for name in dataset.quirks
        },
        "leaks": find_leaks(dataset),
        **({"no_relation": dataset.no_relation} if dataset.task == "re" else {}),
    }


def _entities(examples: Sequence[Example]) -> dict[str, Any]:
    types = Counter(entity.type for example in examples for entity in entities_of(example.labels or ()))
    return {
        "entities": sum(types.values()),
        "entities_strict": sum(strict_count(example.labels or ()) for example in examples),
        "types": _by_count(types),
    }


def _relations(examples: Sequence[Example]) -> dict[str, Any]:
    return {"relations": _by_count(Counter(str(example.relation) for example in examples))}


def _by_count(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def find_leaks(dataset: Dataset) -> list[dict[str, Any]]:
    """Return, for every two splits, how many different texts and how many images stand in both.

    ``texts`` are the same as written, ``texts_folded`` but for case, punctuation and signs.
    """
    leaks = []
    for one, other in combinations(dataset.splits, 2):
        same = _texts(dataset, one).keys() & _texts(dataset, other).keys()
        first, second = _folded(dataset, one), _folded(dataset, other)
        folded = sorted(first.keys() & second.keys(), key=lambda text: (first[text], second[text]))
        leaks.append(
            {
                "splits": [one, other],
                "texts": len(same),
                "texts_folded": len(folded),
                "images": len(_images(dataset, one) & _images(dataset, other)),
                "examples": [[first[text], second[text]] for text in folded[:3]],
            }
        )
    return leaks


def _texts(dataset: Dataset, split: str) -> dict[tuple[str, ...], str]:
    return {example.tokens: example.example_id for example in reversed(dataset.splits[split])}


def _folded(dataset: Dataset, split: str) -> dict[str, str]:
    texts = {fold(example.tokens): example.example_id for example in reversed(dataset.splits[split])}
    texts.pop("", None)
    return texts


def _images(dataset: Dataset, split: str) -> set[str]:
    return {example.image for example in dataset.splits[split] if example.image is not None}
