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

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.padding import Padding
from rich.style import Style
from rich.table import Table
from rich.text import Text

from kc_schema.anchors import AnchorError, parse
from kc_schema.snapshot import SnapshotError
from pipelines.command_line import CommandParser, add_network_options, positive
from pipelines.image_index.command import ImageSearchOptions, search_by_image
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

NARROWEST_TABLE = 100
"""Columns of a terminal below which hits stand one below the other, for a table would break their words."""

JSON_FIELDS = ("rank", "score", "paragraph_id", "title", "sentence", "text")


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """Gives the command's options."""
    parser = CommandParser(
        "pipelines.search",
        "Search the sentences of a text corpus and show their paragraphs, best first, each once;"
        " or the images of an image corpus.",
        EXAMPLE,
    )
    parser.add_argument(
        "query", nargs="?", help="the text to look for, in quotes; behind -- where it begins with a dash"
    )
    parser.add_argument("--queries", metavar="FILE", help="a file of queries in UTF-8, one a line")
    parser.add_argument("--k", type=positive, default=10, metavar="N", help="hits a query (default: 10)")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line instead of a table")
    add_search_options(parser)
    group = parser.add_argument_group("search by image")
    group.add_argument("--image", type=Path, metavar="FILE", help="look for images near this one")
    group.add_argument("--distinct-articles", action="store_true", help="show every article once")
    group.add_argument("--thumbnails", type=Path, metavar="FILE", help="write an HTML page of what was found")
    group.add_argument("--encoder", metavar="SPEC", help="where the encoder is, if not where the index says")
    add_network_options(group)
    arguments, unknown = parser.parse_known_args(argv)
    if unknown:
        parser.error(_explain_unknown(unknown))
    if sum(given is not None for given in (arguments.query, arguments.queries, arguments.image)) != 1:
        parser.error("give either a query or --queries FILE, or --image FILE")
    if arguments.image is None and (arguments.thumbnails or arguments.distinct_articles or arguments.encoder):
        parser.error("--thumbnails, --distinct-articles and --encoder belong to --image FILE")
    if arguments.query is not None and not arguments.query.strip():
        parser.error("the query is empty: give the words to look for, in quotes")
    return arguments


def _explain_unknown(unknown: list[str]) -> str:
    """Says what to do about words that are no options: a query in quotes, or behind a double dash."""
    words = " ".join(unknown)
    if any(word.startswith("--") for word in unknown):
        return f"unrecognised arguments: {words}"
    if unknown[0].startswith("-"):
        return (
            f"unrecognised arguments: {words}; a query that begins with a dash goes last, behind two dashes"
            f" (python -m pipelines.search --kc kc -- {words})"
        )
    return f"unrecognised arguments: {words}; a query of several words stands in quotes"


def main(argv: list[str] | None = None) -> int:
    """Runs the command; gives its exit status."""
    arguments = parse_arguments(argv)
    try:
        if arguments.image is not None:
            names = ("image", "distinct_articles", "thumbnails", "encoder", "encoder_cache", "device")
            given = ImageSearchOptions(**{name: getattr(arguments, name) for name in names})
            search_by_image(given, Path(arguments.kc), arguments.k, as_json=arguments.json)
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
                title = query if several else None
                wide = console.width >= NARROWEST_TABLE
                console.print((hits_table if wide else hits_list)(hits, index.base, title=title))
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
    """Gives the hits as a table: each paragraph with the sentence found marked, and its anchors as links."""
    table = Table(title=Text(title) if title else None, title_justify="left", show_lines=True, expand=True)
    table.add_column("rank", justify="right")
    table.add_column("score", justify="right")
    table.add_column("title", ratio=1, min_width=18, overflow="fold")
    table.add_column("paragraph, the sentence found marked", ratio=4, overflow="fold")
    for hit in hits:
        table.add_row(str(hit.rank), f"{hit.score:.2f}", _name(hit, base, "\n"), MarkedParagraph(hit, base))
    return table


def hits_list(hits: Iterable[Hit], base: str, *, title: str | None) -> Group:
    """Gives what `hits_table` gives without a table: a line for rank, score and title, below it the paragraph."""
    blocks: list[RenderableType] = [Text(title, style="italic")] if title else []
    for hit in hits:
        line = Text(f"{hit.rank}. ({hit.score:.2f}) ")
        blocks += [
            line.append_text(_name(hit, base, " / ")),
            Padding(MarkedParagraph(hit, base), (0, 0, 1, 2)),
        ]
    return Group(*blocks)


def _name(hit: Hit, base: str, separator: str) -> Text:
    name = Text().append_text(linked_title(hit.title, base))
    return name.append(f"{separator}{hit.section}", style="dim") if hit.section else name


class MarkedParagraph:
    """A hit's paragraph, the sentence found in bold on a terminal and between » and « elsewhere."""

    def __init__(self, hit: Hit, base: str) -> None:
        self.hit = hit
        self.base = base

    def __rich_console__(self, console: Console, _options: ConsoleOptions) -> Iterator[Text]:
        text = linked(self.hit.text, self.base)
        start = text.plain.find(self.hit.sentence)
        if start < 0:
            # Sentences are cut out of their paragraph; one that is not there stands in front of it.
            yield Text(self.hit.sentence, style="bold")
            yield text
            return
        end = start + len(self.hit.sentence)
        if console.is_terminal and console.color_system:
            text.stylize("bold cyan", start, end)
            yield text
            return
        yield Text.assemble(text[:start], "»", text[start:end], "«", text[end:])


def linked(tagged: str, base: str) -> Text:
    """Gives a paragraph with its anchors underlined, as links to the wiki's pages where `base` is known."""
    try:
        plain, anchors = parse(tagged)
    except AnchorError:
        return Text(tagged)
    text = Text(plain)
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
