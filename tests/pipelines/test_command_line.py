"""Every command tells a mistake in one line that names it and where help is."""

from __future__ import annotations

import pytest

from pipelines import build_retrieval_cache, describe_dataset, index_text
from pipelines.command_line import CommandParser, positive


@pytest.mark.parametrize(
    ("command", "given", "message"),
    [
        (describe_dataset, ["--dataset", "nothing", "--data", "x"], "argument --dataset: invalid choice"),
        (describe_dataset, ["--dataset", "twitter17"], "the following arguments are required: --data"),
        (build_retrieval_cache, ["--output", "x"], "the following arguments are required: --dataset"),
        (index_text, ["--workers", "none"], "argument --workers: 'none' is no whole number from 1 on"),
        (index_text, ["--workers", "-2"], "argument --workers: '-2' is no whole number from 1 on"),
    ],
)
def test_one_line(command, given, message, capsys):
    with pytest.raises(SystemExit) as ended:
        command.main(given)
    error = capsys.readouterr().err
    assert ended.value.code == 2
    assert error.startswith(f"error: {message}")
    assert error.endswith(f"; python -m {command.__name__} --help shows the options\n")
    assert error.count("\n") == 1


def test_help_ends_with_examples(capsys):
    with pytest.raises(SystemExit) as ended:
        CommandParser("package.command", "What it does.", "examples:\n  first\n  second\n").parse_args(
            ["--help"]
        )
    assert ended.value.code == 0
    assert capsys.readouterr().out.endswith("examples:\n  first\n  second\n")


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "", "x", "²", "1e3"])
def test_only_whole_numbers_from_one_on(text):
    with pytest.raises(Exception, match="is no whole number from 1 on"):
        positive(text)
    assert positive("12") == 12
