"""Two at once, a rebuild under a reader, folders that nobody may write, and input that is meant to hurt."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from kc_schema.store import Place
from kc_schema.verify import verify
from pipelines import search
from pipelines.text_index import TextIndexError, open_index
from pipelines.text_index.embedded_build import build_embedded_index
from pipelines.text_index.protocol import MOST_HITS
from tests.pipelines.text_index.snapshots import write_snapshot

CORPUS = {
    "Oslo": [["Oslo is the capital of Norway.", "The city has a harbour."]],
    "Rome": [["Rome is in Italy."]],
}


@pytest.fixture
def kc(tmp_path: Path) -> Path:
    write_snapshot(tmp_path / "kc", CORPUS)
    return tmp_path / "kc"


def index_text(kc: Path, **options: object) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "pipelines.index_text", "--kc", str(kc)]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, **options)  # type: ignore[call-overload,no-any-return]


@pytest.mark.parametrize("delay", [0.0, 0.2, 0.6])
def test_of_two_at_once_one_makes_the_index_and_the_other_is_refused_or_finds_it(kc, delay):
    first = index_text(kc)
    time.sleep(delay)
    second = index_text(kc)
    errors = [process.communicate(timeout=120)[1] for process in (first, second)]
    statuses = [first.returncode, second.returncode]
    assert 0 in statuses
    for status, error in zip(statuses, errors, strict=True):
        assert error.count("\n") == 1, error
        assert (
            "indexed" in error or "is there already" in error if status == 0 else "is writing there" in error
        )
    with open_index(kc) as index:
        assert index.search(["capital of Norway"])[0][0].title == "Oslo"


def test_verify_finds_a_changed_byte_and_a_lost_file_of_the_index(kc):
    build_embedded_index(kc)
    before = verify(kc).counts
    lists = kc / "text_index" / "lists.bin"
    data = bytearray(lists.read_bytes())
    data[3] ^= 1
    lists.write_bytes(data)
    (kc / "text_index" / "holding.bin").unlink()
    found = verify(kc).counts - before
    assert found == {"checksum differs from the manifest": 1, "missing file": 1}


def test_the_index_is_not_made_while_another_process_writes_the_snapshot(kc):
    with Place(kc, owns=()):
        process = index_text(kc)
        error = process.communicate(timeout=60)[1]
    assert process.returncode == 1
    assert "is writing there" in error
    assert error.count("\n") == 1


def test_a_reader_never_mixes_an_old_index_with_new_tables(kc):
    build_embedded_index(kc)
    with open_index(kc) as index:
        assert index.search(["harbour"])[0][0].title == "Oslo"
        write_snapshot(kc, {"Bergen": [["Bergen has a harbour, too.", "It rains there."]]})
        with pytest.raises(TextIndexError, match=r"was built again.*open it again"):
            index.search(["harbour"])
    build_embedded_index(kc)
    with open_index(kc) as index:
        assert index.search(["harbour"])[0][0].title == "Bergen"


AS_NOBODY = """
import os, sys
from pipelines.search import main
assert main(["Rome", "--kc", sys.argv[2], "--json"]) == 0  # all modules are imported, as somebody who may read them
os.setgid(65534); os.setuid(65534)
sys.exit(main(["capital of Norway", "--kc", sys.argv[1], "--json"]))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who may not write")
def test_a_finished_corpus_can_be_searched_by_whoever_may_only_read_it(kc):
    build_embedded_index(kc)
    open_to_all = Path(tempfile.mkdtemp(prefix="corpus-"))
    try:
        shutil.copytree(kc, open_to_all / "kc")
        open_to_all.chmod(0o755)
        before = sorted(open_to_all.rglob("*"))
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(
            [sys.executable, "-c", AS_NOBODY, open_to_all / "kc", kc],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert '"title": "Oslo"' in done.stdout
        assert sorted(open_to_all.rglob("*")) == before
    finally:
        shutil.rmtree(open_to_all)


@pytest.mark.parametrize("k", [str(MOST_HITS + 1), "1000000000", "9" * 20])
def test_more_hits_than_can_be_had_are_refused_in_one_line(kc, k, capsys):
    build_embedded_index(kc)
    assert search.main(["Norway", "--kc", str(kc), "--k", k]) == 2
    error = capsys.readouterr().err
    assert f"Must be <= {MOST_HITS}" in error
    assert error.count("\n") == 1


def test_control_characters_of_queries_and_texts_never_reach_the_terminal(tmp_path, capsys):
    escape = "\x1b]0;owned\x07"
    write_snapshot(tmp_path, {f"Oslo{escape}": [[f"Oslo{escape} is the capital of Norway."]]})
    build_embedded_index(tmp_path)
    assert search.main([f"capital {escape}", "--kc", str(tmp_path)]) == 0
    assert search.main([f"nothingness{escape}", "--kc", str(tmp_path)]) == 0
    assert search.main([f"capital{escape}", "--kc", str(tmp_path / f"none{escape}")]) == 1
    printed = capsys.readouterr()
    assert "capital of Norway" in printed.out
    for text in printed:
        assert "\x1b" not in text
        assert "\x07" not in text
