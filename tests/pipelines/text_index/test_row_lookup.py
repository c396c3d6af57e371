from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.text_index import TextIndexError, row_lookup
from pipelines.text_index.row_lookup import RowLookup, list_row_groups


def write(folder: Path, parts: list[list[int]], *, rows_per_group: int) -> list[Path]:
    files = []
    for number, ids in enumerate(parts):
        table = pa.table({"id": pa.array(ids, pa.int64()), "text": [f"row {row}" for row in ids]})
        files.append(folder / f"part-{number}.parquet")
        pq.write_table(table, files[-1], row_group_size=rows_per_group)
    return files


def look_up(files: list[Path], ids: list[int]) -> dict[int, dict[str, str]]:
    return RowLookup(files, "id", ["text"], list_row_groups(files, "id")).fetch(ids)


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
    with pytest.raises(TextIndexError, match=f"no row with id {absent},"):
        look_up(files, [3, absent, 20])


def test_ids_that_do_not_ascend_are_refused(tmp_path: Path) -> None:
    files = write(tmp_path, [[1, 5], [4, 6]], rows_per_group=10)
    with pytest.raises(TextIndexError, match=r"part-1\.parquet: row group 0 does not ascend by id"):
        list_row_groups(files, "id")


def test_kept_row_groups_stay_below_their_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_lookup, "_KEPT_BYTES", 1000)
    files = write(tmp_path, [list(range(400))], rows_per_group=10)
    lookup = RowLookup(files, "id", ["text"], list_row_groups(files, "id"))
    for row in (*range(400), *range(400)):
        assert lookup.fetch([row]) == {row: {"text": f"row {row}"}}
    assert lookup.kept_bytes <= 1000
