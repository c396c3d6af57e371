"""Brings a run of a wiki's dump to a folder, which appears under its name when it is whole and checked."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from kc_schema.store import (
    ObjectPath,
    ObjectStorageError,
    Place,
    explain_file_errors,
    read_json,
    remove,
    sizes,
    write_json,
)
from pipelines.dump.download.arrival import Arrival, arrival, bytes_arrived
from pipelines.dump.download.runs import LAYOUTS, DumpRun, Found, Layout, NoRunError, RemoteFile, find_run
from pipelines.dump.download.server import PUBLIC_SERVER, DownloadError, DumpServer, RunGoneError
from pipelines.dump.file_names import UNFINISHED
from pipelines.engine.progress import Progress

__all__ = ["MANIFEST", "Download", "DownloadManifest", "download_run", "fetch_newest", "wait_for_run"]

MANIFEST = "download.json"
_noting = threading.Lock()
_SECONDS_BETWEEN_LOOKS = 900.0
_ROOM_TO_SPARE = 64 << 20


@dataclass(frozen=True, slots=True)
class DownloadManifest:
    """What a folder of a dump that was brought holds; no time stamps, so equal downloads are equal files."""

    wiki: str
    date: str
    layout: Layout
    what: tuple[str, ...]
    files: tuple[RemoteFile, ...]
    format: int = 1


@dataclass(frozen=True, slots=True)
class Download:
    """A run on its way to a folder below `output`."""

    run: DumpRun
    output: Path

    @property
    def folder(self) -> Path:
        """Where the dump lies once it is whole."""
        return self.output / self.run.name

    @property
    def unfinished(self) -> Path:
        """Where its files lie until then; in object storage the pieces of those that are not whole."""
        return self.output / f".{self.run.name}.partial"

    def missing(self) -> list[RemoteFile]:
        """Return the files of the run that the folder does not hold.

        Raises:
            ObjectStorageError: the request was refused or not answered.
        """
        records = (MANIFEST, UNFINISHED) if isinstance(self.folder, ObjectPath) else (MANIFEST,)
        kept = {file for name in records for file in _listed(self.folder / name)}
        there = sizes(self.folder, [file.name for file in kept]) if kept else {}
        return [file for file in self.run.files if file not in kept or there.get(file.name) != file.bytes]

    def arrival(self, file: RemoteFile) -> Arrival:
        """Return a file of the run as one that is on its way."""
        return arrival(self.unfinished / file.name, self.folder / file.name)

    def bytes_to_come(self) -> int:
        """Return how many bytes are still to be fetched."""
        return sum(max(0, file.bytes - bytes_arrived(self.unfinished / file.name)) for file in self.missing())


def fetch_newest(
    wiki: str,
    output: Path,
    *,
    console: Console,
    base: str = PUBLIC_SERVER,
    contact: str = "",
    what: Sequence[str] = ("articles",),
    wait: bool = False,
) -> Path:
    """Bring the newest complete run of a wiki to a folder below `output`; return that folder.

    It is what ``--dump wiki:NAME`` stands for.

    Raises:
        UsageError: a wiki, an address or a contact that is none.
        DownloadError: no complete run, or it cannot be had.
        UserError: the folder cannot be written, or another download writes there.
    """
    server = DumpServer(base, contact=contact)
    found = wait_for_run(server, wiki, what=what, wait=wait, console=console)
    return download_run(found.run, server, output, console=console)


def wait_for_run(
    server: DumpServer,
    wiki: str,
    *,
    console: Console,
    date: str = "latest",
    what: Sequence[str] = ("articles",),
    layouts: Sequence[Layout] = LAYOUTS,
    wait: bool = False,
    seconds_between_looks: float = _SECONDS_BETWEEN_LOOKS,
) -> Found:
    """Find the run that is asked for; with `wait` the newest one, as soon as it is complete.

    Raises:
        NoRunError: there is none, and it is not to be waited for.
        DownloadError: the server gives no answer.
    """
    while True:
        try:
            found = find_run(server, wiki, date=date, what=what, layouts=layouts, only_newest=wait)
        except NoRunError as error:
            if not wait:
                raise
            console.print(f"waiting: {error}", markup=False, highlight=False, soft_wrap=True)
            time.sleep(seconds_between_looks)
            continue
        for reason in found.passed_over:
            console.print(f"not taken: {reason}", markup=False, highlight=False, soft_wrap=True)
        return found


def download_run(
    run: DumpRun, server: DumpServer, output: Path, *, console: Console, connections: int = 1
) -> Path:
    """Bring the files of a run to ``output/WIKI-DATE`` and check them; return that folder.

    A download that was stopped goes on where it was. The folder appears when all files are whole.

    Args:
        run: as `find_run` gives it.
        server: where it was found.
        output: the folder of all dumps. In object storage files appear one by one, each when it is whole, and an object
            beside them says that the folder is not.
        console: shows how far it is.
        connections: files that are fetched at a time.

    Raises:
        DownloadError: no room, a checksum that does not fit twice, no answer, or the run vanished.
        PlaceBusyError: another download writes there.
        UserError: the folder cannot be written.
    """
    download = Download(run, output)
    with Place(output, owns=(), what="download"), explain_file_errors(output):
        missing = download.missing()
        if not missing and (download.folder / MANIFEST).is_file():
            console.print(f"{download.folder}: is there already", highlight=False, soft_wrap=True)
            return download.folder
        download.unfinished.mkdir(exist_ok=True)
        if isinstance(download.folder, ObjectPath):
            _begin(download)
        else:
            _check_room(download)
        total = sum(file.bytes for file in missing)
        label = f"Download {run.name}"
        done = total - download.bytes_to_come()
        with Progress(console, label, total, unit="bytes", done=done, amounts=False) as progress:
            lock = threading.Lock()

            def advance(size: int) -> None:
                with lock:
                    progress.advance(size, size=size)

            _fetch_all(missing, server, download, advance, connections)
        _publish(download, missing)
        _forget_older(download)
    return download.folder


def _check_room(download: Download) -> None:
    needed, free = download.bytes_to_come(), shutil.disk_usage(download.output).free
    if needed + _ROOM_TO_SPARE > free:
        raise DownloadError(
            f"{download.output}: {download.run.name} needs {_size(needed)} more and {_size(_ROOM_TO_SPARE)} to spare,"
            f" {_size(free)} are free; make room, or give another --output"
        )


def _fetch_all(
    files: list[RemoteFile],
    server: DumpServer,
    download: Download,
    advance: Callable[[int], None],
    connections: int,
) -> None:
    if connections == 1:
        for file in files:
            _fetch(file, server, download, advance)
        return
    with ThreadPoolExecutor(connections) as executor:
        try:
            futures = [executor.submit(_fetch, file, server, download, advance) for file in files]
            wait(futures, return_when=FIRST_EXCEPTION)
            failed = [future for future in futures if future.done() and future.exception() is not None]
            if failed:
                failed[0].result()
        except BaseException:
            server.stop()
            executor.shutdown(wait=True, cancel_futures=True)
            raise


def _fetch(file: RemoteFile, server: DumpServer, download: Download, advance: Callable[[int], None]) -> None:
    """Bring one file and check it; a file that came wrong is fetched once more, from its start."""
    with download.arrival(file) as target:
        for last in (False, True):
            try:
                server.fetch(file.path, target, file.bytes, advance)
            except RunGoneError as error:
                raise RunGoneError(
                    f"{error}: the run {download.run.name} was taken away while it was read; run the command again for"
                    f" the newest one, or give another --base ({download.unfinished} holds what came)"
                ) from error
            if target.finish(file.algorithm, file.checksum):
                if isinstance(download.folder, ObjectPath):
                    _note_whole(download, file)
                return
            target.clear()
            advance(-file.bytes)
            if last:
                raise DownloadError(
                    f"{server.url(file.path)}: came twice with another {file.algorithm} than the run lists; it changed"
                    " on the server, or the mirror is damaged: run the command again later, or give another --base"
                )


def _publish(download: Download, files: list[RemoteFile]) -> None:
    """Let the folder appear, or what is new in one that was there; its manifest is written last."""
    run = download.run
    if isinstance(download.folder, ObjectPath):
        _publish_objects(download)
        return
    for file in files:
        with (download.unfinished / file.name).open("rb") as opened:
            os.fsync(opened.fileno())
    manifest = DownloadManifest(run.wiki, run.date, run.layout, run.what, run.files)
    if not download.folder.exists():
        write_json(download.unfinished / MANIFEST, manifest)
        download.unfinished.replace(download.folder)
        return
    for file in files:
        (download.unfinished / file.name).replace(download.folder / file.name)
    _write_manifest(download)
    remove(download.unfinished, ignore_errors=True)


def _write_manifest(download: Download) -> None:
    """Write what the folder holds: this run's files, and what stood there of it before."""
    run = download.run
    kept = _read_manifest(download.folder / MANIFEST)
    more = (
        [] if kept is None else [file for file in kept.files if file.name not in {f.name for f in run.files}]
    )
    what = run.what if kept is None else tuple(dict.fromkeys((*kept.what, *run.what)))
    files = (*run.files, *more)
    write_json(download.folder / MANIFEST, DownloadManifest(run.wiki, run.date, run.layout, what, files))


def _begin(download: Download) -> None:
    """Mark a folder in object storage as one that is being filled, so that nobody takes it for a dump."""
    if not (download.folder / UNFINISHED).is_file():
        _note_whole(download)


def _note_whole(download: Download, *new: RemoteFile) -> None:
    """Take note of files that are whole in a folder of object storage whose others are still to come."""
    run, path = download.run, download.folder / UNFINISHED
    with _noting:
        files = (*_listed(path), *new)
        write_json(path, DownloadManifest(run.wiki, run.date, run.layout, run.what, files))


def _publish_objects(download: Download) -> None:
    """Write the manifest of a folder in object storage, whose files are all there, and clear away what led to it."""
    _write_manifest(download)
    (download.folder / UNFINISHED).unlink(missing_ok=True)
    remove(download.unfinished)


def _forget_older(download: Download) -> None:
    """Remove what came of older runs of the wiki that were never finished: servers keep no run for long."""
    wiki = download.run.wiki
    for folder in download.output.glob(f".{wiki}-????????.partial"):
        if folder.name < download.unfinished.name:
            remove(folder, ignore_errors=True)
    for marker in download.output.glob(f"{wiki}-????????/{UNFINISHED}"):
        if marker.parent.name < download.folder.name and not (marker.parent / MANIFEST).is_file():
            remove(marker.parent)


def _read_manifest(path: Path) -> DownloadManifest | None:
    """Return what a manifest says; None where there is none that can be read."""
    try:
        return read_json(path, DownloadManifest)
    except ObjectStorageError:
        raise
    except (OSError, ValueError):
        return None


def _listed(path: Path) -> tuple[RemoteFile, ...]:
    found = _read_manifest(path)
    return () if found is None else found.files


def _size(size: int) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.1f} MB"
