"""The report of a snapshot: what it holds, how that is distributed, what was left out, what became of it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from kc_schema.anchors import strip
from kc_schema.charts import Figure
from kc_schema.entity_tables import EntityError, read_entity_manifest
from kc_schema.image_manifest import ImageManifest, read_image_manifest
from kc_schema.snapshot import LostText, Snapshot, SnapshotError, open_snapshot
from kc_schema.store import Rows, read_parquet
from pipelines.image_index.layout import Layout
from pipelines.image_index.vector_index.served import IndexDescription, read_description
from pipelines.page_index import open_pages
from pipelines.reporting.distributions import count_values, image_types, measure_text
from pipelines.reporting.document import Cell, ReportDocument, ReportSection, ReportTable
from pipelines.reporting.stages import report_stages
from pipelines.snapshots.changes import compare_snapshots
from pipelines.snapshots.root import Root
from pipelines.snapshots.watching import RefreshRun, read_last_run

__all__ = ["report_snapshot"]

_UNKNOWN_SHOWN = 50
_EXAMPLES = 3
_PARAGRAPHS = 10
Cells = tuple[Cell, ...]


def report_snapshot(
    kc: Path, *, compare: Path | None = None, seed: int = 0, tell: Callable[[str], None] = lambda _: None
) -> ReportDocument:
    """Return the report of the snapshot in `kc`.

    Args:
        kc: its folder.
        compare: an older snapshot's folder.
        seed: draws the paragraphs.
        tell: takes a line where something takes long.

    Raises:
        kc_schema.errors.UserError: there is none, or a table of it cannot be read.
    """
    snapshot = open_snapshot(kc)
    sections = [_holdings(snapshot), _distributions(snapshot, tell), _losses(snapshot), _templates(snapshot)]
    sections += [*_entities(snapshot), *_images(kc)]
    sections.append(report_stages(kc, _refresh(kc)))
    if compare is not None:
        tell(f"comparing with {compare}")
        sections.append(_changes(open_snapshot(compare), snapshot))
    sections.append(_paragraphs(snapshot, seed))
    return ReportDocument(f"The corpus of {_dump_name(snapshot)}", _about(snapshot), sections)


def _dump_name(snapshot: Snapshot) -> str:
    return str(snapshot.manifest.dump.get("name") or snapshot.folder.name)


def _about(snapshot: Snapshot) -> list[str]:
    manifest = snapshot.manifest
    dump = manifest.dump
    lines = [
        f"{label}: {dump[key]}"
        for key, label in (("base", "wiki"), ("language", "language"), ("date", "date"))
        if dump.get(key)
    ]
    files = dump.get("files", [])
    if files:
        lines.append(f"dump: {len(files)} files, {sum(file['bytes'] for file in files):,} bytes")
    lines.append(f"snapshot: {snapshot.fingerprint[:16]}")
    for name, value in manifest.options.items():
        shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        lines.append(f"option {name}: {shown or 'none'}")
    return lines + [f"version of {name}: {value[:16]}" for name, value in manifest.versions.items()]


def _holdings(snapshot: Snapshot) -> ReportSection:
    manifest = snapshot.manifest
    tables: list[Cells] = [
        (name, len(parts), sum(p.rows for p in parts), round(sum(p.bytes for p in parts) / 1e6, 4))
        for name, parts in manifest.tables.items()
    ]
    for name in ("text_index", "page_index", "entities", "aliases", "images"):
        size = sum(path.stat().st_size for path in (snapshot.folder / name).rglob("*") if path.is_file())
        if size:
            tables.append((name, "", "", round(size / 1e6, 4)))
    return ReportSection(
        "What there is",
        tables=[
            ReportTable("Counts", ("what", "how many"), _rows(manifest.counts)),
            ReportTable("Tables and indices", ("table", "parts", "rows", "MB"), tables),
        ],
    )


def _distributions(snapshot: Snapshot, tell: Callable[[str], None]) -> ReportSection:
    pages = open_pages(snapshot, tell)
    found = measure_text(snapshot, pages)
    measured = {
        "words of a sentence": found.sentence_words,
        "sentences of a paragraph": found.sentences,
        "anchors of a paragraph": found.paragraph_anchors,
        "anchors of a page": found.links_out,
        "pages that link to a page": found.links_in,
    }
    kinds = count_values(snapshot.batches("paragraphs", ["kind"]), "kind")
    places = count_values(snapshot.batches("image_links", ["place"]), "place")
    columns = ("what", "how many", "mean", "median", "90%", "99%", "most")
    return ReportSection(
        "Distributions",
        tables=[ReportTable("", columns, [d.row(name) for name, d in measured.items() if d.total])],
        figures=[
            *(d.figure(name.capitalize(), name) for name, d in measured.items() if d.total),
            *_counted("Kinds of paragraphs", kinds),
            *_counted("Places of images", places),
            *_counted("Kinds of image files", image_types(snapshot)),
        ],
    )


def _counted(title: str, counts: Counter[str]) -> list[Figure]:
    shown = dict(counts.most_common(12))
    rest = sum(counts.values()) - sum(shown.values())
    if rest:
        shown["others"] = rest
    return (
        [Figure(title, "bar", {name: float(n) for name, n in shown.items()}, "", "how many")] if shown else []
    )


def _losses(snapshot: Snapshot) -> ReportSection:
    manifest = snapshot.manifest
    rows: list[Cells] = [
        (what, reason, count, _lost(manifest.lost.get(what, {}).get(reason, ())))
        for what, reasons in manifest.drops.items()
        for reason, count in sorted(reasons.items(), key=lambda pair: -pair[1])
    ]
    return ReportSection(
        "What was left out",
        "Nothing was."
        if not rows
        else "Examples are drawn from all pages: the page, and the beginning of what it lost.",
        [ReportTable("", ("what", "reason", "how many", "examples"), rows)] if rows else (),
    )


def _lost(examples: Sequence[LostText]) -> tuple[str, ...]:
    return tuple(f"{found.title}: {found.text}" if found.text else found.title for found in examples)


def _templates(snapshot: Snapshot) -> ReportSection:
    templates = snapshot.manifest.templates
    unknown: Mapping[str, int] = templates.get("unknown", {})
    seen: Mapping[str, str] = templates.get("unknown_examples", {})
    ranked = sorted(unknown.items(), key=lambda pair: (-pair[1], pair[0]))[:_UNKNOWN_SHOWN]
    dropped: Mapping[str, int] = templates.get("dropped", {})
    text = (
        f"{templates.get('rendered', 0):,} calls were rendered; {templates.get('unknown_total', 0):,} calls of"
        f" {templates.get('unknown_names', 0):,} templates are of unknown ones."
    )
    calls = snapshot.manifest.lost.get("templates", {})
    kinds: list[Cells] = [(kind, count, _lost(calls.get(kind, ()))) for kind, count in dropped.items()]
    tables = [ReportTable("Left out by kind", ("kind", "calls", "examples"), kinds)] if kinds else []
    if ranked:
        rows = [(name, count, seen.get(name, "")) for name, count in ranked]
        tables.append(ReportTable("Unknown, the most frequent", ("template", "calls", "on the page"), rows))
    return ReportSection("Templates", text, tables)


def _entities(snapshot: Snapshot) -> list[ReportSection]:
    try:
        manifest = read_entity_manifest(snapshot.folder, snapshot.fingerprint)
    except EntityError:
        return []
    tables = [ReportTable("Counts", ("what", "how many"), _rows(manifest.counts))]
    lost: list[Cells] = [
        (reason, count, _lost(manifest.lost.get(reason, ())))
        for reason, count in sorted(manifest.drops.items(), key=lambda pair: -pair[1])
    ]
    if lost:
        tables.append(ReportTable("Names left out", ("reason", "how many", "examples"), lost))
    return [ReportSection("Entities and their names", tables=tables)]


def _images(kc: Path) -> list[ReportSection]:
    try:
        manifest = read_image_manifest(kc)
    except SnapshotError:
        return []
    layout = Layout(kc)
    tables = [ReportTable("Counts", ("what", "how many"), _rows(manifest.counts))]
    failed = _failed_images(layout, manifest)
    if failed:
        tables.append(ReportTable("Left out", ("what", "reason", "how many", "examples"), failed))
    description = read_description(layout)
    if description is not None:
        tables += _index_tables(description)
    return [ReportSection("Images", tables=tables)]


def _failed_images(layout: Layout, manifest: ImageManifest) -> list[Cells]:
    """Return what was left out by reason, of links with their pages, of failed images with the first files."""
    examples: dict[str, list[str]] = {}
    for part in manifest.tables.get("records", ()):
        table = read_parquet(layout.images / part.file, columns=["file", "error"])
        for file, error in zip(table["file"].to_pylist(), table["error"].to_pylist(), strict=True):
            if error and len(examples.setdefault(error, [])) < _EXAMPLES:
                examples[error].append(file)
    return [
        (
            what,
            reason,
            count,
            _lost(manifest.lost.get(what, {}).get(reason, ())) or tuple(examples.get(reason, ())),
        )
        for what, reasons in manifest.drops.items()
        for reason, count in sorted(reasons.items(), key=lambda pair: -pair[1])
    ]


def _index_tables(description: IndexDescription) -> list[ReportTable]:
    about: list[Cells] = [
        ("encoder", description.encoder.name),
        ("kind", f"{description.kind}, {description.factory}"),
        ("vectors", description.vectors),
        ("MB", round(description.bytes / 1e6, 4)),
    ]
    kinds = [kind for kind in description.recall if kind not in ("at", "queries")]
    rows: list[Cells] = []
    for kind in kinds:
        speeds = description.queries_per_second.get(kind, {})
        rows.append((kind, description.recall[kind], *(round(speed, 1) for speed in speeds.values())))
    speeds_of = next(iter(description.queries_per_second.values()), {})
    columns = (
        "queries",
        f"recall@{description.recall.get('at', 10):g}",
        *(f"queries/s, {name}" for name in speeds_of),
    )
    return [
        ReportTable("Index", ("what", ""), about),
        ReportTable("Recall and speed of the index", columns, rows, "One thread, when the index was built."),
    ]


def _refresh(kc: Path) -> list[ReportTable]:
    """Return the steps of the last refresh, where a snapshot lies in a root."""
    run = _last_run(kc)
    if not run.seconds:
        return []
    sentences = run.counts.get("sentences", 0)
    rows: list[Cells] = [
        (
            step,
            round(seconds, 1),
            round(sentences / seconds) if seconds and step in ("build", "index") else "",
        )
        for step, seconds in run.seconds.items()
    ]
    return [ReportTable("The last refresh", ("step", "seconds", "sentences/s"), rows)]


def _last_run(kc: Path) -> RefreshRun:
    """Return the last refresh of the root in which a snapshot lies; an empty one where it lies in none."""
    folder = kc.resolve()
    root = Root(folder.parent.parent)
    if folder.parent != root.snapshots.resolve():
        return RefreshRun()
    run = read_last_run(root.place.manifest)
    return run if run.snapshot in ("", folder.name) else RefreshRun()


def _changes(old: Snapshot, new: Snapshot) -> ReportSection:
    counts: list[Cells] = []
    for name in dict.fromkeys([*old.manifest.counts, *new.manifest.counts]):
        before, after = old.manifest.counts.get(name, 0), new.manifest.counts.get(name, 0)
        counts.append((name, before, after, after - before))
    changes = compare_snapshots(old, new)
    rows: list[Cells] = [
        (what, kind, change.count, tuple(change.examples[:_EXAMPLES]))
        for what, kinds in changes.changes.items()
        for kind, change in kinds.items()
    ]
    return ReportSection(
        f"What changed since {_dump_name(old)}",
        tables=[
            ReportTable("Counts", ("what", "before", "now", "difference"), counts),
            ReportTable("Changes", ("what", "change", "how many", "examples"), rows),
        ],
    )


def _paragraphs(snapshot: Snapshot, seed: int) -> ReportSection:
    rows = Rows(snapshot.files("paragraphs"), ["title", "section", "text"])
    count = len(rows)
    numbers = sorted(random.Random(seed).sample(range(count), min(_PARAGRAPHS, count)))
    found = rows.take(numbers) if numbers else {}
    return ReportSection(
        "Paragraphs by chance",
        quotations=[
            (" / ".join(filter(None, (found[n]["title"], found[n]["section"]))), strip(found[n]["text"]))
            for n in numbers
        ],
    )


def _rows(counts: Mapping[str, int]) -> Sequence[Cells]:
    return [(name, count) for name, count in counts.items()]
