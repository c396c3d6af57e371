"""What all workers of one build agree on: folders, site, options, and by what a finished step is known."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import pipelines.dump
import pipelines.text_corpus
import pipelines.wikitext
from kc_schema import anchors, tables
from kc_schema.errors import UserError
from kc_schema.store import WORK, Step, fingerprint
from pipelines.text_corpus.fragments import FRAGMENT_RULES
from pipelines.text_corpus.lines import LINE_RULES
from pipelines.wikitext.site import Site

__all__ = ["RULES", "Build", "BuildError", "code_fingerprint", "library_versions", "rules_in_force"]

R = TypeVar("R")

RULES = {**FRAGMENT_RULES, **LINE_RULES}
"""All rules by which paragraphs and sentences are left out, and what each leaves out."""


class BuildError(UserError):
    """A build that cannot start or go on."""


@dataclass(frozen=True)
class Build:
    """One build of a snapshot, as every worker sees it. Paths lie on a file system that all workers share."""

    output: Path
    """The snapshot's folder, absolute."""
    site: Site
    dump_fingerprint: str
    code_fingerprint: str
    rules: frozenset[str] = frozenset()
    """Names of the rules that are in force (`RULES`)."""
    skip_disambiguation: bool = False
    allow_truncated: bool = False
    pronunciations: bool = False
    """Whether pronunciations of an article's subject are kept."""
    limit: int | None = None
    """How many articles are taken, the first ones of the dump; None for all."""
    page_props: Path | None = None
    """The wiki's table of page properties (`pipelines.text_corpus.page_props`)."""
    page_props_fingerprint: str = ""
    keep: bool = False
    """Whether what the next dump's build needs is kept beside the snapshot; changes nothing of it."""
    older: Path | None = None
    """A snapshot of the same wiki from which rows of unchanged pages are taken; changes nothing of the result."""
    pages_per_part: int | None = None
    """How many pages a part has on average; None decides by the number of pages (`part_files.pages_per_part`)."""

    @property
    def work(self) -> Path:
        """The folder of what is not part of the snapshot; removed at the end."""
        return self.output / WORK

    def versions(self) -> dict[str, str]:
        """Return the versions of the extractor and its libraries, as the manifest states them."""
        return {"code": self.code_fingerprint, **library_versions()}

    def options(self) -> dict[str, Any]:
        """Return the options that change what is kept, as the manifest states them."""
        options: dict[str, Any] = {
            "fragment_rules": sorted(self.rules),
            "skip_disambiguation": self.skip_disambiguation,
            "allow_truncated": self.allow_truncated,
        }
        if self.page_props is not None:
            options["page_props"] = self.page_props_fingerprint
        if self.pronunciations:
            options["pronunciations"] = True
        return options if self.limit is None else {**options, "limit": self.limit}

    def fingerprint(self, *inputs: Any) -> str:
        """Return a checksum of all that determines what a step makes of `inputs`."""
        return fingerprint(
            self.dump_fingerprint,
            self.code_fingerprint,
            self.site.date,
            self.options(),
            self.pages_per_part,
            inputs,
        )

    def step(self, record: str, kind: type[R], *inputs: Any) -> Step[R]:
        """Return the step whose result, a `kind`, is kept in the file `record` of the working folder."""
        return Step(self.work / record, self.fingerprint(*inputs), kind, self.output)


def rules_in_force(without: Sequence[str]) -> frozenset[str]:
    """Return the names of the fragment rules less those in `without`; ``all`` switches all of them off.

    Raises:
        BuildError: there is no rule of a name.
    """
    names = frozenset(RULES)
    if "all" in without:
        return frozenset()
    for name in without:
        if name not in names:
            raise BuildError(f"--without-rule {name}: no such rule; there are: {', '.join(RULES)}, all")
    return names - set(without)


def library_versions() -> dict[str, str]:
    """Return the versions of the libraries that shape the tables."""
    return {name: version(name) for name in ("pyarrow", "sentencex")}


def code_fingerprint() -> str:
    """Return a checksum of the source and the facts that turn a dump into tables, and of the libraries below."""
    packages = (pipelines.dump, pipelines.wikitext, pipelines.text_corpus)
    folders = [Path(package.__path__[0]) for package in packages]
    return checksum_of_source([Path(str(module.__file__)) for module in (anchors, tables)], folders)


def checksum_of_source(files: Sequence[Path], folders: Sequence[Path]) -> str:
    """Return a checksum of `files`, of the source and the tables of facts in `folders`, and of the libraries."""
    found = [path for folder in folders for path in folder.rglob("*") if path.suffix in (".py", ".tsv")]
    found = [path for path in found if path.parent.name != "download"]  # how a dump came here decides no row
    digest = hashlib.sha256(fingerprint(library_versions()).encode())
    for file in (*files, *sorted(found)):
        digest.update(file.read_bytes())
    return digest.hexdigest()
