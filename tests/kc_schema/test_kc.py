"""The console command: a list of verbs in the order of use, and nothing else."""

import re
import subprocess

import pytest

from kc_schema.kc import VERBS, completion, load_command, main


def test_without_a_verb_it_lists_them_in_the_order_of_use(capsys):
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[2:]] == [*VERBS, "completion"]


def test_a_wrong_verb_names_the_nearest_right_one(capsys):
    assert main(["serach"]) == 2
    assert capsys.readouterr().err == (
        "error: serach: there is no such verb; did you mean kc search?; kc --help lists them\n"
    )


@pytest.mark.torch
@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_a_command_that_shows_its_options_in_two_screens(verb, capsys):
    command = load_command(verb)
    assert command.summary == VERBS[verb].summary
    assert command.module == VERBS[verb].module
    assert main([verb, "--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"Usage: kc {verb}")
    assert "example" in shown
    assert shown.count("\n") <= 2 * 50


@pytest.mark.torch
def test_the_shell_completes_verbs_and_options(tmp_path):
    script = tmp_path / "kc.bash"
    script.write_text(completion("bash"))
    assert subprocess.run(["bash", "-n", script]).returncode == 0
    assert "build-text" in script.read_text()
    assert "--dump" in script.read_text()


def test_examples_are_spelled_as_the_command_was_called(capsys):
    assert main(["verify", "--help"]) == 0
    assert "  kc verify kc\n" in capsys.readouterr().out


def test_the_version_is_that_of_the_package(capsys):
    assert main(["--version"]) == 0
    assert re.fullmatch(r"\d+\.\d+\S*\n", capsys.readouterr().out)
