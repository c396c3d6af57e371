"""An index that is made from an older snapshot's is that of a build anew, byte for byte, whatever has changed."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kc_schema.snapshot import open_snapshot
from kc_schema.tables import paragraph_id, sentence_id
from pipelines.text_index import embedded_files, embedded_update
from pipelines.text_index.block_max import tokens
from pipelines.text_index.block_max.files import open_arrays
from pipelines.text_index.block_max.inversion_kernels import code_vocabulary, decode_vocabulary
from pipelines.text_index.block_max.sentence_words import take_words
from pipelines.text_index.embedded_build import build_embedded_index
from pipelines.text_index.embedded_files import index_folder
from pipelines.text_index.embedded_update import find_update
from tests.corpus_builder import build
from tests.dump_writer import DumpPage, write_dump
from tests.pipelines.text_index.snapshots import write_snapshot

PAGES = {
    f"Page {n}": [[f"Sentence {n} about w{n % 7}.", f"And {n} of them, {n % 3}!"], [f"Ünïcode {n} 東京."]]
    for n in range(60)
}
CHANGED = {
    **PAGES,
    "Page 7": [["A first one."], *PAGES["Page 7"]],
    "Page 30": [["Sentence 30 about w2.", "Another word: Zürich."]],
}

ROOT = Path(__file__).resolve().parents[3]


def files_of(kc):
    return {path.name: path.read_bytes() for path in index_folder(kc).iterdir()}


def built(folder, pages, **options):
    """A snapshot of pages with its index."""
    layout = {name: options.pop(name) for name in ("parts", "rows_per_group") if name in options}
    kc = write_snapshot(folder, pages, **layout)
    build_embedded_index(kc, **options)
    return kc


def updated(folder, pages, older, **options):
    """The same, made from an older one; with how many sentences were taken, and what was told."""
    told = []
    layout = {name: options.pop(name) for name in ("parts", "rows_per_group") if name in options}
    kc = write_snapshot(folder, pages, **layout)
    taken = build_embedded_index(kc, older=older, tell=told.append, **options).taken
    [line] = told
    return kc, taken, line


def test_only_new_sentences_are_analysed_and_the_files_are_those_of_a_build_anew(tmp_path, monkeypatch):
    older = built(tmp_path / "older", PAGES, parts=4)
    anew = files_of(built(tmp_path / "anew", CHANGED, parts=5))
    analysed = []
    analyser = tokens.analyser

    class Watched:
        def analyze(self, text):
            analysed.append(text)
            return analyser().analyze(text)

    monkeypatch.setattr(tokens, "analyser", Watched)
    kc, taken, line = updated(tmp_path / "newer", CHANGED, older, parts=5)
    assert files_of(kc) == anew
    # What moved on its page is not analysed again.
    assert sorted(analysed) == ["A first one.", "Another word: Zürich."]
    assert taken == 178
    assert line == f"{kc / 'text_index'}: updated by page: 0 of 60 pages differ from older"


WORDS = st.sampled_from(["a", "b", "the", "Ada", "ünï", "東京", "x" * 300, "1,000.5", "it's", "", ".", "İ"])
TEXTS = st.lists(WORDS, max_size=8).map(" ".join)
CORPORA = st.lists(st.lists(st.lists(TEXTS, min_size=1, max_size=5), max_size=3), max_size=12)


@st.composite
def two_corpora(draw):
    """An older corpus, and one with pages new, gone, moved and changed."""
    older = draw(CORPORA)
    newer = draw(st.permutations(older)) if draw(st.booleans()) else list(older)
    for page in draw(CORPORA):
        place = draw(st.integers(0, len(newer)))
        newer[place : place + draw(st.integers(0, 2))] = [page]
    return older, newer


@settings(max_examples=20, deadline=None)
@given(
    two_corpora(),
    st.integers(1, 4),
    st.integers(1, 4),
    st.sampled_from([1, 3, 50]),
    st.sampled_from([2, 9, 500]),
)
@example(([], []), 1, 1, 1, 2)
@example(([[["a b"]]], []), 1, 1, 1, 2)
@example(([], [[["a b"]]]), 1, 1, 1, 2)
@example(([[["a", "b"]]], [[["b", "b", "a"]]]), 1, 1, 1, 500)
def test_random_corpora_give_the_same_files(tmp_path_factory, corpora, old_parts, new_parts, group, unit):
    folder = tmp_path_factory.mktemp("corpora")
    older, newer = ({f"Page {n}": page for n, page in enumerate(corpus)} for corpus in corpora)
    before = built(folder / "older", older, parts=old_parts, rows_per_group=group)
    options = {"parts": new_parts, "rows_per_group": group, "rows_per_unit": unit}
    anew = built(folder / "anew", newer, **options)
    monkeypatch = pytest.MonkeyPatch()
    with monkeypatch.context() as patch:
        patch.setattr(embedded_update, "MOST_CHANGED", 1e9)
        kc, _, line = updated(folder / "newer", newer, before, **options)
    assert "updated by page" in line
    assert files_of(kc) == files_of(anew)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=40), unique=True).map(sorted), st.integers(1, 20))
def test_a_vocabulary_is_decoded_as_it_was_coded(words, group):
    begins = np.cumsum([0, *map(len, words)])
    data = np.frombuffer(b"".join(words), np.uint8)
    coded, places = code_vocabulary(data, begins, group)
    decoded, found = decode_vocabulary(np.append(coded, np.zeros(16, np.uint8)), places, group, len(words))
    assert (decoded.tobytes(), found.tolist()) == (data.tobytes(), begins.tolist())


def test_words_are_taken_of_any_sentences_and_none_of_those_that_are_not_there(tmp_path):
    kc = built(tmp_path, PAGES)
    found = embedded_update._description(open_snapshot(kc))
    arrays = open_arrays(index_folder(kc), found.sizes)
    there = [sentence_id(paragraph_id(page, 0), place) for page in (1, 2, 30, 60) for place in (0, 1)]
    wanted = np.array(sorted([*there, 0, 5, there[2] + 2, 1 << 60]))
    counts, numbers = take_words(arrays, wanted)
    assert [int(key) for key, count in zip(wanted, counts, strict=True) if count >= 0] == there
    assert len(numbers) == counts[counts >= 0].sum() == 4 * (4 + 5)


REPEATED = "This very sentence stands in two articles."
TEXT = "Ada {0} wrote programs for engine {0}.\n\n{1} And more of {0}.\n\n"
TEXT += "== References ==\n* Toole and the engine of {0}, 1992."


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("after", [False, True])
def test_repeats_and_apparatus_come_and_go(tmp_path, before, after):
    pages = [
        DumpPage(f"Ada {n}", TEXT.format(n, REPEATED if n in (3, 40) else ""), page_id=n, revision_id=n)
        for n in range(1, 60)
    ]
    # The first copy of the sentence goes, so that the second is found.
    newer = [page for page in pages if page.page_id not in (3, 11)] + [
        DumpPage("New", "A new page.", page_id=99)
    ]
    for name, written in (("older", pages), ("newer", newer)):
        dump = write_dump(tmp_path / name / "testwiki-20250101-pages-articles.xml", written)
        build(dump, tmp_path / f"{name}-kc", pages_per_part=8)
    older, kc = tmp_path / "older-kc", tmp_path / "newer-kc"
    build_embedded_index(older, with_apparatus=before)
    build_embedded_index(kc, with_apparatus=after)
    anew = files_of(kc)
    shutil.rmtree(index_folder(kc))
    taken = build_embedded_index(kc, with_apparatus=after, older=older).taken
    assert files_of(kc) == anew
    assert taken > 100


def test_the_rule_says_why_an_index_is_built_anew(tmp_path, monkeypatch):
    older = built(tmp_path / "older", PAGES)
    others = {f"Other {n}": page for n, page in enumerate(PAGES.values())}
    kc, taken, line = updated(tmp_path / "others", others, older)
    assert (taken, line) == (
        0,
        f"{kc / 'text_index'}: built anew: 60 of 60 pages differ from older, more than 70%",
    )
    snapshot = open_snapshot(kc)
    monkeypatch.setattr(embedded_update, "analyser_version", lambda: "tantivy 9")
    assert (
        find_update(snapshot, older)[1]
        == "built anew: the index of older was made with another version of tantivy"
    )
    monkeypatch.setattr(embedded_files, "FORMAT", 99)
    assert find_update(snapshot, older)[1] == "built anew: older has no index of this version"
    assert find_update(snapshot, tmp_path / "gone")[1].startswith(
        f"built anew: {tmp_path / 'gone'} cannot be read ("
    )


@pytest.mark.parametrize(
    "name",
    [
        "blocks",
        "block_places",
        "identities",
        "identity_places",
        "common",
        "lists",
        "vocabulary",
        "vocabulary_places",
        "numbers",
        "index",
        "part",
    ],
)
def test_a_damaged_older_index_is_not_used(tmp_path, name):
    older = built(tmp_path / "older", PAGES, parts=3)
    path = older / "text_index" / (f"{name}.bin" if name != "index" else "index.json")
    if name == "part":
        path = older / "sentences" / "part-00000.parquet"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    kc, taken, line = updated(tmp_path / "newer", CHANGED, older, parts=3)
    assert taken == 0
    assert "built anew: " in line
    assert "\n" not in line
    if name != "index":
        assert line.endswith(f"{path} is damaged")
    assert files_of(kc) == files_of(built(tmp_path / "anew", CHANGED, parts=3))


def test_an_older_index_with_sizes_of_another_one_is_not_used(tmp_path):
    older = built(tmp_path / "older", PAGES)
    path = older / "text_index" / "index.json"
    path.write_text(path.read_text().replace('"terms": ', '"terms": 1'))
    _, taken, line = updated(tmp_path / "newer", CHANGED, older)
    assert taken == 0
    assert "cannot be read (" in line
    assert "\n" not in line


KILLED = """
import os, signal, sys
from pathlib import Path
from pipelines.text_index.embedded_build import build_embedded_index

left = int(sys.argv[3])
replace = Path.replace

def replace_some(self, target):
    global left
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1
    return replace(self, target)

Path.replace = replace_some
build_embedded_index(Path(sys.argv[1]), older=Path(sys.argv[2]), rows_per_unit=90)
"""


def test_killed_at_every_step_it_goes_on(tmp_path):
    older = built(tmp_path / "older", PAGES, rows_per_group=30)
    kc = write_snapshot(tmp_path / "kc", CHANGED, rows_per_group=30)
    runs = 0
    while not index_folder(kc).exists():
        command = [sys.executable, "-c", KILLED, str(kc), str(older), str(runs)]
        status = subprocess.run(command, check=False, cwd=ROOT).returncode
        assert status in (0, -signal.SIGKILL)
        runs += 1
    assert runs > 5
    assert not (kc / ".work").exists()
    assert files_of(kc) == files_of(built(tmp_path / "anew", CHANGED, rows_per_group=30, rows_per_unit=90))


def test_several_processes_make_the_same_files(tmp_path):
    older = built(tmp_path / "older", PAGES, rows_per_group=30)
    kc, taken, _ = updated(tmp_path / "newer", CHANGED, older, rows_per_group=30, rows_per_unit=60, workers=2)
    assert taken == 178
    assert files_of(kc) == files_of(built(tmp_path / "anew", CHANGED, rows_per_group=30, rows_per_unit=60))


def test_real_articles_of_two_years(shared_data, tmp_path):
    dumps = shared_data / "dumps"
    for year, count in ((2016, 106), (2022, 139)):
        build(dumps / f"enwiki-{year}-{count}-articles.xml.bz2", tmp_path / str(year))
    older, kc = tmp_path / "2016", tmp_path / "2022"
    build_embedded_index(older)
    build_embedded_index(kc)
    anew = files_of(kc)
    shutil.rmtree(index_folder(kc))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedded_update, "MOST_CHANGED", 1e9)
        statistics = build_embedded_index(kc, older=older)
    assert files_of(kc) == anew
    assert statistics.taken > 1_000
