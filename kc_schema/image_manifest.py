"""The manifest of an image corpus: what ``kc/images`` holds and where it comes from.

It is written at the end of every stage and holds what is finished and current then; it holds no time stamps.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from kc_schema.files import write_atomically
from kc_schema.snapshot import Part, SnapshotError, as_json, parse_manifest

__all__ = ["IMAGES", "ImageManifest", "read_image_manifest", "write_image_manifest"]

FORMAT = 1
IMAGES = "images"
"""Folder of the image corpus inside a snapshot."""
MANIFEST = "manifest.json"


@dataclass(slots=True)
class ImageManifest:
    """What an image corpus holds, as far as its stages have come."""

    snapshot: str
    """Fingerprint of the snapshot whose image links were read."""
    source: dict[str, Any]
    """Where images are fetched from: ``images``, ``wiki``, ``width``, ``types``."""
    part_bits: int
    """Every table has ``2 ** part_bits`` parts, cut by the image's id."""
    tables: dict[str, list[Part]]
    """Parts of the finished tables; a stage that was not run yet has none here."""
    encoder: dict[str, Any] = field(default_factory=dict)
    """``name``, ``weights_sha256``, ``dimension``; empty before the images are encoded."""
    index: dict[str, Any] = field(default_factory=dict)
    """Kind and number of vectors of ``index.faiss``; empty before it is built."""
    counts: dict[str, int] = field(default_factory=dict)
    drops: dict[str, dict[str, int]] = field(default_factory=dict)
    """What was left out: by what it is (links, images, ...), then by reason."""
    versions: dict[str, str] = field(default_factory=dict)
    format: int = FORMAT

    def rows(self, table: str) -> int:
        """Gives the number of rows of `table` over all of its parts."""
        return sum(part.rows for part in self.tables.get(table, []))

    def to_json(self) -> str:
        """Gives the manifest as indented JSON, keys sorted."""
        return as_json(asdict(self))

    @staticmethod
    def from_json(text: str, *, source: str) -> ImageManifest:
        """Reads what `to_json` wrote; `source` names the file in errors.

        Raises:
            SnapshotError: not JSON, not such a manifest, or of another format version.
        """
        return parse_manifest(ImageManifest, text, FORMAT, source=source, mend="build the images again")


def write_image_manifest(kc: Path, manifest: ImageManifest) -> None:
    """Writes the manifest of the image corpus in the snapshot `kc`. Atomic and durable."""
    write_atomically(
        kc / IMAGES / MANIFEST, lambda path: path.write_text(manifest.to_json(), encoding="utf-8")
    )


def read_image_manifest(kc: Path) -> ImageManifest:
    """Reads the manifest of the image corpus in the snapshot `kc`.

    Raises:
        SnapshotError: there is none, or it cannot be read.
    """
    path = kc / IMAGES / MANIFEST
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise SnapshotError(
            f"{kc}: no image corpus; build one with: python -m pipelines.build_image_kc --kc {kc}"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise SnapshotError(f"{path}: cannot be read: {error}") from error
    return ImageManifest.from_json(text, source=str(path))
