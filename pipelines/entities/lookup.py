"""Looks entities up by their names: candidates with priors, best first."""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from kc_schema.entity_tables import EntityError, clean_name, fold_name, read_entity_manifest
from kc_schema.snapshot import open_snapshot
from kc_schema.store import Part, Rows, as_path, open_parquet, read_footer

__all__ = ["Alias", "Candidate", "EntityIndex"]

_GROUPS_KEPT = 64
_ALIAS_COLUMNS = (
    "folded", "surface", "page_id", "links", "prior", "folded_prior", "title", "redirect", "bold",
)  # fmt: skip
_ENTITY_COLUMNS = (
    "title", "wikidata_id", "disambiguation", "in_links", "introduction_length", "image", "types",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Alias:
    """One entity under one name, as the names tell."""

    page_id: int
    links: int
    """Anchors with the name, in any case, that lead to the entity."""
    prior: float
    """Its share of the anchors with the name as it is written; where there is none, in any case. 0 to 1."""
    folded_prior: float
    """Its share of the anchors with the name in any case."""
    title: bool
    redirect: bool
    bold: bool


@dataclass(frozen=True, slots=True)
class Candidate:
    """An entity that may be meant by a name."""

    rank: int
    """From 0."""
    alias: Alias
    page_id: int
    title: str
    wikidata_id: str | None
    disambiguation: bool
    in_links: int
    introduction_length: int
    image: str | None
    types: list[str] | None


class EntityIndex:
    """The entities of a corpus, opened for reading; the tables stay on disk.

    ::

        index = EntityIndex("kc")
        index.candidates("Turing")[0].title
    """

    def __init__(self, kc: Path | str) -> None:
        """Open the entities of the corpus in `kc`.

        Raises:
            kc_schema.snapshot.SnapshotError: no finished corpus there.
            EntityError: no entities there, or those of another state of the corpus.
        """
        kc = as_path(kc)
        snapshot = open_snapshot(kc)
        self.manifest = read_entity_manifest(kc, snapshot.fingerprint)
        self.fingerprint = snapshot.fingerprint
        """`kc_schema.snapshot.Snapshot.fingerprint` of the corpus."""
        for part in (part for parts in self.manifest.tables.values() for part in parts):
            _check(kc, part)
        self._files = [kc / part.file for part in self.manifest.tables["aliases"]]
        self._places, self._first, self._last = _list_groups(self._files)
        self._kept: OrderedDict[int, pa.Table] = OrderedDict()
        entities = [kc / part.file for part in self.manifest.tables["entities"]]
        self._entities = Rows(entities, _ENTITY_COLUMNS, key="page_id")

    def candidates(self, name: str, k: int = 10) -> list[Candidate]:
        """Return at most `k` entities that the name may mean, best first.

        First come those with the largest prior, of equal ones that with more links to it, then the lesser page id.
        """
        aliases = self.aliases([name]).get(name, [])
        about = self._entities.fetch(alias.page_id for alias in aliases)
        found = [Candidate(0, alias, alias.page_id, **about[alias.page_id]) for alias in aliases]
        found.sort(key=lambda one: (-one.alias.prior, -one.alias.folded_prior, -one.in_links, one.page_id))
        return [replace(candidate, rank=rank) for rank, candidate in enumerate(found[:k])]

    @property
    def has_types(self) -> bool:
        """Whether the entities were made with ``--types``."""
        return bool(self.manifest.types)

    def types_of(self, page_ids: Iterable[int]) -> dict[int, tuple[str, ...]]:
        """Return page -> what it is about; pages without types, and pages that are not there, have no entry."""
        found = self._entities.fetch_all(page for page in page_ids if page >= 0)
        return {page: tuple(rows[0]["types"]) for page, rows in found.items() if rows[0]["types"]}

    def aliases(self, names: Iterable[str]) -> dict[str, list[Alias]]:
        """Return of every name the entities that it may mean, by prior; a name that means none has no entry.

        Many names at once are cheaper than one by one: each row group is read once.
        """
        by_folded: dict[str, list[str]] = {}
        for name in dict.fromkeys(names):
            by_folded.setdefault(fold_name(name), []).append(name)
        found: dict[str, list[Alias]] = {}
        for folded, rows in self._rows(sorted(by_folded)):
            for name in by_folded[folded]:
                found[name] = _join(rows, clean_name(name))
        return found

    def _rows(self, folded: Sequence[str]) -> Iterator[tuple[str, list[dict[str, object]]]]:
        """Yield those of sorted folded names that there are, with their rows."""
        by_group: dict[int, list[str]] = {}
        for name in folded:
            group = bisect_left(self._last, name)
            while group < len(self._last) and self._first[group] <= name:
                by_group.setdefault(group, []).append(name)
                group += 1
        rows: dict[str, list[dict[str, object]]] = {}
        for group in sorted(by_group):
            table = self._group(group)
            wanted = pa.array(by_group[group], pa.string())
            for row in table.filter(pc.is_in(table["folded"], value_set=wanted)).to_pylist():
                rows.setdefault(row["folded"], []).append(row)
        yield from rows.items()

    def _group(self, number: int) -> pa.Table:
        if number in self._kept:
            self._kept.move_to_end(number)
            return self._kept[number]
        part, group = self._places[number]
        try:
            with open_parquet(self._files[part]) as file:
                table = file.read_row_group(group, columns=list(_ALIAS_COLUMNS), use_threads=False)
        except (OSError, pa.ArrowException) as error:
            raise EntityError(
                f"{self._files[part]}: cannot be read ({error}); make the entities again"
            ) from error
        self._kept[number] = table
        if len(self._kept) > _GROUPS_KEPT:
            self._kept.popitem(last=False)
        return table


def _join(rows: Sequence[dict[str, object]], surface: str) -> list[Alias]:
    """Return the entities under one name: all spellings joined, with the prior of the one that is asked for."""
    exact = {row["page_id"]: row for row in rows if row["surface"] == surface}
    linked = any(row["links"] for row in exact.values())
    joined: dict[object, Alias] = {}
    for row in rows:
        page_id = row["page_id"]
        assert isinstance(page_id, int)
        before = joined.get(page_id)
        folded_prior = float(row["folded_prior"])  # type: ignore[arg-type]
        own = exact.get(page_id)
        prior = float(own["prior"] if own is not None else 0.0) if linked else folded_prior  # type: ignore[arg-type]
        joined[page_id] = Alias(
            page_id,
            int(row["links"]) + (before.links if before else 0),  # type: ignore[call-overload]
            prior,
            folded_prior,
            *(
                bool(row[name]) or (before is not None and getattr(before, name))
                for name in ("title", "redirect", "bold")
            ),
        )
    return sorted(joined.values(), key=lambda alias: (-alias.prior, -alias.folded_prior, alias.page_id))


def _list_groups(files: Sequence[Path]) -> tuple[list[tuple[int, int]], list[str], list[str]]:
    """Return of all row groups of aliases their places, and their first and last folded names."""
    places: list[tuple[int, int]] = []
    first: list[str] = []
    last: list[str] = []
    for part, path in enumerate(files):
        try:
            metadata = read_footer(path)
        except (OSError, pa.ArrowException) as error:
            raise EntityError(f"{path}: cannot be read ({error}); make the entities again") from error
        for group in range(metadata.num_row_groups):
            statistics = metadata.row_group(group).column(0).statistics
            places.append((part, group))
            first.append(statistics.min)
            last.append(statistics.max)
    return places, first, last


def _check(kc: Path, part: Part) -> None:
    path = kc / part.file
    if not path.is_file() or path.stat().st_size != part.bytes:
        raise EntityError(
            f"{path}: is missing or damaged; make the entities again: python -m pipelines.build_entities --kc {kc}"
            " --overwrite"
        )
