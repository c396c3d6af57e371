"""Sentences that say what another says: counted whatever the cut, listed with what they repeat, found once."""

import io
import random
from collections import Counter

import pytest
from rich.console import Console

from kc_schema.snapshot import open_snapshot, read_manifest
from kc_schema.store import Part
from kc_schema.verify import verify
from pipelines.text_corpus import repeats
from pipelines.text_corpus.report import show_summary
from pipelines.text_index import open_index
from pipelines.text_index.embedded_build import build_embedded_index
from tests.corpus_builder import build, files, rows
from tests.dump_writer import DumpPage, noise, write_dump
from tests.kc_schema.test_verify import ROWS, write_snapshot

BOILERPLATE = "It is a village in the hills of the north."


def page(number, text):
    return DumpPage(f"Page {number}", text, page_id=number)


def villages(count):
    return [
        page(n, f"Village {n} lies at {noise(n, 300)} on a river. {BOILERPLATE} {BOILERPLATE}")
        for n in range(1, count + 1)
    ]


def expected(kc):
    """What a reader finds with a dictionary of all texts."""
    kinds = dict(rows(kc, "paragraphs", "paragraph_id", "kind"))
    first, found = {}, []
    everything = rows(kc, "sentences", "sentence_id", "paragraph_id", "text")
    for sentence, _paragraph, text in sorted(
        everything, key=lambda row: (kinds[row[1]] == "apparatus", row[0])
    ):
        if text in first:
            found.append((sentence, first[text]))
        else:
            first[text] = sentence
    return sorted(found), Counter(text for _, _, text in everything)


@pytest.mark.parametrize("at_once", [1 << 22, 7])
@pytest.mark.parametrize("pages_per_part", [None, 8])
def test_repeats_are_those_of_all_parts(tmp_path, monkeypatch, pages_per_part, at_once):
    monkeypatch.setattr(repeats, "HASHES_AT_ONCE", at_once)
    draws = random.Random(1)
    words = ["red", "green", "blue"]
    texts = [
        f"{noise(n, 200)} is a text. The {draws.choice(words)} door is {draws.choice(words)}. {BOILERPLATE}\n"
        f"== Notes ==\n* The {draws.choice(words)} door is {draws.choice(words)}.\n* A note for all."
        for n in range(60)
    ]
    pages = [page(n, text) for n, text in enumerate(texts, start=1)]
    manifest = build(write_dump(tmp_path / "dump.xml", pages), tmp_path / "kc", pages_per_part=pages_per_part)
    pairs, counts = expected(tmp_path / "kc")
    assert rows(tmp_path / "kc", "repeats") == pairs
    assert manifest.counts["repeats"] == len(pairs) > 100
    assert manifest.counts["repeated texts"] == sum(count > 1 for count in counts.values())
    top = [(repeated.text, repeated.count) for repeated in manifest.repeated]
    assert dict(top[:2]) == {BOILERPLATE: 60, "A note for all.": 60}
    assert (
        sorted(count for _, count in top) == sorted((c for c in counts.values() if c > 1), reverse=True)[::-1]
    )


def test_files_do_not_depend_on_how_many_are_looked_at_together(tmp_path, monkeypatch):
    dump = write_dump(tmp_path / "dump.xml", villages(40))
    build(dump, tmp_path / "one", pages_per_part=4)
    monkeypatch.setattr(repeats, "HASHES_AT_ONCE", 5)
    build(dump, tmp_path / "other", pages_per_part=4)
    assert files(tmp_path / "one") == files(tmp_path / "other")


def test_a_corpus_without_repeats_has_no_such_table(tmp_path):
    manifest = build(write_dump(tmp_path / "dump.xml", [page(1, "One text.")]), tmp_path / "kc")
    assert "repeats" not in manifest.tables
    assert not manifest.repeated
    assert not (tmp_path / "kc" / "repeats").exists()


@pytest.mark.parametrize("pages_per_part", [None, 8])
def test_a_search_shows_a_text_once_and_the_rest_of_its_results_are_others(tmp_path, pages_per_part):
    pages = [*villages(60), page(99, "Hills of the north are where a village is found.")]
    build(write_dump(tmp_path / "dump.xml", pages), tmp_path / "kc", pages_per_part=pages_per_part)
    for with_apparatus in (False, True):
        statistics = build_embedded_index(tmp_path / "kc", with_apparatus=with_apparatus)
        assert statistics.sentences == 62
        with open_index(tmp_path / "kc") as index:
            hits = index.search(["a village in the hills of the north"], k=10)[0]
        assert [hit.key for hit in hits].count(BOILERPLATE) == 1
        assert hits[0].key == BOILERPLATE
        assert hits[0].title == "Page 1"
        assert len({hit.key for hit in hits}) == len(hits)
        assert hits[1].title == "Page 99"


def test_a_text_that_stands_in_apparatus_first_is_found_where_it_is_prose(tmp_path):
    pages = [
        page(1, "Ada wrote notes.\n== References ==\nThe engine was never built."),
        page(2, "Babbage drew plans. The engine was never built."),
    ]
    kc = tmp_path / "kc"
    manifest = build(write_dump(tmp_path / "dump.xml", pages), kc)
    assert manifest.counts["repeats in apparatus"] == 1
    for with_apparatus in (False, True):
        assert build_embedded_index(kc, with_apparatus=with_apparatus).sentences == 3
        with open_index(kc) as index:
            assert [hit.title for hit in index.search(["the engine"])[0]] == ["Page 2"]


def test_the_summary_names_the_texts_that_stand_most_often(tmp_path):
    manifest = build(write_dump(tmp_path / "dump.xml", villages(5)), tmp_path / "kc")
    console = Console(file=io.StringIO(), width=100)
    show_summary(console, tmp_path / "kc", manifest, seconds=None)
    line = next(line for line in console.file.getvalue().splitlines() if BOILERPLATE in line)
    assert line.split()[-1] == "10"
    assert read_manifest(tmp_path / "kc") == manifest


def damaged(tmp_path, pairs):
    sentences = [list(row) for row in ROWS["sentences"]]
    folder = write_snapshot(tmp_path / "kc", {**ROWS, "sentences": sentences}, repeats=pairs)
    return verify(folder).counts


def test_verify_sees_what_is_wrong_with_repeats(tmp_path):
    ids = [row[0] for row in ROWS["sentences"]]
    assert damaged(tmp_path, [(ids[1], ids[0])]) == {"repeats: the texts differ": 1}
    assert damaged(tmp_path, [(ids[1], 5)])["repeats: sentence is missing"] == 1
    assert damaged(tmp_path, [(ids[2], ids[1]), (ids[1], ids[0])])["repeats: rows do not ascend"] == 1
    assert (
        damaged(tmp_path, [(ids[1], ids[0]), (ids[2], ids[1])])["repeats: repeats what is a repeat itself"]
        == 1
    )


def test_verify_checks_the_file_of_repeats(tmp_path):
    kc = tmp_path / "kc"
    build(write_dump(tmp_path / "dump.xml", villages(3)), kc)
    assert verify(kc).checked["repeats"] == 5
    path = open_snapshot(kc).files("repeats")[0]
    data = bytearray(path.read_bytes())
    data[20] ^= 1
    path.write_bytes(data)
    assert verify(kc).counts == {"checksum differs from the manifest": 1}


@pytest.mark.parametrize(("sentences", "looks"), [(0, 1), (7, 1), (8, 2), (14, 2), (15, 3)])
def test_no_more_are_looked_at_together_than_is_said(monkeypatch, sentences, looks):
    monkeypatch.setattr(repeats, "HASHES_AT_ONCE", 7)
    parts = [Part("hashes/00000.npy", sentences, 0, "")]
    assert repeats.count_looks(parts) == looks
