"""Shows one example of a retrieval cache with its evidence: on one screen, or with ``--all`` whole.

python -m kc_schema.show --cache caches/twitter17 --example test-0
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
from rich.console import Console
from rich.table import Table
from rich.text import Text

from kc_schema.anchors import AnchorError, parse
from kc_schema.cache_tables import HITS
from kc_schema.command import Command, Positive, options, printable
from kc_schema.retrieval_cache import CacheError, Example, RetrievalCache, open_cache

__all__ = ["find_example", "show"]

EXAMPLES = """\
python -m kc_schema.show --cache caches/twitter17 --example test-0
python -m kc_schema.show --cache caches/mine --split dev --example 17 --source text --k 3 --all
"""

_SENTENCE_LINES = 5
"""Lines that a sentence may take where an example is shown on one screen."""

_STYLES = ("bold green", "bold cyan", "bold magenta", "bold yellow", "bold blue", "bold red")


def find_example(cache: RetrievalCache, example_id: str, split: str | None = None) -> tuple[str, Example]:
    """Return the split and the example with this id.

    Raises:
        CacheError: no such example, or one in several splits.
    """
    splits = cache.splits if split is None else (split,)
    found = [
        (name, example)
        for name in splits
        for example in cache.examples(name)
        if example.example_id == example_id
    ]
    if not found:
        some = ", ".join(cache.example_ids(splits[0])[:3])
        raise CacheError(f"cache {cache.folder}: no example {example_id!r}; ids are such as {some}")
    if len(found) > 1:
        where = ", ".join(name for name, _ in found)
        raise CacheError(f"cache {cache.folder}: {example_id!r} is an example of {where}; give --split")
    return found[0]


def show(
    console: Console,
    cache: RetrievalCache,
    split: str,
    example: Example,
    *,
    sources: Sequence[str] | None = None,
    k: int | None = None,
    whole: bool = False,
) -> None:
    """Print an example with its gold annotation, then the evidence of each source, best first.

    Args:
        k: hits of a source, at most.
        whole: print all hits with their whole text; otherwise so many beginnings as one screen holds.

    Raises:
        CacheError: a source that the cache does not have.
    """
    chosen = list(cache.sources if sources is None else sources)
    rows = {source: _rows(cache, source, split, example)[:k] for source in chosen}
    head = [Text(f"{cache.dataset} / {split} / {example.example_id}", style="bold"), _sentence(example)]
    head += [Text(f"image: {example.image or 'none'}"), *_features(cache, split, example)]
    if whole:
        for line in head:
            console.print(line)
        for source, hits in rows.items():
            console.print(_hits(source, hits) if hits else Text(f"{source}: no hits"))
        return
    lines = [line for text in head for line in text.wrap(console, console.width)[:_SENTENCE_LINES]]
    for line in lines:
        console.print(line, no_wrap=True, overflow="ellipsis")
    # A line for each source, one for the prompt, one for the hint at the end.
    room = max(len(chosen), console.height - len(lines) - len(chosen) - 2)
    for source, count in _shares({source: len(hits) for source, hits in rows.items()}, room).items():
        _print_beginnings(console, source, rows[source], count)
    console.print(Text("--all shows every hit with its whole text", style="dim"))


def _rows(cache: RetrievalCache, source: str, split: str, example: Example) -> list[dict[str, Any]]:
    table = cache.hits_table(source, split)
    return table.filter(pc.equal(table.column("example_id"), example.example_id)).to_pylist()  # type: ignore[no-any-return]


def _shares(wanted: dict[str, int], room: int) -> dict[str, int]:
    """Divide `room` lines among sources, none more than it wants."""
    shares = dict.fromkeys(wanted, 0)
    while room > 0 and any(shares[source] < wanted[source] for source in wanted):
        for source in wanted:
            if room > 0 and shares[source] < wanted[source]:
                shares[source] += 1
                room -= 1
    return shares


def _print_beginnings(console: Console, source: str, rows: Sequence[dict[str, Any]], count: int) -> None:
    if not rows:
        console.print(Text(f"{source}: no hits"))
        return
    more = f", the best {count}" if count < len(rows) else ""
    console.print(Text(f"{source}: {len(rows)} hits{more}", style="italic"))
    for row in rows[:count]:
        line = Text(f"{row['rank']:>3} {row['score']:>8.4g}  ")
        if row["title"]:
            line.append(f"{printable(row['title'])}: ", style="bold")
        line.append_text(Text(" ").join([_tagged(part) for part in row["text"].split("\n")]))
        line.append("".join(f"  {name}: {value}" for name, value in _further(row)), style="dim")
        console.print(line, no_wrap=True, overflow="ellipsis")


def _further(row: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return name and value of what a hit holds beside the usual."""
    return [
        (name, [round(side, 1) for side in value] if isinstance(value, list) else value)
        for name, value in row.items()
        if name not in HITS.names and value is not None and value is not False
    ]


def _sentence(example: Example) -> Text:
    """Return the tokens with their gold labels or spans marked and named."""
    text = Text()
    styles: dict[str, str] = {}
    for place, token in enumerate(example.tokens):
        label = example.labels[place] if example.labels is not None else _role(example, place)
        kind = label[2:] if example.labels is not None else label
        word = token if token.strip() and token.isprintable() else ascii(token)[1:-1]
        if not kind:
            text.append(f"{word} ")
            continue
        style = styles.setdefault(kind, _STYLES[len(styles) % len(_STYLES)])
        text.append(word, style=style).append(f"/{label} ", style="dim")
    if example.relation is not None:
        text.append(f"\nrelation: {example.relation}")
    return text


def _role(example: Example, place: int) -> str:
    spans = {"subject": example.subject, "object": example.object}
    return "+".join(name for name, span in spans.items() if span is not None and span[0] <= place < span[1])


def _features(cache: RetrievalCache, split: str, example: Example) -> list[Text]:
    if not cache.feature_widths:
        return []
    table = cache.features_table(split)
    row = table.filter(pc.equal(table.column("example_id"), example.example_id)).to_pylist()[0]
    parts = []
    for name, width in cache.feature_widths.items():
        norm = row[name.removesuffix("_vector") + "_norm"]
        parts.append(f"{name} {'none' if norm is None else f'{width} numbers, norm {norm:.3f}'}")
    return [Text(f"features: {'; '.join(parts)}")]


def _hits(source: str, rows: Sequence[dict[str, Any]]) -> Table:
    table = Table(title=source, title_justify="left", show_lines=True, expand=True)
    table.add_column("rank", justify="right")
    table.add_column("score", justify="right")
    table.add_column("title", ratio=1, overflow="fold")
    table.add_column("key, evidence", ratio=4, overflow="fold")
    for row in rows:
        evidence = Text(printable(row["key"]), style="bold")
        if row["key"]:
            evidence.append("\n")
        evidence.append_text(_tagged(row["text"]))
        for name, value in _further(row):
            evidence.append(f"\n{name}: {value}", style="dim")
        table.add_row(str(row["rank"]), f"{row['score']:.4g}", Text(printable(row["title"])), evidence)
    return table


def _tagged(text: str) -> Text:
    """Return a text with its anchors underlined; as it is where its tags do not pair."""
    try:
        plain, anchors = parse(text)
    except AnchorError:
        return Text(printable(text), style="not bold")
    shown = Text(printable(plain), style="not bold")
    for anchor in anchors:
        shown.stylize("underline", anchor.start, anchor.end)
    return shown


@options
@dataclass(frozen=True, kw_only=True)
class ShowOptions:
    """What the command takes."""

    cache: Path
    """The cache's folder."""
    example: str
    """The example's id."""
    split: str | None = None
    """Where an id stands in several splits."""
    source: list[str] | None = None
    """A source of evidence; may be repeated. [default: all]"""
    k: Positive | None = None
    """Hits of a source, at most. [default: as many as fit; all with --all]"""
    all: bool = False
    """Show every hit with its whole text, not one screen."""


def run(given: ShowOptions) -> None:
    """Show the example that the options name."""
    cache = open_cache(given.cache)
    split, example = find_example(cache, given.example, given.split)
    show(Console(), cache, split, example, sources=given.source, k=given.k, whole=given.all)


main = Command(
    "kc_schema.show",
    "Show examples of a retrieval cache with their evidence.",
    ShowOptions,
    run,
    examples=EXAMPLES,
)

if __name__ == "__main__":
    sys.exit(main())
