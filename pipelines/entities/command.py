"""What ``pipelines.search --entity`` does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from kc_schema.command import printable
from pipelines.entities.lookup import Candidate, EntityIndex

__all__ = ["search_by_name"]


def search_by_name(name: str, kc: Path, k: int, *, as_json: bool) -> None:
    """Print the entities that a name may mean, best first: a table, or an object a line.

    Raises:
        kc_schema.errors.UserError: no corpus, or no entities there.
    """
    found = EntityIndex(kc).candidates(name, k)
    if as_json:
        for candidate in found:
            print(json.dumps(as_row(candidate), ensure_ascii=True))
    elif found:
        Console().print(_table(found))
    else:
        print(f"no entity is called: {printable(name)}")


def as_row(candidate: Candidate) -> dict[str, object]:
    """Return a candidate as a JSON object; ranks are counted from 1."""
    row = asdict(candidate)
    alias = row.pop("alias")
    del alias["page_id"]
    names = [what for what in ("title", "redirect", "bold") if alias.pop(what)]
    return {"rank": row.pop("rank") + 1, **alias, "also": names, **row}


def _table(found: Sequence[Candidate]) -> Table:
    table = Table()
    for column in ("rank", "prior", "links"):
        table.add_column(column, justify="right")
    table.add_column("title", overflow="fold")
    table.add_column("Wikidata")
    table.add_column("links to it", justify="right")
    table.add_column("also", overflow="fold")
    for candidate in found:
        alias = candidate.alias
        names = [what for what in ("title", "redirect", "bold") if getattr(alias, what)]
        names += ["disambiguation"] if candidate.disambiguation else []
        table.add_row(
            str(candidate.rank + 1),
            f"{alias.prior:.3f}",
            f"{alias.links:,}",
            printable(candidate.title),
            candidate.wikidata_id or "",
            f"{candidate.in_links:,}",
            ", ".join(names),
        )
    return table
