"""One image from its source: which addresses of a server, or places in a folder, are tried in turn, what is final.

A folder is a mirror of the media server, or a flat one.
"""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pipelines.image_index.decoding import check_image
from pipelines.image_index.errors import BrokenImageError, FetchError
from pipelines.image_index.fetching.politeness import HostGate
from pipelines.image_index.file_names import (
    COMMONS,
    MediaServer,
    hash_folders,
    name_problem,
    thumbnail_name,
    thumbnail_widths,
)

__all__ = [
    "AGENT",
    "NOT_SHARED",
    "Answer",
    "Asking",
    "LocalFolder",
    "Outcome",
    "TransportError",
    "check_content",
    "download_image",
    "open_folder",
]

NOT_FOUND, NOT_SHARED = "not found", "not in the shared repository"
"""Reasons: the file is in no repository that was asked; those were the shared one alone."""
AGENT = "entity-knowledge-corpus"
"""The name under which servers know this program."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one image; `error` is empty where it was had."""

    url: str
    error: str
    content: bytes = b""
    width: int = 0
    height: int = 0
    mime: str = ""
    sha256: str = ""
    detail: str = ""
    """More about the error, for messages; it is not kept."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said; `content` is empty unless the status is 200."""

    status: int
    url: str
    content: bytes
    retry_after: float | None


class TransportError(Exception):
    """A request without a usable answer; `reason` is one of a fixed list."""

    def __init__(self, reason: str, *, transient: bool, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.transient = transient
        """Whether asking again may help."""
        self.detail = detail
        """The host to which a refused redirect leads; empty otherwise."""


class Asking(Protocol):
    """What asks a host for addresses (`pipelines.image_index.fetching.transport.Transport`)."""

    gate: HostGate

    def get(self, url: str) -> Answer:
        """Return the answer to a request.

        Raises:
            TransportError: no usable answer.
            Stopped: the host is not to be asked any more.
        """


def download_image(file: str, server: MediaServer, transport: Asking) -> Outcome:
    """Ask for a file until it is had or its failure is final.

    The shared repository's thumbnail comes first, then that of the wiki's own. A server refuses to draw a
    thumbnail wider than its file: then the file itself is asked for where it is a raster image, and narrower
    thumbnails where it is a document or a video.

    Raises:
        Stopped: nothing more may be asked of the host; the image is as if it had not been tried.
    """
    url, error, detail = "", NOT_FOUND, ""
    for repository in server.repositories:
        for url in server.thumbnails(repository, file):
            answer, error, detail = _ask(url, transport)
            if answer is None or answer.status != 400:
                break
        if answer is not None and answer.status in (400, 500):
            original = server.original(repository, file)
            if original is not None:
                url = original
                answer, error, detail = _ask(url, transport)
        if answer is not None and answer.status == 200:
            outcome = check_content(answer.content, answer.url)
            if not outcome.error:
                transport.gate.known_good = answer.url
            return outcome
        if error != NOT_FOUND:
            break
    if error == NOT_FOUND and server.shared_only:
        error = NOT_SHARED
    return Outcome(url, error, detail=detail)


def check_content(content: bytes, url: str) -> Outcome:
    """Return the outcome for bytes that are there: an image, or the reason why it is none."""
    sha256 = hashlib.sha256(content).hexdigest()
    try:
        image = check_image(content)
    except BrokenImageError as error:
        return Outcome(url, error.reason, sha256=sha256, detail=error.detail)
    return Outcome(url, "", content, image.width, image.height, image.mime, sha256)


def _ask(url: str, transport: Asking) -> tuple[Answer | None, str, str]:
    """Ask until there is a final answer; return it (None without one), why it is none, and a detail of that."""
    gate = transport.gate
    limits = gate.limits
    failures = refusals = answers_before = 0
    while True:
        try:
            answer = transport.get(url)
        except TransportError as error:
            if not error.transient:
                gate.answered()
                return None, error.reason, error.detail
            last, reason = None, error.reason
        else:
            if answer.status in (429, 503):
                answers_before = answers_before if refusals else gate.answers
                refusals += 1
                gate.refused(answer.status, answer.retry_after)
                if refusals >= limits.attempts and _refused_alone(transport, answers_before):
                    return answer, _reason(answer.status), ""
                continue
            gate.answered()
            if answer.status == 403:
                gate.stop(
                    f"{gate.host} refuses ({url}: 403); nothing more is asked of it. Read its policy, correct"
                    " --contact, and run the same command again later"
                )
                gate.sleep(0)
            if answer.status < 500:
                return answer, _reason(answer.status), ""
            last, reason = answer, _reason(answer.status)
        failures += 1
        if failures >= limits.attempts:
            break
        gate.sleep(limits.delay(failures))
    if last is None and reason in ("no connection", "timeout"):
        gate.unanswered()
    return last, reason, ""


def _refused_alone(transport: Asking, answers_before: int) -> bool:
    """Tell whether a host that refuses an image answers for others: asked for one that it gave before."""
    gate = transport.gate
    if gate.answers > answers_before:
        return True
    if gate.known_good is None:
        return False
    try:
        answer = transport.get(gate.known_good)
    except TransportError:
        return False
    if answer.status in (429, 503):
        gate.refused(answer.status, answer.retry_after)
        return False
    gate.answered()
    return True


def _reason(status: int) -> str:
    if status == 200:
        return ""
    if status in (404, 410):
        return NOT_FOUND
    if status == 429:
        return "too many requests"
    return f"server error {status}" if status >= 500 else f"answer {status}"


@dataclass(frozen=True, slots=True)
class LocalFolder:
    """A folder of images."""

    folder: Path
    repositories: tuple[Path, ...]
    """Folders below which files lie in the media server's hash folders."""
    width: int
    """Pixels of thumbnails, where a mirror has no other."""
    max_bytes: int
    left_out: tuple[Path, ...] = ()
    """Repositories that are not to be used."""

    def find(self, file: str) -> Outcome:
        """Return what the folder has of a file: an original that can be decoded, else its thumbnail."""
        outcome = Outcome("", "not in the folder")
        if name_problem(file) is not None:
            return Outcome("", "illegal file name")
        for path in self._places(file, self.repositories, flat=True):
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
        if not outcome.url and any(path.is_file() for path in self._places(file, self.left_out, flat=False)):
            return Outcome("", NOT_SHARED)
        return outcome

    def _places(self, file: str, repositories: Sequence[Path], *, flat: bool) -> Iterator[Path]:
        hashed = hash_folders(file)
        thumbnails = [thumbnail_name(file, width) for width in thumbnail_widths(file, self.width)]
        for repository in repositories:
            yield repository / hashed / file
            yield from (repository / "thumb" / hashed / file / name for name in thumbnails)
        if not flat:
            return
        yield self.folder / file
        yield self.folder / file.replace("_", " ")
        yield from (self.folder / name for name in thumbnails)


def open_folder(
    folder: Path, wiki: str, *, width: int, max_bytes: int, shared_only: bool = False
) -> LocalFolder:
    """Return the folder with the repositories that are in it, the shared one first; the wiki's own only if wanted.

    Raises:
        FetchError: there is no such folder.
    """
    folder = folder.resolve()
    if not folder.is_dir():
        raise FetchError(f"--images {folder}: no such folder; give a folder or an address (https://...)")
    own = wiki.rpartition("/")[2]
    own_files = [folder / name for name in (wiki, own) if (folder / name).is_dir()]
    shared = [folder / name for name in (COMMONS, "commons") if (folder / name).is_dir()]
    repositories = [*shared, *([] if shared_only else own_files), folder]
    left_out = tuple(own_files) if shared_only else ()
    return LocalFolder(folder, tuple(repositories), width, max_bytes, left_out)
