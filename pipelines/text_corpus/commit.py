"""The last step: the manifest, written when everything that it lists is there."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

from kc_schema.snapshot import Manifest, Part, write_manifest
from kc_schema.tables import TEXT_TABLES
from pipelines.text_corpus.build import Build, library_versions
from pipelines.text_corpus.extract import UnitResult
from pipelines.text_corpus.resolve import RangeResult
from pipelines.text_corpus.statistics import Statistics

UNKNOWN_TEMPLATES_KEPT = 500


def commit(
    units: list[UnitResult],
    redirects: dict[str, Any],
    ranges: list[RangeResult],
    *,
    build: Build,
    dump: dict[str, Any],
) -> Manifest:
    """Writes the manifest and takes away what an older or unfinished build left in the tables' folders.

    Args:
        units, redirects, ranges: results of the extract and resolve steps, in any order.
        dump: what the manifest says of the dump.
    """
    output = Path(build.output)
    ranges = sorted(ranges, key=lambda result: result["number"])
    tables: dict[str, list[Part]] = {table: [] for table in TEXT_TABLES}
    tables["redirects"] = [Part(**part) for part in redirects["parts"]]
    for result in ranges:
        for table, part in result["parts"].items():
            tables[table].append(Part(**part))
    manifest = describe_build(units, redirects, ranges, tables, build=build, dump=dump)
    _remove_strays(output, {output / part.file for parts in tables.values() for part in parts})
    write_manifest(output, manifest)
    return manifest


def describe_build(
    units: list[UnitResult],
    redirects: dict[str, Any],
    ranges: list[RangeResult],
    tables: dict[str, list[Part]],
    *,
    build: Build,
    dump: dict[str, Any],
) -> Manifest:
    """Gives the manifest of a build. Pure; rows that were taken out as doubles are counted as such."""
    statistics = Statistics.merge(
        result["statistics"] for result in sorted(units, key=lambda result: result["number"])
    )
    statistics.drops.setdefault("redirects", Counter()).update(redirects["drops"])
    counts: Counter[str] = Counter(statistics.counts)
    for result in ranges:
        counts.update(result["counts"])
        statistics.drops.setdefault("pages", Counter()).update(result["drops"])
    for table, parts in tables.items():
        counts[table.replace("_", " ")] = sum(part.rows for part in parts)
    counts["pages read"] = statistics.counts["pages"]
    unknown = sorted(statistics.templates_unknown.items(), key=lambda item: (-item[1], item[0]))
    found = statistics.to_json()
    return Manifest(
        dump=dump,
        options=build.options(),
        versions={"code": build.code_fingerprint, **library_versions()},
        tables=tables,
        counts=dict(sorted(counts.items())),
        drops={what: by for what, by in found["drops"].items() if by},
        templates={
            "rendered": statistics.templates_rendered,
            "dropped": found["templates_dropped"],
            "unknown": dict(unknown[:UNKNOWN_TEMPLATES_KEPT]),
            "unknown_total": sum(count for _, count in unknown),
            "unknown_names": len(unknown),
            "examples": found["examples"],
        },
    )


def _remove_strays(output: Path, listed: set[Path]) -> None:
    for table in TEXT_TABLES:
        (output / table).mkdir(exist_ok=True)
        for path in (output / table).iterdir():
            if path not in listed:
                path.unlink()


def remove_work(build: Build) -> None:
    """Takes away what a build needed on its way."""
    shutil.rmtree(build.work, ignore_errors=True)
