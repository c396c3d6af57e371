"""Searches a corpus: the paragraphs whose sentences fit a text best, or the images nearest to an image.

python -m pipelines.search "Alan Turing worked at Bletchley" --kc kc
python -m pipelines.search --image photo.jpg --kc kc
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from rich.console import Console
from rich.style import Style
from rich.table import Table
from rich.text import Text

from kc_schema.anchors import AnchorError, parse
from kc_schema.snapshot import SnapshotError
from pipelines.image_index.command import add_image_search_options, search_by_image
from pipelines.image_index.errors import ImageIndexError
from pipelines.text_index import Hit, TextIndex, TextIndexError
from pipelines.text_index.options import add_search_options, open_chosen_index

EXAMPLE = """\
examples:
  python -m pipelines.search "Alan Turing worked at Bletchley" --kc kc
  python -m pipelines.search --queries tweets.txt --kc kc --k 3 --json
  python -m pipelines.search "Alan Turing worked at Bletchley" --elasticsearch-url https://localhost:9200
  python -m pipelines.search --image photo.jpg --kc kc --thumbnails found.html
"""

BATCH = 256
"""Queries that are asked at once, so that a file of any length can be searched."""

JSON_FIELDS = ("rank", "score", "paragraph_id", "title", "sentence", "text")


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Gives the command's options."""
    parser = argparse.ArgumentParser(
        prog="python -m pipelines.search",
        description="Search the sentences of a text corpus and show their paragraphs, best first, each once;"
        " or the images of an image corpus.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("query", nargs="?", help="the text to look for, in quotes")
    parser.add_argument("--queries", metavar="FILE", help="a file of queries in UTF-8, one a line")
    parser.add_argument("--k", type=int, default=10, metavar="N", help="hits a query (default: 10)")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line instead of a table")
    add_search_options(parser)
    add_image_search_options(parser)
    arguments = parser.parse_args(argv)
    if sum(given is not None for given in (arguments.query, arguments.queries, arguments.image)) != 1:
        parser.error("give either a query or --queries FILE, or --image FILE")
    if arguments.image is None and (arguments.thumbnails or arguments.distinct_articles or arguments.encoder):
        parser.error("--thumbnails, --distinct-articles and --encoder belong to --image FILE")
    if arguments.k < 1:
        parser.error(f"argument --k: {arguments.k} is not 1 or more")
    return arguments


def main(argv: list[str] | None = None) -> int:
    """Runs the command; gives its exit status."""
    arguments = parse_arguments(argv)
    try:
        if arguments.image is not None:
            search_by_image(arguments)
            return 0
        with closing(open_chosen_index(arguments)) as index:
            search(index, arguments)
    except BrokenPipeError:
        # The reader has seen enough; what Python would still write at its end has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (SnapshotError, TextIndexError, ImageIndexError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def search(index: TextIndex, arguments: argparse.Namespace) -> None:
    """Asks the queries, batch by batch, and prints what is found."""
    several = arguments.queries is not None
    console = Console()
    queries = read_queries(Path(arguments.queries)) if several else iter([arguments.query])
    while batch := list(itertools.islice(queries, BATCH)):
        for query, hits in zip(batch, index.search(batch, arguments.k), strict=True):
            if not hits:
                print(f"nothing found for: {query}", file=sys.stderr if arguments.json else sys.stdout)
            elif arguments.json:
                print_json(hits, query if several else None)
            else:
                console.print(hits_table(hits, index.base, title=query if several else None))
    sys.stdout.flush()


def read_queries(path: Path) -> Iterator[str]:
    """Gives the lines of a file that are not empty.

    Raises:
        TextIndexError: it cannot be read, or is not UTF-8; the line is named.
    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                try:
                    query = line.decode().strip()
                except UnicodeDecodeError as error:
                    raise TextIndexError(f"{path}: line {number} is not UTF-8: {error.reason}") from error
                if query:
                    yield query
    except OSError as error:
        raise TextIndexError(f"{path}: cannot be read: {error.strerror}") from error


def print_json(hits: Iterable[Hit], query: str | None) -> None:
    """Prints a line for each hit; with `query` first where several are asked."""
    for hit in hits:
        row = {name: getattr(hit, name) for name in JSON_FIELDS}
        print(json.dumps(row if query is None else {"query": query, **row}, ensure_ascii=False))


def hits_table(hits: Iterable[Hit], base: str, *, title: str | None) -> Table:
    """Gives the hits as a table: the sentence found in bold, below it its paragraph with anchors as links."""
    table = Table(title=Text(title) if title else None, title_justify="left", show_lines=True, expand=True)
    table.add_column("rank", justify="right")
    table.add_column("score", justify="right")
    table.add_column("title", ratio=1, overflow="fold")
    table.add_column("sentence found, paragraph", ratio=4, overflow="fold")
    for hit in hits:
        found = Text(hit.sentence, style="bold")
        found.append("\n")
        found.append_text(linked(hit.text, base))
        name = linked_title(hit.title, base)
        if hit.section:
            name.append(f"\n{hit.section}", style="dim")
        table.add_row(str(hit.rank), f"{hit.score:.2f}", name, found)
    return table


def linked(tagged: str, base: str) -> Text:
    """Gives a paragraph with its anchors underlined, as links to the wiki's pages where `base` is known."""
    try:
        plain, anchors = parse(tagged)
    except AnchorError:
        return Text(tagged)
    text = Text(plain, style="not bold")
    for anchor in anchors:
        text.stylize(_link_style(anchor.title, base), anchor.start, anchor.end)
    return text


def linked_title(title: str, base: str) -> Text:
    """Gives a page's title as a link to the page."""
    return Text(title, style=_link_style(title, base))


def _link_style(title: str, base: str) -> Style:
    """Underlined; on terminals that can, a link. `base` is the address of the wiki's main page."""
    if not base:
        return Style(underline=True)
    name = quote(title.replace(" ", "_"), safe="/:@!$*(),;'")
    return Style(underline=True, link=f"{base.rpartition('/')[0]}/{name}")


if __name__ == "__main__":
    sys.exit(main())
