"""Slices of a dump: whole pages from places that are spread evenly over all of its files."""

from __future__ import annotations

import bisect
import random
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pipelines.dump.chunks import Chunk, read_chunks
from pipelines.dump.errors import DumpError
from pipelines.dump.parts import DumpFile
from pipelines.dump.work_units import WorkUnit
from pipelines.dump.zst_frames import frame_starts

__all__ = ["Excerpt", "Slice", "read_excerpts", "read_head", "rough_sentences", "take_slices"]

_FEWEST, _MOST = 4, 32
_WORTHWHILE = 250_000
"""About the compressed bytes of a bzip2 block, less than which cannot be read."""
_SHORTEST = 40
"""Bytes of a sentence at least, as it is told roughly: what is shorter is mostly a heading or a cell."""
_NO_PROSE = tuple(bytes([byte]) for byte in b"{|}!<=& \t")
"""How lines begin that hold templates, tables, headings or the dump's own elements."""
_BLOCK = 800_000
"""Text of most bzip2 blocks at least."""
_SEED = 7
_HEAD_WITHIN = 4_000_000
_PAGE = re.compile(rb"<page(?=[\s>/])")
_CLOSE = b"</page>"


@dataclass(frozen=True, slots=True)
class Slice:
    """Some pages that follow each other."""

    pages: int
    """Bytes of XML of the pages that start in the slice, whole."""
    compressed: int
    """Bytes of the file that the slice takes."""
    text: int
    """Bytes of decompressed text that these are."""
    seconds: float
    """CPU seconds of reading and decompressing them."""
    sentences: int
    """Of the pages, roughly (`rough_sentences`)."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Some text from the middle of a dump, cut anywhere."""

    text: bytes
    compressed: int
    """Bytes of the file that it takes."""
    seconds: float
    """CPU seconds of reading and decompressing it."""


def take_slices(parts: Sequence[DumpFile], compressed: int) -> Iterator[tuple[Slice, bytes]]:
    """Yield slices of about so many `compressed` bytes in all, each with the XML of its pages.

    A file of gzip is read from its start alone, one of zstd from the start of a frame: nobody can begin elsewhere.

    Raises:
        DumpError: a file cannot be read, or no page was found.
    """
    total = sum(part.size for part in parts)
    count = max(_FEWEST, min(_MOST, compressed // _WORTHWHILE))
    empty = True
    for number in range(count):
        part, offset = _place(parts, total * (2 * number + 1) // (2 * count))
        found = _take(part, _readable(part, offset), compressed // count)
        if found is not None:
            empty = False
            yield found
    if empty and (found := _take(parts[0], 0, compressed)) is not None:
        empty = False  # less than a block, which only its start leads to
        yield found
    if empty:
        raise DumpError(
            f"{parts[0].path}: no <page> found where the dump was looked into; is it an export of pages?"
        )


def read_excerpts(parts: Sequence[DumpFile], count: int) -> Iterator[Excerpt]:
    """Yield excerpts of about a bzip2 block from at most so many different places, one by chance in each stretch.

    Places at equal distances would see the same parts of pages that return at such a distance.

    Raises:
        DumpError: a file cannot be read.
    """
    total = sum(part.size for part in parts)
    count = max(1, min(count, total // _WORTHWHILE))
    reached: dict[str, int] = {}
    chance = random.Random(_SEED)
    for number in range(count):
        part, offset = _place(parts, int(total * (number + chance.random()) / count))
        text, first, end, began = b"", -1, -1, time.process_time()
        for chunk in _chunks(part, _readable(part, offset)):
            if first < 0 and chunk.start < reached.get(part.path, 0):
                break  # read before: places are moved to where reading can begin
            first = chunk.start if first < 0 else first
            text, end = text + chunk.data, chunk.end
            if len(text) >= _BLOCK:
                break
        if text:
            reached[part.path] = end
            yield Excerpt(text, end - first, time.process_time() - began)


def rough_sentences(lines: Iterable[bytes]) -> Iterator[int]:
    """Yield a number for about every sentence of some lines of wikitext, equal for equal ones."""
    for line in lines:
        if len(line) >= _SHORTEST and not line.startswith(_NO_PROSE):
            for sentence in line.split(b". "):
                if len(sentence) >= _SHORTEST:
                    yield hash(sentence)


def read_head(part: DumpFile) -> bytes:
    """Return what stands before the first page of a file: the root element and what the wiki says of itself."""
    head = b""
    for chunk in _chunks(part, 0):
        head += chunk.data
        if (found := _PAGE.search(head)) is not None:
            return head[: found.start()]
        if len(head) > _HEAD_WITHIN:
            break
    raise DumpError(f"{part.path}: no <page> in its first {len(head):,} bytes of text")


def _place(parts: Sequence[DumpFile], offset: int) -> tuple[DumpFile, int]:
    for part in parts:
        if offset < part.size:
            return part, offset
        offset -= part.size
    return parts[-1], 0


def _readable(part: DumpFile, offset: int) -> int:
    """Return a place at `offset`, or not far from it, where reading can begin."""
    if part.format == "gz":
        return 0
    if part.format == "zst":
        starts = frame_starts(part.path, part.size)
        return starts[max(0, bisect.bisect(starts, offset) - 1)]
    return offset


def _chunks(part: DumpFile, start: int) -> Iterator[Chunk]:
    return read_chunks(WorkUnit(0, part.path, part.format, start, part.size, part.size))


def _take(part: DumpFile, start: int, compressed: int) -> tuple[Slice, bytes] | None:
    """Return a slice from the first place behind `start` at which the file can be read; None where no page starts."""
    window, first, end = bytearray(), -1, -1
    began = time.process_time()
    chunks = _chunks(part, start)
    for chunk in chunks:
        first = chunk.start if first < 0 else first
        window += chunk.data
        end = chunk.end
        if end - first >= compressed:
            break
    seconds = time.process_time() - began
    text = len(window)
    starts = [found.start() for found in _PAGE.finditer(window)]
    if not starts:
        return None
    # A page belongs to the slice in which it starts: else long ones would be missed.
    while (last := window.find(_CLOSE, starts[-1])) < 0 and (more := next(chunks, None)) is not None:
        window += more.data
    pages = bytes(window[starts[0] : last + len(_CLOSE)]) if last >= 0 else b""
    if not pages:
        return None
    sentences = sum(1 for _ in rough_sentences(pages.split(b"\n")))
    return Slice(len(pages), end - first, text, seconds, sentences), pages
