"""Where tables are cut into parts: by page ids alone, so that few parts change when few pages do."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kc_schema.tables import TEXT_TABLES
from pipelines.text_corpus.part_files import pages_per_part, part_starts, write_rows

page_ids = st.sets(st.integers(1, 1 << 35), max_size=60).map(sorted)


def parts(ids, mean):
    ids = np.array(ids, np.int64)
    return [tuple(part.tolist()) for part in np.split(ids, part_starts(ids, mean)[1:]) if len(part)]


@given(page_ids, st.sampled_from([1, 4, 16]))
def test_parts_hold_all_pages_in_order_and_none_is_long(ids, mean):
    found = parts(ids, mean)
    assert [page_id for part in found for page_id in part] == ids
    assert all(len(part) <= 4 * mean for part in found)


@given(page_ids)
def test_parts_of_a_lower_power_lie_within_those_of_a_higher(ids):
    firsts = {mean: {part[0] for part in parts(ids, mean)} for mean in (4, 16, 64)}
    assert firsts[64] <= firsts[16] <= firsts[4]


@pytest.mark.parametrize("step", [1, 7])
def test_a_page_more_changes_the_parts_around_it_alone(step):
    ids = list(range(1, 20_000, step))
    before = set(parts(ids, 32))
    for page_id in range(5, 20_000, 997):
        after = set(parts(sorted({*ids, page_id}), 32))
        assert sum(map(len, after - before)) <= 2 * 4 * 32 + 1


def test_parts_have_the_wanted_size_on_average():
    draw = np.random.default_rng(1)
    for ids in (np.arange(1, 200_000), np.unique(draw.integers(1, 1 << 27, 200_000))):
        starts = part_starts(ids, 256)
        assert len(ids) / 256 * 0.9 < len(starts) < len(ids) / 256 * 1.3


@pytest.mark.parametrize(("pages", "mean"), [(0, 256), (7_500, 256), (270_000, 1024), (7_000_000, 4096)])
def test_small_wikis_have_small_parts(pages, mean):
    assert pages_per_part(pages) == mean


def test_the_same_rows_give_the_same_bytes_however_they_lie_in_memory(tmp_path):
    texts = [f"text {number} " * (number % 50) for number in range(9000)]
    columns = [list(range(9000)), [7] * 9000, [number % 9 for number in range(9000)], texts]
    rows = pa.table(columns, schema=TEXT_TABLES["sentences"])
    write_rows(tmp_path / "one", "sentences", rows)
    pieces = [rows.slice(0, 1), rows.slice(1, 4000), rows.slice(4001)]
    write_rows(tmp_path / "other", "sentences", pa.concat_tables(pieces))
    write_rows(tmp_path / "slice", "sentences", pa.concat_tables([rows, rows]).slice(9000, 9000))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()
    assert (tmp_path / "one").read_bytes() == (tmp_path / "slice").read_bytes()
