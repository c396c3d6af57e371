"""bzip2 streams written bit by bit, whose compressed data holds what no compressor would put there.

All symbols of a block get codes of four bits, so that any hexadecimal digits but f (the end of the block) can be
written into its data, a block's magic among them; what the block then decodes to is worked out from them.
"""

from __future__ import annotations

from collections.abc import Sequence

MAGIC_DIGITS = "314159265359"
_ALPHABET = b"abcdefghijklmn"
_END_OF_BLOCK = 15


def crafted_stream(blocks: Sequence[str], level: int = 9) -> tuple[bytes, list[bytes]]:
    """A whole stream with a block for each string of hexadecimal digits, and what each block decodes to."""
    bits = "".join(f"{byte:08b}" for byte in b"BZh%d" % level)
    combined, contents = 0, []
    for digits in blocks:
        symbols = [int(digit, 16) for digit in digits]
        content = _decoded(symbols)
        check_sum = _check_sum(content)
        combined = ((combined << 1 | combined >> 31) ^ check_sum) & 0xFFFFFFFF
        bits += _block(symbols, check_sum)
        contents.append(content)
    bits += f"{0x177245385090:048b}{combined:032b}"
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big"), contents


def _block(symbols: list[int], check_sum: int) -> str:
    used = "".join("1" if bytes([code]) in _ALPHABET else "0" for code in range(256))
    ranges = [used[first : first + 16] for first in range(0, 256, 16)]
    head = f"{0x314159265359:048b}{check_sum:032b}0{0:024b}"
    head += "".join("1" if "1" in one else "0" for one in ranges) + "".join(
        one for one in ranges if "1" in one
    )
    selectors = (len(symbols) + 1 + 49) // 50
    table = f"{4:05b}" + "0" * (len(_ALPHABET) + 2)
    data = "".join(f"{symbol:04b}" for symbol in [*symbols, _END_OF_BLOCK])
    return head + f"{2:03b}{selectors:015b}" + "0" * selectors + table * 2 + data


def _decoded(symbols: list[int]) -> bytes:
    column = _column(symbols)
    order = sorted(range(len(column)), key=lambda at: column[at])
    at, sorted_out = order[0], bytearray()
    for _ in column:
        sorted_out.append(column[at])
        at = order[at]
    return _runs_expanded(sorted_out)


def _column(symbols: list[int]) -> bytearray:
    """Run lengths in base 2 (RUNA, RUNB) and move-to-front, undone."""
    front, column, run, weight = list(_ALPHABET), bytearray(), 0, 1
    for symbol in [*symbols, _END_OF_BLOCK]:
        if symbol < 2:
            run, weight = run + (symbol + 1) * weight, weight * 2
            continue
        column += bytes([front[0]]) * run
        run, weight = 0, 1
        if symbol != _END_OF_BLOCK:
            front.insert(0, front.pop(symbol - 1))
            column.append(front[0])
    return column


def _runs_expanded(data: bytearray) -> bytes:
    """The first step of bzip2 undone: after four equal bytes, one that says how many more follow."""
    out, same, at = bytearray(), 0, 0
    while at < len(data):
        same = same + 1 if out and same and data[at] == out[-1] else 1
        out.append(data[at])
        at += 1
        if same == 4 and at < len(data):
            out += out[-1:] * data[at]
            at, same = at + 1, 0
    return bytes(out)


def _check_sum(data: bytes) -> int:
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1 ^ (0x04C11DB7 if value & 1 << 31 else 0)) & 0xFFFFFFFF
    return value ^ 0xFFFFFFFF
