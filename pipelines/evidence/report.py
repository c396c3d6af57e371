"""What the evidence of a cache is worth, in numbers: the report that is written beside it and printed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import combinations
from typing import Any

from rich.console import Console
from rich.table import Table

from kc_schema.anchors import AnchorError, parse
from kc_schema.cache_tables import HitsByExample
from kc_schema.retrieval_cache import Example
from pipelines.datasets.labels import entities_of
from pipelines.datasets.tokens import fold
from pipelines.evidence.options import Settings
from pipelines.evidence.refine import folded

__all__ = ["describe_empty_sources", "gold_mentions", "report_split", "show_report"]

_TITLES = 20


def report_split(
    examples: Sequence[Example],
    queries: Sequence[str],
    found: Mapping[str, HitsByExample],
    counts: Mapping[str, Counter[str]],
    *,
    leaks: bool,
    best_scores: Mapping[str, float] | None = None,
    covered: set[str] | None = None,
) -> dict[str, Any]:
    """Return the report of a split, as JSON values.

    Args:
        examples: the split.
        queries: one an example.
        found: source -> example id -> its hits.
        counts: source -> what was counted on the way (losses by reason, moves).
        leaks: whether hits that contain their query were looked for.
        best_scores: source -> the best score of all that it found, before anything was left out.
        covered: gold mentions that are names of the corpus' entities; None where it has none.
    """
    mentions = [name for example in examples for name in gold_mentions(example)]
    named = (
        {} if covered is None else {"gold mentions that are names": sum(name in covered for name in mentions)}
    )
    return {
        "examples": len(examples),
        "examples with an image": sum(example.image is not None for example in examples),
        "empty queries": sum(not query.strip() for query in queries),
        "gold mentions": len(mentions),
        **named,
        "sources": {
            source: {
                **_source(examples, by_example),
                "best score": (best_scores or {}).get(source),
                **(
                    {"leaks": sum(bool(hit.leak) for hits in by_example.values() for hit in hits)}
                    if leaks
                    else {}
                ),
                "counts": {name: count for name, count in sorted(counts[source].items()) if count},
            }
            for source, by_example in found.items()
        },
        "overlap": {
            f"{one} and {other}": _overlap(examples, found[one], found[other])
            for one, other in combinations(found, 2)
        },
    }


def _source(examples: Sequence[Example], found: HitsByExample) -> dict[str, Any]:
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
    """Return the entities of an example as their text: NER by the lenient reading, RE subject and object."""
    if example.labels is not None:
        spans = [(entity.start, entity.end) for entity in entities_of(example.labels)]
    else:
        spans = [span for span in (example.subject, example.object) if span is not None]
    return [" ".join(example.tokens[start:end]) for start, end in spans]


def _coverage(examples: Sequence[Example], found: HitsByExample) -> dict[str, int]:
    """Count gold mentions that the titles, the anchors and the text of an example's hits contain.

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
    """Return surfaces and titles of the anchors in a text, folded; none where its tags do not pair."""
    try:
        plain, anchors = parse(tagged)
    except AnchorError:
        return ()
    return tuple(
        fold((text,)) for a in anchors for text in (plain[a.start : a.end], a.title.replace("_", " "))
    )


def _overlap(examples: Sequence[Example], one: HitsByExample, other: HitsByExample) -> dict[str, Any]:
    """Count how far two sources find the same articles for the same examples."""
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


def describe_empty_sources(report: dict[str, Any], settings: Settings) -> list[str]:
    """Return a line for each source that has not one hit in any split, with the reasons that were counted."""
    lines = []
    splits = report["splits"].values()
    for source, limits in settings.sources.items():
        found = [about["sources"][source] for about in splits]
        if any(about["hits"] for about in found):
            continue
        counts = sum((Counter(about["counts"]) for about in found), Counter[str]())
        reasons = ", ".join(f"{name}: {count:,}" for name, count in counts.most_common()) or "nothing found"
        examples = sum(about["examples"] for about in splits)
        line = f"source {source}: not one hit for {examples:,} examples ({reasons})"
        best = max((about["best score"] for about in found if about["best score"] is not None), default=None)
        if limits.minimum_score is not None and best is not None:
            line += f"; the best score is {best:.4g}, below --minimum-score {limits.minimum_score:g}"
        lines.append(line)
    return lines


def show_report(console: Console, report: dict[str, Any]) -> None:
    """Print the report of a cache, a table for each split."""
    for split, about in report["splits"].items():
        title = (
            f"{report['dataset']} / {split}: {about['examples']:,} examples,"
            f" {about['examples with an image']:,} with an image, {about['empty queries']:,} empty queries"
        )
        table = Table(title=title, title_justify="left")
        sources = about["sources"]
        table.add_column("")
        for source in sources:
            table.add_column(source, justify="right")
        for name in ("hits", "hits a query", "queries without hits", "different titles", "leaks"):
            if any(name in found for found in sources.values()):
                table.add_row(name, *(_cell(found.get(name)) for found in sources.values()))
        mentions = [found["gold mentions"] for found in sources.values()]
        for name in ("in a title", "in an anchor", "in the text"):
            table.add_row(f"gold mentions {name}", *(_share(m[name], m["all"]) for m in mentions))
        for name in dict.fromkeys(name for found in sources.values() for name in found["counts"]):
            table.add_row(name, *(_cell(found["counts"].get(name)) for found in sources.values()))
        most = ("\n".join(list(found["most frequent titles"])[:3]) for found in sources.values())
        table.add_row("most frequent titles", *most)
        console.print(table)
        if (named := about.get("gold mentions that are names")) is not None:
            line = f"gold mentions that are names of entities: {_share(named, about['gold mentions'])}"
            console.print(line, highlight=False)
        _show_overlap(console, about)


def _show_overlap(console: Console, about: dict[str, Any]) -> None:
    for pair, overlap in about["overlap"].items():
        both = overlap["examples with a title in common"]
        share = _share(both, about["examples"])
        console.print(
            f"{pair}: a title in common for {share} of the examples,"
            f" {100 * overlap['share of titles']:.1f}% of all titles",
            highlight=False,
        )
    console.print()


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:,}"


def _share(part: int, whole: int) -> str:
    return f"{part:,} ({100 * part / whole:.1f}%)" if whole else f"{part:,}"
