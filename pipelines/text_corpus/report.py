"""The summary that a build prints at its end."""

from __future__ import annotations

from pathlib import Path

from rich import box
from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table

from kc_schema.snapshot import Manifest

UNKNOWN_TEMPLATES_SHOWN = 20
REPEATED_SHOWN = 10
WIDEST_TEXT = 70


def show_summary(console: Console, output: Path, manifest: Manifest, *, seconds: float | None) -> None:
    """Prints what the snapshot in `output` holds; `seconds` is the time of the build, None without one."""
    dump = manifest.dump
    took = f", built in {seconds:,.1f} s" if seconds is not None else ""
    console.print(f"\n[bold]{output}[/]: {dump['name']} ({dump['wiki']}, language {dump['language']}){took}")
    if not manifest.rows("sentences"):
        console.print(
            "[bold yellow]nothing to search[/]: no page of the article namespace has text; see what was left out"
        )
    console.print(
        Group(
            _tables(manifest), _counts(manifest), _drops(manifest), _repeated(manifest), _templates(manifest)
        )
    )


def _grid(title: str, *columns: str) -> Table:
    table = Table(
        title=title or None, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False
    )
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right")
    return table


def _tables(manifest: Manifest) -> RenderableType:
    grid = _grid("Tables", "table", "rows", "parts", "MB")
    for name, parts in sorted(manifest.tables.items()):
        size = sum(part.bytes for part in parts) / 1e6
        grid.add_row(name, f"{manifest.rows(name):,}", str(len(parts)), f"{size:,.1f}")
    return grid


def _repeated(manifest: Manifest) -> RenderableType:
    if not manifest.repeated:
        return ""
    grid = _grid("Sentences that stand in several places (a search shows a text once)", "text", "count")
    for repeated in manifest.repeated[:REPEATED_SHOWN]:
        text = repeated.text if len(repeated.text) <= WIDEST_TEXT else f"{repeated.text[:WIDEST_TEXT]}..."
        grid.add_row(escape(text), f"{repeated.count:,}")
    return grid


def _counts(manifest: Manifest) -> RenderableType:
    grid = _grid("Read", "what", "count")
    for name, label in _COUNTS.items():
        if name in manifest.counts or name not in _ONLY_WITH_PAGE_PROPS:
            grid.add_row(label, f"{manifest.counts.get(name, 0):,}")
    return grid


# What is counted, as the manifest and as a reader calls it.
_COUNTS = {
    "pages read": "pages read",
    "articles": "articles",
    "disambiguations": "disambiguation pages",
    "redirects": "redirects",
    "anchors": "anchors (links to articles)",
    "anchors resolved": "of these, through a redirect",
    "characters of wikitext": "characters of wikitext",
    "apparatus paragraphs": "paragraphs of references, notes and links",
    "apparatus sentences": "sentences in them",
    "repeats": "sentences that say what another says",
    "wikidata ids": "articles with a Wikidata id",
    "page images": "articles with an image of the wiki's choice",
    "page images that are not free": "of these, not free",
}
_ONLY_WITH_PAGE_PROPS = ("wikidata ids", "page images", "page images that are not free")


def _drops(manifest: Manifest) -> RenderableType:
    grid = _grid("Left out", "what and why", "count")
    for what, reasons in manifest.drops.items():
        for reason, count in sorted(reasons.items(), key=lambda item: (-item[1], item[0])):
            grid.add_row(f"{what}: {reason}", f"{count:,}")
    for kind, count in sorted(manifest.templates.get("dropped", {}).items(), key=lambda item: -item[1]):
        grid.add_row(f"templates: {kind}", f"{count:,}")
    return grid


def _templates(manifest: Manifest) -> RenderableType:
    templates = manifest.templates
    rendered, unknown = templates.get("rendered", 0), templates.get("unknown_total", 0)
    share = 100 * rendered / max(1, rendered + unknown)
    line = f"[bold]Templates in running text[/]: {rendered:,} rendered ({share:.1f}%), {unknown:,} unknown"
    if not unknown:
        return line
    grid = _grid("", "most frequent unknown", "count", "for example on")
    # A manifest that was read has its names in the order of the alphabet.
    unknown = sorted(templates.get("unknown", {}).items(), key=lambda item: (-item[1], item[0]))
    examples = templates.get("unknown_examples", {})
    for name, count in unknown[:UNKNOWN_TEMPLATES_SHOWN]:
        grid.add_row(escape(name), f"{count:,}", escape(examples.get(name, "")))
    return Group(line, grid)
