"""bzip2 data from anywhere in a file: blocks are found at any bit and decoded one by one.

A bzip2 stream is ``BZh`` with a digit, blocks that each start with a 48-bit magic at any bit, and an end magic
with the stream's check sum, padded to a byte. A block cut out, shifted to a byte and wrapped in a header and an
end of its own is a whole stream: for one block the stream's check sum is the block's.
"""

from __future__ import annotations

import bz2
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from pipelines.dump.errors import DumpError, TruncatedDumpError

__all__ = ["Block", "Bz2File"]

_HEADERS = frozenset(b"BZh%d" % level for level in range(1, 10))
_STREAM = re.compile(rb"BZh[1-9]1AY&SY")
_STREAM_WITHIN = 2_000_000
_MAGIC_BITS = 48
_HEADER_BITS = 32
# End magic and check sum of a stream.
_END_BITS = 80
# No block is longer: 900,000 symbols of at most 20 bits, and its tables.
_LONGEST_BITS = 8 * 2_400_000
# A magic stands in a block's data by chance once in 2^48 bits; more than this is no accident.
_MOST_FALSE_MAGICS = 8
_SCAN_BYTES = 1 << 18
_KEPT_WINDOWS = 12


class _Magic:
    """A 48-bit magic and how to find it at any bit of a run of bytes."""

    def __init__(self, magic: int) -> None:
        self.magic = magic
        # Wherever it starts in a byte, five whole bytes lie within it; before them, up to seven of its bits.
        self._lead = {(magic >> 8 - lead & (1 << 40) - 1).to_bytes(5, "big"): lead for lead in range(1, 8)}
        self._lead[(magic >> 8).to_bytes(5, "big")] = 0
        # Bytes that occur in these fives become 1, so that one search finds all that may be one of them.
        inside = {byte for five in self._lead for byte in five}
        self._table = bytes(byte in inside for byte in range(256))

    def find(self, window: bytes) -> Iterator[int]:
        """Yields the bits of `window` at which the magic stands, in order."""
        marks = window.translate(self._table)
        at = marks.find(_FIVE_MARKS)
        while at >= 0:
            lead = self._lead.get(window[at : at + 5])
            if lead is not None and self._stands_at(window, at * 8 - lead):
                yield at * 8 - lead
            at = marks.find(_FIVE_MARKS, at + 1)

    def _stands_at(self, window: bytes, bit: int) -> bool:
        word = window[bit // 8 : bit // 8 + 7] if bit >= 0 else b""
        spare = len(word) * 8 - bit % 8 - _MAGIC_BITS
        return spare >= 0 and int.from_bytes(word, "big") >> spare & (1 << _MAGIC_BITS) - 1 == self.magic


_FIVE_MARKS = b"\1" * 5
_BLOCK = _Magic(0x314159265359)
_END = _Magic(0x177245385090)


@dataclass(frozen=True)
class Block:
    """A block of bzip2 data: where it lies, in bits of the file, and what it holds."""

    start: int
    next: int | None
    """Where the next block starts, in this stream or the next one; None at the file's last block."""
    data: bytes
    error: TruncatedDumpError | None = None
    """That the file ends behind this block, but before the end of its stream."""


class Bz2File:
    """A bzip2 file of one or many streams whose blocks are read from any place on."""

    def __init__(self, path: str, read: Callable[[int, int], bytes], size: int) -> None:
        """Take note of the file.

        Args:
            path: for messages.
            read: gives the bytes of the file from an offset, as many as asked for or up to its end.
            size: bytes of the file.
        """
        self._path = path
        self._read = read
        self._size = size
        self._windows: dict[int, list[int]] = {}

    def blocks(self, start_byte: int, start_before: int) -> Iterator[Block]:
        """Yields the blocks from the first one on whose magic starts in the range, to the end of the file.

        Raises:
            DumpError: a block is damaged (its check sum does not fit), or other data stands between streams.
            TruncatedDumpError: the file ends inside a block or before the end of a stream.
        """
        start = next(self._magics(start_byte * 8, start_before * 8), None)
        block = None if start is None else self._first_block(start)
        while block is not None:
            yield block
            if block.error is not None:
                raise block.error
            block = None if block.next is None else self._expect_block(block.next)

    def boundary(self, byte: int) -> int:
        """Gives the byte to which a cut at `byte` is moved: the next stream, where one starts within 2 MB.

        Pages do not straddle the streams of a multistream dump, so that nothing is decoded twice there.
        """
        stream = _STREAM.search(self._read(byte, _STREAM_WITHIN)) if 0 < byte < self._size else None
        return byte if stream is None else byte + stream.start()

    def _first_block(self, start: int) -> Block | None:
        """The block at `start`, or behind it where `start` only looks like one inside another's data."""
        block = self._block(start)
        if block is not None:
            return block
        for earlier in reversed(list(self._magics(max(0, start - _LONGEST_BITS), start))):
            around = self._block(earlier)
            if around is None:
                continue
            if around.next is None:
                return None
            if around.next > start:
                return self._expect_block(around.next)
            break
        return self._expect_block(start)

    def _expect_block(self, start: int) -> Block:
        block = self._block(start)
        if block is not None:
            return block
        place = f"{self._path}: byte {start // 8}"
        if self._size * 8 - start > _LONGEST_BITS or self._end_of_stream(start, self._size) is not None:
            raise DumpError(
                f"{place}: the bzip2 block that starts here is damaged (its check sum does not fit); download the "
                "file again and compare its check sum"
            )
        behind = self._behind_last_stream(start)
        if behind is not None:
            raise DumpError(
                f"{self._path}: byte {behind}: the bzip2 data ends here, but {self._size - behind} other bytes follow; "
                "download the file again, or cut them off"
            )
        error = TruncatedDumpError(
            f"{place}: the file ends inside the bzip2 block or stream here; download it again, or keep what stands "
            "before with --allow-truncated"
        )
        data = self._without_end(start)
        if not data:
            raise error
        return Block(start, None, data, error)

    def _block(self, start: int) -> Block | None:
        """The block at bit `start`; None where it cannot be decoded up to any of the ends it may have."""
        limit = min(start + _LONGEST_BITS, self._size * 8)
        tried = 0
        for following in islice(self._magics(start + _MAGIC_BITS, limit), _MOST_FALSE_MAGICS):
            tried += 1
            data = self._decode(start, self._end_before(start, following))
            if data is not None:
                return Block(start, following, data)
        if limit < self._size * 8 or tried == _MOST_FALSE_MAGICS:
            return None
        end = self._end_of_stream(start, self._size)
        data = None if end is None else self._decode(start, end)
        return None if data is None else Block(start, None, data)

    def _end_before(self, start: int, following: int) -> int:
        """Where the block at `start` ends if the next one is at `following`, in this stream or the next."""
        header = following - _HEADER_BITS
        if following % 8 or self._read(header // 8, 4) not in _HEADERS:
            return following
        end = self._end_of_stream(start, header // 8)
        return following if end is None else end

    def _end_of_stream(self, start: int, byte: int) -> int | None:
        """The bit behind `start` of the end magic of the stream that ends at `byte`; empty streams passed over."""
        while byte * 8 - _END_BITS > start:
            first = max(byte - 11, 0)
            window = int.from_bytes(self._read(first, byte - first), "big")
            ends = (
                byte * 8 - padding - _END_BITS
                for padding in range(8)
                if window >> padding + 32 & (1 << _MAGIC_BITS) - 1 == _END.magic
            )
            end = next(ends, None)
            if end is None or end % 8 or self._read(end // 8 - 4, 4) not in _HEADERS:
                return end
            byte = end // 8 - 4
        return None

    def _behind_last_stream(self, start: int) -> int | None:
        """The byte behind the stream that ends with the block at `start`, where no other stream begins there."""
        first = start // 8
        window = self._read(first, self._size - first)
        for at in _END.find(window):
            behind = first + (at + _END_BITS + 7) // 8
            rest = self._read(behind, 4)
            begun = any(header.startswith(rest) for header in _HEADERS)
            if behind <= self._size and not begun and self._decode(start, first * 8 + at) is not None:
                return behind
        return None

    def _decode(self, start: int, end: int) -> bytes | None:
        """What the bits from `start` to `end` hold if they are one whole block; None if they are not."""
        length = end - start
        if length < _MAGIC_BITS + 32:
            return None
        first, last = start // 8, (end + 7) // 8
        bits = int.from_bytes(self._read(first, last - first), "big") >> last * 8 - end & (1 << length) - 1
        check_sum = bits >> length - _MAGIC_BITS - 32 & 0xFFFFFFFF
        padding = -(length + _END_BITS) % 8
        bits = (bits << _END_BITS | _END.magic << 32 | check_sum) << padding
        decompressor = bz2.BZ2Decompressor()
        try:
            data = decompressor.decompress(
                b"BZh9" + bits.to_bytes((length + _END_BITS + padding) // 8, "big")
            )
        except OSError:
            return None
        return data if decompressor.eof and not decompressor.unused_data else None

    def _without_end(self, start: int) -> bytes:
        """What the block at `start` holds if it is whole and only the end of its stream is missing; else nothing.

        The decompressor compares the block's check sum before it looks for what follows.
        """
        first = start // 8
        length = self._size * 8 - start
        bits = int.from_bytes(self._read(first, self._size - first), "big") & (1 << length) - 1
        padding = -length % 8
        try:
            return bz2.BZ2Decompressor().decompress(
                b"BZh9" + (bits << padding).to_bytes((length + padding) // 8, "big")
            )
        except OSError:
            return b""

    def _magics(self, start: int, end: int) -> Iterator[int]:
        """Yields the bits from `start` up to `end` at which a block's magic stands."""
        for number in range(start // 8 // _SCAN_BYTES, (end + 7) // 8 // _SCAN_BYTES + 1):
            yield from (at for at in self._magics_of_window(number) if start <= at < end)

    def _magics_of_window(self, number: int) -> list[int]:
        if number not in self._windows:
            first = number * _SCAN_BYTES
            window = self._read(first, _SCAN_BYTES + 6)
            found = [at for at in _BLOCK.find(window) if at < _SCAN_BYTES * 8]
            while len(self._windows) >= _KEPT_WINDOWS:
                del self._windows[min(self._windows)]
            self._windows[number] = [first * 8 + at for at in found]
        return self._windows[number]
