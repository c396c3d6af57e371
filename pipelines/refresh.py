"""Brings a corpus up to date: the newest dump becomes a snapshot, which takes the place of the current one at the end.

    python -m pipelines.refresh --root corpora/enwiki --wiki enwiki --contact you@example.org

Download, build, guard, index, switch, tidy: docs/refresh.md says what each step does, and the exit statuses. What
was stopped, by whatever, goes on with the same command; until the last step the old corpus answers.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from rich.console import Console

from kc_schema.command import Command, Count, Positive, given_options, options, print_error
from kc_schema.entity_tables import ENTITY_MANIFEST
from kc_schema.errors import UsageError, UserError
from kc_schema.snapshot import Manifest, read_manifest
from kc_schema.store import (
    LeaseLostError,
    ObjectPath,
    ObjectStorageError,
    Place,
    PlaceBusyError,
    as_path,
    explain_file_errors,
    remove,
    write_json,
)
from pipelines.build_text_kc import build_text_corpus, describe
from pipelines.dump.download import (
    PUBLIC_SERVER,
    Download,
    DownloadError,
    DumpRun,
    DumpServer,
    download_run,
    wait_for_run,
)
from pipelines.dump.parts import dump_name, find_parts
from pipelines.engine import Engine, default_workers
from pipelines.entities.build import build_entities, files_with_types
from pipelines.index_text import index_snapshot
from pipelines.snapshots.root import GuardError, Root, find_losses, parse_share
from pipelines.snapshots.sharing import can_share, share_files, share_tables
from pipelines.snapshots.watching import RefreshRun, Watch, notify, read_last_run, write_metrics
from pipelines.text_corpus.build import Build, code_fingerprint, library_versions, rules_in_force
from pipelines.text_corpus.output import find_finished, open_place
from pipelines.text_corpus.reuse import count_reused, reusable_options, why_not_reusable
from pipelines.text_index.options import ClusterOptions, TextIndexOptions

EXAMPLES = """\
python -m pipelines.refresh --root corpora/enwiki --wiki enwiki --contact you@example.org
python -m pipelines.refresh --root corpora/enwiki --wiki enwiki --contact you@example.org --dry-run
python -m pipelines.refresh --root corpora/enwiki --dump dumps/enwiki-20260101 --keep 3"""

STATUS_GUARD = 3
STATUS_LATER = 75
"""Exit statuses beside 0, 1 and 2: the new snapshot lost too much; nothing can be done now, try again later."""


@options
@dataclass(frozen=True, kw_only=True)
class RefreshOptions:
    """Options of ``pipelines.refresh``, the frequent ones first."""

    root: Path
    """The folder of the snapshots, here or in object storage; ROOT/current is what every --kc takes."""
    wiki: str | None = None
    """Name of the wiki's database, such as enwiki: its newest complete dump is fetched."""
    dump: str | None = None
    """Files of a dump that is at hand, in place of a download: a file, a folder or a glob in quotes."""
    contact: str = ""
    """Mail address or URL to be reached under; the public server asks for it."""
    base: str = PUBLIC_SERVER
    """Address of the server of dumps, or of a mirror with its layout."""
    wait: bool = False
    """Wait until the newest run is complete; else an incomplete one is passed over."""
    keep: Positive = 2
    """Snapshots that stay, the current one among them."""
    most_loss: str = "5%"
    """A dump whose articles, sentences, anchors or image links fall by more is refused."""
    full: bool = False
    """Extract all pages, also those that have not changed."""
    dry_run: bool = False
    """Say what would be done, and do nothing."""
    workers: Positive | None = None
    """Worker processes (default: one a core of this machine)."""
    metrics_file: Path | None = None
    """File for Prometheus' text collector."""
    notify_command: str | None = None
    """Command of the shell that is run at the end; see KC_STATUS, KC_MESSAGE, KC_SNAPSHOT, KC_DUMP."""
    page_props: str | None = None
    """The wiki's table of page properties: a file, or auto, which fetches it (default: as the current snapshot)."""
    skip_disambiguation: bool = False
    """Leave out pages that only tell articles of one name apart."""
    pronunciations: bool = False
    """Keep how an article's subject is pronounced."""
    images: str | None = None
    """Media server's address or a folder of images: an image corpus is made (default: as the current one's)."""
    entities: bool = False
    """Make the entities and their names, too (default: where the current snapshot has them)."""
    encoder: str | None = None
    """Encoder of the images, as build_image_kc takes it."""
    encoder_cache: Path | None = None
    """Folder of downloaded weights."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 or mps."""
    without_rule: tuple[str, ...] = ()
    """Keep what a rule leaves out: no_words, coordinates, citation_rest, one_word, short_item, numbered_line,
    bold_heading, formula, or all; repeatable."""
    text_index: Literal["tantivy", "elasticsearch", "none"] | None = None
    """Where sentences are indexed (default: tantivy, in the snapshot; elasticsearch where an address is given)."""
    with_apparatus: bool = False
    """Index sections of references, notes and links, too; they are left out otherwise."""
    shards: Positive | None = None
    """Primary shards in the cluster (one for every 50M sentences)."""
    replicas: Count | None = None
    """Copies of the loaded indices (1 where the cluster has another node for it)."""
    cluster: ClusterOptions = field(default_factory=ClusterOptions)

    @property
    def index(self) -> TextIndexOptions:
        """Which index is made; a cluster keeps as many snapshots as the root."""
        options = TextIndexOptions(
            text_index=self.text_index,
            with_apparatus=self.with_apparatus,
            shards=self.shards,
            replicas=self.replicas,
            cluster=self.cluster,
        )
        return replace(options, keep=self.keep - 1) if options.kind == "elasticsearch" else options


def run(given: RefreshOptions, beam_arguments: Sequence[str]) -> int:
    """Refresh the root; tell the metrics' file and the user's command how it ended."""
    console = Console(stderr=True)
    if (given.wiki is None) == (given.dump is None):
        raise UsageError("give --wiki NAME to fetch the newest dump, or --dump FILES for one that is at hand")
    most_loss = _share(given.most_loss)
    root = Root(given.root.absolute())
    if given.dry_run:
        _describe_plan(given, root, console)
        return 0
    last = read_last_run(root.folder / "refresh.json")
    this = RefreshRun(last_success=last.last_success, counts=last.counts, dump_date=last.dump_date)
    try:
        with root.place as place, explain_file_errors(root.folder):
            watch = Watch(root.folder / "refresh.log", console, this)
            with Engine(given.workers or default_workers(), beam_arguments) as engine:
                given.index.check(watch.say)
                message = refresh(given, root, place, most_loss, engine, watch)
            watch.say(message)
    except UserError as error:
        message = str(error)
        this.status = _status_of(error)
        print_error(message)
        if not isinstance(error, (PlaceBusyError, LeaseLostError)):
            _end(given, root, this, f"error: {message}", console)
        return this.status
    this.last_success = time.time()
    _end(given, root, this, message, console)
    return 0


def refresh(
    given: RefreshOptions, root: Root, place: Place, most_loss: float, engine: Engine, watch: Watch
) -> str:
    """Do the steps that are not done; return the line that says what is current now.

    Args:
        place: the root's, entered.

    Raises:
        UserError: a step failed; the current snapshot is untouched.
    """
    current = root.current()
    given = _as_before(given, current)
    with watch.step("download"):
        dump = _fetch(given, root, current, watch)
    if dump is None:
        assert current is not None
        _note_current(watch.run, current, read_manifest(current))
        return f"{root.link}: is up to date ({watch.run.dump})"
    build = _plan(given, root, dump, current, watch)
    manifest = _build(dump, build, engine, watch)
    older = current if current != build.output else None
    if older is not None:
        _guard(read_manifest(older), manifest, most_loss, build.output)
        if can_share(build.output):
            size, shared = share_tables(older, build.output)
            share_files(older / "refresh", build.output / "refresh")
            watch.say(
                f"{build.output.name}: {shared / 1e6:,.1f} of {size / 1e6:,.1f} MB are files of {older.name}"
            )
    _add_images(given, build, current, engine, watch)
    if given.entities or (current is not None and (current / ENTITY_MANIFEST).is_file()):
        with watch.step("entities"):
            build_entities(
                build.output, engine=engine, console=watch.console, types=files_with_types(current)
            )
    with watch.step("index"):
        index_snapshot(
            build.output, given.index, engine=engine, console=watch.console, older=older, tell=watch.say
        )
        if older is not None:
            share_files(older / "text_index", build.output / "text_index")
    with watch.step("switch"):
        place.check_held()
        root.switch(build.output)
    with watch.step("tidy"):
        for path in [*root.tidy(given.keep), *_tidy_dumps(root, dump)]:
            watch.say(f"removed {path}")
    _note_current(watch.run, build.output, manifest)
    return f"{root.link}: is {build.output.name} now"


def _as_before(given: RefreshOptions, current: Path | None) -> RefreshOptions:
    """Return the options with page properties where the current snapshot has them."""
    if given.page_props is not None or current is None:
        return given
    had = "page_props" in read_manifest(current).options
    return replace(given, page_props="auto") if had else given


def _what(given: RefreshOptions) -> tuple[str, ...]:
    """Return what of a run is fetched."""
    return ("articles", "page_props") if given.page_props == "auto" else ("articles",)


def _fetch(given: RefreshOptions, root: Root, current: Path | None, watch: Watch) -> str | None:
    """Return the folder of the dump; None where the current snapshot is of the newest dump already."""
    if given.dump is not None:
        return given.dump
    assert given.wiki is not None
    server = DumpServer(given.base, contact=given.contact)
    found = wait_for_run(server, given.wiki, what=_what(given), wait=given.wait, console=watch.console).run
    if current is not None and not given.full and _is_current(found, given, read_manifest(current)):
        return None
    watch.say(f"{found.name}: {len(found.files)} files, {found.bytes / 1e6:,.1f} MB")
    return str(download_run(found, server, root.folder / "dumps", console=watch.console))


def _is_current(found: DumpRun, given: RefreshOptions, manifest: Manifest) -> bool:
    """Tell whether a snapshot is what a build of a run would give."""
    options = Build(
        Path(),
        site=None,  # type: ignore[arg-type]
        dump_fingerprint="",
        code_fingerprint="",
        rules=rules_in_force(given.without_rule),
        skip_disambiguation=given.skip_disambiguation,
        pronunciations=given.pronunciations,
        page_props=Path() if given.page_props is not None else None,
    ).options()
    return (
        manifest.dump["name"] == found.name
        and reusable_options(manifest.options) == reusable_options(options)
        and manifest.versions == {"code": code_fingerprint(), **library_versions()}
    )


def _plan(given: RefreshOptions, root: Root, dump: str, current: Path | None, watch: Watch) -> Build:
    """Return the build of the dump, and say what it takes from the current snapshot."""
    make = {
        "rules": rules_in_force(given.without_rule),
        "skip_disambiguation": given.skip_disambiguation,
        "pronunciations": given.pronunciations,
        "page_props": given.page_props,
        "keep": True,
    }
    _, build = describe(dump, root.snapshots / "x", **make)  # type: ignore[arg-type]
    output = root.snapshots / f"{dump_name(find_parts(dump))}-{build.fingerprint()[:8]}"
    reason = "there is no snapshot yet"
    if given.full:
        reason = "--full asks for it"
    elif current is not None:
        found = why_not_reusable(current, build)
        if found is None and current != output:
            watch.say(f"rows of unchanged pages come from {current.name}")
            return describe(dump, output, older=current, **make)[1]  # type: ignore[arg-type]
        reason = found or ""
    if current != output:
        watch.say(f"a full build: {reason}")
    return describe(dump, output, **make)[1]  # type: ignore[arg-type]


def _build(dump: str, build: Build, engine: Engine, watch: Watch) -> Manifest:
    with watch.step("build"), open_place(build) as place, engine.writing(place.folder, watch.say):
        manifest = find_finished(place, build, watch.console, overwrite=False)
        if manifest is None:
            manifest = build_text_corpus(find_parts(dump), build, place, engine, watch.console)
    reused = count_reused(build.output)
    pages = manifest.counts.get("articles", 0)
    watch.run.pages = {"dump": pages - reused, "older snapshot": reused}
    watch.say(f"{build.output.name}: {pages:,} articles, {reused:,} of them unchanged")
    return manifest


def _guard(before: Manifest, after: Manifest, most_loss: float, output: Path) -> None:
    losses = [loss for loss in find_losses(before, after) if loss.share > most_loss]
    if losses:
        raise GuardError(
            f"{output.name}: {'; '.join(map(str, losses))}: more than --most-loss {100 * most_loss:g}%; the current"
            " snapshot stays. Look at the dump; to take it all the same, run this again with a larger --most-loss"
        )


_FOR_IMAGES = ("--encoder", "--encoder-cache", "--device")


def _add_images(
    given: RefreshOptions, build: Build, current: Path | None, engine: Engine, watch: Watch
) -> None:
    """Build the image corpus, where one is asked for or the current snapshot has one."""
    if given.images is None and (current is None or not (current / "images").is_dir()):
        unused = [option for option in given_options(given) if option in _FOR_IMAGES]
        if unused:
            watch.say(
                f"note: {' and '.join(unused)}: the current snapshot has no images, so that is of no use; --images"
                " makes them"
            )
        return
    from pipelines.image_index.encoding.options import EncodeOptions
    from pipelines.image_index.fetching.fetch import FetchOptions
    from pipelines.snapshots.images import refresh_images, repository_of_images, source_of

    source = given.images or (source_of(current) if current is not None else None)
    if source is None:
        return
    encoding = EncodeOptions(encoder_cache=given.encoder_cache, device=given.device)
    if given.encoder is not None:
        encoding = replace(encoding, encoder=given.encoder)
    with watch.step("images"):
        refresh_images(
            build.output,
            current if current != build.output else None,
            fetching=FetchOptions(
                images=source, contact=given.contact, repository=repository_of_images(current)
            ),
            encoding=encoding,
            engine=engine,
            console=watch.console,
        )


def _tidy_dumps(root: Root, dump: str) -> list[Path]:
    """Remove the dumps that were fetched for snapshots before; return them."""
    dumps = root.folder / "dumps"
    kept = as_path(dump)
    if kept.parent != dumps:
        return []
    old = sorted(path for path in dumps.iterdir() if path.is_dir() and path != kept)
    for path in old:
        remove(path)
    return old


def _note_current(this: RefreshRun, snapshot: Path, manifest: Manifest) -> None:
    this.snapshot = str(snapshot)
    this.dump = manifest.dump["name"]
    this.dump_date = manifest.dump["date"] or ""
    this.counts = manifest.counts


def _end(given: RefreshOptions, root: Root, this: RefreshRun, message: str, console: Console) -> None:
    """Keep what the run did for the next one, and tell whoever wants to know."""
    this.ended = time.time()
    try:
        write_json(root.folder / "refresh.json", this)
        if this.status:
            Watch(root.folder / "refresh.log", console, this).note(message)
        if given.metrics_file is not None:
            write_metrics(given.metrics_file, this)
    except OSError as error:  # the run is over: how it ended must not hide behind this
        reason = str(error) if isinstance(error, ObjectStorageError) else os.strerror(error.errno or 0)
        console.print(f"note: {error.filename}: {reason}", highlight=False)
    if given.notify_command is not None:
        notify(given.notify_command, this, message, console)


def _status_of(error: Exception) -> int:
    if isinstance(error, GuardError):
        return STATUS_GUARD
    if isinstance(error, (DownloadError, PlaceBusyError, LeaseLostError)):
        return STATUS_LATER
    if isinstance(error, ObjectStorageError) and error.errno == errno.EIO:  # it does not answer now
        return STATUS_LATER
    return 2 if isinstance(error, UsageError) else 1


def _share(text: str) -> float:
    try:
        return parse_share(text)
    except ValueError as error:
        raise UsageError(f"--most-loss {text}: give a share such as 5% or 0.05") from error


def _describe_plan(given: RefreshOptions, root: Root, console: Console) -> None:
    """Say what would be done, with sizes, and with the times that it took last."""
    current = root.current()
    given = _as_before(given, current)
    last = read_last_run(root.folder / "refresh.json")

    def say(step: str, what: str) -> None:
        seconds = last.seconds.get(step)
        took = f" (last time {seconds:,.0f} s)" if seconds is not None else ""
        console.print(f"{step}: {what}{took}", markup=False, highlight=False, soft_wrap=True)

    manifest = read_manifest(current) if current is not None else None
    console.print(
        f"current: {current.name if current is not None else 'none'}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    if given.wiki is not None:
        server = DumpServer(given.base, contact=given.contact)
        found = wait_for_run(server, given.wiki, what=_what(given), console=console).run
        if manifest is not None and not given.full and _is_current(found, given, manifest):
            say("download", f"nothing: the current snapshot is of {found.name}")
            return
        to_come = Download(found, root.folder / "dumps").bytes_to_come()
        say("download", f"{found.name}, {found.bytes / 1e6:,.1f} MB, {to_come / 1e6:,.1f} MB of it to fetch")
    else:
        size = sum(part.size for part in find_parts(str(given.dump)))
        say("download", f"nothing: {given.dump}, {size / 1e6:,.1f} MB, is at hand")
    say("build", _describe_build(given, root, current))
    by_page = given.index.kind != "none" and current is not None
    say("index", f"{given.index.kind}, {'by page where few differ, else' if by_page else 'built'} anew")
    say("switch", f"{root.link} leads to the new snapshot")
    folder_size = sum(part.bytes for parts in manifest.tables.values() for part in parts) if manifest else 0
    if isinstance(root.folder, ObjectPath):
        free = ""
    else:
        free = f", free {shutil.disk_usage(_nearest(root.folder)).free / 1e6:,.1f} MB"
    say("tidy", f"--keep {given.keep} snapshots; tables of the current one {folder_size / 1e6:,.1f} MB{free}")


def _describe_build(given: RefreshOptions, root: Root, current: Path | None) -> str:
    if current is None or given.full:
        return "all pages are extracted"
    if given.dump is not None:
        make = {
            "rules": rules_in_force(given.without_rule),
            "skip_disambiguation": given.skip_disambiguation,
            "pronunciations": given.pronunciations,
            "page_props": given.page_props,
        }
        _, build = describe(given.dump, root.snapshots / "x", keep=True, **make)  # type: ignore[arg-type]
        reason = why_not_reusable(current, build)
        if reason is not None:
            return f"all pages are extracted: {reason}"
    elif read_manifest(current).versions != {"code": code_fingerprint(), **library_versions()}:
        return "all pages are extracted: the extractor or its libraries have changed"
    return f"changed pages are extracted, rows of the others come from {current.name}"


def _nearest(folder: Path) -> Path:
    while not folder.exists():
        folder = folder.parent
    return folder


main = Command(
    module="pipelines.refresh",
    summary="Bring a corpus up to date with the newest dump.",
    options=RefreshOptions,
    run=run,
    examples=EXAMPLES,
    beam=True,
)

if __name__ == "__main__":
    sys.exit(main())
