"""The pages of a work unit, wherever the dump was cut."""

from __future__ import annotations

import contextlib
import logging
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeVar

from kc_schema.store import as_path
from pipelines.dump.chunks import Chunk, read_chunks
from pipelines.dump.errors import TruncatedDumpError, no_export
from pipelines.dump.page_xml import BROKEN_PAGE_REASONS, BrokenPage, Page, parse_page
from pipelines.dump.work_units import WorkUnit
from pipelines.dump.zst_frames import frame_starts

__all__ = ["BROKEN_PAGE_REASONS", "BrokenPage", "Page", "parse_page", "read_pages"]

T = TypeVar("T")

_logger = logging.getLogger(__name__)

_OPEN = b"<page"
_CLOSE = b"</page>"
_CLOSE_EXPORT = b"</mediawiki"
_TAG = re.compile(rb"<page(?=[\s>/])|</mediawiki")
# What ends a page: its own end, or another page that starts before it.
_PAGE_ENDS = re.compile(rb"</page>|<page(?=[\s>/])")
# How far into a file its root element must start.
_ROOT_WITHIN = 4096
_STREAM_START = re.compile(rb"BZh[1-9]1AY&SY")
_TAIL_BYTES = 4096
# How much of a broken page is shown.
_SHOWN_BYTES = 100
# More than any bzip2 block, and than most streams of a multistream dump.
_LAST_STREAM_BYTES = 8_000_000


def read_pages(
    unit: WorkUnit,
    *,
    allow_truncated: bool = False,
    progress: Callable[[int], None] | None = None,
    parse: Callable[[bytes, str], T] = parse_page,  # type: ignore[assignment]
) -> Iterator[T | BrokenPage]:
    """Yields the pages whose ``<page>`` starts in `unit`, in the order of the dump.

    Args:
        unit: what to read.
        allow_truncated: whether a file that ends early ends the pages with a `BrokenPage` of the reason
            ``truncated`` in place of an error.
        progress: called with the number of compressed bytes of the unit that were read since the last call;
            all calls together give ``unit.end - unit.start``.
        parse: makes of the bytes of a page, and the words for its place, what is yielded for it.

    Raises:
        DumpError: the file cannot be read, is damaged or is no export of MediaWiki.
        TruncatedDumpError: the file ends early (without `allow_truncated`).
    """
    done = unit.start

    def read(chunk: Chunk) -> None:
        nonlocal done
        end = min(chunk.end, unit.end)
        if progress is not None and end > done:
            progress(end - done)
            done = end

    try:
        yield from _pages(unit, _Text(unit, read), parse)
    except TruncatedDumpError as error:
        if not allow_truncated:
            raise
        yield BrokenPage("truncated", str(error))
    if progress is not None and done < unit.end:
        progress(unit.end - done)


class _Text:
    """A window of the unit's decompressed text, with as much of what follows as has been asked for."""

    def __init__(self, unit: WorkUnit, read: Callable[[Chunk], None]) -> None:
        self.window = bytearray()
        self.at = 0
        """Where in `window` reading goes on; what stands before may be dropped."""
        self.owned = 0
        """End of the unit's own text in `window`; less than 0 once it has been dropped."""
        self.more_owned = True
        """Whether chunks that have not been read yet may be the unit's own."""
        self._unit = unit
        self._chunks = read_chunks(unit)
        self._read = read
        self._starts: list[tuple[int, int]] = []
        self.cut: TruncatedDumpError | None = None
        """That the file ends early, once that has been found."""

    def fill(self) -> bool:
        """Add the next chunk and drop what lies before `at`; return False at the end of the file.

        Raises:
            TruncatedDumpError: the file ends early; raised again when it is asked again.
        """
        if self.cut is not None:
            raise self.cut
        try:
            chunk = next(self._chunks, None)
        except TruncatedDumpError as error:
            self.cut = error
            raise
        if chunk is None:
            self.more_owned = False
            return False
        self._starts.append((len(self.window), chunk.start))
        self.window += chunk.data
        if chunk.owned:
            self.owned = len(self.window)
        self.more_owned = chunk.owned and not chunk.last_owned
        if self.at:
            del self.window[: self.at]
            self.owned -= self.at
            first = max(number for number, (offset, _) in enumerate(self._starts) if offset <= self.at)
            self._starts = [(offset - self.at, start) for offset, start in self._starts[first:]]
            self.at = 0
        self._read(chunk)
        return True

    def owns_begun_tag(self) -> bool:
        """Whether the window ends with the first characters of a ``<page``, of which one at least is owned."""
        begun = self.window.rfind(b"<", self.at)
        return 0 <= begun < self.owned and (_OPEN + b">").startswith(self.window[begun:])

    def place(self) -> str:
        """Names the file and the place in it: of plain XML the byte, else where the block or frame starts."""
        offset, start = max(pair for pair in self._starts if pair[0] <= self.at)
        if self._unit.format == "xml":
            return f"{self._unit.path}: byte {start + self.at - offset}"
        return f"{self._unit.path}: in the data from byte {start} on"


def _pages(unit: WorkUnit, text: _Text, parse: Callable[[bytes, str], T]) -> Iterator[T | BrokenPage]:
    if unit.start == 0:
        _check_root(unit, text)
    closed: bool | None = None if unit.start else False
    while (tag := _next_tag(text)) is not None:
        if tag == _CLOSE_EXPORT:
            closed = True
            text.at += len(tag)
        elif text.at >= text.owned:
            return
        else:
            closed = False
            yield _read_page(text, parse)
    if unit.end == unit.size and not closed:
        _check_end(unit, bytes(text.window[-_TAIL_BYTES:]) if closed is False else _tail(unit))


def _check_root(unit: WorkUnit, text: _Text) -> None:
    with contextlib.suppress(TruncatedDumpError):  # raised again behind the pages that stand before the cut
        while len(text.window) < _ROOT_WITHIN and text.fill():
            pass
    if b"<mediawiki" not in text.window[:_ROOT_WITHIN]:
        if text.cut is not None:
            raise text.cut
        raise no_export(unit.path, bytes(text.window[:40]))


def _next_tag(text: _Text) -> bytes | None:
    """Moves to the next ``<page`` or ``</mediawiki`` and gives it; what stands before is dropped.

    None where the unit's own text holds no other.
    """
    while True:
        tag = _TAG.search(text.window, text.at)
        if tag is not None:
            text.at = tag.start()
            return tag[0]
        text.at = max(text.at, len(text.window) - len(_CLOSE_EXPORT) + 1)
        if not (text.more_owned or text.owns_begun_tag()) or not text.fill():
            return None


def _read_page(text: _Text, parse: Callable[[bytes, str], T]) -> T | BrokenPage:
    """Read the page that starts at `text.at` and move behind it.

    Raises:
        TruncatedDumpError: the file ends inside the page.
    """
    while (close := text.window.find(b">", text.at)) < 0 and text.fill():
        pass
    if close >= 0 and text.window[close - 1 : close] == b"/":
        where = f"{text.place()}, {bytes(text.window[text.at : close + 1])[:_SHOWN_BYTES]!r} holds nothing"
        text.at = close + 1
        return BrokenPage("unfinished_page", where)
    search = len(_OPEN)
    while (end := _PAGE_ENDS.search(text.window, text.at + search)) is None:
        search = max(search, len(text.window) - text.at - len(_CLOSE) + 1)
        if not text.fill():
            break
    place = text.place()
    length = (len(text.window) if end is None else end.start()) - text.at
    if end is not None and end[0] == _CLOSE:
        length += len(_CLOSE)
        xml = bytes(memoryview(text.window)[text.at : text.at + length])
        text.at += length
        return parse(xml, place)
    begun = bytes(memoryview(text.window)[text.at : text.at + min(length, _SHOWN_BYTES)])
    if end is not None:
        text.at += length
        return BrokenPage("unfinished_page", f"{place}, another page starts inside {begun!r}")
    raise TruncatedDumpError(
        f"{place}: the file ends inside a page ({begun!r} ...); download it again, or keep what stands "
        "before with --allow-truncated"
    )


def _tail(unit: WorkUnit) -> bytes:
    """The end of the file's text, for a last unit that has only a piece of it, or nothing."""
    start = max(0, unit.size - _LAST_STREAM_BYTES)
    if unit.format == "zst":
        start = max(frame for frame in frame_starts(unit.path, unit.size) if frame <= start)
    tail = b""
    for chunk in read_chunks(replace(unit, start=start)):
        tail = (tail + chunk.data)[-_TAIL_BYTES:]
    return tail


def _check_end(unit: WorkUnit, tail: bytes) -> None:
    """Judges whether a file ends where it should: with ``</mediawiki>``.

    One compressed stream that is whole and ends behind a page was written so: nothing is known to be missing.
    """
    if _CLOSE_EXPORT in tail[tail.rfind(_CLOSE) + 1 :]:
        return
    if unit.format != "xml" and tail.rstrip().endswith(_CLOSE) and not _has_several_streams(unit):
        _logger.warning(
            "%s: no </mediawiki> at the end; the compressed data is whole, so it is read as it is", unit.path
        )
        return
    raise TruncatedDumpError(
        f"{unit.path}: byte {unit.size}: the file ends without </mediawiki>: pages are missing; download it again, "
        "or keep what is there with --allow-truncated"
    )


def _has_several_streams(unit: WorkUnit) -> bool:
    if unit.format == "zst":
        return len(frame_starts(unit.path, unit.size)) > 1
    with as_path(unit.path).open("rb") as file:
        if unit.format == "gz":
            inflater = zlib.decompressobj(wbits=31)
            while not inflater.eof:
                inflater.decompress(file.read(1 << 14))
            return bool(inflater.unused_data or file.read(1))
        file.seek(max(1, unit.size - _LAST_STREAM_BYTES))
        return _STREAM_START.search(file.read()) is not None
