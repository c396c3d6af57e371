"""What the manifest says of a dump and of a build."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kc_schema.snapshot import Manifest
from kc_schema.store import ByteRanges, Part, as_path
from kc_schema.tables import TEXT_TABLES
from pipelines.dump.parts import DumpFile, dump_date, dump_name
from pipelines.text_corpus.build import Build
from pipelines.text_corpus.extract import UnitResult
from pipelines.text_corpus.page_props import LoadedProps
from pipelines.text_corpus.redirects import JoinedRedirects
from pipelines.text_corpus.repeats import FoundRepeats
from pipelines.text_corpus.resolve import RangeResult
from pipelines.text_corpus.statistics import Statistics
from pipelines.wikitext.site import upper_first

__all__ = ["describe_build", "describe_dump", "dump_fingerprint", "file_fingerprint"]

SAMPLES_PER_FILE = 64
BYTES_PER_SAMPLE = 4096
UNKNOWN_TEMPLATES_KEPT = 500


def dump_fingerprint(parts: Sequence[DumpFile]) -> str:
    """Return a checksum that tells dumps apart in milliseconds: sizes, and samples spread over each file.

    The bytes between the samples are guarded by the dump's own block checksums when they are read. The names of
    the files do not count: a renamed copy is the same dump.
    """
    return file_fingerprint([as_path(part.path) for part in parts])


def file_fingerprint(paths: Sequence[Path]) -> str:
    """Return the checksum that `dump_fingerprint` gives of files."""
    digest = hashlib.sha256()
    for path in paths:
        with ByteRanges(path) as file:
            digest.update(f"{file.size}\n".encode())
            last = max(0, file.size - BYTES_PER_SAMPLE)
            starts = [last * number // SAMPLES_PER_FILE for number in range(SAMPLES_PER_FILE + 1)]
            for sample in file.read_several([(start, BYTES_PER_SAMPLE) for start in starts]):
                digest.update(sample)
    return digest.hexdigest()


def describe_dump(parts: Sequence[DumpFile], build: Build) -> dict[str, Any]:
    """Return what the manifest says of the dump."""
    date = dump_date(list(parts))
    return {
        "name": dump_name(list(parts)),
        "wiki": build.site.database,
        "language": build.site.language,
        "base": build.site.base,
        "date": date.isoformat() if date else None,
        "files": [{"name": Path(part.path).name, "bytes": part.size} for part in parts],
        "fingerprint": build.dump_fingerprint,
    }


def describe_build(
    dump: dict[str, Any],
    build: Build,
    units: Sequence[UnitResult],
    redirects: JoinedRedirects,
    ranges: Sequence[RangeResult],
    repeats: FoundRepeats,
    props: LoadedProps | None = None,
) -> Manifest:
    """Return the manifest of a build; rows that were taken out as doubles are counted as such.

    Args:
        dump: what `describe_dump` says.
        units, redirects, ranges, repeats: results of the steps, in their order.
        props: what the file of page properties gave, where there is one.
    """
    tables: dict[str, list[Part]] = {table: [] for table in TEXT_TABLES}
    tables["redirects"] = list(redirects.parts)
    statistics = Statistics.merge(unit.statistics for unit in units)
    statistics.add(redirects.lost)
    if props is not None:
        statistics.add(props.lost)
    counts = statistics.counts
    counts["pages read"] = counts["pages"]
    for pages in ranges:
        for table, parts in pages.parts.items():
            tables[table] += parts
        counts.update(pages.counts)
        statistics.add(pages.lost)
    if repeats.parts:
        tables["repeats"] = list(repeats.parts)
        counts["repeated texts"] = repeats.texts
        counts["repeats in apparatus"] = repeats.in_apparatus
    for table, parts in tables.items():
        counts[table.replace("_", " ")] = sum(part.rows for part in parts)
    counts["articles"] = counts["pages"]
    unknown = sorted(statistics.templates_unknown.items(), key=lambda item: (-item[1], item[0]))
    title = upper_first if build.site.first_letter_upper else str
    return Manifest(
        dump=dump,
        options=build.options(),
        versions=build.versions(),
        tables=tables,
        counts=dict(sorted(counts.items())),
        drops={what: dict(sorted(by.items())) for what, by in sorted(statistics.drops.items()) if by},
        lost=statistics.examples(),
        templates={
            "rendered": statistics.templates_rendered,
            "dropped": dict(sorted(statistics.templates_dropped.items())),
            "unknown": {title(name): count for name, count in unknown[:UNKNOWN_TEMPLATES_KEPT]},
            "unknown_examples": {
                title(name): statistics.unknown_examples[name] for name, _ in unknown[:UNKNOWN_TEMPLATES_KEPT]
            },
            "unknown_total": sum(count for _, count in unknown) + statistics.unknown_rarer,
            "unknown_names": len(unknown),
            "examples": {
                reason: [title for _, title, _ in found]
                for reason, found in sorted(statistics.lost.get("pages", {}).items())
            },
        },
        repeated=list(repeats.most_frequent),
    )
