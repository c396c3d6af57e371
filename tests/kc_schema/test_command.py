"""The frame of commands: options from a dataclass, errors in one line, exit statuses."""

import os
import signal
import subprocess
import sys
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Literal

import pytest

from kc_schema.command import Command, Count, Positive, given_options, options, printable
from kc_schema.errors import UsageError, UserError
from pipelines.image_index.vector_index.build import IndexOptions as VectorIndexOptions


@options
@dataclass(frozen=True, kw_only=True)
class IndexOptions:
    text_index: Literal["tantivy", "none"] | None = None
    """Where sentences are indexed."""
    keep: Count = 1
    """Older snapshots that stay."""


@options
@dataclass(frozen=True)
class Options:
    query: str | None = None
    """The text to look for."""
    _: KW_ONLY
    output: Path = Path("kc")
    """The folder [of the snapshot]."""
    workers: Positive | None = None
    """Worker processes."""
    without_rule: tuple[str, ...] = ()
    """Switch off a rule."""
    overwrite: bool = False
    """Replace what is there."""
    index: IndexOptions = IndexOptions()


given: list[Options] = []


def command(run=given.append, **more):
    return Command(
        "pipelines.search",
        "Search.",
        Options,
        run,
        examples="python -m pipelines.search x --output kc",
        **more,
    )


def test_options_come_from_the_dataclass():
    given.clear()
    argv = [
        "turing",
        "--without-rule",
        "a",
        "--without-rule",
        "b",
        "--overwrite",
        "--keep",
        "3",
        "--output=out",
        "--workers",
        "2",
    ]
    assert command()(argv) == 0
    assert command()([]) == 0
    assert command()(["--", "-dash"]) == 0
    assert given == [
        Options("turing", output=Path("out"), workers=2, without_rule=("a", "b"), overwrite=True,
                index=IndexOptions(keep=3)),
        Options(),
        Options("-dash"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("argv", "complaint"),
    [
        (["--owerwrite"], "Did you mean --overwrite?"),
        (["--keep", "a"], 'Invalid value for --keep: unable to convert "a" into int'),
        (["--keep", "-1"], "Must be >= 0"),
        (["--workers", "0"], "Must be >= 1"),
        (["--text-index", "lucene"], 'Choose from: "tantivy", "none"'),
        (["--output"], "--output requires an argument"),
        (["two", "words"], "words"),
    ],
)
def test_a_wrong_option_is_told_in_one_line(argv, complaint, capsys):
    assert command()(argv) == 2
    printed = capsys.readouterr().err
    assert complaint in printed
    assert printed.startswith("error: ")
    assert printed.endswith("; python -m pipelines.search --help shows the options\n")
    assert printed.count("\n") == 1


def test_help_shows_the_docstrings_and_an_example(capsys):
    assert command()(["--help"]) == 0
    shown = capsys.readouterr().out
    for text in (
        "Usage: python -m pipelines.search",
        "The folder [of the snapshot].",
        "[default: kc]",
        "Older snapshots that stay.",
        "  python -m pipelines.search x --output kc",
    ):
        assert text in shown
    # A switch that is off and an empty list have no default worth a word, and choices stand in the table.
    assert "False" not in shown
    assert "()" not in shown
    assert shown.splitlines()[0] == "Usage: python -m pipelines.search [OPTIONS] [QUERY]"


def failing(error):
    def run(_):
        raise error

    return command(run)


@pytest.mark.parametrize(
    ("error", "status", "printed"),
    [
        (UserError("kc: [no] snapshot; build one"), 1, "error: kc: [no] snapshot; build one\n"),
        (UsageError("--a goes with --b"), 2, "error: --a goes with --b\n"),
        (MemoryError(), 1,
         "error: out of memory: give the process more (see ulimit -v and the limits of its container), or let fewer"
         " processes work (--workers); the same command goes on\n"),
        (KeyboardInterrupt(), 130, "stopped; the same command goes on where this one was\n"),
        (ModuleNotFoundError("no", name="faiss.swig"), 1,
         "error: pipelines.search needs the package faiss.swig, which is not installed; install it with:"
         " pip install 'entity-knowledge-corpus[image]'\n"),
    ],
)  # fmt: skip
def test_errors_become_one_line_and_a_status(error, status, printed, capsys):
    assert failing(error)([]) == status
    assert capsys.readouterr().err == printed


@pytest.mark.parametrize(
    "error", [IndexError("list index out of range"), ModuleNotFoundError("x", name="kc")]
)
def test_a_mistake_in_the_code_keeps_its_traceback(error):
    with pytest.raises(type(error)):
        failing(error)([])


def test_options_that_are_not_its_own_are_handed_on_to_beam():
    @options
    @dataclass(frozen=True, kw_only=True)
    class Build:
        dump: str
        """The dump."""

    got = []
    build = Command("pipelines.build", "Build.", Build, lambda *both: got.append(both), beam=True)
    assert build(["--dump", "d", "--runner", "FlinkRunner", "--streaming"]) == 0
    assert got == [(Build(dump="d"), ["--runner", "FlinkRunner", "--streaming"])]


def test_an_option_of_its_own_that_is_misspelt_is_not_handed_on_to_beam(capsys):
    build = Command("pipelines.build", "Build.", IndexOptions, lambda *_: pytest.fail("ran"), beam=True)
    for word in ("--text-indxe=none", "--kep"):
        assert build([word]) == 2
    assert capsys.readouterr().err == (
        "error: --text-indxe: there is no such option; did you mean --text-index?\n"
        "error: --kep: there is no such option; did you mean --keep?\n"
    )


SLEEPER = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell lets what it runs behind it ignore Ctrl-C
from dataclasses import dataclass
from kc_schema.command import Command, options
@options
@dataclass(frozen=True)
class Options:
    pass
def run(_):
    print("ready", flush=True)
    time.sleep(60)
sys.exit(Command("x", "Sleep.", Options, run)([]))
"""


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_end_a_command_with_one_line(number, status):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", SLEEPER], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(number)
        assert process.wait(30) == status
        assert process.stderr.read() == b"stopped; the same command goes on where this one was\n"


INTERRUPTED = """
import os, signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)
os.kill(os.getpid(), signal.SIGINT)
time.sleep(30)
"""


@pytest.mark.parametrize("module", ["pipelines.search", "kc_schema.verify", "training.run", "kc_schema.kc"])
def test_ctrl_c_while_a_command_is_imported_is_one_line_too(module, tmp_path):
    (tmp_path / "cyclopts.py").write_text(INTERRUPTED)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    done = subprocess.run(
        [sys.executable, "-m", module], capture_output=True, env=environment, check=False, timeout=60
    )
    assert done.returncode == -signal.SIGINT
    assert done.stderr == b"stopped; the same command goes on where this one was\n"
    # A program that imports the project keeps its own way.
    code = [sys.executable, "-c", f"import {module}"]
    done = subprocess.run(code, capture_output=True, env=environment, check=False, timeout=60)
    assert b"KeyboardInterrupt" in done.stderr


def test_options_that_were_given_are_told_by_their_names():
    given = Options("x", without_rule=("all",), index=IndexOptions(keep=3))
    assert given_options(given, but=["query"]) == ["--without-rule", "--keep"]
    assert given_options(Options()) == []
    assert given_options(VectorIndexOptions(factory="Flat", min_recall=0.5)) == ["--index", "--min-recall"]


def test_a_command_may_explain_words_that_are_no_options(capsys):
    def explain(unknown):
        return f"{unknown[-1]} is a stray word" if not unknown[0].startswith("--") else None

    for argv, stray in ((["two", "words"], "words"), (["--keep", "2", "-dashed"], "-dashed")):
        assert command(explain_unknown=explain)(argv) == 2
        assert capsys.readouterr().err.startswith(f"error: {stray} is a stray word; python -m")
    assert command(explain_unknown=explain)(["--owerwrite"]) == 2
    assert "Did you mean --overwrite?" in capsys.readouterr().err


def test_no_control_character_of_a_message_reaches_the_terminal(capsys):
    def run(_):
        raise UserError("no such file: \x1b]0;owned\x07\x9b31m\x7f.txt")

    assert command(run)([]) == 1
    assert capsys.readouterr().err == "error: no such file: ␛]0;owned␇\ufffd31m␡.txt\n"
    assert printable("tab\tline\n é") == "tab\tline\n é"


def test_an_option_without_a_default_is_named_where_it_is_missing(capsys):
    @options
    @dataclass(frozen=True, kw_only=True)
    class Evidence:
        dataset: str
        """Its name."""
        data: Path
        """Its folder."""
        workers: Positive | None = None
        """Worker processes."""

    evidence = Command("pipelines.evidence", "Find.", Evidence, lambda _: None)
    for argv, named in (
        ([], "--dataset and --data are required"),
        (["--data", "d"], "--dataset is required"),
    ):
        assert evidence(argv) == 2
        assert (
            capsys.readouterr().err
            == f"error: {named}; python -m pipelines.evidence --help shows the options\n"
        )
    assert evidence(["--dataset", "x", "--data"]) == 2
    assert "--data requires an argument" in capsys.readouterr().err
