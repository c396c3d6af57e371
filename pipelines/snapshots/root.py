"""A root: a folder of snapshots of one wiki, and the name ``current`` that leads to one of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kc_schema.errors import UserError
from kc_schema.snapshot import Manifest, has_manifest
from kc_schema.store import ObjectStorageError, Place, remove, switch_link

__all__ = ["GuardError", "Loss", "Root", "find_losses", "parse_share"]

CURRENT = "current"
GUARDED = ("articles", "sentences", "anchors", "image links")
"""Counts of the manifest that must not fall by much."""


class GuardError(UserError):
    """A snapshot that lost too much to take the place of the current one."""


@dataclass(frozen=True, slots=True)
class Loss:
    """A count that is lower than it was."""

    what: str
    before: int
    after: int

    @property
    def share(self) -> float:
        """What was lost, from 0 to 1."""
        return 1 - self.after / self.before

    def __str__(self) -> str:
        return f"{self.what} {self.before:,} -> {self.after:,} (-{100 * self.share:.1f}%)"


@dataclass(frozen=True)
class Root:
    """The folder; only the process that holds `place` may change it."""

    folder: Path

    @property
    def place(self) -> Place:
        """The root as a place with one writer."""
        return Place(self.folder, owns=(), what="refresh", manifest="refresh.json")

    @property
    def snapshots(self) -> Path:
        """The folder of all snapshots."""
        return self.folder / "snapshots"

    @property
    def link(self) -> Path:
        """The name that leads to the current snapshot; every ``--kc`` takes it."""
        return self.folder / CURRENT

    def current(self) -> Path | None:
        """Return the folder of the current snapshot; None before the first.

        Raises:
            ObjectStorageError: the request was refused or not answered.
        """
        try:
            folder = self.link.resolve(strict=True)
        except ObjectStorageError:  # it may be there
            raise
        except (OSError, RuntimeError):  # none, or links in a circle
            return None
        return folder if has_manifest(folder) else None

    def switch(self, snapshot: Path) -> None:
        """Let ``current`` lead to a snapshot: before and after, never in between, it leads to a whole one."""
        switch_link(self.link, snapshot)

    def tidy(self, keep: int) -> list[Path]:
        """Remove all snapshots but the current one and the newest others, `keep` in all; return what was removed.

        What readers have opened stays readable for them on a disk; in object storage it is gone.
        """
        current = self.current()
        others = [path for path in self.snapshots.iterdir() if path.is_dir() and path != current]
        finished = [path for path in others if has_manifest(path)]
        finished.sort(key=lambda path: (path / "manifest.json").stat().st_mtime, reverse=True)
        kept = finished[: max(0, keep - 1)]
        removed = sorted(path for path in others if path not in kept)
        for path in removed:
            (path / "manifest.json").unlink(missing_ok=True)
            remove(path)
        for path in self.folder.glob(f".{CURRENT}.*"):
            path.unlink()
        return removed


def find_losses(before: Manifest, after: Manifest) -> list[Loss]:
    """Return the guarded counts that are lower than they were."""
    return [
        Loss(name, before.counts[name], after.counts.get(name, 0))
        for name in GUARDED
        if after.counts.get(name, 0) < before.counts.get(name, 0)
    ]


def parse_share(text: str) -> float:
    """Read ``5%`` or ``0.05``.

    Raises:
        ValueError: neither, or not from 0 to 1.
    """
    value = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    if not 0 <= value <= 1:
        raise ValueError(text)
    return value
