"""What a wiki's table of page properties says of its pages: Wikidata ids, images, disambiguations.

The file ``WIKI-DATE-page_props.sql.gz`` lies beside every classic dump
(https://www.mediawiki.org/wiki/Manual:Page_props_table). Its rows are read once into a map on disk that all workers
share, as the redirects are.
"""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
from rich.console import Console

from kc_schema.store import Part, Step, as_path, describe_part, explain_file_errors, local_copy, replacing
from kc_schema.tables import is_normalised
from pipelines.dump.errors import DumpError
from pipelines.dump.file_names import parse_name
from pipelines.dump.parts import DumpFile
from pipelines.dump.sql_table import Value, read_sql_table
from pipelines.engine.progress import Progress
from pipelines.text_corpus.build import Build
from pipelines.text_corpus.statistics import Statistics

__all__ = ["LoadedProps", "PageProps", "find_page_props", "load_page_props", "open_page_props"]

TABLE = "page_props"
_LAYOUT = ("pp_page", "pp_propname", "pp_value", "pp_sortkey")
_COLUMNS = {
    b"wikibase_item": "wikidata_id",
    b"page_image": "image",
    b"page_image_free": "image_free",
    b"disambiguation": "disambiguation",
}
"""Properties that are taken, and the columns of the map that hold them."""
_NAMES = tuple(_COLUMNS.values())
_ITEM = re.compile(rb"Q[1-9][0-9]{0,18}")
_CACHE_KIB = 65_536
_MAPPED_BYTES = 1 << 34

_Row = list[int | str | None]


@dataclass(frozen=True)
class LoadedProps:
    """What reading the file gave."""

    database: Part
    """The map (`PageProps`), in the working folder."""
    pages: int
    """How many pages have one of the properties; those outside of the articles among them."""
    lost: Statistics
    """Which values were left out."""


def find_page_props(given: str, parts: list[DumpFile]) -> Path:
    """Return the file that ``--page-props`` names; ``auto`` is the one beside the dump.

    Raises:
        DumpError: there is none, or it is another wiki's.
    """
    dump = as_path(parts[0].path)
    name = parse_name(dump.name)
    if given == "auto":
        pattern = f"{name.wiki or '*'}-{name.run or '*'}-{TABLE}.sql*"
        found = sorted(dump.parent.glob(pattern))
        if not found:
            raise DumpError(
                f"--page-props auto: no {pattern} beside {dump}; fetch it with"
                " download_dump --what articles+page_props, or give its path"
            )
        return found[0]
    path = as_path(given)
    if not path.is_file():
        raise DumpError(f"--page-props {given}: no such file; give the dump's *-{TABLE}.sql.gz, or auto")
    wiki = parse_name(path.name).wiki
    if wiki and name.wiki and wiki != name.wiki:
        raise DumpError(
            f"--page-props {given}: is {wiki}'s, the dump is {name.wiki}'s; ids of pages would not fit"
        )
    return path


def load_page_props(build: Build, console: Console) -> LoadedProps | None:
    """Read the file of the build into the map, unless that is done already; None where the build has none.

    Raises:
        DumpError: the file is damaged, or holds another table.
        UserError: the map cannot be written.
    """
    path = build.page_props
    if path is None:
        return None
    step: Step[LoadedProps] = build.step("page-props.json", LoadedProps, "page props")
    with explain_file_errors(build.output):
        return step.run(lambda: _load(path, build, console))


def open_page_props(build: Build) -> PageProps | None:
    """Return the map of the build; None where it has none."""
    return None if build.page_props is None else _open(_map_path(build))


@lru_cache(maxsize=2)
def _open(path: Path) -> PageProps:
    return PageProps(path)


def _map_path(build: Build) -> Path:
    # The name knows the file: a worker that has an older build's map open must not ask that one.
    return build.work / f"page-props-{build.page_props_fingerprint[:8]}.sqlite"


def _load(path: Path, build: Build, console: Console) -> LoadedProps:
    lost = Statistics()
    database = _map_path(build)
    with (
        replacing(database) as temporary,
        Progress(console, "Page props", path.stat().st_size, unit="bytes") as bar,
    ):
        connection = sqlite3.connect(temporary, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode = OFF")
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            connection.execute(f"CREATE TABLE props (page_id INTEGER PRIMARY KEY, {', '.join(_NAMES)})")
            connection.execute("BEGIN")
            rows = read_sql_table(
                path, TABLE, _LAYOUT[:3], layout=_LAYOUT, progress=lambda size: bar.advance(size)
            )
            # A page's properties stand together; where they do not, the later ones are added.
            known = ", ".join(f"{name} = coalesce({name}, excluded.{name})" for name in _NAMES)
            insert = f"INSERT INTO props VALUES (?{', ?' * len(_NAMES)}) ON CONFLICT (page_id) DO UPDATE SET {known}"
            connection.executemany(insert, _pages(rows, lost))
            connection.execute("COMMIT")
            (pages,) = connection.execute("SELECT count(*) FROM props").fetchone()
        finally:
            connection.close()
    return LoadedProps(describe_part(database, build.output, rows=0), pages, lost)


def _pages(rows: Iterator[tuple[Value, ...]], lost: Statistics) -> Iterator[_Row]:
    """Join the rows of a page, as long as they stand together, to one row of the map."""
    current: _Row | None = None
    for page_id, name, value in rows:
        column = _COLUMNS.get(name) if isinstance(name, bytes) else None
        if column is None:
            continue
        if not isinstance(page_id, int):
            continue
        read = _read(column, value)
        if isinstance(read, _Unreadable):
            text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
            lost.drop("page properties", read.reason, example=f"page {page_id}", text=text)
            continue
        if current is None or current[0] != page_id:
            if current is not None:
                yield current
            current = [page_id, *([None] * len(_NAMES))]
        current[1 + _NAMES.index(column)] = read
    if current is not None:
        yield current


@dataclass(frozen=True, slots=True)
class _Unreadable:
    """A value that is left out."""

    reason: str


def _read(column: str, value: Value) -> str | int | _Unreadable:
    """Return a property's value as the map holds it."""
    if column == "disambiguation":
        return 1
    if not isinstance(value, bytes):
        return _Unreadable(f"{column.replace('_', ' ')} is no text")
    if column == "wikidata_id":
        return value.decode() if _ITEM.fullmatch(value) else _Unreadable("no Wikidata id")
    try:
        file = value.decode().replace(" ", "_")
    except UnicodeDecodeError:
        file = ""
    return file if is_normalised(file) else _Unreadable("image with a name that no file can have")


class PageProps:
    """The finished map, for reading."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(
            f"{local_copy(path).absolute().as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False
        )
        self._connection.execute(f"PRAGMA mmap_size = {_MAPPED_BYTES}")

    def is_disambiguation(self, page_id: int) -> bool:
        """Tell whether the wiki itself calls the page a disambiguation."""
        row = self._connection.execute(
            "SELECT 1 FROM props WHERE page_id = ? AND disambiguation = 1", (page_id,)
        ).fetchone()
        return row is not None

    def add_to(self, pages: pa.RecordBatch) -> tuple[pa.RecordBatch, Counter[str]]:
        """Return rows of the table of pages with what the wiki says of them, and how many have what.

        The image of a page is the one that MediaWiki chose; where it is not free, a free one may stand beside it
        (https://www.mediawiki.org/wiki/Extension:PageImages).
        """
        ids = pages["page_id"].to_pylist()
        if not ids:
            return pages, Counter()
        found = {
            row[0]: row
            for row in self._connection.execute(
                "SELECT page_id, wikidata_id, coalesce(image, image_free), image_free, disambiguation IS NOT NULL"
                " FROM props WHERE page_id BETWEEN ? AND ?",
                (min(ids), max(ids)),
            )
        }
        rows = [found.get(page_id, (page_id, None, None, None, 0)) for page_id in ids]
        columns = {
            "wikidata_id": [row[1] for row in rows],
            "page_image": [row[2] for row in rows],
            "page_image_free": [row[3] for row in rows],
            "disambiguation": [bool(row[4]) for row in rows],
        }
        for name, values in columns.items():
            place = pages.schema.get_field_index(name)
            field = pages.schema.field(place)
            pages = pages.set_column(place, field, pa.array(values, field.type))
        counts = {
            "wikidata ids": sum(value is not None for value in columns["wikidata_id"]),
            "page images": sum(value is not None for value in columns["page_image"]),
            "page images that are not free": sum(
                chosen is not None and chosen != free
                for chosen, free in zip(columns["page_image"], columns["page_image_free"], strict=True)
            ),
            "disambiguations": sum(columns["disambiguation"]),
        }
        return pages, Counter(counts)
