"""What the evidence of a cache is worth, in numbers: the report that is written beside it and printed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import combinations
from typing import Any

from kc_schema.anchors import AnchorError, parse
from kc_schema.retrieval_cache import Example
from pipelines.datasets.entities import entities_of
from pipelines.datasets.tokens import fold
from pipelines.retrieval.consistency import is_leak
from pipelines.retrieval.evidence import Found
from pipelines.retrieval.folding import folded

__all__ = ["gold_mentions", "report_split"]

_TITLES = 20


def report_split(
    examples: Sequence[Example],
    queries: Sequence[str],
    found: Mapping[str, Found],
    counts: Mapping[str, Counter[str]],
    *,
    leaks: bool,
) -> dict[str, Any]:
    """Gives the report of a split, as JSON values.

    Args:
        examples: the split.
        queries: one an example.
        found: source -> example id -> its hits.
        counts: source -> what was counted on the way (losses by reason, moves).
        leaks: whether to look for hits that contain their query.
    """
    return {
        "examples": len(examples),
        "examples with an image": sum(example.image is not None for example in examples),
        "empty queries": sum(not query.strip() for query in queries),
        "sources": {
            source: {
                **_source(examples, by_example),
                **({"leaks": _leaks(examples, queries, by_example)} if leaks else {}),
                "counts": {name: count for name, count in sorted(counts[source].items()) if count},
            }
            for source, by_example in found.items()
        },
        "overlap": {
            f"{one} and {other}": _overlap(examples, found[one], found[other])
            for one, other in combinations(found, 2)
        },
    }


def _source(examples: Sequence[Example], found: Found) -> dict[str, Any]:
    sizes = Counter(len(found.get(example.example_id, ())) for example in examples)
    titles = Counter(piece.title for pieces in found.values() for piece in pieces if piece.title)
    hits = sum(size * times for size, times in sizes.items())
    most = sorted(titles.items(), key=lambda item: (-item[1], item[0]))[:_TITLES]
    return {
        "hits": hits,
        "hits a query": round(hits / max(1, len(examples)), 3),
        "queries by number of hits": {str(size): sizes[size] for size in sorted(sizes)},
        "queries without hits": sizes[0],
        "different titles": len(titles),
        "most frequent titles": dict(most),
        "gold mentions": _coverage(examples, found),
    }


def gold_mentions(example: Example) -> list[str]:
    """Gives the entities of an example as their text: NER by the lenient reading, RE subject and object."""
    if example.labels is not None:
        spans = [(entity.start, entity.end) for entity in entities_of(example.labels)]
    else:
        spans = [span for span in (example.subject, example.object) if span is not None]
    return [" ".join(example.tokens[start:end]) for start, end in spans]


def _coverage(examples: Sequence[Example], found: Found) -> dict[str, int]:
    """Counts gold mentions that the titles, the anchors and the text of an example's hits contain.

    Case and punctuation do not count; a mention is contained as whole words.
    """
    covered = Counter({"all": 0, "in a title": 0, "in an anchor": 0, "in the text": 0})
    for example in examples:
        mentions = [f" {words} " for text in gold_mentions(example) if (words := fold((text,)))]
        covered["all"] += len(mentions)
        pieces = found.get(example.example_id, ())
        places = {
            "in a title": [fold((piece.title,)) for piece in pieces],
            "in an anchor": [text for piece in pieces for text in _anchors(piece.text)],
            "in the text": [folded(piece.text) for piece in pieces],
        }
        for place, texts in places.items():
            # One text of all, with a sign between that no folded text has.
            joined = f" {' | '.join(texts)} "
            covered[place] += sum(mention in joined for mention in mentions)
    return dict(covered)


@lru_cache(maxsize=1 << 16)
def _anchors(tagged: str) -> tuple[str, ...]:
    """Gives surfaces and titles of the anchors in a text, folded; none where its tags do not pair."""
    try:
        plain, anchors = parse(tagged)
    except AnchorError:
        return ()
    return tuple(
        fold((text,)) for a in anchors for text in (plain[a.start : a.end], a.title.replace("_", " "))
    )


def _leaks(examples: Sequence[Example], queries: Sequence[str], found: Found) -> int:
    return sum(
        is_leak(query, piece.text)
        for example, query in zip(examples, queries, strict=True)
        for piece in found.get(example.example_id, ())
    )


def _overlap(examples: Sequence[Example], one: Found, other: Found) -> dict[str, Any]:
    """Counts how far two sources find the same articles for the same examples."""
    both = shared = union = 0
    for example in examples:
        first, second = (
            {piece.title for piece in found.get(example.example_id, ()) if piece.title}
            for found in (one, other)
        )
        both += bool(first & second)
        shared += len(first & second)
        union += len(first | second)
    share = round(shared / union, 4) if union else 0.0
    return {"examples with a title in common": both, "titles in common": shared, "share of titles": share}
