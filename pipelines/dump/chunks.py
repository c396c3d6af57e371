"""Decompressed text of a work unit, chunk by chunk, and of what follows it, for pages that straddle units."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import zstandard

from kc_schema.store import ByteRanges, as_path
from pipelines.dump.bz2_blocks import Bz2File
from pipelines.dump.errors import DumpError, TruncatedDumpError
from pipelines.dump.work_units import WorkUnit
from pipelines.dump.zst_frames import frame_pieces

__all__ = ["Chunk", "read_chunks"]

_XML_BYTES = 1 << 20
_READ_ON_BYTES = 1 << 16
_GZ_BYTES = 1 << 18


@dataclass(frozen=True, slots=True)
class Chunk:
    """A run of decompressed text."""

    data: bytes
    start: int
    """Byte of the file (as it lies on the disk) at which what was decompressed starts."""
    owned: bool
    """Whether pages that start here are the unit's."""
    last_owned: bool
    """Whether no chunk behind this one is owned."""
    end: int
    """Byte of the file up to which it has been read."""


def read_chunks(unit: WorkUnit) -> Iterator[Chunk]:
    """Yields the chunks of `unit`, and then, for as long as they are asked for, those that follow in the file.

    A unit that owns nothing may yield nothing, but for a file's first, which shows how the file begins.

    Raises:
        DumpError: the file cannot be opened, has changed its size, or is damaged.
        TruncatedDumpError: the compressed data ends before its end.
    """
    try:
        file = ByteRanges(as_path(unit.path))
    except OSError as error:
        raise DumpError(
            f"{unit.path}: cannot be read ({error.strerror}); check the file and its rights"
        ) from error
    try:
        if file.size != unit.size:
            raise DumpError(
                f"{unit.path}: has {file.size} bytes, but {unit.size} when the work was planned; "
                "put the file back or start again with --overwrite"
            )
        yield from _READERS[unit.format](unit, file)
    except OSError as error:
        raise DumpError(
            f"{unit.path}: reading failed ({error.strerror}); check the disk or the mount"
        ) from error
    finally:
        file.close()


def _xml_chunks(unit: WorkUnit, file: ByteRanges) -> Iterator[Chunk]:
    offset = unit.start
    while offset < unit.size:
        owned = offset < unit.end
        length = min(_XML_BYTES, unit.end - offset) if owned else _READ_ON_BYTES
        data = file.read(offset, length)
        end = offset + len(data)
        yield Chunk(data, offset, owned, end >= unit.end, end)
        offset = end


def _bz2_chunks(unit: WorkUnit, file: ByteRanges) -> Iterator[Chunk]:
    blocks = Bz2File(unit.path, file.read, unit.size)
    start, end = blocks.boundary(unit.start), blocks.boundary(unit.end)
    if unit.start and start >= end:
        return
    for block in blocks.blocks(start, end if unit.start else unit.size):
        last = block.error is None and (block.next is None or block.next >= end * 8)
        read_up_to = unit.size if block.next is None else block.next // 8
        yield Chunk(block.data, block.start // 8, block.start < end * 8, last, read_up_to)


def _gz_chunks(unit: WorkUnit, file: ByteRanges) -> Iterator[Chunk]:
    offset, waiting, inflater = 0, b"", zlib.decompressobj(wbits=31)
    within_member = False
    while True:
        if not waiting:
            waiting = file.read(offset, _GZ_BYTES)
            offset += len(waiting)
        if not waiting:
            break
        start = offset - len(waiting)
        if not within_member and not waiting.strip(b"\0"):
            waiting = b""
            continue
        try:
            data = inflater.decompress(waiting, _XML_BYTES)
        except zlib.error as error:
            raise DumpError(
                f"{unit.path}: near byte {start}: the gzip data is damaged ({error}); download the file again"
            ) from error
        waiting, within_member = inflater.unconsumed_tail, True
        if inflater.eof:
            waiting, inflater, within_member = inflater.unused_data, zlib.decompressobj(wbits=31), False
        yield Chunk(data, start, True, False, offset - len(waiting))
    if within_member:
        raise TruncatedDumpError(
            f"{unit.path}: byte {unit.size}: the gzip data ends in the middle; download the file again, "
            "or keep what stands before with --allow-truncated"
        )


def _zst_chunks(unit: WorkUnit, file: ByteRanges) -> Iterator[Chunk]:
    offset = unit.start
    while offset < unit.size:
        frame, owned = offset, offset < unit.end
        inflater = zstandard.ZstdDecompressor().decompressobj()
        for start, length in frame_pieces(unit.path, file.read, frame, unit.size):
            offset = start + length
            try:
                data = inflater.decompress(file.read(start, length))
            except zstandard.ZstdError as error:
                raise DumpError(
                    f"{unit.path}: byte {start}: the zstd data is damaged ({error}); download the file again"
                ) from error
            yield Chunk(data, frame, owned, False, offset)
        yield Chunk(b"", frame, owned, offset >= unit.end, offset)


_READERS: dict[str, Callable[[WorkUnit, ByteRanges], Iterator[Chunk]]] = {
    "xml": _xml_chunks,
    "bz2": _bz2_chunks,
    "gz": _gz_chunks,
    "zst": _zst_chunks,
}
