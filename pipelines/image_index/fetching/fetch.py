"""The fetch stage: every file of the plan is asked for once, part by part, from a server or a folder."""

from __future__ import annotations

import functools
import itertools
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import urlsplit

from cyclopts import Parameter, Token
from cyclopts.validators import Number
from rich.console import Console

from kc_schema.command import Positive, options
from kc_schema.image_manifest import ImageSource
from kc_schema.image_tables import part_number
from kc_schema.store import Step, as_path
from pipelines.engine import Engine, Progress
from pipelines.image_index.errors import FetchError
from pipelines.image_index.fetching.archive import (
    DownloadArchive,
    Kept,
    compact,
    is_in_folder,
    write_archive_index,
)
from pipelines.image_index.fetching.image_sets import (
    NOT_IN_SET,
    SetImage,
    is_image_set,
    open_image_set,
)
from pipelines.image_index.fetching.politeness import HostGate, Limits, Stopped, remedy
from pipelines.image_index.fetching.sources import (
    AGENT,
    NOT_SHARED,
    LocalFolder,
    Outcome,
    check_content,
    download_image,
    open_folder,
)
from pipelines.image_index.file_names import KINDS, PUBLIC_SERVER, MediaServer, Width, repository_of
from pipelines.image_index.layout import FetchedPart, Layout, Row, read_records, write_records
from pipelines.image_index.plan import Plan, read_planned

if TYPE_CHECKING:
    from pipelines.image_index.fetching.transport import Transport

__all__ = [
    "Fetch",
    "FetchOptions",
    "GivenVectors",
    "Refused",
    "Rights",
    "ask_server",
    "fetched_parts",
    "nothing_refused",
    "user_agent",
]

_PUBLIC_HOSTS = re.compile(r"(?:.*\.)?(?:wikimedia|wikipedia|mediawiki)\.org")
_MOST_SECONDS = 120.0
_NOWHERE = "none"
_NOT_ASKED = "not asked for"
_CONTACT = re.compile(r"\S+@\S+\.\S+|https?://\S+\.\S+")


def _read_kinds(_kind: Any, tokens: list[Token]) -> tuple[str, ...]:
    kinds = tuple(dict.fromkeys(kind.strip() for token in tokens for kind in token.value.split(",")))
    unknown = sorted(set(kinds) - set(KINDS))
    if unknown:
        raise ValueError(f"{', '.join(unknown) or 'nothing'}: give some of {', '.join(KINDS)}")
    return kinds


Refused = Callable[[int], Mapping[int, str]]


def nothing_refused(_number: int) -> Mapping[int, str]:
    """Return the images of a part that are refused where any licence will do: none."""
    return {}


@dataclass(frozen=True)
class Rights:
    """Which images may be had, by where they lie."""

    wiki: str
    """Folder of the wiki's own files, many of which are not free."""
    shared_only: bool
    """Whether only the shared repository's may."""
    refused: Mapping[int, str] = field(default_factory=dict)
    """Images of the part whose licence is none of those that are wanted, with the reason."""

    def refusal(self, image: int, row: Row | None) -> str | None:
        """Return why an image may not be had, as far as what is known of it tells; None where it may."""
        if image in self.refused:
            return self.refused[image]
        if row is None or not self.shared_only or row["status"] == "failed":
            return None
        return NOT_SHARED if repository_of(row["url"], self.wiki) == "wiki" else None

    def was_refused(self, row: Row) -> bool:
        """Tell whether an image was not had for a reason that holds no more."""
        by_licence: bool = row["error"].startswith("licence ")
        return by_licence or (not self.shared_only and row["error"] == NOT_SHARED)


def no_vectors(_number: int) -> Mapping[int, str]:
    """Return the images of a part whose vectors were given, where none were."""
    return {}


@dataclass(frozen=True)
class GivenVectors:
    """Which images need not be asked for, because their vectors were made elsewhere."""

    images: Callable[[int], Mapping[int, str]] = no_vectors
    """Gives those of a part whose vectors are at hand, each with an address or nothing."""
    checksums: Sequence[str] = ()
    """Of the vectors of every part; none where no vectors were given."""
    replaced: bool = False
    """Whether vectors that were given before are made anew, so that their images are asked for."""

    def checksum(self, number: int) -> str:
        """Return the checksum of the vectors of a part; empty where there are none."""
        return self.checksums[number] if self.checksums else ""


Flag = Annotated[bool, Parameter(show_default=False)]


@options
@dataclass(frozen=True, kw_only=True)
class FetchOptions:
    """Where images come from, and how they are asked for."""

    images: str = PUBLIC_SERVER
    """A media server's address, a mirror of one, a flat folder, a set (Parquet with bytes by name or URL), or none."""
    contact: Annotated[str, Parameter(show_default=False)] = ""
    """Your mail address or URL, for the User-Agent; the public server wants one."""
    limit: Positive | None = None
    """So many files only, to try the whole way; the rest can follow."""
    retry_failed: Flag = False
    """Ask again for what failed, and for nothing else."""
    repository: Literal["commons", "all"] = "commons"
    """Ask the repository that all wikis share, whose files are free, or the wiki's own, too."""
    types: Annotated[
        tuple[str, ...], Parameter(converter=_read_kinds, n_tokens=1, show_default=lambda _: "all but audio")
    ] = tuple(kind for kind in KINDS if kind != "audio")
    """Kinds of files, with commas: jpeg, png, gif, webp, svg, tiff, xcf, stl, pdf, djvu, video, audio."""
    width: Width = 500
    """Pixels of thumbnails."""
    connections: Positive = 2
    """Connections to the server."""
    megabits_per_second: Annotated[float, Parameter(validator=Number(gt=0))] = 25.0
    """Bandwidth."""
    max_bytes: Positive = 50_000_000
    """Largest file."""
    redirect_host: Annotated[tuple[str, ...], Parameter(show_default=lambda _: "none but itself")] = ()
    """A host to which the server may send us; may be repeated."""
    private_addresses: Flag = False
    """Allow servers in private networks and on this machine."""

    @property
    def is_nowhere(self) -> bool:
        """Whether nothing is asked for."""
        return self.images == _NOWHERE

    @property
    def is_address(self) -> bool:
        """Whether images come over the network."""
        return urlsplit(self.images).scheme in ("http", "https")

    def source(self, wiki: str) -> ImageSource:
        """Return what the manifest keeps of them; `wiki` is the folder of the wiki's own files on the server."""
        images = self.images
        if self.is_address:
            from pipelines.image_index.fetching.transport import split_credentials

            images, _ = split_credentials(images)
        return ImageSource(images, wiki, self.width, tuple(sorted(self.types)), self.limit, self.repository)


def fetched_parts(layout: Layout, plan: Plan) -> dict[int, FetchedPart]:
    """Return the parts whose records are there and current, by number."""
    kept = {number: _step(layout, plan, number).result() for number in range(len(plan.planned))}
    return {number: part for number, part in kept.items() if part is not None}


def _step(layout: Layout, plan: Plan, number: int) -> Step[FetchedPart]:
    return layout.step("records", number, plan.planned[number], FetchedPart)


@dataclass(frozen=True)
class Fetch:
    """The stage: fetches what is missing of the plan, or what failed with ``retry_failed``."""

    layout: Layout
    plan: Plan
    options: FetchOptions
    wiki: str
    """Folder of the wiki's own files on the server."""
    engine: Engine
    console: Console
    refused: Refused = nothing_refused
    """Gives the images of a part that are not wanted for their licence, with the reason."""
    given: GivenVectors = GivenVectors()
    """The images whose vectors were made elsewhere."""
    limits: Limits | None = None
    """What the options do not say of the connections; by default `Limits` with what they say."""
    max_seconds: float = _MOST_SECONDS
    """Longest time that one answer may take."""

    def check(self) -> None:
        """Make sure that what is missing of the plan may be asked for as the options say.

        Raises:
            FetchError: there is no such folder, the address is none, or the server wants a contact.
        """
        if is_image_set(self.options.images):
            open_image_set(self.options.images)
        elif self.options.is_nowhere:
            return
        elif not self.options.is_address:
            self._folder()
        elif not self.is_current():
            from pipelines.image_index.fetching.transport import host_of

            user_agent(host_of(self.options.images.rstrip("/")), self.options.contact)

    def is_current(self) -> bool:
        """Tell whether all files of the plan were asked for, and some of them had."""
        return not self._open_parts() and any(
            part.images or part.vectors for part in fetched_parts(self.layout, self.plan).values()
        )

    def run(self) -> int:
        """Fetch; every part is recorded when the last of its files was asked for; return how many files were.

        Raises:
            FetchError: the source cannot be used, must not be asked any more (what was had is kept), or has nothing.
            KeyboardInterrupt: Ctrl-C; what was had is kept.
        """
        numbers = self._open_parts()
        done = sum(part.part.rows for part in fetched_parts(self.layout, self.plan).values())
        total = self.plan.files
        details: Mapping[str, str] = {}
        self.console.print(f"{total:,} files in {len(self.plan.planned):,} parts", highlight=False)
        with Progress(self.console, "Fetch", total, unit="images", done=done) as progress:
            if self.options.is_address:
                with _ServerRun(self, progress) as run:
                    for number in numbers:
                        run.fetch(number)
                    details = run.failures.details
            elif is_image_set(self.options.images):
                _SetRun(self, progress).read(numbers)
            else:
                self._read_folder(numbers, progress)
        self._check_that_images_were_had(details)
        return progress.fresh

    @property
    def shared_only(self) -> bool:
        """Whether the wiki's own repository is left alone."""
        return self.options.repository == "commons"

    def rights(self, number: int) -> Rights:
        """Return which images of a part may be had."""
        return Rights(self.wiki, self.shared_only, self.refused(number))

    def _open_parts(self) -> list[int]:
        kept = fetched_parts(self.layout, self.plan)
        again = {number for number, part in kept.items() if self.options.retry_failed and part.failed}
        return [number for number in range(len(self.plan.planned)) if number not in kept or number in again]

    def _check_that_images_were_had(self, details: Mapping[str, str]) -> None:
        """Forget all failures where there is nothing else: then it is no property of the images.

        Args:
            details: of the last failure of each kind.

        Raises:
            FetchError: no image was had.
        """
        if not self.plan.files:
            raise FetchError(f"{self.layout.kc}: no links to images of the kinds that are wanted (--types)")
        parts = fetched_parts(self.layout, self.plan)
        if any(part.images or part.vectors for part in parts.values()):
            return
        reasons: Counter[str] = Counter()
        for number, part in parts.items():
            reasons.update(part.failed)
            _step(self.layout, self.plan, number).forget()
            for path in (self.layout.part("records", number), self.layout.archive(number)):
                path.unlink(missing_ok=True)
        failed = ", ".join(f"{reason} {count:,}" for reason, count in reasons.most_common(3))
        most = reasons.most_common(1)[0][0]
        raise FetchError(
            f"--images {self.options.source(self.wiki).images}: none of {self.plan.files:,} files could be had"
            f" ({failed}); {remedy(most, details.get(most, ''))}, then run the same command again"
        )

    def _folder(self) -> LocalFolder | None:
        options = self.options
        if options.is_nowhere:
            return None
        return open_folder(
            as_path(options.images),
            self.wiki,
            width=options.width,
            max_bytes=options.max_bytes,
            shared_only=self.shared_only,
        )

    def _read_folder(self, numbers: list[int], progress: Progress) -> None:
        read = functools.partial(
            _read_part,
            self.layout,
            self.plan,
            self._folder(),
            self.wiki,
            self.shared_only,
            self.refused,
            self.given,
            retry_failed=self.options.retry_failed,
        )

        def report(part: FetchedPart) -> None:
            progress.advance(part.part.rows, size=part.bytes, failures=part.failed)

        if self.engine.local and (self.engine.workers == 1 or len(numbers) == 1):
            for number in numbers:
                report(read(number))
            return
        for number in numbers:
            _step(self.layout, self.plan, number).forget()
        self.engine.map(
            read,
            numbers,
            finished=lambda number: _step(self.layout, self.plan, number).result(),
            label="Read images",
            arrived=report,
        )


def _known_rows(layout: Layout, number: int, archived: Mapping[int, Kept]) -> dict[int, Row]:
    """Return what is known of a part's files from before: what came over the network is in its archive."""
    rows = {
        image: row
        for image, row in read_records(layout, number).items()
        if is_in_folder(row["url"]) or row["status"] != "ok"
    }
    for image, kept in archived.items():
        if image not in rows or rows[image]["status"] != "ok":
            rows[image] = _record(image, "", kept)
    return rows


def _record(image: int, file: str, kept: Kept) -> Row:
    """Return a row of the table of records."""
    return {
        "image_id": image,
        "file": file,
        "url": kept.url,
        "status": "failed" if kept.error else "ok",
        "error": kept.error,
        "width": kept.width,
        "height": kept.height,
        "sha256": kept.sha256,
        "mime": kept.mime,
        "bytes": kept.bytes,
    }


def _split(
    planned: list[tuple[int, str]],
    known: Mapping[int, Row],
    rights: Rights,
    given: GivenVectors,
    number: int,
    *,
    retry_failed: bool,
) -> tuple[dict[int, Row], dict[int, str]]:
    """Return the rows that stay, and the files that are to be asked for, both by id.

    Args:
        planned: id and name of the files of the part.
        known: what is known of them from before.
        rights: which may be had.
        given: which have a vector already.
        number: of the part.
        retry_failed: whether what failed before is asked for.
    """
    kept: dict[int, Row] = {}
    asked: dict[int, str] = {}
    vectors = given.images(number)
    for image, file in planned:
        row = known.get(image)
        if image in vectors and (row is None or row["status"] != "ok"):
            row = {**_record(image, file, Kept(vectors[image], "", 0, 0, "", "", 0)), "status": "vector"}
        elif row is not None and row["status"] == "vector" and given.replaced:
            row = None
        refusal = rights.refusal(image, row)
        if refusal is not None:
            kept[image] = _record(image, file, Kept("", refusal, 0, 0, "", "", 0))
        elif row is None or rights.was_refused(row) or (retry_failed and row["status"] == "failed"):
            asked[image] = file
        else:
            kept[image] = {**row, "file": file}
    return kept, asked


def _read_part(
    layout: Layout,
    plan: Plan,
    folder: LocalFolder | None,
    wiki: str,
    shared_only: bool,
    refused: Refused,
    given: GivenVectors,
    number: int,
    *,
    retry_failed: bool,
) -> FetchedPart:
    """Look for the files of a part in a folder and record them; without one nothing more is had."""
    archived: Mapping[int, Kept] = {}
    if layout.archive(number).exists():
        with DownloadArchive(layout.archive(number)) as archive:
            archived = archive.outcomes
    known = _known_rows(layout, number, archived)
    rows, asked = _split(
        read_planned(layout, number),
        known,
        Rights(wiki, shared_only, refused(number)),
        given,
        number,
        retry_failed=retry_failed,
    )
    for image, file in asked.items():
        outcome = folder.find(file) if folder is not None else Outcome("", _NOT_ASKED)
        rows[image] = _record(image, file, Kept.of(outcome))
    part = write_records(layout, number, list(rows.values()), wiki, given.checksum(number))
    return _step(layout, plan, number).finish(part)


def _open_server(
    options: FetchOptions, wiki: str, limits: Limits, shared_only: bool, *, max_seconds: float
) -> tuple[HostGate, MediaServer, Transport]:
    """Return how a server is asked: within which limits, for which addresses, over which connections."""
    from pipelines.image_index.fetching.transport import Transport, host_of, split_credentials

    address, credentials = split_credentials(options.images.rstrip("/"))
    host = host_of(address)
    gate = HostGate(host, limits)
    transport = Transport(
        gate,
        [host, *(host_of(name if "://" in name else f"http://{name}") for name in options.redirect_host)],
        user_agent=user_agent(host, options.contact),
        max_bytes=options.max_bytes,
        max_seconds=max_seconds,
        private_addresses=options.private_addresses,
        credentials=credentials,
    )
    return gate, MediaServer(address, wiki, options.width, shared_only), transport


class _SetRun:
    """One run of the stage over a ready set of images: read once, its images go to the archives of their parts."""

    def __init__(self, stage: Fetch, progress: Progress) -> None:
        self._stage = stage
        self._progress = progress
        self._set = open_image_set(stage.options.images)
        self._bits = stage.plan.part_bits

    def read(self, numbers: Sequence[int]) -> None:
        """Read the set for some parts, and record them.

        Raises:
            FetchError: the set cannot be read; what was had is kept.
        """
        layout, plan, given = self._stage.layout, self._stage.plan, self._stage.given
        rights = {number: self._stage.rights(number) for number in numbers}
        with ExitStack() as stack:
            archives = {
                number: stack.enter_context(DownloadArchive(layout.archive(number))) for number in numbers
            }
            had = {
                image
                for archive in archives.values()
                for image, kept in archive.outcomes.items()
                if not kept.error
            }
            open_images = {
                image
                for number in numbers
                for image, _ in read_planned(layout, number)
                if image not in had and image not in rights[number].refused
            }
            for number in numbers:
                open_images -= given.images(number).keys()
            shared_only, wiki = self._stage.shared_only, self._stage.wiki
            broken: dict[int, Kept] = {}

            def wanted(image: int, url: str) -> bool:
                return image in open_images and not (shared_only and repository_of(url, wiki) == "wiki")

            with ThreadPoolExecutor(self._stage.engine.workers, thread_name_prefix="set") as executor:
                found = self._set.images(wanted, lambda _: None)
                while some := list(itertools.islice(found, 256)):
                    for one, outcome in zip(some, executor.map(self._check, some), strict=True):
                        if outcome.error:
                            broken[one.image] = Kept.of(outcome)
                        elif one.image in open_images:
                            open_images.remove(one.image)  # a set may have an image twice
                            archives[part_number(one.image, self._bits)].add(one.image, outcome)
                            self._progress.advance(size=len(outcome.content))
            for number, archive in archives.items():
                archive.sync()
                known = _known_rows(layout, number, archive.outcomes)
                rows, asked = _split(
                    read_planned(layout, number),
                    known,
                    rights[number],
                    given,
                    number,
                    retry_failed=self._stage.options.retry_failed,
                )
                lacking = Kept("", NOT_IN_SET, 0, 0, "", "", 0)
                for image, file in asked.items():
                    rows[image] = _record(image, file, broken.get(image, lacking))
                failures = Counter(rows[image]["error"] for image in asked)
                self._progress.advance(len(asked), failures=failures)
                if archive.outcomes:
                    write_archive_index(layout, number, archive.outcomes)
                part = write_records(layout, number, list(rows.values()), wiki, given.checksum(number))
                _step(layout, plan, number).finish(part)
        for number in numbers:
            if not layout.archive_index(number).exists():
                layout.archive(number).unlink(missing_ok=True)

    def _check(self, one: SetImage) -> Outcome:
        if len(one.content) > self._stage.options.max_bytes:
            return Outcome(one.url, "too many bytes")
        return check_content(one.content, one.url)


class _ServerRun:
    """One run of the stage against a server, over its connections."""

    def __init__(self, stage: Fetch, progress: Progress) -> None:
        options = stage.options
        self._stage = stage
        self._progress = progress
        self._limits = stage.limits or Limits(options.connections, options.megabits_per_second)
        self._gate, self._server, self._transport = _open_server(
            options, stage.wiki, self._limits, stage.shared_only, max_seconds=stage.max_seconds
        )
        self._executor = ThreadPoolExecutor(self._limits.connections, thread_name_prefix="fetch")
        self._waiting: dict[Future[Outcome], int] = {}
        self.failures = _SameFailures(self._gate)

    def __enter__(self) -> _ServerRun:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._gate.stop("stopped")
        self._executor.shutdown(wait=True, cancel_futures=True)
        self._transport.close()

    def fetch(self, number: int) -> None:
        """Ask for the files of a part, and record them.

        Raises:
            Stopped: nothing more may be asked of the server; what was had is kept.
        """
        layout, plan = self._stage.layout, self._stage.plan
        planned = read_planned(layout, number)
        path = layout.archive(number)
        if path.exists():
            compact(path, {image for image, _ in planned})
        with DownloadArchive(path) as archive:
            known = _known_rows(layout, number, archive.outcomes)
            given = self._stage.given
            rows, asked = _split(
                planned,
                known,
                self._stage.rights(number),
                given,
                number,
                retry_failed=self._stage.options.retry_failed,
            )
            self._progress.advance(len(rows))
            had = (kept.url for kept in archive.outcomes.values() if not kept.error)
            self._gate.known_good = self._gate.known_good or next(had, None)
            self.failures.expected = {image: known[image]["error"] for image in asked if image in known}
            self._ask(asked, archive)
            archive.sync()
            rows.update((image, _record(image, asked[image], archive.outcomes[image])) for image in asked)
        if archive.outcomes:
            write_archive_index(layout, number, archive.outcomes)
        else:
            path.unlink(missing_ok=True)
        part = write_records(layout, number, list(rows.values()), self._stage.wiki, given.checksum(number))
        _step(layout, plan, number).finish(part)

    def _ask(self, asked: Mapping[int, str], archive: DownloadArchive) -> None:
        try:
            for image, file in asked.items():
                if len(self._waiting) >= 2 * self._limits.connections:
                    self._collect(archive)
                future = self._executor.submit(download_image, file, self._server, self._transport)
                self._waiting[future] = image
            while self._waiting:
                self._collect(archive)
            self.failures.keep(archive)
        except BaseException:
            self._gate.stop("stopped")
            self._keep_what_was_had(archive)
            raise

    def _collect(self, archive: DownloadArchive) -> None:
        """Wait until a download is finished, and keep every one that is."""
        while not (finished := wait(self._waiting, 1.0, FIRST_COMPLETED).done):
            self._progress.show(self._progress.done, detail=self._gate.waiting())
        for future in finished:
            outcome = future.result()
            self.failures.add(self._waiting.pop(future), outcome, archive)
            failed = {outcome.error: 1} if outcome.error else None
            self._progress.advance(size=len(outcome.content), failures=failed)

    def _keep_what_was_had(self, archive: DownloadArchive) -> None:
        for future in self._waiting:
            future.cancel()
        wait(self._waiting)
        for future, image in self._waiting.items():
            if not future.cancelled() and future.exception() is None and not future.result().error:
                archive.add(image, future.result())


def ask_server(files: Sequence[str], options: FetchOptions, wiki: str) -> tuple[list[Outcome], list[float]]:
    """Ask a server for some files, one after the other, and keep nothing; return what came and the seconds it took.

    Args:
        wiki: folder of the wiki's own files on the server.

    Raises:
        FetchError: the address is none, or the server wants a contact.
        Stopped: nothing more may be asked of the server.
    """
    limits = Limits(options.connections, options.megabits_per_second)
    _, server, transport = _open_server(
        options, wiki, limits, options.repository == "commons", max_seconds=_MOST_SECONDS
    )
    outcomes, seconds = [], []
    try:
        for file in files:
            began = time.monotonic()
            outcomes.append(download_image(file, server, transport))
            seconds.append(time.monotonic() - began)
    finally:
        transport.close()
    return outcomes, seconds


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
        suspicious = bool(outcome.error) and self.expected.get(image) != outcome.error
        if not suspicious or outcome.error != self._error:
            self.keep(archive)
            self._in_a_row = 0
        self._error = outcome.error
        self._pending.append((image, outcome))
        if not suspicious:
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


def user_agent(host: str, contact: str) -> str:
    """Return the User-Agent; the public server's policy asks for a contact in it.

    https://foundation.wikimedia.org/wiki/Policy:Wikimedia_Foundation_User-Agent_Policy
    """
    if contact and not (contact.isascii() and _CONTACT.fullmatch(contact)):
        raise FetchError(
            f"--contact {contact!r}: give a mail address or a URL, in ASCII, under which you can be reached"
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
