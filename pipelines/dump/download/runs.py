"""Runs of a wiki's dump on a server: which there are, which are complete, and their files with checksums.

Two layouts are known below the base address:

- classic: ``WIKI/YYYYMMDD/`` with ``dumpstatus.json``, which tells of every job whether it is done and lists its
  files with size and SHA-1;
- content (MediaWiki Content File Exports): ``other/mediawiki_content_current/WIKI/YYYY-MM-DD/xml/bzip2/`` with
  ``SHA256SUMS`` and, once the run is complete, ``_SUCCESS``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from kc_schema.errors import UsageError
from pipelines.dump.download.server import DownloadError, DumpServer, RunGoneError
from pipelines.dump.file_names import holds_no_pages, natural_order

__all__ = ["LAYOUTS", "DumpRun", "Found", "Layout", "NoRunError", "RemoteFile", "find_run", "split_what"]

Layout = Literal["classic", "content"]
LAYOUTS: tuple[Layout, ...] = ("classic", "content")

_CONTENT = "other/mediawiki_content_current"
_MOST_DATES = 12
"""Runs of a layout that are looked at, newest first; servers keep about seven."""
_ARTICLE_JOBS = (
    "articlesmultistreamdump",
    "articlesmultistreamdumprecombine",
    "articlesdump",
    "articlesdumprecombine",
)
"""Jobs that write all articles, best first: parts can be fetched again one by one."""
_WIKI = re.compile(r"[a-z][a-z0-9_]*")
_TABLE = re.compile(r"[a-z][a-z_]*")
_DATE = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)")


class NoRunError(DownloadError):
    """There is no complete run; one may come."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file of a run."""

    name: str
    path: str
    """Below the server's base address."""
    bytes: int
    algorithm: str
    """``sha1``, ``sha256`` or ``md5``."""
    checksum: str
    """In hex, as the run lists it."""


@dataclass(frozen=True, slots=True)
class DumpRun:
    """A complete run: the files of it that were asked for."""

    wiki: str
    date: str
    """Eight digits."""
    layout: Layout
    what: tuple[str, ...]
    files: tuple[RemoteFile, ...]

    @property
    def name(self) -> str:
        """The dump's short name, such as ``enwiki-20250101``."""
        return f"{self.wiki}-{self.date}"

    @property
    def bytes(self) -> int:
        """Bytes of all files."""
        return sum(file.bytes for file in self.files)


@dataclass(frozen=True, slots=True)
class Found:
    """The newest complete run, and why newer ones were passed over."""

    run: DumpRun
    passed_over: tuple[str, ...]


@dataclass(frozen=True)
class _File:
    size: int | None = None
    sha1: str = ""
    md5: str = ""


@dataclass(frozen=True)
class _Job:
    status: str = ""
    files: dict[str, _File] = field(default_factory=dict)


@dataclass(frozen=True)
class _Status:
    jobs: dict[str, _Job] = field(default_factory=dict)


class _IncompleteError(Exception):
    """A run that is not to be taken; the message says why."""


def split_what(what: str) -> tuple[str, ...]:
    """Read ``articles+page_props``: the articles, and tables by the names that MediaWiki gives them.

    Raises:
        UsageError: a word that can be no table's name.
    """
    words = tuple(dict.fromkeys(word.strip() for word in what.split("+")))
    for word in words:
        if not _TABLE.fullmatch(word):
            raise UsageError(
                f"--what {what}: {word!r} is neither articles nor a table; join them with +, such as"
                " articles+page_props"
            )
    return words


def find_run(
    server: DumpServer,
    wiki: str,
    *,
    date: str = "latest",
    what: Sequence[str] = ("articles",),
    layouts: Sequence[Layout] = LAYOUTS,
    only_newest: bool = False,
) -> Found:
    """Find the newest complete run, or that of a date.

    Args:
        server: the public server or a mirror.
        wiki: name of the database, such as ``enwiki``.
        date: ``latest``, or the date of a run as ``YYYYMMDD`` or ``YYYY-MM-DD``.
        what: ``articles`` and names of tables, as `split_what` reads them.
        layouts: those that are looked for; of two runs of one date the first layout's is taken.
        only_newest: whether the newest run must be complete; else an older one is taken.

    Raises:
        UsageError: no name of a wiki, no date.
        NoRunError: no run is complete; the message says what the newest lacks.
        DownloadError: the server gives no answer, or knows no such wiki.
    """
    if not _WIKI.fullmatch(wiki):
        raise UsageError(f"--wiki {wiki}: give the name of the database, such as enwiki or simplewiki")
    if date == "latest":
        candidates = [(day, layout) for layout in layouts for day in _dates(server, wiki, layout)]
        if not candidates:
            raise DownloadError(
                f"{server.base}: has no runs of {wiki}; is that the name of the database (such as enwiki), and does"
                " the server have the public one's layout?"
            )
        candidates.sort(key=lambda candidate: (candidate[0], -layouts.index(candidate[1])), reverse=True)
    else:
        candidates = [(_digits(date), layout) for layout in layouts]
    passed_over: list[str] = []
    for day, layout in candidates:
        if only_newest and passed_over and day != candidates[0][0]:
            break
        try:
            files = _READERS[layout](server, wiki, day, what)
        except _IncompleteError as reason:
            passed_over.append(f"{wiki}-{day} ({layout}): {reason}")
            continue
        run = DumpRun(wiki, day, layout, tuple(what), tuple(files))
        return Found(run, tuple(passed_over))
    asked = wiki if date == "latest" else f"{wiki} of {date}"
    raise NoRunError(
        f"{server.base}: no complete run of {asked}: {'; '.join(passed_over[:3])}; wait for it with --wait, or give"
        " another --date"
    )


def _digits(date: str) -> str:
    found = _DATE.fullmatch(date)
    if found is None:
        raise UsageError(f"--date {date}: give latest, or a date such as 20250101")
    return "".join(found.groups())


def _dates(server: DumpServer, wiki: str, layout: Layout) -> list[str]:
    """Return the dates of the runs that the server lists, newest first, as digits."""
    listing = server.text(f"{wiki}/" if layout == "classic" else f"{_CONTENT}/{wiki}/")
    pattern = r"\d{8}" if layout == "classic" else r"\d{4}-\d\d-\d\d"
    found = re.findall(rf"""href=["']?(?:[^"'>\s]*/)?({pattern})/?["'>\s]""", listing or "")
    return sorted({day.replace("-", "") for day in found}, reverse=True)[:_MOST_DATES]


def _classic_files(server: DumpServer, wiki: str, day: str, what: Sequence[str]) -> list[RemoteFile]:
    folder = f"{wiki}/{day}"
    text = server.text(f"{folder}/dumpstatus.json")
    if text is None:
        raise _IncompleteError("no dumpstatus.json yet")
    try:
        status = msgspec.json.decode(text, type=_Status)
    except msgspec.MsgspecError as error:
        raise _IncompleteError(f"dumpstatus.json cannot be read ({error})") from error
    sums: dict[str, dict[str, str]] = {}
    files = []
    for word in what:
        for name, file in _files_of(status, word).items():
            _check_name(name, f"{wiki}-{day}-")
            algorithm, checksum = _checksum(server, folder, f"{wiki}-{day}", name, file, sums)
            size = file.size if file.size is not None else _size(server, f"{folder}/{name}")
            files.append(RemoteFile(name, f"{folder}/{name}", size, algorithm, checksum))
    return sorted(files, key=lambda file: natural_order(file.name))


def _files_of(status: _Status, word: str) -> dict[str, _File]:
    """Return the files of the articles or of a table.

    Raises:
        _IncompleteError: no job that writes them is done.
    """
    jobs = _ARTICLE_JOBS if word == "articles" else (f"{word.replace('_', '')}table",)
    for name in jobs:
        job = status.jobs.get(name)
        if job is None or job.status != "done":
            continue
        files = {
            file: about for file, about in job.files.items() if word != "articles" or not holds_no_pages(file)
        }
        if files:
            return files
    states = ", ".join(f"{name} {status.jobs[name].status}" for name in jobs if name in status.jobs)
    raise _IncompleteError(f"{word} not done ({states or 'no such job'})")


def _checksum(
    server: DumpServer, folder: str, run: str, name: str, file: _File, sums: dict[str, dict[str, str]]
) -> tuple[str, str]:
    """Return a file's checksum, from the status or, where a mirror leaves it out, from the run's lists."""
    for algorithm in ("sha1", "md5"):
        told: str = getattr(file, algorithm)
        if told:
            return algorithm, told.lower()
        if algorithm not in sums:
            sums[algorithm] = _read_sums(server.text(f"{folder}/{run}-{algorithm}sums.txt") or "")
        if name in sums[algorithm]:
            return algorithm, sums[algorithm][name]
    raise _IncompleteError(f"no checksum of {name}")


def _content_files(server: DumpServer, wiki: str, day: str, what: Sequence[str]) -> list[RemoteFile]:
    tables = [word for word in what if word != "articles"]
    if tables:
        raise _IncompleteError(f"{', '.join(tables)}: only classic runs have tables")
    date = f"{day[:4]}-{day[4:6]}-{day[6:]}"
    folder = f"{_CONTENT}/{wiki}/{date}/xml/bzip2"
    if server.size(f"{folder}/_SUCCESS") is None:
        raise _IncompleteError("no _SUCCESS yet")
    sums = _read_sums(server.text(f"{folder}/SHA256SUMS") or "")
    files = []
    for name in sorted(sums, key=natural_order):
        if not holds_no_pages(name):
            _check_name(name, f"{wiki}-")
            path = f"{folder}/{name}"
            files.append(RemoteFile(name, path, _size(server, path), "sha256", sums[name]))
    if not files:
        raise _IncompleteError("SHA256SUMS lists no files")
    return files


def _size(server: DumpServer, path: str) -> int:
    size = server.size(path)
    if size is None:
        raise RunGoneError(f"{server.url(path)}: is listed, and not there; take another --date or --base")
    return size


def _read_sums(text: str) -> dict[str, str]:
    """Read lines of ``sha256sum`` and the like: the file's name and its checksum in hex."""
    found = re.findall(r"^([0-9a-fA-F]{32,64})\s+\*?(?:\./)?(\S+)\s*$", text, re.MULTILINE)
    return {name: checksum.lower() for checksum, name in found}


def _check_name(name: str, start: str) -> None:
    """A name from a server becomes a file's: it must be one of the run, without folders."""
    if not re.fullmatch(r"[\w.-]+", name) or not name.startswith(start):
        raise _IncompleteError(f"lists a file of another name ({name[:80]!r})")


_READERS: dict[Layout, Callable[[DumpServer, str, str, Sequence[str]], list[RemoteFile]]] = {
    "classic": _classic_files,
    "content": _content_files,
}
