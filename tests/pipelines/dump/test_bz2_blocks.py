from __future__ import annotations

import bz2
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kc_schema.store import ByteRanges
from pipelines.dump.bz2_blocks import Block, Bz2File
from pipelines.dump.errors import DumpError, TruncatedDumpError
from tests.dump_writer import noise
from tests.pipelines.dump.crafted_bz2 import MAGIC_DIGITS, crafted_stream


@contextmanager
def opened(path: Path, content: bytes) -> Iterator[Bz2File]:
    path.write_bytes(content)
    with ByteRanges(path) as file:
        yield Bz2File(str(path), file.read, len(content))


def all_blocks(file: Bz2File, size: int, start: int = 0) -> list[Block]:
    return list(file.blocks(start, size))


def text_of(path: Path, content: bytes) -> bytes:
    with opened(path, content) as file:
        return b"".join(block.data for block in all_blocks(file, len(content)))


EMPTY = bz2.compress(b"")
LONG = noise(1, 350_000).encode()


@pytest.mark.parametrize(
    "content",
    [
        bz2.compress(b"one small block"),
        bz2.compress(LONG, 1),
        bz2.compress(LONG, 9),
        bz2.compress(b"a" * 3_000_000),
        bz2.compress(LONG, 1) + bz2.compress(b"between") + bz2.compress(LONG[::-1], 2),
        EMPTY + bz2.compress(b"behind an empty stream"),
        bz2.compress(b"before empty streams") + EMPTY * 3 + bz2.compress(LONG, 1) + EMPTY,
    ],
    ids=["one", "four", "level 9", "runs", "streams", "empty first", "empty between"],
)
def test_blocks_hold_what_plain_decompression_gives(tmp_path: Path, content: bytes) -> None:
    assert text_of(tmp_path / "file.bz2", content) == bz2.decompress(content)


def test_blocks_are_found_from_any_byte_on(tmp_path: Path) -> None:
    content = bz2.compress(LONG, 1) + bz2.compress(b"more") + bz2.compress(LONG[7:].lower(), 1)
    with opened(tmp_path / "file.bz2", content) as file:
        blocks = all_blocks(file, len(content))
        assert len(blocks) == 9
        assert len({block.start % 8 for block in blocks}) > 2
        for block in blocks:
            for start in (block.start // 8 - 3, block.start // 8, block.start // 8 + 1):
                expected = [other for other in blocks if other.start >= start * 8]
                assert all_blocks(file, len(content), max(start, 0)) == expected


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 260_000), min_size=1, max_size=4), st.integers(1, 3), st.data())
def test_every_cut_gives_each_block_once(
    tmp_path: Path, sizes: list[int], level: int, data: st.DataObject
) -> None:
    content = b"".join(bz2.compress(LONG[:size], level) for size in sizes)
    cuts = sorted(data.draw(st.sets(st.integers(1, len(content)), max_size=5)))
    with opened(tmp_path / "file.bz2", content) as file:
        found = [
            block
            for start, end in zip([0, *cuts], [*cuts, len(content)], strict=True)
            for block in file.blocks(start, end)
            if block.start < end * 8
        ]
    assert b"".join(block.data for block in found) == bz2.decompress(content)


class TestFalseMagics:
    """A block's magic inside the data of a block."""

    # Digits of two and more are single symbols; long enough that the magic stands at many places in a byte.
    RANDOM = random.Random(5)

    def digits(self, length: int) -> str:
        return "".join(self.RANDOM.choice("23456789abcde") for _ in range(length))

    def crafted(self, false_magics: int) -> tuple[bytes, list[bytes]]:
        between = [self.digits(301 + 7 * number) + MAGIC_DIGITS for number in range(false_magics)]
        return crafted_stream([self.digits(500), "".join(between) + self.digits(333), self.digits(444)])

    @pytest.mark.parametrize("false_magics", [0, 1, 3])
    def test_the_crafted_stream_is_one(self, false_magics: int) -> None:
        stream, contents = self.crafted(false_magics)
        assert bz2.decompress(stream) == b"".join(contents)

    @pytest.mark.parametrize("false_magics", [1, 3])
    def test_blocks_are_not_cut_at_them(self, tmp_path: Path, false_magics: int) -> None:
        stream, contents = self.crafted(false_magics)
        with opened(tmp_path / "file.bz2", stream) as file:
            magics = list(file._magics(0, len(stream) * 8))
            assert len(magics) == 3 + false_magics
            assert [block.data for block in all_blocks(file, len(stream))] == contents

    def test_reading_can_start_at_any_byte(self, tmp_path: Path) -> None:
        stream, contents = self.crafted(3)
        with opened(tmp_path / "file.bz2", stream) as file:
            starts = [block.start for block in all_blocks(file, len(stream))]
            for byte in range(len(stream)):
                expected = [text for text, at in zip(contents, starts, strict=True) if at >= byte * 8]
                assert [block.data for block in all_blocks(file, len(stream), byte)] == expected

    def test_a_false_magic_in_the_last_block_owns_nothing(self, tmp_path: Path) -> None:
        stream, contents = crafted_stream([self.digits(400) + MAGIC_DIGITS + self.digits(400)])
        with opened(tmp_path / "file.bz2", stream) as file:
            assert [block.data for block in all_blocks(file, len(stream))] == contents
            assert all_blocks(file, len(stream), 10) == []


class TestDamage:
    def test_a_flipped_bit_names_file_and_block(self, tmp_path: Path) -> None:
        content = bytearray(bz2.compress(LONG, 1))
        content[120_000] ^= 4
        path = tmp_path / "damaged.bz2"
        with (
            opened(path, bytes(content)) as file,
            pytest.raises(DumpError, match=r"damaged\.bz2: byte \d+: .*damaged"),
        ):
            all_blocks(file, len(content))

    def test_a_flipped_bit_in_a_magic_is_no_end(self, tmp_path: Path) -> None:
        content = bz2.compress(LONG, 1)
        with opened(tmp_path / "whole.bz2", content) as file:
            starts = [block.start for block in all_blocks(file, len(content))]
        for start in starts[1:]:
            broken = bytearray(content)
            broken[start // 8 + 2] ^= 16
            with pytest.raises(DumpError, match="byte"):
                text_of(tmp_path / "broken.bz2", bytes(broken))

    @pytest.mark.parametrize("kept", [0.3, 0.6, 0.999])
    def test_a_cut_file_is_truncated_not_damaged(self, tmp_path: Path, kept: float) -> None:
        content = bz2.compress(LONG, 1) + bz2.compress(LONG, 1)
        with pytest.raises(TruncatedDumpError, match=r"cut\.bz2: byte \d+"):
            text_of(tmp_path / "cut.bz2", content[: int(len(content) * kept)])

    @pytest.mark.parametrize("kept", range(1, 14))
    def test_a_stream_that_has_only_begun_is_truncated(self, tmp_path: Path, kept: int) -> None:
        content = bz2.compress(b"whole") + bz2.compress(b"begun")[:kept]
        with pytest.raises(TruncatedDumpError):
            text_of(tmp_path / "cut.bz2", content)

    def test_other_bytes_behind_the_end_are_named(self, tmp_path: Path) -> None:
        content = bz2.compress(b"whole")
        with pytest.raises(DumpError, match=f"byte {len(content)}: .* 9 other bytes follow") as caught:
            text_of(tmp_path / "more.bz2", content + b"something")
        assert not isinstance(caught.value, TruncatedDumpError)

    def test_other_bytes_between_streams_are_no_data(self, tmp_path: Path) -> None:
        with pytest.raises(DumpError):
            text_of(tmp_path / "more.bz2", bz2.compress(b"one") + b"something" + bz2.compress(b"two"))
