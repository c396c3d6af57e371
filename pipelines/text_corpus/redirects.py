"""The redirects of all work units joined: a map on disk that all workers share, and the snapshot's table.

There are 13 million of them for English.

SQLite holds it: sorting and joining stay within a bounded cache, and readers map the file into memory, so
that its pages are shared between processes.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from kc_schema.store import (
    Part,
    Step,
    describe_part,
    explain_file_errors,
    local_copy,
    open_parquet,
    replacing,
)
from kc_schema.tables import TEXT_TABLES
from pipelines.text_corpus.build import Build
from pipelines.text_corpus.part_files import part_path, write_rows
from pipelines.text_corpus.statistics import EXAMPLES_PER_REASON, Statistics

__all__ = [
    "JoinedRedirects",
    "RedirectTable",
    "build_redirect_table",
    "join_redirects",
    "redirect_step",
    "title_hash",
]

CACHE_KIB = 65_536
MAPPED_BYTES = 1 << 34
TITLES_PER_QUERY = 500
ROWS_PER_FETCH = 1 << 16
ROWS_PER_PART = 1 << 14
"""How many redirects a part has on average; a snapshot shares the parts whose titles lead where they led."""


@dataclass(frozen=True)
class JoinedRedirects:
    """What joining the redirects of all work units gave."""

    database: Part
    """The redirect map (`RedirectTable`), in the working folder."""
    parts: tuple[Part, ...]
    """The snapshot's table."""
    lost: Statistics
    """How many were left out, by reason."""


def redirect_step(build: Build, found: Sequence[Part]) -> Step[JoinedRedirects]:
    """Return the step that joins the redirects which work units have `found`."""
    return build.step("redirects.json", JoinedRedirects, "redirects", [part.sha256 for part in found])


def join_redirects(build: Build, found: Sequence[Part]) -> JoinedRedirects:
    """Write the redirect map and the table of redirects, unless that is done already.

    Raises:
        UserError: a file cannot be read or written.
    """
    step = redirect_step(build, found)
    with explain_file_errors(build.output):
        return step.run(lambda: _join_redirects(build, found))


def _join_redirects(build: Build, found: Sequence[Part]) -> JoinedRedirects:
    path = build.work / "redirects.sqlite"
    lost = build_redirect_table([build.output / part.file for part in found], path)
    parts = []
    table = RedirectTable(path)
    for number, rows in enumerate(_cut(table.rows(ROWS_PER_FETCH))):
        part = part_path(build.output, "redirects", number)
        columns = [list(column) for column in zip(*rows, strict=True)]
        with replacing(part) as temporary:
            write_rows(temporary, "redirects", pa.table(columns, schema=TEXT_TABLES["redirects"]))
        parts.append(describe_part(part, build.output))
    table.close()
    return JoinedRedirects(describe_part(path, build.output, rows=0), tuple(parts), lost)


def title_hash(title: str) -> int:
    """Return 32 bits of a title."""
    return zlib.crc32(title.encode("utf-8", "surrogatepass"))


def _cut(fetched: Iterable[list[tuple[str, str]]]) -> Iterator[list[tuple[str, str]]]:
    """Yield the rows of each part: whether a redirect starts one is a matter of its own title."""
    part: list[tuple[str, str]] = []
    for rows in fetched:
        first = 0
        for place, (title, _) in enumerate(rows):
            if title_hash(title) % ROWS_PER_PART == 0:
                part += rows[first:place]
                first = place
                if part:
                    yield part
                part = []
        part += rows[first:]
    if part:
        yield part


def build_redirect_table(parts: Iterable[Path], path: Path) -> Statistics:
    """Write the redirects of all `parts` to the database `path`, chains followed to their end.

    Of two redirects with one title the first stays. Redirects that lead in a cycle are left out.

    Returns:
        What was left out, by reason, with examples.
    """
    with replacing(path) as temporary:
        connection = sqlite3.connect(temporary, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode = OFF")
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
            connection.execute("BEGIN")
            lost = Statistics()
            _load(connection, parts, lost)
            _follow_chains(connection, lost)
            connection.execute("COMMIT")
        finally:
            connection.close()
    return lost


def _load(connection: sqlite3.Connection, parts: Iterable[Path], lost: Statistics) -> None:
    connection.execute("CREATE TABLE found (number INTEGER PRIMARY KEY, from_title TEXT, to_title TEXT)")
    for part in parts:
        with open_parquet(part) as file:
            for batch in file.iter_batches(columns=["from_title", "to_title"]):
                pairs = zip(*(column.to_pylist() for column in batch.columns), strict=True)
                connection.executemany("INSERT INTO found (from_title, to_title) VALUES (?, ?)", pairs)
    connection.execute(
        "CREATE TABLE redirects (from_title TEXT PRIMARY KEY, to_title TEXT NOT NULL) WITHOUT ROWID"
    )
    # In the order of the key, so that the tree is filled from left to right.
    connection.execute(
        "INSERT OR IGNORE INTO redirects SELECT from_title, to_title FROM found ORDER BY from_title, number"
    )
    (found,) = connection.execute("SELECT count(*) FROM found").fetchone()
    (kept,) = connection.execute("SELECT count(*) FROM redirects").fetchone()
    if found > kept:
        _count(
            connection,
            lost,
            "title seen before",
            "SELECT from_title, '' FROM found GROUP BY from_title HAVING count(*) > 1 ORDER BY from_title",
            found - kept,
        )
    connection.execute("DROP TABLE found")


def _count(connection: sqlite3.Connection, lost: Statistics, reason: str, query: str, count: int) -> None:
    """Count redirects that are left out; the first that the query gives are the examples, with where they lead."""
    examples = connection.execute(f"{query} LIMIT {EXAMPLES_PER_REASON}").fetchall()
    for title, target in examples:
        lost.drop("redirects", reason, 0, example=title, text=target)
    lost.drop("redirects", reason, count)


def _follow_chains(connection: sqlite3.Connection, lost: Statistics) -> None:
    """Double the step of every chain until each redirect leads to its end; what is left then goes round."""
    connection.execute(
        "CREATE TEMP TABLE chains AS SELECT one.from_title AS from_title"
        " FROM redirects AS one JOIN redirects AS next ON next.from_title = one.to_title"
    )
    (open_chains,) = connection.execute("SELECT count(*) FROM chains").fetchone()
    for _ in range(open_chains.bit_length() + 1):
        connection.execute(
            "CREATE TEMP TABLE steps AS SELECT one.from_title AS from_title, next.to_title AS to_title"
            " FROM redirects AS one JOIN redirects AS next ON next.from_title = one.to_title"
            " WHERE one.from_title IN (SELECT from_title FROM chains)"
        )
        changed = connection.execute(
            "UPDATE redirects SET to_title = steps.to_title FROM steps"
            " WHERE redirects.from_title = steps.from_title"
        ).rowcount
        connection.execute("DROP TABLE steps")
        if changed <= 0:
            break
    connection.execute(
        "CREATE TEMP TABLE circles AS SELECT from_title FROM chains JOIN redirects USING (from_title)"
        " WHERE to_title IN (SELECT from_title FROM redirects)"
    )
    (circular,) = connection.execute("SELECT count(*) FROM circles").fetchone()
    if circular:
        query = (
            "SELECT from_title, to_title FROM redirects JOIN circles USING (from_title) ORDER BY from_title"
        )
        _count(connection, lost, "leads in a circle", query, circular)
        connection.execute("DELETE FROM redirects WHERE from_title IN (SELECT from_title FROM circles)")
    connection.execute("DROP TABLE circles")
    connection.execute("DROP TABLE chains")


class RedirectTable:
    """The finished redirect map, for reading."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(
            f"{local_copy(path).absolute().as_uri()}?mode=ro&immutable=1", uri=True
        )
        self._connection.execute(f"PRAGMA mmap_size = {MAPPED_BYTES}")

    def targets(self, titles: Iterable[str]) -> dict[str, str]:
        """Return the page that each of `titles` leads to, for those that are redirects."""
        found: dict[str, str] = {}
        wanted = sorted(titles)
        for start in range(0, len(wanted), TITLES_PER_QUERY):
            some = wanted[start : start + TITLES_PER_QUERY]
            marks = ",".join("?" * len(some))
            query = f"SELECT from_title, to_title FROM redirects WHERE from_title IN ({marks})"
            found.update(self._connection.execute(query, some))
        return found

    def rows(self, size: int) -> Iterator[list[tuple[str, str]]]:
        """Yield all redirects by title in code-point order, `size` at a time."""
        cursor = self._connection.execute("SELECT from_title, to_title FROM redirects ORDER BY from_title")
        while rows := cursor.fetchmany(size):
            yield rows

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
