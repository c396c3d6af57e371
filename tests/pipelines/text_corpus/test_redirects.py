import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.text_corpus.part_files import record_batch
from pipelines.text_corpus.redirects import RedirectTable, build_redirect_table


def write_part(path, pairs):
    columns = {"from_title": [pair[0] for pair in pairs], "to_title": [pair[1] for pair in pairs]}
    with pq.ParquetWriter(path, record_batch("redirects", columns).schema) as writer:
        writer.write_batch(record_batch("redirects", columns))
    return path


def resolve(tmp_path, *parts):
    paths = [write_part(tmp_path / f"{number}.parquet", pairs) for number, pairs in enumerate(parts)]
    lost = build_redirect_table(paths, tmp_path / "redirects.sqlite")
    table = RedirectTable(tmp_path / "redirects.sqlite")
    rows = [row for rows in table.rows(2) for row in rows]
    table.close()
    return rows, dict(lost.drops.get("redirects", {}))


def test_chains_are_followed_over_parts(tmp_path):
    rows, drops = resolve(tmp_path, [("B", "C"), ("A", "B")], [("C", "D"), ("Z", "Y")])
    assert rows == [("A", "D"), ("B", "D"), ("C", "D"), ("Z", "Y")]
    assert drops == {}


def test_circles_and_what_leads_into_them_are_dropped_and_counted(tmp_path):
    rows, drops = resolve(
        tmp_path, [("A", "B"), ("B", "A"), ("Self", "Self"), ("Tail", "A"), ("Good", "Page")]
    )
    assert rows == [("Good", "Page")]
    assert drops == {"leads in a circle": 4}


def test_the_first_of_two_redirects_with_one_title_stays(tmp_path):
    rows, drops = resolve(tmp_path, [("A", "First")], [("A", "Second")])
    assert rows == [("A", "First")]
    assert drops == {"title seen before": 1}


@pytest.mark.parametrize("length", [1, 2, 3, 17, 100])
def test_a_chain_of_any_length_ends_at_its_page(tmp_path, length):
    chain = [(f"R{number:03}", f"R{number + 1:03}") for number in range(length)]
    rows, drops = resolve(tmp_path, chain)
    assert {target for _, target in rows} == {f"R{length:03}"}
    assert drops == {}


def test_titles_are_found_in_batches_larger_than_one_query(tmp_path):
    pairs = [(f"R{number:05}", "Page") for number in range(1700)]
    resolve(tmp_path, pairs)
    table = RedirectTable(tmp_path / "redirects.sqlite")
    wanted = {f"R{number:05}" for number in range(0, 2000, 3)}
    assert set(table.targets(wanted)) == {title for title in wanted if title < "R01700"}
    assert table.targets([]) == {}


def follow(mapping, title):
    seen = {title}
    while title in mapping:
        title = mapping[title]
        if title in seen:
            return None
        seen.add(title)
    return title


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.sampled_from("ABCDEFGH"), st.sampled_from("ABCDEFGHIJ"), max_size=8))
def test_every_redirect_leads_where_following_it_by_hand_leads(tmp_path_factory, mapping):
    rows, _ = resolve(tmp_path_factory.mktemp("redirects"), list(mapping.items()))
    expected = {title: follow(mapping, title) for title in mapping}
    assert dict(rows) == {title: end for title, end in expected.items() if end is not None}
    assert rows == sorted(rows)
