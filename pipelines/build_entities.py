"""Makes the entities of a text corpus and their names: who is called what, and how often.

    python -m pipelines.build_entities --kc kc
    python -m pipelines.search --entity Turing --kc kc

docs/entities.md says what the tables hold. What was stopped, by whatever, goes on with the same command.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from kc_schema.command import Command, Positive, options
from kc_schema.entity_tables import EntityManifest
from kc_schema.store import to_json
from pipelines.engine import Engine, default_workers
from pipelines.entities.build import build_entities


@options
@dataclass(frozen=True, kw_only=True)
class EntityOptions:
    """Options of ``pipelines.build_entities``."""

    kc: Path = Path("kc")
    """The corpus' folder."""
    types: Path | None = None
    """What items are: a table of Wikidata ids and types, as extract_types makes it."""
    workers: Positive | None = None
    """Worker processes (default: one a core of this machine)."""
    overwrite: bool = False
    """Make the tables again, also where they are there."""
    json: bool = False
    """Print the manifest instead of the summary."""


def run(given: EntityOptions, beam_arguments: list[str]) -> None:
    """Make the tables and print what they hold."""
    with Engine(given.workers or default_workers(), beam_arguments) as engine:
        manifest = build_entities(
            given.kc,
            engine=engine,
            console=Console(stderr=True),
            overwrite=given.overwrite,
            types=() if given.types is None else (given.types,),
        )
    if given.json:
        print(to_json(manifest), end="")
    else:
        _show(given.kc, manifest)


def _show(kc: Path, manifest: EntityManifest) -> None:
    for table, parts in manifest.tables.items():
        rows, size = sum(part.rows for part in parts), sum(part.bytes for part in parts)
        print(f"{kc / table}: {rows:,} rows, {size / 1e6:,.1f} MB")
    for name in ("anchors", "redirects", "names in bold"):
        print(f"{name}: {manifest.counts.get(name, 0):,}")
    for reason, count in sorted(manifest.drops.items(), key=lambda item: (-item[1], item[0])):
        print(f"left out: {reason}: {count:,}")


main = Command(
    module="pipelines.build_entities",
    summary="Make the entities of a text corpus and their names.",
    options=EntityOptions,
    run=run,
    examples="python -m pipelines.build_entities --kc kc",
    beam=True,
)

if __name__ == "__main__":
    sys.exit(main())
