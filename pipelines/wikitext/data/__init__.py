"""Tables of facts about wikis, languages and units, as files beside this module.

Each is a text file of columns parted by tabs. Lines that begin with a hash and a space are comments: what the
columns hold and where the facts come from. The first other line names the columns. Cells are spelled as the wiki
spells them; several names in one cell are parted by ``|``.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["read_column", "read_pairs", "read_table"]

_FOLDER = Path(__file__).parent


def read_table(name: str, folder: Path | None = None) -> list[tuple[str, ...]]:
    """Return the rows of the table `name`, each with a cell for every column; cells left out are empty.

    `folder` is where the table lies, if not here.

    Raises:
        ValueError: a row has more cells than the table has columns.
    """
    lines = ((folder or _FOLDER) / f"{name}.tsv").read_text(encoding="utf-8").split("\n")
    header, *rows = [line for line in lines if line and not line.startswith("# ")]
    width = header.count("\t") + 1
    table = []
    for row in rows:
        cells = row.split("\t")
        if len(cells) > width:
            raise ValueError(f"{name}.tsv: more cells than columns in {row!r}")
        table.append((*cells, *[""] * (width - len(cells))))
    return table


def read_column(name: str) -> list[str]:
    """Return the first cell of every row of the table `name`."""
    return [row[0] for row in read_table(name)]


def read_pairs(name: str) -> dict[str, str]:
    """Return the second cell of every row of the table `name` by its first."""
    return {row[0]: row[1] for row in read_table(name)}
