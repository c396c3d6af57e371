"""Files compared with the records that list them: of indices, image corpora, retrieval caches and runs.

Every finished thing has a JSON record, written last, that lists its files with sizes and checksums. Opening one
looks at sizes only, as reading every byte of a large index takes minutes; here every byte is read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from kc_schema.entity_tables import ENTITY_MANIFEST
from kc_schema.image_manifest import IMAGES, MANIFEST, read_image_manifest
from kc_schema.retrieval_cache import CacheError, open_cache
from kc_schema.snapshot import SnapshotError
from kc_schema.store import Part, checksum, parts_listed, read_json

__all__ = [
    "Damage",
    "again",
    "compare",
    "damage_in_cache",
    "damage_in_run",
    "damage_in_snapshot",
    "differing",
    "is_cache",
    "is_run",
]

_TEXT_INDEX = Path("text_index", "index.json")
_VECTOR_INDEX = "index.json"
_STEP = "step.json"


@dataclass(frozen=True, slots=True)
class Damage:
    """A file that is not what its record says."""

    problem: str
    place: str
    remedy: str
    """What makes the file anew."""


def compare(path: Path, part: Part) -> tuple[str, str] | None:
    """Return the problem of a file and its place, or None where it is the file that was listed."""
    if not path.is_file():
        return "missing file", str(path)
    if (size := path.stat().st_size) != part.bytes:
        return "size differs from the manifest", f"{path}: {size}, listed {part.bytes}"
    if checksum(path) != part.sha256:
        return "checksum differs from the manifest", str(path)
    return None


def damage_in_snapshot(kc: Path, checked: Counter[str]) -> Iterator[Damage]:
    """Yield what differs in the text index, the entities and the image corpus of a snapshot, where it has them.

    Args:
        kc: the snapshot's folder.
        checked: files that were read are added here, by what they belong to.
    """
    record = kc / _TEXT_INDEX
    if record.is_file():
        remedy = f"remove {record.parent}, then python -m pipelines.index_text --kc {kc}"
        yield from differing(record, remedy, checked, "files of the text index")
    if (kc / ENTITY_MANIFEST).is_file():
        remedy = f"python -m pipelines.build_entities --kc {kc} --overwrite"
        yield from differing(kc / ENTITY_MANIFEST, remedy, checked, "files of the entities")
    if (kc / IMAGES / MANIFEST).is_file():
        yield from _damage_in_images(kc, checked)


def _damage_in_images(kc: Path, checked: Counter[str]) -> Iterator[Damage]:
    images = kc / IMAGES
    remedy = f"remove the file, then python -m pipelines.build_image_kc --kc {kc}"
    try:
        manifest = read_image_manifest(kc)
    except SnapshotError as error:
        yield Damage("manifest cannot be read", str(error), remedy)
        return
    yield from differing(images / MANIFEST, remedy, checked, "files of the image corpus")
    if manifest.index is None:
        return
    try:
        index = read_json(images / _VECTOR_INDEX, _VectorIndex)
    except (OSError, ValueError) as error:
        yield Damage("record cannot be read", f"{images / _VECTOR_INDEX}: {error}", remedy)
        return
    checked["files of the image corpus"] += 1
    listed = Part("index.faiss", index.vectors, index.bytes, index.sha256)
    if (found := compare(images / listed.file, listed)) is not None:
        yield Damage(*found, remedy)
    if (index.vectors, index.factory) != (manifest.index.vectors, manifest.index.factory):
        yield Damage("record and manifest differ", str(images / _VECTOR_INDEX), remedy)


@dataclass(frozen=True, slots=True)
class _VectorIndex:
    factory: str
    vectors: int
    bytes: int
    sha256: str


def is_cache(folder: Path) -> bool:
    """Tell whether a folder holds a retrieval cache rather than a snapshot."""
    return (folder / "examples").is_dir() and not (folder / "paragraphs").is_dir()


def damage_in_cache(folder: Path, checked: Counter[str]) -> Iterator[Damage]:
    """Yield what differs in a retrieval cache.

    Raises:
        CacheError: the cache cannot be opened at all.
    """
    cache = open_cache(folder)
    checked["files of the cache"] += len(cache.manifest["files"])
    try:
        cache.verify()
    except CacheError as error:
        yield Damage("files differ from the manifest", str(error), "build the cache again with --overwrite")


def is_run(folder: Path) -> bool:
    """Tell whether a folder holds a run of the training."""
    return (folder / "config.json").is_file() and (folder / "experts").is_dir()


def damage_in_run(folder: Path, checked: Counter[str]) -> Iterator[Damage]:
    """Yield what differs in the finished steps of a run: experts, distributions, mixtures, results, report."""
    for record in sorted(folder.rglob(_STEP)):
        yield from differing(record, again(record.parent), checked, "files of the run")


def again(step: Path) -> str:
    """Return what makes a step of a run anew."""
    return f"remove {step}, then python -m training.run with the run's configuration"


def differing(
    record: Path, remedy: str, checked: Counter[str] | None = None, what: str = "files"
) -> Iterator[Damage]:
    """Yield the files that differ from the record that lists them, whose paths begin at its folder."""
    checked = Counter() if checked is None else checked
    parts: Sequence[Part] = ()
    try:
        parts = parts_listed(record)
    except (OSError, ValueError) as error:
        yield Damage("record cannot be read", f"{record}: {error}", remedy)
    for part in parts:
        checked[what] += 1
        if (found := compare(record.parent / part.file, part)) is not None:
            yield Damage(*found, remedy)
