"""What all workers of one build agree on: folders, site, rules, fingerprints."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pipelines.dump
import pipelines.text_corpus
import pipelines.wikitext
from kc_schema import anchors, tables
from pipelines.text_corpus.fragments import FRAGMENT_RULES
from pipelines.wikitext.site import Site


class BuildError(Exception):
    """A build that cannot start or go on; the message is one line that says why and what to do."""


@dataclass(frozen=True)
class Build:
    """One build of a snapshot, as every worker sees it. Paths lie on a file system that all workers share."""

    output: str
    """The snapshot's folder."""
    site: Site
    dump_fingerprint: str
    code_fingerprint: str
    rules: frozenset[str] = frozenset()
    """Names of the fragment rules that are in force (`pipelines.text_corpus.fragments`)."""
    skip_disambiguation: bool = False
    allow_truncated: bool = False
    driver: tuple[str, int] = ("", 0)
    """Host name and process id of the process that the user started."""

    @property
    def work(self) -> Path:
        """The folder of what is not part of the snapshot yet; removed by the commit."""
        return Path(self.output) / ".work"

    def options(self) -> dict[str, Any]:
        """Gives the options that change what is kept, as the manifest states them."""
        return {
            "fragment_rules": sorted(self.rules),
            "skip_disambiguation": self.skip_disambiguation,
            "allow_truncated": self.allow_truncated,
        }

    def fingerprint(self, *inputs: Any) -> str:
        """Gives a checksum of all that determines what a step makes of `inputs` (JSON values)."""
        state = [self.dump_fingerprint, self.code_fingerprint, self.options(), inputs]
        return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()


@contextlib.contextmanager
def telling_faults_of_files(build: Build) -> Iterator[None]:
    """Tells what is wrong with a file that the block reads or writes in a line that a user can act on.

    Raises:
        BuildError: the disk is full, a limit is reached, a right is missing.
    """
    try:
        yield
    except OSError as error:
        # Arrow's errors carry no name of a file, and say the reason twice.
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise BuildError(
            f"{error.filename or build.output}: {reason}; "
            "make room and rights there, then the same command goes on"
        ) from error


def rules_in_force(without: Sequence[str]) -> frozenset[str]:
    """Gives the names of the fragment rules less those in `without`; ``all`` switches all of them off.

    Raises:
        BuildError: there is no rule of a name.
    """
    names = frozenset(FRAGMENT_RULES)
    if "all" in without:
        return frozenset()
    for name in without:
        if name not in names:
            raise BuildError(
                f"--without-rule {name}: no such rule; there are: {', '.join(FRAGMENT_RULES)}, all"
            )
    return names - set(without)


def library_versions() -> dict[str, str]:
    """Gives the versions of the libraries that shape the tables."""
    return {name: version(name) for name in ("pyarrow", "sentencex")}


def code_fingerprint() -> str:
    """Return a checksum of the source and the tables of facts that turn a dump into the snapshot's tables, and of the
    libraries that they stand on.
    """
    folders = [
        Path(package.__path__[0]) for package in (pipelines.dump, pipelines.wikitext, pipelines.text_corpus)
    ]
    return checksum_of_source([Path(str(module.__file__)) for module in (anchors, tables)], folders)


def checksum_of_source(files: Sequence[Path], folders: Sequence[Path]) -> str:
    """Return a checksum of `files`, of the source and the tables of facts in `folders`, and of the libraries."""
    found = [path for folder in folders for path in folder.rglob("*") if path.suffix in (".py", ".tsv")]
    digest = hashlib.sha256(json.dumps(library_versions(), sort_keys=True).encode())
    for file in (*files, *sorted(found)):
        digest.update(file.read_bytes())
    return digest.hexdigest()
