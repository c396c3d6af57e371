"""Shows one example of a retrieval cache with its evidence.

python -m kc_schema.show --cache caches/twitter17 --example test-0
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from kc_schema.anchors import AnchorError, parse
from kc_schema.retrieval_cache import CacheError, Example, RetrievalCache, open_cache

__all__ = ["find_example", "show"]

EXAMPLE = """\
examples:
  python -m kc_schema.show --cache caches/twitter17 --example test-0
  python -m kc_schema.show --cache caches/mine --split dev --example 17 --source text --k 3
"""

_STYLES = ("bold green", "bold cyan", "bold magenta", "bold yellow", "bold blue", "bold red")


def find_example(cache: RetrievalCache, example_id: str, split: str | None = None) -> tuple[str, Example]:
    """Gives the split and the example with this id.

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
) -> None:
    """Prints an example with its gold annotation, then the evidence of each source, best first.

    Raises:
        CacheError: a source that the cache does not have.
    """
    console.print(Text(f"{cache.dataset} / {split} / {example.example_id}", style="bold"))
    console.print(_sentence(example))
    console.print(Text(f"image: {example.image or 'none'}"))
    _show_features(console, cache, split, example)
    for source in cache.sources if sources is None else sources:
        rows = [
            row
            for row in cache.hits_table(source, split).to_pylist()
            if row["example_id"] == example.example_id
        ][:k]
        if rows:
            console.print(_hits(source, rows))
        else:
            console.print(Text(f"{source}: no hits"))


def _sentence(example: Example) -> Text:
    """Gives the tokens with their gold labels or spans marked and named."""
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


def _show_features(console: Console, cache: RetrievalCache, split: str, example: Example) -> None:
    if not cache.feature_widths:
        return
    row = next(
        row for row in cache.features_table(split).to_pylist() if row["example_id"] == example.example_id
    )
    parts = []
    for name, width in cache.feature_widths.items():
        norm = row[name.removesuffix("_vector") + "_norm"]
        parts.append(f"{name} {'none' if norm is None else f'{width} numbers, norm {norm:.3f}'}")
    console.print(Text(f"features: {'; '.join(parts)}"))


def _hits(source: str, rows: Sequence[dict[str, Any]]) -> Table:
    table = Table(title=source, title_justify="left", show_lines=True, expand=True)
    table.add_column("rank", justify="right")
    table.add_column("score", justify="right")
    table.add_column("title", ratio=1, overflow="fold")
    table.add_column("key, evidence", ratio=4, overflow="fold")
    known = {"example_id", "rank", "score", "key", "title", "text", "record_id"}
    for row in rows:
        evidence = Text(row["key"], style="bold")
        if row["key"]:
            evidence.append("\n")
        evidence.append_text(_tagged(row["text"]))
        for name, value in row.items():
            if name not in known and value is not None and value is not False:
                shown = [round(side, 1) for side in value] if isinstance(value, list) else value
                evidence.append(f"\n{name}: {shown}", style="dim")
        table.add_row(str(row["rank"]), f"{row['score']:.4g}", Text(row["title"]), evidence)
    return table


def _tagged(text: str) -> Text:
    """Gives a text with its anchors underlined; as it is where its tags do not pair."""
    try:
        plain, anchors = parse(text)
    except AnchorError:
        return Text(text, style="not bold")
    shown = Text(plain, style="not bold")
    for anchor in anchors:
        shown.stylize("underline", anchor.start, anchor.end)
    return shown


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; gives its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m kc_schema.show",
        description="Show one example of a retrieval cache with its evidence.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--cache", required=True, metavar="DIR", help="the cache's folder")
    parser.add_argument("--example", required=True, metavar="ID", help="the example's id")
    parser.add_argument("--split", metavar="NAME", help="where an id stands in several splits")
    parser.add_argument("--source", action="append", metavar="NAME", help="(default: all); may be repeated")
    parser.add_argument("--k", type=int, metavar="N", help="hits of a source, at most (default: all)")
    arguments = parser.parse_args(argv)
    if arguments.k is not None and arguments.k < 1:
        parser.error(f"argument --k: {arguments.k} is not 1 or more")
    try:
        cache = open_cache(Path(arguments.cache))
        split, example = find_example(cache, arguments.example, arguments.split)
        show(Console(), cache, split, example, sources=arguments.source, k=arguments.k)
    except CacheError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
