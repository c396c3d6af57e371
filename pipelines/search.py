"""Searches a corpus: paragraphs whose sentences fit a text best, images nearest to an image, entities by a name.

python -m pipelines.search "Alan Turing worked at Bletchley" --kc kc
python -m pipelines.search --image photo.jpg --kc kc
python -m pipelines.search --entity Turing --kc kc
"""

from __future__ import annotations

import itertools
import json
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import KW_ONLY, asdict, dataclass, field
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from cyclopts import Parameter
from cyclopts.validators import Number
from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.padding import Padding
from rich.style import Style
from rich.table import Table
from rich.text import Text

from kc_schema.anchors import AnchorError, parse
from kc_schema.command import Command, given_options, options, printable
from kc_schema.errors import UsageError
from kc_schema.hit import FoundParagraph, Hit
from pipelines.entities.command import search_by_name
from pipelines.image_index.command import ImageSearchOptions, search_by_image
from pipelines.text_index import TextIndex, TextIndexError
from pipelines.text_index.options import SearchOptions
from pipelines.text_index.protocol import MOST_HITS

EXAMPLES = """\
python -m pipelines.search "Alan Turing worked at Bletchley" --kc kc
python -m pipelines.search --queries tweets.txt --kc kc --k 3 --json
python -m pipelines.search "Alan Turing worked at Bletchley" --elasticsearch-url https://localhost:9200
python -m pipelines.search --image photo.jpg --kc kc --thumbnails found.html
python -m pipelines.search --entity Turing --kc kc
"""

BATCH_HITS = 2560
"""Hits that are asked for at once, so that a file of any length can be searched: 256 queries for ten each."""

NARROWEST_TABLE = 100
"""Columns of a terminal below which hits stand one below the other, for a table would break their words."""


@options
@dataclass(frozen=True)
class SearchCommandOptions:
    """What the command takes."""

    query: str | None = None
    """The text to look for, in quotes; behind -- where it begins with a dash."""
    _: KW_ONLY
    entity: str | None = None
    """A name: print the entities of the corpus that it may mean, with priors."""
    queries: Path | None = None
    """A file of queries in UTF-8, one a line."""
    k: Annotated[int, Parameter(validator=Number(gte=1, lte=MOST_HITS))] = 10
    """Hits a query."""
    json: bool = False
    """Print one JSON object a line instead of a table."""
    index: SearchOptions = field(default_factory=SearchOptions)
    image_search: Annotated[ImageSearchOptions, Parameter(group="Search by image")] = field(
        default_factory=ImageSearchOptions
    )

    def check(self) -> None:
        """Refuse options that do not go together.

        Raises:
            UsageError: none or several of query, queries and image, an empty query, or an image's options without it.
        """
        image = self.image_search
        if sum(given is not None for given in (self.query, self.queries, image.image, self.entity)) != 1:
            raise UsageError(f"give either a query or --queries FILE, --image FILE or --entity NAME; {HELP}")
        of_images, of_texts = given_options(image, but=["image"]), given_options(self.index, but=["kc"])
        if image.image is None and of_images:
            raise UsageError(f"{' and '.join(of_images)} {_belong(of_images)} to --image FILE; {HELP}")
        if self.query is None and self.queries is None and of_texts:
            raise UsageError(f"{' and '.join(of_texts)} {_belong(of_texts)} to a search for a text; {HELP}")
        if self.entity is not None and not self.entity.strip():
            raise UsageError(f"--entity: the name is empty; {HELP}")
        if self.query is not None and not self.query.strip():
            raise UsageError(f"the query is empty: give the words to look for, in quotes; {HELP}")


def _belong(options: list[str]) -> str:
    return "belongs" if len(options) == 1 else "belong"


HELP = "python -m pipelines.search --help shows the options"


def explain_unknown(unknown: list[str]) -> str | None:
    """Say what to do about words that are no options: a query in quotes, or behind a double dash."""
    words = " ".join(unknown)
    if any(word.startswith("--") for word in unknown):
        return None
    if unknown[0].startswith("-"):
        return (
            f"unrecognised arguments: {words}; a query that begins with a dash goes last, behind two dashes"
            f" (python -m pipelines.search --kc kc -- {words})"
        )
    return f"unrecognised arguments: {words}; a query of several words stands in quotes"


def run(given: SearchCommandOptions) -> None:
    """Search what the options name and print what is found."""
    given.check()
    if given.image_search.image is not None:
        search_by_image(given.image_search, given.index.kc, given.k, as_json=given.json)
        return
    if given.entity is not None:
        search_by_name(given.entity, given.index.kc, given.k, as_json=given.json)
        return
    with given.index.open_index(lambda line: print(printable(line), file=sys.stderr)) as index:
        search(index, given)


def search(index: TextIndex, given: SearchCommandOptions) -> None:
    """Ask the queries, batch by batch, and print what is found."""
    several = given.queries is not None
    console = Console()
    queries = read_queries(given.queries) if given.queries is not None else iter([given.query or ""])
    while batch := list(itertools.islice(queries, max(1, BATCH_HITS // given.k))):
        for query, hits in zip(batch, index.search(batch, given.k), strict=True):
            title = query if several else None
            if not hits:
                print(f"nothing found for: {printable(query)}", file=sys.stderr if given.json else sys.stdout)
            elif given.json:
                print_json(hits, title)
            else:
                wide = console.width >= NARROWEST_TABLE
                console.print((hits_table if wide else hits_list)(hits, index.base, title=title))
    sys.stdout.flush()


def read_queries(path: Path) -> Iterator[str]:
    """Yield the lines of a file that are not empty.

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
    """Print a line for each hit; with `query` first where several are asked. Ranks are counted from 1."""
    for hit in hits:
        row: dict[str, object] = {} if query is None else {"query": query}
        row |= asdict(FoundParagraph.of(hit))
        line = json.dumps(row, ensure_ascii=False)
        # JSON lets these stand, and a terminal may obey them.
        print(re.sub(r"[\x7f-\x9f]", lambda found: f"\\u{ord(found[0]):04x}", line))


def hits_table(hits: Iterable[Hit], base: str, *, title: str | None) -> Table:
    """Return the hits as a table: each paragraph with the sentence found marked, and its anchors as links."""
    table = Table(
        title=Text(printable(title)) if title else None, title_justify="left", show_lines=True, expand=True
    )
    table.add_column("rank", justify="right")
    table.add_column("score", justify="right")
    table.add_column("title", ratio=1, min_width=18, overflow="fold")
    table.add_column("paragraph, the sentence found marked", ratio=4, overflow="fold")
    for hit in hits:
        table.add_row(
            str(hit.rank + 1), f"{hit.score:.2f}", _name(hit, base, "\n"), MarkedParagraph(hit, base)
        )
    return table


def hits_list(hits: Iterable[Hit], base: str, *, title: str | None) -> Group:
    """Return what `hits_table` shows without a table: a line for rank, score and title, below it the paragraph."""
    blocks: list[RenderableType] = [Text(printable(title), style="italic")] if title else []
    for hit in hits:
        line = Text(f"{hit.rank + 1}. ({hit.score:.2f}) ")
        blocks += [
            line.append_text(_name(hit, base, " / ")),
            Padding(MarkedParagraph(hit, base), (0, 0, 1, 2)),
        ]
    return Group(*blocks)


def _name(hit: Hit, base: str, separator: str) -> Text:
    name = Text().append_text(linked_title(hit.title, base))
    return name.append(f"{separator}{printable(hit.section)}", style="dim") if hit.section else name


class MarkedParagraph:
    """A hit's paragraph, the sentence found in bold on a terminal and between » and « elsewhere."""

    def __init__(self, hit: Hit, base: str) -> None:
        self.hit = hit
        self.base = base

    def __rich_console__(self, console: Console, _options: ConsoleOptions) -> Iterator[Text]:
        text = linked(self.hit.text, self.base)
        sentence = printable(self.hit.key)
        start = text.plain.find(sentence)
        if start < 0:
            # Sentences are cut out of their paragraph; one that is not there stands in front of it.
            yield Text(sentence, style="bold")
            yield text
            return
        end = start + len(sentence)
        if console.is_terminal and console.color_system:
            text.stylize("bold cyan", start, end)
            yield text
            return
        yield Text.assemble(text[:start], "»", text[start:end], "«", text[end:])


def linked(tagged: str, base: str) -> Text:
    """Return a paragraph with its anchors underlined, as links to the wiki's pages where `base` is known."""
    try:
        plain, anchors = parse(tagged)
    except AnchorError:
        return Text(printable(tagged))
    text = Text(printable(plain))
    for anchor in anchors:
        text.stylize(_link_style(anchor.title, base), anchor.start, anchor.end)
    return text


def linked_title(title: str, base: str) -> Text:
    """Return a page's title as a link to the page."""
    return Text(printable(title), style=_link_style(title, base))


def _link_style(title: str, base: str) -> Style:
    """Underlined; on terminals that can, a link. `base` is the address of the wiki's main page."""
    if not base:
        return Style(underline=True)
    name = quote(title.replace(" ", "_"), safe="/:@!$*(),;'")
    return Style(underline=True, link=f"{base.rpartition('/')[0]}/{name}")


main = Command(
    "pipelines.search",
    "Search a corpus by a sentence, an image or a name.",
    SearchCommandOptions,
    run,
    examples=EXAMPLES,
    explain_unknown=explain_unknown,
)

if __name__ == "__main__":
    sys.exit(main())
