"""The fetch stage: every file of the plan is asked for once, part by part, from a server or a folder."""

from __future__ import annotations

import os
import re
import signal
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import (
    FIRST_COMPLETED,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    wait,
)
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rich.console import Console

from pipelines.image_index.content import write_archive_index
from pipelines.image_index.errors import FetchError
from pipelines.image_index.fetching.archive import DownloadArchive, compact
from pipelines.image_index.fetching.download import Outcome, download_image
from pipelines.image_index.fetching.local_folder import LocalFolder, open_folder
from pipelines.image_index.fetching.media_urls import PUBLIC_SERVER, MediaServer
from pipelines.image_index.fetching.politeness import HostGate, Limits, Stopped, remedy
from pipelines.image_index.fetching.transport import AGENT, Transport, host_of, split_credentials
from pipelines.image_index.layout import Layout
from pipelines.image_index.plan import Plan, read_planned
from pipelines.image_index.progress import StageProgress
from pipelines.image_index.records import Row, outcome_row, read_records, write_records

__all__ = ["FetchOptions", "check_source", "fetch", "fetched_states"]

_PUBLIC_HOSTS = re.compile(r"(?:.*\.)?(?:wikimedia|wikipedia|mediawiki)\.org")
_CONTACT = re.compile(r"\S+@\S+\.\S+|https?://\S+\.\S+")


@dataclass(frozen=True, slots=True)
class FetchOptions:
    """Where images come from, and how they are asked for."""

    images: str = PUBLIC_SERVER
    """Address of a media server, or a folder."""
    wiki: str = "wikipedia/en"
    """Folder of the wiki's own files on the server."""
    width: int = 500
    contact: str = ""
    """Mail address or URL under which the operator can be reached."""
    limits: Limits = field(default_factory=Limits)
    redirect_hosts: tuple[str, ...] = ()
    """Hosts to which the server may send us, beside itself."""
    private_addresses: bool = False
    max_bytes: int = 50_000_000
    max_seconds: float = 120.0
    """Longest time that one body may take."""
    retry_failed: bool = False
    workers: int = 1
    """Processes that read and check a folder's images."""

    @property
    def is_address(self) -> bool:
        """Whether images come over the network."""
        return urlsplit(self.images).scheme in ("http", "https")


def fetch(layout: Layout, plan: Plan, options: FetchOptions, console: Console) -> None:
    """Fetches what is missing of the plan, or what failed with ``retry_failed``; each part is then recorded.

    Raises:
        FetchError: the source cannot be used, must not be asked any more (what was had is kept), or has nothing.
        KeyboardInterrupt: Ctrl-C; what was had is kept.
    """
    open_parts = _open_parts(layout, plan, options)
    _remove_stray_parts(layout, plan)
    details: Mapping[str, str] = {}
    if open_parts:
        done = sum(state["parts"][0]["rows"] for state in fetched_states(layout, plan).values())
        with StageProgress(console, "fetching", plan.files, done=done) as progress:
            if options.is_address:
                details = _fetch_from_server(layout, plan, open_parts, options, progress)
            else:
                _fetch_from_folder(layout, plan, open_parts, options, progress)
    _check_that_images_were_had(layout, plan, options, details)


def _check_that_images_were_had(
    layout: Layout, plan: Plan, options: FetchOptions, details: Mapping[str, str]
) -> None:
    """Forget all failures where there is nothing else: then it is no property of the images.

    Raises:
        FetchError: no image was had.
    """
    if not plan.files:
        raise FetchError(f"{layout.kc}: no links to images of the kinds that are wanted (--types)")
    states = fetched_states(layout, plan)
    if any(state["ok"] for state in states.values()):
        return
    reasons: Counter[str] = Counter()
    for number, state in states.items():
        reasons.update(state["failed"])
        for path in (layout.part("records", number), layout.archive(number), layout.archive_index(number)):
            path.unlink(missing_ok=True)
    failed = ", ".join(f"{reason} {count:,}" for reason, count in reasons.most_common(3))
    most = reasons.most_common(1)[0][0]
    source = split_credentials(options.images)[0] if options.is_address else options.images
    raise FetchError(
        f"--images {source}: none of {plan.files:,} files could be had ({failed});"
        f" {remedy(most, details.get(most, ''))}, then run the same command again"
    )


def check_source(layout: Layout, plan: Plan, options: FetchOptions) -> None:
    """Makes sure that what is missing of the plan may be asked for as the options say.

    Raises:
        FetchError: there is no such folder, the address is none, or the server wants a contact.
    """
    if not options.is_address:
        _folder(options)
    elif needs_fetching(layout, plan, options):
        _user_agent(host_of(options.images.rstrip("/")), options.contact)


def needs_fetching(layout: Layout, plan: Plan, options: FetchOptions) -> bool:
    """Tells whether anything of the plan is still to be had."""
    return bool(_open_parts(layout, plan, options))


def fetched_states(layout: Layout, plan: Plan) -> dict[int, dict[str, Any]]:
    """Gives the states of the parts whose records are there and current, by number."""
    states = {}
    for number, planned in enumerate(plan.planned):
        state = layout.read_state("records", number, planned)
        if state is not None:
            states[number] = state
    return states


def _open_parts(layout: Layout, plan: Plan, options: FetchOptions) -> list[int]:
    return [number for number in range(len(plan.planned)) if not _is_done(layout, plan, number, options)]


def _is_done(layout: Layout, plan: Plan, number: int, options: FetchOptions) -> bool:
    state = layout.read_state("records", number, plan.planned[number])
    return state is not None and not (options.retry_failed and state["failed"])


def _remove_stray_parts(layout: Layout, plan: Plan) -> None:
    for table in ("records", "downloads"):
        for path in (layout.images / table).glob("part-*"):
            if int(path.stem.partition("-")[2]) >= len(plan.planned):
                path.unlink()


def _known_rows(layout: Layout, number: int, archived: Mapping[int, Mapping[str, Any]]) -> dict[int, Row]:
    """Gives what is known of a part's files from before: what came over the network is in its archive."""
    rows = {
        image: row
        for image, row in read_records(layout, number).items()
        if row["url"].startswith("file:") or row["status"] == "failed"
    }
    for image, outcome in archived.items():
        if image not in rows or rows[image]["status"] == "failed":
            rows[image] = outcome_row(image, "", outcome)
    return rows


def _split(
    planned: list[tuple[int, str]], known: Mapping[int, Row], options: FetchOptions
) -> tuple[dict[int, Row], list[tuple[int, str]]]:
    """Gives the rows that stay, and the files that are to be asked for."""
    kept: dict[int, Row] = {}
    asked: list[tuple[int, str]] = []
    for image, file in planned:
        row = known.get(image)
        if row is None or (options.retry_failed and row["status"] == "failed"):
            asked.append((image, file))
        else:
            kept[image] = {**row, "file": file}
    return kept, asked


def _fetch_from_server(
    layout: Layout, plan: Plan, parts: list[int], options: FetchOptions, progress: StageProgress
) -> Mapping[str, str]:
    """Ask a server for the files of `parts`; return details of the last failure of each kind, by reason."""
    address, credentials = split_credentials(options.images.rstrip("/"))
    server = MediaServer(address, options.wiki, options.width)
    host = host_of(server.base)
    gate = HostGate(host, options.limits)
    transport = Transport(
        gate,
        [host, *map(_host_named, options.redirect_hosts)],
        user_agent=_user_agent(host, options.contact),
        max_bytes=options.max_bytes,
        max_seconds=options.max_seconds,
        private_addresses=options.private_addresses,
        credentials=credentials,
    )
    executor = ThreadPoolExecutor(options.limits.connections, thread_name_prefix="fetch")
    suspect = _SameFailures(gate)
    try:
        for number in parts:
            _fetch_part(layout, plan, number, server, transport, executor, suspect, options, progress)
    except BaseException:
        gate.stop("stopped")
        raise
    finally:
        executor.shutdown(wait=True, cancel_futures=True)
        transport.close()
    return suspect.details


def _fetch_part(
    layout: Layout,
    plan: Plan,
    number: int,
    server: MediaServer,
    transport: Transport,
    executor: Executor,
    suspect: _SameFailures,
    options: FetchOptions,
    progress: StageProgress,
) -> None:
    planned = read_planned(layout, number)
    archive_path = layout.archive(number)
    if archive_path.exists():
        compact(archive_path, {image for image, _ in planned})
    with DownloadArchive(archive_path) as archive:
        known = _known_rows(layout, number, archive.outcomes)
        rows, asked = _split(planned, known, options)
        progress.add(len(rows))
        had = (row["url"] for row in archive.outcomes.values() if not row["error"])
        transport.gate.known_good = transport.gate.known_good or next(had, None)
        names = dict(asked)
        suspect.expected = {image: known[image]["error"] for image in names if image in known}
        waiting: dict[Future[Outcome], int] = {}
        try:
            for image, file in asked:
                if len(waiting) >= 2 * options.limits.connections:
                    _collect(waiting, archive, suspect, progress)
                waiting[executor.submit(download_image, file, server, transport)] = image
            while waiting:
                _collect(waiting, archive, suspect, progress)
            suspect.keep(archive)
        except BaseException:
            transport.gate.stop("stopped")
            _collect_finished(waiting, archive)
            raise
        archive.sync()
        rows.update(
            (image, outcome_row(image, file, archive.outcomes[image])) for image, file in names.items()
        )
    if archive.outcomes:
        write_archive_index(layout, number, archive.outcomes)
    else:
        archive_path.unlink()
    write_records(layout, number, list(rows.values()), plan.planned[number])


class _SameFailures:
    """Failures that may be the source's and not the images': they are kept only once something else comes."""

    def __init__(self, gate: HostGate) -> None:
        self.expected: Mapping[int, str] = {}
        """Why images failed that are asked for again, by id: no wonder if they do so once more."""
        self.details: dict[str, str] = {}
        """Details of the last failure of each kind, by reason."""
        self._gate = gate
        self._pending: list[tuple[int, Outcome]] = []
        self._error = ""
        self._in_a_row = 0

    def add(self, image: int, outcome: Outcome, archive: DownloadArchive) -> None:
        """Take note of what came of an image, and keep it in the archive, now or later.

        Raises:
            Stopped: too many images in a row failed in the same way.
        """
        self.details[outcome.error] = outcome.detail
        if not outcome.error or self.expected.get(image) == outcome.error or outcome.error != self._error:
            self.keep(archive)
            self._in_a_row = 0
        self._error = outcome.error
        self._pending.append((image, outcome))
        if not outcome.error or self.expected.get(image) == outcome.error:
            self.keep(archive)
            return
        self._in_a_row += 1
        if self._in_a_row >= self._gate.limits.same_failures_in_a_row:
            detail = f", {outcome.detail}" if outcome.detail else ""
            raise Stopped(
                f"{self._gate.host}: the same answer for {self._in_a_row} images in a row: {outcome.error}{detail}"
                f" (the last: {outcome.url}); {remedy(outcome.error, outcome.detail)}, then run the same command again"
            )

    def keep(self, archive: DownloadArchive) -> None:
        """Keep what is still pending."""
        for image, outcome in self._pending:
            archive.add(image, outcome)
        self._pending.clear()


def _collect(
    waiting: dict[Future[Outcome], int],
    archive: DownloadArchive,
    suspect: _SameFailures,
    progress: StageProgress,
) -> None:
    """Wait until a download is finished, and keep every one that is."""
    finished, _ = wait(waiting, return_when=FIRST_COMPLETED)
    for future in finished:
        outcome = future.result()
        suspect.add(waiting.pop(future), outcome, archive)
        progress.add(1, len(outcome.content), {outcome.error: 1} if outcome.error else None)


def _collect_finished(waiting: dict[Future[Outcome], int], archive: DownloadArchive) -> None:
    """Keep the images that were had when everything is stopped."""
    for future in waiting:
        future.cancel()
    wait(waiting)
    for future, image in waiting.items():
        if not future.cancelled() and future.exception() is None and not future.result().error:
            archive.add(image, future.result())


def _host_named(name: str) -> str:
    """Return the host of a ``--redirect-host``, which is a name or an address."""
    return host_of(name if "://" in name else f"http://{name}")


def _user_agent(host: str, contact: str) -> str:
    """Gives the User-Agent; the public server's policy asks for a contact in it.

    https://foundation.wikimedia.org/wiki/Policy:Wikimedia_Foundation_User-Agent_Policy
    """
    if contact and not (contact.isascii() and _CONTACT.fullmatch(contact)):
        raise FetchError(
            f"--contact {contact}: give a mail address or a URL, in ASCII, under which you can be reached"
        )
    if not contact and _PUBLIC_HOSTS.fullmatch(host.partition(":")[0]):
        raise FetchError(
            f"{host} asks for a contact in the User-Agent of every request: give --contact with your mail address"
            " or the URL of a page about your project"
        )
    try:
        number = version(AGENT)
    except PackageNotFoundError:
        number = "0"
    about = f" ({contact})" if contact else ""
    return f"{AGENT}/{number}{about} python-requests/{version('requests')}"


def _fetch_from_folder(
    layout: Layout, plan: Plan, parts: list[int], options: FetchOptions, progress: StageProgress
) -> None:
    folder = _folder(options)
    if options.workers == 1 or len(parts) == 1:
        for number in parts:
            _report(progress, _read_part(layout, folder, number, plan.planned[number], options))
        return
    with _processes(min(options.workers, len(parts))) as pool:
        tasks = {
            pool.submit(_read_part, layout, folder, number, plan.planned[number], options) for number in parts
        }
        while tasks:
            finished, tasks = wait(tasks, return_when=FIRST_COMPLETED)
            for task in finished:
                _report(progress, task.result())


def _folder(options: FetchOptions) -> LocalFolder:
    return open_folder(Path(options.images), options.wiki, width=options.width, max_bytes=options.max_bytes)


def _report(progress: StageProgress, state: Mapping[str, Any]) -> None:
    progress.add(state["parts"][0]["rows"], state["bytes"], state["failed"])


def _read_part(
    layout: Layout, folder: LocalFolder, number: int, fingerprint: str, options: FetchOptions
) -> dict[str, Any]:
    """Looks for the files of a part in a folder and records them."""
    archived: dict[int, dict[str, Any]] = {}
    if layout.archive(number).exists():
        with DownloadArchive(layout.archive(number)) as archive:
            archived = archive.outcomes
    rows, asked = _split(read_planned(layout, number), _known_rows(layout, number, archived), options)
    for image, file in asked:
        outcome = folder.find(file)
        fields = {**asdict(outcome), "bytes": len(outcome.content)}
        rows[image] = outcome_row(image, file, fields)
    return write_records(layout, number, list(rows.values()), fingerprint)


@contextmanager
def _processes(count: int) -> Iterator[ProcessPoolExecutor]:
    """Gives worker processes that end with this one, however it ends."""
    pool = ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=_begin_worker)
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that the user started
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
