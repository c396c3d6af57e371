"""What the embedded index of a snapshot says of itself, and where it lies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kc_schema.snapshot import Snapshot
from kc_schema.store import Part, Step, fingerprint
from pipelines.text_index.analysis import ANALYSER
from pipelines.text_index.block_max.files import Sizes

__all__ = [
    "FOLDER",
    "LOOKED_UP",
    "PAGES_FILE",
    "ROW_GROUPS_FILE",
    "EmbeddedDescription",
    "index_folder",
    "index_step",
]

FOLDER = "text_index"
"""Folder of the index inside a snapshot."""
FORMAT = 6
DESCRIPTION = "index.json"
LOOKED_UP = {"paragraphs": ("title", "section", "text"), "sentences": ("text",)}
"""The tables that a search reads, with the columns that it wants of a row."""
PAGES_FILE = "{}_pages.arrow"
"""File of the folder that says where the pages of a table's columns are (`page_rows.PAGES`)."""
ROW_GROUPS_FILE = "{}.arrow"
"""In its place, for tables of earlier versions: which row group holds which ids."""


@dataclass(frozen=True, slots=True)
class EmbeddedDescription:
    """What the index says of itself."""

    sizes: Sizes
    files: tuple[Part, ...]
    analyser_version: str = ""
    """What split the sentences into words, with its version."""

    @property
    def sentences(self) -> int:
        """Sentences that can be found."""
        return self.sizes.sentences

    @property
    def bytes(self) -> int:
        """The size of all files."""
        return sum(file.bytes for file in self.files)


def index_folder(kc: Path) -> Path:
    """Return the place of the embedded index of the snapshot in `kc`."""
    return kc / FOLDER


def index_step(
    snapshot: Snapshot, folder: Path, *, with_apparatus: bool = False
) -> Step[EmbeddedDescription]:
    """Return the step that makes the index of `snapshot` in `folder`; its result is there where the index is."""
    more = ["apparatus"] if with_apparatus else []
    inputs = fingerprint(FORMAT, ANALYSER, snapshot.fingerprint, *more)
    return Step(folder / DESCRIPTION, inputs, EmbeddedDescription, folder)
