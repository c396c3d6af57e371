"""Draws are the same everywhere, and rows are found by number over all files."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kc_schema.errors import UserError
from kc_schema.store import Rows
from pipelines.evidence.sources import draw_distinct


def test_a_key_always_draws_the_same():
    assert draw_distinct("0\ntrain\na", 5, 1000) == [939, 834, 891, 220, 213]


@settings(deadline=None)
@given(st.text(), st.integers(0, 20), st.integers(1, 30))
def test_draws_are_distinct_and_grow_at_their_end(key, count, below):
    drawn = draw_distinct(key, count, below)
    assert len(drawn) == len(set(drawn)) == min(count, below)
    assert all(0 <= number < below for number in drawn)
    assert draw_distinct(key, count + 3, below)[: len(drawn)] == drawn


def test_draws_are_even():
    counts = [0] * 10
    for example in range(5000):
        counts[draw_distinct(str(example), 1, 10)[0]] += 1
    assert 400 < min(counts) <= max(counts) < 600


def test_rows_by_number(tmp_path):
    paths = []
    for number, size in enumerate((5, 0, 7)):
        paths.append(tmp_path / f"{number}.parquet")
        table = pa.table({"x": pa.array([f"{number}-{row}" for row in range(size)], pa.string())})
        pq.write_table(table, paths[-1], row_group_size=3)
    rows = Rows(paths, ["x"])
    assert len(rows) == 12
    expected = [f"0-{row}" for row in range(5)] + [f"2-{row}" for row in range(7)]
    assert {number: row["x"] for number, row in rows.take([*range(12), 4, 11]).items()} == dict(
        enumerate(expected)
    )
    assert rows.take([]) == {}
    with pytest.raises(IndexError):
        rows.take([12])
    paths[0].write_bytes(b"no")
    with pytest.raises(UserError, match=r"0\.parquet: cannot be read"):
        Rows(paths, ["x"]).take([0])
