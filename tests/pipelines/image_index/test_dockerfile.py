"""The Dockerfile of the image corpus names what is there: files, packages, extras, the command."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def dockerfile() -> list[str]:
    """Return the instructions, one a line."""
    text = (ROOT / "docker" / "image-corpus.Dockerfile").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return "\n".join(lines).replace("\\\n", " ").splitlines()


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    tomllib = pytest.importorskip("tomllib")
    return dict(tomllib.loads((ROOT / "pyproject.toml").read_text()))


def copied(dockerfile: list[str]) -> list[str]:
    return [source for line in dockerfile if line.startswith("COPY ") for source in line.split()[1:-1]]


def installed(dockerfile: list[str]) -> list[str]:
    """Return what ``pip install`` is given, without its options."""
    commands = re.findall(r"pip install (.*?)(?:&&|$)", "\n".join(dockerfile), re.MULTILINE)
    return [word.strip("'") for command in commands for word in re.findall(r"'[^']+'", command)]


def test_everything_that_is_copied_is_there(dockerfile: list[str]) -> None:
    assert {"pyproject.toml", "constraints.txt", "pipelines", "kc_schema"} <= set(copied(dockerfile))
    assert [source for source in copied(dockerfile) if not (ROOT / source).exists()] == []


def test_everything_that_the_package_is_built_of_is_copied(
    dockerfile: list[str], project: dict[str, Any]
) -> None:
    needed = [
        *project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"],
        project["project"]["readme"],
        *project["project"]["license-files"],
    ]
    assert set(needed) <= set(copied(dockerfile))


def test_extras_and_pins_exist(dockerfile: list[str], project: dict[str, Any]) -> None:
    extras = project["project"]["optional-dependencies"]
    wanted = installed(dockerfile)
    assert any(requirement.startswith(".[") for requirement in wanted)
    pinned = (ROOT / "constraints.txt").read_text()
    for requirement in wanted:
        if found := re.fullmatch(r"\.\[([\w,-]+)\]", requirement):
            assert set(found[1].split(",")) <= set(extras)
        else:
            # The GPU's Faiss, as the extra for GPUs asks for it.
            assert any(line.startswith(requirement) for line in extras["gpu"])
            name = re.split(r"[<>=]", requirement)[0]
            assert re.search(rf"^{name}==", pinned, re.MULTILINE)


def test_the_command_is_one_of_the_project(dockerfile: list[str]) -> None:
    (entry,) = [line.partition(" ")[2] for line in dockerfile if line.startswith("ENTRYPOINT ")]
    python, option, module = json.loads(entry)
    assert (python, option) == ("python", "-m")
    found = importlib.util.find_spec(module)
    assert found is not None
    assert found.origin is not None
    assert Path(found.origin) == ROOT / "pipelines" / "build_image_kc.py"
