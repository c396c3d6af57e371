"""Jars from the Maven registry for the servers of the tests, fetched once into a cache."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

__all__ = ["UnavailableError", "fetch_jars", "locked"]


class UnavailableError(Exception):
    """A server of the tests cannot run on this machine; the message says what is missing."""


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other processes out of the block."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def fetch_jars(recipe: Path, library: Path) -> None:
    """Put all that a ``pom.xml`` names into a folder, unless it is there.

    Raises:
        UnavailableError: no Maven, or the registry does not answer.
    """
    if (library / "complete").exists():
        return
    shutil.rmtree(library, ignore_errors=True)
    maven = shutil.which("mvn")
    if maven is None:
        raise UnavailableError("Maven (mvn) is not installed")
    command = [maven, "--quiet", "--batch-mode", f"--file={recipe}"]
    command += ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={library}"]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise UnavailableError(f"the jars of {recipe} could not be fetched: {error}") from error
    (library / "complete").touch()
