"""Says what changed from one snapshot to another: pages, sentences, images and redirects, with examples.

python -m pipelines.report_changes corpora/enwiki/snapshots/OLD corpora/enwiki/current
"""

from __future__ import annotations

import html
import sys
from dataclasses import KW_ONLY, dataclass
from pathlib import Path

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from kc_schema.command import Command, options
from kc_schema.errors import UsageError
from kc_schema.snapshot import open_snapshot
from kc_schema.store import explain_file_errors, to_json, write_text
from pipelines.snapshots.changes import Changes, compare_snapshots

EXAMPLES = """\
python -m pipelines.report_changes corpora/enwiki/snapshots/OLD corpora/enwiki/current
python -m pipelines.report_changes kc-2024 kc-2025 --json"""


@options
@dataclass(frozen=True)
class ChangesOptions:
    """Options of ``pipelines.report_changes``."""

    old: Path
    """The older snapshot's folder."""
    new: Path
    """The newer one's."""
    _: KW_ONLY
    json: bool = False
    """Print JSON in place of tables."""
    page: Path | None = None
    """Write the tables as a web page to this file, too."""


def run(given: ChangesOptions) -> None:
    """Compare the snapshots and print what changed."""
    old, new = open_snapshot(given.old), open_snapshot(given.new)
    if old.manifest.dump["wiki"] != new.manifest.dump["wiki"]:
        wikis = f"{old.manifest.dump['wiki']} and {new.manifest.dump['wiki']}"
        raise UsageError(f"{given.old}, {given.new}: snapshots of two wikis, {wikis}; give two of one")
    changes = compare_snapshots(old, new)
    if given.page is not None:
        with explain_file_errors(given.page):
            write_text(given.page, as_page(changes))
    if given.json:
        print(to_json(changes), end="")
    else:
        _show(changes, Console())


def _show(changes: Changes, console: Console) -> None:
    table = Table(title=f"{changes.old} -> {changes.new}", box=box.SIMPLE_HEAD, title_justify="left")
    for name in ("what", "before", "after", "change", "count"):
        table.add_column(name, justify="left" if name in ("what", "change") else "right")
    for what, kinds in changes.changes.items():
        before, after = changes.rows[what]
        counts = (what, f"{before:,}", f"{after:,}")
        for kind, change in kinds.items():
            table.add_row(*counts, kind, f"{change.count:,}")
            counts = ("", "", "")
    console.print(table)
    for what, kinds in changes.changes.items():
        for kind, change in kinds.items():
            if change.examples:
                console.print(f"[bold]{what} {kind}[/], {len(change.examples)} of {change.count:,}")
                for example in change.examples:
                    console.print(f"  {escape(example)}", highlight=False, overflow="ellipsis", no_wrap=True)


def as_page(changes: Changes) -> str:
    """Return the changes as a web page of its own."""
    title = html.escape(f"{changes.old} → {changes.new}")
    parts = [
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{title}</title>',
        "<style>body{font:15px/1.5 sans-serif;max-width:60em;margin:2em auto}td,th{padding:0 1em;text-align:right}"
        "td:first-child,th:first-child{text-align:left}</style>",
        f"<h1>{title}</h1>",
    ]
    for what, kinds in changes.changes.items():
        before, after = changes.rows[what]
        parts.append(f"<h2>{what}: {before:,} → {after:,}</h2><table>")
        parts += [f"<tr><td>{kind}<td>{change.count:,}" for kind, change in kinds.items()]
        parts.append("</table>")
        for kind, change in kinds.items():
            if change.examples:
                items = "".join(f"<li>{html.escape(example)}" for example in change.examples)
                parts.append(f"<h3>{kind}, {len(change.examples)} of {change.count:,}</h3><ul>{items}</ul>")
    return "\n".join(parts) + "\n</html>\n"


main = Command(
    module="pipelines.report_changes",
    summary="Say what changed from one snapshot to another.",
    options=ChangesOptions,
    run=run,
    examples=EXAMPLES,
)

if __name__ == "__main__":
    sys.exit(main())
