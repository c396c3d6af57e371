from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kc_schema.errors import UserError
from kc_schema.store import Rows, list_row_groups


def write(folder: Path, parts: list[list[int]], *, rows_per_group: int) -> list[Path]:
    files = []
    for number, ids in enumerate(parts):
        table = pa.table({"id": pa.array(ids, pa.int64()), "text": [f"row {row}" for row in ids]})
        files.append(folder / f"part-{number}.parquet")
        pq.write_table(table, files[-1], row_group_size=rows_per_group)
    return files


def look_up(files: list[Path], ids: list[int]) -> dict[int, dict[str, str]]:
    found = Rows(files, ["text"], key="id", groups=list_row_groups(files, "id")).fetch(ids)
    assert Rows(files, ["text"], key="id").fetch(ids) == found
    return found


@settings(deadline=None, max_examples=30)
@given(
    ids=st.sets(st.integers(-(2**62), 2**62), min_size=1, max_size=60),
    rows_per_group=st.integers(1, 20),
    cut=st.integers(0, 60),
    data=st.data(),
)
def test_every_row_is_found_wherever_it_lies(
    tmp_path_factory: pytest.TempPathFactory,
    ids: set[int],
    rows_per_group: int,
    cut: int,
    data: st.DataObject,
) -> None:
    ordered = sorted(ids)
    files = write(
        tmp_path_factory.mktemp("rows"), [ordered[:cut], ordered[cut:]], rows_per_group=rows_per_group
    )
    wanted = data.draw(st.lists(st.sampled_from(ordered), max_size=20))
    assert look_up(files, wanted) == {row: {"text": f"row {row}"} for row in wanted}


@pytest.mark.parametrize("absent", [0, 5, 25, 31, 100])
def test_an_id_that_is_not_there_is_named(tmp_path: Path, absent: int) -> None:
    files = write(tmp_path, [[1, 2, 3, 10], [20, 30]], rows_per_group=2)
    with pytest.raises(UserError, match=f"no row with id {absent},"):
        look_up(files, [3, absent, 20])


def test_ids_that_do_not_ascend_are_refused(tmp_path: Path) -> None:
    files = write(tmp_path, [[1, 5], [4, 6]], rows_per_group=10)
    with pytest.raises(UserError, match=r"part-1\.parquet: row group 0 does not ascend by id"):
        list_row_groups(files, "id")


def test_nothing_asked_nothing_found(tmp_path: Path) -> None:
    assert look_up(write(tmp_path, [[1, 2]], rows_per_group=2), []) == {}


def test_kept_row_groups_stay_below_their_limit(tmp_path: Path) -> None:
    files = write(tmp_path, [list(range(400))], rows_per_group=10)
    rows = Rows(files, ["text"], key="id", kept_bytes=1000)
    for row in (*range(400), *range(400)):
        assert rows.fetch([row]) == {row: {"text": f"row {row}"}}
    assert rows.kept_bytes <= 1000


def test_all_rows_of_an_id_are_found_where_ids_stand_more_than_once(tmp_path: Path) -> None:
    files = write(tmp_path, [[1, 2, 2, 2, 2, 3], [3, 3, 7]], rows_per_group=2)
    for part_of in (None, lambda _: 0):
        found = Rows(files[:1], ["text"], key="id", part_of=part_of).fetch_all([2, 5])
        assert found == {2: [{"text": "row 2"}] * 4}
    assert len(Rows(files, ["text"], key="id").fetch_all([3])[3]) == 3


def test_rows_are_found_by_their_number_over_all_parts(tmp_path: Path) -> None:
    files = write(tmp_path, [[10, 11, 12], [20, 21]], rows_per_group=2)
    rows = Rows(files, ["text"])
    assert len(rows) == 5
    assert {number: row["text"] for number, row in rows.take([4, 0, 2]).items()} == {
        0: "row 10",
        2: "row 12",
        4: "row 21",
    }
    with pytest.raises(IndexError):
        rows.take([5])
