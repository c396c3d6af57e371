"""The summary that a build of the image corpus prints at its end."""

from __future__ import annotations

from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from kc_schema.image_manifest import ImageManifest

__all__ = ["show_summary"]


def show_summary(console: Console, kc: Path, manifest: ImageManifest) -> None:
    """Prints what the image corpus of the snapshot in `kc` holds, and what was left out and why."""
    source = manifest.source
    console.print(f"\n[bold]{kc / 'images'}[/]: images of {source['wiki']} from {source['images']}")
    tables = _grid("Tables", "table", "rows", "parts", "MB")
    for name, parts in sorted(manifest.tables.items()):
        size = sum(part.bytes for part in parts) / 1e6
        tables.add_row(name, f"{manifest.rows(name):,}", str(len(parts)), f"{size:,.1f}")
    if manifest.index:
        tables.add_row(f"index ({manifest.index['factory']})", f"{manifest.index['vectors']:,}", "1", "")
    counts = _grid("Counts", "what", "count")
    for name, count in manifest.counts.items():
        counts.add_row(name, f"{count:,}")
    drops = _grid("Left out", "what and why", "count")
    for what, reasons in manifest.drops.items():
        for reason, count in sorted(reasons.items(), key=lambda item: (-item[1], item[0])):
            drops.add_row(f"{what}: {reason}", f"{count:,}")
    console.print(tables, counts, drops)
    if manifest.encoder:
        console.print(
            f"encoder {manifest.encoder['name']}, weights {manifest.encoder['weights_sha256'][:16]}"
        )


def _grid(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right")
    return table
