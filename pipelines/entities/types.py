"""Types of entities: a table of Wikidata ids and what they are, kept for the items of the corpus alone."""

from __future__ import annotations

import csv
import os
import sqlite3
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kc_schema.entity_tables import EntityError
from kc_schema.snapshot import Snapshot
from kc_schema.store import open_parquet, read_footer, replacing

__all__ = ["read_types", "types_of", "write_types"]

_IDS = ("id", "wikidata_id", "item")
_SEPARATOR = "\t"
_ROWS_AT_A_TIME = 1 << 16

Numbers = npt.NDArray[np.int64]


def read_types(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield ids and types of a table: Parquet with ``id`` and ``types`` (a list), or lines ``Q42<TAB>Q5,Q36180``.

    Raises:
        EntityError: it cannot be read, or is no such table; the place is named.
    """
    try:
        if path.suffix == ".parquet":
            yield from _read_parquet(path)
        else:
            with path.open(encoding="utf-8", newline="") as file:
                for number, row in enumerate(csv.reader(file, delimiter="\t"), start=1):
                    if len(row) != 2 or not row[0].startswith("Q"):
                        if number == 1:
                            continue  # a head
                        raise EntityError(
                            f"--types {path}: line {number} is not an id, a tab, types with commas"
                        )
                    yield row[0], [kind.strip() for kind in row[1].split(",") if kind.strip()]
    except (OSError, pa.ArrowException, UnicodeDecodeError, csv.Error) as error:
        raise EntityError(f"--types {path}: cannot be read: {error}") from error


def _read_parquet(path: Path) -> Iterator[tuple[str, list[str]]]:
    with open_parquet(path) as file:
        schema = file.schema_arrow
        name = next((name for name in _IDS if name in schema.names), None)
        if name is None or "types" not in schema.names or not pa.types.is_list(schema.field("types").type):
            raise EntityError(
                f"--types {path}: has no columns id and types (a list of strings); it has {', '.join(schema.names)}"
            )
        for batch in file.iter_batches(columns=[name, "types"]):
            for item, types in zip(batch[name].to_pylist(), batch["types"].to_pylist(), strict=True):
                if item and types:
                    yield item, types


def write_types(snapshot: Snapshot, files: Sequence[Path], path: Path) -> None:
    """Write the types of the items of a corpus to a map at `path`; of an item that comes twice the first counts.

    Raises:
        EntityError: a file cannot be read, or has types of no item of the corpus.
    """
    wanted = _items_of(snapshot)
    if not len(wanted):
        raise EntityError(
            f"--types: the corpus {snapshot.folder} knows no Wikidata ids; build it with --page-props"
        )
    with replacing(path) as temporary:
        connection = sqlite3.connect(temporary, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode = OFF")
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute("BEGIN")
            connection.execute("CREATE TABLE types (item INTEGER PRIMARY KEY, types TEXT NOT NULL)")
            rows = (row for file in files for row in read_types(file))
            for some in iter(lambda: list(islice(rows, _ROWS_AT_A_TIME)), []):
                numbers = np.array([_number(item) for item, _ in some], np.int64)
                places = np.minimum(np.searchsorted(wanted, numbers), len(wanted) - 1)
                kept = np.flatnonzero(wanted[places] == numbers).tolist()
                connection.executemany(
                    "INSERT OR IGNORE INTO types VALUES (?, ?)",
                    [(int(numbers[place]), _SEPARATOR.join(some[place][1])) for place in kept],
                )
            connection.execute("COMMIT")
            (found,) = connection.execute("SELECT count(*) FROM types").fetchone()
        finally:
            connection.close()
        if not found:
            raise EntityError(f"--types {files[0]}: has types of no item of the corpus {snapshot.folder}")


def types_of(path: Path, items: Sequence[str | None]) -> list[list[str] | None]:
    """Return of every item its types, as the map at `path` has them; None where it has none."""
    connection = sqlite3.connect(f"file:{os.fspath(path)}?mode=ro&immutable=1", uri=True)
    try:
        found: list[list[str] | None] = []
        for item in items:
            query = "SELECT types FROM types WHERE item = ?"
            row = None if item is None else connection.execute(query, (_number(item),)).fetchone()
            found.append(None if row is None else row[0].split(_SEPARATOR))
        return found
    finally:
        connection.close()


def _items_of(snapshot: Snapshot) -> Numbers:
    """Return the numbers of the corpus' items, ascending."""
    if any("wikidata_id" not in read_footer(path).schema.names for path in snapshot.files("pages")[:1]):
        return np.empty(0, np.int64)
    numbers = [
        _number(item)
        for batch in snapshot.batches("pages", ["wikidata_id"])
        for item in batch[0].to_pylist()
        if item is not None
    ]
    return np.unique(np.array(numbers, np.int64))


def _number(item: str) -> int:
    digits = item[1:]
    return (
        int(digits) if item[:1] == "Q" and digits.isascii() and digits.isdigit() and len(digits) < 19 else -1
    )
