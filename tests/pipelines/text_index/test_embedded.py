from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from kc_schema.snapshot import SnapshotError
from kc_schema.tables import TEXT_TABLES, paragraph_id
from pipelines.text_index import QueryError, TextIndexError, open_index
from pipelines.text_index.analysis import find_terms
from pipelines.text_index.embedded_build import build_embedded_index
from pipelines.text_index.ranking import contributions
from tests.pipelines.text_index.snapshots import write_snapshot

PAGES = {
    "Alan Turing": [
        ["<e: Alan_Turing> Alan Turing </e> worked at Bletchley.", "He was a runner."],
        ["The machine is named for Turing."],
    ],
    "Bletchley": [["Bletchley is a town.", "Trains stop at Bletchley and at Euston."]],
    "Cheese": [["Cheddar is a cheese."], ["Brie is a cheese.", "Brie is a soft cheese."]],
}


@pytest.fixture
def kc(tmp_path: Path) -> Path:
    folder = write_snapshot(tmp_path / "kc", PAGES, parts=2)
    build_embedded_index(folder, workers=2)
    return folder


def test_best_paragraph_comes_first_with_its_sentence_and_text(kc: Path) -> None:
    with open_index(kc) as index:
        hits = index.search(["Alan Turing worked at Bletchley"])[0]
    assert hits[0].record_id == paragraph_id(1, 0)
    assert hits[0].title == "Alan Turing"
    assert hits[0].key == "Alan Turing worked at Bletchley."
    assert hits[0].text == "<e: Alan_Turing> Alan Turing </e> worked at Bletchley. He was a runner."
    assert [hit.rank for hit in hits] == [0, 1, 2]
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert next(hit.section for hit in hits if hit.record_id == paragraph_id(1, 1)) == "Section 1"


def test_a_paragraph_is_given_once_with_its_best_sentence(kc: Path) -> None:
    with open_index(kc) as index:
        hits = index.search(["soft brie"])[0]
    assert [(hit.record_id, hit.key) for hit in hits] == [(paragraph_id(3, 1), "Brie is a soft cheese.")]


def test_more_sentences_are_asked_for_until_k_paragraphs_are_found(tmp_path: Path) -> None:
    pages = {
        "Long": [["Fish, fish." for _ in range(300)]],
        "Other": [["A fish and a much longer sentence."], ["Another fish and a much longer sentence too."]],
    }
    build_embedded_index(write_snapshot(tmp_path, pages, rows_per_group=64))
    with open_index(tmp_path) as index:
        assert len(index.search(["fish"], k=3)[0]) == 3
        assert len(index.search(["fish"], k=2)[0]) == 2
        assert len(index.search(["fish"], k=50)[0]) == 3


def test_ties_come_by_ascending_id_whatever_the_number_of_threads(tmp_path: Path) -> None:
    pages = {f"Page {number}": [["The same sentence."]] for number in range(300)}
    orders = []
    for workers in (1, 4):
        folder = write_snapshot(tmp_path / str(workers), pages, parts=3)
        build_embedded_index(folder, workers=workers)
        with open_index(folder) as index:
            orders.append([hit.record_id for hit in index.search(["sentence"], k=7)[0]])
    assert orders[0] == [paragraph_id(page, 0) for page in range(1, 8)]
    assert orders[1] == orders[0]


def test_a_term_counts_as_often_as_it_stands_in_the_query(kc: Path) -> None:
    with open_index(kc) as index:
        once, twice = (hits[0].score for hits in index.search(["euston", "Euston EUSTON"]))
    assert twice == pytest.approx(2 * once, rel=1e-4)


@pytest.mark.parametrize(
    "query",
    ["", "   ", "\n", '+-&|!(){}[]^"~*?:\\/', "...", "\u200b", "🦄", "zzz", "\x00", "OR NOT zzz:*"],
)
def test_a_query_without_known_words_finds_nothing(kc: Path, query: str) -> None:
    with open_index(kc) as index:
        assert index.search([query]) == [[]]


def test_a_query_of_query_syntax_is_plain_text(kc: Path) -> None:
    with open_index(kc) as index:
        plain, syntax = index.search(["cheddar cheese", '+Cheddar -(cheese)~2 OR "'])
    assert [hit.record_id for hit in syntax] == [hit.record_id for hit in plain]


def test_a_query_of_ten_thousand_words_is_answered(kc: Path) -> None:
    query = " ".join(f"word{number} cheese" for number in range(5_000)) + " cheddar"
    with open_index(kc) as index:
        hits = index.search([query])[0]
    assert {hit.title for hit in hits} == {"Cheese"}
    assert hits[0].key == "Cheddar is a cheese."


def test_a_query_of_nothing_but_stop_words_is_answered(kc: Path) -> None:
    with open_index(kc) as index:
        assert index.search(["is a the of"])[0]


def test_queries_that_are_no_text_are_refused_by_number(kc: Path) -> None:
    with open_index(kc) as index:
        with pytest.raises(QueryError, match="query 2: offset 3"):
            index.search(["fine", "bad\udc80"])
        with pytest.raises(QueryError, match="query 1 is a NoneType"):
            index.search([None])  # type: ignore[list-item]
        with pytest.raises(QueryError, match="give a list"):
            index.search("cheese")
        with pytest.raises(ValueError, match="k is 0"):
            index.search(["cheese"], k=0)


def test_no_queries_no_answers(kc: Path) -> None:
    with open_index(kc) as index:
        assert index.search([]) == []


def test_a_batch_gives_what_single_queries_give(kc: Path) -> None:
    queries = ["turing", "cheese brie", "bletchley town", "", "soft"] * 20
    with open_index(kc) as index:
        assert index.search(queries) == [index.search([query])[0] for query in queries]


def test_frequent_terms_are_left_out_when_asked_but_never_all_of_a_query(kc: Path) -> None:
    with open_index(kc) as all_terms, open_index(kc, max_document_frequency=0.3) as rare_terms:
        assert len(all_terms.search(["cheddar is a"])[0]) > 1
        assert [hit.key for hit in rare_terms.search(["cheddar is a"])[0]] == ["Cheddar is a cheese."]
        assert rare_terms.search(["is a"]) == all_terms.search(["is a"])
    with pytest.raises(ValueError, match="share"):
        open_index(kc, max_document_frequency=0.0)


def test_an_empty_corpus_is_indexed_and_searched(tmp_path: Path) -> None:
    build_embedded_index(write_snapshot(tmp_path, {}))
    with open_index(tmp_path) as index:
        assert index.search(["anything"]) == [[]]


def test_a_finished_index_is_not_built_again(kc: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (kc / "text_index").rglob("*")}
    statistics = build_embedded_index(kc)
    assert (statistics.sentences, statistics.seconds) == (8, 0.0)
    assert {path: path.stat().st_mtime_ns for path in (kc / "text_index").rglob("*")} == before


def test_an_index_of_another_snapshot_is_refused_and_built_again(kc: Path) -> None:
    index = kc / "text_index"
    kept = kc.parent / "kept"
    shutil.copytree(index, kept)
    shutil.rmtree(kc)
    write_snapshot(kc, {**PAGES, "New": [["A new page."]]})
    shutil.copytree(kept, index)
    with pytest.raises(TextIndexError, match=r"another state of the snapshot.*pipelines\.index_text --kc"):
        open_index(kc)
    assert build_embedded_index(kc).sentences == 9
    with open_index(kc) as opened:
        assert [hit.title for hit in opened.search(["new"])[0]] == ["New"]


def test_missing_snapshot_and_missing_index_say_how_to_make_them(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match=r"pipelines\.build_text_kc"):
        open_index(tmp_path / "nowhere")
    write_snapshot(tmp_path, PAGES)
    with pytest.raises(TextIndexError, match=r"no text index.*pipelines\.index_text"):
        open_index(tmp_path)


def test_an_index_of_another_analysis_is_refused(kc: Path) -> None:
    path = kc / "text_index" / "index.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "fingerprint": "other"}))
    with pytest.raises(TextIndexError, match="another version"):
        open_index(kc)


def test_a_damaged_index_is_one_clear_error(kc: Path) -> None:
    places = kc / "text_index" / "list_places.bin"
    places.write_bytes(b"\x7f" * places.stat().st_size)
    with pytest.raises(TextIndexError, match=r"cannot be opened.*move it away and build it with") as raised:
        open_index(kc)
    assert "\n" not in str(raised.value)


def test_an_index_that_lost_a_file_is_refused_and_built_again(kc: Path) -> None:
    (kc / "text_index" / "lists.bin").write_bytes(b"")
    with pytest.raises(TextIndexError, match="a damaged one; build it with"):
        open_index(kc)
    assert build_embedded_index(kc).seconds > 0
    with open_index(kc) as index:
        assert index.search(["cheddar"])[0]


def test_an_index_of_an_earlier_version_is_refused_in_one_line_that_says_how_to_make_it_anew(
    kc: Path,
) -> None:
    shutil.rmtree(kc / "text_index")
    (kc / "text_index" / "terms").mkdir(parents=True)
    (kc / "text_index" / "terms" / "meta.json").write_text("{}")
    (kc / "text_index" / "index.json").write_text('{"fingerprint": "x", "result": {"sentences": 8}}')
    with pytest.raises(
        TextIndexError, match=r"another version.*build it with: python -m pipelines\.index_text"
    ):
        open_index(kc)
    assert build_embedded_index(kc).sentences == 8
    assert not (kc / "text_index" / "terms").exists()


def test_a_part_that_lost_its_rows_is_named(kc: Path) -> None:
    with open_index(kc) as index:
        for part in (kc / "paragraphs").glob("*.parquet"):
            part.write_bytes(b"no parquet")
        with pytest.raises(TextIndexError, match=r"paragraphs.part-0000\d.parquet"):
            index.search(["cheese"])


BUILD = """
import sys
from pathlib import Path
from pipelines.text_index.embedded_build import build_embedded_index
build_embedded_index(Path(sys.argv[1]), rows_per_unit=700, progress=lambda done, total: print(done, flush=True))
"""


def files_of(kc: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (kc / "text_index").iterdir()}


def test_a_build_that_is_killed_goes_on_and_gives_the_same_files(tmp_path: Path) -> None:
    pages = {f"Page {n}": [[f"Sentence number {n} about w{n % 97}." for _ in range(40)]] for n in range(150)}
    kc = write_snapshot(tmp_path / "kc", pages, rows_per_group=500)
    for printed in (1, 2, 4, 3):
        process = subprocess.Popen([sys.executable, "-c", BUILD, str(kc)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for _ in range(printed):
            assert process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        assert not (kc / "text_index").exists()
    records = sorted(path.name for path in (kc / ".work" / "text_index.steps").glob("*.json"))
    assert records[:2] == ["lists-00000.json", "lists-00001.json"]
    assert build_embedded_index(kc, rows_per_unit=700).sentences == 6_000
    assert {path.name for path in kc.iterdir()} == {"manifest.json", *TEXT_TABLES, "text_index"}
    undisturbed = write_snapshot(tmp_path / "undisturbed", pages, rows_per_group=500)
    build_embedded_index(undisturbed, rows_per_unit=700)
    assert files_of(kc) == files_of(undisturbed)


def test_processes_make_the_same_files(tmp_path: Path) -> None:
    pages = {f"Page {n}": [[f"Sentence {n} about w{n % 7} and v{n}." for _ in range(9)]] for n in range(60)}
    for workers in (1, 2):
        kc = write_snapshot(tmp_path / str(workers), pages, parts=3, rows_per_group=50)
        build_embedded_index(kc, workers=workers, rows_per_unit=100)
    assert files_of(tmp_path / "1") == files_of(tmp_path / "2")


def test_a_folder_without_room_or_rights_is_one_clear_error(tmp_path: Path) -> None:
    kc = write_snapshot(tmp_path / "kc", PAGES)
    (kc / ".work").write_text("in the way")
    with pytest.raises(TextIndexError, match="cannot be written"):
        build_embedded_index(kc)


def test_progress_ends_with_all_sentences(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    build_embedded_index(
        write_snapshot(tmp_path, PAGES), progress=lambda done, total: seen.append((done, total))
    )
    assert seen[-1] == (8, 8)


def test_what_each_word_adds_to_a_score_is_what_the_word_alone_finds(kc: Path) -> None:
    with open_index(kc) as index:
        for query in ("turing bletchley", "the the town", "machine turing unheard"):
            weights = index.term_weights(query)
            for hit in index.search([query], 10)[0]:
                found = Counter(term.term for term in find_terms(hit.key))
                parts = contributions(weights, found, hit.score)
                assert sum(parts.values()) == pytest.approx(hit.score, rel=1e-6)
                for word, part in parts.items():
                    times = query.split().count(word)
                    alone = {h.key: h.score for h in index.search([word], 100)[0]}
                    if hit.key in alone:
                        assert part == pytest.approx(times * alone[hit.key], rel=1e-3)
        assert index.term_weights("!!!") == {}
