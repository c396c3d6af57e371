"""The image corpus of a refreshed snapshot: what the older one has of the same images is not had again."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

from rich.console import Console

from kc_schema.image_manifest import MANIFEST, read_image_manifest
from kc_schema.snapshot import SnapshotError, open_snapshot
from kc_schema.store import ObjectPath, link_or_copy
from pipelines.engine import Engine
from pipelines.image_index.encoding.options import EncodeOptions
from pipelines.image_index.fetching.fetch import FetchOptions
from pipelines.image_index.layout import Layout
from pipelines.image_index.licences.stage import LicenceOptions
from pipelines.image_index.stages import STAGES, build_image_corpus
from pipelines.image_index.vector_index.build import IndexOptions
from pipelines.snapshots.sharing import share_files

__all__ = ["refresh_images", "repository_of_images", "seed_images", "source_of"]

_SEEDED = (
    "records",
    "embeddings",
    "licences",
    "downloads",
    ".work/records",
    ".work/embeddings",
    ".work/encoder.json",
    ".work/ready.json",
)
"""What later builds take over: an image's id is its name's, so that it is the same in every snapshot."""
_SEEDING = ".seeding"
_COPIED_AT_ONCE = 16


def source_of(snapshot: Path) -> str | None:
    """Return where the images of a snapshot came from; None where it has no image corpus."""
    try:
        return read_image_manifest(snapshot).source.images
    except (SnapshotError, AttributeError):
        return None


def repository_of_images(snapshot: Path | None) -> Literal["commons", "all"]:
    """Return which repositories were asked for the images of a snapshot; the shared one where there are none."""
    try:
        if snapshot is not None and read_image_manifest(snapshot).source.repository == "all":
            return "all"
    except (SnapshotError, AttributeError):
        pass
    return "commons"


def _licences_of(snapshot: Path | None) -> tuple[tuple[str, ...] | None, bool]:
    """Return under which licences the images of a snapshot were kept, and whether their licences are known."""
    try:
        if snapshot is not None:
            manifest = read_image_manifest(snapshot)
            return manifest.source.licences, bool(manifest.tables.get("licences"))
    except SnapshotError:
        pass
    return None, False


def refresh_images(
    snapshot: Path,
    older: Path | None,
    *,
    fetching: FetchOptions,
    encoding: EncodeOptions,
    engine: Engine,
    console: Console,
) -> None:
    """Build the image corpus of a snapshot; only images that the older one lacks are fetched and encoded.

    Raises:
        UserError: images cannot be had or encoded; what was had is kept.
    """
    if older is not None:
        seed_images(older, snapshot)
    licences, known = _licences_of(older)
    encoding.check_weights()
    build_image_corpus(
        open_snapshot(snapshot),
        stages=("licences", *STAGES) if known else STAGES,
        licensing=LicenceOptions(licences=licences),
        fetching=fetching,
        encoding=encoding,
        indexing=IndexOptions(),
        engine=engine,
        console=console,
    )
    if older is not None:
        share_files(Layout(older).images, Layout(snapshot).images)


def _seed_objects(source: ObjectPath, target: ObjectPath) -> None:
    """Let the server copy what the older snapshot has; a marker says that not all of it is there yet."""
    marker = target / _SEEDING
    if target.exists() and not marker.exists():
        return
    marker.write_text("")
    found = [path for name in _SEEDED for path in ObjectPath(f"{source}/{name}").file_sizes()]
    with ThreadPoolExecutor(_COPIED_AT_ONCE) as threads:
        for _ in threads.map(lambda path: link_or_copy(path, target / path.relative_to(source)), found):
            pass
    marker.unlink()


def seed_images(older: Path, snapshot: Path) -> None:
    """Copy what the older snapshot has of images into one that has none yet.

    Copies, not links: builds append to the archives of downloads. In object storage the server copies.
    """
    source, target = Layout(older).images, Layout(snapshot).images
    if not (source / MANIFEST).is_file():
        return
    if isinstance(source, ObjectPath) and isinstance(target, ObjectPath):
        _seed_objects(source, target)
        return
    if target.exists():
        return
    temporary = target.with_name(f".{target.name}.seed")
    shutil.rmtree(temporary, ignore_errors=True)
    for name in _SEEDED:
        if (source / name).is_dir():
            shutil.copytree(source / name, temporary / name)
        elif (source / name).is_file():
            (temporary / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / name, temporary / name)
    temporary.replace(target)
