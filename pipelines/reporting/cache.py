"""The report of a retrieval cache: what each source found, what the sources share, what of the gold is covered."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kc_schema.charts import Figure
from kc_schema.retrieval_cache import REPORT, SPEED, CacheError, RetrievalCache, open_cache
from kc_schema.store import read_json
from pipelines.reporting.document import Cell, ReportDocument, ReportSection, ReportTable
from pipelines.reporting.stages import report_stages

__all__ = ["report_cache"]

Cells = tuple[Cell, ...]
_EXAMPLES = 3
_CHARACTERS = 100
_MENTIONS = ("in a title", "in an anchor", "in the text")


@dataclass(frozen=True)
class _Written:
    """What ``report.json`` holds (`pipelines.evidence.report.report_split`)."""

    splits: dict[str, dict[str, Any]]


@dataclass(frozen=True)
class _StepSpeed:
    step: str
    one_by_one: float
    batched: float
    batch: int


@dataclass(frozen=True)
class _SpeedFile:
    speeds: list[_StepSpeed]


def report_cache(folder: Path) -> ReportDocument:
    """Return the report of a cache.

    Raises:
        CacheError: there is none, or it was not written by build_retrieval_cache.
    """
    cache = open_cache(folder)
    try:
        written = read_json(folder / REPORT, _Written)
    except OSError as error:
        raise CacheError(
            f"cache {folder}: no {REPORT}, which pipelines.build_retrieval_cache writes; run its command again"
        ) from error
    except ValueError as error:
        raise CacheError(
            f"cache {folder}: {REPORT} cannot be read ({error}); run its command again"
        ) from error
    sections = [_split(cache, name, report) for name, report in written.splits.items()]
    sections += [report_stages(folder), *_speeds(folder)]
    return ReportDocument(f"The evidence for {cache.dataset}", _about(cache), sections)


def _about(cache: RetrievalCache) -> list[str]:
    manifest = cache.manifest
    splits = ", ".join(f"{name} {count:,}" for name, count in manifest["splits"].items())
    lines = [f"task: {cache.task}", f"examples: {splits}", f"sources: {', '.join(cache.sources)}"]
    lines += [f"{kind} corpus: {name[:16]}" for kind, name in manifest["snapshots"].items()]
    lines += [f"left out: {count:,}, {reason}" for reason, count in manifest["drops"].items()]
    return lines


def _split(cache: RetrievalCache, name: str, report: dict[str, Any]) -> ReportSection:
    sources: dict[str, dict[str, Any]] = report["sources"]
    found: list[Cells] = []
    covered: list[Cells] = []
    shares: dict[str, float] = {}
    for source, about in sources.items():
        found.append(
            (
                source,
                about["hits"],
                about["hits a query"],
                about["queries without hits"],
                about["different titles"],
                about.get("leaks", ""),
            )
        )
        mentions = about.get("gold mentions") or {}
        if mentions.get("all"):
            covered.append((source, mentions["all"], *(mentions[where] for where in _MENTIONS)))
            shares[source] = mentions["in a title"] / mentions["all"]
    tables = [
        ReportTable(
            "What the sources found",
            ("source", "hits", "hits a query", "queries without hits", "different titles", "leaks"),
            found,
        )
    ]
    empty = _without_hits(cache, name)
    if empty:
        heads = ("source", "queries without hits", "examples")
        tables.append(ReportTable("Queries for which nothing was found", heads, empty))
    if covered:
        columns = ("source", "gold mentions", *_MENTIONS)
        tables.append(ReportTable("Gold mentions in the evidence", columns, covered))
    overlap: list[Cells] = [
        (pair, a["examples with a title in common"], a["titles in common"], a["share of titles"])
        for pair, a in report.get("overlap", {}).items()
    ]
    if overlap:
        shared = ("sources", "examples with a title in common", "titles in common", "share of titles")
        tables.append(ReportTable("What the sources share", shared, overlap))
    losses: list[Cells] = [
        (source, reason, count)
        for source, about in sources.items()
        for reason, count in about.get("counts", {}).items()
    ]
    if losses:
        tables.append(ReportTable("On the way", ("source", "what", "how many"), losses))
    figures = [
        Figure(
            f"Queries by number of hits: {source}",
            "bar",
            _by_number(about["queries by number of hits"]),
            "hits",
            "queries",
        )
        for source, about in sources.items()
        if about.get("queries by number of hits")
    ]
    if shares:
        figures.append(Figure("Share of gold mentions in a title", "bar", shares, "", "share"))
    text = (
        f"{report['examples']:,} examples, {report['examples with an image']:,} with an image;"
        f" {report['empty queries']:,} queries are empty."
    )
    if (named := report.get("gold mentions that are names")) is not None:
        mentions = report["gold mentions"]
        share = f" ({100 * named / mentions:.1f}%)" if mentions else ""
        text += f" {named:,} of {mentions:,} gold mentions{share} are names of the corpus' entities."
    return ReportSection(name, text, tables, figures)


def _without_hits(cache: RetrievalCache, split: str) -> list[Cells]:
    """Return of every source how many examples have no evidence of it, and the first sentences of these."""
    examples = cache.examples(split)
    found: list[Cells] = []
    for source in cache.sources:
        hits = cache.hits(source, split)
        empty = [example for example in examples if not hits.get(example.example_id)]
        if empty:
            shown = tuple(" ".join(example.tokens)[:_CHARACTERS] for example in empty[:_EXAMPLES])
            found.append((source, len(empty), shown))
    return found


def _by_number(counts: dict[str, int]) -> dict[str, float]:
    return {number: float(count) for number, count in sorted(counts.items(), key=lambda pair: int(pair[0]))}


def _speeds(folder: Path) -> list[ReportSection]:
    try:
        speeds = read_json(folder / SPEED, _SpeedFile).speeds
    except (OSError, ValueError):
        return []
    rows = [(s.step, round(s.one_by_one, 1), round(s.batched, 1), s.batch) for s in speeds]
    columns = ("step", "one by one", "batched", "in batches of")
    return [
        ReportSection(
            "Speed",
            tables=[ReportTable("Sentences a second", columns, rows, "On the machine that built the cache.")],
        )
    ]
