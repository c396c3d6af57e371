"""Words by which a sentence's end is told from an abbreviation's full stop, by language (``abbreviations.tsv``)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pipelines.wikitext.data import read_table

__all__ = ["HALVES_OF_DAY", "Abbreviations", "abbreviations_in"]


@dataclass(frozen=True)
class Abbreviations:
    """Words of one language by what stands behind them; each without the full stop at its end."""

    never_last: frozenset[str]
    """No sentence ends behind these, whatever follows."""
    before_name: frozenset[str]
    """Behind these, a capitalised word belongs to the abbreviation, unless it often begins sentences."""
    before_number: frozenset[str]
    """Behind these, a number (or a Roman one) belongs to the abbreviation."""
    often_first: frozenset[str]
    """Words that often begin sentences; no abbreviations."""
    all: frozenset[str]


HALVES_OF_DAY = frozenset({"a.m", "p.m"})


@cache
def abbreviations_in(language: str) -> Abbreviations:
    """Return the words of `language`; sets without a word for one that has no rows."""
    words: dict[str, set[str]] = {"never": set(), "name": set(), "number": set(), "first": set()}
    for code, word, use in read_table("abbreviations", Path(__file__).parent):
        if code == language:
            words[use].add(word)
    numbered = words["number"] | {word.capitalize() for word in words["number"]}
    everything = words["never"] | words["name"] | numbered | HALVES_OF_DAY
    sets = (words["never"], words["name"], words["number"], words["first"], everything)
    return Abbreviations(*map(frozenset, sets))
