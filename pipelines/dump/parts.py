"""The files of a dump: found from a file, a folder or a glob, checked, in order."""

from __future__ import annotations

import datetime
import glob
import itertools
import logging
import os
import re
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kc_schema.store import as_path, find_matching, is_address
from pipelines.dump.errors import IN_UTF_16, UTF_16, DumpError
from pipelines.dump.file_names import UNFINISHED, holds_no_pages, natural_order, parse_name

_logger = logging.getLogger(__name__)

__all__ = ["DumpFile", "dump_date", "dump_name", "find_parts"]

_MAGICS = (
    (re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)"), "bz2"),
    (re.compile(rb"\x1f\x8b\x08"), "gz"),
    (re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18", re.DOTALL), "zst"),
    (re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:\?xml|mediawiki|!--)"), "xml"),
)
_UNREADABLE = (
    (re.compile(rb"7z\xbc\xaf"), "is a 7z archive: unpack it, or take the .bz2 of the same dump"),
    (re.compile(rb"\xfd7zXZ"), "is compressed with xz: unpack it, or compress it with zstd or bzip2"),
    (re.compile(rb"PK\x03\x04"), "is a zip archive: unpack it first"),
    (re.compile(rb"\s*<(?:!doctype html|html)", re.IGNORECASE), "is a web page, no dump: download it again"),
    (re.compile(rb"BZh"), "starts like bzip2, but no block follows: it is damaged, download it again"),
    (UTF_16, IN_UTF_16),
)
# Characters of a name that is too long.
_SHOWN = 200
_CLAIMS_XML = re.compile(r"\.xml(?:$|[-.])")


@dataclass(frozen=True)
class DumpFile:
    """One file of a dump."""

    path: str
    size: int
    """Bytes of the file as it lies on the disk."""
    format: str
    """``xml``, ``bz2``, ``gz`` or ``zst``, by its first bytes."""


def find_parts(dump: str) -> list[DumpFile]:
    """Gives the files of the dump at `dump`: a file, a folder or a glob; parts by number, then by pages.

    Companions of a dump (``-index.txt.bz2``, checksums, ``_SUCCESS``, stubs, logs) are passed over.

    Raises:
        DumpError: nothing is there; a file is empty, cannot be read or is no dump; the files are those of
            several dumps, or hold the same pages twice.
    """
    place = os.path.expanduser(dump)  # noqa: PTH111 (Path would normalise away what a glob needs)
    mode = _mode_of_file(place)
    if mode is not None and stat.S_ISDIR(mode):
        parts = _files_of_folder(as_path(place))
    elif mode is not None:
        return [_dump_file(as_path(place))]
    elif glob.has_magic(place):
        paths = find_matching(place)
        if is_address(place):
            for folder in {path.parent for path in paths}:
                if (folder / UNFINISHED).is_file():
                    _refuse_unfinished(folder)
        parts = _dump_files(paths)
        if not parts:
            raise DumpError(f"{dump}: no dump file matches; write the pattern in quotes and check its folder")
    else:
        raise DumpError(
            f"{dump}: no such file or folder; give a dump file, a folder of parts or a glob in quotes"
        )
    parts.sort(key=lambda part: natural_order(Path(part.path).name))
    _refuse_mixtures(dump, parts)
    _tell_gaps(dump, parts)
    return parts


def _mode_of_file(place: str) -> int | None:
    """The file's mode; None where there is none."""
    if is_address(place):
        return None if glob.has_magic(place) else _mode_of_object(place)
    try:
        return os.stat(place).st_mode  # noqa: PTH116 (`place` may be a glob that no file system would take)
    except FileNotFoundError:
        return None
    except OSError as error:
        if glob.has_magic(place):
            return None
        raise DumpError(
            f"{place[:_SHOWN]}: cannot be read ({error.strerror}); check the name of the file"
        ) from error


def _mode_of_object(place: str) -> int | None:
    try:
        return as_path(place).stat().st_mode
    except FileNotFoundError:
        return None


def dump_name(parts: list[DumpFile]) -> str:
    """Gives the dump's short name: ``enwiki-20250101``; without wiki or date in it, the first file's stem."""
    name = parse_name(Path(parts[0].path).name)
    return f"{name.wiki}-{name.run}" if name.wiki and name.run else name.stem


def dump_date(parts: list[DumpFile]) -> datetime.date | None:
    """Gives the date in the name of the dump's first file; None where it has none."""
    return parse_name(Path(parts[0].path).name).date


def _files_of_folder(folder: Path) -> list[DumpFile]:
    try:
        children = list(folder.iterdir())
    except OSError as error:
        raise DumpError(f"{folder}: cannot be listed ({error.strerror}); check its rights") from error
    if any(child.name == UNFINISHED for child in children):
        _refuse_unfinished(folder)
    parts = _dump_files(children)
    if not parts:
        folders = sorted(child.name for child in children if child.is_dir())
        hint = f"; it has folders ({', '.join(folders[:3])}): give one of them" if folders else ""
        raise DumpError(f"{folder}: no dump file (.xml, .xml.bz2, .xml.gz, .xml.zst) in this folder{hint}")
    return parts


def _refuse_unfinished(folder: Path) -> None:
    if not (folder / "download.json").is_file():
        raise DumpError(
            f"{folder}: a download is filling this folder, or was stopped there; run python -m pipelines.download_dump"
            " again, it goes on"
        )


def _dump_files(paths: Iterable[Path]) -> list[DumpFile]:
    """Those of `paths` that are dump files; a file whose name does not claim to be one may be anything."""
    parts = []
    for path in paths:
        if holds_no_pages(path.name) or path.is_dir():
            continue
        if _CLAIMS_XML.search(path.name):
            parts.append(_dump_file(path))
        elif path.suffix in {".bz2", ".gz", ".zst"}:
            part = _dump_file(path)
            if part.format != "xml":
                parts.append(part)
    return parts


def _dump_file(path: Path) -> DumpFile:
    mode = _mode_of_file(str(path))
    if mode is not None and not stat.S_ISREG(mode):
        raise DumpError(
            f"{path}: is no file but a pipe, socket or device, and a dump is read from several places at once; write it"
            " to a file first"
        )
    try:
        with path.open("rb", buffering=0) as file:
            head = file.read(512)
            size = file.seek(0, os.SEEK_END)
    except OSError as error:
        raise DumpError(
            f"{path}: cannot be read ({error.strerror}); check the file and its rights"
        ) from error
    if not size:
        raise DumpError(f"{path}: is empty (0 bytes); download it again")
    for magic, kind in _MAGICS:
        if magic.match(head):
            return DumpFile(str(path), size, kind)
    for magic, complaint in _UNREADABLE:
        if magic.match(head):
            raise DumpError(f"{path}: {complaint}")
    raise DumpError(
        f"{path}: is no dump: byte 0 starts neither XML nor bzip2, gzip or zstd data (it starts with "
        f"{head[:8]!r}); give an XML export of MediaWiki, or download it again"
    )


def _refuse_mixtures(dump: str, parts: list[DumpFile]) -> None:
    names = {Path(part.path).name: parse_name(Path(part.path).name) for part in parts}
    for what, values in (
        ("wikis", {name.wiki for name in names.values() if name.wiki}),
        ("dates", {name.run for name in names.values() if name.run}),
        ("kinds of export (they hold the same pages)", {name.kind for name in names.values() if name.kind}),
    ):
        if len(values) > 1:
            raise DumpError(
                f"{dump}: files of several {what}: {', '.join(sorted(values))}; give a glob that matches one, "
                f"such as --dump '{_pattern_for(dump, sorted(values)[-1])}'"
            )
    whole = sorted(file for file, name in names.items() if not name.is_part and name.wiki)
    in_parts = sorted(file for file, name in names.items() if name.is_part and name.wiki)
    if whole and in_parts:
        raise DumpError(
            f"{dump}: {whole[0]} holds the same pages as its parts beside it ({in_parts[0]} ...); "
            "give the one file, or a glob that matches the parts alone"
        )
    seen: dict[str, str] = {}
    for part in parts:
        stem = str(Path(part.path).parent / names[Path(part.path).name].stem)
        if stem in seen:
            raise DumpError(
                f"{dump}: {Path(seen[stem]).name} and {Path(part.path).name} are one file twice; give a glob "
                "that matches one of them"
            )
        seen[stem] = part.path


def _pattern_for(dump: str, part_of_name: str) -> str:
    """Return a pattern of those files of a folder whose names hold some text; dots where the dump is no folder."""
    if glob.has_magic(dump) or not as_path(dump).is_dir():
        return "..."
    return str(as_path(dump) / f"*{part_of_name}*")


def _tell_gaps(dump: str, parts: Sequence[DumpFile]) -> None:
    """Warn where numbers or ranges of pages in the names of parts leave something out."""
    names = [parse_name(Path(part.path).name) for part in parts]
    numbers = sorted({name.number for name in names if name.number is not None})
    missing = sorted(set(range(1, numbers[-1] + 1 if numbers else 1)) - set(numbers))
    if missing:
        some = ", ".join(map(str, missing[:5])) + (" ..." if len(missing) > 5 else "")
        _logger.warning("%s: parts are numbered up to %d, but missing: %s", dump, numbers[-1], some)
    ranges = sorted(name.pages for name in names if name.pages is not None and name.kind is not None)
    for (_, last), (first, _) in itertools.pairwise(ranges):
        if first > last + 1:
            _logger.warning("%s: no part holds the pages %d to %d", dump, last + 1, first - 1)
