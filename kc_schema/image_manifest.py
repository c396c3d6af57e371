"""The manifest of an image corpus: what ``kc/images`` holds and where it comes from.

It is written at the end of every stage and holds what is finished and current then; it holds no time stamps.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from kc_schema.snapshot import LostText, SnapshotError
from kc_schema.store import Part, fingerprint, read_json, to_json, write_json

__all__ = [
    "IMAGES",
    "MANIFEST",
    "EncoderDescription",
    "ImageManifest",
    "ImageSource",
    "IndexSummary",
    "read_image_manifest",
    "stated_encoder",
    "write_image_manifest",
]

FORMAT = 1
IMAGES = "images"
"""Folder of the image corpus inside a snapshot."""
MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class ImageSource:
    """Where images are fetched from, and which."""

    images: str
    """Address of a media server, or a folder."""
    wiki: str
    """Folder of the wiki's own files on the server."""
    width: int
    """Pixels of thumbnails."""
    types: tuple[str, ...]
    """Kinds of files."""
    limit: int | None = None
    """At most so many files."""
    repository: str = "all"
    """``commons``: the shared repository alone; ``all``: the wiki's own, too, as versions before did."""
    licences: tuple[str, ...] | None = None
    """Licences of the images that are kept; None for any."""


@dataclass(frozen=True, slots=True)
class EncoderDescription:
    """The encoder that made the embeddings."""

    name: str
    """Its specification, without folders of the machine."""
    weights_sha256: str
    """Checksum over names, types, shapes and values of the weights."""
    fingerprint: str
    """The same for two encoders if and only if their vectors may stand in one index."""
    dimension: int
    """Numbers of a vector."""

    @property
    def is_stated(self) -> bool:
        """Whether it is known by what was said of vectors that were made elsewhere, and was never opened."""
        return self.fingerprint == _fingerprint_of_stated(self.weights_sha256, self.dimension)

    def same_space(self, other: EncoderDescription) -> bool:
        """Tell whether vectors of both may stand in one index.

        What was only stated says nothing of preprocessing, so there the weights decide.
        """
        if self.is_stated or other.is_stated:
            return (self.weights_sha256, self.dimension) == (other.weights_sha256, other.dimension)
        return self.fingerprint == other.fingerprint


def stated_encoder(name: str, weights_sha256: str, dimension: int) -> EncoderDescription:
    """Return an encoder of which no more is known than what was said with its vectors."""
    return EncoderDescription(
        name, weights_sha256, _fingerprint_of_stated(weights_sha256, dimension), dimension
    )


def _fingerprint_of_stated(weights_sha256: str, dimension: int) -> str:
    return fingerprint("stated", weights_sha256, dimension)


@dataclass(frozen=True, slots=True)
class IndexSummary:
    """The index that is served."""

    factory: str
    """Faiss' description of its kind."""
    vectors: int


@dataclass(frozen=True, slots=True)
class ImageManifest:
    """What an image corpus holds, as far as its stages have come."""

    snapshot: str
    """Fingerprint of the snapshot whose image links were read."""
    source: ImageSource
    part_bits: int
    """Every table has ``2 ** part_bits`` parts, cut by the image's id."""
    tables: dict[str, list[Part]]
    """Parts of the finished tables; a stage that was not run yet has none here."""
    encoder: EncoderDescription | None = None
    """None before the images are encoded."""
    index: IndexSummary | None = None
    """None before it is built."""
    counts: dict[str, int] = field(default_factory=dict)
    drops: dict[str, dict[str, int]] = field(default_factory=dict)
    """What was left out: by what it is (links, images, ...), then by reason."""
    lost: dict[str, dict[str, list[LostText]]] = field(default_factory=dict)
    """A few examples of it; of images the records tell which."""
    versions: dict[str, str] = field(default_factory=dict)
    format: int = FORMAT

    def rows(self, table: str) -> int:
        """Return the number of rows of `table` over all of its parts."""
        return sum(part.rows for part in self.tables.get(table, []))

    def to_json(self) -> str:
        """Return the manifest as indented JSON, keys sorted."""
        return to_json(self)


def write_image_manifest(kc: Path, manifest: ImageManifest) -> None:
    """Write the manifest of the image corpus in the snapshot `kc`. Atomic and durable."""
    write_json(kc / IMAGES / MANIFEST, manifest)


def read_image_manifest(kc: Path) -> ImageManifest:
    """Read the manifest of the image corpus in the snapshot `kc`.

    Raises:
        SnapshotError: there is none, or it cannot be read.
    """
    path = kc / IMAGES / MANIFEST
    try:
        manifest = read_json(path, ImageManifest)
    except FileNotFoundError as error:
        raise SnapshotError(
            f"{kc}: no image corpus; build one with: python -m pipelines.build_image_kc --kc {kc}"
        ) from error
    except OSError as error:
        raise SnapshotError(f"{path}: cannot be read: {error}") from error
    except ValueError as error:
        raise SnapshotError(f"{path}: not a manifest ({error}); build the images again") from error
    if manifest.format != FORMAT:
        raise SnapshotError(
            f"{path}: format {manifest.format}, this version reads {FORMAT}; build the images again"
        )
    return manifest
