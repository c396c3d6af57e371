"""Zstandard frames, walked by their headers without decompressing (RFC 8878, section 3.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from kc_schema.store import ByteRanges, as_path
from pipelines.dump.errors import DumpError, TruncatedDumpError

__all__ = ["frame_pieces", "frame_starts"]

_FRAME = 0xFD2FB528
_SKIPPABLE = range(0x184D2A50, 0x184D2A60)
_RLE, _RESERVED = 1, 3
# Compressed blocks hold 128 kB at most (Block_Maximum_Size), so no piece decompresses to more.


def frame_starts(path: str, size: int) -> list[int]:
    """Gives the byte offset of every frame of the file; of a file that is cut off, those before the cut.

    Raises:
        DumpError: something other than a frame stands where one should start.
    """
    starts: list[int] = []
    with ByteRanges(as_path(path)) as file:
        offset = 0
        while offset < size:
            starts.append(offset)
            try:
                for start, length in frame_pieces(path, file.read, offset, size):
                    offset = start + length
            except TruncatedDumpError:
                break
    return starts


def frame_pieces(
    path: str, read: Callable[[int, int], bytes], offset: int, size: int
) -> Iterator[tuple[int, int]]:
    """Yields start and length of the pieces of the frame at `offset`: its header, blocks, checksum.

    Args:
        path: the file, for messages.
        read: gives the bytes of the file from an offset, as many as asked for or up to its end.
        offset: where the frame starts.
        size: bytes of the file.

    Raises:
        DumpError: no frame starts there, or a block is of the reserved type.
        TruncatedDumpError: the frame does not end within the file.
    """
    head = read(offset, 18)
    magic = int.from_bytes(head[:4], "little")
    if magic in _SKIPPABLE and len(head) >= 8:
        yield _within(path, offset, 8 + int.from_bytes(head[4:8], "little"), size)
        return
    if len(head) < 6:
        raise _cut_off(path, offset)
    if magic != _FRAME:
        raise DumpError(
            f"{path}: byte {offset}: no zstd frame starts here; the file is damaged, get it again"
        )
    header = _header_bytes(head[4])
    yield _within(path, offset, header, size)
    checksum = 4 if head[4] & 4 else 0
    offset += header
    last = False
    while not last:
        word = int.from_bytes(_exactly(path, read, offset, 3), "little")
        last, kind, length = bool(word & 1), word >> 1 & 3, word >> 3
        if kind == _RESERVED:
            raise DumpError(
                f"{path}: byte {offset}: a zstd block of no known type; the file is damaged, get it again"
            )
        piece = 3 + (1 if kind == _RLE else length)
        yield _within(path, offset, piece, size)
        offset += piece
    if checksum:
        yield _within(path, offset, checksum, size)


def _header_bytes(descriptor: int) -> int:
    """Bytes of a frame's header with its magic, by the frame header descriptor (section 3.1.1.1.1)."""
    single_segment = descriptor >> 5 & 1
    content_size = (single_segment, 2, 4, 8)[descriptor >> 6]
    return 5 + (1 - single_segment) + (0, 1, 2, 4)[descriptor & 3] + content_size


def _within(path: str, offset: int, length: int, size: int) -> tuple[int, int]:
    if offset + length > size:
        raise _cut_off(path, offset)
    return offset, length


def _exactly(path: str, read: Callable[[int, int], bytes], offset: int, length: int) -> bytes:
    data = read(offset, length)
    if len(data) < length:
        raise _cut_off(path, offset)
    return data


def _cut_off(path: str, offset: int) -> TruncatedDumpError:
    return TruncatedDumpError(
        f"{path}: byte {offset}: the zstd data ends in the middle of a frame; download the file again, "
        "or keep what stands before with --allow-truncated"
    )
