"""The paper's tables 2 to 7 for a run, with the paper's figures beside."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from training.evaluation.scores import LabelScore
from training.evaluation.statistics import mean_and_deviation, students_t
from training.reporting.paper import paper_expert, paper_label, paper_marginal, paper_mixture, paper_speed
from training.reporting.results import Results, SeedScores, Variant

__all__ = ["Table", "build_tables", "summary"]

# "81.00", "81.00 ± 1.00", "78.00 to 82.00", "+4.00 (0.008)".
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?( (±|to|\().*)?")
_SUMMARY_VARIANTS = 16
_SUMMARY_WIDTH = 100


@dataclass(frozen=True)
class Table:
    """A table with its title, a note, and cells as text."""

    title: str
    note: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]

    @property
    def anchor(self) -> str:
        """The title as it stands in a link of the page: letters, digits and hyphens."""
        return "-".join("".join(c if c.isalnum() else " " for c in self.title.lower()).split())

    def is_number(self, column: int) -> bool:
        """Tell whether a column holds numbers, which stand at its right edge."""
        return any(_NUMBER.fullmatch(row[column]) for row in self.rows)


def build_tables(
    results: Results, speeds: Mapping[str, float], retrieval: Mapping[str, float] | None = None
) -> list[Table]:
    """Return the tables of results of a run.

    Args:
        results: the results.
        speeds: expert -> sentences a second of prediction with a batch size of 1.
        retrieval: the same of the modules in front of it, by the paper's names, as far as they were measured.
    """
    plain = [expert for expert in results.experts if not _is_random(expert)]
    random = [expert for expert in results.experts if _is_random(expert)]
    tables = [
        _main_table(results, plain),
        _mixture_table(results),
        _label_table(results, plain),
        _random_table(results, random),
    ]
    if results.task == "ner":
        tables += [_decoding_table(results), _convention_table(results)]
    tables += [_speed_table(speeds, retrieval or {}), _difference_table(results.variants)]
    return [table for table in tables if table.rows]


def _is_random(variant: Variant) -> bool:
    return str(variant.source).startswith("random")


def _pm(values: Sequence[float]) -> str:
    mean, deviation = mean_and_deviation(values)
    return f"{mean:.2f} ± {deviation:.2f}" if len(values) > 1 else f"{mean:.2f}"


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _p(first: Variant | None, second: Variant) -> str:
    if first is None or first is second:
        return "–"
    p = students_t(first.f1(), second.f1())
    return "–" if p is None else f"{p:.3f}"


def _paper(results: Results, variant: Variant) -> float | None:
    dataset = results.dataset
    if variant.role == "expert":
        return paper_expert(dataset, variant.source)
    return paper_mixture(dataset, variant.kind, variant.sources, variant.weights)


def _interval(variant: Variant) -> str:
    low, high = variant.seeds[0].headline.interval
    return f"{low:.2f} to {high:.2f}"


def _rows(results: Results, variants: Iterable[Variant], against: Variant | None) -> list[tuple[str, ...]]:
    return [
        (
            variant.name,
            _describe(variant),
            _pm(variant.f1()),
            _interval(variant),
            _p(against, variant),
            _figure(_paper(results, variant)),
        )
        for variant in variants
    ]


def _describe(variant: Variant) -> str:
    if variant.role == "expert":
        return variant.source or "no evidence"
    sources = " + ".join(source or "none" for source in variant.sources)
    if variant.kind == "average":
        return f"{sources}, average"
    vectors = "normalised" if variant.normalised else "raw"
    return f"{sources}, gate by {variant.weights}, {vectors} features"


_COLUMNS = ("variant", "evidence", "F1 (mean ± deviation)", "95 % interval, first seed")


def _main_table(results: Results, experts: Sequence[Variant]) -> Table:
    gates = [mixture for mixture in results.mixtures if mixture.kind == "gate"]
    what = (
        f"Micro F1 of entities on test, {results.convention} reading"
        if results.task == "ner"
        else f"Micro F1 of relations on test without {results.labels[0]}"
    )
    return Table(
        "Table 2: experts and mixture",
        f"{what}; p of Student's t-test against the baseline over seeds; intervals by sentence.",
        (*_COLUMNS, "p", "paper"),
        _rows(results, [*experts, *gates], results.baseline),
    )


def _mixture_table(results: Results) -> Table:
    mixtures = results.mixtures
    averages = [
        mixture for mixture in mixtures if mixture.kind == "average" and len(set(mixture.sources)) > 1
    ]
    return Table(
        "Table 3: ways to mix",
        "p against the average of different sources. An expert named twice takes part with two seeds.",
        (*_COLUMNS, "p", "paper"),
        _rows(results, mixtures, next(iter(averages), None)),
    )


def _label_table(results: Results, experts: Sequence[Variant]) -> Table:
    def by_label(seed: SeedScores) -> dict[str, LabelScore]:
        found = seed.headline
        return found.by_label if results.task == "ner" else found.by_type or {}

    first = by_label(experts[0].seeds[0]) if experts else {}
    rows = []
    for expert in experts:
        cells = []
        for label in first:
            paper = paper_label(results.dataset, expert.source, label)
            mean = _pm([by_label(seed)[label].f1 for seed in expert.seeds])
            cells.append(mean + ("" if paper is None else f" ({paper:.2f})"))
        rows.append((expert.name, *cells))
    what = "entity type" if results.task == "ner" else "entity type of subject or object"
    return Table(
        "Table 4: F1 by label",
        f"By {what}; the paper's figure in brackets.",
        ("variant", *(f"{label} ({entry.gold})" for label, entry in first.items())),
        rows if first else [],
    )


def _random_table(results: Results, random: Sequence[Variant]) -> Table:
    baseline = results.baseline
    rows = _rows(results, [*([baseline] if baseline else []), *random], baseline) if random else []
    return Table(
        "Table 5: random evidence",
        "Evidence drawn at random must not help: what helps is knowledge, not length.",
        (*_COLUMNS, "p", "paper"),
        rows,
    )


def _decoding_table(results: Results) -> Table:
    rows = []
    for variant in results.variants:
        path, each = variant.f1("viterbi"), variant.f1("marginal")
        paper = paper_marginal(results.dataset, variant.source) if variant.role == "expert" else None
        difference = mean_and_deviation(each)[0] - mean_and_deviation(path)[0]
        # A mixture's best path is over legal moves in any case.
        legal_name = "viterbi" if variant.role == "mixture" else "legal"
        all_legal = all(legal_name in seed.test for seed in variant.seeds)
        legal = _pm(variant.f1(legal_name)) if all_legal else "–"
        rows.append((variant.name, _pm(path), legal, _pm(each), f"{difference:+.2f}", _figure(paper)))
    return Table(
        "Table 6: decoding",
        "The best path (Viterbi; of a mixture over the mixed marginals, legal moves only), the best one whose "
        "moves are legal, and the most likely label of each token (marginal) with its difference from the first.",
        ("variant", "Viterbi", "legal moves only", "marginal", "difference", "paper, marginal"),
        rows,
    )


def _convention_table(results: Results) -> Table:
    def each(variant: Variant, convention: Literal["lenient", "strict"]) -> str:
        return _pm([getattr(seed.headline, convention) for seed in variant.seeds])

    return Table(
        "Both conventions",
        f"seqeval's default reading repairs stray labels (lenient), the strict one does not; the headline is "
        f"{results.convention}.",
        ("variant", "lenient", "strict"),
        [(variant.name, each(variant, "lenient"), each(variant, "strict")) for variant in results.variants],
    )


def _speed_table(speeds: Mapping[str, float], retrieval: Mapping[str, float]) -> Table:
    rows = []
    for name, speed in paper_speed().items():
        if name == "model prediction":
            rows += [(f"{name}, {expert}", f"{here:.1f}", f"{speed:.1f}") for expert, here in speeds.items()]
        elif name.startswith("ITA"):
            rows.append((name, "no part of this system", f"{speed:.1f}"))
        else:
            here = retrieval.get(name)
            rows.append((name, "not noted in the cache" if here is None else f"{here:.1f}", f"{speed:.1f}"))
    return Table(
        "Table 7: speed",
        "Sentences a second with a batch size of 1, on the machine that did it; the paper's on one V100.",
        ("module", "here", "paper"),
        rows,
    )


def _difference_table(variants: Sequence[Variant]) -> Table:
    rows = []
    for variant in variants:
        cells = []
        for other in variants:
            if other is variant:
                cells.append("")
                continue
            difference = mean_and_deviation(variant.f1())[0] - mean_and_deviation(other.f1())[0]
            cells.append(f"{difference:+.2f} ({_p(other, variant)})")
        rows.append((variant.name, *cells))
    return Table(
        "Differences between variants",
        "Row minus column in F1, with p of Student's t-test over seeds.",
        ("", *(variant.name for variant in variants)),
        rows,
    )


def summary(results: Results) -> str:
    """Return what a run found in at most 24 lines of 100 characters: F1 of all variants, the best one, its p.

    Args:
        results: of the run.
    """
    variants = results.variants
    seeds = len(variants[0].seeds)
    baseline = results.baseline
    what = "entities" if results.task == "ner" else "relations"
    lines = [f"{results.dataset}: F1 of {what} on test over {seeds} seed{'s' * (seeds != 1)}", ""]
    shown = sorted(variants, key=_mean, reverse=True)[:_SUMMARY_VARIANTS]
    width = min(24, max(len(variant.name) for variant in shown))
    for variant in variants:
        if variant in shown:
            p = _p(baseline, variant)
            against = "" if p == "–" else f"  p {p} against {_clip(baseline.name, 24)}" if baseline else ""
            line = f"  {_clip(variant.name, width):{width}}  {_pm(variant.f1()):14}{against:{width + 20}}"
            lines.append(_clip(f"{line}  {_describe(variant)}", _SUMMARY_WIDTH).rstrip())
    if len(variants) > len(shown):
        lines.append(f"  and {len(variants) - len(shown)} with lower scores")
    return "\n".join([*lines, "", *_comparison(results)])


def _mean(variant: Variant) -> float:
    return mean_and_deviation(variant.f1())[0]


def _clip(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def _comparison(results: Results) -> list[str]:
    """Return how the best mixture stands against the best expert; nothing where there are not both."""
    mixture = max(results.mixtures, key=_mean, default=None)
    expert = max(results.experts, key=_mean, default=None)
    if mixture is None or expert is None:
        return []
    p = _p(expert, mixture)
    chance = "" if p == "–" else f", p {p}"
    names = (_clip(mixture.name, 24), _clip(expert.name, 24))
    return [
        f"best mixture: {names[0]}, {_mean(mixture) - _mean(expert):+.2f} against the best expert, {names[1]}{chance}"
    ]
