"""Images that are on this machine already: a mirror of the media server, or a flat folder of files."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipelines.image_index.errors import FetchError
from pipelines.image_index.fetching.download import Outcome, check_content
from pipelines.image_index.file_names import hash_folders, name_problem, thumbnail_name, thumbnail_widths

__all__ = ["LocalFolder", "open_folder"]


@dataclass(frozen=True, slots=True)
class LocalFolder:
    """A folder of images."""

    folder: Path
    repositories: tuple[Path, ...]
    """Folders below which files lie in the media server's hash folders."""
    width: int
    """Pixels of thumbnails, where a mirror has no other."""
    max_bytes: int

    def find(self, file: str) -> Outcome:
        """Gives what the folder has of a file: an original that can be decoded, else its thumbnail."""
        outcome = Outcome("", "not in the folder")
        if name_problem(file) is not None:
            return Outcome("", "illegal file name")
        for path in self._places(file):
            try:
                status = path.stat()
                if not stat.S_ISREG(status.st_mode):
                    continue  # a pipe or a device would never end
                if status.st_size > self.max_bytes:
                    return Outcome(path.as_uri(), "too many bytes")
                content = path.read_bytes()
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError:
                outcome = Outcome(path.as_uri(), "cannot be read")
                continue
            outcome = check_content(content, path.as_uri())
            if not outcome.error:
                return outcome
        return outcome

    def _places(self, file: str) -> Iterator[Path]:
        hashed = hash_folders(file)
        thumbnails = [thumbnail_name(file, width) for width in thumbnail_widths(file, self.width)]
        for repository in self.repositories:
            yield repository / hashed / file
            yield from (repository / "thumb" / hashed / file / name for name in thumbnails)
        yield self.folder / file
        yield self.folder / file.replace("_", " ")
        yield from (self.folder / name for name in thumbnails)


def open_folder(folder: Path, wiki: str, *, width: int, max_bytes: int) -> LocalFolder:
    """Gives the folder with the repositories that are in it, the shared one first.

    Raises:
        FetchError: there is no such folder.
    """
    folder = folder.resolve()
    if not folder.is_dir():
        raise FetchError(f"--images {folder}: no such folder; give a folder or an address (https://...)")
    own = wiki.rpartition("/")[2]
    names = ("wikipedia/commons", "commons", wiki, own, ".")
    repositories = [folder / name for name in names if (folder / name).is_dir()]
    return LocalFolder(folder, tuple(repositories), width, max_bytes)
