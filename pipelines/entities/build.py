"""Builds the entities of a corpus and their names, step by step; what is finished is not done again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from rich.console import Console

from kc_schema.entity_tables import (
    ENTITY_MANIFEST,
    ENTITY_TABLES,
    EntityError,
    EntityManifest,
    read_entity_manifest,
)
from kc_schema.errors import UserError
from kc_schema.snapshot import Snapshot, open_snapshot
from kc_schema.store import (
    WORK,
    Part,
    Place,
    Step,
    checksum,
    describe_part,
    explain_file_errors,
    fingerprint,
    read_footer,
    remove,
    replacing,
)
from pipelines.engine import Engine, Progress, timed
from pipelines.entities.gather import NAMES, Gathered, gather_names, read_link_counts
from pipelines.entities.merge import Numbers, count_links, merge_range, write_entities
from pipelines.entities.titles import Titles, open_titles, write_titles
from pipelines.entities.types import write_types
from pipelines.text_corpus.statistics import Statistics

__all__ = ["build_entities", "files_with_types"]

RECIPE = 1
"""Version of what is computed; raised when the same snapshot would give other tables."""


@dataclass(frozen=True)
class _Build:
    """What all workers agree on."""

    kc: Path
    snapshot: str
    """The snapshot's fingerprint."""
    types: str = ""
    """Checksum of the files of types; empty without them."""

    @property
    def types_map(self) -> Path:
        return self.work / "types.sqlite"

    @property
    def work(self) -> Path:
        return self.kc / WORK / "entities"

    def record(self, name: str) -> Path:
        return self.work / f"{name}.json"

    def inputs(self, *values: object) -> str:
        return fingerprint(RECIPE, self.snapshot, values)


@dataclass(frozen=True)
class _Source:
    """One part of a table of the snapshot, or a row group of it."""

    number: int
    table: str
    part: Part
    group: int | None = None


@dataclass(frozen=True)
class _Merged:
    part: Part | None


def build_entities(
    kc: Path, *, engine: Engine, console: Console, overwrite: bool = False, types: Sequence[Path] = ()
) -> EntityManifest:
    """Make the entities of the corpus in `kc`, or go on with them; return their manifest.

    Args:
        overwrite: make them again, also where they are there.
        types: tables of what items are, as `pipelines.entities.types` reads them.

    Raises:
        kc_schema.snapshot.SnapshotError: no finished corpus there.
        kc_schema.store.PlaceBusyError: another process writes there.
        UserError: a file cannot be read or written, or a worker died; what is finished stays.
    """
    kc = kc.absolute()
    with Place(kc, owns=tuple(ENTITY_TABLES), manifest=ENTITY_MANIFEST) as place, explain_file_errors(kc):
        if overwrite:
            place.manifest.unlink(missing_ok=True)
            remove(place.work / "entities", ignore_errors=True)
        snapshot = open_snapshot(kc)
        build = _Build(kc, snapshot.fingerprint, fingerprint(*map(checksum, types)) if types else "")
        manifest = _find_finished(build)
        if manifest is not None:
            console.print(f"{kc}: the entities are there already", highlight=False, soft_wrap=True)
            return manifest
        place.manifest.unlink(missing_ok=True)
        if types:
            _load_types(build, snapshot, types)
        with (
            engine.writing(kc, partial(console.print, highlight=False, markup=False, soft_wrap=True)),
            timed(kc, "entities", "names") as time_of,
        ):
            manifest = _build(build, snapshot, engine, console)
            time_of.done = manifest.counts.get("aliases", 0)
        place.commit(manifest, [part for parts in manifest.tables.values() for part in parts])
        # The corpus is finished: nothing of an unfinished build of its own can lie there.
        place.remove_work()
    return manifest


def files_with_types(kc: Path | None) -> list[Path]:
    """Return the tables of entities from which another corpus can take the types; none where there are none."""
    try:
        if kc is not None:
            manifest = read_entity_manifest(kc, open_snapshot(kc).fingerprint)
            return [kc / part.file for part in manifest.tables["entities"]] if manifest.types else []
    except UserError:
        pass
    return []


def _find_finished(build: _Build) -> EntityManifest | None:
    try:
        manifest = read_entity_manifest(build.kc, build.snapshot)
    except EntityError:
        return None
    return manifest if build.types in ("", manifest.types) else None


def _load_types(build: _Build, snapshot: Snapshot, types: Sequence[Path]) -> None:
    def work() -> Part:
        write_types(snapshot, types, build.types_map)
        return describe_part(build.types_map, build.kc, rows=0)

    Step(build.record("types"), build.inputs("types", build.types), Part, build.kc).run(work)


def _build(build: _Build, snapshot: Snapshot, engine: Engine, console: Console) -> EntityManifest:
    titles_step: Step[Titles] = Step(build.record("titles"), build.inputs("titles"), Titles, build.kc)
    [titles] = engine.map(
        partial(_titles, build), [titles_step], finished=lambda step: step.result(), label="Titles"
    )
    sources = _plan_sources(snapshot)
    with Progress(console, "Names", len(sources), unit="parts") as progress:
        gathered = engine.map(
            partial(_gather, build, titles),
            sources,
            finished=lambda source: _gather_step(build, source).result(),
            label="Names",
            arrived=lambda _: progress.advance(),
        )
    ranges = list(range(len(titles.bounds) + 1))
    names = [one.names for one in gathered]
    with Progress(console, "Aliases", len(ranges), unit="ranges") as progress:
        merged = engine.map(
            partial(_merge, build, names),
            ranges,
            finished=lambda number: _merge_step(build, names, number).result(),
            label="Aliases",
            arrived=lambda _: progress.advance(),
        )
    _count(build, snapshot, gathered)
    entities = _write_all_entities(build, snapshot, engine, console)
    tables = {"aliases": [one.part for one in merged if one.part is not None], "entities": entities}
    counts, lost = Counter[str](), Statistics()
    for one in gathered:
        counts.update(one.counts)
        lost.add(one.lost)
    counts.update({name: sum(part.rows for part in parts) for name, parts in tables.items()})
    return EntityManifest(
        build.snapshot,
        build.types,
        tables,
        dict(sorted(counts.items())),
        dict(sorted(lost.drops.get(NAMES, Counter()).items())),
        lost.examples().get(NAMES, {}),
    )


def _plan_sources(snapshot: Snapshot) -> list[_Source]:
    """Return what is gathered one by one; a part of the redirects holds a million of them, so its groups are."""
    found = []
    for table in ("paragraphs", "redirects", "pages"):
        number = 0
        for part in snapshot.manifest.tables[table]:
            groups: Iterable[int | None] = [None]
            if table == "redirects":
                groups = range(read_footer(snapshot.folder / part.file).num_row_groups)
            for group in groups:
                found.append(_Source(number, table, part, group))
                number += 1
    return found


def _titles(build: _Build, step: Step[Titles]) -> Titles:
    with explain_file_errors(build.kc):
        return step.run(lambda: write_titles(open_snapshot(build.kc), build.work / "titles.sqlite"))


def _gather_step(build: _Build, source: _Source) -> Step[Gathered]:
    record = build.record(f"names/{source.table}-{source.number:05d}")
    return Step(record, build.inputs("names", source), Gathered, build.kc)


def _gather(build: _Build, titles: Titles, source: _Source) -> Gathered:
    def work() -> Gathered:
        return gather_names(
            source.table,
            build.kc / source.part.file,
            source.group,
            open_titles(build.kc / titles.database.file, titles.database.sha256),
            titles.bounds,
            build.work / "names" / f"{source.table}-{source.number:05d}",
            build.kc,
        )

    with explain_file_errors(build.kc):
        return _gather_step(build, source).run(work)


def _merge_step(build: _Build, names: Sequence[Part], number: int) -> Step[_Merged]:
    inputs = build.inputs("aliases", number, [part.sha256 for part in names])
    return Step(build.record(f"aliases/{number:05d}"), inputs, _Merged, build.kc)


def _merge(build: _Build, names: Sequence[Part], number: int) -> _Merged:
    def work() -> _Merged:
        path = build.kc / "aliases" / f"part-{number:05d}.parquet"
        there = merge_range([build.kc / part.file for part in names], number, path)
        return _Merged(describe_part(path, build.kc) if there else None)

    with explain_file_errors(build.kc):
        return _merge_step(build, names, number).run(work)


def _counts_path(build: _Build) -> Path:
    return build.work / "links.npy"


def _count(build: _Build, snapshot: Snapshot, gathered: Sequence[Gathered]) -> None:
    """Write how many anchors lead to each page: 8 bytes a page."""
    columns = [batch["page_id"].to_numpy() for batch in snapshot.batches("pages", ["page_id"])]
    page_ids: Numbers = np.concatenate(columns) if columns else np.empty(0, np.int64)
    counted = (read_link_counts(build.kc / one.links.file) for one in gathered)
    with replacing(_counts_path(build)) as temporary, temporary.open("wb") as file:
        np.save(file, count_links(page_ids, counted))


@dataclass(frozen=True)
class _Pages:
    """One part of the table of pages: where its rows begin among all pages, and the images of the same pages."""

    number: int
    first: int
    pages: Part
    images: Part | None


def _write_all_entities(build: _Build, snapshot: Snapshot, engine: Engine, console: Console) -> list[Part]:
    # A part of each table by page holds the same range of pages under the same number.
    images = {Path(part.file).name: part for part in snapshot.manifest.tables["image_links"]}
    items, first = [], 0
    for number, part in enumerate(snapshot.manifest.tables["pages"]):
        items.append(_Pages(number, first, part, images.get(Path(part.file).name)))
        first += part.rows
    with Progress(console, "Entities", len(items), unit="parts") as progress:
        return engine.map(
            partial(_entities, build),
            items,
            finished=lambda pages: _entity_step(build, pages).result(),
            label="Entities",
            arrived=lambda _: progress.advance(),
        )


def _entity_step(build: _Build, pages: _Pages) -> Step[Part]:
    return Step(
        build.record(f"entities/{pages.number:05d}"),
        build.inputs("entities", pages, build.types),
        Part,
        build.kc,
    )


def _entities(build: _Build, pages: _Pages) -> Part:
    def work() -> Part:
        path = build.kc / "entities" / f"part-{pages.number:05d}.parquet"
        links = np.load(_counts_path(build), mmap_mode="r")[pages.first : pages.first + pages.pages.rows]
        images = None if pages.images is None else build.kc / pages.images.file
        types = build.types_map if build.types else None
        write_entities(build.kc / pages.pages.file, images, np.array(links), types, path)
        return describe_part(path, build.kc)

    with explain_file_errors(build.kc):
        return _entity_step(build, pages).run(work)
