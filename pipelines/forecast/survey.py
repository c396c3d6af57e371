"""What many places of a dump tell without being built: how much text and prose there is, and how often it is repeated.

A sample of 1% is a few blocks of bzip2, which may hold more prose than others, and cannot tell how much is repeated: a
repeat is seen only where both of its places are read. So a block is read in each of many more places, and only cut into
sentences by their full stops, which costs little.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.dump.parts import DumpFile
from pipelines.forecast.estimate import Estimate, estimate_total
from pipelines.forecast.sample import Slice, read_excerpts, rough_sentences

__all__ = ["Survey", "survey_dump"]

_PLACES = 32


@dataclass(frozen=True)
class Survey:
    """What a dump holds."""

    text: Estimate
    """Bytes of decompressed text."""
    prose: Estimate
    """Sentences, roughly (`sample.rough_sentences`)."""
    seconds: Estimate
    """CPU seconds of reading and decompressing it once."""
    said_once: Estimate
    """Share of the sentences that is left where each that stands there several times is counted once."""


def survey_dump(parts: Sequence[DumpFile], slices: Sequence[Slice]) -> Survey:
    """Look at many places of a dump.

    Args:
        slices: of the dump; they stand for it where there are not as many other places that can be read.

    Raises:
        DumpError: a file cannot be read.
    """
    total = sum(part.size for part in parts)
    excerpts = list(read_excerpts(parts, _PLACES))
    # The first and the last line of an excerpt are cut off.
    found = [Counter(rough_sentences(excerpt.text.split(b"\n")[1:-1])) for excerpt in excerpts]
    if len(excerpts) > len(slices):
        compressed = [float(excerpt.compressed) for excerpt in excerpts]
        text = estimate_total([float(len(excerpt.text)) for excerpt in excerpts], compressed, total)
        prose = estimate_total([float(one.total()) for one in found], compressed, total)
    else:
        text = estimate_total([s.text for s in slices], [s.compressed for s in slices], total)
        prose = estimate_total([s.sentences for s in slices], [s.pages for s in slices], text.value)
    read = min(1.0, sum(excerpt.compressed for excerpt in excerpts) / total)
    times = [(len(excerpt.text), excerpt.seconds) for excerpt in excerpts] + [
        (s.text, s.seconds) for s in slices
    ]
    seconds = estimate_total([taken for _, taken in times], [size for size, _ in times], text.value)
    return Survey(text, prose, seconds, _said_once([one for one in found if one], read))


def _said_once(places: Sequence[Counter[int]], read: float) -> Estimate:
    """Return the share of sentences that is left without repeats, from those of places that are a share of all.

    The share of a place's sentences that stand in no other place is the chance that the next sentence is new (I. J.
    Good, The Population Frequencies of Species and the Estimation of Population Parameters, Biometrika 40, 1953). It
    falls as more is read, so that the estimate is too high rather than too low.
    """
    if len(places) < 2:
        return Estimate(1.0, 1.0, 1.0)
    seen_in = Counter(sentence for place in places for sentence in place)
    sizes = [float(place.total()) for place in places]
    alone = [float(sum(seen_in[sentence] == 1 for sentence in place)) for place in places]
    share = estimate_total(alone, sizes, 1.0) * (1.0 - read) + read * len(seen_in) / sum(sizes)
    return Estimate(min(1.0, share.value), min(1.0, share.low), min(1.0, share.high))
