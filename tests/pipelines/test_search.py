from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from kc_schema.hit import Hit
from pipelines import index_text, search
from tests.pipelines.text_index.snapshots import write_snapshot

PAGES = {
    "Alan Turing": [["<e: Alan_Turing> Alan Turing </e> worked at <e: Bletchley_Park> Bletchley </e>."]],
    "Bletchley": [["Bletchley is a town."], ["It has a <\\e: literal> tag [bold]and markup[/bold]."]],
}


@pytest.fixture(scope="module")
def kc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_snapshot(tmp_path_factory.mktemp("kc"), PAGES)
    assert index_text.main(["--kc", str(folder), "--workers", "1"]) == 0
    return folder


def test_json_lines_hold_what_a_hit_is(kc: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert search.main(["Alan Turing worked at Bletchley", "--kc", str(kc), "--json", "--k", "2"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    columns = ["rank", "score", "paragraph_id", "title", "sentence", "text", "wikidata_id"]
    assert [list(row) for row in rows] == [columns] * 2
    assert rows[0]["wikidata_id"] is None, "the corpus was built without page properties"
    assert rows[0]["rank"] == 1
    assert rows[0]["paragraph_id"] == 1 << 16
    assert rows[0]["sentence"] == "Alan Turing worked at Bletchley."
    assert rows[0]["text"].startswith("<e: Alan_Turing> Alan Turing </e>")


def test_table_shows_rank_title_sentence_and_paragraph(kc: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert search.main(["bold markup", "--kc", str(kc)]) == 0
    printed = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "Bletchley" in printed
    assert "[bold]and markup[/bold]" in printed


def test_anchors_are_links_to_the_wiki() -> None:
    hit = Hit(0, 1.5, "A sentence.", "Alan Turing", "By <e: Ada_&_Co> Ada </e>.", section="Life / Work")
    console = Console(force_terminal=True, width=120, legacy_windows=False)
    with console.capture() as captured:
        console.print(search.hits_table([hit], "https://en.wiki.org/wiki/Main_Page", title=None))
    assert "https://en.wiki.org/wiki/Ada_%26_Co\x1b" in captured.get()
    assert "https://en.wiki.org/wiki/Alan_Turing\x1b" in captured.get()
    assert "Life / Work" in captured.get()
    assert "<e:" not in captured.get()


HIT = Hit(0, 1.5, "She ran.", "Ada", "Born in <e: Ulm> Ulm </e>. She ran. She won.", section="Life")


def test_the_sentence_found_is_marked_in_its_paragraph() -> None:
    plain = Console(width=120)
    with plain.capture() as captured:
        plain.print(search.hits_table([HIT], "", title=None))
    assert "Born in Ulm. »She ran.« She won." in captured.get()
    terminal = Console(force_terminal=True, width=120, legacy_windows=False, color_system="standard")
    with terminal.capture() as captured:
        terminal.print(search.hits_table([HIT], "", title=None))
    assert "\x1b[1;36mShe ran.\x1b[0m She won." in captured.get()


def test_a_sentence_that_is_not_in_its_paragraph_stands_before_it() -> None:
    console = Console(width=120)
    with console.capture() as captured:
        console.print(search.hits_list([dataclasses.replace(HIT, key="Odd.")], "", title="query"))
    shown = " ".join(captured.get().split())
    assert shown == "query 1. (1.50) Ada / Life Odd. Born in Ulm. She ran. She won."


def test_words_stay_whole_where_the_terminal_is_narrow(
    kc: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    assert search.main(["Alan Turing worked at Bletchley", "--kc", str(kc), "--k", "1"]) == 0
    printed = capsys.readouterr().out
    assert "│" not in printed
    assert "»Alan Turing worked at Bletchley.«" in " ".join(printed.split())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([""], "the query is empty: give the words to look for, in quotes"),
        (["  "], "the query is empty"),
        (["-Achilles"], "behind two dashes (python -m pipelines.search --kc kc -- -Achilles)"),
        (["Alan", "Turing"], "unrecognised arguments: Turing; a query of several words stands in quotes"),
        (["x", "--nonsense"], "Unknown option: --nonsense"),
        (["x", "--jason"], "Did you mean --json?"),
        (["x", "--k", "many"], 'Invalid value for --k: unable to convert "many" into int'),
        (["x", "--k", "0"], 'Invalid value "0" for --k. Must be >= 1'),
        (["x", "--k", "1000000000"], 'Invalid value "1000000000" for --k. Must be <= 10000'),
        (["x", "--k", "9" * 20], f'Invalid value "{"9" * 20}" for --k. Must be <= 10000'),
        (["x", "--k", "9" * 5000], "for --k"),
        (["x", "--queries", "y"], "give either a query or --queries FILE, --image FILE or --entity NAME"),
        (["x", "--thumbnails", "y.html"], "--thumbnails belongs to --image FILE"),
        (
            ["x", "--device", "cuda", "--encoder-cache", "y"],
            "--encoder-cache and --device belong to --image FILE",
        ),
        (["--image", "x.jpg", "--max-document-frequency", "0.1"], "belongs to a search for a text"),
        (["--entity", "x", "--elasticsearch-url", "http://y"], "--elasticsearch-url belongs to a search"),
        ([], "give either a query or --queries FILE, --image FILE or --entity NAME"),
    ],
)
def test_a_mistake_is_told_in_one_line_that_says_what_to_do(
    given: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert search.main(given) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("error: ")
    assert error.endswith("; python -m pipelines.search --help shows the options\n")
    assert error.count("\n") == 1


def test_a_query_may_begin_with_a_dash(kc: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert search.main(["--kc", str(kc), "--json", "--", "-town"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[0])["title"] == "Bletchley"


def test_indexing_nothing_says_so(kc: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert index_text.main(["--kc", str(kc), "--text-index", "none"]) == 0
    assert "no text index is made (--text-index none): leave the option out" in capsys.readouterr().err


def test_a_file_of_queries_is_answered_in_order(
    kc: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "queries.txt").write_text("town\n\nunheard\nturing\n", encoding="utf-8")
    assert (
        search.main(["--queries", str(tmp_path / "queries.txt"), "--kc", str(kc), "--json", "--k", "1"]) == 0
    )
    printed = capsys.readouterr()
    assert [json.loads(line)["query"] for line in printed.out.splitlines()] == ["town", "turing"]
    assert printed.err == "nothing found for: unheard\n"


def test_nothing_found_is_said(kc: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert search.main(["unheard", "--kc", str(kc)]) == 0
    assert capsys.readouterr().out == "nothing found for: unheard\n"


@pytest.mark.parametrize(
    ("content", "reason"), [(None, "cannot be read: No such file"), (b"fine\n\xff\n", "line 2 is not UTF-8")]
)
def test_a_file_of_queries_that_cannot_be_read_is_named(
    kc: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, reason: str
) -> None:
    path = tmp_path / "queries.txt"
    if content is not None:
        path.write_bytes(content)
    assert search.main(["--queries", str(path), "--kc", str(kc)]) == 1
    assert f"error: {path}: {reason}" in capsys.readouterr().err


def test_missing_snapshot_and_missing_index_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert search.main(["x", "--kc", str(tmp_path / "none")]) == 1
    assert "no such folder; build one with" in capsys.readouterr().err
    write_snapshot(tmp_path / "kc", PAGES)
    assert search.main(["x", "--kc", str(tmp_path / "kc")]) == 1
    error = capsys.readouterr().err
    assert f"build it with: python -m pipelines.index_text --kc {tmp_path / 'kc'}" in error
    assert error.count("\n") == 1


def test_a_reader_that_goes_away_ends_the_search_quietly(kc: Path, tmp_path: Path) -> None:
    (tmp_path / "queries.txt").write_text("town\n" * 20_000)
    command = [sys.executable, "-m", "pipelines.search", "--queries", str(tmp_path / "queries.txt")]
    with subprocess.Popen(
        [*command, "--kc", str(kc), "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_a_search_does_not_import_what_it_does_not_need() -> None:
    heavy = {"apache_beam", "elasticsearch", "torch", "faiss"}
    code = "import sys, pipelines.search; print(*sys.modules)"
    imported = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert not heavy & set(imported.split())


def test_indexing_twice_says_that_the_index_is_there(kc: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert index_text.main(["--kc", str(kc)]) == 0
    assert "the text index is there already: 3 sentences" in capsys.readouterr().err
    assert index_text.main(["--kc", str(kc / "none")]) == 1
    assert "no such folder" in capsys.readouterr().err
    assert index_text.main(["--kc", str(kc), "--nonsense"]) == 2
    assert "unrecognised arguments: --nonsense" in capsys.readouterr().err
